"""What came of it all: orders and spending by month, orders that could come together, spoiled goods, shadow results.

It says only what was recorded. That a stock-out was avoided is claimed for items in shadow alone, where the sensor
showed an empty stock on days for which an order would have been there. The carbon of a delivery is not known here: it
depends on the carrier, the vehicle and the distance; deliveries are counted, and a household may put its own figure to
them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import ItemId

MONTHS_SHOWN = 12
BOUGHT = frozenset(
    {IntentState.PLACED, IntentState.SHIPPED, IntentState.PARTLY_DELIVERED, IntentState.DELIVERED}
)  # the money is the merchant's; what never came, came back or was refunded is counted apart
UNDONE = frozenset({IntentState.NEVER_ARRIVED, IntentState.RETURNED, IntentState.REFUNDED})


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One month at home, by its first day, in one currency.

    Units: `spent_minor` in minor units of `currency`: what was charged, or where the merchant never said, what was
    agreed to; `agreed_only` counts those. `joined` counts orders that were made at a merchant on a day on which another
    one was: they could come in one delivery; `saved_deliveries` is how many fewer deliveries that makes.
    """

    month: date
    currency: str
    orders: int
    spent_minor: int
    agreed_only: int
    joined: int
    saved_deliveries: int = 0


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What was said to be thrown away of one item since the report begins, in its unit."""

    item: ItemId
    times: int
    amount: float


@dataclass(frozen=True, slots=True)
class HomeReport:
    """The last twelve months. `undone` counts orders that never came, came back or were refunded."""

    since: date | None = None
    months: tuple[MonthRow, ...] = ()
    undone: int = 0
    spoiled: tuple[Spoiled, ...] = ()
    shadows: tuple[tuple[ItemId, ShadowReport], ...] = ()

    @property
    def avoided_days(self) -> int:
        """Days without an item that would have been avoided, over all items in shadow."""
        return sum(shadow.avoided_days for _, shadow in self.shadows)

    @property
    def joined(self) -> int:
        """Orders that could come in one delivery with another."""
        return sum(row.joined for row in self.months)

    @property
    def saved_deliveries(self) -> int:
        """Deliveries fewer, if such orders came together: one of each such group would have been there anyway."""
        return sum(row.saved_deliveries for row in self.months)


def first_month(today: date) -> date:
    """The first day of the report."""
    months = today.year * 12 + today.month - MONTHS_SHOWN
    return date(months // 12, months % 12 + 1, 1)


def report(
    orders: Iterable[IntentRecord],
    *,
    spoiled: Sequence[Spoiled],
    shadows: Mapping[ItemId, ShadowReport],
    today: date,
    day_of: Callable[[datetime], date],
) -> HomeReport:
    """The report as of `today`; `day_of` gives the calendar day at home."""
    since = first_month(today)
    recent = [(day_of(order.created_at), order) for order in orders]
    recent = [(day, order) for day, order in recent if since <= day <= today]
    bought = [(day, order) for day, order in recent if order.state in BOUGHT and _is_paid(order)]
    return HomeReport(
        since=since,
        months=_months(bought),
        undone=sum(1 for _, order in recent if order.state in UNDONE),
        spoiled=tuple(spoiled),
        shadows=tuple(shadows.items()),
    )


def _months(bought: Sequence[tuple[date, IntentRecord]]) -> tuple[MonthRow, ...]:
    """Newest first."""
    together = Counter((day, order.merchant) for day, order in bought)
    by_month: defaultdict[tuple[date, str], list[tuple[date, IntentRecord]]] = defaultdict(list)
    for day, order in bought:
        by_month[day.replace(day=1), order.currency].append((day, order))
    return tuple(
        MonthRow(
            month=month,
            currency=currency,
            orders=len(rows),
            spent_minor=sum(_paid_minor(order) for _, order in rows),
            agreed_only=sum(1 for _, order in rows if order.charged_minor is None),
            joined=sum(1 for day, order in rows if together[day, order.merchant] > 1),
            saved_deliveries=len(rows) - len({(day, order.merchant) for day, order in rows}),
        )
        for (month, currency), rows in sorted(by_month.items(), reverse=True)
    )


def _is_paid(order: IntentRecord) -> bool:
    """What was put on a list is no spending, and nobody delivers it."""
    return order.total_minor > 0 or bool(order.charged_minor)


def _paid_minor(order: IntentRecord) -> int:
    return order.total_minor if order.charged_minor is None else order.charged_minor
