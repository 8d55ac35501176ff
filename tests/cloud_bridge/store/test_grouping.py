"""Group commit: who waits while a group is written goes into the next one, and a failure is its owner's alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cloud_bridge.errors import ConflictError, StoreError
from cloud_bridge.store.grouping import Grouped


class Disk:
    """Writes a group when it is let; refuses what is odd, breaks on what is negative, and has a bug with zero."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.free = asyncio.Event()

    async def write(self, items: Sequence[int]) -> Sequence[int | Exception]:
        """Double each item."""
        self.groups.append(list(items))
        await self.free.wait()
        if any(item < 0 for item in items):
            raise StoreError("broken")
        if 0 in items:
            raise ZeroDivisionError
        return [ConflictError("odd") if item % 2 else item * 2 for item in items]


async def test_all_who_wait_share_one_transaction() -> None:
    """The first goes alone, the others together; nobody is answered before the write."""
    disk = Disk()
    grouped = Grouped(disk.write)
    tasks = [asyncio.create_task(grouped(item)) for item in (2, 4, 6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(grouped(item)) for item in (8, 10)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    disk.free.set()
    assert await asyncio.gather(*tasks, *later) == [4, 8, 12, 16, 20]
    assert disk.groups == [[2, 4, 6], [8, 10]]


async def test_a_refusal_goes_to_its_own_caller() -> None:
    """The others of the group have their answer."""
    disk = Disk()
    disk.free.set()
    grouped = Grouped(disk.write)
    answers = await asyncio.gather(grouped(2), grouped(3), return_exceptions=True)
    assert answers[0] == 4
    assert isinstance(answers[1], ConflictError)


async def test_a_group_that_fails_is_done_again_one_by_one() -> None:
    """One item that the store cannot write does not take the others with it."""
    disk = Disk()
    disk.free.set()
    grouped = Grouped(disk.write)
    answers = await asyncio.gather(grouped(2), grouped(-1), grouped(4), return_exceptions=True)
    assert (answers[0], answers[2]) == (4, 8)
    assert isinstance(answers[1], StoreError)
    assert disk.groups == [[2, -1, 4], [2], [-1], [4]]


async def test_a_bug_with_one_item_is_its_owners_alone_too() -> None:
    """Nobody is cancelled for it, and who waits for the next group is served."""
    disk = Disk()
    grouped = Grouped(disk.write)
    tasks = [asyncio.create_task(grouped(item)) for item in (2, 0)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = asyncio.create_task(grouped(4))
    await asyncio.sleep(0)
    disk.free.set()
    answers = await asyncio.wait_for(asyncio.gather(*tasks, later, return_exceptions=True), 5)
    assert (answers[0], answers[2]) == (2 * 2, 4 * 2)
    assert isinstance(answers[1], ZeroDivisionError)


async def test_a_caller_that_goes_away_leaves_the_others_alone() -> None:
    """What it handed in is written; nobody reads the answer."""
    disk = Disk()
    grouped = Grouped(disk.write)
    gone, stays = asyncio.create_task(grouped(2)), asyncio.create_task(grouped(4))
    await asyncio.sleep(0)
    gone.cancel()
    disk.free.set()
    assert await stays == 8


async def test_too_many_who_wait_are_refused() -> None:
    """The queue has an end, and says so."""
    disk = Disk()
    grouped = Grouped(disk.write)
    tasks = [asyncio.create_task(grouped(2)) for _ in range(1_024)]
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="1024 callers"):
        await grouped(2)
    disk.free.set()
    assert set(await asyncio.gather(*tasks)) == {4}
