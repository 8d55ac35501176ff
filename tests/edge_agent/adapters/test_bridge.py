"""The hub's side of the wire: what an answer settles, and what it does not."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cloud_bridge.wire import (
    CancelReceipt,
    DeliveryOption,
    OrderState,
    PriceLine,
    PriceList,
    Receipt,
    Settlement,
    SettleReceipt,
    Verdict,
    WireModel,
)
from cloud_bridge.wire import Intent as WireIntent
from edge_agent.core import intent as intents
from edge_agent.core.clock_trust import ClockDoubt
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import Delivery, ItemId, Pack
from edge_agent.errors import BridgeUnreachableError, HubForkedError, RefusedError, SendsStoppedError
from tests.edge_agent.outgoing_home import Answering, OutgoingHome, outgoing_home, refused
from tests.edge_agent.samples import MILK, NOW


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[OutgoingHome]:
    """A hub that has compared with its bridge; the test answers from now on."""
    async with outgoing_home(tmp_path) as opened:
        await opened.restore.run_once()
        opened.bridge.asked.clear()
        opened.bridge.answer = lambda _: httpx.Response(503)
        yield opened


async def drain(home: OutgoingHome) -> int:
    """One turn, with nothing to stop it."""
    return await home.client.drain(check=lambda: None)


def told(message: WireModel, *, status: int = 200) -> Answering:
    """The bridge says this, whatever it is asked."""
    return lambda _: httpx.Response(status, content=message.model_dump_json())


def accepted(request: httpx.Request) -> httpx.Response:
    """The bridge has taken whatever intent this is."""
    ident = WireIntent.model_validate_json(request.content).terms.intent_id
    receipt = Receipt(intent_id=ident, state=OrderState.HELD, accepted_at=NOW)
    return httpx.Response(200, content=receipt.model_dump_json())


async def test_what_the_bridge_took_is_held_and_written_down(home: OutgoingHome) -> None:
    """A receipt empties the outbox; the ledger knows purpose and recipient of what left."""
    ident = home.approve()
    home.bridge.answer = accepted
    assert await drain(home) == 1
    assert home.state(ident) is IntentState.HELD
    assert home.orders.outbox(limit=5) == []
    [row, _] = home.ledger.rows(limit=5, before_id=None)
    assert (row.purpose, row.recipient) == ("order", "127.0.0.1:8490")
    assert (row.method, row.path) == ("POST", "/v1/intents?head=0")
    assert "signature" in home.bridge.asked[0].headers


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refused(422, "terms_refused"), IntentState.REJECTED),
        (refused(422, "mandate_refused"), IntentState.REJECTED),
        (refused(422, "offer_expired"), IntentState.REJECTED),
        (refused(422, "malformed"), IntentState.REJECTED),
        (refused(409, "conflict"), IntentState.UNKNOWN),
        (refused(401, "not_authentic"), IntentState.APPROVED),
        (refused(503, "store_failed"), IntentState.APPROVED),
        (lambda _: httpx.Response(400, content="<html>proxy</html>"), IntentState.APPROVED),
        (lambda _: httpx.Response(409, content="{}"), IntentState.APPROVED),
        (lambda _: httpx.Response(200, content="<html>captive portal</html>"), IntentState.APPROVED),
        (lambda _: httpx.Response(307, headers={"location": "http://elsewhere.example/"}), IntentState.APPROVED),
    ],
)
async def test_only_the_bridges_own_word_ends_an_intent(
    home: OutgoingHome, answer: Answering, state: IntentState
) -> None:
    """A refusal counts with the bridge's own code only; everything else keeps the row, and nobody is redirected."""
    ident = home.approve()
    home.bridge.answer = answer
    if state is IntentState.APPROVED:
        with pytest.raises(BridgeUnreachableError):
            await drain(home)
        assert len(home.orders.outbox(limit=5)) == 1
    else:
        assert await drain(home) == 1
    assert home.state(ident) is state
    assert len(home.bridge.asked) == 1


@pytest.mark.parametrize("code", ["forked", "frozen"])
async def test_a_forked_hub_keeps_its_order_and_sends_no_more(home: OutgoingHome, code: str) -> None:
    """The row stays, the next one is not tried."""
    first = home.approve()
    home.approve("oats")
    home.bridge.answer = refused(409, code)
    with pytest.raises(HubForkedError):
        await drain(home)
    assert home.state(first) is IntentState.APPROVED
    assert (len(home.bridge.asked), len(home.orders.outbox(limit=5))) == (1, 2)


async def test_a_body_that_may_have_been_taken_is_not_refused_as_malformed(home: OutgoingHome) -> None:
    """After a lost answer, `malformed` proves nothing about the first time."""
    ident = home.approve()
    with pytest.raises(BridgeUnreachableError):
        await drain(home)
    home.bridge.answer = refused(422, "malformed")
    with pytest.raises(BridgeUnreachableError):
        await drain(home)
    assert home.state(ident) is IntentState.APPROVED


