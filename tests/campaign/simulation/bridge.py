"""The bridge's processes: one or two replicas over the same books, each of which dies and comes back.

Real: intake, worker, tracker, rounds and the door for webhooks. A process dies at a named crash point, at any
transaction, or because it is killed from outside in the middle of any await; what was durable stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.config import TrackingConfig, WorkerConfig
from cloud_bridge.core.order import FOLLOWING, PLACING
from cloud_bridge.errors import NotAuthenticError
from cloud_bridge.intake import Intake
from cloud_bridge.ports import CrashPoint, Delivery, HouseholdKeys, Merchant
from cloud_bridge.rounds import Beat, Rounds
from cloud_bridge.tracking import Tracker, shared
from cloud_bridge.worker import Worker
from edge_agent.adapters.egress import Answer
from edge_agent.errors import BridgeUnreachableError
from tests.campaign.simulation.judge import Judge
from tests.campaign.simulation.memory_orders import Books, MemoryOrders
from tests.campaign.simulation.merchants import FarMerchant, Line
from tests.campaign.simulation.virtual import Died, JumpyClock, Life, VirtualLoop
from tests.campaign.simulation.weather import Weather
from tests.campaign.simulation.wire import Desk

DOWN_MAX_S = 300.0
# Of dying there, where it is passed very often, or seldom.
_CHANCES = {
    CrashPoint.FOLLOWED: 0.004,
    CrashPoint.SETTLED: 0.6,
    CrashPoint.CLOSED: 0.3,
    CrashPoint.WEBHOOK_READ: 0.1,
    CrashPoint.WEBHOOK_KEPT: 0.1,
}
_CONFIG = WorkerConfig(poll_s=3_600.0, parallel=8)
_TRACKING = TrackingConfig(poll_s=4 * 3_600.0)  # shorter than the calm at the end: nothing may need a webhook
WEBHOOK_SEAL = b"sealed"  # what stands for a merchant's signature


@dataclass(slots=True)
class Site:
    """What the replicas share: the world around them and the books."""

    loop: VirtualLoop
    weather: Weather
    clock: JumpyClock
    judge: Judge
    books: Books
    keys: HouseholdKeys
    merchants: dict[str, tuple[Merchant, Line]]


@dataclass(slots=True)
class Replica:
    """One bridge process, and the ones that follow it."""

    site: Site
    desk: Desk | None = None
    merchant_door: MerchantDoor | None = None
    task: asyncio.Task[None] | None = None
    life: Life = field(default_factory=Life)

    async def run(self) -> None:
        """Live, die, be started again, until the world ends."""
        weather = self.site.weather
        while True:
            self.life = Life()
            try:
                await self._live()
            except BaseExceptionGroup as group:
                if group.subgroup(Died) is None:
                    raise
            except Died:
                pass
            except asyncio.CancelledError:
                if not self.life.is_over:
                    raise  # the world ends
            self.desk = self.merchant_door = None
            weather.tally["bridge_deaths"] += 1
            await asyncio.sleep(weather.between(0.5, DOWN_MAX_S if weather.is_rough() else 5.0))

    def kill(self) -> None:
        """End the process from outside, wherever it is."""
        if self.desk is not None and self.task is not None:
            self.desk = self.merchant_door = None
            self.life.is_over = True
            self.task.cancel()

    def _crash(self, point: CrashPoint) -> None:
        self.life.check()
        self.site.weather.tally[f"passed:{point}"] += 1
        if self.site.weather.strikes(_CHANCES.get(point, 0.02), f"crash:{point}"):
            self.life.end()

    async def _give_way(self) -> None:
        weather = self.site.weather
        if self.life.is_over:
            raise Died
        if not weather.is_rough():
            return
        if weather.strikes(0.08, "store:slow"):
            await asyncio.sleep(weather.between(0, 2))
            self.life.check()
        if weather.strikes(0.001, "crash:store"):
            self.life.end()

    async def _live(self) -> None:
        site = self.site
        store = MemoryOrders(site.books, give_way=self._give_way)
        merchants = {
            name: FarMerchant(inner, line=line, life=self.life, judge=site.judge)
            for name, (inner, line) in site.merchants.items()
        }
        place, follow = asyncio.Event(), asyncio.Event()
        worker = Worker(
            store,
            merchants=merchants,
            keys=site.keys,
            clock=site.clock,
            config=_CONFIG,
            jitter=site.weather.rng.random,
            placed=follow,
            crash=self._crash,
        )
        tracker = Tracker(
            store,
            merchants=merchants,
            clock=site.clock,
            config=_TRACKING,
            retry=_CONFIG,
            jitter=site.weather.rng.random,
            crash=self._crash,
        )
        beats = (
            Beat("place", PLACING, shared(worker.step, follow=tracker.step), place),
            Beat("follow", FOLLOWING, tracker.step, follow),
        )
        rounds = [Rounds(beat, store=store, clock=site.clock, config=_CONFIG) for beat in beats]
        await store.resume(now=site.clock.now())
        intake = Intake(store, keys=site.keys, merchants=merchants, clock=site.clock, bell=place, crash=self._crash)
        self.desk = Desk(intake, store, site.clock, site.judge)
        self.merchant_door = MerchantDoor(
            merchants=merchants,
            verifiers=dict.fromkeys(merchants, Sealed()),
            store=store,
            clock=site.clock,
            followed=follow,
            profile=lambda *_: None,
            public_url="https://bridge.example",
            crash=self._crash,
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for each in rounds:
                group.create_task(each.run(stop))


@dataclass(frozen=True, slots=True)
class Front:
    """The one address of all replicas."""

    replicas: tuple[Replica, ...]
    weather: Weather

    async def __call__(self, method: str, path: str, body: bytes, household: str) -> Answer:
        """Have one replica answer.

        Raises: BridgeUnreachableError when it is down or dies over it.
        """
        replica = self.weather.rng.choice(self.replicas)
        if replica.desk is None:
            raise BridgeUnreachableError("nobody answers")
        try:
            return await replica.desk.answer(method, path, body, household)
        except Died as exc:  # and takes its other work with it, and the asker hears nothing
            replica.kill()
            raise BridgeUnreachableError("the connection was cut") from exc

    async def webhook(self, merchant: str, ident: str, body: bytes, *, seal: bytes) -> bool:
        """Have one replica take a webhook; False where nobody did."""
        replica = self.weather.rng.choice(self.replicas)
        if replica.merchant_door is None:
            return False
        headers = [(b"webhook-id", ident.encode()), (b"seal", seal)]
        scope = {"type": "http", "method": "POST", "path": f"/webhooks/{merchant}", "query_string": b""}
        request = Request(scope | {"headers": headers, "path_params": {"merchant": merchant}}, _whole(body))
        try:
            await replica.merchant_door._take_webhook(request)
        except Died:
            replica.kill()
            return False
        except NotAuthenticError:
            self.weather.tally["webhook:forged_refused"] += 1
        return True


class Sealed:
    """Fulfils `ports.WebhookVerifier`: a word stands for the signature. Forged signatures have tests of their own."""

    async def check(self, delivery: Delivery) -> None:
        """Accept a delivery. Raises: NotAuthenticError."""
        if delivery.headers.get("seal") != WEBHOOK_SEAL.decode():
            raise NotAuthenticError("this merchant did not send it")


def _whole(body: bytes) -> Callable[[], Awaitable[dict[str, object]]]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
