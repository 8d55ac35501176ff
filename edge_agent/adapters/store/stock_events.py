"""What people and deliveries said of a stock, in the order in which it was said; each said once is stored once."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from typing import cast

import apsw

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import (
    Delivered,
    Label,
    Labelled,
    SentBack,
    StockEvent,
    kind_of,
    number_of,
    restored,
)
from edge_agent.errors import BugError

log = logging.getLogger(__name__)

_PACKS_EQUAL = 1e-6
# A cause and what was added under it: ";" is the character after ":".
_KEPT = (
    "SELECT coalesce(sum(number), 0.0) FROM stock_event "
    "WHERE kind = :kind AND (cause = :cause OR (cause > :cause || ':' AND cause < :cause || ';'))"
)
_SELECT = "SELECT id, item, kind, number, at_ms, said_by, gtin14, batch, best_before, use_by FROM stock_event"
_OF_ITEM = f"{_SELECT} WHERE item = ?"


class SqliteStockEvents:
    """Fulfils `ports.StockEvents`. Every call is one transaction, durable when it returns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, event: StockEvent, *, cause: str | None = None) -> bool:
        """Keep what was said, with a line of the audit log; False: it was said before under the same `cause`."""
        with self._connection.transaction() as db:
            if cause is not None and db.execute("SELECT 1 FROM stock_event WHERE cause = ?", (cause,)).get is not None:
                return False
            _insert(db, event, cause=cause)
        return True

    def record_up_to(self, event: Delivered | SentBack, *, cause: str) -> bool:
        """Keep as many of its packs as were not kept under this cause before; False: there are none."""
        with self._connection.transaction() as db:
            kept = cast("float", db.execute(_KEPT, {"kind": kind_of(event), "cause": cause}).get)
            more = event.packs - kept
            if more <= _PACKS_EQUAL:
                return False
            _insert(db, replace(event, packs=more), cause=f"{cause}:{event.packs:g}")
        return True

    def events_after(self, item: ItemId, *, after_id: int, limit: int) -> list[tuple[int, StockEvent]]:
        """What was said of an item after the event with this number, oldest first."""
        return self._found(f"{_OF_ITEM} AND id > ? ORDER BY id LIMIT ?", (item, after_id, limit))

    def newest(self, item: ItemId, *, limit: int) -> list[StockEvent]:
        """What was said of an item last, newest first."""
        found = self._found(f"{_OF_ITEM} ORDER BY id DESC LIMIT ?", (item, limit))
        return [event for _, event in found]

    def labels(self, *, item: ItemId | None = None, limit: int) -> list[Labelled]:
        """What was read on packs last, newest first; of all items where none is named."""
        of_item, bound = ("", ()) if item is None else (" AND item = ?", (item,))
        query = f"{_SELECT} WHERE kind = 'labelled'{of_item} ORDER BY id DESC LIMIT ?"
        return [event for _, event in self._found(query, (*bound, limit)) if isinstance(event, Labelled)]

    def _found(self, query: str, bound: tuple[str | int, ...]) -> list[tuple[int, StockEvent]]:
        rows = self._connection.db.execute(query, bound)
        found: list[tuple[int, StockEvent]] = []
        for number, item, kind, amount, at_ms, by, *label in cast("list[_Row]", list(rows)):
            at = from_ms(at_ms)
            try:
                event = restored(kind, item=item, at=at, by=by, number=amount, label=_label(*label))
                found.append((number, event))
            except BugError as exc:
                log.warning("stock_event_skipped id=%d error=%s", number, exc)
        return found


def _insert(db: apsw.Connection, event: StockEvent, *, cause: str | None) -> None:
    number = number_of(event)
    label = event.label if isinstance(event, Labelled) else None
    db.execute(
        "INSERT INTO stock_event (item, kind, number, at_ms, said_by, cause, gtin14, batch, best_before, use_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (event.item, kind_of(event), number, to_ms(event.at), event.by, cause, *_columns(label)),
    )
    told = {"event": "stock_told", "item": event.item, "what": kind_of(event), "by": event.by}
    chain.append(db, {**told, **({} if number is None else {"number": f"{number:.6g}"}), **_said(label)})


_Row = tuple[int, str, str, float | None, int, str, str | None, str | None, str | None, str | None]


def _columns(label: Label | None) -> tuple[str | None, ...]:
    if label is None:
        return (None, None, None, None)
    return (label.gtin14, label.batch, _written(label.best_before), _written(label.use_by))


def _label(gtin14: str | None, batch: str | None, best_before: str | None, use_by: str | None) -> Label | None:
    return None if gtin14 is None or batch is None else Label(gtin14, batch, _day(best_before), _day(use_by))


def _said(label: Label | None) -> dict[str, str]:
    """A label in the audit log: what it names."""
    names = ("gtin14", "batch", "best_before", "use_by")
    return {name: said for name, said in zip(names, _columns(label), strict=True) if said}


def _written(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
