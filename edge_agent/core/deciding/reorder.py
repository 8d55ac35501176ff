"""When to order: the chance that goods come too late, against the price of holding them a day.

Ordering today and not tomorrow holds the goods one day more; it saves the stock-out of the day on which today's order
comes and tomorrow's does not. The price is `order_packs / rate` days of supply, so a slow item in a large pack waits
longer than milk. `thrift` weighs the two: the chance of a day without the item that one day of supply held is worth.
More thrift, less stock. One number for all items of a home holds the least stock at its stock-out days.

A position counts packs that are not finished: one that is open counts as one.

What a chance is: P(k packs or more are finished within the lead time), for positions k = 1, 2, ... Where it only grows
from day to day, order while it is above the price. Chances also fall: after the weekend on which a household shops, or
when an item goes out of use. The trained `order_chances` answer for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, isfinite
from typing import Final

from edge_agent.core.forecast import DAYS_MAX

RATE_PACKS_PER_DAY_MIN: Final = 1 / 90  # slower items are priced as if a pack lasted 90 days
NEED_PACKS_MAX: Final = 60
_RATE_PACKS_PER_DAY_MAX = 50.0
_ORDER_PACKS_MAX = 1_000.0


def price_d(*, order_packs: float, rate_packs_per_day: float) -> float:
    """Days of supply that an order holds when it is placed one day early. Absurd input is bounded."""
    rate = min(max(_number(rate_packs_per_day), RATE_PACKS_PER_DAY_MIN), _RATE_PACKS_PER_DAY_MAX)
    return min(max(_number(order_packs), 1.0), _ORDER_PACKS_MAX) / rate


def need_packs(chances: Sequence[float], *, order_packs: float, rate_packs_per_day: float, thrift: float) -> int:
    """The smallest acceptable inventory position: at least 1, at most one more than there are chances.

    `chances[k - 1]` belongs to a position of k packs and falls with k; what rises or is no number ends the count, so
    garbage never asks for more.
    """
    most = max(_number(thrift), 0.0) * price_d(order_packs=order_packs, rate_packs_per_day=rate_packs_per_day)
    need, before = 1, 1.0
    for chance in chances[: NEED_PACKS_MAX - 1]:
        if not most < chance <= before:
            break
        need, before = need + 1, chance
    return need


def poisson_chances(rate_packs_per_day: float, *, days: float, packs_max: int = 24) -> tuple[float, ...]:
    """P(D >= k) for k = 1..packs_max within `days`: the rule for an item without a model."""
    mean = min(max(_number(rate_packs_per_day), 0.0), _RATE_PACKS_PER_DAY_MAX) * min(max(_number(days), 0.0), DAYS_MAX)
    term = exp(-min(mean, 700.0))
    below, chances = 0.0, list[float]()
    for packs in range(1, packs_max + 1):
        below += term
        chances.append(min(max(1.0 - below, 0.0), chances[-1] if chances else 1.0))
        term *= mean / packs
    return tuple(chances)


def _number(value: float) -> float:
    return value if isfinite(value) else 0.0
