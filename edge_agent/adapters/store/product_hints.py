"""The cache of what Open Food Facts tells of products, from a file or asked online, each with its date and source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import apsw

from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.net_quantity import NetQuantity
from edge_agent.core.product_hint import KnownProduct, ProductHint, Source

_PUT = (
    "INSERT INTO product_hint (gtin, hint, changed_ms, source, kept_ms) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (gtin) DO UPDATE SET hint = excluded.hint, changed_ms = excluded.changed_ms, "
    "source = excluded.source, kept_ms = excluded.kept_ms"
)
# A file is as old as it is: it takes nothing away that was edited later.
_UNLESS_NEWER = " WHERE hint IS NULL OR coalesce(excluded.changed_ms, 0) >= coalesce(changed_ms, 0)"


class SqliteProductHints:
    """Fulfils `pipeline.products.HintStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, gtin14: str) -> KnownProduct | None:
        """What is kept of a number; None where nothing is."""
        with self._connection.reading() as db:
            row = db.execute(
                "SELECT hint, changed_ms, source, kept_ms FROM product_hint WHERE gtin = ?", (int(gtin14),)
            ).fetchone()
        if row is None:
            return None
        text, changed_ms, source, kept_ms = cast("tuple[str | None, int | None, Source, int]", row)
        hint = None if text is None else _hint(gtin14, text, changed_ms=changed_ms)
        return KnownProduct(hint, source, from_ms(kept_ms))

    def note_answer(self, gtin14: str, hint: ProductHint | None, *, at: datetime) -> None:
        """Keep what was answered online: the hint, or that there is none."""
        with self._connection.transaction() as db:
            db.execute(_PUT, _row(gtin14, hint, source="online", at=at))

    def take_in(self, hints: Sequence[ProductHint], *, rows_max: int, at: datetime) -> int:
        """Keep what a file tells, all of it in one transaction; returns how many were kept.

        Numbers that are new are left out once there are `rows_max` rows.
        """
        ordered = sorted(hints, key=lambda hint: hint.gtin14)  # rows that lie side by side are written together
        with self._connection.transaction() as db:
            room = rows_max - cast("int", db.execute("SELECT count(*) FROM product_hint").get)
            kept = 0
            for hint in ordered:
                is_new = _is_new(db, hint.gtin14)
                if is_new and room <= 0:
                    continue
                room -= is_new
                db.execute(_PUT + _UNLESS_NEWER, _row(hint.gtin14, hint, source="file", at=at))
                kept += 1
        return kept


def _is_new(db: apsw.Connection, gtin14: str) -> bool:
    return db.execute("SELECT 1 FROM product_hint WHERE gtin = ?", (int(gtin14),)).fetchone() is None


def _row(
    gtin14: str, hint: ProductHint | None, *, source: Source, at: datetime
) -> tuple[int, str | None, int | None, str, int]:
    changed_at = None if hint is None else hint.changed_at
    text = None if hint is None else _text(hint)
    return int(gtin14), text, None if changed_at is None else to_ms(changed_at), source, to_ms(at)


def _text(hint: ProductHint) -> str:
    """Without what is empty: a file brings many of them."""
    told = {
        "names": hint.names,
        "brand": hint.brand,
        "label": hint.label,
        "quantity": None if hint.quantity is None else (hint.quantity.amount, hint.quantity.unit),
        "allergens": hint.allergens,
        "labels": hint.labels,
    }
    return json.dumps({name: value for name, value in told.items() if value}, ensure_ascii=False, separators=(",", ":"))


def _hint(gtin14: str, text: str, *, changed_ms: int | None) -> ProductHint:
    told = json.loads(text)
    quantity = told.get("quantity")
    return ProductHint(
        gtin14=gtin14,
        names=tuple((language, name) for language, name in told.get("names", ())),
        brand=told.get("brand", ""),
        label=told.get("label", ""),
        quantity=None if quantity is None else NetQuantity(*quantity),
        allergens=tuple(told.get("allergens", ())),
        labels=tuple(told.get("labels", ())),
        changed_at=None if changed_ms is None else from_ms(changed_ms),
    )
