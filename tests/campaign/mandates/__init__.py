"""Races for the budget of a mandate, through the hub's real rules and real store; revocations at every point of a send.

In service the hub is one process with one connection (a second one is refused), and its rules never await inside a
transaction: what can interleave is what lies between them, and `races` and `revoking` make that happen. `rivals` goes
further: processes with a connection each, kept apart by nothing but the transactions, and a judge of their own.
"""
