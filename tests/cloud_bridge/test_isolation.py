"""One bridge with merchants of every kind: whoever is sick holds up their own orders, and nobody else's.

What is proven is an order of events and not a time: calls to the sick are still open, and stay so until the test lets
go of them, when the orders of the healthy are placed, followed and priced.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from cloud_bridge.app import wire
from cloud_bridge.config import BridgeConfig, Secrets, SigningConfig, StoreConfig, TrackingConfig, WorkerConfig
from cloud_bridge.core.order import FOLLOWING, PLACING
from cloud_bridge.core.outcome import Placed
from cloud_bridge.core.quote import Wanted
from cloud_bridge.counterparts import Own, connect
from cloud_bridge.errors import MerchantAwayError, MerchantError
from cloud_bridge.merchant_config import MerchantConfig, SecretKind
from cloud_bridge.merchants.http import BODY_BYTES_MAX, MerchantHttp
from cloud_bridge.ports import Merchant
from cloud_bridge.prices import PriceDesk
from cloud_bridge.rounds import Beat, Rounds
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.tracking import Tracker
from cloud_bridge.wire import Intent, OrderState, PriceQuery
from cloud_bridge.worker import Worker
from tests.campaign.merchants.shops import SHOPS, Shop
from tests.campaign.merchants.wire import Wire
from tests.cloud_bridge.acp_shop import acp_config
from tests.cloud_bridge.radicale import list_config
from tests.cloud_bridge.rig import MILK, HandClock, Signer, new_order
from tests.cloud_bridge.sample_merchant import AGENT_KEY, free_port, merchant_config
from tests.cloud_bridge.vendure_shop import shop_config

pytestmark = pytest.mark.merchant
S = OrderState

_CONFIGS: dict[str, Callable[..., MerchantConfig]] = {
    "ucp": merchant_config,
    "acp": lambda url, **changes: acp_config(url=f"{url}/acp", webhooks="none", **changes),
    "vendure": shop_config,
    "caldav": lambda url, **changes: list_config(f"{url}/list", **changes),
}
_SECRETS = dict.fromkeys(SecretKind, SecretStr("a-secret-of-nobody"))
_NO_MONEY = {"unit_price_minor": 0, "delivery_minor": 0, "total_minor": 0, "total_max_minor": 0}
_OWN = Own(AGENT_KEY, public_url="http://127.0.0.1:9", now=lambda: datetime.now(UTC))
_PARALLEL = 4
_DEADLINE_S = 3_600.0  # real, and more than a configuration may have: no call ends by itself while the test looks
_GUARD_S = 240  # of a test that would otherwise wait for ever; nothing is measured by it
_BUFFERS_BYTES = 32 * 1024 * 1024  # what two kernels and two event loops may hold of an answer that nobody reads on


@dataclass
class Sick:
    """Merchants that accept every call and never end one. `open` counts calls that wait for an answer, by merchant."""

    open: Counter[str] = field(default_factory=Counter)
    most_sent: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)

    async def until_open(self, *merchants: str, count: int = 1) -> None:
        """Until so many calls wait for an answer at each of these."""
        async with asyncio.timeout(_GUARD_S):
            while any(self.open[merchant] < count for merchant in merchants):
                await self.came.wait()
                self.came.clear()

    async def hangs(self, writer: asyncio.StreamWriter) -> None:
        """It says nothing."""
        await self.let_go.wait()

    async def dribbles(self, writer: asyncio.StreamWriter) -> None:
        """It sends one byte of its answer, and another one whenever the event loop comes round."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n")
        waiting = asyncio.ensure_future(self.let_go.wait())
        while not waiting.done():
            writer.write(b" ")
            await writer.drain()
            await asyncio.wait({waiting}, timeout=0.05)

    async def pours(self, writer: asyncio.StreamWriter) -> None:
        """It sends a gigabyte."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")
        sent = 0
        try:
            while sent < 1_073_741_824:
                writer.write(b" " * 65_536)
                sent += 65_536
                self.most_sent = max(self.most_sent, sent)
                await writer.drain()
        finally:
            self.cut_off.set()

    @asynccontextmanager
    async def serving(self, merchant: str, sickness: str) -> AsyncIterator[str]:
        """A merchant with this sickness; its address. One that refuses does not listen at all."""
        if sickness == "refuses":
            yield f"http://127.0.0.1:{free_port()}"
            return

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                self.open[merchant] += 1
                self.came.set()
                try:
                    await getattr(self, sickness)(writer)
                finally:
                    self.open[merchant] -= 1
            writer.transport.abort()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


_SICKNESSES = ("hangs", "refuses", "dribbles", "pours")


class StillClock(HandClock):
    """Time stands still: whoever has to wait waits for the bell."""

    async def wait(self, bell: asyncio.Event, *, until: datetime) -> None:
        """Until the bell rings; what is only gathered is there already."""
        if until > self.at + timedelta(seconds=1):
            await bell.wait()
        else:
            await asyncio.sleep(0)


@dataclass
class Town:
    """All merchants of one bridge, by id, and the shops behind the healthy ones."""

    sick: Sick
    merchants: dict[str, Merchant]
    shops: dict[str, Shop]

    @property
    def sick_ids(self) -> list[str]:
        """Who is sick."""
        return [each for each in self.merchants if each not in self.shops]

    @property
    def endless(self) -> list[str]:
        """Who never ends a call."""
        return [each for each in self.sick_ids if each.endswith(("hangs", "dribbles"))]

    def are_waited_for(self) -> bool:
        """Whether calls to each of those are open, and nobody let go of them."""
        return all(self.sick.open[each] for each in self.endless) and not self.sick.let_go.is_set()


@pytest.fixture
async def town(request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    """One healthy merchant of each kind, and one of each kind that can be reached with each sickness."""
    async with AsyncExitStack() as stack:
        sick, merchants, shops = Sick(), dict[str, Merchant](), dict[str, Shop]()
        for sickness, (kind, config) in product(_SICKNESSES, _CONFIGS.items()):
            merchant = f"{kind}-{sickness}"
            section = config(await stack.enter_async_context(sick.serving(merchant, sickness)), id=merchant)
            patient = section.model_copy(update={"deadline_s": _DEADLINE_S})
            merchants[merchant] = (await connect(stack, patient, secrets=_SECRETS, own=_OWN)).merchant
        for kind, known in SHOPS.items():
            process: Any = request.getfixturevalue(known.fixture) if known.fixture else None
            running = known.running(request.getfixturevalue("tmp_path")) if process is None else None
            shop = known.shop(process if running is None else stack.enter_context(running))
            await asyncio.to_thread(shop.begin, HandClock())
            way = Wire(shop, shop.merchant_class, (0, 0), met=Counter())
            merchants[kind] = await stack.enter_async_context(shop.connect(way))
            shops[kind] = shop
        yield Town(sick, merchants, shops)
        sick.let_go.set()


@dataclass
class Running:
    """Worker and tracker of a bridge, and how many orders were placed or followed so far."""

    store: SqlOrderStore
    bell: asyncio.Event
    changed: asyncio.Event

    async def take(self, *intents: Intent) -> None:
        """Orders come in."""
        for intent in intents:
            await self.store.accept(new_order(intent, now=HandClock().now()))
        self.bell.set()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Until it is so."""
        async with asyncio.timeout(_GUARD_S):
            while not await holds():
                await asyncio.wait_for(asyncio.shield(self._next()), _GUARD_S)

    async def _next(self) -> None:
        await self.changed.wait()
        self.changed.clear()


