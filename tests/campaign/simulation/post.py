"""What merchants send of their own accord: webhooks that get lost, come late, come twice, lie, or are forged.

A merchant that has sold something on the way also moves it on, and tells so. Nothing may depend on any of it: in some
worlds every webhook is lost, and what each order has come to must be known all the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from cloud_bridge.core.outcome import Progress
from tests.campaign.simulation.bridge import WEBHOOK_SEAL, Front
from tests.campaign.simulation.market import Stall
from tests.campaign.simulation.virtual import VirtualLoop
from tests.campaign.simulation.weather import HOUR_S, Weather

_SHARE = 0.25  # of what happens that is told
_LATE_MAX_S = 3 * HOUR_S
_ON_THE_WAY_MAX_S = 1.5 * HOUR_S


@dataclass(slots=True)
class Post:
    """The webhooks of one merchant. `is_lost`: none of them arrives."""

    loop: VirtualLoop
    weather: Weather
    front: Front
    stall: Stall
    is_lost: bool
    under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _told: int = 0

    def tell(self, order_id: str) -> None:
        """Something has happened to an order."""
        if self.stall.merchant.progress.get(order_id) is Progress.PREPARING:
            self._start(self._move_on(order_id))
        if self.weather.rng.random() < _SHARE:
            self._start(self._send(order_id))

    def _start(self, work: object) -> None:
        task = self.loop.create_task(work)  # type: ignore[arg-type]
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _move_on(self, order_id: str) -> None:
        for progress in (Progress.SHIPPED, Progress.DELIVERED):
            await asyncio.sleep(self.weather.between(60, _ON_THE_WAY_MAX_S))
            self.stall.merchant.progress[order_id] = progress
            self.tell(order_id)

    async def _send(self, order_id: str) -> None:
        weather, rng = self.weather, self.weather.rng
        if self.is_lost or rng.random() < 0.15:
            weather.tally["webhook:lost"] += 1
            return
        seal, body = WEBHOOK_SEAL, order_id.encode()
        fate = rng.random()
        if fate < 0.10:
            weather.tally["webhook:lying"] += 1
            body = rng.choice([b"order-999999", b"\xff{}", f"order-{rng.randint(1, 40)}".encode()])
        elif fate < 0.18:
            weather.tally["webhook:forged"] += 1
            seal = b"forged"
        self._told += 1
        ident = f"{self.stall.name}-{self._told}"
        for time in range(2 if 0.18 <= fate < 0.33 else 1):
            weather.tally["webhook:twice"] += time
            is_late = rng.random() < 0.3
            weather.tally["webhook:late"] += is_late
            await asyncio.sleep(weather.between(0, _LATE_MAX_S if is_late else 20))
            taken = await self.front.webhook(self.stall.name, ident, body, seal=seal)
            weather.tally["webhook:taken" if taken else "webhook:lost"] += 1
