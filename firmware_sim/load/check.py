"""The fleet's own consumer: one subscriber on the broker that counts what comes."""

from __future__ import annotations

from collections.abc import Callable

from firmware_sim.crowd.delays import Delays
from firmware_sim.load.heard import Heard
from firmware_sim.load.link import Subscription, Wire
from firmware_sim.load.plan import Plan


class Check:
    """Fulfils heard.Consumer. `recent` gets the delays of late, for whoever watches."""

    name = "check"

    def __init__(
        self,
        wire: Wire,
        plan: Plan,
        *,
        heard: Heard,
        recent: Delays,
        run: str,
        now_s: Callable[[], float],
        epoch_s: float,
    ) -> None:
        self._heard = heard
        self._recent = recent
        self._wire = wire
        self._filter = f"restock/v1/{plan.home if plan.homes == 1 else '+'}/+/reading"
        self._client_id = f"sim-{run}-check"
        self._now_s = now_s
        self._epoch_s = epoch_s
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """See heard.Consumer."""
        self._subscription = await self._wire.listen([self._filter], self._hear, client_id=self._client_id)

    async def look(self) -> int:
        """See heard.Consumer."""
        return self._heard.distinct

    async def close(self) -> None:
        """See heard.Consumer."""
        if self._subscription is not None:
            self._heard.breaks, self._heard.forgotten = self._subscription.breaks, self._subscription.forgotten
            await self._subscription.close()

    def _hear(self, topic: str, payload: bytes) -> None:
        took_s = self._heard.hear(topic, payload, now_s=self._now_s(), epoch_s=self._epoch_s)
        if took_s is not None:
            self._recent.add(took_s)


class Nobody:
    """Fulfils heard.Consumer where nobody is asked: what the broker took is all that is known."""

    name = "none"

    async def open(self) -> None:
        """See heard.Consumer."""

    async def look(self) -> int | None:
        """See heard.Consumer."""
        return None

    async def close(self) -> None:
        """See heard.Consumer."""
