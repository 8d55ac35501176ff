"""One hub's leave in memory: the transactions of mandates and of what the bridge knows better; and the stand-in signer.

Each method is one transaction, as in the stores that they stand for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hmac import compare_digest
from typing import Any, cast

from edge_agent.adapters.clock import EffectiveClock
from edge_agent.core import intent as intents
from edge_agent.core import prompt as prompts
from edge_agent.core.catalogue import Item
from edge_agent.core.clock_trust import APART_MAX, bounds_for
from edge_agent.core.handover import OVERTAKEN, HubKnowledge, TakenOver, closed_since, own_item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import LedgerRow, LedgerState, Usage
from edge_agent.core.leave.mandate import LIVE, MandateChange, MandateEvent, MandateRecord, MandateState
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import IntentId, ItemId, MandateId
from edge_agent.core.people import Account, Role
from edge_agent.core.prompt import PromptEvent
from edge_agent.errors import RefusedError
from edge_agent.ports import CrashHook, CrashPoint
from tests.campaign.simulation.hub import WITH_THE_BRIDGE, Disk
from tests.campaign.simulation.virtual import JumpyClock, VirtualLoop
from tests.campaign.simulation.wire import TIMEOUT_S

OWNER = "owner"
_ACCOUNT = Account(name=OWNER, role=Role.OWNER, password_hash="unused")
_POLICY = Policy()
_BOUNDS = bounds_for(speed=1.0, timeout_s=TIMEOUT_S)


class People:
    """Fulfils what pipelines ask of accounts and policies: one owner, and no limits."""

    def account(self, name: str) -> Account | None:
        """The owner."""
        return _ACCOUNT if name == OWNER else None

    def policy(self) -> Policy:
        """The household's rules."""
        return _POLICY


@dataclass(frozen=True, slots=True)
class Larder:
    """Fulfils what pipelines ask of the household's file: the items that it keeps."""

    by_id: Mapping[str, Item]

    @property
    def items(self) -> tuple[Item, ...]:
        """All of them."""
        return tuple(self.by_id.values())

    def load(self) -> Larder:
        """The household as it stands."""
        return self


class HubClock:
    """One hub's time by the real rules of how far it believes its wall clock, which somebody may set.

    Fulfils `ports.Clock`. What was asked at one moment is not asked again: nothing changes between two steps of time.
    """

    def __init__(self, wall: JumpyClock, loop: VirtualLoop) -> None:
        self._wall = wall
        self._loop = loop
        self._trusted = EffectiveClock(cast("Any", _Wall(wall)), bounds=_BOUNDS, ticks_s=loop.time)
        self._at: tuple[float, int] = (-1.0, 0)
        self._now = wall.now()

    def resume(self, high_water: datetime | None) -> None:
        """Begin, not before the greatest time that was ever reached."""
        self._trusted.resume(high_water)
        self._at = (-1.0, 0)

    def now(self) -> datetime:
        """The effective time, aware UTC."""
        at = (self._loop.at_s, self._wall.times_set)
        if at != self._at:
            self._at, self._now = at, self._trusted.now()
        return self._now

    async def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        await asyncio.sleep(duration_s)

    def is_in_doubt(self) -> bool:
        """Whether the wall clock is not believed."""
        return self._trusted.doubt() is not None

    def hear(self, other: datetime) -> None:
        """The bridge has told its time."""
        self._trusted.compare(other)
        self._at = (-1.0, 0)


@dataclass(frozen=True, slots=True)
class _Wall:
    """What the real rules ask of a wall clock."""

    clock: JumpyClock
    speed: float = 1.0

    def now(self) -> datetime:
        return self.clock.now()


@dataclass(frozen=True, slots=True)
class MandateTables:
    """Fulfils `leave_ports.MandateStore`."""

    disk: Disk
    gate: Callable[[], None]
    crash: CrashHook

    def mandates(self, *, live: bool, limit: int) -> list[MandateRecord]:
        """Mandates, those that may still be drawn on first."""
        known = [record for record in self.disk.mandates.values() if record.state in LIVE or not live]
        return sorted(known, key=lambda record: record.state not in LIVE)[:limit]

    def mandate(self, mandate: MandateId) -> MandateRecord | None:
        """One mandate."""
        return self.disk.mandates.get(mandate)

    def mandate_for(self, item: ItemId) -> list[MandateRecord]:
        """The active mandates that name an item, oldest first."""
        known = self.disk.mandates.values()
        return [each for each in known if each.state is MandateState.ACTIVE and each.terms.entry(item) is not None]

    def add_mandate(self, record: MandateRecord) -> None:
        """Keep a new one."""
        self.gate()
        self.disk.mandates[record.id] = record
        self.gate()

    def change_mandate(self, change: MandateChange) -> MandateRecord:
        """Apply a change; a revoked mandate's orders that were not taken yet go with it, the others become wishes.

        Raises: RefusedError when the mandate has moved on meanwhile.
        """
        self.gate()
        after, disk = change.after, self.disk
        if disk.mandates[after.id].version != change.seen_version:
            raise RefusedError(f"mandate {after.id} was changed meanwhile")
        if change.event is MandateEvent.REVOKE:
            self.crash(CrashPoint.REVOKE_RECEIVED)
            for row in [row for row in disk.ledger.values() if row.mandate == after.id]:
                record = disk.records[row.intent]
                if record.state in WITH_THE_BRIDGE:
                    disk.take_back(record, at=after.changed_at)
        disk.mandates[after.id] = after
        self.gate()
        return after

    def usage(self, mandate: MandateId, period_index: int) -> Usage:
        """What the ledger says of one period."""
        return self.disk.usage(self.disk.mandates[mandate].terms, period_index)

    def draws(self, mandate: MandateId, *, limit: int) -> list[LedgerRow]:
        """What was drawn."""
        return [row for row in self.disk.ledger.values() if row.mandate == mandate][:limit]


