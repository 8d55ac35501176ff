"""Ingest: a group of messages is decoded, committed, and only then acknowledged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

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
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.ports import Clock, CrashHook, CrashPoint, Decoder, Devices, Inbox, ReadingStore, no_crash

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
        crash_hook: CrashHook = no_crash,
    ) -> None:
        self._inbox = inbox
        self._decoder = decoder
        self._store = store
        self._devices = devices
        self._clock = clock
        self._group_max = group_max
        self._wait_s = wait_s
        self._rejudge = rejudge
        self._crash_hook = crash_hook
        self._in_hand: list[RawMessage] = []

    async def run_once(self) -> int:
        """Take one group through; returns its size.

        Raises: StoreFailedError, StoreCorruptError; the group stays in hand, unacknowledged, for the next call.
        """
        if not self._in_hand:
            self._in_hand = await self._inbox.receive(group_max=self._group_max, wait_s=self._wait_s)
        messages = self._in_hand
        self._crash_hook(CrashPoint.RECEIVED)
        if self._rejudge is not None:
            self._rejudge.run_once()
        accepted: list[Decoded] = []
        quarantined: list[Quarantined] = []
        for message in sorted(messages, key=_births_first):
            self._sort(message, accepted, quarantined)
        cursors = self._store.commit(accepted, quarantined)
        self._in_hand = []
        self._crash_hook(CrashPoint.STORED)
        self._inbox.acknowledge(messages)
        self._crash_hook(CrashPoint.ACKNOWLEDGED)
        await self._devices.acknowledge([cursor for cursor in cursors if cursor.seq > 0])
        await self._fill_gaps(cursors, accepted)
        await self._report(quarantined)
        return len(messages)

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

    def _sort(self, message: RawMessage, accepted: list[Decoded], quarantined: list[Quarantined]) -> None:
        # It may have been in hand for days, while there was no room: it came between its stamp and now.
        match self._decoder.decode(message, now=self._clock.now(), since=message.received_at):
            case Decoded() as understood:
                accepted.append(understood)
            case Quarantined() as strange:
                quarantined.append(strange if self._rejudge is None else self._rejudge.mark(strange, of=message))
            case Birth() as birth:
                self._store.record_birth(birth)
            case PresenceChange() as change:
                self._store.record_presence(change)


def _behind(message: Decoded, reached: Mapping[tuple[DeviceId, str], int]) -> bool:
    """Whether something before this message is not stored yet."""
    if message.boot is None or message.seq is None:
        return False
    return message.seq > reached[message.device, message.boot]


def _births_first(message: RawMessage) -> bool:
    """Brokers may deliver a reading before the birth that says how to read it; the order is kept otherwise."""
    return not message.topic.endswith("/birth")
