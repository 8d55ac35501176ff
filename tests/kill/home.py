"""One home that is asked about milk: hub and bridge as processes, a wiretap before each server, a person at the page.

The prompt lies in the hub's store before the hub starts, put there by the hub's own classes; everything after that goes
the way that it goes in a real home. Time runs fast enough that holds and retries take parts of a second, and slow
enough that neither an offer nor an idempotency key ends while a loaded machine starts a process.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import EventPage, OrderState
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.commands.commission import report, set_up
from edge_agent.config import load
from edge_agent.core.leave.terms import Offer, terms_hash
from edge_agent.core.messages import ItemId, Price, PromptId
from edge_agent.core.prompt import PromptRecord, PromptState
from firmware_sim.page_client import PageClient, PromptForm
from firmware_sim.processes import free_ports
from firmware_sim.services import HOUSEHOLD_FILE
from tests import loopback
from tests.cloud_bridge.sample_merchant import SampleMerchant
from tests.kill.forked import Forked, Zygote
from tests.kill.oracle import OrderBooks, Ordered
from tests.kill.waiting import comes_true
from tests.kill.wiretap import Wiretap

HUB, BRIDGE = "hub", "bridge"
PROMPT = PromptId("prompt-1")
SPEED = 200  # virtual seconds in a real one
PLACED_WITHIN_S = 45.0

_SKUS = {
    "milk": "milk-whole-1l",
    "detergent": "detergent-liquid-500ml",
    "washer_fluid": "washer-fluid-2500ml",
}
_START = datetime(2026, 3, 2, 8, tzinfo=UTC)
_OWNER, _PASSWORD = "owner", "a password of the test"
_READY_WITHIN_S = 40.0
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class _Times:
    real_epoch: datetime

    def table(self) -> str:
        return f"""[clock]
