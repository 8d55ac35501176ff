"""The sentences of a decision: packs, days and money as a household speaks of them, never grams or quantiles."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge_agent.core.deciding.need import Need
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.messages import Reason
from edge_agent.core.said import Day, Said, Sum, say

_EARLY, _LATE = 0.1, 0.9
_FAR_D = 60.0


def stock_reason(case: Situation) -> Reason:
    """What is left, how fast it goes, and between which days it runs out."""
    estimate, pack_amount = case.estimate, case.item.product.pack_amount
    left = estimate.amount.value / pack_amount if estimate.amount is not None else 0.0
    use = estimate.use_per_day.value / pack_amount if estimate.use_per_day is not None else 0.0
    early, late = (case.days_until_used(left, chance) for chance in (_EARLY, _LATE))
    name, amount, rate, ends = case.item.name, packs(left), _rate(use), _run_out(case, early, late)
    if case.item.binding is not None:
        text = say("{item}: about {packs} left, used {rate}; {ends}.", item=name, packs=amount, rate=rate, ends=ends)
    else:
        text = say(
            "{item}: about {packs} left, as you and its orders tell, used {rate}; {ends}.",
            item=name,
            packs=amount,
            rate=rate,
            ends=ends,
        )
    return Reason("stock", text)


def spoiling_reason(need: Need) -> Reason | None:
    """What will spoil before it is used; None where nothing is expected to."""
    if need.spoils_on is None:
        return None
    spoiling, on = packs(max(0.1, need.spoiling_packs)), Day(need.spoils_on)
    text = say("About {packs} of it will not be used before {day}, and spoil.", packs=spoiling, day=on)
    return Reason("spoils", text)


def enough_reason(case: Situation, need: Need) -> Reason:
    """Why nothing is bought."""
    coming, days = case.position.coming_packs, _whole(case.risk_d)
    usable = packs(need.usable_packs)
    if coming <= 0:
        text = say("{packs}: enough for the {days} days until an order would be here.", packs=usable, days=days)
    else:
        text = say(
            "{packs}, {coming} of them on order: enough for the {days} days until an order would be here.",
            packs=usable,
            coming=packs(coming),
            days=days,
        )
    return Reason("enough", text)


def due_reason(case: Situation, need: Need) -> Reason:
    """Why something is bought now."""
    needed = packs(need.reorder_point_packs - case.item.min_packs)
    days, order_by = _whole(case.risk_d), day(need.order_by, case)
    if case.item.min_packs <= 0:
        text = say(
            "You may need {packs} in the {days} days until an order would be here; order by {order_by}.",
            packs=needed,
            days=days,
            order_by=order_by,
        )
    else:
        text = say(
            "You may need {packs} in the {days} days until an order would be here, and want {least} at the least; "
            "order by {order_by}.",
            packs=needed,
            days=days,
            least=packs(case.item.min_packs),
            order_by=order_by,
        )
    return Reason("due", text)


def lead_time_reason(case: Situation) -> Reason | None:
    """What the home's own orders taught of the merchant; None where they say what the household expects anyway."""
    lead = case.lead_time
    if lead.orders < 3 or abs(lead.mean_d - case.preferences.lead_time_d) < 1:
        return None
    text = say(
        "{merchant} took about {days} days with your last {orders} orders.",
        merchant=case.product.merchant,
        days=_whole(lead.mean_d),
        orders=lead.orders,
    )
    return Reason("lead_time", text)


def size_reason(case: Situation, need: Need, *, cover_d: float) -> Reason:
    """Why so many packs."""
    more, days = packs(need.packs), _whole(cover_d)
    if need.packs >= need.wanted_packs:
        return lasting_reason(need.packs, cover_d=cover_d)
    if need.fresh_packs < need.room_packs:
        text = say(
            "With {packs} more it should last about {days} days; more would spoil before it is used.",
            packs=more,
            days=days,
        )
        return Reason("size_fresh", text)
    text = say(
        "With {packs} more it should last about {days} days; there is room for {room} in all.",
        packs=more,
        days=days,
        room=packs(case.item.room_for(case.product)),
    )
    return Reason("size_room", text)


def lasting_reason(more: int, *, cover_d: float) -> Reason:
    """How long it lasts with so many packs more."""
    text = say("With {packs} more it should last about {days} days.", packs=packs(more), days=_whole(cover_d))
    return Reason("size", text)


def over_budget_reason(case: Situation, *, total_minor: int) -> Reason:
    """That the household's own budget is used up."""
    currency = case.preferences.currency
    text = say(
        "{total} is more than the {left} that your budget has left for this period, so you are asked.",
        total=Sum(total_minor, currency),
        left=Sum(max(0, case.budget_left_minor or 0), currency),
    )
    return Reason("over_budget", text)


def packs(number: float) -> Said:
    """Packs with one decimal at the most."""
    words = f"{number:.1f}".removesuffix(".0")
    return say("{number} pack", number=words) if words == "1" else say("{number} packs", number=words)


def day(at: datetime, case: Situation) -> Day:
    """The day in the household's time zone."""
    return Day(at.astimezone(ZoneInfo(case.presence.zone)).date())


def _whole(number: float) -> str:
    return f"{number:.0f}"


def _rate(packs_per_day: float) -> Said:
    """Use in words: packs a day, or days a pack where it goes slowly."""
    if packs_per_day >= 0.5:
        return say("{packs} a day", packs=packs(packs_per_day))
    days = 1 / packs_per_day if packs_per_day > 0 else _FAR_D
    return say("hardly at all") if days > _FAR_D else say("a pack in about {days} days", days=_whole(days))


def _run_out(case: Situation, early_d: float, late_d: float) -> Said:
    if early_d > _FAR_D:
        return say("lasts more than {days} days", days=_whole(_FAR_D))
    if early_d < 0.5 and late_d < 1:
        return say("runs out within a day")
    early, late = (day(case.now + timedelta(days=days), case) for days in (early_d, min(late_d, 3_650.0)))
    if early == late:
        return say("runs out around {day}", day=early)
    return say("runs out between {early} and {late}", early=early, late=late)
