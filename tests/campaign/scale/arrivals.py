"""When hubs ask: a week of many homes in virtual time, second by second, from one seed. Pure, on numpy.

What a hub asks and when is `edge_agent.core.pacing` with the product's default periods; both are imported. Homes that
live, order and lose power are the simulation's own, and stand in `World`. `rules` says which hub: `now`, or `fixed`,
where every period is the same for all, as it was before `core.pacing`.

*Shapes*: each kind of request is an int32 array of `(seconds,)`. Time is in seconds from Monday 00:00 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_agent.core import pacing
from tests.campaign.scale.inputs import Inputs, Rules

WEEK_S = 7 * 86_400
Rule = Literal["now", "fixed"]
Counts = npt.NDArray[np.int32]
Times = npt.NDArray[np.float64]

_BY_HOUR = (2, 1, 1, 1, 1, 2, 6, 10, 9, 7, 6, 6, 7, 6, 5, 6, 8, 12, 14, 13, 10, 7, 4, 3)  # local, of a working day
_BY_DAY = (0.95, 0.9, 0.9, 0.95, 1.05, 1.25, 1.0)  # Monday to Sunday
_BATCH = 2_000  # homes whose polls are drawn at once: (batch, polls) float64 in memory


@dataclass(frozen=True, slots=True)
class World:
    """What happens to the homes. Times in s; shares of the homes.

    `zones` are hours ahead of UTC with the share of homes there. The bridge is away from `outage_at` for `outage_s`. A
    share of the homes has no power from `dark_at` for `dark_s`; each of its hubs takes a time between the two `boot_s`
    to start. `answer_s`: how long a turn takes, by which a hub's period is longer than it is set to.
    """

    zones: tuple[tuple[int, float], ...] = ((0, 0.15), (1, 0.75), (2, 0.10))
    outage_at: float = 1.5 * 86_400
    outage_s: float = 2 * 3_600.0
    dark_at: float = 3 * 86_400 + 17 * 3_600
    dark_s: float = 45 * 60.0
    dark_share: float = 0.1
    boot_s: tuple[float, float] = (40.0, 160.0)
    answer_s: tuple[float, float] = (0.05, 0.25)

    @property
    def outage(self) -> tuple[float, float]:
        """From and to."""
        return self.outage_at, self.outage_at + self.outage_s


QUIET = World(outage_s=0.0, dark_share=0.0)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What reaches the bridge in each second of the week, and its looks at merchants."""

    homes: int
    polls: Counts
    heads: Counts
    price_lists: Counts
    orders: Counts
    looks: Counts

    def kinds(self) -> Mapping[str, Counts]:
        """By name."""
        return {
            "polls": self.polls,
            "heads": self.heads,
            "price_lists": self.price_lists,
            "orders": self.orders,
            "looks": self.looks,
        }


@dataclass(frozen=True, slots=True)
class _Homes:
    """Per home: when its hub was switched on, how long its turns take, and whether the power cut is its."""

    phase_s: Times
    answer_s: Times
    dark: npt.NDArray[np.bool_]
    back_at: Times = field(repr=False)


def simulate(homes: int, inputs: Inputs, *, seed: int, rule: Rule = "now", world: World | None = None) -> Arrivals:
    """A week of so many homes."""
    rng, world = np.random.default_rng(seed), world or World()
    made = _made(homes, rng, world, inputs.rules)
    polls, heads = _polls_and_heads(made, rng, world, inputs.rules, rule=rule)
    orders = _orders(homes, inputs, rng, world)
    return Arrivals(
        homes=homes,
        polls=polls,
        heads=heads,
        price_lists=_price_lists(made, rng, world, inputs, rule=rule),
        orders=_delayed(orders, world, rng, inputs.rules),
        looks=_looks(orders, inputs),
    )


def order_rate(zones: tuple[tuple[int, float], ...]) -> Times:
    """How the orders of a week are spread over its seconds, with mean 1. Shapes: (seconds,) float64."""
    hours = np.array([[share * day for share in _BY_HOUR] for day in _BY_DAY], dtype=float).ravel()
    whole = sum(share * np.roll(hours, -ahead) for ahead, share in zones)
    by_second = np.repeat(np.asarray(whole, dtype=float), 3_600)
    return np.asarray(by_second / by_second.mean(), dtype=float)


def _made(homes: int, rng: np.random.Generator, world: World, rules: Rules) -> _Homes:
    dark = rng.random(homes) < world.dark_share
    back_at = world.dark_at + world.dark_s + rng.uniform(*world.boot_s, homes)
    phase = rng.uniform(0, rules.review_s, homes)  # switched on some time before this week, each when it was bought
    return _Homes(phase, rng.uniform(*world.answer_s, homes), dark, back_at)


def _polls_and_heads(
    homes: _Homes, rng: np.random.Generator, world: World, rules: Rules, *, rule: Rule
) -> tuple[Counts, Counts]:
    polls, heads = _none(), _none()
    for start in range(0, homes.dark.size, _BATCH):
        some = slice(start, start + _BATCH)
        dark, answer, back = homes.dark[some], homes.answer_s[some], homes.back_at[some]
        before = homes.phase_s[some] % rules.poll_s
        times = _turns(before, rules.poll_s + answer, until=WEEK_S)
        gone = dark[:, None] & (times >= world.dark_at)
        _count(polls, times[~gone & ~_during(times, world.outage)])
        again = _after_start(back[dark], answer[dark], rng, rules, rule=rule)
        _count(polls, again[~_during(again, world.outage)])
        _count(heads, np.repeat(back[dark], 2))  # the review asks before its first look, and the outbox before its own
    return polls, heads


