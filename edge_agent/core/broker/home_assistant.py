"""What the hub and Home Assistant may say and hear of each other at the home's broker.

Both grants name this home's topics only. Home Assistant hears every announcement under its prefix, as it must, and
nothing of `restock/v1/`, where devices speak; of all topics of the hub it writes to one, where answers come in.
"""

from __future__ import annotations

from edge_agent.core.home_assistant.names import Names
from edge_agent.core.leave.grants import Grant


def hub_to_home_assistant(names: Names) -> Grant:
    """The hub's connection to Home Assistant: it says what it announces, and hears what is asked for."""
    return Grant(writes=names.writes, reads=(*names.heard, *names.own))


def home_assistant(names: Names) -> Grant:
    """Home Assistant's own login at a broker that belongs to the hub."""
    return Grant(
        writes=(names.birth, names.command),
        reads=(f"{names.prefix}/#", names.availability, names.hub_state, *names.of_items),
    )
