"""What to do about an order whose outcome nobody knows: the rules, without any I/O.

- An order that the merchant shows is placed, if it is ours: our reference, product and quantity where it tells them,
  our currency, and exactly what it asked for right before. Another household's order is not believed.
- Class A: a session that is still open is asked again with the same key and body; otherwise it is closed for good.
  One that became an order which the merchant does not name is asked again, too: the same key gets the first answer.
- Class B: "not there" is a proof when twice the merchant's look-up lag has passed and it was seen several times in a
  row. After a proof the order is sent again, under the same reference.
- Class C: nothing is sent again, and nothing proves that there is no order: a person settles it. Where nothing can be
  asked it is parked at once; where an order may be found, once it should have shown up, and finding it settles it, too.
- Nothing is sent again once half the key's life or the offer is over, when too many tries were made, when an answer
  was a refusal, when it would cost more than the household agreed to, when its leave does not hold, or when the clock
  stands before the last attempt.
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

from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.core.keys import order_key
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
    RESEND = "resend"  # proven that there is no order: price again, then the same request under the same reference
    CLOSE = "close"  # make sure that no order can come of it any more, then look again
    GIVE_UP = "give_up"  # proven: there is no order and there will be none
    WAIT = "wait"  # look again later
    PARK = "park"  # show it to a person


@dataclass(frozen=True, slots=True)
class Doubt:
    """An order in doubt: `attempts` is not empty; `body_sha256` is what a replay would send today.

    `frozen`: nothing may be sent for the household now. `leave_holds`: the household's signature is still good.
    """

    order: OrderRecord
    attempts: Sequence[Attempt]
    body_sha256: str
    capability: Capability
    now: datetime
    frozen: bool = False
    leave_holds: bool = True


def next_step(found: Lookup, doubt: Doubt) -> Recovery:
    """The step that follows from what a look-up found."""
    match found:
        case Placed() if not is_ours(found, doubt.order, doubt.attempts):
            return Recovery.PARK
        case Placed() | NeedsBuyer():
            return Recovery.ACCEPT
        case Open() | Standing() if doubt.capability.merchant_class is MerchantClass.C:
            return Recovery.WAIT
        case Open():
            return _open(found, doubt)
        case Standing():
            return _standing(found, doubt)
        case _:
            assert_never(found)


def is_ours(found: Placed, order: OrderRecord, attempts: Sequence[Attempt]) -> bool:
    """Whether the order that a look-up shows is the one that we asked for."""
    terms = order.terms
    if tells_of_another(found, order) or found.currency != terms.currency:
        return False
    asked = {attempt.total_minor for attempt in attempts if attempt.total_minor is not None}
    return found.total_minor in asked if asked else found.total_minor <= terms.total_max_minor


def tells_of_another(found: Placed, order: OrderRecord) -> bool:
    """Whether what the merchant says of an order, beside its price, is not said of ours."""
    return names_another(found, order) or found.quantity not in {None, order.terms.quantity}


def names_another(found: Placed, order: OrderRecord) -> bool:
    """Whether the merchant names another reference or another product than ours."""
    told = ((found.reference, order_key(order.body_sha256)), (found.sku, order.terms.sku))
    return any(said not in {None, wanted} for said, wanted in told)


def is_miss(found: Lookup, capability: Capability) -> bool:
    """Whether this look-up counts towards a proof that there is no order."""
    return found is Standing.MISSING or (isinstance(found, Open) and capability.merchant_class is MerchantClass.B)


def may_replay(doubt: Doubt) -> bool:
    """Whether the same request may be sent again at all."""
    first, last = doubt.attempts[0], doubt.attempts[-1]
    return (
        len(doubt.attempts) < ATTEMPTS_MAX
        and last.dispatched_at <= doubt.now < first.dispatched_at + doubt.capability.key_life / 2
        and doubt.now < doubt.order.terms.offer_expires_at
        and doubt.body_sha256 == first.body_sha256
        and refusal(doubt.attempts) is None
        and doubt.leave_holds
    )


def send_before(order: OrderRecord, capability: Capability, *, at_least: timedelta = timedelta()) -> datetime:
    """When an order in the hold is not sent any more.

    It is counted from the end of the hold, since what the store does not know was not sent before that: a store that
    was restored from a backup may have forgotten an attempt, and the merchant must not have forgotten its key.
    `at_least` is for a clock that runs fast: the merchant's own does not.
    """
    return min(order.terms.offer_expires_at, order.hold_until + max(capability.key_life / 2, at_least))


def refusal(attempts: Sequence[Attempt]) -> str | None:
    """The reason of the last answer that was a refusal, if any was."""
    reasons = [attempt.reason for attempt in attempts if attempt.outcome is AttemptOutcome.REJECTED]
    return reasons[-1] if reasons else None


def should_park(attempts: Sequence[Attempt], *, capability: Capability | None, now: datetime) -> bool:
    """Whether the doubt has lasted so long that a person should see it; None: its merchant is not there any more.

    At class C that is as soon as the order should have shown up: waiting proves nothing there.
    """
    if capability is not None and capability.merchant_class is MerchantClass.C:
        return now >= attempts[0].dispatched_at + 2 * capability.lookup_lag
    return now >= attempts[0].dispatched_at + PARK_AFTER


def _open(found: Open, doubt: Doubt) -> Recovery:
    if not is_within(found, doubt.order.terms):
        return Recovery.CLOSE
    if not _is_b(doubt):
        return _again(doubt, Recovery.REPLAY, otherwise=Recovery.CLOSE)
    if not _is_proven_missing(doubt):
        return Recovery.WAIT
    return _again(doubt, Recovery.RESEND, otherwise=Recovery.CLOSE)


def _standing(found: Standing, doubt: Doubt) -> Recovery:
    match found:
        case Standing.BUSY:
            return Recovery.WAIT
        case Standing.ORDERED:  # the same request is answered as it was the first time, with the order's id
            return Recovery.WAIT if _is_b(doubt) else _again(doubt, Recovery.REPLAY, otherwise=Recovery.WAIT)
        case Standing.CLOSED:
            return Recovery.GIVE_UP if _lag_is_over(doubt) else Recovery.WAIT
        case Standing.MISSING:
            return _missing(doubt)
        case _:
            assert_never(found)


def _missing(doubt: Doubt) -> Recovery:
    if not _is_proven_missing(doubt):
        return Recovery.WAIT
    return _again(doubt, Recovery.RESEND, otherwise=Recovery.GIVE_UP) if _is_b(doubt) else Recovery.GIVE_UP


def _again(doubt: Doubt, step: Recovery, *, otherwise: Recovery) -> Recovery:
    if not may_replay(doubt):
        return otherwise
    return Recovery.WAIT if doubt.frozen else step


def _is_b(doubt: Doubt) -> bool:
    return doubt.capability.merchant_class is MerchantClass.B


def _lag_is_over(doubt: Doubt) -> bool:
    return doubt.now >= doubt.attempts[-1].dispatched_at + 2 * doubt.capability.lookup_lag


def _is_proven_missing(doubt: Doubt) -> bool:
    return _lag_is_over(doubt) and doubt.order.misses + 1 >= MISSES_MAX
