"""What the household's orders may cost in a period, all items and merchants together; beyond it a person is asked.

It stands above the mandates' own budgets and gives leave for nothing. Orders that came to nothing cost nothing; those
whose outcome nobody knows cost what they may.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import Preferences
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.period import Frequency, Period, period_at

_FIRST_DAY = date(2024, 1, 1)  # a Monday: weeks begin on Mondays, months and quarters on their first
_COST_NOTHING = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED, IntentState.REFUNDED})


def budget_left_minor(
    preferences: Preferences, orders: Iterable[IntentRecord], *, zone: ZoneInfo, now: datetime
) -> int | None:
    """What the period's budget has left, in minor units of the household's currency; below 0 where it is overdrawn.

    None where the household set no budget. Orders in another currency are not counted: no rate is known here.
    """
    if preferences.budget_minor is None:
        return None
    period = budget_period(preferences, zone=zone, now=now)
    spent = sum(
        _cost(order)
        for order in orders
        if order.currency == preferences.currency and period.starts_at <= order.created_at < period.ends_at
    )
    return preferences.budget_minor - spent


def budget_period(preferences: Preferences, *, zone: ZoneInfo, now: datetime) -> Period:
    """The period of the household's calendar that `now` lies in."""
    frequency = Frequency(preferences.budget_period)
    return period_at(now, first_day=_FIRST_DAY, frequency=frequency, zone=zone)


def _cost(order: IntentRecord) -> int:
    if order.state in _COST_NOTHING:
        return 0
    return order.charged_minor if order.charged_minor is not None else order.total_minor
