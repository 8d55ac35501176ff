"""Ingest on the real store: commit first, acknowledge after, ask where something is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.room import Room
from edge_agent.core.deciding.pacing import Paces
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import DeviceId, QuarantineReason, RawMessage, StoredCursor
from edge_agent.core.sparkplug.topics import RebirthRequest
from edge_agent.errors import RoomReservedError, StoreFailedError
from edge_agent.pipeline.fresh import Fresh
from edge_agent.pipeline.ingest import Ingest
from edge_agent.ports import CrashPoint
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import NOW
from tests.edge_agent.shipped import shipped_registry

BASE = "restock/v1/home/fridge"
_PLENTY_BYTES = 1 << 30


@dataclass
class ScriptedInbox:
    """Hands out prepared groups, and notes when each was acknowledged."""

    groups: list[list[RawMessage]]
    stored: SqliteInspection
    acknowledged: list[RawMessage] = field(default_factory=list)
    readings_at_ack: list[int] = field(default_factory=list)

    async def receive(self, *, group_max: int, wait_s: float) -> list[RawMessage]:
        """The next group."""
        return self.groups.pop(0)

    def acknowledge(self, messages: Sequence[RawMessage]) -> None:
        """Note what was stored at that moment."""
        self.acknowledged += messages
        self.readings_at_ack.append(self.stored.readings_count())


@dataclass
class NotingDevices:
    """Notes what would be said to devices."""

    cursors: list[StoredCursor] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    requests: list[RebirthRequest] = field(default_factory=list)

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """Note it."""
        self.cursors += cursors

    async def ask_rebirth(self, device: DeviceId) -> None:
        """Note it."""
        self.asked.append(device)

    async def ask_node(self, request: RebirthRequest) -> None:
        """Note it."""
        self.requests.append(request)


@dataclass
class Bench:
    """The stage with everything around it."""

    inbox: ScriptedInbox
    devices: NotingDevices
    ingest: Ingest
    inspection: SqliteInspection
    connection: Connection
    reached: list[CrashPoint]
    clock: ManualClock
    free_bytes: list[int]
    fresh: Fresh

    async def take(self, *groups: list[RawMessage]) -> None:
        """Run the stage once for each group."""
        self.inbox.groups += groups
        for _ in groups:
            await self.ingest.run_once()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A hub's ingest with the profiles that ship."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as connection:
        reached: list[CrashPoint] = []
        clock, free_bytes = ManualClock(), [_PLENTY_BYTES]
        room = Room(connection, reserve_mib=1, size_max_mib=100, free_bytes=lambda: free_bytes[-1])
        readings = SqliteReadings(connection, room=room, crash_hook=reached.append)
        inspection, devices = SqliteInspection(connection), NotingDevices()
        inbox = ScriptedInbox([], inspection)
        registry = shipped_registry()
        ingest = Ingest(
            inbox=inbox,
            decoder=Decoder(registry, home="home", limits=Limits(), birth_of=readings.birth_of),
            store=readings,
            devices=devices,
            clock=clock,
            group_max=64,
            wait_s=0.0,
            fresh=(fresh := Fresh()),
            crash_hook=reached.append,
        )
        yield Bench(inbox, devices, ingest, inspection, connection, reached, clock, free_bytes, fresh)


def said(kind: str, words: dict[str, object], *, retained: bool = False) -> RawMessage:
    """A message of the fridge."""
    payload = json.dumps({"device": "fridge", "boot": "b-1", **words}).encode()
    return RawMessage(f"{BASE}/{kind}", payload, retained=retained, duplicate=False, received_at=NOW, receipt=1)


def birth() -> RawMessage:
    """Its retained birth certificate."""
    words = {"profile": "restock.fridge", "firmware": "1.0", "at": "2026-03-02T08:00:00Z"}
    return said("birth", words, retained=True)


def reading(seq: int, *, at: str = "2026-03-02T08:00:00Z") -> RawMessage:
    """A sound reading."""
    values = {
        "milk": {"value": 900.0 + seq, "unit": "g"},
        "door": {"value": "closed", "unit": ""},
        "temperature": {"value": 4.0, "unit": "Cel"},
    }
    return said("reading", {"seq": seq, "at": at, "values": values})


async def test_acknowledged_only_after_the_commit(bench: Bench) -> None:
    """When the broker is told to forget a group, its readings are in the store."""
    await bench.take([birth()], [reading(1), reading(2)])
    assert bench.inbox.readings_at_ack == [0, 2]
    assert bench.devices.cursors == [StoredCursor(DeviceId("fridge"), "b-1", 2)]


async def test_a_reading_may_overtake_its_birth(bench: Bench) -> None:
    """Within a group the birth is read first, whatever the broker's order."""
    await bench.take([reading(1), birth()])
    assert bench.inspection.readings_count() == 1
    assert bench.inspection.quarantine_counts() == {}


async def test_an_unknown_device_is_asked_not_guessed(bench: Bench) -> None:
    """A reading without a birth is kept apart, acknowledged, and its device is asked for a birth."""
    await bench.take([reading(1)])
    assert bench.devices.asked == ["fridge"]
    assert bench.devices.cursors == []
    assert len(bench.inbox.acknowledged) == 1
    assert sum(bench.inspection.quarantine_counts().values()) == 1


