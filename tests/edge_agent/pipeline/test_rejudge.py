"""Readings that came while the hub doubted its own clock: acknowledged, kept apart, and counted once it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.doubtful import DoubtfulReadings
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import DeviceId, QuarantineReason, RawMessage
from edge_agent.errors import RoomReservedError
from edge_agent.pipeline.ingest import Ingest
from edge_agent.pipeline.rejudge import Rejudge
from tests.edge_agent.outgoing_home import Wall, opened
from tests.edge_agent.pipeline.test_ingest import NotingDevices, ScriptedInbox, birth, said
from tests.edge_agent.samples import NOW
from tests.edge_agent.shipped import shipped_registry

DAY = timedelta(days=1)


@dataclass
class Hub:
    """Ingest over a real store, on clocks of the test."""

    store: OpenStore
    wall: Wall
    inbox: ScriptedInbox
    ingest: Ingest
    rejudge: Rejudge
    inspection: SqliteInspection
    readings: SqliteReadings
    devices: NotingDevices = field(default_factory=NotingDevices)

    async def take(self, *messages: RawMessage) -> None:
        """One group."""
        self.inbox.groups.append(list(messages))
        await self.ingest.run_once()

    def reading(self, seq: int, at: datetime, *, words: str = "") -> RawMessage:
        """The fridge's, dated by its own right clock, stamped by the hub's."""
        values = {
            "milk": {"value": 900.0 + seq, "unit": "g"},
            "door": {"value": "closed", "unit": ""},
            "temperature": {"value": 4.0, "unit": "Cel"},
        }
        message = said("reading", {"seq": seq, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "values": values})
        padded = message.payload[:-1] + b" " * len(words) + b"}"
        return RawMessage(
            message.topic, padded, retained=False, duplicate=False, received_at=self.store.clock.now(), receipt=1
        )

    def rubbish(self, number: int) -> RawMessage:
        """No reading by any clock."""
        message = self.reading(number, NOW)
        return replace(message, payload=b"{" * (number + 1))

    def stored(self) -> list[float]:
        """The levels that the estimate is given, in its order."""
        rows = self.readings.readings_after(DeviceId("fridge"), "milk.amount", after_id=0, limit=100)
        return [float(reading.value) for _, _, reading in rows if reading.value is not None]

    def kept(self) -> dict[QuarantineReason, int]:
        """What is kept apart."""
        return self.inspection.quarantine_counts()


@contextmanager
def hub(folder: Path, wall: Wall, **limits: int) -> Iterator[Hub]:
    """A hub that starts."""
    with opened(folder, wall) as store:
        readings, inspection, devices = (
            SqliteReadings(store.connection, **limits), SqliteInspection(store.connection), NotingDevices()
        )  # fmt: skip
        registry = shipped_registry()
        decoder = Decoder(registry, home="home", limits=Limits(), birth_of=readings.birth_of)
        rejudge = Rejudge(held=DoubtfulReadings(store.connection), decoder=decoder, clock=store.clock)
        inbox = ScriptedInbox([], inspection)
        ingest = Ingest(
            inbox=inbox, decoder=decoder, store=readings, devices=devices, clock=store.clock, group_max=64, wait_s=0.0,
            rejudge=rejudge,
        )  # fmt: skip
        yield Hub(store, wall, inbox, ingest, rejudge, inspection, readings, devices)


async def started(folder: Path) -> None:
    """A first life, whose time is kept."""
    with hub(folder, Wall()) as first:
        await first.take(birth(), first.reading(1, NOW))
        first.store.chain.record({"event": "kept"})
        assert first.stored() == [901.0]


@pytest.mark.parametrize("believed_after", [timedelta(0), 3 * DAY])
async def test_a_hub_that_was_off_for_forty_days_loses_no_reading(tmp_path: Path, believed_after: timedelta) -> None:
    """Off too long to believe its clock; when somebody does, at once or days later, all count, in the order of time."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY)) as again:
        assert again.store.clock.doubt() is not None
        await again.take(again.reading(2, NOW + 40 * DAY), again.reading(3, NOW + 40 * DAY + timedelta(minutes=1)))
        assert len(again.inbox.acknowledged) == 2
        assert again.kept() == {QuarantineReason.HUB_CLOCK: 2}
        assert again.rejudge.run_once() == 0, "nobody has said yet that the clock is right"
        again.wall.passes(seconds=believed_after.total_seconds())
        again.store.clock.vouch()
        await again.take(again.reading(4, NOW + 40 * DAY + believed_after + timedelta(minutes=2)))
        assert again.stored() == [901.0, 902.0, 903.0, 904.0]
        assert again.kept() == {}


async def test_a_clock_that_was_ahead_and_is_set_right_loses_no_reading(tmp_path: Path) -> None:
    """The hub's time does not go back; readings that are dated rightly are behind it, and count all the same."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 20 * DAY)) as wrong:
        wrong.store.chain.record({"event": "believed"})
    with hub(tmp_path, Wall(NOW + DAY)) as right:
        assert right.store.clock.doubt() is not None
        await right.take(right.reading(2, NOW + DAY))
        right.store.clock.vouch()
        right.wall.passes(hours=1)
        await right.take(right.reading(3, NOW + DAY + timedelta(hours=1)))
        assert right.rejudge.run_once() + len(right.stored()) >= 3
        assert right.stored() == [901.0, 902.0, 903.0]
        assert right.kept() == {}


async def test_a_device_whose_clock_is_wrong_stays_kept_apart(tmp_path: Path) -> None:
    """Judged again, with the device as the reason; it is not judged for ever."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY)) as again:
        await again.take(again.reading(2, NOW - 300 * DAY), again.reading(3, NOW + 90 * DAY))
        assert again.kept() == {QuarantineReason.HUB_CLOCK: 2}
        again.store.clock.vouch()
        assert again.rejudge.run_once() == 0
        assert again.kept() == {QuarantineReason.WRONG_TIME: 2}
        assert again.stored() == [901.0]


