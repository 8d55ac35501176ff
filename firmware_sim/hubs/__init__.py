"""`restock-sim hubs`: a thousand households at a cloud bridge from one process, and what became of their orders.

Written from docs/bridge-protocol.md, with nothing of the hub or the bridge: so a run checks that page, too.

The path of one order: `plan` (when, from one seed) -> `hub` (approved, signed, kept) -> `link` (one household's
connection, with its outages) -> bridge -> merchant. What the bridge says of it comes back by events; what the merchant
sold is read from its own books by `ledger`, and `judge` compares the two with what was signed. `keys` are the
households, `words` the documents of the protocol, `run` is where all meet; `result` sums up and `page` draws it.
"""
