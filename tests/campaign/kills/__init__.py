"""Kills at every named crash point: a process is forked, lives until the point, and is killed there; the next goes on.

The world (sensors, the person, the merchant's true ledger, time) lives in the parent, which is never killed, so what it
has seen is the oracle. Hub and bridge share the child: a cut of the home's power. Deaths of one of them while the other
goes on are the matter of `tests.campaign.processes`.
"""
