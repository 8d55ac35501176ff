"""The hub's side of the wire: what an answer settles, and what it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from cloud_bridge.wire import OrderState, PriceLine, PriceList, Problem, Receipt
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.prompt import PromptEvent, step
from edge_agent.core.terms import seal
from edge_agent.errors import BridgeUnreachableError
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import MILK, NOW, intent, offer, prompt

Answering = Callable[[httpx.Request], httpx.Response]


@dataclass
class Line:
    """The client, and what the other end answers."""

    client: BridgeClient
    orders: Orders
    connection: Connection
    asked: list[httpx.Request]
    answer: Answering

    def approve(self, number: int) -> IntentId:
        """An approved intent in the outbox."""
        asked = replace(prompt(f"p{number}"), item=f"milk{number}")
        self.orders.add_prompt(asked)
        terms = seal(
            offer(), intent_id=IntentId(f"i{number}"), household="home-1", hub="hub-1", customer_ref="a" * 64,
            nonce=f"{number:032x}",
        )  # fmt: skip
        record = replace(intent(f"i{number}", of=f"p{number}"), item=f"milk{number}")
        change = step(asked, PromptEvent.APPROVE, now=NOW, by="anna")
        body = f'{{"number": {number}}}'.encode()
        return self.orders.approve(change, intent=record, terms=terms, signature=b"s" * 64, body=body).id

    def state(self, ident: IntentId) -> IntentState:
        """Where an intent stands."""
        record = self.orders.intent(ident)
        assert record is not None
        return record.state


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An open store."""
    with Connection(tmp_path / "hub.sqlite3") as opened:
        yield opened


@pytest.fixture
async def line(tmp_path: Path, connection: Connection) -> AsyncIterator[Line]:
    """A bridge client whose wire a test answers."""
    orders, clock = Orders(connection), ManualClock()
    holder: list[Line] = []

    def reply(request: httpx.Request) -> httpx.Response:
        holder[0].asked.append(request)
        return holder[0].answer(request)

    egress = Egress(
        connection=connection,
        clock=clock,
        key=load_or_create(tmp_path),
        household="home-1",
        url="http://127.0.0.1:8490",
        timeout_s=5,
        transport=httpx.MockTransport(reply),
    )
    async with egress:
        client = BridgeClient(egress=egress, orders=orders, clock=clock)
        holder.append(Line(client, orders, connection, [], lambda _: httpx.Response(503)))
        yield holder[0]


def accepted(request: httpx.Request) -> httpx.Response:
    """The bridge has taken whatever intent this is."""
    number = request.content.decode().split(": ")[1].rstrip("}")
    receipt = Receipt(intent_id=f"i{number}", state=OrderState.HELD, accepted_at=NOW)
    return httpx.Response(200, content=receipt.model_dump_json())


def refused(status: int, code: str) -> Answering:
    """The bridge's own refusal."""
    return lambda _: httpx.Response(status, content=Problem(code=code, detail="no").model_dump_json())


async def test_what_the_bridge_took_is_held_and_written_down(line: Line) -> None:
    """A receipt empties the outbox; the ledger knows purpose and recipient of what left."""
    ident = line.approve(1)
    line.answer = accepted
    assert await line.client.drain() == 1
    assert line.state(ident) is IntentState.HELD
    assert line.orders.outbox(limit=5) == []
    assert line.connection.db.execute("SELECT purpose, recipient, method, path, size_bytes FROM egress").fetchall() == [
        ("order", "127.0.0.1:8490", "POST", "/v1/intents", len(b'{"number": 1}'))
    ]
    assert "signature" in line.asked[0].headers


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (refused(422, "terms_refused"), IntentState.REJECTED),
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
async def test_only_the_bridges_own_word_ends_an_intent(line: Line, answer: Answering, state: IntentState) -> None:
    """A refusal counts with the bridge's own code only; everything else keeps the row, and nobody is redirected."""
    ident = line.approve(1)
    line.answer = answer
    if state is IntentState.APPROVED:
        with pytest.raises(BridgeUnreachableError):
            await line.client.drain()
        assert len(line.orders.outbox(limit=5)) == 1
    else:
        assert await line.client.drain() == 1
    assert line.state(ident) is state
    assert len(line.asked) == 1


async def test_a_body_that_may_have_been_taken_is_not_refused_as_malformed(line: Line) -> None:
    """After a lost answer, `malformed` proves nothing about the first time."""
    ident = line.approve(1)
    with pytest.raises(BridgeUnreachableError):
        await line.client.drain()
    line.answer = refused(422, "malformed")
    with pytest.raises(BridgeUnreachableError):
        await line.client.drain()
    assert line.state(ident) is IntentState.APPROVED


async def test_one_row_does_not_hold_the_others_up(line: Line) -> None:
    """An intent that the bridge will not have keeps its row; the next one goes out in the same turn."""
    first, second = line.approve(1), line.approve(2)
    line.answer = lambda r: accepted(r) if b"2" in r.content else refused(401, "not_authentic")(r)
    with pytest.raises(BridgeUnreachableError):
        await line.client.drain()
    assert (line.state(first), line.state(second)) == (IntentState.APPROVED, IntentState.HELD)
    assert line.client.status().waiting_since == NOW


async def test_prices_come_from_the_list_and_unknown_products_have_none(line: Line) -> None:
    """A price is of the product that was asked about; a product that is not in the list gets no price."""
    told = PriceLine(
        sku=MILK.product.sku, title="Milk", unit_price_minor=129, delivery_minor=199, currency="USD", available=True
    )
    line.answer = lambda _: httpx.Response(
        200, content=PriceList(merchant="grocer", at=NOW, lines=(told,)).model_dump_json()
    )
    other = MILK.model_copy(update={"id": "oat", "product": MILK.product.model_copy(update={"sku": "oat-1l"})})
    [price] = await line.client.fetch_prices([MILK, other], delivery_ref="home")
    assert (price.item, price.unit_price_minor, price.sku) == ("milk", 129, MILK.product.sku)
