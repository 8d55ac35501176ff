"""How much one household uses on each day, from one seed.

Milk and detergent come from the purchase history of one household of the public data in `purchases`; each simulated
home has its own, picked by the seed among those that buy both often. A purchase tells when a pack came, not when it
was used: every pack is finished on a random day between its purchase and the next one, and what lies between two
finishes is that pack. An even spread would tell a forecaster when the next purchase comes. One retailer sees only part
of what a home buys, so the mean over the days asked for is scaled into a band that is stated below.

The public data has almost no washer fluid. It comes from a built-in model: kilometres of a commuter by weekday, dry and
wet days as a two-state chain, and 1.8 mL/km on dry, 5.5 mL/km on wet salted winter roads (an assumption, not a
measurement). Without the package a built-in model of rates by weekday stands in for milk and detergent too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from firmware_sim.purchases import History, Kind, Purchase, read_histories

MILK_BAND_ML = (800.0, 1500.0)  # mean use a day
DETERGENT_BAND_ML = (70.0, 115.0)  # mean use a day

_SHOPPING_DAYS_MIN = {Kind.MILK: 26, Kind.DETERGENT: 6}
_PACKS_A_LINE_MAX = 12  # a line of more is no household's shopping
_PEAK_OVER_MEAN_MAX = 2.5  # nobody drinks a gallon a day: the rest is carried to the next day
_NOISE_SHAPE = 8.0  # gamma: about 35 % from day to day
_MILK_BY_WEEKDAY = (0.95, 0.95, 0.95, 0.95, 1.0, 1.15, 1.05)
_DETERGENT_BY_WEEKDAY = (0.8, 0.7, 0.9, 0.7, 0.9, 1.7, 1.3)
_KM_BY_WEEKDAY = (46.0, 46.0, 44.0, 46.0, 40.0, 30.0, 24.0)
_DRY_ML_PER_KM = 1.8
_WET_ML_PER_KM = 5.5
_STAYS_WET = 0.65
_TURNS_WET = 0.3


@dataclass(frozen=True, slots=True)
class DayUse:
    """What is asked for on one day. Units: mL, and km driven."""

    milk_ml: float
    detergent_ml: float
    drive_km: float
    washer_fluid_ml: float


@dataclass(frozen=True, slots=True)
class HouseholdUse:
    """A series of days; `source` says where it came from."""

    source: str
    days: tuple[DayUse, ...]

    def on(self, index: int) -> DayUse:
        """Use on day `index`; the series repeats."""
        return self.days[index % len(self.days)]


def household_use(*, seed: int, days: int, first_day: date, data: Path | None) -> HouseholdUse:
    """The use of the home with this seed over `days` days from `first_day`; `data` None means the built-in model."""
    if days < 1:
        raise ValueError(f"days = {days}: must be 1 or more")
    if data is None:
        source, milk, detergent = _built_in(seed, days=days, first_day=first_day)
    else:
        source, milk, detergent = _from_history(
            _pick(read_histories(data), seed), seed=seed, days=days, first_day=first_day
        )
    driven = _driving(random.Random(f"{seed}:driving"), days=days, first_day=first_day)
    rows = ((milk[i % len(milk)], detergent[i % len(detergent)], *driven[i]) for i in range(days))
    return HouseholdUse(source, tuple(DayUse(*row) for row in rows))


def spread(purchases: Sequence[Purchase], rng: random.Random) -> list[float]:
    """Use on each day in mL, from the day of the first purchase to the day on which the last pack was finished."""
    finishes = sorted(_finishes(purchases, rng))
    daily = [0.0] * (int(finishes[-1][0]) + 1)
    start = 0.0
    for end, pack_ml in finishes:
        _pour_evenly(daily, pack_ml, start=start, end=max(end, start + 1e-6))
        start = end
    return daily


def _finishes(purchases: Sequence[Purchase], rng: random.Random) -> list[tuple[float, float]]:
    """(days since the first purchase, pack in mL) at which each pack was finished."""
    first = purchases[0].day
    days = sorted({(purchase.day - first).days for purchase in purchases})
    mean_gap_d = max(days[-1] / max(len(days) - 1, 1), 1.0)
    following = dict(zip(days, [*days[1:], days[-1] + mean_gap_d], strict=True))
    finishes = []
    for purchase in purchases:
        bought = (purchase.day - first).days
        packs = range(min(purchase.packs, _PACKS_A_LINE_MAX))
        finishes += [(rng.uniform(bought, following[bought]), purchase.pack_ml) for _ in packs]
    return finishes


def _pour_evenly(daily: list[float], amount: float, *, start: float, end: float) -> None:
    """Add `amount` to the days between two moments, by how much of each day lies between them."""
    for day in range(int(start), min(int(end), len(daily) - 1) + 1):
        overlap = min(end, day + 1) - max(start, day)
        daily[day] += amount * max(overlap, 0.0) / (end - start)


def _pick(histories: dict[int, History], seed: int) -> History:
    """The household of this seed, among those that buy both kinds often enough to be interesting."""
    often = sorted(
        household
        for household, history in histories.items()
        if all(history.shopping_days(kind) >= least for kind, least in _SHOPPING_DAYS_MIN.items())
    )
    return histories[random.Random(f"{seed}:household").choice(often)]


def _from_history(history: History, *, seed: int, days: int, first_day: date) -> tuple[str, list[float], list[float]]:
    series = []
    for kind, band in ((Kind.MILK, MILK_BAND_ML), (Kind.DETERGENT, DETERGENT_BAND_ML)):
        purchases = history.purchases[kind]
        rng = random.Random(f"{seed}:{kind.name}")
        daily = _from_weekday(spread(purchases, rng), starts=purchases[0].day, first_day=first_day)
        series.append(_believable(daily[:days], band, rng))
    return f"completejourney household {history.household}", series[0], series[1]


def _from_weekday(daily: list[float], *, starts: date, first_day: date) -> list[float]:
    """The series turned so that its first day falls on the weekday of `first_day`, in whole weeks."""
    shift = (first_day.weekday() - starts.weekday()) % 7
    weeks = (len(daily) - shift) // 7
    return daily[shift : shift + weeks * 7] if weeks else daily


def _believable(daily: list[float], band: tuple[float, float], rng: random.Random) -> list[float]:
    """The series with its mean scaled into `band`, day-to-day noise, and peaks carried over to the next days."""
    mean = sum(daily) / len(daily)
    wanted = min(max(mean, band[0]), band[1])
    noisy = [value * rng.gammavariate(_NOISE_SHAPE, 1 / _NOISE_SHAPE) for value in daily]
    scale = wanted * len(noisy) / sum(noisy)
    smoothed, carried = [], 0.0
    for value in noisy:
        carried += value * scale
        smoothed.append(min(carried, wanted * _PEAK_OVER_MEAN_MAX))
        carried -= smoothed[-1]
    return smoothed


def _built_in(seed: int, *, days: int, first_day: date) -> tuple[str, list[float], list[float]]:
    rng = random.Random(f"{seed}:built-in")
    milk_ml, detergent_ml = rng.uniform(*MILK_BAND_ML), rng.uniform(*DETERGENT_BAND_ML)
    weekdays = [(first_day + timedelta(days=i)).weekday() for i in range(days)]
    milk = [milk_ml * _MILK_BY_WEEKDAY[day] * _noise(rng) for day in weekdays]
    detergent = [detergent_ml * _DETERGENT_BY_WEEKDAY[day] * _noise(rng) for day in weekdays]
    return "built-in", milk, detergent


def _driving(rng: random.Random, *, days: int, first_day: date) -> list[tuple[float, float]]:
    """(km, mL of washer fluid) of each day."""
    driven, wet = [], rng.random() < 0.5
    for i in range(days):
        wet = rng.random() < (_STAYS_WET if wet else _TURNS_WET)
        km = _KM_BY_WEEKDAY[(first_day + timedelta(days=i)).weekday()] * _noise(rng)
        driven.append((km, km * (_WET_ML_PER_KM if wet else _DRY_ML_PER_KM)))
    return driven


def _noise(rng: random.Random) -> float:
    """A factor around 1."""
    return rng.gammavariate(_NOISE_SHAPE, 1 / _NOISE_SHAPE)