async def test_one_row_does_not_hold_the_others_up(home: OutgoingHome) -> None:
    """An intent that the bridge will not have keeps its row; the next one goes out in the same turn, in its order."""
    first, second = home.approve(), home.approve("oats")
    home.bridge.answer = lambda r: accepted(r) if second.encode() in r.content else refused(401, "no")(r)
    with pytest.raises(BridgeUnreachableError):
        await drain(home)
    assert (home.state(first), home.state(second)) == (IntentState.APPROVED, IntentState.HELD)
    assert home.sent() == [first, second]
    assert home.client.status().waiting_since == NOW


@pytest.mark.parametrize(
    ("is_chosen", "told", "is_set_up"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
async def test_only_an_order_service_that_was_set_up_can_be_away(
    tmp_path: Path, is_chosen: bool, told: bool, is_set_up: bool
) -> None:
    """Set up is one whose address somebody chose, or that has once told of a merchant, before a restart too."""
    async with outgoing_home(tmp_path, is_chosen=is_chosen) as home:
        if told:
            home.merchants.note("grocer", "A", at=NOW)
        home.bridge.answer = _nobody_there
        with pytest.raises(BridgeUnreachableError):
            await home.client.fetch_head(after=0)
        assert (home.client.status().reachable, home.client.status().is_set_up) == (False, is_set_up)


async def test_an_order_service_that_has_answered_is_set_up(tmp_path: Path) -> None:
    """Also at the address that nobody chose, and before it told of a merchant."""
    async with outgoing_home(tmp_path, is_chosen=False) as home:
        await home.restore.run_once()
        home.bridge.answer = _nobody_there
        with pytest.raises(BridgeUnreachableError):
            await home.client.fetch_head(after=0)
        assert home.client.status().is_set_up


def _nobody_there(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def test_an_order_that_is_taken_back_while_others_are_sent_never_leaves(home: OutgoingHome) -> None:
    """The claim is asked of the store before each first byte, not of the list that was read before."""
    first, second = home.approve(), home.approve("oats")

    def cancels_the_second(request: httpx.Request) -> httpx.Response:
        home.orders.wish_cancel(second, by="anna", at=NOW)
        return accepted(request)

    home.bridge.answer = cancels_the_second
    assert await drain(home) == 1
    assert home.sent() == [first]
    assert home.state(second) is IntentState.CANCELLED


async def test_an_order_that_is_made_meanwhile_is_not_mistaken_for_one_that_was_taken_back(home: OutgoingHome) -> None:
    """The store may give the new row the number of the one that went: the old body stays, the new one is not lost."""
    first, second = home.approve(), home.approve("oats")
    made: list[str] = []

    def changes_their_minds(request: httpx.Request) -> httpx.Response:
        if not made:
            home.orders.wish_cancel(second, by="anna", at=NOW)
            made.append(home.approve("tea"))
        return accepted(request)

    home.bridge.answer = changes_their_minds
    assert await drain(home) == 1
    assert home.sent() == [first]
    assert await drain(home) == 1
    assert home.sent() == [first, *made]
    assert (home.state(second), home.state(made[0])) == (IntentState.CANCELLED, IntentState.HELD)


async def test_an_order_that_has_ended_is_not_sent_again(home: OutgoingHome) -> None:
    """Its receipt was lost, then the bridge's news said that it was cancelled: the body has nothing more to say."""
    ident = home.approve()
    with pytest.raises(BridgeUnreachableError):
        await drain(home)
    ended = intents.step(home.intent(ident), IntentState.CANCELLED, at=NOW, detail="cancelled_by_household")
    assert ended is not None
    home.orders.change_intents([ended], cursor=1)
    home.bridge.answer = accepted
    assert await drain(home) == 0
    assert home.sent() == [ident]
    assert home.orders.outbox(limit=5) == []


async def test_the_check_is_asked_before_each_order(home: OutgoingHome) -> None:
    """What goes wrong between two orders of one turn stops the second."""
    home.approve()
    home.approve("oats")
    home.bridge.answer = accepted
    answers = iter([None, SendsStoppedError("the clock was set back")])

    def check() -> None:
        found = next(answers)
        if found is not None:
            raise found

    with pytest.raises(SendsStoppedError):
        await home.client.drain(check=check)
    assert len(home.sent()) == 1


async def test_a_cancel_is_answered_or_not_known(home: OutgoingHome) -> None:
    """The bridge's receipt, None for an order that it does not have, and nothing at all when it is away."""
    ident = home.approve()
    receipt = CancelReceipt(intent_id=ident, cancelled=True, state=OrderState.CANCELLED)
    home.bridge.answer = told(receipt)
    assert await home.client.cancel(ident) == receipt
    assert (home.bridge.asked[-1].url.path, home.bridge.asked[-1].content) == (f"/v1/intents/{ident}/cancel", b"")
    home.bridge.answer = refused(404, "unknown_order")
    assert await home.client.cancel(ident) is None
    home.bridge.answer = lambda _: httpx.Response(404, content="<html>")
    with pytest.raises(BridgeUnreachableError):
        await home.client.cancel(ident)


async def test_an_order_that_was_taken_back_before_it_came_is_cancelled(home: OutgoingHome) -> None:
    """The bridge has a word of its own for it; its number was used by nothing, so none is acknowledged."""
    ident = home.approve()
    home.bridge.answer = refused(422, "withdrawn")
    await home.turn()
    assert (home.state(ident), home.orders.outbox(limit=5)) == (IntentState.CANCELLED, [])
    assert home.store.connection.db.execute("SELECT max(acknowledged) FROM handover").get in {None, 0}


async def test_a_body_that_comes_after_its_cancel_acknowledges_nothing(home: OutgoingHome) -> None:
    """The cancel was answered while the order was on its way: the late refusal changes nothing any more."""
    ident = home.approve()

    def overtaken(request: httpx.Request) -> httpx.Response:
        change = intents.step(home.intent(ident), IntentState.CANCELLED, at=NOW)
        home.orders.answer_cancel(ident, change)
        return refused(422, "withdrawn")(request)

    home.bridge.answer = None
    await home.restore.run_once()
    home.bridge.answer = overtaken
    await home.client.drain(check=home.guard.check)
    assert (home.state(ident), home.orders.outbox(limit=5)) == (IntentState.CANCELLED, [])
    assert home.store.connection.db.execute("SELECT max(acknowledged) FROM handover").get in {None, 0}


async def test_a_verdict_is_taken_refused_or_kept_for_later(home: OutgoingHome) -> None:
    """A refusal in the bridge's own words is for good; everything else may be said again."""
    verdict = Verdict(intent_id="i1", household="home-1", found=False, said_at=NOW, nonce="0" * 32)
    settlement = Settlement(verdict=verdict, signature=base64.b64encode(b"s" * 64).decode())
    receipt = SettleReceipt(intent_id="i1", settled=True, state=OrderState.REJECTED)
    home.bridge.answer = told(receipt)
    assert await home.client.settle(settlement) == receipt
    assert home.bridge.asked[-1].content == settlement.model_dump_json().encode()
    home.bridge.answer = refused(422, "terms_refused")
    with pytest.raises(RefusedError, match="terms_refused"):
        await home.client.settle(settlement)
    for answer in (lambda _: httpx.Response(503), lambda _: httpx.Response(404, content="<html>")):
        home.bridge.answer = answer
        with pytest.raises(BridgeUnreachableError):
            await home.client.settle(settlement)


async def test_a_price_list_tells_prices_class_and_time(home: OutgoingHome) -> None:
    """A product that is not in the list gets no price; the merchant's class is kept, the bridge's time is heard."""
    line = PriceLine(
        sku=MILK.product.sku,
        title="Milk",
        unit_price_minor=129,
        delivery_minor=199,
        currency="USD",
        available=True,
        list_price_minor=149,
        delivery_options=(DeliveryOption(id="std", kind="standard", price_minor=199, title="By post"),),
    )
    later = NOW + timedelta(hours=1)
    home.bridge.answer = told(PriceList(merchant="grocer", merchant_class="C", at=later, lines=(line,)))
    other = MILK.model_copy(update={"id": "oat", "product": MILK.product.model_copy(update={"sku": "oat-1l"})})
    assert home.merchants.merchant_class("grocer") is None
    [price] = await home.client.fetch_prices([MILK, other], delivery_ref="home")
    assert (price.item, price.unit_price_minor, price.sku) == ("milk", 129, MILK.product.sku)
    assert (price.list_price_minor, price.pack) == (149, Pack("Milk", 1_035.0, "g"))
    assert (price.deliveries, price.delivery) == ((Delivery("std", 199, "standard", "By post"),), None)
    assert home.merchants.merchant_class("grocer") == "C"
    assert home.store.clock.doubt() is ClockDoubt.DISAGREES


async def test_a_list_has_no_prices_and_none_are_made_up(home: OutgoingHome) -> None:
    """What it does not say is kept as not known, and never as zero."""
    line = PriceLine(
        sku=MILK.product.sku, title="Milk", unit_price_minor=None, delivery_minor=None, currency="USD", available=True
    )
    home.bridge.answer = told(PriceList(merchant="grocer", merchant_class="A", at=NOW, charges=False, lines=(line,)))
    prices = await home.client.fetch_prices([MILK], delivery_ref="home")
    home.orders.save_prices(prices)
    kept = home.orders.newest_price(ItemId("milk"), merchant="grocer", sku=MILK.product.sku)
    assert kept is not None
    assert kept == prices[0]
    assert (kept.unit_price_minor, kept.delivery_minor, kept.charges, kept.available) == (None, None, False, True)