@dataclass(frozen=True, slots=True)
class HandoverTables:
    """Fulfils `ports.HandoverStore`."""

    disk: Disk
    gate: Callable[[], None]

    def knowledge(self) -> HubKnowledge:
        """What this hub knows, to hold against what the bridge says."""
        disk = self.disk
        waiting = {disk.authorities[intent].handover: IntentId(intent) for intent in disk.rows}
        unsent = disk.rows.keys() - disk.claimed.keys()
        busy = cast("Any", {item for item, intent in disk.live.items() if intent not in unsent})
        return HubKnowledge(acknowledged=disk.acknowledged, waiting=waiting, known=disk.records.keys(), busy=busy)

    def acknowledge(self, handover: int) -> None:
        """This hub knows of every order up to this number that the bridge has of it."""
        self.gate()
        self.disk.acknowledge(handover)

    def reconcile(
        self, taken: Sequence[TakenOver], *, overtaken: Sequence[IntentId], handover: int, at: datetime
    ) -> None:
        """Drop what may never be sent, keep what only the bridge knew, and go on after its last number: all or none."""
        self.gate()
        disk = self.disk
        for ident in (*overtaken, *self._unsent_draws()):
            self._drop(ident, at=at)
        for record in self._below(handover) if taken else ():
            self._take_back(record, at=at)
        for each in taken:
            kept = self._with_room(each.record, number=each.handover, at=at)
            disk.ledger[kept.id] = LedgerRow(
                intent=kept.id,
                mandate=None,
                period_index=None,
                state=LedgerState.RESERVED,
                amount_minor=each.total_max_minor,
                currency=kept.currency,
                changed_at=kept.created_at,
            )
            disk.put(kept)
            self._end_older_questions(each.record, at=at)
        if taken:
            disk.cursor = 0
        disk.acknowledge(handover)
        self.gate()

    def accept_bridge(self, *, handover: int, event_seq: int, by: str) -> None:
        """Go on from a bridge that knows less. No bridge of this simulation is restored."""
        raise NotImplementedError

    def _unsent_draws(self) -> list[IntentId]:
        authorities = self.disk.authorities
        return [
            IntentId(ident)
            for ident in self.disk.rows
            if authorities[ident].leave == "draw" and self._has_not_left(ident)
        ]

    def _below(self, handover: int) -> list[IntentRecord]:
        """What waits under a smaller number, and was not heard of."""
        disk = self.disk
        waiting = [disk.records[each] for each in disk.rows if disk.authorities[each].handover < handover]
        return [record for record in waiting if record.state is IntentState.APPROVED]

    def _drop(self, ident: str, *, at: datetime) -> None:
        self.disk.cancel(self.disk.records[ident], detail=OVERTAKEN, at=at)

    def _with_room(self, record: IntentRecord, *, number: int, at: datetime) -> IntentRecord:
        """One live order per need, and the newest that has left is the one."""
        disk, is_live = self.disk, record.state in intents.LIVE
        known = disk.live.get(record.item)
        if known is None:
            return record
        older, authority = disk.records[known], disk.authorities.get(known)
        if older.state is IntentState.APPROVED and known in disk.rows:
            if is_live or self._was_asked_before(older, record):
                self._take_back(older, at=at)
        elif (0 if authority is None else authority.handover) < number:
            self._end(older, gives_way=is_live, at=at)
        elif is_live:
            return replace(record, item=own_item(record.id))
        return record

    def _was_asked_before(self, approved: IntentRecord, taken: IntentRecord) -> bool:
        asked = self.disk.prompts.get(approved.prompt)
        return asked is not None and asked.created_at <= taken.created_at + APART_MAX

    def _end_older_questions(self, taken: IntentRecord, *, at: datetime) -> None:
        """A question that the backup holds open may be the one that this order came of."""
        for asked in list(self.disk.prompts.values()):
            is_older = asked.created_at <= taken.created_at + APART_MAX
            if asked.item == taken.item and asked.state in prompts.LIVE and is_older:
                self.disk.prompts[asked.id] = prompts.step(asked, PromptEvent.WITHDRAW, now=at).after

    def _take_back(self, record: IntentRecord, *, at: datetime) -> None:
        """Dropped where it has not left, else the bridge is asked for it."""
        if self._has_not_left(record.id):
            self._drop(record.id, at=at)
        else:
            self.disk.take_back(record, at=at)
            self._set_aside(record)

    def _end(self, older: IntentRecord, *, gives_way: bool, at: datetime) -> None:
        change = closed_since(older, at=at)
        if change is not None:
            self.disk.change(change)
        elif gives_way:
            self._set_aside(older)

    def _set_aside(self, record: IntentRecord) -> None:
        del self.disk.live[record.item]
        self.disk.put(replace(record, item=own_item(record.id)))

    def _has_not_left(self, intent: str) -> bool:
        disk = self.disk
        is_unheard = disk.records[intent].state is IntentState.APPROVED
        return is_unheard and intent in disk.rows and intent not in disk.claimed


@dataclass(frozen=True, slots=True)
class StandInSigner:
    """A keyed hash where a world does not sign for real; `stand_in` makes the bridge check it."""

    secret: bytes

    def sign(self, message: bytes) -> bytes:
        """64 bytes that nobody makes without the secret, in this world."""
        return hashlib.blake2b(message, key=self.secret).digest()

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this household made it."""
        return compare_digest(signature, self.sign(message))

    def customer_ref(self, merchant: str) -> str:
        """The household's name at a merchant."""
        return hashlib.blake2b(merchant.encode(), key=self.secret, digest_size=32).hexdigest()
