"""What the household is asked now, of all that was decided about its items: together, seldom, and not at night.

- In quiet hours nothing is asked and nothing is drawn on a mandate.
- Within `prompt_gap_h` of the last question nothing is asked, unless an item would have to be ordered before the gap is
  over; then everything that is due is asked with it.
- Where an item is due, others of its merchant go with it that would call for a delivery of their own before long
  (`core.deciding.joining`), and their reasons say so.

Whoever is asked, each question stays one item, one offer and one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import Preferences
from edge_agent.core.decide import Weighed
from edge_agent.core.deciding.joining import Candidate, Joined, Terms, join
from edge_agent.core.deciding.need import HOLDING
from edge_agent.core.deciding.quiet_hours import quiet_until
from edge_agent.core.messages import Decision, Hold, ItemId, Propose, Reason
from edge_agent.core.said import Names, Sum, say

JOIN_AHEAD_D = 7
FILL_UP_AHEAD_D = 14
_DELIVERY_D = 14.0  # days of supply of one item held for a day: what a delivery a day later is worth
_CHANCE_MIN = 1e-6


@dataclass(frozen=True, slots=True)
class Open:
    """An item that may be asked about now: no question about it is open and no order of it is under way."""

    name: str
    weighed: Weighed

    @property
    def is_due(self) -> bool:
        """Whether it is to be bought by itself."""
        return isinstance(self.weighed.decision, Propose)

    @property
    def is_unasked(self) -> bool:
        """Whether a mandate may pay for it, so that nobody need be asked."""
        decision = self.weighed.decision
        return self.weighed.case.item.mode == "auto" and isinstance(decision, Propose) and not decision.must_ask

    @property
    def merchant(self) -> str:
        """Where it would be bought."""
        return self.weighed.case.product.merchant


def settle(
    items: Sequence[Open],
    *,
    preferences: Preferences,
    zone: ZoneInfo,
    last_asked_at: datetime | None,
    now: datetime,
) -> dict[ItemId, Decision]:
    """Decisions that the rest of the home changes, by item: what waits after all, and what goes with another."""
    due = [one for one in items if one.is_due]
    waits = _waits(due, preferences=preferences, zone=zone, last_asked_at=last_asked_at, now=now)
    if waits is not None:
        return {_id(one): _hold(one, waits) for one in due}
    joined: dict[ItemId, Decision] = {}
    for merchant in sorted({one.merchant for one in due}):
        there = [one for one in items if one.merchant == merchant]
        joined.update(_joined(there, preferences=preferences, merchant=merchant))
    return joined


def _waits(
    due: Sequence[Open], *, preferences: Preferences, zone: ZoneInfo, last_asked_at: datetime | None, now: datetime
) -> Reason | None:
    """Why nothing at all is asked now."""
    until = quiet_until(preferences.quiet_hours, zone=zone, now=now)
    if until is not None:
        return Reason("quiet_hours", say("It is quiet time: asked at {time}.", time=_clock(until, zone)))
    if last_asked_at is None:
        return None
    over_at = last_asked_at + timedelta(hours=preferences.prompt_gap_h)
    if now >= over_at or any(one.is_unasked or _order_by(one) <= over_at for one in due):
        return None
    text = say("You were asked not long ago, and this can wait until {time}.", time=_clock(over_at, zone))
    return Reason("asked_lately", text)


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def _order_by(one: Open) -> datetime:
    decision = one.weighed.decision
    return (
        decision.order_by if isinstance(decision, Propose) else datetime.max.replace(tzinfo=one.weighed.case.now.tzinfo)
    )


def _hold(one: Open, reason: Reason) -> Hold:
    stock = [known for known in one.weighed.decision.reasons if known.code in {"stock", "due"}]
    return Hold(_id(one), (*stock, reason))


def _id(one: Open) -> ItemId:
    return ItemId(one.weighed.case.item.id)


# --- what goes together ------------------------------------------------------------------------------


def _joined(there: Sequence[Open], *, preferences: Preferences, merchant: str) -> dict[ItemId, Decision]:
    """What goes with the items that are due at one merchant, with why."""
    candidates = [known for one in there if (known := _candidate(one)) is not None]
    chosen = {one.item: one for one in join(candidates, terms=_terms(preferences, merchant=merchant))}
    due_names = [one.name for one in there if one.is_due]
    found: dict[ItemId, Decision] = {}
    for one in there:
        early, choice = one.weighed.early, chosen.get(_id(one))
        if not one.is_due and early is not None and choice is not None:
            reason = _joined_reason(choice, due_names, preferences=preferences, merchant=merchant)
            found[_id(one)] = replace(early, reasons=(*early.reasons, reason))
    if found:
        names = Names(tuple(one.name for one in there if _id(one) in found))
        text = say("{items} can come with it: answer them together for one delivery.", items=names)
        together = Reason("joined_by", text)
        found.update({_id(one): _with(one.weighed.decision, together) for one in there if one.is_due})
    return found


def _with(decision: Decision, reason: Reason) -> Decision:
    return replace(decision, reasons=(*decision.reasons, reason))


def _candidate(one: Open) -> Candidate | None:
    """An item as joining sees it: what one order of it is, and how likely it is to be missed on each day ahead.

    None where there is nothing to join: what stands on a list is not delivered.
    """
    weighed = one.weighed
    proposal = weighed.decision if isinstance(weighed.decision, Propose) else weighed.early
    price = weighed.case.price
    if proposal is None or weighed.need is None or (price is not None and not price.charges):
        return None
    case, need = weighed.case, weighed.need
    rate = max(need.rate_packs_per_day, _CHANCE_MIN)
    chances = [case.chance_used(max(need.usable_packs, 0.0), case.lead_d + ahead) for ahead in range(FILL_UP_AHEAD_D)]
    rising = tuple(max(chances[: number + 1]) for number in range(len(chances)))
    return Candidate(
        item=case.item.id,
        chances_out=(rising,),
        holding=proposal.packs * case.scale / rate,
        orders_max=1,
        due=one.is_due,
        cost_minor=(price.unit_price_minor or 0) * proposal.packs if price is not None else None,
    )


def _terms(preferences: Preferences, *, merchant: str) -> Terms:
    return Terms(
        thrift=HOLDING[preferences.stock].thrift,
        delivery=_DELIVERY_D,
        horizon_d=JOIN_AHEAD_D,
        free_from_minor=preferences.free_from_minor(merchant),
        fill_up_d=FILL_UP_AHEAD_D,
    )


def _joined_reason(choice: Joined, due: Sequence[str], *, preferences: Preferences, merchant: str) -> Reason:
    if choice.why == "fills_up":
        free = preferences.free_from_minor(merchant) or 0
        text = say(
            "With it the order from {merchant} reaches {sum}, and is delivered for nothing.",
            merchant=merchant,
            sum=Sum(free, preferences.currency),
        )
        return Reason("joined_free", text)
    items = Names(tuple(due))
    if choice.early_d > 0:
        text = say(
            "It would be due in about {days} days, and goes with {items} in one delivery from {merchant}.",
            days=choice.early_d,
            items=items,
            merchant=merchant,
        )
    else:
        text = say(
            "It would be due soon, and goes with {items} in one delivery from {merchant}.",
            items=items,
            merchant=merchant,
        )
    return Reason("joined", text)
