"""The ACP connector against a strict fake shop: what it sends, what it believes, and what it leaves unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Hint, NeedsBuyer, Open, Placed, Progress, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.wire import DeliveryChoice
from tests.cloud_bridge.acp_schema import faults
from tests.cloud_bridge.acp_shop import API_KEY, ORIGIN, acp_config, acp_connector, acp_shop_and_connector
from tests.cloud_bridge.rig import MILK

WANTED = Wanted(MILK, 2, "home")
Document = dict[str, Any]


def _key() -> str:
    return str(uuid4())


def _answer(status: int, document: object = None, **headers: str) -> httpx.Response:
    body = httpx.ByteStream(json.dumps({} if document is None else document).encode())
    return httpx.Response(status, stream=body, headers=headers)


def _at(path: str, answer: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response | None]:
    """Answer what ends with `path` instead of the shop."""
    return lambda request: answer() if request.url.path.endswith(path) else None


def _total(kind: str, amount: int) -> Document:
    return {"type": kind, "display_text": kind, "amount": amount}


# what is sent


@pytest.mark.parametrize("version", ["2026-04-17", "2026-01-30"])
async def test_every_request_is_one_that_the_schema_has(version: str) -> None:
    """A whole order and a cancel: no member is unknown, missing or null; and the same oracle sees when one is."""
    async with acp_shop_and_connector(version) as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        await merchant.quote(WANTED, key=_key(), session_id=quote.session_id)
        assert isinstance(await merchant.place(quote.session_id, key=_key()), Placed)
        await merchant.cancel(quote.session_id)
        sent = shop.kept
    assert {each.operation for each in sent} == {"create", "update", "complete", "cancel"}
    assert [faults(each.operation, each.body) for each in sent] == [[]] * len(sent)
    for each in sent:
        assert faults(each.operation, {**each.body, "surprise": 1})
        assert not each.body or faults(each.operation, dict.fromkeys(each.body))


async def test_as_many_items_are_sent_as_are_wanted_in_a_currency_in_lower_case() -> None:
    """The schema of an item is closed and has no quantity: packs are counted by their items."""
    async with acp_shop_and_connector() as (shop, merchant):
        await merchant.quote(Wanted(MILK, 3, "home"), key=_key())
        opened = shop.kept[0].body
    assert opened["line_items"] == [{"id": MILK}] * 3
    assert opened["currency"] == "usd"
    with pytest.raises(MerchantRefusedError):
        await merchant.quote(Wanted(MILK, 201, "home"), key=_key())


async def test_every_post_has_its_own_key_and_every_request_its_version() -> None:
    """The key of an order is the one that was given; the API key goes into a header and into no body."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key="open-1")
        await merchant.place(quote.session_id, key="order-1")
        keys = [each.headers["idempotency-key"] for each in shop.kept]
        assert (keys[0], keys[-1], len(set(keys))) == ("open-1", "order-1", len(keys))
        assert {each.headers["api-version"] for each in shop.kept} == {"2026-04-17"}
        assert {each.headers["authorization"] for each in shop.kept} == {f"Bearer {API_KEY}"}
        assert API_KEY not in json.dumps([each.body for each in shop.kept])
        merchant_again = acp_config()
    assert API_KEY not in repr(merchant_again)


async def test_a_body_is_the_same_after_a_restart_and_another_with_another_token() -> None:
    """So that a request may be repeated: its digest is of session and body."""
    async with acp_shop_and_connector() as (_, merchant), MerchantHttp(ORIGIN, deadline_s=1) as http:
        again = acp_connector(acp_config(), http=http)
        other = acp_connector(acp_config(), http=http, token="another")
        digests = [each.order_digest("cs_1") for each in (merchant, again, other)]
    assert digests[0] == digests[1] != digests[2]
    assert merchant.order_digest("cs_2") != digests[0]


