"""The sentences of a decision: packs, days and money as a household speaks of them, never grams or quantiles."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from edge_agent.core.deciding.need import Need
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.messages import Reason
from edge_agent.core.money import format_money

_EARLY, _LATE = 0.1, 0.9
_FAR_D = 60.0


def stock_reason(case: Situation) -> Reason:
    """What is left, how fast it goes, and between which days it runs out."""
    estimate, pack_amount = case.estimate, case.item.product.pack_amount
    left = estimate.amount.value / pack_amount if estimate.amount is not None else 0.0
    use = estimate.use_per_day.value / pack_amount if estimate.use_per_day is not None else 0.0
    early, late = (case.days_until_used(left, chance) for chance in (_EARLY, _LATE))
    told = "" if case.item.binding is not None else ", as you and its orders tell"
    text = f"{case.item.name}: about {packs(left)} left{told}, used {_rate(use)}; {_run_out(case, early, late)}."
    return Reason("stock", text)


def spoiling_reason(need: Need) -> Reason | None:
    """What will spoil before it is used; None where nothing is expected to."""
    if need.spoils_on is None:
        return None
    spoiling = packs(max(0.1, need.spoiling_packs))
    return Reason("spoils", f"About {spoiling} of it will not be used before {date_words(need.spoils_on)}, and spoil.")


def enough_reason(case: Situation, need: Need) -> Reason:
    """Why nothing is bought."""
    coming = case.position.coming_packs
    on_order = f", {packs(coming)} of them on order" if coming > 0 else ""
    days = f"the {case.risk_d:.0f} days until an order would be here"
    return Reason("enough", f"{packs(need.usable_packs)}{on_order}: enough for {days}.")


def due_reason(case: Situation, need: Need) -> Reason:
    """Why something is bought now."""
    least = f", and want {packs(case.item.min_packs)} at the least" if case.item.min_packs > 0 else ""
    needed = need.reorder_point_packs - case.item.min_packs
    text = f"You may need {packs(needed)} in the {case.risk_d:.0f} days until an order would be here{least}"
    return Reason("due", f"{text}; order by {day(need.order_by, case)}.")


def lead_time_reason(case: Situation) -> Reason | None:
    """What the home's own orders taught of the merchant; None where they say what the household expects anyway."""
    lead = case.lead_time
    if lead.orders < 3 or abs(lead.mean_d - case.preferences.lead_time_d) < 1:
        return None
    text = f"{case.product.merchant} took about {lead.mean_d:.0f} days with your last {lead.orders} orders."
    return Reason("lead_time", text)


def size_reason(case: Situation, need: Need, *, cover_d: float) -> Reason:
    """Why so many packs."""
    enough = f"With {packs(need.packs)} more it should last about {cover_d:.0f} days"
    if need.packs >= need.wanted_packs:
        return Reason("size", f"{enough}.")
    if need.fresh_packs < need.room_packs:
        return Reason("size_fresh", f"{enough}; more would spoil before it is used.")
    return Reason("size_room", f"{enough}; there is room for {packs(case.item.room_for(case.product))} in all.")


def over_budget_reason(case: Situation, *, total_minor: int) -> Reason:
    """That the household's own budget is used up."""
    left = max(0, case.budget_left_minor or 0)
    currency = case.preferences.currency
    text = f"{format_money(total_minor, currency)} is more than the {format_money(left, currency)} that your budget has"
    return Reason("over_budget", f"{text} left for this period, so you are asked.")


def packs(number: float) -> str:
    """Packs with one decimal at the most."""
    words = f"{number:.1f}".removesuffix(".0")
    return f"{words} pack" if words == "1" else f"{words} packs"


def day(at: datetime, case: Situation) -> str:
    """A day as people say it, in the household's time zone: Tue 3 Mar."""
    return date_words(at.astimezone(ZoneInfo(case.presence.zone)).date())


def date_words(on: date) -> str:
    """A day of the calendar as people say it: Tue 3 Mar."""
    return f"{on:%a} {on.day} {on:%b}"


def _rate(packs_per_day: float) -> str:
    """Use in words: packs a day, or days a pack where it goes slowly."""
    if packs_per_day >= 0.5:
        return f"{packs(packs_per_day)} a day"
    days = 1 / packs_per_day if packs_per_day > 0 else _FAR_D
    return "hardly at all" if days > _FAR_D else f"a pack in about {days:.0f} days"


def _run_out(case: Situation, early_d: float, late_d: float) -> str:
    if early_d > _FAR_D:
        return f"lasts more than {_FAR_D:.0f} days"
    if early_d < 0.5 and late_d < 1:
        return "runs out within a day"
    early, late = (day(case.now + timedelta(days=days), case) for days in (early_d, min(late_d, 3_650.0)))
    return f"runs out around {early}" if early == late else f"runs out between {early} and {late}"
