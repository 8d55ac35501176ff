"""The HTTP face: who may do what, in what form, and what is said to everybody else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

from cloud_bridge.api.authentic import Gatekeeper
from cloud_bridge.api.routes import Desk, create_app
from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.intake import Intake
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.merchants.webhook_verifiers import UnsignedHints
from cloud_bridge.prices import PriceDesk
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import CancelReceipt, EventPage, Head, OrderEvent, OrderState, PriceList, Problem, Receipt
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, MILK, START, HandClock, Signer

OWN = "http://127.0.0.1:8490"
OTHER = Signer(household="home-2")


class Hub:
    """A hub as the bridge sees it: signs requests, and can be told to sign badly."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer) -> None:
        self._client = client
        self._signer = signer

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        sent: bytes | None = None,
        base: str = OWN,
        age_s: float = 0,
        **signing: object,
    ) -> httpx.Response:
        """Sign for `body` and `base`; send `sent` instead of the body where given."""
        request = self._client.build_request(method, base + path, content=body)
        if signing.pop("sign", True):
            self._sign(request, body, age_s=age_s, **signing)
        final = self._client.build_request(method, OWN + path, content=sent or body)
        final.headers.update(
            {name: value for name, value in request.headers.items() if name.startswith(("signature", "content-digest"))}
        )
        return await self._client.send(final)

    def _sign(self, request: httpx.Request, body: bytes | None, *, age_s: float = 0, **signing: object) -> None:
        options: dict[str, Any] = {
            "key_id": self._signer.household,
            "label": "restock",
            "covered_component_ids": ("@method", "@target-uri"),
            "created": datetime.now(UTC) - timedelta(seconds=age_s),
            **signing,
        }
        keys = MappingKeyResolver(public_keys={}, private_keys={options["key_id"]: self._signer.key})
        HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=keys).sign(request, body=body, **options)


@pytest.fixture
async def client(
    store: SqlOrderStore, clock: HandClock, signer: Signer, simulated: SimulatedMerchant
) -> AsyncIterator[httpx.AsyncClient]:
    """The application in process, serving two households."""
    keys = {HOUSEHOLD: signer.public_key, OTHER.household: OTHER.public_key}
    merchants = {MERCHANT: simulated}
    desk = Desk(
        gatekeeper=Gatekeeper(keys, public_url=OWN, age_max_s=300),
        intake=Intake(store, keys=keys, merchants=merchants, clock=clock, bell=asyncio.Event()),
        prices=PriceDesk(merchants, clock=clock, new_key=iter(map(str, range(1_000))).__next__),
        store=store,
        clock=clock,
        door=MerchantDoor(
            merchants=merchants,
            verifiers={MERCHANT: UnsignedHints()},
            store=store,
            clock=clock,
            followed=asyncio.Event(),
            profile=lambda _, __: b"{}",
            public_url=OWN,
        ),
    )
    transport = httpx.ASGITransport(create_app(desk), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=OWN) as opened:
        yield opened


@pytest.fixture
def hub(client: httpx.AsyncClient, signer: Signer) -> Hub:
    """The hub of the first household."""
    return Hub(client, signer)


def _body(signer: Signer, **changes: object) -> bytes:
    return signer.intent(**changes).model_dump_json().encode()


def _problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, Problem.model_validate_json(response.content).code


async def test_an_intent_is_accepted_once_and_answered_the_same_again(
    hub: Hub, signer: Signer, store: SqlOrderStore
) -> None:
    """A replay of the same body gets the same answer, and there is one order."""
    body = _body(signer)
    first, again = await hub.ask("POST", "/v1/intents", body), await hub.ask("POST", "/v1/intents", body)
    assert (first.status_code, again.status_code, first.content) == (200, 200, again.content)
    assert Receipt.model_validate_json(first.content).state is OrderState.HELD
    assert len((await store.report()).orders) == 1


async def test_a_replay_is_answered_the_same_after_the_offer_has_ended(
    hub: Hub, signer: Signer, clock: HandClock
) -> None:
    """What was accepted stays accepted, however late the hub asks again."""
    body = _body(signer)
    first = await hub.ask("POST", "/v1/intents", body)
    clock.pass_(days=30)
    assert (await hub.ask("POST", "/v1/intents", body)).content == first.content


async def test_the_same_id_with_another_body_is_refused(hub: Hub, signer: Signer) -> None:
    """An intent id stands for one body for ever."""
    await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1"))
    other = await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1", quantity=1, total_minor=679))
    assert _problem(other) == (409, "conflict")