async def test_a_gap_is_asked_for_and_not_acknowledged(bench: Bench) -> None:
    """Nothing beyond a missing reading is promised; what comes again closes the gap."""
    await bench.take([birth()], [reading(3)])
    assert bench.devices.asked == ["fridge"]
    assert bench.devices.cursors == []
    await bench.take([reading(1), reading(2), reading(3)])
    assert bench.devices.cursors == [StoredCursor(DeviceId("fridge"), "b-1", 3)]
    assert bench.inspection.readings_count() == 3


async def test_what_the_disk_cannot_take_is_kept_in_hand(bench: Bench) -> None:
    """Nothing of it is acknowledged; when the disk takes rows again the same group is stored, and nothing is lost."""
    await bench.take([birth()])
    db = bench.connection.db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').get}")
    bench.inbox.groups.append([reading(seq) for seq in range(1, 400)])
    for _ in range(2):
        with pytest.raises(StoreFailedError):
            await bench.ingest.run_once()
    assert len(bench.inbox.acknowledged) == 1
    db.execute("PRAGMA max_page_count = 100000")
    waits = asyncio.create_task(bench.fresh.take())
    await asyncio.sleep(0)
    assert not waits.done()
    await bench.ingest.run_once()
    assert await waits == {DeviceId("fridge")}
    assert len(bench.inbox.acknowledged) == 400
    assert bench.inspection.readings_count() == 399


async def test_what_waited_for_room_is_judged_by_when_it_came(bench: Bench) -> None:
    """Three days without room make no clock wrong: what was right when it came is stored, with that time."""
    await bench.take([birth()])
    bench.free_bytes.append(0)
    bench.inbox.groups.append(
        [reading(1), reading(2, at="2026-02-27T08:00:00Z"), reading(3, at="2026-03-09T08:00:00Z")]
    )
    with pytest.raises(RoomReservedError):
        await bench.ingest.run_once()
    bench.clock.advance(hours=72)
    with pytest.raises(RoomReservedError):
        await bench.ingest.run_once()
    bench.free_bytes.append(_PLENTY_BYTES)
    await bench.ingest.run_once()
    assert bench.inspection.message_ranges() == {"fridge": {"b-1": [(1, 3)]}}
    assert bench.inspection.quarantine_counts() == {QuarantineReason.WRONG_TIME: 2}, "the device was wrong then as now"
    assert bench.inspection.first_received_at() == NOW


async def test_a_stored_reading_that_comes_again_days_later_is_not_kept_apart(bench: Bench) -> None:
    """It looks too old by then, and is known; another body under its number is kept apart as ever."""
    await bench.take([birth()], [reading(1)])
    bench.clock.advance(hours=72)
    again = replace(reading(1), duplicate=True, received_at=bench.clock.now())
    other = replace(reading(1, at="2026-03-02T08:00:01Z"), received_at=bench.clock.now())
    await bench.take([again])
    assert bench.inspection.quarantine_counts() == {}
    await bench.take([other])
    assert bench.inspection.quarantine_counts() == {QuarantineReason.WRONG_TIME: 1}
    assert len(bench.inbox.acknowledged) == 4


async def test_the_steps_between_which_a_hub_may_die(bench: Bench) -> None:
    """Received, inserted, stored, acknowledged: a campaign stops the process at each."""
    await bench.take([birth()], [reading(1)])
    assert bench.reached[-4:] == [
        CrashPoint.RECEIVED,
        CrashPoint.INSERTED,
        CrashPoint.STORED,
        CrashPoint.ACKNOWLEDGED,
    ]


async def test_a_device_that_floods_is_slowed_down_alone(bench: Bench) -> None:
    """It gets no `ack` beyond what is taken, the first too many is kept with the reason, and its neighbour is heard."""
    bench.ingest._paces = Paces(per_min=60, burst_max=4)
    stranger = RawMessage("tele/x/SENSOR", b"{}", retained=False, duplicate=False, received_at=NOW, receipt=2)
    await bench.take([birth(), *(reading(seq) for seq in range(1, 9)), stranger])
    assert len(bench.inbox.acknowledged) == 10  # the broker may forget them all: the device has not
    assert bench.devices.cursors[-1].seq == 3
    kept = [row.reason for row in bench.inspection.quarantine(limit=10)]
    assert sorted(kept) == [QuarantineReason.FLOODING, QuarantineReason.UNKNOWN_DEVICE]


async def test_what_was_too_many_is_stored_when_it_comes_again(bench: Bench) -> None:
    """A native device sends what was not acknowledged; by then its bucket has filled."""
    bench.ingest._paces = Paces(per_min=60, burst_max=4)
    again = [replace(reading(seq), received_at=NOW + timedelta(minutes=1)) for seq in (4, 5, 6)]
    await bench.take([birth(), *(reading(seq) for seq in range(1, 7))], again)
    assert bench.devices.cursors[-1].seq == 6


async def test_a_group_that_is_tried_again_is_counted_once(bench: Bench) -> None:
    """A disk that is full for days must not look like a flood."""
    bench.ingest._paces = Paces(per_min=60, burst_max=3)
    bench.inbox.groups.append([birth(), reading(1), reading(2)])
    with patch.object(SqliteReadings, "commit", side_effect=StoreFailedError("full")):
        for _ in range(5):
            with pytest.raises(StoreFailedError):
                await bench.ingest.run_once()
    await bench.ingest.run_once()
    assert bench.devices.cursors[-1].seq == 2