speed = {SPEED}.0
real_epoch = {self.real_epoch.isoformat()}
virtual_epoch = {_START.isoformat()}
"""


class Home:
    """An async context manager: hub and bridge run inside, and are gone afterwards.

    `to_hub`, `to_bridge` and `to_merchant` are the wiretaps; `hold_s` is virtual. `direct`: no wiretap before the
    merchant, so that the bridge itself meets a closed port when the merchant is down.
    """

    def __init__(
        self, folder: Path, zygote: Zygote, merchant: SampleMerchant, *, hold_s: int = 60, direct: bool = False
    ) -> None:
        self._folder = folder
        self._zygote = zygote
        self._merchant = merchant
        self._hold_s = hold_s
        self._orders_before = set(merchant.orders())
        self._times = _Times(datetime.now(UTC))
        self._running: dict[str, Forked] = {}
        hub_port, bridge_port = free_ports(2)
        self._addresses = {HUB: f"http://127.0.0.1:{hub_port}", BRIDGE: f"http://127.0.0.1:{bridge_port}"}
        self.to_hub = Wiretap(self._addresses[HUB])
        self.to_bridge = Wiretap(self._addresses[BRIDGE])
        self.to_merchant = Wiretap(merchant.url)
        self.page = PageClient(self.to_hub.url, name=_OWNER, password=_PASSWORD)
        self._merchant_url = merchant.url if direct else self.to_merchant.url
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for part in (self.to_hub, self.to_bridge, self.to_merchant, self.page):
            await self._stack.enter_async_context(part)
        self._set_up()
        await self.start(HUB, BRIDGE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill(*self._running)
        await self._stack.aclose()

    def kill(self, *programs: str) -> None:
        """`kill -9`; when this returns they are gone."""
        for program in programs:
            self._running.pop(program).close()

    async def start(self, *programs: str, answering: bool = True) -> None:
        """Start them side by side, and wait until they answer; not where they may die again before that."""
        for program in programs:
            self._running[program] = self._zygote.fork(
                program,
                ["run", "--config", str(self._config(program))],
                log=self.log(program),
                environment={"RESTOCK_PAYMENT_TOKEN_GROCER": "success_token"},
            )
        if answering:
            await asyncio.gather(*(self._ready(program) for program in programs))

    async def form(self) -> PromptForm:
        """The approve form of the prompt, as the person reads it."""
        form = await self.page.form(PROMPT)
        assert form is not None, "the prompt cannot be answered"
        return form

    async def approve(self, form: PromptForm) -> int:
        """Press its button; the HTTP status of the answer."""
        return await self.page.answer(PROMPT, "approve", fields={"csrf": form.csrf, "terms_hash": form.terms_hash})

    async def page_says(self, words: str, *, within_s: float) -> bool:
        """Whether the prompt's page comes to say these words."""
        deadline_s = time.monotonic() + within_s
        said = False
        while not said and time.monotonic() < deadline_s:
            await asyncio.sleep(_LOOK_EVERY_S)
            said = words in await self.page._read(f"/prompts/{PROMPT}")
        return said

    async def placed(self) -> bool:
        """Whether the hub comes to know that the order is placed.

        It does when it asks for events after that one: the cursor is stored with what the event changed.
        """
        return await comes_true(self._knows_placed, within_s=PLACED_WITHIN_S)

    async def books(self) -> OrderBooks:
        """Kill both, and read what lies in the three stores."""
        self.kill(*self._running)
        counted = report(load(self._config(HUB)))
        intents, audit_ok = counted["intents"], counted["audit_ok"]
        assert isinstance(intents, list)
        assert isinstance(audit_ok, bool)
        with Database(self._bridge_store) as database:
            known = await SqlOrderStore(database).report()
        return OrderBooks(
            approvals=1,
            merchant=sorted(self._merchant.orders().keys() - self._orders_before),
            hub=[Ordered(each["id"], each["state"], each["merchant_order_id"]) for each in intents],
            bridge=[Ordered(each.intent_id, each.state, each.merchant_order_id) for each in known.orders],
            audit_ok=audit_ok,
        )

    def log(self, program: str) -> Path:
        """What a program said, over all its lives."""
        return self._folder / f"{program}.log"

    def _knows_placed(self) -> bool:
        pages = [
            EventPage.model_validate_json(each.body)
            for each in self.to_bridge.passed
            if each.request.startswith("GET /v1/events") and each.status == 200
        ]
        placed = [event.seq for page in pages for event in page.events if event.state is OrderState.PLACED]
        asked = (
            httpx.URL(each.request.removeprefix("GET ")) for each in self.to_bridge.passed if "after=" in each.request
        )
        return bool(placed) and any(int(url.params["after"]) >= max(placed) for url in asked)

    async def _ready(self, program: str) -> None:
        process = self._running[program]
        async with (
            httpx.AsyncClient(verify=loopback.NOBODY, base_url=self._addresses[program], trust_env=False) as client,
            asyncio.timeout(_READY_WITHIN_S),
        ):
            while not await _answers(client):
                assert not process.is_dead(), f"{program} ended: {self.log(program).read_text()[-2_000:]}"
                await asyncio.sleep(_LOOK_EVERY_S)

    def _config(self, program: str) -> Path:
        return self._folder / f"{program}.toml"

    @property
    def _bridge_store(self) -> str:
        return f"sqlite:///{self._folder / 'bridge.sqlite3'}"

    def _set_up(self) -> None:
        hub = self._config(HUB)
        hub.write_text(self._hub_settings(), encoding="utf-8")
        known = set_up(load(hub), household_file=HOUSEHOLD_FILE, owner=_OWNER, password=_PASSWORD)
        self._config(BRIDGE).write_text(self._bridge_settings(known["public_key"]), encoding="utf-8")
        with open_store(self._folder / "data", load(hub)) as store:
            orders = Orders(store.connection)
            orders.save_prices([_price(item, sku) for item, sku in _SKUS.items()])
            orders.add_prompt(_prompt(self._hold_s))

    def _hub_settings(self) -> str:
        port = httpx.URL(self._addresses[HUB]).port
        return f"""[home]
id = "home"
data_dir = {json.dumps(str(self._folder / "data"))}
[mqtt]
url = "mqtt://127.0.0.1:9" # no device has a part in this
[web]
port = {port}
[bridge]
url = "{self.to_bridge.url}"
poll_every_s = 30.0
drain_every_s = 30.0
prices_every_s = 604800.0 # no price list comes between
{self._times.table()}"""

    def _bridge_settings(self, public_key: str) -> str:
        port = httpx.URL(self._addresses[BRIDGE]).port
        return f"""[server]
port = {port}
public_url = "{self.to_bridge.url}"
[store]
url = "{self._bridge_store}"
[[households]]
id = "home"
public_key = "{public_key}"
[[merchants]]
id = "grocer"
kind = "ucp"
url = "{self._merchant_url}"
currency = "USD"
buyer_name = "Our Home"
buyer_email = "home@example.com"
payment_handler = "mock_payment_handler"
webhooks = "unsigned_hints"
[merchants.destinations.home]
street_address = "1 Elm St"
address_locality = "Springfield"
address_region = "IL"
postal_code = "62704"
address_country = "US"
[worker]
retry_max_s = 120.0
{self._times.table()}"""


def _price(item: str, sku: str) -> Price:
    return Price(ItemId(item), "grocer", sku, 179, 500, "USD", available=True, fetched_at=_START)


def _prompt(hold_s: int) -> PromptRecord:
    offer = Offer(
        merchant="grocer",
        sku="milk-whole-1l",
        quantity=2,
        unit_price_minor=179,
        delivery_minor=500,
        total_minor=858,
        total_max_minor=900,
        currency="USD",
        delivery_ref="home",
        deliver_by=date(2026, 3, 5),
        expires_at=_START + timedelta(days=3),
        hold_s=hold_s,
        title="Whole milk 1 L",
        pack_amount=1035.0,
        unit="g",
    )
    return PromptRecord(
        id=PROMPT,
        item=ItemId("milk"),
        state=PromptState.OPEN,
        version=1,
        offer=offer,
        terms_hash=terms_hash(offer),
        days_of_cover=4.0,
        order_by=_START + timedelta(days=1),
        reasons=(),
        created_at=_START,
        changed_at=_START,
    )


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False
