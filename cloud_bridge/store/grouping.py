"""One transaction for all callers who wait: while one group is being made durable, the next one gathers.

A caller gets its answer after the commit of its own group, never before. One whose work cannot be done does not take
the others with it: a group that fails is done again one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from cloud_bridge.errors import StoreError

Item = TypeVar("Item")
Result = TypeVar("Result")

_GROUP_MAX = 64
_WAITING_MAX = 1_024


class Grouped(Generic[Item, Result]):
    """Calls `work` with everything that waits; it answers each item in its place, or with an error to be raised."""

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]) -> None:
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        """Hand in one item and wait until it is durable.

        Raises: StoreError, also when too many wait already; the error that `work` answers with.
        """
        if len(self._waiting) >= _WAITING_MAX:
            raise StoreError(f"{_WAITING_MAX} callers wait for the store already")
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._drain(), name="group-commit")
        return await done

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[:_GROUP_MAX]
                del self._waiting[:_GROUP_MAX]
                await self._settle(group)
        finally:
            self._running = None

    async def _settle(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            answers = await self._work([item for item, _ in group])
        except Exception as exc:  # noqa: BLE001  whatever it is, it is raised where the item came from
            if len(group) > 1:
                for each in group:
                    await self._settle([each])
                return
            answers = [exc]
        except BaseException:
            for _, done in group:
                done.cancel()
            raise
        for (_, done), answer in zip(group, answers, strict=True):
            if done.done():  # the caller went away; what was written stands
                continue
            if isinstance(answer, Exception):
                done.set_exception(answer)
            else:
                done.set_result(answer)
