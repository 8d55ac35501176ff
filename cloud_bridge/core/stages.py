"""What a trace of the bridge's own work may tell: a closed list of stages and of figures, all of them whole numbers.

No name, amount, article or id of a household or an order is among them. An order's trace has an id that is made of its
intent's id (`wire.order_trace_id`), so that every replica adds to one trace without asking another.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class Stage(StrEnum):
    """The names of spans: an intent taken, one step of an order, one request that may make an order."""

    ACCEPT = "accept"
    STEP = "step"
    PLACE = "place"


class Told(StrEnum):
    """What a span tells beside its times."""

    EPOCH = "restock.epoch"
    TRIES = "restock.tries"
    ATTEMPT = "restock.attempt"


FIGURES = MappingProxyType(
    {
        Stage.ACCEPT: frozenset[Told](),
        Stage.STEP: frozenset({Told.EPOCH, Told.TRIES}),
        Stage.PLACE: frozenset({Told.ATTEMPT}),
    }
)
"""Which figures each stage may tell: how often an order was claimed and tried, and which attempt at it this is."""
