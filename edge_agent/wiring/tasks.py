"""What runs side by side once everything is wired, and what a task does when it fails.

What fails for a reason that passes is tried again on its next turn, and a check that guards money stops the sends and
nothing else (`turns`); everything else ends the process, so that whoever supervises it starts it afresh from the store.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from starlette.types import ASGIApp

from edge_agent.adapters import devices_list
from edge_agent.adapters.allocator import give_back
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.clock import EffectiveClock
from edge_agent.adapters.home_assistant import HomeAssistantVoice
from edge_agent.adapters.store.forgetting import Forgetting
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.adapters.store.upkeep import Upkeep
from edge_agent.config import HubConfig
from edge_agent.errors import FailClosedError, RetryLaterError
from edge_agent.folder import data_folder
from edge_agent.pipeline.discovery import Discovery
from edge_agent.pipeline.fresh import Fresh
from edge_agent.pipeline.guard import Guard
from edge_agent.pipeline.home_assistant import HomeAssistant
from edge_agent.pipeline.notifying import Notifying
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.pipeline.recall_telling import RecallTelling
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.pipeline.restore import Restore
from edge_agent.pipeline.review import Review
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.wiring.home_assistant import listen
from edge_agent.wiring.leave import LeaveSide
from edge_agent.wiring.turns import Turns

log = logging.getLogger(__name__)

_UPKEEP_EVERY_S = 60.0  # real time
_LIST_EVERY_S = 30.0  # real time
_EDITS_EVERY_S = 2.0  # real time
_FORGETTING_EVERY_S = 2.0  # real time
_FRESH_EVERY_S = 0.2  # real time: a home whose devices say something all the time is looked at so often
_FRESH_RESTS = 4  # times as long as a look took: however much is said, and on whatever disk, it takes a fifth at most


class Server(Protocol):
    """What serves the pages; `page.PageListener`."""

    async def serve(self, pages: ASGIApp, *, stop: Callable[[], Awaitable[object]]) -> None:
        """Serve until `stop` returns."""


class Traces(Protocol):
    """What sends traces; `adapters.tracing.TraceExport`, which is loaded only where it is wanted."""

    async def run_once(self) -> None:
        """Everything that waits now."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Home Assistant, where it is told of this home."""

    voice: HomeAssistantVoice
    side: HomeAssistant


@dataclass(frozen=True, slots=True)
class Tasks:
    """What runs side by side, once everything is wired."""

    config: HubConfig
    clock: EffectiveClock
    review: Review
    rejudge: Rejudge
    leave: LeaveSide
    bridge: BridgeClient
    status: StatusRecorder
    prices: PriceKeeper
    orders: Orders
    restore: Restore
    guard: Guard
    upkeep: Upkeep
    tokens: Tokens
    discovery: Discovery
    pages: ASGIApp
    wake: asyncio.Event
    edited: Callable[[], bool]
    fresh: Fresh
    forgetting: Forgetting
    notifying: Notifying | None = None
    recalls: RecallTelling | None = None
    spoken: Spoken | None = None
    traces: Traces | None = None

    async def run(self, stop: asyncio.Event, listener: Server) -> None:
        """All of them in one group, until `stop`."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work, name=name) for name, work in self._works().items()]
            await listener.serve(self.pages, stop=stop.wait)
            for task in tasks:
                task.cancel()

    def _works(self) -> dict[str, Coroutine[None, None, None]]:
        """What runs beside the pages, by name; what nobody asked for does not run."""
        config, real = self.config, self.clock.speed
        turns = Turns(self.clock, chance=random.SystemRandom().random)
        works = {
            "review": turns.every(config.review.every_s, self._look),
            "fresh": turns.every(_FRESH_EVERY_S * real, self._freshen),
            "edits": turns.every(_EDITS_EVERY_S * real, self._look_if_edited),
            "drain": turns.when_woken(
                self._drain,
                wake=self.wake,
                period_s=config.bridge.drain_every_s,
                longest_s=config.bridge.poll_every_s,
                in_doubt=lambda: self.restore.is_due,
                name="drain",
            ),
            "forgetting": turns.every(_FORGETTING_EVERY_S * real, self.forgetting.go_on),
            "status": turns.every_apart(config.bridge.poll_every_s, self._follow),
            "prices": turns.every_apart(config.review.every_s, self._ask_prices),
            "upkeep": turns.every(_UPKEEP_EVERY_S * real, self._tidy),
            "devices": turns.every(_LIST_EVERY_S * real, self._list_devices),
        }
        if self.notifying is not None:
            works["notify"] = turns.every(config.notify.every_s, self.notifying.run_once)
        if self.recalls is not None:
            works["recalls"] = turns.every(config.notify.every_s, self.recalls.run_once)
        if self.traces is not None:
            works["traces"] = turns.every(config.tracing.every_s * real, self.traces.run_once)
        if self.spoken is not None:
            refresh_s = config.home_assistant.refresh_s * real
            works["home_assistant"] = turns.every(refresh_s, self._tell_home_assistant)
            works["home_assistant_heard"] = turns.every(0.0, self._hear_home_assistant)
        return works

    async def _drain(self) -> None:
        """Compare with the bridge where that is due, then send; whatever fails, compare again before the next order."""
        try:
            if self.restore.is_due or self.clock.doubt() is not None:
                await self.restore.run_once()
            await self.bridge.drain(check=self.guard.check)
        except (RetryLaterError, FailClosedError):
            self.restore.doubt()
            raise

    async def _tidy(self) -> None:
        self.upkeep.run_once()
        await self._sum_up()
        if self.upkeep.is_behind:  # a backlog came in faster than reviews look at it
            for _ in self.review.catch_up():
                await asyncio.sleep(0)
            await self._sum_up()
        self.tokens.write_uses_down()
        give_back()

    async def _sum_up(self) -> None:
        for _ in self.upkeep.sum_up():
            await asyncio.sleep(0)  # ingest and the pages have their turn

    async def _list_devices(self) -> None:
        """For `restock-hub devices`, which cannot read the store while this hub holds it."""
        devices_list.write(data_folder(self.config), self.discovery.inventory())

    async def _look(self) -> None:
        self.rejudge.run_once()
        if not self.restore.has_compared:
            # Until it is done the review estimates and asks nothing; `restore.problem` shows what stands against it.
            with suppress(RetryLaterError, FailClosedError):
                await self.restore.run_first()
        for _ in self.review.catch_up():
            await asyncio.sleep(0)  # ingest and the pages have their turn
        self.review.run_once()
        self.leave.mandates.end_due()

    async def _freshen(self) -> None:
        """An open page shows what a device has just said; what follows of it waits for the review."""
        told = await self.fresh.take()
        began_s = time.monotonic()
        self.review.freshen(told)
        await asyncio.sleep(_FRESH_RESTS * (time.monotonic() - began_s))

    async def _tell_home_assistant(self) -> None:
        if self.spoken is not None:
            self.spoken.side.refresh()

    async def _hear_home_assistant(self) -> None:
        if self.spoken is not None:
            await listen(self.spoken.voice, self.spoken.side)

    async def _look_if_edited(self) -> None:
        """Who has edited the household's file, or counted a stock, waits for what comes of it."""
        is_edited = self.edited()
        if is_edited:
            log.info("household_edited")
        if is_edited or self.review.is_due:
            self.review.run_once()

    async def _follow(self) -> None:
        """News of the orders come whether or not the bridge answers for those that are wanted back."""
        try:
            await self.leave.afterwards.run_once()
        finally:
            await self.status.run_once()

    async def _ask_prices(self) -> None:
        if self.prices.due():
            await self.prices.run_once()