async def test_concurrent_posts_of_one_intent_make_one_order(hub: Hub, signer: Signer, store: SqlOrderStore) -> None:
    """A hub that asks eight times at once has one order and one event."""
    body = _body(signer)
    answers = await asyncio.gather(*(hub.ask("POST", "/v1/intents", body) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len((await store.report()).orders) == 1
    assert len(await store.events_after(HOUSEHOLD, after=0, limit=10)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"offer_expires_at": START}, "offer_expired"),
        ({"merchant": "nobody"}, "terms_refused"),
        ({"delivery_ref": "nowhere"}, "terms_refused"),
        ({"currency": "EUR"}, "terms_refused"),
        ({"total_minor": 857}, "terms_refused"),
        ({"total_max_minor": 857}, "terms_refused"),
    ],
)
async def test_terms_that_cannot_be_served_are_refused(
    hub: Hub, signer: Signer, store: SqlOrderStore, changes: dict[str, object], code: str
) -> None:
    """Ended offers, unknown names and sums that do not add up leave nothing behind."""
    assert _problem(await hub.ask("POST", "/v1/intents", _body(signer, **changes))) == (422, code)
    assert (await store.report()).orders == ()


@pytest.mark.parametrize(
    "signing",
    [
        {"sign": False},
        {"key_id": "home-2"},
        {"key_id": "nobody"},
        {"age_s": 400},
        {"age_s": -60},
        {"label": "other"},
        {"covered_component_ids": ("@method",)},
        {"covered_component_ids": ("@target-uri",)},
        {"base": "http://bridge.example:8490"},
        {"base": "http://127.0.0.1:8491"},
        {"sent": b'{"terms": {}}'},
    ],
    ids=lambda signing: next(iter(signing)) + "=" + str(next(iter(signing.values())))[:30],
)
async def test_a_request_without_a_good_signature_is_refused(
    hub: Hub, signer: Signer, store: SqlOrderStore, signing: dict[str, Any]
) -> None:
    """Unsigned, another's key, too old, from the future, not covering, for another address, changed body."""
    assert _problem(await hub.ask("POST", "/v1/intents", _body(signer), **signing)) == (401, "not_authentic")
    assert (await store.report()).orders == ()


async def test_the_other_names_of_loopback_are_the_same_bridge(client: httpx.AsyncClient, signer: Signer) -> None:
    """A hub that is configured with localhost reaches a bridge that calls itself 127.0.0.1."""
    request = client.build_request("GET", "http://localhost:8490/v1/events")
    Hub(client, signer)._sign(request, None)
    assert (await client.send(request)).status_code == 200


async def test_an_intent_must_be_signed_by_the_household_itself(hub: Hub, signer: Signer) -> None:
    """The transport's signature is not enough: the terms carry the household's leave."""
    intent = json.loads(_body(signer))
    intent["terms"]["total_max_minor"] += 1
    tampered = await hub.ask("POST", "/v1/intents", json.dumps(intent).encode())
    assert _problem(tampered) == (401, "not_authentic")


async def test_a_household_cannot_send_anothers_terms(client: httpx.AsyncClient, signer: Signer) -> None:
    """The caller and the household in the terms must be the same."""
    response = await Hub(client, OTHER).ask("POST", "/v1/intents", _body(signer))
    assert _problem(response) == (401, "not_authentic")


async def test_a_household_sees_and_cancels_only_its_own(client: httpx.AsyncClient, hub: Hub, signer: Signer) -> None:
    """Another household's events are empty, and its cancel touches nothing of ours; the same id may exist for both."""
    await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1"))
    other = Hub(client, OTHER)
    page = EventPage.model_validate_json((await other.ask("GET", "/v1/events?after=0&limit=10")).content)
    assert page.events == ()
    cancelled = await other.ask("POST", "/v1/intents/i-2/cancel")
    assert CancelReceipt.model_validate_json(cancelled.content).cancelled
    await other.ask("POST", "/v1/intents", _body(OTHER, intent_id="i-1"))
    accepted = await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-2"))
    assert accepted.status_code == 200
    page = EventPage.model_validate_json((await hub.ask("GET", "/v1/events")).content)
    assert [(event.seq, event.intent_id) for event in page.events] == [(1, "i-1"), (2, "i-2")]


