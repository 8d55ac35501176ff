"""How long goods take: days that a person takes to answer, and from the leave to buy until the goods are in the home.

Both are learned from the home's own questions and orders. A few of them say little, so they are shrunk to what is
expected (for merchants `Preferences.lead_time_d`), which weighs as much as three. An order that is still on its way and
late already counts for as long as it has taken so far: a merchant that never delivers does not look fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite, sqrt
from statistics import NormalDist

from edge_agent.core.arrivals import came_at
from edge_agent.core.intent import ON_ITS_WAY, IntentRecord
from edge_agent.core.prompt import PromptRecord, PromptState

LEAD_TIME_MAX_D = 60.0
ORDERS_MAX = 30  # the newest ones: merchants change

_ENDED = frozenset({PromptState.APPROVED, PromptState.DECLINED, PromptState.EXPIRED})
_PRIOR_ORDERS = 3.0
_SPREAD_MIN = 0.25  # of the mean: two orders that took equally long do not make a third one certain
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LeadTime:
    """Mean and spread of a merchant's lead time in days, and how many orders tell of it."""

    mean_d: float
    spread_d: float = 0.0
    orders: int = 0

    def within(self, probability: float) -> float:
        """Days within which an order comes with a probability above 0 and below 1.

        Source: the normal distribution, cut at 0 and `LEAD_TIME_MAX_D`.
        """
        if self.spread_d <= 0:
            return self.mean_d
        days = NormalDist(self.mean_d, self.spread_d).inv_cdf(probability)
        return min(max(0.0, days), LEAD_TIME_MAX_D)


def lead_time(orders: Iterable[IntentRecord], *, merchant: str, expected_d: float, now: datetime) -> LeadTime:
    """The lead time of one merchant. `orders` are newest first, those of other merchants are passed over."""
    taken = [days for order in orders if order.merchant == merchant and (days := _days(order, now=now)) is not None]
    told = [days for days, is_over in taken[:ORDERS_MAX] if is_over or days > expected_d]
    if not told:
        return LeadTime(mean_d=expected_d)
    return _shrunk(told, expected_d=expected_d)


def answer_time(prompts: Iterable[PromptRecord], *, expected_d: float) -> LeadTime:
    """How long people take to answer. `prompts` are newest first; what nobody answered counts for as long as it stood.

    The caller leaves out what nobody was asked.
    """
    stood = [(one.changed_at - one.created_at) / _DAY for one in prompts if one.state in _ENDED]
    told = [days for days in stood[:ORDERS_MAX] if isfinite(days) and days >= 0]
    return _shrunk(told, expected_d=expected_d) if told else LeadTime(mean_d=expected_d)


def _shrunk(told: Sequence[float], *, expected_d: float) -> LeadTime:
    """Mean and spread of what was seen; what is expected weighs as much as `_PRIOR_ORDERS` of them."""
    weight = _PRIOR_ORDERS + len(told)
    mean_d = (_PRIOR_ORDERS * expected_d + sum(told)) / weight
    squares = sum((days - mean_d) ** 2 for days in told) + _PRIOR_ORDERS * (_SPREAD_MIN * expected_d) ** 2
    spread_d = max(sqrt(squares / weight), _SPREAD_MIN * mean_d)
    return LeadTime(mean_d=min(mean_d, LEAD_TIME_MAX_D), spread_d=spread_d, orders=len(told))


def _days(order: IntentRecord, *, now: datetime) -> tuple[float, bool] | None:
    """Days that an order took, or has taken so far, and whether it is over; None where nobody knows."""
    here_at = order.arrived_at or came_at(order)
    if here_at is None and order.state not in ON_ITS_WAY:
        return None
    days = ((here_at or now) - order.created_at) / _DAY
    if not isfinite(days) or days < 0:
        return None
    return min(days, LEAD_TIME_MAX_D), here_at is not None
