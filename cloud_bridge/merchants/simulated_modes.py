"""What can go wrong with one request to the model merchant, and plans that decide when it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from random import Random
from types import MappingProxyType


class Mode(StrEnum):
    """How one request is treated. `KEY_PRUNED` is met by the passing of time, and not planned."""

    AWAY = "away"  # no connection: nothing is done
    SERVER_ERROR = "server_error"  # it is done, and answered with 500
    RESET = "reset"  # it is done, and the connection is cut
    SILENCE = "silence"  # it is done, and never answered
    GARBAGE = "garbage"  # it is done, and answered with something that cannot be read
    REDIRECT = "redirect"  # nothing is done, and the answer points elsewhere
    REFUSED = "refused"  # a clear no before anything is done
    CACHED_500 = "cached_500"  # nothing is done, and this key is answered with 500 for ever
    PENDING = "pending"  # it is done, and shown as being worked on for a while
    PRICE_UP_CENT = "price_up_cent"
    PRICE_UP_300 = "price_up_300"  # three times as much on top
    CURRENCY_SWAP = "currency_swap"
    QUANTITY_ADJUSTED = "quantity_adjusted"
    LAGGING_LOOK_UP = "lagging_look_up"  # an order younger than the declared lag is not shown
    LYING_LOOK_UP = "lying_look_up"  # another household's order is shown
    KEY_PRUNED = "key_pruned"


Plan = Callable[[str], Mode | None]

LOST_ANSWERS = frozenset({Mode.SERVER_ERROR, Mode.RESET, Mode.SILENCE, Mode.GARBAGE})
_ANY = (Mode.AWAY, Mode.SERVER_ERROR, Mode.RESET, Mode.SILENCE, Mode.GARBAGE, Mode.REDIRECT)
_PRICED = (Mode.PRICE_UP_CENT, Mode.PRICE_UP_300)

# Which modes a request can meet, by its name.
MEETS: Mapping[str, tuple[Mode, ...]] = MappingProxyType(
    {
        "open": (*_ANY, Mode.REFUSED, *_PRICED, Mode.CURRENCY_SWAP, Mode.QUANTITY_ADJUSTED),
        "place": (*_ANY, Mode.REFUSED, Mode.CACHED_500, Mode.PENDING),
        "get": (*_ANY, *_PRICED, Mode.LAGGING_LOOK_UP, Mode.LYING_LOOK_UP),
        "cancel": _ANY,
        "events": _ANY,
    }
)


def nothing_wrong(request: str) -> Mode | None:  # noqa: ARG001  a plan is asked by the request's name
    """The plan of a merchant that keeps to its contract."""
    return None


def seeded_plan(rng: Random, *, share: float) -> Plan:
    """A plan in which a `share` of all requests, drawn from `rng`, meets one of its modes."""

    def plan(request: str) -> Mode | None:
        return rng.choice(MEETS[request]) if rng.random() < share else None

    return plan
