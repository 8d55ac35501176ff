"""The stages of the hub: ingest, review, answer, status. Each calls rules of `core` and ports, and nothing else.

Data goes one way: readings become stock, stock becomes a decision, a decision a prompt, an answer an intent. What the
bridge says of an intent comes back as new messages.
"""
