"""What to do about an order whose outcome nobody knows: the rules, without any I/O.

- An order that the merchant shows is placed, whatever else happened.
- A session that is still open is asked again with the same key and body, while the key is younger than half its life,
  the offer stands, tries are left, no answer was a refusal and it still costs no more than the household agreed to;
  otherwise it is closed for good.
- A refusal of a replay proves nothing about the first request, so the session is closed and looked up like the rest.
- "Closed" and "missing" prove that there is no order only when twice the merchant's look-up lag has passed, and
  "missing" only when it was seen several times in a row.
- What stays open too long is parked: shown to the household, and still looked up now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Attempt, AttemptOutcome, OrderRecord
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Placed, Standing
from cloud_bridge.core.quote import is_within

ATTEMPTS_MAX = 6
MISSES_MAX = 3
PARK_AFTER = timedelta(hours=72)


class Recovery(StrEnum):
    """The next step for an order in doubt."""

    ACCEPT = "accept"  # take what the merchant shows as the outcome
    REPLAY = "replay"  # the same request again, same key, same body
    CLOSE = "close"  # make sure that no order can come of it any more, then look again
    GIVE_UP = "give_up"  # proven: there is no order and there will be none
    WAIT = "wait"  # look again later


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order in doubt: `attempts` is not empty; `body_sha256` is what a replay would send today."""

    order: OrderRecord
    attempts: Sequence[Attempt]
    body_sha256: str
    capability: Capability
    now: datetime


def next_step(found: Lookup, doubt: Doubt) -> Recovery:
    """The step that follows from what a look-up found."""
    match found:
        case Placed() | NeedsBuyer():
            return Recovery.ACCEPT
        case Open():
            return Recovery.REPLAY if may_replay(found, doubt) else Recovery.CLOSE
        case Standing.BUSY:
            return Recovery.WAIT
        case Standing.CLOSED:
            return Recovery.GIVE_UP if _settled(doubt) else Recovery.WAIT
        case Standing.MISSING:
            sure = _settled(doubt) and doubt.order.misses + 1 >= MISSES_MAX
            return Recovery.GIVE_UP if sure else Recovery.WAIT
        case _:
            assert_never(found)


def may_replay(session: Open, doubt: Doubt) -> bool:
    """Whether the same request may be sent again for this session, as it is priced now."""
    first = doubt.attempts[0]
    return (
        len(doubt.attempts) < ATTEMPTS_MAX
        and doubt.now < first.dispatched_at + doubt.capability.key_life / 2
        and doubt.now < doubt.order.terms.offer_expires_at
        and doubt.body_sha256 == first.body_sha256
        and refusal(doubt.attempts) is None
        and is_within(session, doubt.order.terms)
    )


def refusal(attempts: Sequence[Attempt]) -> str | None:
    """The reason of the last answer that was a refusal, if any was."""
    reasons = [attempt.reason for attempt in attempts if attempt.outcome is AttemptOutcome.REJECTED]
    return reasons[-1] if reasons else None


def should_park(doubt: Doubt) -> bool:
    """Whether the doubt has lasted so long that a person should see it."""
    return doubt.now >= doubt.attempts[0].dispatched_at + PARK_AFTER


def _settled(doubt: Doubt) -> bool:
    return doubt.now >= doubt.attempts[-1].dispatched_at + 2 * doubt.capability.lookup_lag
