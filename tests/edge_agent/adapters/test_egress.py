"""The one gate out: what may pass, what is written down first, and what never leaves."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

import httpx
import pytest
from pydantic import BaseModel

from cloud_bridge.wire import DeliveryChoice, Intent, PriceQuery, Settlement, Terms, Verdict
from edge_agent.adapters.egress import PASSAGES, Egress, Notice, Purpose, Recipient
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.errors import BridgeUnreachableError, EgressRefusedError, StoreFailedError
from tests.edge_agent.outgoing_home import URL, OutgoingHome, Wall, opened, outgoing_home
from tests.edge_agent.samples import NOW, terms

QUERY = PriceQuery(merchant="grocer", delivery_ref="home", skus=("milk-whole-1l",)).model_dump_json().encode()
INTENT = Intent(terms=terms(), signature=base64.b64encode(b"s" * 64).decode()).model_dump_json().encode()

# Every field that may leave the home, and why. A field that is added to the wire is not sent before it stands here.
MAY_LEAVE: dict[type[BaseModel], dict[str, str]] = {
    Intent: {"terms": "what is bought", "signature": "the household's leave: the bridge can invent no order"},
    Terms: {
        "version": "how to read the rest",
        "intent_id": "random: names the order once and for all",
        "household": "whose key verifies the signature",
        "hub": "which hub counts `handover`",
        "merchant": "where to buy",
        "sku": "what to buy",
        "quantity": "how many packs",
        "unit_price_minor": "the price that was agreed to",
        "delivery_minor": "the delivery price that was agreed to",
        "total_minor": "the total that was agreed to",
        "total_max_minor": "the ceiling: above it nothing is paid",
        "currency": "of the amounts",
        "delivery_ref": "names an address that the merchant already holds",
        "customer_ref": "one household has another name at each merchant",
        "deliver_by": "the delivery wish, by the day",
        "offer_expires_at": "when the leave ends",
        "nonce": "random: a leave is used once",
        "hold_s": "how long it can be taken back",
        "leave": "a person or a mandate: the bridge refuses a mandate's draw where no look-up is possible",
        "consent_hash": "salted hash of the receipt that stays at home",
        "handover": "counts orders, so that a copied hub is found",
        "delivery_option": "which of the merchant's ways it comes by, and no other",
        "title_figures": "numbers of the merchant's own title, which the bridge told: a smaller pack is another offer",
    },
    Settlement: {"verdict": "what a person found out", "signature": "that it is this household's word"},
    Verdict: {
        "version": "how to read the rest",
        "intent_id": "which order",
        "household": "whose key verifies the signature",
        "found": "whether the merchant has it",
        "merchant_order_id": "the merchant's own number, from the merchant",
        "said_at": "when it was said",
        "nonce": "random: a word is used once",
    },
    DeliveryChoice: {
        "id": "the merchant's own name of the way",
        "kind": "what the household agreed to: to the door, or to be fetched",
    },
    Notice: {
        "title": "how many questions wait",
        "body": "until when, and what comes of no answer",
        "link": "opens the question once, at home",
        "tag": "what a later message replaces on the same screen",
        "is_quiet": "whether it makes a sound",
    },
    PriceQuery: {
        "merchant": "whose prices",
        "delivery_ref": "prices of delivery depend on it",
        "skus": "the whole list of bound products, whether or not anything is low",
    },
}


def test_every_field_that_leaves_has_a_reason() -> None:
    """The models of the gate, and all that lies inside them, hold these fields and no others."""
    outgoing = {passage.body for passage in PASSAGES.values() if passage.body is not None}
    pending, seen = list(outgoing), set[type[BaseModel]]()
    while pending:
        model = pending.pop()
        seen.add(model)
        assert set(model.model_fields) == set(MAY_LEAVE[model]), model
        assert model.model_config["extra"] == "forbid"
        for field in model.model_fields.values():
            parts = (field.annotation, *get_args(field.annotation))
            pending += [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    assert seen == set(MAY_LEAVE)


def test_every_purpose_has_a_passage() -> None:
    """No purpose without method, target, models and recipient; all of them go to the bridge."""
    assert set(PASSAGES) == set(Purpose)
    assert {passage.recipient for passage in PASSAGES.values()} == set(Recipient)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[OutgoingHome]:
    """A gate whose other end is ours."""
    async with outgoing_home(tmp_path) as opened_home:
        opened_home.bridge.answer = lambda _: httpx.Response(200, content=b"{}")
        yield opened_home


PASSES = [
    (Purpose.ORDER, "/v1/intents?head=3", INTENT),
    (Purpose.CANCEL, "/v1/intents/i1/cancel", b""),
    (Purpose.PRICES, "/v1/prices", QUERY),
    (Purpose.ORDER_STATUS, "/v1/events?after=3&limit=100", b""),
    (Purpose.HEAD, "/v1/head?after=3", b""),
]


@pytest.mark.parametrize(("purpose", "target", "body"), PASSES)
async def test_what_leaves_is_in_the_ledger_byte_by_byte(
    home: OutgoingHome, purpose: Purpose, target: str, body: bytes
) -> None:
    """Purpose, recipient, path, size, digest and the body itself, as it went over the wire."""
    await home.client._egress.send(purpose, target, body=body)
    [request] = home.bridge.asked
    [row] = home.ledger.rows(limit=5, before_id=None)
    assert (row.purpose, row.recipient, row.path) == (purpose, "127.0.0.1:8490", target)
    assert (row.size_bytes, row.sha256, row.at) == (len(body), hashlib.sha256(body).hexdigest(), NOW)
    kept = home.ledger.row(row.id)
    assert kept is not None
    assert kept.body == request.content == body


REFUSED = {
    "another path": (Purpose.ORDER, "/v1/elsewhere", INTENT),
    "another purpose's body": (Purpose.ORDER, "/v1/intents?head=3", QUERY),
    "a field too many": (Purpose.PRICES, "/v1/prices", QUERY[:-1] + b',"stock_g":4}'),
    "a field twice": (Purpose.PRICES, "/v1/prices", QUERY[:-1] + b',"merchant":"grocer"}'),
    "a blank": (Purpose.PRICES, "/v1/prices", QUERY + b" "),
    "a body where none belongs": (Purpose.HEAD, "/v1/head?after=3", b"{}"),
    "no body where one belongs": (Purpose.ORDER, "/v1/intents?head=3", b""),
    "something in the target": (Purpose.HEAD, "/v1/head?after=3&note=milk", b""),
    "another host": (Purpose.HEAD, "http://elsewhere.example/v1/head?after=3", b""),
    "a line break": (Purpose.CANCEL, "/v1/intents/i1/cancel\n", b""),
    "too much": (Purpose.PRICES, "/v1/prices", QUERY[:-2] + b',"x"' * 5_000 + b"]}"),
}


@pytest.mark.parametrize(("purpose", "target", "body"), REFUSED.values(), ids=REFUSED.keys())
async def test_nothing_else_passes(home: OutgoingHome, purpose: Purpose, target: str, body: bytes) -> None:
    """It is refused before a connection is opened, and there is no row of it."""
    with pytest.raises(EgressRefusedError):
        await home.client._egress.send(purpose, target, body=body)
    assert home.bridge.asked == []
    assert home.ledger.rows(limit=5, before_id=None) == []


async def test_nothing_leaves_that_cannot_be_written_down(home: OutgoingHome) -> None:
    """The row is durable before the first byte: with a full disk there is no first byte."""
    db = home.store.connection.db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').get}")
    with suppress(StoreFailedError):
        for _ in range(50):
            await home.client._egress.send(Purpose.ORDER, "/v1/intents?head=3", body=INTENT)
    assert len(home.bridge.asked) < 50
    assert len(home.bridge.asked) == len(home.ledger.rows(limit=100, before_id=None))


async def test_an_answer_that_does_not_end_is_cut_off(home: OutgoingHome) -> None:
    """A megabyte is plenty for what the bridge has to say."""
    home.bridge.answer = lambda _: httpx.Response(200, content=b"x" * 1_100_000)
    with pytest.raises(BridgeUnreachableError, match="larger"):
        await home.client._egress.send(Purpose.HEAD, "/v1/head?after=3")


def test_the_ledger_is_bounded_and_linked(tmp_path: Path) -> None:
    """Old bodies go first, then old rows; what stays still follows, and an edit is found."""
    with opened(tmp_path, Wall()) as store:
        ledger = EgressLedger(store.connection, clock=store.clock, rows_max=10, bodies_max=3)
        for number in range(25):
            body = str(number).encode()
            ledger.write_down(purpose="order", recipient="bridge", method="POST", path="/v1/intents?head=3", body=body)
        rows = ledger.rows(limit=100, before_id=None)
        assert [row.id for row in rows] == list(range(25, 15, -1))
        assert [row.id for row in ledger.rows(limit=2, before_id=20)] == [19, 18]
        kept = [ledger.row(row.id) for row in rows]
        assert [row.body for row in kept if row is not None and row.body is not None] == [b"24", b"23", b"22"]
        assert ledger.broken_at() is None
        store.connection.db.execute("UPDATE egress SET size_bytes = 0 WHERE id = 20")
        assert ledger.broken_at() == 20


async def test_redirects_lead_nowhere(tmp_path: Path) -> None:
    """The gate does not follow, and does not send the body elsewhere."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"location": "http://elsewhere.example/"})

    with opened(tmp_path, Wall()) as store:
        egress = Egress(
            ledger=EgressLedger(store.connection, clock=store.clock),
            key=load_or_create(tmp_path),
            household="home-1",
            url=URL,
            timeout_s=5,
            transport=httpx.MockTransport(answer),
        )
        async with egress:
            assert (await egress.send(Purpose.ORDER, "/v1/intents?head=3", body=INTENT)).status_code == 307
    assert asked == [f"{URL}/v1/intents?head=3"]