async def test_with_a_clock_that_is_believed_the_device_is_to_blame(tmp_path: Path) -> None:
    """As ever: wrong time, at once."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + DAY)) as again:
        await again.take(again.reading(2, NOW + 40 * DAY))
        assert again.kept() == {QuarantineReason.WRONG_TIME: 1}


async def test_what_waits_is_judged_after_a_restart_and_counts_once(tmp_path: Path) -> None:
    """The mark is in the store; a copy that the device sends again meanwhile is the same reading."""
    await started(tmp_path)
    wall = Wall(NOW + 40 * DAY)
    with hub(tmp_path, wall) as again:
        await again.take(again.reading(2, NOW + 40 * DAY))
    with hub(tmp_path, wall) as later:
        await later.take(later.reading(2, NOW + 40 * DAY))
        assert later.kept() == {QuarantineReason.HUB_CLOCK: 1}
        later.store.clock.vouch()
        assert later.rejudge.run_once() == 1
        assert later.rejudge.run_once() == 0
        await later.take(later.reading(2, NOW + 40 * DAY))
        assert later.stored() == [901.0, 902.0]
        assert later.inspection.message_ranges() == {"fridge": {"b-1": [(1, 2)]}}


async def test_more_than_a_batch_is_judged_and_a_fault_between_loses_none(tmp_path: Path) -> None:
    """1,200 of them; the disk fails at the second group, which waits with the rest for the next call."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY)) as again:
        await again.take(*(again.reading(seq, NOW + 40 * DAY + timedelta(seconds=seq)) for seq in range(2, 1_202)))
        again.store.clock.vouch()
        db = again.store.connection.db
        db.execute(
            "CREATE TEMP TRIGGER fails BEFORE INSERT ON main.message WHEN NEW.seq = 900 "
            "BEGIN SELECT RAISE(ABORT, 'a fault'); END"
        )
        with pytest.raises(apsw.ConstraintError):
            again.rejudge.run_once()
        assert again.kept() == {QuarantineReason.HUB_CLOCK: 700}
        db.execute("DROP TRIGGER temp.fails")
        assert again.rejudge.run_once() == 700
        assert again.kept() == {}
        assert again.inspection.readings_count() == 1_201


async def test_a_long_reading_is_kept_whole_and_counts(tmp_path: Path) -> None:
    """5 KiB of it, where the rest of the quarantine keeps 4,096 bytes; one that stays refused is cut then."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY)) as again:
        words = "x" * 5_120
        await again.take(again.reading(2, NOW + 40 * DAY, words=words), again.reading(3, NOW + 300 * DAY, words=words))
        again.store.clock.vouch()
        assert again.rejudge.run_once() == 1
        assert again.stored() == [901.0, 902.0]
        assert again.kept() == {QuarantineReason.WRONG_TIME: 1}
        assert again.store.connection.db.execute("SELECT length(payload) FROM quarantine").get == 4_096


async def test_a_payload_that_was_cut_cannot_be_judged_again(tmp_path: Path) -> None:
    """What an earlier version kept of it is no reading, and says so."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY)) as again:
        await again.take(again.reading(2, NOW + 40 * DAY, words="x" * 5_000))
        again.store.connection.db.execute("UPDATE quarantine SET payload = substr(payload, 1, 4096)")
        again.store.clock.vouch()
        assert again.rejudge.run_once() == 0
        assert again.kept() == {QuarantineReason.MALFORMED: 1}


async def test_what_waits_for_the_clock_does_not_make_room_for_what_is_never_right(tmp_path: Path) -> None:
    """The quarantine keeps its newest two, and all that is still to be judged."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY), quarantine_rows_max=2) as again:
        for seq in range(2, 5):
            await again.take(again.reading(seq, NOW + 40 * DAY))
        for number in range(4):
            await again.take(again.rubbish(number))
        assert again.kept() == {QuarantineReason.HUB_CLOCK: 3, QuarantineReason.MALFORMED: 2}
        again.store.clock.vouch()
        assert again.rejudge.run_once() == 3
        assert again.stored() == [901.0, 902.0, 903.0, 904.0]


async def test_more_than_can_wait_is_not_acknowledged(tmp_path: Path) -> None:
    """The group stays in hand, and is stored when the clock is believed; nothing that waited made room for it."""
    await started(tmp_path)
    with hub(tmp_path, Wall(NOW + 40 * DAY), held_rows_max=3) as again:
        await again.take(*(again.reading(seq, NOW + 40 * DAY) for seq in (2, 3)))
        with pytest.raises(RoomReservedError, match="clock"):
            await again.take(*(again.reading(seq, NOW + 40 * DAY) for seq in (4, 5)))
        assert len(again.inbox.acknowledged) == 2
        assert again.kept() == {QuarantineReason.HUB_CLOCK: 2}
        with pytest.raises(RoomReservedError):
            await again.ingest.run_once()
        again.store.clock.vouch()
        await again.ingest.run_once()
        assert len(again.inbox.acknowledged) == 4
        assert again.stored() == [901.0, 902.0, 903.0, 904.0, 905.0]
