"""Ingest: a group of messages is decoded, committed, and only then acknowledged.

Messages of Sparkplug nodes pass their sessions first, once each and as they came: a group that is tried again because
the store failed was counted already.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from edge_agent.core.deciding.pacing import Pace, Paces
from edge_agent.core.decoding.raw import kept_apart, without_payload
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
    StoredCursor,
)
from edge_agent.core.sparkplug.presence import EdgePresence
from edge_agent.core.sparkplug.topics import Admitted
from edge_agent.core.tracing import Stage, Told
from edge_agent.core.vehicles import Vehicles
from edge_agent.pipeline.fresh import Fresh
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.ports import (
    NO_TRACING,
    Clock,
    CrashHook,
    CrashPoint,
    Decoder,
    Devices,
    EdgeNodeSessions,
    Inbox,
    ReadingStore,
    Span,
    Tracing,
    no_crash,
)

log = logging.getLogger(__name__)


class Ingest:
    """Broker to store. What the broker is told to forget is durable here."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        decoder: Decoder,
        store: ReadingStore,
        devices: Devices,
        clock: Clock,
        group_max: int,
        wait_s: float,
        rejudge: Rejudge | None = None,
        sessions: EdgeNodeSessions | None = None,
        paces: Paces | None = None,
        remarks: Remarks | None = None,
        fresh: Fresh | None = None,
        vehicles: Vehicles | None = None,
        crash_hook: CrashHook = no_crash,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._inbox = inbox
        self._decoder = decoder
        self._store = store
        self._devices = devices
        self._clock = clock
        self._group_max = group_max
        self._wait_s = wait_s
        self._rejudge = rejudge
        self._sessions = sessions
        self._paces = paces
        self._crash_hook = crash_hook
        self._in_hand: list[RawMessage] = []
        self._admitted: list[Admitted] = []  # of what is in hand
        self._remarks = remarks
        self._fresh = fresh
        self._vehicles = vehicles
        self._presence = EdgePresence()
        self._tracing = tracing
        self._moves: deque[PresenceChange] = deque()  # not recorded yet

    async def run_once(self) -> int:
        """Take one group through; returns its size.

        Raises: StoreFailedError, StoreCorruptError; the group stays in hand, unacknowledged, for the next call.
        """
        if not self._in_hand:
            self._in_hand = await self._inbox.receive(group_max=self._group_max, wait_s=self._wait_s)
            self._admitted = [self._admit(message) for message in self._in_hand]
        with self._tracing.span(Stage.INGEST) as span:
            return await self._take(self._in_hand, self._admitted, span=span)

    async def _take(self, messages: Sequence[RawMessage], admitted: Sequence[Admitted], *, span: Span) -> int:
        self._crash_hook(CrashPoint.RECEIVED)
        if self._rejudge is not None:
            self._rejudge.run_once()
        accepted: list[Decoded] = []
        understood: dict[int, Decoded] = {}
        quarantined = [each.apart for each in admitted if each.apart is not None]
        now = self._clock.now()
        for message in sorted((each.message for each in admitted if each.message is not None), key=_births_first):
            if (told := self._sort(message, quarantined, now=now)) is not None:
                understood[id(message)] = told
                self._look(told, message)
                if not told.leaves_nothing:
                    accepted.append(told)
        span.tell(Told.MESSAGES, len(messages))
        span.tell(Told.KEPT_APART, len(quarantined))
        cursors = self._store.commit(accepted, quarantined)
        if self._fresh is not None:
            self._fresh.note(told.device for told in accepted)
        self._note_moves(admitted, understood)
        self._in_hand, self._admitted = [], []
        self._crash_hook(CrashPoint.STORED)
        self._inbox.acknowledge(messages)
        self._crash_hook(CrashPoint.ACKNOWLEDGED)
        self._record_moves()
        await self._devices.acknowledge([cursor for cursor in cursors if cursor.seq > 0])
        await self._fill_gaps(cursors, accepted)
        await self._report(quarantined)
        await self._ask_nodes(admitted)
        return len(messages)

    def _admit(self, message: RawMessage) -> Admitted:
        pace = Pace.TAKEN if self._paces is None else self._paces.take(message.topic, at_ms=_ms(message))
        if pace is Pace.TAKEN:
            return Admitted(message) if self._sessions is None else self._sessions.admit(message)
        request = None if self._sessions is None else self._sessions.miss(message)
        if pace is Pace.TOO_MANY:
            return Admitted(request=request)
        log.warning("device_flooding topic=%s", message.topic)
        apart = kept_apart(message, QuarantineReason.FLOODING, "and all that followed at once")
        is_private = self._decoder.is_private(message.topic)
        return Admitted(apart=without_payload(apart) if is_private else apart, request=request)

    def _look(self, told: Decoded, message: RawMessage) -> None:
        """At what is never kept, unless it may be old: a vehicle that stood an hour ago may drive by now."""
        if self._vehicles is not None and not (message.duplicate or message.may_have_waited):
            self._vehicles.note(told)

    def _note_moves(self, admitted: Sequence[Admitted], understood: Mapping[int, Decoded]) -> None:
        """Births and deaths of Sparkplug, in the order in which they came; `understood` by identity of the message."""
        for each in admitted:
            self._moves.extend(self._presence.changes(each, understood.get(id(each.message))))

    def _record_moves(self) -> None:
        """Those that the store did not take are kept for the next group."""
        while self._moves:
            self._store.record_presence(self._moves[0])
            self._moves.popleft()

    async def _ask_nodes(self, admitted: Sequence[Admitted]) -> None:
        for each in admitted:
            if each.request is not None:
                await self._devices.ask_node(each.request)

    async def _fill_gaps(self, cursors: Sequence[StoredCursor], accepted: Sequence[Decoded]) -> None:
        """A device whose earlier readings are missing is asked for its birth: it then sends them again."""
        reached = {(cursor.device, cursor.boot): cursor.seq for cursor in cursors}
        for device in {message.device for message in accepted if _behind(message, reached)}:
            log.info("gap device=%s", device)
            await self._devices.ask_rebirth(device)

    async def _report(self, quarantined: Sequence[Quarantined]) -> None:
        for strange in quarantined:
            log.warning("quarantined reason=%s topic=%s", strange.reason, strange.topic)
            unknown = strange.reason is QuarantineReason.UNKNOWN_DEVICE
            if unknown and strange.device is not None and self._store.birth_of(strange.device) is None:
                await self._devices.ask_rebirth(strange.device)

    def _sort(self, message: RawMessage, quarantined: list[Quarantined], *, now: datetime) -> Decoded | None:
        # It may have been in hand for days, while there was no room: it came between its stamp and now.
        match self._decoder.decode(message, now=now, since=message.received_at):
            case Decoded() as understood:
                if self._remarks is not None:
                    self._remarks.note(understood)
                return understood
            case Quarantined() as strange:
                quarantined.append(strange if self._rejudge is None else self._rejudge.mark(strange, of=message))
            case Birth() as birth:
                self._store.record_birth(birth)
            case PresenceChange() as change:
                self._store.record_presence(change)
        return None


def _behind(message: Decoded, reached: Mapping[tuple[DeviceId, str], int]) -> bool:
    """Whether something before this message is not stored yet."""
    if message.boot is None or message.seq is None:
        return False
    return message.seq > reached[message.device, message.boot]


def _ms(message: RawMessage) -> int:
    return int(message.received_at.timestamp() * 1_000)


def _births_first(message: RawMessage) -> bool:
    """Brokers may deliver a reading before the birth that says how to read it; the order is kept otherwise."""
    return not (message.topic.endswith("/birth") and message.topic.startswith("restock/"))
