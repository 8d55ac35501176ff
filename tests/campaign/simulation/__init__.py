"""Deterministic simulation of the whole path of an order: one seed, virtual time, no socket and no sleeping.

What is real: the hub's tables of prompts and intents, `terms.seal`, the outbox's client, the recorder of statuses, the
wire's models, the bridge's door, worker, tracker and rounds, and the model merchant. What stands in: both stores (in
memory; `memory_orders` is compared with the real one by a test), the network, and, in most worlds, the signature
(`stand_in`). The judges are the merchants' true ledgers and the household's own log, never the system's word.
"""