@asynccontextmanager
async def rounds(store: SqlOrderStore, town: Town, keys: dict[str, bytes], *, follow: bool) -> AsyncIterator[Running]:
    """The bridge's rounds, running until the block ends; the sick are let go of first."""
    clock, config, changed, stop = StillClock(), WorkerConfig(parallel=_PARALLEL), asyncio.Event(), asyncio.Event()
    worker = Worker(
        store,
        merchants=town.merchants,
        keys=keys,
        clock=clock,
        config=config,
        jitter=lambda: 0.0,
        placed=changed,
    )
    tracker = Tracker(
        store, merchants=town.merchants, clock=clock, config=TrackingConfig(), retry=config, jitter=lambda: 0.0
    )

    async def told(order: Any) -> None:  # noqa: ANN401  the port's own type
        await tracker.step(order)
        changed.set()

    bell = asyncio.Event()
    beat = Beat("follow", FOLLOWING, told, bell) if follow else Beat("place", PLACING, worker.step, bell)
    running = asyncio.create_task(Rounds(beat, store=store, clock=clock, config=config).run(stop))
    try:
        yield Running(store, bell, changed)
    finally:
        town.sick.let_go.set()
        stop.set()
        bell.set()
        await running


def _intent(signer: Signer, merchant: str) -> Intent:
    """For two packs, as soon as can be."""
    return signer.intent(merchant=merchant, hold_s=0, **(_NO_MONEY if merchant.startswith("caldav") else {}))


@pytest.mark.parametrize("households", [1, 2])
async def test_orders_at_the_healthy_are_placed_while_calls_to_the_sick_are_open(
    store: SqlOrderStore, town: Town, households: int
) -> None:
    """For one household and for several: no claim, no step and no answer of a healthy merchant waits for a sick one."""
    signers = [Signer(household=f"home-{n}") for n in range(households)]
    turns = [signers[n % households] for n in range(_PARALLEL + 2)]

    async def placed() -> bool:
        lines = [line for signer in signers for line in await store.events_after(signer.household, after=0, limit=500)]
        return sum(line.state is S.PLACED for line in lines) == households * len(town.shops)

    async with rounds(store, town, {each.household: each.public_key for each in signers}, follow=False) as running:
        await running.take(*(_intent(signer, merchant) for signer in turns for merchant in town.sick_ids))
        await town.sick.until_open(*town.endless)
        await running.take(*(_intent(signer, merchant) for signer in signers for merchant in town.shops))
        await running.until(placed)
        assert town.are_waited_for()
        async with asyncio.timeout(_GUARD_S):
            await town.sick.cut_off.wait()
    assert town.sick.most_sent < BODY_BYTES_MAX + _BUFFERS_BYTES


