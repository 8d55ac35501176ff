"""What a merchant has sold, by its own books. Read, never written.

- The UCP sample merchant's SQLite file (`transactions.db`): a row of `orders` each, as JSON.
- Lines of JSON, one sale a line, in the order of the sales: `order_id`, `sku`, `quantity`, and where it is known
  `total_minor`. Any shop can be asked for such an export.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sim.listening import LinkError

_SQLITE = b"SQLite format 3\0"


class LedgerError(LinkError):
    """The merchant's books cannot be read; says what is wrong."""


@dataclass(frozen=True, slots=True)
class Sale:
    """One order as the merchant has it. Units: minor units of the currency that it sells in; None: it does not tell."""

    order_id: str
    sku: str
    quantity: int
    total_minor: int | None


def read(path: Path) -> list[Sale]:
    """All sales, in order; the same order twice is there twice.

    Raises: LedgerError.
    """
    try:
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
        return list(_sample(path) if is_database else _lines(path))
    except (OSError, sqlite3.Error) as exc:
        raise LedgerError(f"--ledger {path}: cannot be read: {exc}") from exc
    except (ValueError, KeyError, TypeError, IndexError) as exc:
        raise LedgerError(f"--ledger {path}: holds what is no sale: {type(exc).__name__}: {exc}") from exc


def _sample(path: Path) -> Iterator[Sale]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as database:
        rows = database.execute("SELECT id, data FROM orders ORDER BY rowid").fetchall()
    for order_id, text in rows:
        document: dict[str, Any] = json.loads(text)
        [line] = document["line_items"]
        totals = {total["type"]: total["amount"] for total in document.get("totals") or []}
        yield Sale(str(order_id), str(line["item"]["id"]), int(line["quantity"]["total"]), totals.get("total"))


def _lines(path: Path) -> Iterator[Sale]:
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):  # a sale that is being written
                return
            told: dict[str, Any] = json.loads(line)
            yield Sale(str(told["order_id"]), str(told["sku"]), int(told["quantity"]), told.get("total_minor"))