async def test_the_cheapest_way_to_the_door_is_chosen_and_said_by_lines() -> None:
    """What the shop selects by, we select by; otherwise by the ids of its lines."""
    async with acp_shop_and_connector() as (shop, merchant):
        await merchant.quote(WANTED, key=_key())
        chosen = [each.body["selected_fulfillment_options"] for each in shop.kept if each.operation == "update"]
    assert chosen == [[{"type": "shipping", "option_id": "std", "item_ids": ["li_0"]}]]


async def test_a_dearer_way_that_the_shop_chose_is_not_left_as_it_is() -> None:
    """What was chosen before is looked at again whenever a session is priced."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        dear = [{"type": "shipping", "option_id": "fast", "item_ids": ["li_0"]}]
        shop.sessions[quote.session_id]["selected_fulfillment_options"] = dear
        again = await merchant.quote(WANTED, key=_key(), session_id=quote.session_id)
    assert again.total_minor == 858


@pytest.mark.parametrize(
    ("told", "kind", "latest"),
    [
        ({"type": "shipping", "latest_delivery_time": "2026-03-06T20:00:00Z"}, "standard", "2026-03-06"),
        ({"type": "local_delivery", "delivery_window": {"start": "x", "end": "2026-03-04"}}, None, "2026-03-04"),
        ({"type": "pickup", "location": {"name": "Uptown"}, "pickup_type": "in_store"}, "nearest_store", None),
        ({"type": "pickup", "location": {"name": "Uptown"}, "pickup_type": "curbside"}, "nearest_store", None),
        ({"type": "pickup", "location": {"name": "Uptown"}, "pickup_type": "locker"}, "pick_up_point", None),
        ({"type": "pickup", "location": {"name": "Uptown"}, "ready_by": "2026-03-05"}, "pick_up_point", "2026-03-05"),
    ],
)
async def test_a_kind_is_told_by_type_and_never_by_title(told: Document, kind: str | None, latest: str | None) -> None:
    """A way that a person must fetch is one by its type; the cheapest of those is never chosen unasked."""
    added = {"id": "more", "title": "Instant same day", "totals": [_total("total", 1)], **told}
    async with acp_shop_and_connector() as (shop, merchant):
        if told["type"] != "pickup":
            added["totals"] = [_total("total", 2_000)]
        shop.after = lambda shown: shown.setdefault("fulfillment_options", []).append(added)
        quote = await merchant.quote(WANTED, key=_key())
    (more,) = [each for each in quote.deliveries if each.id == "more"]
    assert (more.kind, more.title) == (kind, "Instant same day")
    assert (more.latest_on and more.latest_on.isoformat()) == latest
    assert more.place == ("Uptown" if told["type"] == "pickup" else None)
    assert quote.delivery == DeliveryChoice(id="std", kind="standard")


async def test_a_way_to_something_digital_is_none_for_goods() -> None:
    """Nothing can be fetched or brought by it."""
    added = {"type": "digital", "id": "mail", "totals": [_total("total", 0)]}
    async with acp_shop_and_connector() as (shop, merchant):
        shop.after = lambda shown: shown.setdefault("fulfillment_options", []).append(added)
        assert [each.id for each in (await merchant.quote(WANTED, key=_key())).deliveries] == ["std", "fast"]


async def test_another_session_than_the_one_that_was_updated_is_not_gone_on_with() -> None:
    """Nor another one than the one that was read."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        other = {**shop._shown(shop.sessions[quote.session_id]), "id": "cs_other"}
        for method in ("GET", "POST"):
            shop.before = lambda request, method=method: _answer(200, other) if request.method == method else None
            with pytest.raises(MerchantAwayError):
                await merchant.quote(WANTED, key=_key(), session_id=quote.session_id)


# what is believed of a price


