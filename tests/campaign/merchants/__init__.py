"""Orders at every kind of merchant that can be configured, while bridge, way, merchant, clock and person misbehave.

Worker, tracker, store and connectors are the real ones; the counterparts are what they are in the contract suite, and
each one's own ledger is the judge. The kinds come from the table of kinds: one without a shop here makes a test fail.
"""
