"""Everything that may cost money: prompts, leave, intents, outbox, status cursor, prices, audit.

Each public method is one transaction. The hand-over of an approval or a draw {prompt, authority, ledger, intent,
outbox, audit} is `approve`: all six are durable together, or none of them is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

import apsw
from pydantic import TypeAdapter

from edge_agent.adapters.store import chain, ledger, spending
from edge_agent.adapters.store.authorities import (
    SignedLeave,
    insert_authority,
    select_authority,
    select_signers,
)
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.adapters.store.handover import acknowledge_intent, acknowledged, next_number
from edge_agent.adapters.store.intents import LIVE_INTENT, apply_intent, insert_intent, select_intents
from edge_agent.adapters.store.mandates import select_mandate
from edge_agent.adapters.store.outbox import (
    OutboxRow,
    claim_row,
    delete_body,
    end_wish,
    insert_body,
    note_attempt,
    select_outbox,
    select_wishes,
    take_back,
)
from edge_agent.adapters.store.prompts import (
    LIVE_PROMPT,
    add_endorsement,
    apply_prompt,
    insert_prompt,
    select_endorsements,
    select_prompts,
)
from edge_agent.core.catalogue import Product
from edge_agent.core.handover import OVERTAKEN
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.leave.authority import AuthorityRow
from edge_agent.core.leave.draw import DrawRequest, over_budget
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.leave.terms import Terms, canonical
from edge_agent.core.messages import Delivery, IntentId, ItemId, Pack, Price, PromptId
from edge_agent.core.prompt import Endorsement, PromptChange, PromptRecord, PromptState
from edge_agent.core.said import say
from edge_agent.errors import BudgetError, BugError, RefusedError, StaleTermsError
from edge_agent.ports import CrashHook, CrashPoint, no_crash

__all__ = ["Leave", "Orders", "OutboxRow"]

_T = TypeVar("_T")
_PriceRow = tuple[
    str, str, str, int, int, str, int, int, int | None, str | None, float | None, str | None, str | None, str | None
]
_DELIVERIES: TypeAdapter[tuple[Delivery, ...]] = TypeAdapter(tuple[Delivery, ...])

_STATUS_SOURCE = "bridge"
_SELECT_PRICES = (
    "SELECT item, merchant, sku, unit_price_minor, delivery_minor, currency, available, fetched_ms, list_price_minor, "
    "pack_title, pack_amount, pack_unit, pack_gtin14, deliveries FROM price "
)


@dataclass(frozen=True, slots=True)
class Leave:
    """Who gave leave for an intent, and up to how much."""

    signer: str
    total_max_minor: int


class Orders:
    """Fulfils `ports.OrderStore`, and holds the outbox for the bridge adapter."""

    def __init__(self, connection: Connection, *, crash_hook: CrashHook = no_crash) -> None:
        self._connection = connection
        self._crash_hook = crash_hook

    # --- prompts ---

    def live_prompt(self, item: ItemId) -> PromptRecord | None:
        """The prompt of this item that is open or snoozed."""
        return _only(select_prompts(self._connection.db, f"WHERE item = ? AND {LIVE_PROMPT}", (item,)))

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""
        return _only(select_prompts(self._connection.db, "WHERE id = ?", (prompt,)))

    def last_prompt(self, item: ItemId) -> PromptRecord | None:
        """The newest prompt of an item, whatever its state."""
        return _only(select_prompts(self._connection.db, "WHERE item = ? ORDER BY created_ms DESC LIMIT 1", (item,)))

    def prompts(self, *, live: bool, limit: int) -> list[PromptRecord]:
        """Prompts, newest first."""
        where = f"WHERE {LIVE_PROMPT} " if live else ""
        return select_prompts(self._connection.db, f"{where}ORDER BY created_ms DESC LIMIT ?", (limit,))

    def add_prompt(self, record: PromptRecord) -> None:
        """Store a new prompt; refused when the item has a live one or a live order."""
        with self._connection.transaction() as db:
            _refuse_second_order(db, record.item)
            _refuse_second_prompt(db, record.item)
            insert_prompt(db, record)
            _tell_opened(db, record)

    def change_prompt(self, change: PromptChange) -> PromptRecord:
        """Apply a change; raises RefusedError when the prompt has moved on meanwhile."""
        with self._connection.transaction() as db:
            apply_prompt(db, change)
        return change.after

    def endorse(self, prompt: PromptId, *, terms_hash: str, by: str, at: datetime) -> None:
        """Keep one person's word for a prompt that needs two; refused when it is no longer open on these terms."""
        with self._connection.transaction() as db:
            record = _only(select_prompts(db, "WHERE id = ?", (prompt,)))
            if record is None or record.state is not PromptState.OPEN or at >= record.offer.expires_at:
                raise RefusedError(say("this question is no longer open"))
            if record.terms_hash != terms_hash:
                raise StaleTermsError(say("the terms of this question changed meanwhile"))
            add_endorsement(db, prompt, Endorsement(by=by, terms_hash=terms_hash, at=at))

    def endorsements(self, prompt: PromptId) -> tuple[Endorsement, ...]:
        """Who has agreed to a prompt on the terms that stand now, oldest first."""
        return select_endorsements(self._connection.db, prompt)

    def asked_since(self, at: datetime) -> int:
        """How many questions were put to the household at or after `at`; draws asked nobody."""
        drawn = "SELECT prompt FROM authority WHERE kind = 'draw'"
        sql = f"SELECT count(*) FROM prompt WHERE created_ms >= ? AND id NOT IN ({drawn})"  # noqa: S608 - constants
        return cast("int", self._connection.db.execute(sql, (to_ms(at),)).get)

    # --- the hand-over ---

    def acknowledged(self) -> int:
        """The highest number that the bridge is known to have."""
        return acknowledged(self._connection.db)

    def next_handover(self) -> int:
        """The number that the next intent's terms must carry; given away by `approve` only."""
        return next_number(self._connection.db)

    def approve(
        self,
        change: PromptChange,
        *,
        intent: IntentRecord,
        terms: Terms,
        signature: bytes,
        body: bytes,
        receipt: bytes,
        draw: DrawRequest | None = None,
    ) -> IntentRecord:
        """Prompt, authority, ledger, intent, outbox and audit in one transaction.

        With `draw` the prompt is new, and the mandate is checked inside.

        Raises: RefusedError when the prompt has moved on; HandoverMovedError when the terms carry another number than
        the next; BudgetError when the draw does not fit.
        """
        if terms.leave != ("approval" if draw is None else "draw"):
            raise BugError(f"intent {intent.id}: the terms say {terms.leave}")
        with self._connection.transaction() as db:
            if draw is None:
                apply_prompt(db, change)
            else:
                self._check_draw(db, draw, terms=terms)
                _refuse_second_prompt(db, intent.item)
                insert_prompt(db, change.after)
                _tell_opened(db, change.after)
            _refuse_second_order(db, intent.item)
            insert_intent(db, intent)
            leave = SignedLeave(terms, signature, receipt)
            insert_authority(db, leave, intent=intent, signer=change.after.answered_by or "")
            ledger.reserve(db, intent, terms, draw)
            insert_body(db, intent, body, terms=canonical(terms))
            self._crash_hook(CrashPoint.ANSWER_CHECKED)
        return intent

    def _check_draw(self, db: apsw.Connection, draw: DrawRequest, *, terms: Terms) -> None:
        """The mandate as it stands here and now, not as it stood when the draw was granted."""
        if (draw.amount_minor, draw.currency) != (terms.total_max_minor, terms.currency):
            raise BugError(f"intent {terms.intent_id}: the draw is not for the amount of its terms")
        mandate = select_mandate(db, draw.mandate)
        if mandate is None or mandate.state is not MandateState.ACTIVE or mandate.version != draw.seen_version:
            raise BudgetError(say("mandate {mandate} was changed meanwhile", mandate=draw.mandate))
        usage = spending.usage(db, mandate.terms, draw.period_index)
        refusal = over_budget(mandate.terms, usage=usage, request=draw)
        if refusal is not None:
            raise BudgetError(refusal.text)
        if usage.open_period is not None and draw.period_index > usage.open_period:
            self._crash_hook(CrashPoint.PERIOD_ROLLED)

    def drawn_since(self, at: datetime) -> int:
        """How many draws were made at or after `at`."""
        sql = "SELECT count(*) FROM authority WHERE kind = 'draw' AND granted_ms >= ?"
        return cast("int", self._connection.db.execute(sql, (to_ms(at),)).get)

    def authority(self, intent: IntentId) -> AuthorityRow | None:
        """The leave of an intent, for `core.leave.authority.verify_authority` before its body is sent."""
        return select_authority(self._connection.db, intent)

    def signers(self) -> dict[IntentId, Leave]:
        """The leave of every intent, read from the signed terms."""
        return {
            intent: Leave(signer=signer, total_max_minor=json.loads(terms)["total_max_minor"])
            for intent, (signer, terms) in select_signers(self._connection.db).items()
        }

    # --- intents ---

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""
        return _only(select_intents(self._connection.db, "WHERE id = ?", (intent,)))

    def live_intent(self, item: ItemId) -> IntentRecord | None:
        """The order under way for this item."""
        return _only(select_intents(self._connection.db, f"WHERE item = ? AND {LIVE_INTENT}", (item,)))

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The intent that a prompt led to."""
        return _only(select_intents(self._connection.db, "WHERE prompt = ?", (prompt,)))

    def last_intent(self, item: ItemId) -> IntentRecord | None:
        """The newest intent of an item, whatever its state; one that was overtaken and never left is none."""
        where = "WHERE item = ? AND detail IS NOT ? ORDER BY created_ms DESC LIMIT 1"
        return _only(select_intents(self._connection.db, where, (item, OVERTAKEN)))

    def intents(self, *, live: bool, limit: int) -> list[IntentRecord]:
        """Intents, newest first."""
        where = f"WHERE {LIVE_INTENT} " if live else ""
        return select_intents(self._connection.db, f"{where}ORDER BY created_ms DESC LIMIT ?", (limit,))

    def change_intents(self, changes: Sequence[IntentChange], *, cursor: int | None) -> list[IntentRecord]:
        """Apply changes, and the status cursor with them, in one transaction."""
        with self._connection.transaction() as db:
            for change in changes:
                apply_intent(db, change)
            if cursor is not None:
                db.execute(
                    "INSERT INTO cursor (source, seq) VALUES (?, ?) "
                    "ON CONFLICT (source) DO UPDATE SET seq = max(seq, excluded.seq)",
                    (_STATUS_SOURCE, cursor),
                )
        return [change.after for change in changes]

    def status_cursor(self) -> int:
        """The seq of the last order event that was applied."""
        row = self._connection.db.execute("SELECT seq FROM cursor WHERE source = ?", (_STATUS_SOURCE,)).fetchone()
        return 0 if row is None else cast("int", row[0])

    # --- outbox ---

    def outbox(self, *, limit: int) -> list[OutboxRow]:
        """What waits to be taken by the bridge, oldest first.

        Raises: StoreCorruptError when a body is not the one that was approved.
        """
        return select_outbox(self._connection.db, limit=limit)

    def claim(self, row: OutboxRow, *, at: datetime) -> bool:
        """Say, durably, that this body is about to leave; False: it was cancelled or is wanted back, and must not."""
        with self._connection.transaction() as db:
            return claim_row(db, row, at=at)

    def record_attempt(self, row: OutboxRow, *, error: str) -> None:
        """The bridge gave no usable answer: the row stays."""
        with self._connection.transaction() as db:
            note_attempt(db, row, error=error)

    def record_answer(self, row: OutboxRow, change: IntentChange | None, *, taken: bool = False) -> None:
        """The bridge has answered for this intent: the row leaves, and the intent follows; `taken`: it has it now."""
        with self._connection.transaction() as db:
            if taken:
                acknowledge_intent(db, row.intent)
            if change is not None:
                apply_intent(db, change)
            delete_body(db, row.intent)

    def wish_cancel(self, intent: IntentId, *, by: str, at: datetime, why: str | None = None) -> IntentRecord:
        """Take an order back: cancelled at once where its body was not taken yet, else kept as a wish for the bridge.

        `why` is kept with the order where it is this hub's own doing, and no person's.

        Raises: RefusedError when it is too late for either.
        """
        with self._connection.transaction() as db:
            record = _only(select_intents(db, "WHERE id = ?", (intent,)))
            if record is None:
                raise RefusedError(say("there is no order {intent}", intent=intent))
            return take_back(db, record, by=by, at=at, why=why)

    def cancel_wishes(self, *, limit: int) -> list[IntentId]:
        """Orders that a person wants back and the bridge has not answered for, oldest first."""
        return select_wishes(self._connection.db, limit=limit)

    def answer_cancel(self, intent: IntentId, change: IntentChange | None) -> None:
        """The bridge has answered: the wish goes, and the intent follows."""
        with self._connection.transaction() as db:
            if change is not None:
                apply_intent(db, change)
                if change.after.state is IntentState.CANCELLED:
                    delete_body(db, intent)
            end_wish(db, intent)

    # --- prices ---

    def save_prices(self, prices: Sequence[Price]) -> None:
        """Append to the price history."""
        with self._connection.transaction() as db:
            db.executemany(
                "INSERT INTO price (item, merchant, sku, unit_price_minor, delivery_minor, currency, available, "
                "fetched_ms, list_price_minor, pack_title, pack_amount, pack_unit, pack_gtin14, deliveries) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (p.item, p.merchant, p.sku, p.unit_price_minor, p.delivery_minor, p.currency, p.available,
                     to_ms(p.fetched_at), p.list_price_minor, *_pack_columns(p.pack), _ways_column(p.deliveries))
                    for p in prices
                ],
            )  # fmt: skip

    def prices(self, item: ItemId, *, limit: int, also: Sequence[Product] = ()) -> list[Price]:
        """Price history of one item's products, past ones too, and of `also`: the last `limit` of each, newest first.

        A product's history is its merchant's and article's, whatever item it was asked for.
        """
        names = [name for product in also for name in (product.merchant, product.sku)]
        listed = f" OR (merchant, sku) IN (VALUES {', '.join(['(?, ?)'] * len(also))})" if also else ""
        numbered = "SELECT id, row_number() OVER (PARTITION BY merchant, sku ORDER BY id DESC) AS place FROM price"
        newest = f"SELECT id FROM ({numbered} WHERE item = ?{listed}) WHERE place <= ?"  # noqa: S608
        return _prices(self._connection.db, f"WHERE id IN ({newest}) ORDER BY id DESC", (item, *names, limit))

    def newest_price(self, item: ItemId, *, merchant: str, sku: str) -> Price | None:
        """The newest price of one of an item's products."""
        where = "WHERE item = ? AND merchant = ? AND sku = ? ORDER BY id DESC LIMIT 1"
        return _only(_prices(self._connection.db, where, (item, merchant, sku)))


