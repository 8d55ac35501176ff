"""What the store keeps of the household: counted, and written out for its owner.

What is secret or good for signing in never leaves: passwords, PINs, sessions, marks of forms, the hashes of tokens, the
addresses of channels, which may hold a key. Of tokens, channels and links it is told that there are so many. A table
that this list does not name is counted and not written out, so that a new one gives nothing away before somebody has
looked at it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from edge_agent.adapters.backup.parts import REPLACED_PREFIX
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.adapters.store.forgetting import copies
from edge_agent.core.holdings import Beside, Held, SentSum
from edge_agent.core.messages import DeviceId, ItemId
from edge_agent.core.report import Spoiled
from edge_agent.ports import Clock

ROWS_AT_ONCE = 1_000
_DEVICES_MAX = 1_000
_RECIPIENTS_MAX = 20
_NUMBERED = frozenset({"message", "reading", "quarantine", "price", "egress"})  # large, and numbered as they come
_INSIDE = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})


@dataclass(frozen=True, slots=True)
class _Table:
    """How a table is counted and written out: its columns, its key for going on, and its column of time."""

    name: str
    columns: str
    key: str
    at: str | None = None


TABLES = (
    _Table("device", "device, profile, firmware, boot, birth_ms, online, presence_ms, seen_ms", "device", "birth_ms"),
    _Table("message", "id, device, profile, topic, boot, seq, event_ms, received_ms", "id", "received_ms"),
    _Table("reading", "id, message_id, device, signal, presence, number, text, unit, event_ms", "id", "event_ms"),
    _Table("reading_summary", "device, signal, unit, day, readings, numbers, total, low, high", "rowid"),
    _Table("message_summary", "device, boot, first_seq, last_seq", "rowid"),
    _Table("unsequenced_summary", "device, messages", "rowid"),
    _Table("sequence", "device, boot, first_seq, seq", "rowid"),
    _Table("quarantine", "id, topic, device, boot, seq, reason, detail, payload, received_ms", "id", "received_ms"),
    _Table("stock", "item, state", "item"),
    _Table(
        "stock_event",
        "id, item, kind, number, at_ms, said_by, cause, gtin14, batch, best_before, use_by",
        "id",
        "at_ms",
    ),
    _Table(
        "price",
        "id, item, merchant, sku, unit_price_minor, delivery_minor, currency, available, fetched_ms",
        "id",
        "fetched_ms",
    ),
    _Table(
        "price_elsewhere",
        "merchant, sku, delivery_ref, unit_price_minor, delivery_minor, currency, available, fetched_ms",
        "rowid",
        "fetched_ms",
    ),
    _Table("merchant", "merchant, class, told_ms", "merchant", "told_ms"),
    _Table("shadow_order", "item, at_ms, said", "rowid", "at_ms"),
    _Table("decision_bundle", "prompt, at_ms, bundle", "prompt", "at_ms"),
    _Table(
        "prompt",
        "id, item, state, offer, terms_hash, order_by_ms, reasons, created_ms, changed_ms, answered_by, decline_reason",
        "id",
        "created_ms",
    ),
    _Table("endorsement", "prompt, name, terms_hash, at_ms", "rowid", "at_ms"),
    _Table(
        "intent",
        "id, prompt, item, state, merchant, quantity, amount, total_minor, currency, created_ms, changed_ms, "
        "merchant_order_id, charged_minor, detail, arrived_ms, ordered_quantity, delivered_quantity, "
        "returned_quantity, refunded_minor, substitute_sku, expected_on, delivered_ms, returned_ms, problem_word, "
        "withdrawn_for",
        "id",
        "created_ms",
    ),
    _Table(
        "authority",
        "intent, prompt, kind, signer, terms, signature, granted_ms, receipt, handover",
        "intent",
        "granted_ms",
    ),
    _Table(
        "mandate",
        "id, state, terms, signature, created_ms, changed_ms, changed_by, proposed_by, confirmed_by",
        "id",
        "created_ms",
    ),
    _Table(
        "ledger", "intent, mandate, period_index, state, amount_minor, currency, changed_ms", "intent", "changed_ms"
    ),
    _Table("policy", "number, document, signature, set_by, set_ms", "number", "set_ms"),
    _Table("audit", "seq, prev_hash, hash, event", "seq"),
    _Table("recall", "id, gtin14, batch, until, text, source, filed_by, filed_ms", "id", "filed_ms"),
    _Table("recall_done", "recall, item, what, done_by, done_ms", "rowid", "done_ms"),
    _Table("recall_told", "recall, person, at_ms", "rowid", "at_ms"),
    _Table("egress", "id, at_ms, purpose, recipient, method, path, size_bytes, sha256, body", "id", "at_ms"),
    _Table("product_hint", "gtin, hint, changed_ms, source, kept_ms", "gtin", "kept_ms"),
    _Table("account", "name, role, language", "name"),
    _Table("api_token", "id, label, account, scopes, made_by, created_ms, expires_ms, used_ms", "id", "created_ms"),
    _Table("notice_channel", "id, person, kind, rank, is_on, added_ms", "id", "added_ms"),
    _Table("notice_receipt", "prompt, person, channel, state, attempts, changed_ms", "rowid", "changed_ms"),
    _Table("notice_sent", "id, person, channel, at_ms, has_failed", "id", "at_ms"),
    _Table("notice_link", "person, channel, prompts, expires_ms, used_ms", "rowid"),
)
_KEYED = {table.name: table for table in TABLES}


class SqliteHoldings:
    """Counts and writes out; changes nothing. `household` gives the text of the household's file.

    `store` is the file of the store, for what lies beside it.
    """

    def __init__(
        self, connection: Connection, *, clock: Clock, household: Callable[[], str], store: Path | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._household = household
        self._store = store

    def held(self) -> list[Held]:
        """Every table that has rows, those of the list first."""
        db = self._connection.db
        found = [str(row[0]) for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        others = [name for name in found if name not in _KEYED and name not in _INSIDE]
        counted = [self._counted(name) for name in (*(name for name in _KEYED if name in found), *others)]
        return [held for held in counted if held.rows]

    def sent(self) -> list[SentSum]:
        """What the ledger of the gate out lists, by purpose."""
        rows = self._connection.db.execute(
            "SELECT purpose, count(*), sum(size_bytes), min(at_ms), max(at_ms), "
            "json_group_array(DISTINCT recipient) FROM egress GROUP BY purpose ORDER BY purpose"
        )
        return [
            SentSum(purpose, messages, size, from_ms(first), from_ms(last), _names(recipients))
            for purpose, messages, size, first, last, recipients in cast(
                "Iterator[tuple[str, int, int, int, int, str]]", rows
            )
        ]

    def devices(self) -> list[DeviceId]:
        """Devices of which readings, or sums by day, are held, by name; each is looked up, the rows are not counted."""
        found = {device for table in ("reading", "reading_summary") for device in self._named(table)}
        return sorted(found)[:_DEVICES_MAX]

    def beside(self) -> Beside:
        """Copies that upgrades left, and what was set apart: damaged stores, and what a backup has replaced."""
        if self._store is None:
            return Beside()
        found = copies(self._store)
        folder, damaged = self._store.parent, f"{self._store.name}.damaged-"
        apart = [path.name for path in folder.iterdir() if path.name.startswith((damaged, REPLACED_PREFIX))]
        return Beside(
            copies=tuple(copy.name for copy in found),
            copies_bytes=sum(copy.stat().st_size for copy in found),
            set_apart=tuple(sorted(name for name in apart if not name.endswith(("-wal", "-shm")))),
        )

    async def export(self) -> AsyncIterator[bytes]:
        """Lines of JSON, each with `kind`: first what this is, then the household's file, then every row of each table.

        A column that is called `kind` itself comes with the table's name before it.

        The hub goes on meanwhile: what is written behind the place where the export stands is not in it. The last line
        says how many rows there are, so that a file that broke off is seen to be one.
        """
        about = {"kind": "about", "form": "restock.export", "version": 1, "made_at": self._clock.now().isoformat()}
        yield _line(about) + _line({"kind": "household_file", "text": self._household()})
        rows = 0
        for table in TABLES:
            after: object = None
            while True:
                part, after = self._part(table, after)
                rows += len(part)
                if part:
                    yield b"".join(part)
                if len(part) < ROWS_AT_ONCE:
                    break
                await asyncio.sleep(0)  # whoever else waits for the hub comes in between
        yield _line({"kind": "end", "rows": rows})

    def _named(self, table: str) -> list[DeviceId]:
        """The devices of a table whose index begins with them, going from each one to the next."""
        rows = self._connection.db.execute(
            f"WITH RECURSIVE d(device) AS (SELECT min(device) FROM {table} UNION ALL "  # noqa: S608 - our own names
            f"SELECT (SELECT min(device) FROM {table} WHERE device > d.device) FROM d WHERE d.device IS NOT NULL) "
            "SELECT device FROM d WHERE device IS NOT NULL LIMIT ?",
            (_DEVICES_MAX,),
        )
        return [DeviceId(str(device)) for (device,) in rows]

    def _counted(self, name: str) -> Held:
        """Its rows, and the oldest row's time: that of the first number where rows are numbered as they come."""
        db, table = self._connection.db, _KEYED.get(name)
        rows = cast("int", db.execute(f'SELECT count(*) FROM "{name}"').get)  # noqa: S608 - our own names
        if table is None or table.at is None:
            return Held(name, rows)
        numbered = name in _NUMBERED
        which, order = (table.at, "ORDER BY id LIMIT 1") if numbered else (f"min({table.at})", "")
        text = f"SELECT {which} FROM {name} {order}"  # noqa: S608 - our own names
        at_ms = cast("int | None", db.execute(text).get)
        return Held(name, rows, None if at_ms is None else from_ms(at_ms))

    def _part(self, table: _Table, after: object) -> tuple[list[bytes], object]:
        """The next rows of a table as lines, and where to go on."""
        by_key = table.key != "rowid"
        order = table.key if by_key else ", ".join(_primary_key(self._connection, table.name))
        where, limit = ("", f"LIMIT {ROWS_AT_ONCE}")
        binding: tuple[object, ...] = ()
        if after is not None and by_key:
            where, binding = f"WHERE {order} > ?", (after,)
        elif after is not None:
            limit, binding = f"LIMIT {ROWS_AT_ONCE} OFFSET ?", (after,)
        names = [name.strip() for name in table.columns.split(",")]
        text = f"SELECT {table.columns} FROM {table.name} {where} ORDER BY {order} {limit}"  # noqa: S608 - our own names
        found = list(self._connection.db.execute(text, binding))
        told = [f"{table.name}_kind" if name == "kind" else name for name in names]  # `kind` names the table
        lines = [_line({"kind": table.name, **dict(zip(told, row, strict=True))}) for row in found]
        if not found:
            return lines, after
        return lines, found[-1][names.index(table.key)] if by_key else cast("int", after or 0) + len(found)


def _primary_key(connection: Connection, table: str) -> list[str]:
    rows = connection.db.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
    return [str(name) for (name,) in rows]


def _line(values: dict[str, Any]) -> bytes:
    """One line; bytes as text where they are some, else as hex."""
    return (json.dumps(values, ensure_ascii=False, default=_readable) + "\n").encode()


def _readable(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _names(recipients: str) -> tuple[str, ...]:
    return tuple(sorted(json.loads(recipients))[:_RECIPIENTS_MAX])


def thrown_away(connection: Connection, *, since: datetime) -> list[Spoiled]:
    """What was said to be thrown away since a time, by item."""
    rows = connection.db.execute(
        "SELECT item, count(*), sum(number) FROM stock_event WHERE kind = 'thrown_away' AND at_ms >= ? "
        "GROUP BY item ORDER BY item",
        (to_ms(since),),
    )
    return [
        Spoiled(ItemId(item), times, amount) for item, times, amount in cast("Iterator[tuple[str, int, float]]", rows)
    ]
