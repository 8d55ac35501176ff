"""What is durable on one hub, in memory: prompts, intents, outbox, wishes, mandates, ledger, numbers of hand-overs.

`Disk` is the data, which may be copied as a backup or a cloned card. `Tables` are the transactions of orders; those of
leave stand in `leave`. Each happens whole or not at all, as in the store that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from edge_agent.adapters.store.outbox import OutboxRow
from edge_agent.core import intent as intents
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.leave import draw as draws
from edge_agent.core.leave.draw import DrawRequest, LedgerRow, LedgerState, Usage
from edge_agent.core.leave.mandate import MandateRecord, MandateState, MandateTerms
from edge_agent.core.leave.terms import Terms
from edge_agent.core.messages import IntentId
from edge_agent.core.prompt import PromptChange, PromptRecord
from edge_agent.errors import BudgetError, HandoverMovedError, RefusedError
from edge_agent.ports import CrashHook, CrashPoint

WITH_THE_BRIDGE = frozenset({IntentState.APPROVED, IntentState.HELD})
_UNSETTLED = WITH_THE_BRIDGE | {IntentState.SENDING, IntentState.UNKNOWN}
_SPENT = frozenset({IntentState.PLACED, IntentState.SHIPPED, IntentState.DELIVERED, IntentState.PARTLY_DELIVERED})
_UNBOUGHT = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED})
_OPEN_MONEY = frozenset({LedgerState.RESERVED, LedgerState.SPENT})

HandsOver = Callable[[Terms, PromptChange, DrawRequest | None], None]


@dataclass(slots=True)
class Disk:
    """Everything durable. Records are never changed in place, so a copy of the dictionaries is a copy of all."""

    prompts: dict[str, PromptRecord] = field(default_factory=dict)
    records: dict[str, IntentRecord] = field(default_factory=dict)
    authorities: dict[str, Terms] = field(default_factory=dict)
    rows: dict[str, OutboxRow] = field(default_factory=dict)
    claimed: dict[str, datetime] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    unsettled: dict[str, None] = field(default_factory=dict)
    wishes: dict[str, None] = field(default_factory=dict)
    mandates: dict[str, MandateRecord] = field(default_factory=dict)
    ledger: dict[str, LedgerRow] = field(default_factory=dict)
    cursor: int = 0
    acknowledged: int = 0
    floor: int = 0
    given: int = 0
    rows_made: int = 0
    high_water: datetime | None = None  # the greatest time that this hub has reached

    def copy(self) -> Disk:
        """A backup, or a cloned card."""
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Disk(**{name: dict(part) if isinstance(part, dict) else part for name, part in kept.items()})

    def put(self, record: IntentRecord) -> None:
        """Write an intent, and let the item and the money follow it."""
        self.records[record.id] = record
        if record.state in intents.LIVE:
            self.live[record.item] = record.id
        elif self.live.get(record.item) == record.id:
            del self.live[record.item]
        if record.state in _UNSETTLED:
            self.unsettled[record.id] = None
        else:
            self.unsettled.pop(record.id, None)
        row = self.ledger.get(record.id)
        if row is not None:
            self.ledger[record.id] = _follow(row, record)

    def change(self, change: IntentChange) -> None:
        """Apply a step of an intent.

        Raises: RefusedError when the intent has moved on.
        """
        if self.records[change.after.id].version != change.seen_version:
            raise RefusedError(f"intent {change.after.id} changed meanwhile")
        self.put(change.after)

    def drop_body(self, intent: str) -> None:
        """A body that will not leave any more."""
        self.rows.pop(intent, None)
        self.claimed.pop(intent, None)

    def acknowledge(self, number: int) -> None:
        """The bridge has come so far."""
        self.acknowledged, self.floor = max(self.acknowledged, number), max(self.floor, number)

    def usage(self, terms: MandateTerms, period_index: int) -> Usage:
        """What the ledger says of one period of a mandate."""
        drawn = [row for row in self.ledger.values() if row.mandate == terms.id]
        of_period = [row for row in drawn if row.period_index == period_index]
        sums = {
            state: sum(row.amount_minor for row in of_period if row.state is state) for state in sorted(_OPEN_MONEY)
        }
        taken_over = [record for record in self.records.values() if record.prompt.startswith("bridge-")]
        ceilings_minor = {row.intent: row.amount_minor for row in self.ledger.values() if row.mandate is None}
        unclear_minor, unclear_orders = draws.unclear(
            terms, taken_over, ceilings_minor=ceilings_minor, period_index=period_index
        )
        return Usage(
            period_index=period_index,
            reserved_minor=sums[LedgerState.RESERVED],
            spent_minor=sums[LedgerState.SPENT],
            occurrences=sum(row.state is not LedgerState.RELEASED for row in drawn) + unclear_orders,
            open_period=max((row.period_index for row in drawn if row.period_index is not None), default=None),
            unclear_minor=unclear_minor,
        )

    def take_back(self, record: IntentRecord, *, at: datetime) -> IntentRecord:
        """Cancel an order whose body was never taken; otherwise keep the wish.

        Raises: RefusedError when the order is past both.
        """
        if record.state not in WITH_THE_BRIDGE:
            raise RefusedError(f"order {record.id} is {record.state}: it can no longer be taken back")
        if record.id in self.rows and record.id not in self.claimed:
            return self.cancel(record, detail=intents.CANCELLED_BY_HOUSEHOLD, at=at)
        self.wishes[record.id] = None
        return record

    def cancel(self, record: IntentRecord, *, detail: str, at: datetime) -> IntentRecord:
        """End an order here, with its body."""
        self.drop_body(record.id)
        change = intents.step(record, IntentState.CANCELLED, at=at, detail=detail)
        if change is None:
            return record
        self.change(change)
        return change.after


def _follow(row: LedgerRow, intent: IntentRecord) -> LedgerRow:
    """Spent when it is placed, released or credited when it ends unbought; an unnamed charge is the ceiling."""
    if row.state not in _OPEN_MONEY:
        return row
    if intent.state in _SPENT:
        charged_minor = row.amount_minor if intent.charged_minor is None else intent.charged_minor
        return replace(row, state=LedgerState.SPENT, amount_minor=charged_minor, changed_at=intent.changed_at)
    if intent.state in _UNBOUGHT or intent.state is IntentState.REFUNDED:
        ended = LedgerState.RELEASED if row.state is LedgerState.RESERVED else LedgerState.CREDITED
        return replace(row, state=ended, changed_at=intent.changed_at)
    return row


@dataclass(frozen=True, slots=True)
class Tables:
    """The transactions of orders, as one process has them. `gate` is passed before and after each: there it may die.

    `hands_over` sees what is about to be stored as leave, before it is.
    """

    disk: Disk
    gate: Callable[[], None]
    crash: CrashHook
    hands_over: HandsOver

    def add_prompt(self, record: PromptRecord) -> None:
        """Ask; refused while the item has an order under way."""
        self.gate()
        self._refuse_second_order(record.item)
        self.disk.prompts[record.id] = record
        self.gate()

    def prompt(self, prompt: str) -> PromptRecord:
        """One prompt.

        Raises: RefusedError.
        """
        if prompt not in self.disk.prompts:
            raise RefusedError(f"there is no prompt {prompt}")
        return self.disk.prompts[prompt]

    def change_prompt(self, change: PromptChange) -> None:
        """Apply a change, if the prompt is as it was seen."""
        self.gate()
        self._check_prompt(change)
        self.disk.prompts[change.after.id] = change.after
        self.gate()

    def next_handover(self) -> int:
        """The number that the next intent's terms must carry."""
        return max(self.disk.given, self.disk.floor) + 1

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
        """The hand-over: all of it, or nothing."""
        self.hands_over(terms, change, draw)
        self.gate()
        if terms.handover != self.next_handover():
            raise HandoverMovedError(f"number {terms.handover} is not the next")
        if draw is None:
            self._check_prompt(change)
        else:
            self._check_draw(draw)
        self._refuse_second_order(intent.item)
        self.crash(CrashPoint.ANSWER_CHECKED)
        self._store(change.after, intent, terms, body, draw)
        self.gate()
        return intent

    def _store(
        self, prompt: PromptRecord, intent: IntentRecord, terms: Terms, body: bytes, draw: DrawRequest | None
    ) -> None:
        disk = self.disk
        disk.rows_made, disk.given = disk.rows_made + 1, terms.handover
        disk.prompts[prompt.id] = prompt
        disk.authorities[intent.id] = terms
        disk.rows[intent.id] = OutboxRow(disk.rows_made, intent.id, body, 0, None, intent.created_at)
        disk.ledger[intent.id] = LedgerRow(
            intent=intent.id,
            mandate=None if draw is None else draw.mandate,
            period_index=None if draw is None else draw.period_index,
            state=LedgerState.RESERVED,
            amount_minor=terms.total_max_minor,
            currency=terms.currency,
            changed_at=intent.created_at,
        )
        disk.put(intent)

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One intent."""
        return self.disk.records.get(intent)

    def outbox(self, *, limit: int) -> list[OutboxRow]:
        """What waits to be taken by the bridge, oldest first."""
        return list(self.disk.rows.values())[:limit]

    def acknowledged(self) -> int:
        """The highest number that the bridge is known to have."""
        return self.disk.acknowledged

    def claim(self, row: OutboxRow, *, at: datetime) -> bool:
        """Mark that this body is about to leave; False where the order is wanted back or has ended."""
        self.gate()
        record = self.disk.records.get(row.intent)
        if record is not None and record.state in _UNBOUGHT:
            self.disk.drop_body(row.intent)
        if row.intent not in self.disk.rows or row.intent in self.disk.wishes:
            return False
        self.disk.claimed[row.intent] = at
        self.gate()
        return True

    def record_attempt(self, row: OutboxRow, *, error: str) -> None:
        """No usable answer: the row stays."""
        self.gate()
        if row.intent in self.disk.rows:
            self.disk.rows[row.intent] = replace(row, attempts=row.attempts + 1, last_error=error[:200])

    def record_answer(self, row: OutboxRow, change: IntentChange | None, *, taken: bool = False) -> None:
        """The bridge has answered: the row leaves, and the intent follows."""
        self.gate()
        if change is not None:
            self.disk.change(change)
        if taken:
            self.disk.acknowledge(self.disk.authorities[row.intent].handover)
        self.disk.drop_body(row.intent)
        self.gate()

    def change_intents(self, changes: Sequence[IntentChange], *, cursor: int | None) -> list[IntentRecord]:
        """Let intents follow, and the cursor with them."""
        self.gate()
        for change in changes:
            self.disk.change(change)
        self.disk.cursor = max(self.disk.cursor, cursor or 0)
        self.gate()
        return [change.after for change in changes]

    def status_cursor(self) -> int:
        """The seq of the last order event that was applied."""
        return self.disk.cursor

    def wish_cancel(self, intent: IntentId, *, by: str, at: datetime, why: str | None = None) -> IntentRecord:
        """Take an order back, or keep the wish."""
        self.gate()
        record = self.disk.records.get(intent)
        if record is None:
            raise RefusedError(f"there is no order {intent}")
        after = self.disk.take_back(record, at=at)
        self.gate()
        return after

    def cancel_wishes(self, *, limit: int) -> list[IntentId]:
        """Orders that are wanted back and not answered for."""
        return [IntentId(intent) for intent in self.disk.wishes][:limit]

    def answer_cancel(self, intent: IntentId, change: IntentChange | None) -> None:
        """The bridge has answered: the wish goes, and the intent follows."""
        self.gate()
        if change is not None:
            self.disk.change(change)
            if change.after.state is IntentState.CANCELLED:
                self.disk.drop_body(intent)
        self.disk.wishes.pop(intent, None)
        self.gate()

    def _check_prompt(self, change: PromptChange) -> None:
        known = self.disk.prompts.get(change.after.id)
        if known is None or known.version != change.seen_version:
            raise RefusedError(f"prompt {change.after.id} was answered or changed meanwhile")

    def _check_draw(self, draw: DrawRequest) -> None:
        mandate = self.disk.mandates.get(draw.mandate)
        if mandate is None or mandate.state is not MandateState.ACTIVE or mandate.version != draw.seen_version:
            raise BudgetError(f"mandate {draw.mandate} was changed meanwhile")
        usage = self.disk.usage(mandate.terms, draw.period_index)
        refusal = draws.over_budget(mandate.terms, usage=usage, request=draw)
        if refusal is not None:
            raise BudgetError(refusal.text)
        if usage.open_period is not None and draw.period_index > usage.open_period:
            self.crash(CrashPoint.PERIOD_ROLLED)

    def _refuse_second_order(self, item: str) -> None:
        if item in self.disk.live:
            raise RefusedError(f"{item} already has an order under way")
