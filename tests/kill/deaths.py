"""The requests at which a process may die, wherever on the way of an order they are seen."""

from __future__ import annotations

from dataclasses import dataclass

from tests.kill.home import BRIDGE, HUB, PROMPT
from tests.kill.wiretap import Moment

APPROVE = f"POST /prompts/{PROMPT}/approve"
INTENT = r"POST /v1/intents\?head=[0-9]+"
EVENTS = r"GET /v1/events\?after=[1-9].*"  # the hub knows that the bridge holds the intent
PROFILE = r"GET /\.well-known/ucp"
CREATE = "POST /checkout-sessions"
UPDATE = "PUT /checkout-sessions/[^/]+"
COMPLETE = "POST /checkout-sessions/[^/]+/complete"
LOOK_UP = "GET /checkout-sessions/[^/]+"
FOLLOW = "GET /orders/[^/]+"


@dataclass(frozen=True, slots=True)
class Death:
    """These processes die at that moment of the first request of that kind, wherever it is seen."""

    request: str
    moment: Moment
    victims: tuple[str, ...]


def hub(request: str, moment: Moment) -> Death:
    """The hub dies."""
    return Death(request, moment, (HUB,))


def bridge(request: str, moment: Moment) -> Death:
    """The bridge dies."""
    return Death(request, moment, (BRIDGE,))