async def test_what_was_taken_back_before_it_came_is_never_taken(hub: Hub, signer: Signer) -> None:
    """A copy that comes late is refused by a word of its own, and the cancel is answered alike each time."""
    for _ in range(2):
        receipt = CancelReceipt.model_validate_json((await hub.ask("POST", "/v1/intents/i-1/cancel")).content)
        assert (receipt.cancelled, receipt.state) == (True, OrderState.CANCELLED)
        late = await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1"))
        assert _problem(late) == (422, "withdrawn")
    page = EventPage.model_validate_json((await hub.ask("GET", "/v1/events")).content)
    assert page.events == ()


async def test_events_are_read_by_cursor(hub: Hub, signer: Signer) -> None:
    """Oldest first, in pages, each event once; an empty page keeps the cursor."""
    for number in range(3):
        await hub.ask("POST", "/v1/intents", _body(signer, intent_id=f"i-{number}"))
    seen, after = [], 0
    while True:
        answer = await hub.ask("GET", f"/v1/events?after={after}&limit=2")
        page = EventPage.model_validate_json(answer.content)
        if not page.events:
            break
        seen += [event.intent_id for event in page.events]
        after = page.next_after
    assert (seen, page.next_after) == (["i-0", "i-1", "i-2"], after)


async def test_a_cancel_in_the_hold_is_told(hub: Hub, signer: Signer) -> None:
    """The receipt says cancelled, and the event says by whom."""
    await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1"))
    answer = await hub.ask("POST", "/v1/intents/i-1/cancel")
    assert answer.json() == {"intent_id": "i-1", "cancelled": True, "state": "cancelled"}
    page = EventPage.model_validate_json((await hub.ask("GET", "/v1/events")).content)
    assert page.events[-1].detail == "cancelled_by_household"


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("POST", "/v1/intents", b"{", (422, "malformed")),
        ("POST", "/v1/intents", b'{"terms": NaN}', (422, "malformed")),
        ("POST", "/v1/prices", b'{"merchant":"grocer","delivery_ref":"home","skus":[]}', (422, "malformed")),
        ("POST", "/v1/prices", b'{"merchant":"nobody","delivery_ref":"home","skus":["x"]}', (422, "terms_refused")),
        ("POST", "/v1/intents", b"x" * 16_385, (413, "too_large")),
        ("GET", "/v1/events?after=-1", None, (422, "malformed")),
        ("GET", "/v1/events?limit=501", None, (422, "malformed")),
        ("POST", "/v1/intents/UPPER/cancel", None, (422, "malformed")),
        ("GET", "/docs", None, (404, "not_found")),
        ("GET", "/openapi.json", None, (404, "not_found")),
        ("DELETE", "/v1/intents", None, (405, "method_not_allowed")),
    ],
)
async def test_what_is_malformed_or_not_there_is_a_problem(
    hub: Hub, method: str, path: str, body: bytes | None, problem: tuple[int, str]
) -> None:
    """Every refusal has a code for programs, and never a stack trace."""
    assert _problem(await hub.ask(method, path, body)) == problem


async def test_prices_are_of_one_pack_with_delivery_and_nothing_is_bought(
    hub: Hub, simulated: SimulatedMerchant
) -> None:
    """Unknown and sold-out products come back as not available; every session is closed again."""
    simulated.shelves["gone"] = Shelf("Gone", 100, 0)
    query = {"merchant": MERCHANT, "delivery_ref": "home", "skus": [MILK, "gone", "never-was"]}
    answer = await hub.ask("POST", "/v1/prices", json.dumps(query).encode())
    lines = PriceList.model_validate_json(answer.content).lines
    assert [(line.sku, line.available, line.unit_price_minor) for line in lines] == [
        (MILK, True, 179),
        ("gone", False, 0),
        ("never-was", False, 0),
    ]
    assert lines[0].delivery_minor == 500
    assert simulated.ledger == []
    assert await simulated.get("session-1") == "closed"


async def test_prices_of_a_merchant_that_is_away_are_a_problem(hub: Hub, simulated: SimulatedMerchant) -> None:
    """No answer is not the same as not available."""
    simulated.faults = lambda _: Mode.AWAY
    query = {"merchant": MERCHANT, "delivery_ref": "home", "skus": [MILK]}
    assert _problem(await hub.ask("POST", "/v1/prices", json.dumps(query).encode())) == (503, "merchant_away")


async def test_health_and_profile_are_open(client: httpx.AsyncClient) -> None:
    """Neither asks who is calling."""
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/.well-known/ucp")).json() == {}