async def test_orders_at_the_healthy_are_followed_while_calls_to_the_sick_are_open(
    store: SqlOrderStore, town: Town
) -> None:
    """A parcel's news arrive although every sick merchant is being asked about its own orders."""
    signer = Signer()
    for merchant in town.sick_ids:
        for _ in range(_PARALLEL + 2):
            await _accept_placed(store, _intent(signer, merchant), session_id=f"s.{uuid4().hex}", order_id=str(uuid4()))
    healthy = {merchant: _intent(signer, merchant) for merchant in town.shops}

    async def arrived() -> bool:
        lines = await store.events_after(signer.household, after=0, limit=500)
        return len([line for line in lines if line.state is S.DELIVERED]) == len(healthy)

    async with rounds(store, town, {signer.household: signer.public_key}, follow=True) as running:
        await town.sick.until_open(*town.endless)
        for merchant, intent in healthy.items():
            session_id, order_id = await _buy(town.merchants[merchant], intent, town.shops[merchant])
            await _accept_placed(store, intent, session_id=session_id, order_id=order_id)
        running.bell.set()
        await running.until(arrived)
        assert town.are_waited_for()


async def _accept_placed(store: SqlOrderStore, intent: Intent, *, session_id: str, order_id: str) -> None:
    order = new_order(intent, now=HandClock().now())
    await store.accept(replace(order, state=S.PLACED, session_id=session_id, merchant_order_id=order_id))


async def _buy(merchant: Merchant, intent: Intent, shop: Shop) -> tuple[str, str]:
    """Buy past the bridge, and let it arrive: session and order."""
    quote = await merchant.quote(Wanted(MILK, intent.terms.quantity, "home"), key=str(uuid4()))
    placed = await merchant.place(quote.session_id, key=str(uuid4()), leave=intent)
    assert isinstance(placed, Placed)
    for happens in (shop.ship, shop.deliver):
        await asyncio.to_thread(happens, placed.merchant_order_id)
    return quote.session_id, placed.merchant_order_id


async def test_prices_of_the_healthy_are_listed_while_those_of_the_sick_are_asked_for(town: Town) -> None:
    """Every sick merchant is asked by many households at once, and each healthy one answers all the same."""
    desk = PriceDesk(town.merchants, clock=HandClock(), new_key=lambda: str(uuid4()))

    def query(merchant: str) -> PriceQuery:
        return PriceQuery(merchant=merchant, delivery_ref="home", skus=(MILK,))

    asked = [asyncio.create_task(desk.list_prices(query(each))) for each in town.endless for _ in range(5)]
    await town.sick.until_open(*town.endless)
    for merchant in town.shops:
        assert [line.sku for line in (await desk.list_prices(query(merchant))).lines] == [MILK]
    assert not any(task.done() for task in asked)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_a_name_that_is_not_found_in_time_holds_up_no_other_name(
    tmp_path: Any,  # noqa: ANN401  pytest's
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A merchant whose name server is silent has its own thread to wait in, however many ask for it."""
    found, let_go = socket.getaddrinfo, threading.Event()

    def look_up(host: bytes | str, *details: Any, **more: Any) -> Any:  # noqa: ANN401  the library's own
        if host == b"sick.example":
            let_go.wait(_GUARD_S)
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answered")
        return found("127.0.0.1" if host == b"healthy.example" else host, *details, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    config = BridgeConfig(
        store=StoreConfig(url=f"sqlite:///{tmp_path / 'bridge.sqlite3'}"),
        signing=SigningConfig(key_file=str(tmp_path / "key")),
    )
    async with (
        wire(config, Secrets({}), public_url="http://127.0.0.1:9"),
        MerchantHttp("https://sick.example", deadline_s=30) as sick,
        MerchantHttp(f"https://healthy.example:{free_port()}", deadline_s=30) as healthy,
    ):
        asked = [asyncio.create_task(sick.ask("GET", "/", headers={})) for _ in range(50)]
        await asyncio.sleep(0)
        try:
            with pytest.raises(MerchantAwayError, match="ConnectError"):
                await healthy.ask("GET", "/", headers={})
            assert not any(task.done() for task in asked)
        finally:
            let_go.set()
        ended = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(each, MerchantError) for each in ended)


async def test_one_merchant_has_no_more_connections_than_are_its_share() -> None:
    """Sixteen, however many ask; the rest wait in line, and can say that they never arrived."""
    sick = Sick()
    async with sick.serving("sick", "hangs") as url, MerchantHttp(url, deadline_s=30) as http:
        asked = [asyncio.create_task(http.ask("GET", "/", headers={})) for _ in range(40)]
        await sick.until_open("sick", count=16)
        for _ in range(200):
            await asyncio.sleep(0)
        assert sick.open["sick"] == 16
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        sick.let_go.set()
