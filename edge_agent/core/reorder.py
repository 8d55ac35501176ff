"""When to order: the chance that goods come too late, against the price of holding them a day.

Ordering today and not tomorrow holds the goods one day more; it saves the stock-out of the day on which today's order
comes and tomorrow's does not. The price is `order_packs / rate` days of supply, so a slow item in a large pack waits
longer than milk. `thrift` weighs the two: the chance of a day without the item that one day of supply held is worth.
More thrift, less stock. One number for all items of a home holds the least stock at its stock-out days.

A position counts packs that are not finished: one that is open counts as one.

What a chance is. `within[d - 1][k - 1]` is P(k packs or more are finished within d days). With a lead time of `lead_d`
days and a chance that only grows, order while P(D_lead >= position) is above the price. Chances also fall: after the
weekend on which a household shops, or when an item goes out of use. So `waiting_chances` asks for any number of days to
wait; the trained model answers that question directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isfinite
from typing import Final

from edge_agent.core.forecast import DAYS_MAX

RATE_PACKS_PER_DAY_MIN: Final = 1 / 90  # slower items are priced as if a pack lasted 90 days
NEED_PACKS_MAX: Final = 60
_RATE_PACKS_PER_DAY_MAX = 50.0
_ORDER_PACKS_MAX = 1_000.0


@dataclass(frozen=True, slots=True)
class Window:
    """Days from now on which an order is sensible: from `earliest_d` to `latest_d`, at best on `best_d`.

    `early_cost` is what ordering now costs more than on the best day, in days of supply held for a day.
    """

    earliest_d: int
    best_d: int
    latest_d: int
    early_cost: float


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


def waiting_chances(within: Sequence[Sequence[float]], *, lead_d: int) -> tuple[float, ...]:
    """Stock-out days that a day of waiting costs, for positions of 1, 2, ... packs.

    For each position the least over all numbers of days to wait (or until the stock is gone): a household that waits
    until after the next shopping day looks past a chance that is high on one day only. `within` needs at least
    `lead_d` days.

    Raises: ValueError where it has fewer.
    """
    if not 1 <= lead_d <= len(within):
        raise ValueError(f"a lead time of {lead_d} days needs chances for as many days, there are {len(within)}")
    columns = zip(*within, strict=True)
    return tuple(_least_chance((0.0, *column), lead_d=lead_d) for column in columns)


def order_window(
    used_up: Sequence[float],
    *,
    lead_d: int,
    order_packs: float,
    rate_packs_per_day: float,
    thrift: float,
    allowance: float,
) -> Window:
    """The days on which an order costs at most `allowance` more than on the best day.

    `used_up[d - 1]` is P(the present position is finished within d days), d = 1 .. at least `lead_d`; the window ends
    where they do. `allowance` is in days of supply held for a day: 14 lets goods for a week come two days early.

    Raises: ValueError where there are fewer days than the lead time has.
    """
    if not 1 <= lead_d <= len(used_up):
        raise ValueError(f"a lead time of {lead_d} days needs chances for as many days, there are {len(used_up)}")
    price = price_d(order_packs=order_packs, rate_packs_per_day=rate_packs_per_day)
    gone = _rising((0.0, *used_up))
    costs = [0.0]
    for day in range(len(gone) - lead_d):
        late = (gone[day + lead_d] - gone[day]) / max(_number(thrift), 1e-9)
        costs.append(costs[-1] + late - price * (1.0 - gone[day]))
    best = min(range(len(costs)), key=costs.__getitem__)
    allowed = [day for day, cost in enumerate(costs) if cost - costs[best] <= max(_number(allowance), 0.0)]
    return Window(allowed[0], best, allowed[-1], early_cost=costs[0] - costs[best])


def used_again(within: Sequence[float], *, days: int) -> float:
    """P(the item is used at all within `days`), from P(a pack or more is finished within 1, 2, ... days).

    Beyond the known days it goes on at their mean pace. An item that fades goes on more slowly than that, so this is
    a bound from above: where it is low the item is out of use.

    Raises: ValueError where no day is known.
    """
    if not within:
        raise ValueError("no chance of use is known for any day")
    used = _rising((0.0, *within))
    if days < len(used):
        return used[max(days, 0)]
    left: float = (1.0 - used[-1]) ** (min(days, DAYS_MAX) / (len(used) - 1))
    return 1.0 - left


def _least_chance(gone: tuple[float, ...], *, lead_d: int) -> float:
    gone = _rising(gone)
    late = waited = 0.0
    least = 1.0
    for day in range(len(gone) - lead_d):
        late += gone[day + lead_d] - gone[day]
        waited += 1.0 - gone[day]
        if waited > 0.0:
            least = min(least, late / waited)
    return least


def _rising(chances: tuple[float, ...]) -> tuple[float, ...]:
    """Chances bounded to 0..1 that never fall; what is no number counts as no chance."""
    most, rising = 0.0, []
    for chance in chances:
        most = max(most, min(max(_number(chance), 0.0), 1.0))
        rising.append(most)
    return tuple(rising)


def _number(value: float) -> float:
    return value if isfinite(value) else 0.0