async def test_an_answer_of_our_own_that_does_not_hold_is_our_fault(
    hub: Hub, store: SqlOrderStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller can do nothing about it, so it is a 500 that is logged."""

    async def broken(*_: object, **__: object) -> tuple[OrderEvent, ...]:
        return (OrderEvent.model_validate_json("{}"),)

    monkeypatch.setattr(store, "events_after", broken)
    assert _problem(await hub.ask("GET", "/v1/events")) == (500, "internal")
    assert "request_broke" in caplog.text


async def test_prices_in_a_currency_of_small_units_are_accepted(hub: Hub, signer: Signer) -> None:
    """An ordinary basket can be hundreds of millions of minor units."""
    total = 2 * 250_000_000 + 500
    body = _body(signer, unit_price_minor=250_000_000, total_minor=total, total_max_minor=total)
    assert (await hub.ask("POST", "/v1/intents", body)).status_code == 200


async def test_a_number_that_comes_twice_freezes_the_household_and_the_head_says_so(hub: Hub, signer: Signer) -> None:
    """Forked is told once; then all that is new is frozen, while what is known is answered as before."""
    first = _body(signer, intent_id="i-1", handover=7)
    accepted = await hub.ask("POST", "/v1/intents", first)
    forked = await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-2", handover=7))
    assert _problem(forked) == (409, "forked")
    assert _problem(await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-3", handover=8))) == (409, "frozen")
    assert (await hub.ask("POST", "/v1/intents", first)).content == accepted.content
    head = Head.model_validate_json((await hub.ask("GET", "/v1/head")).content)
    assert (head.frozen, head.handover, [each.intent_id for each in head.intents]) == (True, 7, ["i-1"])
    assert Head.model_validate_json((await hub.ask("GET", "/v1/head?after=7")).content).intents == ()
    assert _problem(await hub.ask("GET", "/v1/head?after=-1")) == (422, "malformed")


async def test_a_word_about_an_order_that_is_not_in_doubt_settles_nothing(hub: Hub, signer: Signer) -> None:
    """It is signed by the household and about this intent, or it is refused."""
    await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1"))
    word = signer.settlement("i-1", said_at=START, found=False).model_dump_json()
    answer = await hub.ask("POST", "/v1/intents/i-1/settle", word.encode())
    assert answer.json() == {"intent_id": "i-1", "settled": False, "state": "held"}
    assert _problem(await hub.ask("POST", "/v1/intents/i-2/settle", word.encode())) == (401, "not_authentic")
    turned = word.replace('"found":false', '"found":true').encode()
    assert _problem(await hub.ask("POST", "/v1/intents/i-1/settle", turned)) == (401, "not_authentic")
    stranger = signer.settlement("i-9", said_at=START, found=False).model_dump_json().encode()
    assert _problem(await hub.ask("POST", "/v1/intents/i-9/settle", stranger)) == (404, "unknown_order")


@pytest.mark.parametrize("order_id", ["", "o-\x00", "o-\n1", "\x7f", "o" * 256])
async def test_a_word_with_an_order_number_that_no_store_keeps_is_malformed(
    hub: Hub, signer: Signer, order_id: str
) -> None:
    """PostgreSQL keeps no NUL, so it is refused at the door, whatever the store is."""
    await hub.ask("POST", "/v1/intents", _body(signer, intent_id="i-1"))
    word = signer.settlement("i-1", said_at=START, found=True, merchant_order_id="number").model_dump_json()
    spoiled = word.replace('"number"', json.dumps(order_id)).encode()
    assert _problem(await hub.ask("POST", "/v1/intents/i-1/settle", spoiled)) == (422, "malformed")


async def test_a_digest_in_another_algorithm_is_checked_as_well(
    client: httpx.AsyncClient, hub: Hub, signer: Signer
) -> None:
    """The usual digest is compared at once; any other goes through the library, and a wrong one is refused."""
    body = _body(signer)
    for covered, status in ((body, 200), (body + b" ", 401)):
        request = client.build_request("POST", f"{OWN}/v1/intents", content=body)
        digest = base64.b64encode(hashlib.sha512(covered).digest()).decode()
        request.headers["content-digest"] = f"sha-512=:{digest}:"
        covered_ids = ("@method", "@target-uri", "content-digest")
        hub._sign(request, None, covered_component_ids=covered_ids, use_existing_digest=True)
        assert (await client.send(request)).status_code == status