def _after_start(back: Times, answer: Times, rng: np.random.Generator, rules: Rules, *, rule: Rule) -> Times:
    """Polls of hubs that have just started: one at once, and then on their way."""
    first = np.full(back.size, rules.poll_s)
    if rule == "now":
        first = np.asarray(pacing.first_pause_s(rules.poll_s, chance=rng.random(back.size)), dtype=float)  # type: ignore[arg-type]
    rest = _turns(back + first + answer, rules.poll_s + answer, until=WEEK_S)
    return np.concatenate([back, rest.ravel()])


def _price_lists(homes: _Homes, rng: np.random.Generator, world: World, inputs: Inputs, *, rule: Rule) -> Counts:
    """Lists, a look at a time: `edge_agent.pipeline.prices` for all homes at once."""
    rules, size = inputs.rules, homes.phase_s.size
    questions = int(-(-inputs.choices.products // 10))
    counts = _none()
    fetched = _asked_before(size, rng, inputs, world, rule=rule)
    life, asks_at = _life(size, rng, rules, rule=rule), np.full(size, np.nan)
    look_at, period = homes.phase_s.copy(), rules.review_s + homes.answer_s
    is_back = np.zeros(size, dtype=bool)
    while look_at.min() < WEEK_S:
        restarts = homes.dark & ~is_back & (look_at >= world.dark_at)
        look_at[restarts], asks_at[restarts] = homes.back_at[restarts], np.nan
        is_back |= restarts
        old = look_at - fetched >= life
        new = old & np.isnan(asks_at)
        asks_at[new] = look_at[new] + _aside(int(new.sum()), rng, rules, rule=rule)
        asks = old & (look_at >= asks_at) & (look_at < WEEK_S)
        answered = asks & ~_during(look_at, world.outage)
        _count(counts, np.repeat(look_at[answered], questions))
        fetched[answered] = look_at[answered]
        life[asks] = _life(int(asks.sum()), rng, rules, rule=rule)
        asks_at[asks] = np.nan
        pause = np.where(restarts, _first_look(size, rng, rules, rule=rule), period)
        look_at = look_at + pause
    return counts


def _asked_before(size: int, rng: np.random.Generator, inputs: Inputs, world: World, *, rule: Rule) -> Times:
    """When each home asked last before the week.

    With fixed periods that is when somebody set the home up, at the times of day at which people do such things; with
    drawn ones the weeks since have spread it over the day.
    """
    if rule == "now":
        return -rng.random(size) * inputs.rules.prices_s
    rate = order_rate(world.zones)[:86_400]
    return rng.choice(86_400, size=size, p=rate / rate.sum()).astype(float) - 86_400


def _life(size: int, rng: np.random.Generator, rules: Rules, *, rule: Rule) -> Times:
    chance = rng.random(size) if rule == "now" else np.zeros(size)
    return np.asarray(pacing.price_life_s(rules.prices_s, chance=chance), dtype=float)  # type: ignore[arg-type]


def _aside(size: int, rng: np.random.Generator, rules: Rules, *, rule: Rule) -> Times:
    chance = rng.random(size) if rule == "now" else np.zeros(size)
    return np.asarray(pacing.wait_aside_s(rules.prices_s, chance=chance), dtype=float)  # type: ignore[arg-type]


def _first_look(size: int, rng: np.random.Generator, rules: Rules, *, rule: Rule) -> Times:
    if rule == "fixed":
        return np.full(size, rules.review_s)
    return np.asarray(pacing.first_pause_s(rules.review_s, chance=rng.random(size)), dtype=float)  # type: ignore[arg-type]


def _orders(homes: int, inputs: Inputs, rng: np.random.Generator, world: World) -> Counts:
    mean = homes * inputs.choices.orders_per_day / 86_400
    return rng.poisson(mean * order_rate(world.zones)).astype(np.int32)


def _delayed(orders: Counts, world: World, rng: np.random.Generator, rules: Rules) -> Counts:
    """Orders that were approved while the bridge was away wait for their hub's next try, five minutes at the most."""
    counts = orders.copy()
    start, end = (int(each) for each in world.outage)
    waiting = int(orders[start:end].sum())
    counts[start:end] = 0
    _count(counts, end + rng.uniform(0, rules.poll_s, waiting))
    return counts


def _looks(orders: Counts, inputs: Inputs) -> Counts:
    """Looks of the bridge at merchants: at once, each hour under way, and each day afterwards. The week repeats itself.

    A fraction of the days under way is a fraction of the orders.
    """
    rules, hours = inputs.rules, inputs.choices.transit_days * 86_400 / inputs.rules.look_s
    looks = np.zeros(WEEK_S)
    for number in range(1, int(hours) + 1):
        looks += np.roll(orders, int(number * rules.look_s))
    start = int(hours * rules.look_s)
    for number in range(1, int(rules.afterwards_days) + 1):
        looks += np.roll(orders, start + int(number * rules.afterwards_look_s))
    return looks.astype(np.int32)


def _turns(first: Times, period: Times, *, until: float) -> Times:
    """Times of turns with a pause of their own for each home: (homes, turns), some of them after the end."""
    if first.size == 0:
        return np.empty((0, 0))
    most = int((until - first.min()) / period.min()) + 1
    return np.asarray(first[:, None] + np.arange(most) * period[:, None], dtype=float)


def _during(times: Times, span: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return (times >= span[0]) & (times < span[1])


def _count(counts: Counts, times: Times) -> None:
    seconds = times[(times >= 0) & (times < WEEK_S)].astype(np.int64)
    counts += np.bincount(seconds, minlength=WEEK_S).astype(np.int32)


def _none() -> Counts:
    return np.zeros(WEEK_S, dtype=np.int32)
