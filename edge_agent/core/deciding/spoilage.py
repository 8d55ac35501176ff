"""What spoils before it is used: how much of a stock is of use, and how many packs are worth buying.

The batch with the earliest date is used first. Of it only what is used by its date is of use; what is left then is
thrown away, and the need goes on with the next one. What has no date does not spoil.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from edge_agent.core.messages import Batch

# Demand at these quantiles must use all packs in time, where several are bought, and where it is one alone.
USED_UP_SURELY = 0.3
USED_UP_LIKELY = 0.5

_DAY = timedelta(days=1)
_LEFT_OVER_MIN = 0.05  # packs; less than that is a sip
DemandBy = Callable[[float, float], float]  # days from now, probability -> packs not exceeded with it


@dataclass(frozen=True, slots=True)
class Usable:
    """Packs that will be used before they spoil, those that will not, and when the first of these spoil."""

    packs: float
    spoiling_packs: float
    spoils_on: date | None


def usable(packs: float, batches: Sequence[Batch], *, pack_amount: float, demand: DemandBy, now: datetime) -> Usable:
    """What of a stock of `packs` is of use. `batches` are in the item's unit, the earliest date first."""
    used, kept, spoiling, spoils_on = 0.0, max(0.0, packs), 0.0, None
    for batch in batches:
        held = min(kept, max(0.0, batch.amount) / pack_amount)
        kept -= held
        by_then = demand(days_until(batch.best_before, now=now), USED_UP_LIKELY)
        used_of_it = min(held, max(0.0, by_then - used))
        left_over = held - used_of_it
        used += used_of_it
        spoiling += left_over
        if left_over > _LEFT_OVER_MIN and spoils_on is None:
            spoils_on = batch.best_before
    return Usable(packs=used + kept, spoiling_packs=spoiling, spoils_on=spoils_on)


def packs_used_in_time(held_packs: float, *, keeps_d: float, arrives_in_d: float, demand: DemandBy) -> float:
    """Packs on top of `held_packs` that are used before they spoil: surely, where that is more than one; else likely.

    They come in `arrives_in_d` and keep for `keeps_d` from then on.
    """
    until_d = arrives_in_d + keeps_d
    surely = demand(until_d, USED_UP_SURELY) - held_packs
    if surely >= 1:
        return surely
    return min(1.0, max(0.0, demand(until_d, USED_UP_LIKELY) - held_packs))


def days_until(best_before: date, *, now: datetime) -> float:
    """Days from `now` until the end of a UTC day; 0 where it is over."""
    end = datetime.combine(best_before, time(), UTC) + _DAY
    return max(0.0, (end - now) / _DAY)