def _prices(db: apsw.Connection, where: str, bindings: tuple[str | int, ...]) -> list[Price]:
    rows = db.execute(_SELECT_PRICES + where, bindings)
    return [
        Price(
            ItemId(item), merchant, sku, price, delivery, currency, bool(available), from_ms(fetched_ms), listed,
            None if title is None or amount is None or unit is None else Pack(title, amount, unit, gtin14),
            () if ways is None else _DELIVERIES.validate_json(ways),
        )
        for item, merchant, sku, price, delivery, currency, available, fetched_ms, listed, title, amount, unit, gtin14,
            ways in cast("Iterator[_PriceRow]", rows)
    ]  # fmt: skip


def _pack_columns(pack: Pack | None) -> tuple[str | float | None, ...]:
    return (None,) * 4 if pack is None else (pack.title, pack.amount, pack.unit, pack.gtin14)


def _ways_column(deliveries: tuple[Delivery, ...]) -> str | None:
    return _DELIVERIES.dump_json(deliveries, exclude_none=True).decode() if deliveries else None


def _refuse_second_order(db: apsw.Connection, item: ItemId) -> None:
    if select_intents(db, f"WHERE item = ? AND {LIVE_INTENT}", (item,)):
        raise RefusedError(say("{item} already has an order under way", item=item))


def _refuse_second_prompt(db: apsw.Connection, item: ItemId) -> None:
    if select_prompts(db, f"WHERE item = ? AND {LIVE_PROMPT}", (item,)):
        raise RefusedError(say("{item} already has an open question", item=item))


def _tell_opened(db: apsw.Connection, record: PromptRecord) -> None:
    event = {"event": "prompt_opened", "prompt": record.id, "item": record.item, "terms": record.terms_hash}
    chain.append(db, event | {"at": record.created_at.isoformat()})


def _only(rows: list[_T]) -> _T | None:
    return rows[0] if rows else None