@pytest.mark.parametrize(
    ("totals", "total"),
    [
        ([("subtotal", 358), ("fulfillment", 500), ("total", 858)], 858),
        ([("items_base_amount", 358), ("fulfillment", 500), ("total", 858)], 858),
        ([("items_base_amount", 358), ("items_discount", 58), ("subtotal", 300), ("fulfillment", 500)], 800),
        ([("items_base_amount", 358), ("items_discount", -58), ("fulfillment", 500), ("discount", -100)], 700),
        ([("subtotal", 358), ("fulfillment", 500), ("fee", 10), ("tip", 1), ("tax", 40), ("store_credit", 9)], 900),
        ([("subtotal", 358), ("items_discount", 8), ("fulfillment", 500)], 850),
        ([("subtotal", 358), ("fulfillment", 500), ("total", 857)], None),
        ([("subtotal", 358), ("fulfillment", 500), ("total", 858), ("total", 858)], None),
        ([("subtotal", 358), ("fulfillment", 500), ("cashback", 8), ("total", 866)], None),
        ([("items_base_amount", 358), ("subtotal", 300), ("fulfillment", 500), ("total", 800)], None),
        ([("subtotal", 300), ("fulfillment", 500), ("total", 800)], None),
        ([("subtotal", 358), ("total", 358)], None),
    ],
)
async def test_only_totals_that_add_up_are_a_price(totals: list[tuple[str, int]], total: int | None) -> None:
    """Parts of every kind that the schema has; goods that are not the lines', or no price of delivery, are no price."""
    told = totals if total is None or totals[-1][0] == "total" else [*totals, ("total", total)]
    async with acp_shop_and_connector() as (shop, merchant):
        shop.after = lambda shown: shown.update(totals=[_total(*each) for each in told])
        if total is not None:
            assert (await merchant.quote(WANTED, key=_key())).total_minor == total
            return
        with pytest.raises(MerchantRefusedError):
            await merchant.quote(WANTED, key=_key())


@pytest.mark.parametrize(
    ("totals", "unit", "listed"),
    [
        ([("items_base_amount", 358), ("items_discount", 58), ("fulfillment", 500), ("total", 800)], 150, 179),
        ([("subtotal", 358), ("items_discount", 58), ("fulfillment", 500), ("total", 800)], 150, 179),
        ([("subtotal", 358), ("discount", 58), ("fulfillment", 500), ("total", 800)], 150, None),
        ([("items_base_amount", 358), ("items_discount", 0), ("fulfillment", 500), ("total", 858)], 179, None),
    ],
)
async def test_a_list_price_is_told_where_something_goes_off_the_goods(
    totals: list[tuple[str, int]], unit: int, listed: int | None
) -> None:
    """What goes off the whole session is no word about what a pack costs otherwise."""
    async with acp_shop_and_connector() as (shop, merchant):
        shop.after = lambda shown: shown.update(totals=[_total(*each) for each in totals])
        quote = await merchant.quote(WANTED, key=_key())
    assert (quote.unit_price_minor, quote.list_price_minor) == (unit, listed)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "not_ready_for_payment", "messages": [{"type": "error", "code": "out_of_stock"}]}, "out_of_stock"),
        (
            {"status": "incomplete", "messages": [{"type": "error", "code": "region_restricted"}]},
            "address_undeliverable",
        ),
        ({"status": "incomplete"}, "address_undeliverable"),
        ({"status": "pending_approval"}, "session_closed"),
        ({"status": "expired"}, "session_closed"),
        ({"capabilities": {"payment": {"handlers": [{"id": "another"}]}}}, "payment_failed"),
        ({"fulfillment_details": {"address": {"line_one": "9 Elm St"}}}, "address_undeliverable"),
        ({"fulfillment_details": None}, "address_undeliverable"),
        ({"fulfillment_options": []}, "address_undeliverable"),
        ({"line_items": [{"id": "li_0", "item": {"id": "other"}, "quantity": 2, "unit_amount": 179}]}, "terms_changed"),
        ({"line_items": [{"id": "li_0", "item": {"id": MILK}, "quantity": 3, "unit_amount": 179}]}, "terms_changed"),
        ({"line_items": [{"id": "li_0", "item": {"id": MILK}, "quantity": 2}]}, "merchant_refused"),
    ],
)
async def test_what_is_not_what_was_wanted_is_refused(change: Document, code: str) -> None:
    """Another product, quantity, address or way to pay; a session that does not become ready says why."""
    async with acp_shop_and_connector() as (shop, merchant):
        shop.after = lambda shown: shown.update(change)
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(WANTED, key=_key())
    assert refused.value.code == code


