"""Deterministic simulation of the whole path of an order: one seed, virtual time, no socket and no sleeping.

What is real: the hub's rules of prompts, intents, mandates and draws, its hand-over, the outbox's client, the
comparison with the bridge's head, the trust in its clock, and what follows an order; the wire's models; the bridge's
intake, worker, tracker, rounds and door for webhooks; the model merchant. What stands in: the stores (in memory; the
bridge's is compared with the real one by a test), the network, and, in most worlds, the signature and the writer of
canonical JSON (`stand_in`). The judges are the merchants' true ledgers and the household's own log, never the system's
word.
"""
