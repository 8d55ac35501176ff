"""How far a merchant keeps its word, by the home's own orders: in time, whole, at the price agreed to.

`dealing` says what one order tells. Here they are counted, and nothing that is not known is counted at all. A share is
told from `SCORED_FROM` orders on, with the interval that so few of them leave; below that, the counts. A better history
never has a worse share. The median of the days late is of the late ones alone, so it can rise as some of them come in
time: it is shown beside their number, and decides nothing.

A choice goes by two figures (`kept`, `charged`), each shrunk as if `_PRIOR_ORDERS` more had gone as agreed: one order
that did not rules no merchant out, and many weigh nearly all that they can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from fractions import Fraction
from math import sqrt
from statistics import NormalDist, median

from edge_agent.core.choosing import dealing as told
from edge_agent.core.choosing.dealing import Charge, Dealing
from edge_agent.core.deciding.lead_time import ORDERS_MAX
from edge_agent.core.intent import ON_ITS_WAY, IntentState

SCORED_FROM = 5
_PRIOR_ORDERS = 6
_SIDE = NormalDist().inv_cdf(0.975)  # an interval that holds the truth 19 times in 20
_FINEST = 10_000  # so that exact fractions of many orders stay short
_HELD = frozenset({Charge.LOWER, Charge.EQUAL})


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many whose outcome is known."""

    kept: int = 0
    known: int = 0

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None of too few to say."""
        return self.kept / self.known if self.known >= SCORED_FROM else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between what the true share may lie, 19 times in 20; None of too few to say.

        Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
        """
        if self.known < SCORED_FROM:
            return None
        seen, square = self.kept / self.known, _SIDE**2 / self.known
        middle = (seen + square / 2) / (1 + square)
        reach = _SIDE * sqrt(seen * (1 - seen) / self.known + square / (4 * self.known)) / (1 + square)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    @property
    def expected(self) -> float:
        """The chance that the next one is kept, also of few or none."""
        return (self.kept + _PRIOR_ORDERS) / (self.known + _PRIOR_ORDERS)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The newest orders with one merchant, counted. `orders` are all of them, `under_way` those that nobody ended yet.

    `days_late` are of the orders that came late, were given up, or are late by now (`overdue` of them), least first.
    `kept` is of the orders that the merchant had or refused: those that came whole. `charged` is what it asks in the
    end, as a share of what was agreed to, as far as orders tell.
    """

    orders: int = 0
    under_way: int = 0
    on_time: Share = Share()
    days_late: tuple[int, ...] = ()
    overdue: int = 0
    whole: Share = Share()
    substituted: int = 0
    charges: Mapping[Charge, int] = field(default_factory=dict)
    sold_out: int = 0
    cancelled: int = 0
    never_arrived: int = 0
    returned: int = 0
    refunded: int = 0
    kept: Share = Share()
    charged: Fraction = Fraction(1)

    @property
    def price_held(self) -> Share:
        """Those that cost no more than was agreed to, of those whose price is known."""
        return Share(sum(self.charges.get(one, 0) for one in _HELD), sum(self.charges.values()))

    @property
    def late_median_d(self) -> float | None:
        """Days, of the late ones; None: none is known to be late."""
        return float(median(self.days_late)) if self.days_late else None

    @property
    def late_worst_d(self) -> int | None:
        """Days, of the late ones; None: none is known to be late."""
        return max(self.days_late, default=None)


def newest(dealings: Iterable[Dealing], *, merchant: str) -> list[Dealing]:
    """The orders that a merchant is judged by, newest first, in whichever order they come."""
    found = [one for one in dealings if one.order.merchant == merchant and told.says_something(one.order)]
    found.sort(key=lambda one: (one.order.created_at, one.order.id), reverse=True)
    return found[:ORDERS_MAX]


def scorecard(dealings: Iterable[Dealing], *, merchant: str, now: datetime, zone: tzinfo) -> Scorecard:
    """What the newest orders with a merchant come to; those of others are passed over. `zone` is where days begin."""
    judged = newest(dealings, merchant=merchant)
    orders = [one.order for one in judged]
    on_time = [told.is_on_time(one, now=now, zone=zone) for one in judged]
    late = [(one, days) for one in judged if (days := told.days_late(one, now=now, zone=zone))]
    whole = [told.is_whole(one, now=now, zone=zone) for one in judged]
    refused = [False for one in orders if told.is_refused(one) or told.is_sold_out(one)]
    charges = [charge for one in judged if (charge := told.charge(one)) is not None]
    return Scorecard(
        orders=len(orders),
        under_way=sum(one.state in ON_ITS_WAY for one in orders),
        on_time=_share(on_time),
        days_late=tuple(sorted(days for _, days in late)),
        overdue=sum(told.came_on(one.order, zone=zone) is None and one.order.state in ON_ITS_WAY for one, _ in late),
        whole=_share(whole),
        substituted=sum(one.facts.substitute_sku is not None for one in orders),
        charges={kind: charges.count(kind) for kind in Charge if kind in charges},
        sold_out=sum(told.is_sold_out(one) for one in orders),
        cancelled=sum(told.is_cancelled(one) for one in orders),
        never_arrived=sum(one.state is IntentState.NEVER_ARRIVED for one in orders),
        returned=sum(one.state is IntentState.RETURNED or bool(one.facts.returned_quantity) for one in orders),
        refunded=sum(one.state is IntentState.REFUNDED or bool(one.facts.refunded_minor) for one in orders),
        kept=_share([*whole, *refused]),
        charged=_charged([ratio for one in orders if (ratio := told.charged_share(one)) is not None]),
    )


def _share(known: Sequence[bool | None]) -> Share:
    return Share(known.count(True), len(known) - known.count(None))


def _charged(ratios: Sequence[Fraction]) -> Fraction:
    mean = (sum(ratios, Fraction(0)) + _PRIOR_ORDERS) / (len(ratios) + _PRIOR_ORDERS)
    return Fraction(round(mean * _FINEST), _FINEST)
