"""When an item runs out, as the pages say it: a range, never one date, and a chance where there is a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from edge_agent.core.messages import Forecast, StockEstimate
from edge_agent.core.overview import ItemOverview
from edge_agent.core.said import Said, say

_DAYS_MAX = 3_650.0  # beyond ten years a date says nothing
_EARLY, _MIDDLE, _LATE = 0.1, 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Outlook:
    """Days from `as_of` until empty: one time in ten before `early_d`, one in ten after `late_d`."""

    as_of: datetime
    early_d: float
    middle_d: float
    late_d: float

    def left_d(self, now: datetime) -> tuple[float, float, float]:
        """Days left from `now` on: at the early, the middle and the late end."""
        gone_d = (now - self.as_of) / timedelta(days=1)
        early, middle, late = (max(0.0, end - gone_d) for end in (self.early_d, self.middle_d, self.late_d))
        return early, middle, late

    def dates(self) -> tuple[datetime, datetime, datetime]:
        """Early, middle and late end of the stock."""
        early, middle, late = (self.as_of + timedelta(days=d) for d in (self.early_d, self.middle_d, self.late_d))
        return early, middle, late


def outlook(overview: ItemOverview) -> Outlook | None:
    """The forecast's range; from the estimate alone where there is no forecast; None where nothing is known."""
    if overview.estimate is not None and overview.estimate.amount is None:
        return None  # of an unknown stock nobody knows when it ends
    if overview.forecast is not None and overview.forecast.days_to_empty:
        return _from_forecast(overview.forecast)
    return _from_estimate(overview.estimate) if overview.estimate is not None else None


def chance_empty_by(forecast: Forecast, at: datetime) -> Said:
    """In words, how likely the stock is gone by `at`: `about 60 %`, `less than 10 %`, `more than 90 %`."""
    days_d = (at - forecast.as_of) / timedelta(days=1)
    points = list(zip(forecast.days_to_empty, forecast.quantiles, strict=True))
    if days_d < points[0][0]:
        return say("less than {percent} %", percent=_percent(points[0][1]))
    for (early_d, low), (late_d, high) in pairwise(points):
        if days_d < late_d:
            share = (days_d - early_d) / (late_d - early_d)
            return say("about {percent} %", percent=_percent(low + share * (high - low)))
    return say("more than {percent} %", percent=_percent(points[-1][1]))


def days_at(forecast: Forecast, probability: float) -> float:
    """Days to empty at a probability, between the forecast's quantiles; its outermost ones beyond them."""
    points = list(zip(forecast.quantiles, forecast.days_to_empty, strict=True))
    if probability <= points[0][0]:
        return min(points[0][1], _DAYS_MAX)
    for (low, early_d), (high, late_d) in pairwise(points):
        if probability <= high:
            share = (probability - low) / (high - low)
            return min(early_d, _DAYS_MAX) + share * (min(late_d, _DAYS_MAX) - min(early_d, _DAYS_MAX))
    return min(points[-1][1], _DAYS_MAX)


def _from_forecast(forecast: Forecast) -> Outlook:
    return Outlook(forecast.as_of, *(days_at(forecast, probability) for probability in (_EARLY, _MIDDLE, _LATE)))


def _from_estimate(estimate: StockEstimate) -> Outlook | None:
    amount, use = estimate.amount, estimate.use_per_day
    if amount is None or use is None or use.value <= 0:
        return None
    return Outlook(
        as_of=estimate.as_of,
        early_d=_days(amount.low, use.high),
        middle_d=_days(amount.value, use.value),
        late_d=_days(amount.high, use.low),
    )


def _days(amount: float, use_per_day: float) -> float:
    return min(max(0.0, amount) / use_per_day, _DAYS_MAX) if use_per_day > 0 else _DAYS_MAX


def _percent(share: float) -> int:
    """From 1 to 99: a forecast is sure of nothing."""
    return min(99, max(1, round(share * 100)))
