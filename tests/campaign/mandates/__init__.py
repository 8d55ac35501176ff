"""Races for the budget of a mandate, through the hub's real rules and real store; revocations at every point of a send.

The hub is one process with one connection (a second one is refused), and its rules never await inside a transaction. So
what can interleave is what lies between them, and that is where the other draws are made to happen here.
"""
