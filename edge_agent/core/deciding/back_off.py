"""How long an item is left alone after an answer: what was declined, cancelled or refused is not asked about at once.

After the first order that the household takes back, five days; after a second one in a row, until a refill has filled
the stock again. An order that was refused for something that can be mended has three days for that
(`core.deciding.problem`), and what came in the place of what was ordered is counted first. Questions that nobody
answers come back more and more rarely, and so do those about an item of which the household has a spare each time. An
item whose `if_unanswered` is `left_alone` waits for a refill instead.

Source of the two cancellations: the order windows of Amazon's Dash Replenishment, the one public contract of the kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile

from edge_agent.core.arrivals import is_to_be_counted
from edge_agent.core.catalogue import DateRange, Item
from edge_agent.core.deciding.problem import REFUSED_FOR, problem_of
from edge_agent.core.intent import CANCELLED_BY_HOUSEHOLD, ENDED_UNBOUGHT, IntentRecord, IntentState
from edge_agent.core.messages import Price, Reason, StockEstimate
from edge_agent.core.prompt import DeclineReason, PromptRecord, PromptState, quiet_after_decline
from edge_agent.core.said import Day, say

_AFTER_CANCEL = timedelta(days=5)
_AFTER_EXPIRY = timedelta(hours=12)
_AFTER_EXPIRY_MAX = timedelta(days=7)
_AFTER_SPARES_MAX = timedelta(days=14)
_AFTER_REFUSAL = timedelta(days=1)
_COUNTED_WITHIN = timedelta(days=3)
_FULL_SHARE = 0.5  # of the room: a refill like that is a stock made full, not a pack from the shop
TERMS_CHANGED = "terms_changed"
_BUYER_DID_NOT_FINISH = "buyer_did_not_finish"


@dataclass(frozen=True, slots=True)
class Quiet:
    """An item is not asked about until a moment; None: until its stock is full again."""

    until: datetime | None
    reason: Reason


def quiet(
    item: Item,
    *,
    prompts: Sequence[PromptRecord],
    orders: Sequence[IntentRecord],
    estimate: StockEstimate,
    price: Price | None,
    is_refusal_of_another: bool = False,
    away: Sequence[DateRange] = (),
    now: datetime,
) -> Quiet | None:
    """Why and until when the item is left alone; None: it may be asked about. Records are the item's, newest first.

    `away` are the days for which the household has said that nobody is at home.
    `is_refusal_of_another`: the newest order was refused for a product that is not the one to be bought now.
    """
    if _is_cancelled_twice(item, orders, estimate=estimate):
        text = say(
            "You took back two orders of {item}: not asking again until its stock is full again.", item=item.name
        )
        return Quiet(None, Reason("quiet_until_full", text))
    if item.if_unanswered == "left_alone" and _is_unanswered_since_refill(prompts, estimate=estimate):
        unanswered = say("Nobody answered about {item}: not asking again before it was refilled.", item=item.name)
        return Quiet(None, Reason("quiet_until_refilled", unanswered))
    waits = _waits(item, orders[0], is_refusal_of_another=is_refusal_of_another, now=now) if orders else None
    if waits is not None:
        return waits
    ends = [_after_prompts(prompts, away=away)]
    if orders and not is_refusal_of_another:
        ends.append(_after_order(orders[0], price=price))
    until = max((end for end in ends if end is not None), default=None)
    if until is None or now >= until:
        return None
    text = say("Not asking again before {day}, as you wished.", day=Day(until.date()))
    return Quiet(until, Reason("quiet", text))


def _waits(item: Item, last: IntentRecord, *, is_refusal_of_another: bool, now: datetime) -> Quiet | None:
    """What somebody should see to before the item is bought again."""
    problem = problem_of(last, now=now)
    if problem is not None and problem.waits and not is_refusal_of_another:
        text = say(
            "The last order of {item} was refused: see its page. Not asking again before {day}, unless you say there "
            "that it is mended.",
            item=item.name,
            day=Day(problem.until.date()),
        )
        return Quiet(problem.until, Reason("problem_open", text))
    came_at = last.delivered_at or last.changed_at
    if is_to_be_counted(last, item) and now < came_at + _COUNTED_WITHIN:
        text = say("Something else came than was ordered for {item}: count what is there first.", item=item.name)
        return Quiet(came_at + _COUNTED_WITHIN, Reason("count_first", text))
    return None


def _is_unanswered_since_refill(prompts: Sequence[PromptRecord], *, estimate: StockEstimate) -> bool:
    if not prompts or prompts[0].state is not PromptState.EXPIRED:
        return False
    return not any(step.at > prompts[0].created_at for step in estimate.refills)


def _is_cancelled_twice(item: Item, orders: Sequence[IntentRecord], *, estimate: StockEstimate) -> bool:
    cancelled = list(takewhile(_is_taken_back, orders))
    if len(cancelled) < 2:
        return False
    full = _FULL_SHARE * item.room_packs * item.product.pack_amount
    return not any(step.at > cancelled[0].changed_at and step.amount >= full for step in estimate.refills)


def _is_taken_back(order: IntentRecord) -> bool:
    is_its_own = order.detail == CANCELLED_BY_HOUSEHOLD and order.withdrawn_for is None
    return order.state is IntentState.CANCELLED and is_its_own


def _after_prompts(prompts: Sequence[PromptRecord], *, away: Sequence[DateRange]) -> datetime | None:
    if not prompts:
        return None
    last = prompts[0]
    if last.state is PromptState.DECLINED and last.decline_reason is not None:
        alike = sum(1 for _ in takewhile(lambda one: one.decline_reason is DeclineReason.HAVE_SPARE, prompts))
        quiet_for = quiet_after_decline(last.decline_reason) * 2.0 ** min(max(alike - 1, 0), 10)
        until = last.changed_at + min(quiet_for, _AFTER_SPARES_MAX)
        back_at = _back_at(away, since=last.changed_at, until=until)
        return back_at if last.decline_reason is DeclineReason.GOING_AWAY and back_at is not None else until
    unanswered = sum(1 for _ in takewhile(lambda one: one.state is PromptState.EXPIRED, prompts))
    if unanswered == 0:
        return None
    return last.changed_at + min(_AFTER_EXPIRY * 2.0 ** min(unanswered - 1, 10), _AFTER_EXPIRY_MAX)


def _back_at(away: Sequence[DateRange], *, since: datetime, until: datetime) -> datetime | None:
    """When the household is back from the absence that an answer was about, as far as it has told."""
    ends = [stay.last for stay in away if stay.first <= until.date() and since.date() <= stay.last]
    return datetime.combine(max(ends), time(), UTC) if ends else None


def _after_order(last: IntentRecord, *, price: Price | None) -> datetime | None:
    """After an order that came to nothing; while the price is still the refused one, at least a day."""
    if last.state not in ENDED_UNBOUGHT or _had_its_time(last):
        return None
    if _is_taken_back(last):
        return last.changed_at + _AFTER_CANCEL
    is_known_wrong = price is None or price.fetched_at < last.changed_at
    is_free = last.detail == TERMS_CHANGED and not is_known_wrong
    return None if is_free else last.changed_at + _AFTER_REFUSAL


def _had_its_time(last: IntentRecord) -> bool:
    """Whether nothing need be waited for: somebody could mend what was in the way, or the hub itself took it back."""
    is_refused = last.state is IntentState.REJECTED and last.detail in REFUSED_FOR
    is_withdrawn = last.state is IntentState.CANCELLED and last.withdrawn_for is not None
    return is_refused or is_withdrawn or (last.state is IntentState.EXPIRED and last.detail == _BUYER_DID_NOT_FINISH)
