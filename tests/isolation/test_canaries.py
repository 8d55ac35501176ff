"""What a home knows of itself does not leave it: a run with marked words and numbers, and every byte that went out."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import httpx

from cloud_bridge.wire import (
    CancelReceipt,
    EventPage,
    OrderState,
    PriceLine,
    PriceList,
    Settlement,
    SettleReceipt,
    Verdict,
    WireModel,
)
from edge_agent.adapters.forecaster import RuleForecaster
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.catalogue import Binding, Household, Item
from edge_agent.core.messages import Decoded, DeviceId, ItemId, Presence, Reading
from edge_agent.core.prompt import PromptEvent, step
from edge_agent.pipeline.hand_over import HandOver, Home
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.pipeline.review import Review
from edge_agent.pipeline.status import StatusRecorder
from tests.edge_agent.outgoing_home import FixedHousehold, OutgoingHome, outgoing_home
from tests.edge_agent.samples import MILK, NOW

WORDS = ("canaryitem", "Canary name", "canarycat", "Canary title", "canarydevice", "canarysignal", "canaryann",
         "canaryprofile", "canaryboot", "canaryunit")  # fmt: skip
NUMBERS = ("731.25", "613.75", "547.125", "77.625", "1093.5")  # readings, use, pack: nothing else comes out like them

ITEM = Item(
    id="canaryitem",
    name="Canary name",
    category="canarycat",
    unit="{canaryunit}",
    product=MILK.product.model_copy(update={"title": "Canary title", "pack_amount": 1093.5}),
    binding=Binding(device="canarydevice", signal="canarysignal.amount"),
    room_packs=6,
    prior_use_per_day=77.625,
)


@dataclass
class NoMandates:
    """This home is asked about everything."""

    def draw(self, *_: object, **__: object) -> NoReturn:
        """Nobody comes here."""
        raise AssertionError


def answer(request: httpx.Request) -> WireModel | None:
    """The bridge's side of everything but orders and head."""
    line = PriceLine(
        sku=ITEM.product.sku, title="Milk", unit_price_minor=129, delivery_minor=99, currency="USD", available=True
    )
    ident = request.url.path.split("/")[-2]
    answers: dict[str, WireModel] = {
        "/v1/prices": PriceList(merchant="grocer", merchant_class="A", at=NOW, lines=(line,)),
        "/v1/events": EventPage(events=(), next_after=0),
        f"/v1/intents/{ident}/cancel": CancelReceipt(intent_id=ident, cancelled=False, state=OrderState.SENDING),
        f"/v1/intents/{ident}/settle": SettleReceipt(intent_id=ident, settled=False, state=OrderState.SENDING),
    }
    return answers.get(request.url.path)


async def live(home: OutgoingHome) -> None:
    """Prices, readings, a question, an approval, its order, its status, a cancel and a verdict."""
    household = FixedHousehold(Household(items=(ITEM,)))
    clock, orders, readings = home.store.clock, home.orders, SqliteReadings(home.store.connection)
    await PriceKeeper(bridge=home.client, orders=orders, household=household, clock=clock, every_s=86_400).run_once()
    review = Review(
        clock=clock,
        readings=readings,
        orders=orders,
        household=household,
        forecaster=RuleForecaster(),
        drawing=NoMandates(),  # type: ignore[arg-type]
        new_id=lambda: "canaryprompt",
        stale_after_s=172_800,
        price_age_max_s=259_200,
    )
    for seq, amount in enumerate((731.25, 613.75, 547.125), start=1):
        home.wall.passes(hours=1)
        readings.commit([_reading(seq, amount, home)], [])
        review.run_once()
    asked = orders.live_prompt(ItemId(ITEM.id))
    assert asked is not None, review.latest
    hand_over = HandOver(
        home=Home(household="home-1", hub="hub-1"),
        orders=orders,
        signer=home.key,
        new_id=lambda: f"{next(home.numbers):032x}",
        wake=lambda: None,
    )
    change = step(asked, PromptEvent.APPROVE, now=clock.now(), by="canaryann")
    order = hand_over.give(change, item=ITEM, by=("canaryann",))
    assert await home.turn() == 1
    await StatusRecorder(bridge=home.client, orders=orders).run_once()
    await home.client.cancel(order.id)
    verdict = Verdict(intent_id=order.id, household="home-1", found=False, said_at=clock.now(), nonce="0" * 32)
    await home.client.settle(Settlement(verdict=verdict, signature=base64.b64encode(home.key.sign(b"x")).decode()))


def _reading(seq: int, amount: float, home: OutgoingHome) -> Decoded:
    now = home.store.clock.now() - timedelta(minutes=7)
    return Decoded(
        device=DeviceId("canarydevice"), profile="canaryprofile", topic="t", boot="canaryboot", seq=seq,
        digest=f"{seq}", event_at=now, received_at=now, duplicate=False,
        readings=(Reading("canarysignal.amount", Presence.VALUE, amount, "{canaryunit}"),),
    )  # fmt: skip


def seen(request: httpx.Request) -> str:
    """Every byte of a request that this program chose: line, headers, body."""
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"{request.method} {request.url}\n{headers}\n\n{request.content.decode()}"


async def test_no_marked_word_or_number_leaves(tmp_path: Path) -> None:
    """Of item, product, device, person, readings and rates, nothing is in what went to the bridge, for any purpose."""
    async with outgoing_home(tmp_path) as home:
        ordinary = home.bridge.reply

        def reply(request: httpx.Request) -> httpx.Response:
            told = answer(request)
            if told is None:
                home.bridge.answer = None
                response = ordinary(request)
                home.bridge.answer = reply
                return response
            return httpx.Response(200, content=told.model_dump_json())

        home.bridge.answer = reply
        await live(home)
        left = [seen(request).lower() for request in home.bridge.asked]
        purposes = {row.purpose for row in home.ledger.rows(limit=100, before_id=None)}
    assert purposes == {"order", "cancel", "settle", "order_status", "prices", "head"}
    hits = {mark for mark in (*WORDS, *NUMBERS, "canary") for request in left if mark.lower() in request}
    assert not hits


def test_a_marked_word_would_be_seen() -> None:
    """The search is not blind: the same word in a header or in a body is found."""
    request = httpx.Request("POST", "http://bridge.test/", headers={"x-note": "canaryitem"}, content=b"731.25")
    assert "canaryitem" in seen(request)
    assert "731.25" in seen(request)