async def test_lines_of_one_pack_each_are_one_order_of_them_all() -> None:
    """A shop may keep the items apart, since they came apart."""
    async with acp_shop_and_connector() as (shop, merchant):
        shop.apart = True
        quote = await merchant.quote(WANTED, key=_key())
        assert [line["quantity"] for line in shop.sessions[quote.session_id]["line_items"]] == [1, 1]
    assert (quote.quantity, quote.unit_price_minor, quote.total_minor) == (2, 179, 858)


async def test_the_only_way_whose_price_is_in_the_total_needs_no_choice() -> None:
    """A shop that chooses for itself shows one way; nothing is selected there, and nothing is sent to select it."""
    only = [{"type": "shipping", "id": "sm_1", "title": "Standard", "totals": [_total("fulfillment", 500)]}]
    parts = [("subtotal", 358), ("fulfillment", 500), ("total", 858)]

    def chosen_by_the_shop(shown: Document) -> None:
        shown.pop("selected_fulfillment_options", None)
        shown |= {"fulfillment_options": only, "status": "ready_for_payment", "currency": "USD"}
        shown["totals"] = [_total(*each) for each in parts]

    async with acp_shop_and_connector() as (shop, merchant):
        shop.after = chosen_by_the_shop
        quote = await merchant.quote(WANTED, key=_key())
        assert (quote.total_minor, quote.currency, quote.delivery_minor) == (858, "USD", 500)
        assert all("selected_fulfillment_options" not in each.body for each in shop.kept)
        parts[1:] = [("fulfillment", 700), ("total", 1058)]
        with pytest.raises(MerchantRefusedError):
            await merchant.quote(WANTED, key=_key())


async def test_a_warning_of_a_new_price_is_no_more_than_the_new_price() -> None:
    """`price_change`: what counts are the totals that come with it, and the household's terms decide."""
    warning = {"type": "warning", "code": "price_change", "content_type": "plain", "content": "dearer"}
    async with acp_shop_and_connector() as (shop, merchant):
        shop.prices[MILK] = 200
        shop.after = lambda shown: shown.update(messages=[warning])
        assert (await merchant.quote(WANTED, key=_key())).total_minor == 900


# answers that are no session


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (500, {"type": "processing_error", "code": "internal_error", "message": "no stock"}, MerchantAwayError),
        (503, {"type": "service_unavailable", "code": "maintenance"}, MerchantAwayError),
        (429, {"code": "rate_limited"}, MerchantAwayError),
        (409, {"code": "idempotency_in_flight"}, MerchantAwayError),
        (422, {"code": "idempotency_conflict"}, MerchantRefusedError),
        (400, {"code": "unsupported_api_version", "supported_versions": ["2025-09-29"]}, MerchantAwayError),
        (401, {"code": "unauthorized"}, MerchantRefusedError),
        (200, {"id": "cs"}, MerchantAwayError),
        (302, {}, MerchantAwayError),
    ],
)
async def test_a_quote_that_is_no_session_is_a_no_or_nothing(status: int, document: Document, kind: type) -> None:
    """In flight and 5xx: later, after the pause that was asked for; a conflict: stop, and never another key."""
    async with acp_shop_and_connector() as (shop, merchant):
        shop.before = lambda _: _answer(status, document, **{"Retry-After": "7"})
        with pytest.raises(kind) as raised:
            await merchant.quote(WANTED, key=_key())
    asked = raised.value.retry_after_s
    assert asked == (7 if status in {409, 429, 500, 503, 302} else None)


