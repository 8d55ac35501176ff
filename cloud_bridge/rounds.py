"""The loop that worker and tracker share: claim what is due, take each order one step, wait for more.

Each merchant has room for a number of orders at a time, and each step a time that it may take, so a merchant that is
slow holds up its own orders and no other's: what it leaves waiting is claimed once it has room again, and until then
nobody holds it. A step begins as soon as its order is claimed, so that the lease is the step's alone.

One order's failure never stops the others. What fails in a way that nobody foresaw is kept: the order stays as it
stands in the store, gets the detail `internal`, and is tried again later and later. A step that would outlast the lease
is dropped before the lease ends: what it had recorded stands, and whoever claims the order next goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud_bridge.config import WorkerConfig
from cloud_bridge.core import backoff
from cloud_bridge.core.order import Change, Detail, OrderRecord, note
from cloud_bridge.core.stages import Stage, Told
from cloud_bridge.errors import StaleClaimError, StoreError
from cloud_bridge.ports import NO_TRACING, Clock, OrderStore, Step, Tracing
from cloud_bridge.wire import OrderState

log = logging.getLogger(__name__)

_POLL_REAL_MIN_S = 0.25  # however fast the clock runs, an idle store is not asked more often than this
_STORE_PAUSE_REAL_S = 1.0
_GATHER_REAL_S = 0.05  # what rings in this time is looked at together, so that many new orders are not many looks
_STEP_SHARE_OF_LEASE = 0.9


@dataclass(frozen=True, slots=True)
class Beat:
    """Whom the rounds serve: `states` says which orders, `step` what is done with one, `bell` wakes them early."""

    name: str
    states: Collection[OrderState]
    step: Step
    bell: asyncio.Event


def next_look(clock: Clock, config: WorkerConfig) -> datetime:
    """When an idle worker looks at the latest, if nobody wakes it: what is due after that need not ring."""
    return max(clock.now() + timedelta(seconds=config.poll_s), clock.after_real(_POLL_REAL_MIN_S))


class Rounds:
    """Runs one `Beat` until it is stopped. `outcomes` counts its steps by how they ended."""

    def __init__(
        self, beat: Beat, *, store: OrderStore, clock: Clock, config: WorkerConfig, tracing: Tracing = NO_TRACING
    ) -> None:
        self._beat = beat
        self._store = store
        self._clock = clock
        self._config = config
        self._tracing = tracing
        self.outcomes: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        self._finished = False

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set (ring the bell, too); the steps under way are finished."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                self._beat.bell.clear()
                self._finished = False
                try:
                    if await self._begin(group) == 0:
                        await self._rest()
                except StoreError:
                    log.exception("store_failed beat=%s", self._beat.name)
                    await self._clock.wait(self._beat.bell, until=self._clock.after_real(_STORE_PAUSE_REAL_S))

    async def run_once(self) -> int:
        """Take each order that is due now and has room one step, and say how many there were."""
        async with asyncio.TaskGroup() as group:
            return await self._begin(group)

    async def _begin(self, group: asyncio.TaskGroup) -> int:
        orders = await self._store.claim(
            self._beat.states,
            now=self._clock.now(),
            lease_until=self._clock.after_real(self._config.lease_s),
            limit=self._config.parallel,
            busy=dict(self._busy),
        )
        for order in orders:
            self._busy[order.merchant] += 1
            group.create_task(self._work(order), name=f"{self._beat.name}:{order.intent_id}")
        return len(orders)

    async def _rest(self) -> None:
        poll = next_look(self._clock, self._config)
        full = [merchant for merchant, count in self._busy.items() if count >= self._config.parallel]
        due = await self._store.next_due(self._beat.states, full=full)
        await self._clock.wait(self._beat.bell, until=poll if due is None else min(due, poll))
        if not self._finished:
            await self._clock.wait(asyncio.Event(), until=self._clock.after_real(_GATHER_REAL_S))

    async def _work(self, order: OrderRecord) -> None:
        try:
            await self._take(order)
        finally:
            self._busy[order.merchant] -= 1
            self._finished = True  # there is room now, and the order may have a next step
            self._beat.bell.set()

    @property
    def name(self) -> str:
        """What it does."""
        return self._beat.name

    async def _take(self, order: OrderRecord) -> None:
        outcome = "cut_off"
        try:
            outcome = await self._outcome(order)
        finally:
            self.outcomes[outcome] += 1

    async def _outcome(self, order: OrderRecord) -> str:
        """Take the step, and say how it ended."""
        try:
            async with asyncio.timeout(self._config.lease_s * _STEP_SHARE_OF_LEASE):
                told = {Told.EPOCH: order.epoch, Told.TRIES: order.tries}
                with self._tracing.span(Stage.STEP, order=order.intent_id, told=told):
                    await self._beat.step(order)
        except TimeoutError:
            log.warning("step_dropped beat=%s intent=%s", self._beat.name, order.intent_id)
            return "dropped"
        except StaleClaimError:
            log.info("claim_lost beat=%s intent=%s", self._beat.name, order.intent_id)
            return "claim_lost"
        except StoreError:
            log.exception("store_failed beat=%s intent=%s", self._beat.name, order.intent_id)
            return "store_failed"
        except Exception:  # supervised: a fault of ours with one order must not stop the others
            log.exception("step_failed beat=%s intent=%s", self._beat.name, order.intent_id)
            await self._shelve(order)
            return "failed"
        return "done"

    async def _shelve(self, order: OrderRecord) -> None:
        wait = backoff.delay(
            order.tries, first_s=self._config.retry_first_s, longest_s=self._config.retry_max_s, jitter=0.0
        )
        now = self._clock.now()

        def later(found: OrderRecord) -> Change | None:
            if found.state not in self._beat.states:
                return None
            return note(found, now=now, detail=Detail.INTERNAL, due_at=now + wait, tries=found.tries + 1)

        try:
            await self._store.amend(order.household, order.intent_id, later)
        except StoreError:  # then the lease runs out, and the order is due again
            log.exception("store_failed beat=%s intent=%s", self._beat.name, order.intent_id)
