"""On a disk that fills up, readings stop first, and orders still get through."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.room import Room, free_bytes_of
from edge_agent.core.messages import Birth, Decoded, DeviceId, PresenceChange
from edge_agent.errors import RoomReservedError, StoreFailedError
from tests.campaign.disk.full import may_mount
from tests.edge_agent.outgoing_home import OutgoingHome, outgoing_home
from tests.edge_agent.samples import NOW

MIB = 1_048_576


def message(number: int, *, size: int = 10) -> Decoded:
    """A message that takes about `size` bytes."""
    return Decoded(
        device=DeviceId("fridge"),
        profile="p",
        topic="t" * size,
        boot="b",
        seq=number,
        digest=f"d{number}",
        event_at=NOW,
        received_at=NOW,
        duplicate=False,
        readings=(),
    )


def room_of(home: OutgoingHome, free: list[int], *, reserve_mib: int = 32, size_max_mib: int = 4_096) -> Room:
    """Room on a disk of which the test says what is free."""
    return Room(
        home.store.connection, reserve_mib=reserve_mib, size_max_mib=size_max_mib, free_bytes=lambda: free[0]
    )  # fmt: skip


async def test_readings_stop_at_the_reserve_and_an_order_does_not(tmp_path: Path) -> None:
    """A byte below it nothing of a device is taken; an approval is handed over; with room again, readings go on."""
    async with outgoing_home(tmp_path) as home:
        free = [32 * MIB]
        room = room_of(home, free)
        readings = SqliteReadings(home.store.connection, room=room)
        readings.commit([message(1)], ())
        assert room.problem() is None
        free[0] -= 1
        with pytest.raises(RoomReservedError, match="reserve_mib"):
            readings.commit([message(2)], ())
        with pytest.raises(RoomReservedError):
            readings.record_birth(Birth(DeviceId("fridge"), "p", "1", "b", NOW))
        with pytest.raises(RoomReservedError):
            readings.record_presence(PresenceChange(DeviceId("fridge"), online=True, received_at=NOW))
        home.approve()
        assert await home.turn() == 1
        assert home.guard.problems() == ()
        free[0] += 1
        assert readings.commit([message(2)], ())[0].seq == 2


async def test_the_size_that_the_store_may_have_keeps_a_reserve_too(tmp_path: Path) -> None:
    """What was freed inside the file is room."""
    async with outgoing_home(tmp_path) as home:
        room = room_of(home, [10_000 * MIB], reserve_mib=62, size_max_mib=64)
        readings = SqliteReadings(home.store.connection, room=room)
        readings.commit([message(1, size=3 * MIB)], ())
        with pytest.raises(RoomReservedError, match="size_max_mib"):
            readings.commit([message(2)], ())
        home.approve()
        with home.store.connection.transaction() as db:
            db.execute("DELETE FROM message")
        readings.commit([message(2)], ())


async def test_a_store_that_cannot_be_asked_breaks_no_page(tmp_path: Path) -> None:
    """The page is told of that by the guard."""

    def gone() -> int:
        raise OSError("no such disk")

    async with outgoing_home(tmp_path) as home:
        room = Room(home.store.connection, reserve_mib=1, size_max_mib=64, free_bytes=gone)
        assert room.notice() is None


def fill(readings: SqliteReadings, *, size: int) -> None:
    """Message after message."""
    for number in range(1, 20_000):
        readings.commit([message(number, size=size)], ())


@contextmanager
def small_disk(folder: Path, *, size_mib: int) -> Iterator[Path]:
    """A disk of its own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(not may_mount(), reason="needs the right to mount a file system")
async def test_a_disk_that_readings_fill_up_still_takes_orders(tmp_path: Path) -> None:
    """A disk of 12 MiB: readings come until they are refused, and after that an order goes through."""
    with small_disk(tmp_path / "disk", size_mib=12) as disk:
        async with outgoing_home(disk) as home:
            room = Room(home.store.connection, reserve_mib=6, size_max_mib=64, free_bytes=free_bytes_of(disk))
            readings = SqliteReadings(home.store.connection, room=room)
            with pytest.raises(RoomReservedError):
                fill(readings, size=50_000)
            home.approve()
            assert await home.turn() == 1
            assert home.guard.problems() == ()


@pytest.mark.skipif(not may_mount(), reason="needs the right to mount a file system")
async def test_without_a_reserve_the_same_disk_takes_no_order(tmp_path: Path) -> None:
    """What the reserve is for: the test above can fail."""
    with small_disk(tmp_path / "disk", size_mib=12) as disk:
        async with outgoing_home(disk) as home:
            readings = SqliteReadings(home.store.connection)
            with pytest.raises(StoreFailedError):
                fill(readings, size=1_000)
            with pytest.raises(StoreFailedError):
                home.approve()


async def test_what_is_left_is_what_readings_may_still_take(tmp_path: Path) -> None:
    """Of the disk and of the store's own size, each without the reserve; never less than nothing."""
    async with outgoing_home(tmp_path) as home:
        left = room_of(home, [100 * MIB]).left()
        assert left is not None
        assert left.disk_bytes == 68 * MIB
        assert 4_000 * MIB < left.store_bytes < 4_064 * MIB
        full = room_of(home, [MIB], size_max_mib=32).left()
        assert full is not None
        assert (full.disk_bytes, full.store_bytes) == (0, 0)