@pytest.mark.parametrize(
    ("status", "document", "outcome"),
    [
        (500, {"code": "internal_error"}, Unknown(Detail.NO_ANSWER)),
        (409, {"code": "idempotency_in_flight"}, Unknown(Detail.IN_PROGRESS)),
        (409, {"code": "already_completed"}, Unknown(Detail.NO_ANSWER)),
        (409, {"code": "out_of_stock"}, Rejected(Detail.OUT_OF_STOCK)),
        (422, {"code": "idempotency_conflict"}, Unknown(Detail.NO_ANSWER)),
        (405, {"code": "conflict"}, Unknown(Detail.NO_ANSWER)),
        (400, {"code": "requires_3ds"}, Rejected(Detail.PAYMENT_FAILED)),
        (402, {"code": "payment_declined"}, Rejected(Detail.PAYMENT_FAILED)),
        (200, {"id": "cs_0"}, Unknown(Detail.NO_ANSWER)),
    ],
)
async def test_an_answer_to_an_order_is_clear_or_unknown(status: int, document: Document, outcome: object) -> None:
    """Only what must have been read and refused is a refusal; a conflict is looked up, and nothing else is tried."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        shop.before = _at("/complete", lambda: _answer(status, document))
        assert await merchant.place(quote.session_id, key=_key()) == outcome


@pytest.mark.parametrize(
    ("change", "outcome", "found"),
    [
        ({"status": "complete_in_progress"}, Unknown(Detail.IN_PROGRESS), Standing.BUSY),
        ({"status": "pending_approval"}, Unknown(Detail.IN_PROGRESS), Standing.BUSY),
        ({"status": "expired"}, Unknown(Detail.NO_ANSWER), Standing.CLOSED),
        ({"status": "completed"}, Unknown(Detail.NO_ANSWER), Standing.ORDERED),
        ({"status": "authentication_required"}, Unknown(Detail.NO_ANSWER), Open(None, "USD")),
        (
            {"status": "authentication_required", "continue_url": f"{ORIGIN}/3ds"},
            NeedsBuyer(f"{ORIGIN}/3ds"),
            NeedsBuyer(f"{ORIGIN}/3ds"),
        ),
        (
            {"status": "requires_escalation", "continue_url": f"{ORIGIN}/finish"},
            NeedsBuyer(f"{ORIGIN}/finish"),
            NeedsBuyer(f"{ORIGIN}/finish"),
        ),
        ({"status": "requires_escalation", "continue_url": "https://other.example/"}, Unknown(Detail.NO_ANSWER), None),
        ({"status": "requires_escalation"}, Unknown(Detail.NO_ANSWER), None),
        ({"status": "sold"}, Unknown(Detail.NO_ANSWER), None),
        ({"id": "cs_other"}, Unknown(Detail.NO_ANSWER), None),
        ({"status": "completed", "order": {"id": "o", "checkout_session_id": "cs_9"}}, Unknown(Detail.NO_ANSWER), None),
        ({"status": "completed", "order": {"id": "o"}, "totals": []}, Unknown(Detail.NO_ANSWER), None),
        (
            {"status": "not_ready_for_payment", "messages": [{"type": "error", "code": "payment_declined"}]},
            Rejected(Detail.PAYMENT_FAILED),
            Open(858, "USD"),
        ),
    ],
)
async def test_every_state_of_a_session_is_one_thing(change: Document, outcome: object, found: object) -> None:
    """In the answer to an order, and when it is looked up; `found` None: not told clearly, so an error."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())

        def changed() -> httpx.Response:
            shown = shop._shown(shop.sessions[quote.session_id])
            return _answer(200, {**shown, **change})

        shop.before = lambda _: changed()
        assert await merchant.place(quote.session_id, key=_key()) == outcome
        if found is not None:
            assert await merchant.get(quote.session_id) == found
            return
        with pytest.raises(MerchantUnclearError):
            await merchant.get(quote.session_id)


