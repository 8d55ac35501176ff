"""One household's hub: its tables of prompts, intents and outbox in memory, and what it does with them.

Real: `core.prompt`, `core.intent`, `terms.seal`, the receipt, the outbox's client and the recorder of statuses. Each
method of `Tables` is one transaction, as in the store that it stands for.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cloud_bridge.wire import Intent
from edge_agent.adapters.store.outbox import OutboxRow
from edge_agent.core import intent as intents
from edge_agent.core import prompt as prompts
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.prompt import PromptChange, PromptEvent, PromptRecord
from edge_agent.core.receipt import canonical_receipt, consent_hash, receipt_for
from edge_agent.core.terms import Terms, canonical, seal
from edge_agent.errors import RefusedError
from edge_agent.ports import Clock, Signer

NewId = Callable[[], str]


@dataclass(slots=True)
class Tables:
    """What is durable on one hub. `gate` is passed before and after each transaction: there the process may die."""

    gate: Callable[[str], None]
    prompts: dict[str, PromptRecord] = field(default_factory=dict)
    records: dict[str, IntentRecord] = field(default_factory=dict)
    authorities: dict[str, Terms] = field(default_factory=dict)
    rows: dict[str, OutboxRow] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    cursor: int = 0
    handover: int = 0
    acknowledged: int = 0

    def copy(self, *, gate: Callable[[str], None]) -> Tables:
        """A backup, or the same disk under the next process: records are never changed in place."""
        kept = {name: dict(getattr(self, name)) for name in ("prompts", "records", "authorities", "rows", "live")}
        return Tables(gate, cursor=self.cursor, handover=self.handover, acknowledged=self.acknowledged, **kept)

    def add_prompt(self, record: PromptRecord) -> None:
        """Ask; refused while the item has an order under way."""
        self.gate("ask")
        if record.item in self.live:
            raise RefusedError(f"{record.item} already has an order under way")
        self.prompts[record.id] = record
        self.gate("asked")

    def change_prompt(self, change: PromptChange) -> None:
        """Apply a change, if the prompt is as it was seen."""
        self.gate("answer")
        self._apply_prompt(change)
        self.gate("answered")

    def approve(self, change: PromptChange, *, intent: IntentRecord, terms: Terms, body: bytes) -> None:
        """The hand-over: all of it, or nothing."""
        self.gate("answer_checked")
        if intent.item in self.live:
            raise RefusedError(f"{intent.item} already has an order under way")
        self._apply_prompt(change)
        self.records[intent.id] = intent
        self.live[intent.item] = intent.id
        self.authorities[intent.id] = terms
        self.rows[intent.id] = OutboxRow(len(self.records), intent.id, body, 0, None, intent.created_at)
        self.handover = terms.handover
        self.gate("answer_stored")

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""
        return self.records.get(intent)

    def outbox(self, *, limit: int) -> list[OutboxRow]:
        """What waits to be taken by the bridge, oldest first."""
        self.gate("outbox_claimed")
        return list(self.rows.values())[:limit]

    def claim(self, row: OutboxRow, *, at: datetime) -> bool:
        """Mark that this body is about to leave; False where the row is gone."""
        self.gate("claim")
        return row.intent in self.rows

    def record_attempt(self, row: OutboxRow, *, error: str) -> None:
        """No usable answer: the row stays."""
        self.gate("attempt")
        self.rows[row.intent] = replace(row, attempts=row.attempts + 1, last_error=error)

    def record_answer(self, row: OutboxRow, change: IntentChange | None, *, taken: bool) -> None:
        """The bridge has answered: the row leaves, and the intent follows."""
        self.gate("reply_read")
        if change is not None:
            self._apply_intent(change)
        self.rows.pop(row.intent, None)
        self.acknowledged += taken
        self.gate("reply_stored")

    def change_intents(self, changes: Sequence[IntentChange], *, cursor: int | None) -> list[IntentRecord]:
        """Let intents follow, and the cursor with them."""
        self.gate("status")
        for change in changes:
            self._apply_intent(change)
        self.cursor = max(self.cursor, cursor or 0)
        self.gate("status_stored")
        return [change.after for change in changes]

    def status_cursor(self) -> int:
        """The seq of the last order event that was applied."""
        return self.cursor

    def _apply_prompt(self, change: PromptChange) -> None:
        if self.prompts[change.after.id].version != change.seen_version:
            raise RefusedError(f"prompt {change.after.id} was answered or changed meanwhile")
        self.prompts[change.after.id] = change.after

    def _apply_intent(self, change: IntentChange) -> None:
        after = change.after
        if self.records[after.id].version != change.seen_version:
            raise RefusedError(f"intent {after.id} changed meanwhile")
        self.records[after.id] = after
        if after.state not in intents.LIVE and self.live.get(after.item) == after.id:
            del self.live[after.item]


@dataclass(frozen=True, slots=True)
class Answering:
    """What a person may do with a prompt, as the hub's own `pipeline.answer` does it."""

    tables: Tables
    clock: Clock
    signer: Signer
    household: str
    new_id: NewId

    def approve(self, prompt: str, *, terms_hash: str, by: str, before: Callable[[Terms], None]) -> IntentRecord:
        """Buy on exactly the terms with this hash; `before` sees them before anything is stored.

        Raises: RefusedError.
        """
        record = self.tables.prompts[prompt]
        if terms_hash != record.terms_hash:
            raise RefusedError("other terms stand now")
        now = self.clock.now()
        change = prompts.step(record, PromptEvent.APPROVE, now=now, by=by)
        terms = self._seal(record, by=by)
        before(terms)
        signature = base64.b64encode(self.signer.sign(canonical(terms))).decode()
        body = Intent(terms=terms, signature=signature).model_dump_json().encode()
        intent = _intent(record, terms, clock=self.clock)
        self.tables.approve(change, intent=intent, terms=terms, body=body)
        return intent

    def _seal(self, record: PromptRecord, *, by: str) -> Terms:
        receipt = receipt_for(
            record.offer,
            item=record.item,
            item_name=record.item,
            prompt=record.id,
            by=(by,),
            mandate=None,
            at=self.clock.now(),
            salt=self.new_id(),
        )
        return seal(
            record.offer,
            intent_id=IntentId(self.new_id()),
            household=self.household,
            hub="hub",
            customer_ref=self.signer.customer_ref(record.offer.merchant),
            nonce=self.new_id(),
            leave="approval",
            consent_hash=consent_hash(canonical_receipt(receipt)),
            handover=self.tables.handover + 1,
        )


def _intent(record: PromptRecord, terms: Terms, *, clock: Clock) -> IntentRecord:
    now = clock.now()
    return IntentRecord(
        id=IntentId(terms.intent_id),
        prompt=PromptId(record.id),
        item=ItemId(record.item),
        state=IntentState.APPROVED,
        version=1,
        merchant=terms.merchant,
        quantity=terms.quantity,
        amount=float(terms.quantity),
        total_minor=terms.total_minor,
        currency=terms.currency,
        created_at=now,
        changed_at=now,
    )


@dataclass(frozen=True, slots=True)
class StandInSigner:
    """A keyed hash where a world does not sign for real; `stand_in` makes the bridge check it."""

    secret: bytes

    def sign(self, message: bytes) -> bytes:
        """64 bytes that nobody makes without the secret, in this world."""
        return hashlib.blake2b(message, key=self.secret).digest()

    def customer_ref(self, merchant: str) -> str:
        """The household's name at a merchant."""
        return hashlib.blake2b(merchant.encode(), key=self.secret, digest_size=32).hexdigest()
