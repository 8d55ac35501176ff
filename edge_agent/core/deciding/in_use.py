"""Whether an item is still used at all: what nobody uses any more is not bought again, somebody is asked.

Judged by the item's own habit: the days between two uses so far. A pause that is far beyond them says that it went out
of use. An empty shelf says nothing of the kind, since nobody can use what is not there.
"""

from __future__ import annotations

from datetime import date, datetime

from edge_agent.core.messages import StockEstimate

PAUSE_MIN_D = 21
_PAUSES = 6.0  # times the usual days between uses: exponential pauses reach that once in 400
_PRIOR_USES = 1.0
_PRIOR_DAYS_PER_USE = 3.0
_EMPTY_SHARE = 0.05  # of a pack


def out_of_use_since(estimate: StockEstimate, *, pack_amount: float, now: datetime) -> date | None:
    """The day of the last use, where the item went out of use since; None: it is used, or nobody can tell."""
    last = estimate.last_used_on or _last_use(estimate)
    if last is None or estimate.amount is None or estimate.amount.value <= _EMPTY_SHARE * pack_amount:
        return None
    pause_d = (min(now, estimate.as_of).date() - last).days
    return last if pause_d >= max(PAUSE_MIN_D, _PAUSES * _days_per_use(estimate, until=last)) else None


def _last_use(estimate: StockEstimate) -> date | None:
    return next((day for day, used in reversed(estimate.daily_use) if used > 0), None)


def _days_per_use(estimate: StockEstimate, *, until: date) -> float:
    """Days between two days of use, while it was used; a little shrunk to every third day."""
    days = [used for day, used in estimate.daily_use if day <= until]
    uses = sum(1 for used in days if used > 0)
    return (len(days) + _PRIOR_DAYS_PER_USE * _PRIOR_USES) / (uses + _PRIOR_USES)