async def test_the_same_request_names_the_order_that_a_look_up_does_not() -> None:
    """A session that is read again need not carry its order; the first answer is given again under its key."""
    async with acp_shop_and_connector() as (shop, merchant):
        shop.names_orders = False
        quote, key = await merchant.quote(WANTED, key=_key()), _key()
        placed = await merchant.place(quote.session_id, key=key)
        assert await merchant.get(quote.session_id) is Standing.ORDERED
        assert await merchant.place(quote.session_id, key=key) == placed
        assert placed == Placed("ord_0", 858, "USD", sku=MILK, quantity=2)
        assert await merchant.events("ord_0", session_id=quote.session_id) == Followed(Progress.PREPARING)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fulfillment_details": {"address": {"line_one": "9 Other St", "postal_code": "62709"}}}, None),
        ({"line_items": [{"id": "l", "item": {"id": "eggs"}, "quantity": 2}]}, ("eggs", 2)),
        ({"line_items": [{"id": "l", "item": {"id": MILK}, "quantity": 3}]}, (MILK, 3)),
        ({"line_items": [{"id": each, "item": {"id": each}, "quantity": 1} for each in (MILK, "eggs")]}, ("", None)),
        ({"line_items": []}, (None, None)),
        ({"fulfillment_details": None}, (MILK, 2)),
    ],
)
async def test_an_order_tells_what_it_is_for_and_is_not_ours_elsewhere(change: Document, told: object) -> None:
    """Goods that go to an address of somebody else's are somebody else's order, whatever session it is told under."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        shop.after = lambda document: document.update(change)
        outcome = await merchant.place(quote.session_id, key=_key())
        if told is None:
            assert outcome == Unknown(Detail.NO_ANSWER)
            with pytest.raises(MerchantUnclearError):
                await merchant.get(quote.session_id)
        else:
            assert outcome == await merchant.get(quote.session_id)
            assert isinstance(outcome, Placed)
            assert (outcome.sku, outcome.quantity) == told


async def test_an_order_is_asked_for_by_its_session_and_is_the_one_that_was_asked_for() -> None:
    """Another order, a session that is none any more, and no session at all are no progress."""
    async with acp_shop_and_connector() as (_, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        with pytest.raises(MerchantUnclearError):
            await merchant.events("ord_0", session_id=quote.session_id)
        await merchant.place(quote.session_id, key=_key())
        assert (await merchant.events("ord_0", session_id=quote.session_id)).progress is Progress.PREPARING
        with pytest.raises(MerchantUnclearError):
            await merchant.events("ord_1", session_id=quote.session_id)
        for session_id in (None, "cs_9"):
            with pytest.raises(MerchantAwayError):
                await merchant.events("ord_0", session_id=session_id)


async def test_a_cancel_that_fails_is_tried_again_and_one_that_is_refused_is_not() -> None:
    """405: it is not open any more, and nothing is to be done."""
    async with acp_shop_and_connector() as (shop, merchant):
        quote = await merchant.quote(WANTED, key=_key())
        shop.before = _at("/cancel", lambda: _answer(500))
        with pytest.raises(MerchantAwayError):
            await merchant.cancel(quote.session_id)
        shop.before = lambda _: None
        await merchant.cancel(quote.session_id)
        await merchant.cancel(quote.session_id)
        assert await merchant.get(quote.session_id) is Standing.CLOSED


async def test_ids_from_a_merchant_stay_inside_its_address() -> None:
    """A session's id is one segment of a path, whatever stands in it."""
    async with acp_shop_and_connector() as (shop, merchant):
        seen: list[str] = []
        shop.before = lambda request: seen.append(request.url.raw_path.decode())
        assert await merchant.get("../orders?x") is Standing.MISSING
        assert await merchant.get("") is Standing.MISSING
    assert seen == ["/acp/checkout_sessions/..%2Forders%3Fx"]


async def test_a_webhook_is_read_for_what_it_names_and_no_further() -> None:
    """The order of an event stands in its data, and may be named by its session alone."""
    data = {"id": "ord_1", "checkout_session_id": "cs_1", "status": "shipped"}
    bodies = [{"type": "order_update", "data": data}, {"data": {"checkout_session_id": "cs_1"}}, {"id": "o"}, 1]
    async with acp_shop_and_connector() as (_, merchant):
        hints = [merchant.hint(json.dumps(body).encode()) for body in bodies] + [merchant.hint(b"\xff")]
    assert hints == [Hint("cs_1", "ord_1"), Hint("cs_1", None), *[Hint(None, None)] * 3]
