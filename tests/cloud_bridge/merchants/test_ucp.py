"""A UCP merchant that answers badly: nothing is believed that does not add up, and doubt stays doubt."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import (
    Followed,
    Hint,
    NeedsBuyer,
    Open,
    Outcome,
    Placed,
    Progress,
    Rejected,
    Standing,
    Unknown,
)
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.merchants.ucp import UcpMerchant
from cloud_bridge.merchants.ucp_orders import Order, followed
from cloud_bridge.merchants.ucp_profile import read_profile
from cloud_bridge.wire import DeliveryChoice
from tests.cloud_bridge.rig import MILK
from tests.cloud_bridge.sample_merchant import connector, merchant_config

SHOP = "https://shop.example"
PAYS_BY = "mock_payment_handler"
PROFILE = {"ucp": {"version": "2026-01-11", "services": {"dev.ucp.shopping": {"rest": {"endpoint": f"{SHOP}/ucp"}}}}}
ADDRESS = {"id": "home", "street_address": "1 Elm St", "postal_code": "62704", "address_country": "US"}
CHECKOUT: dict[str, Any] = {
    "id": "s-1",
    "status": "ready_for_complete",
    "currency": "USD",
    "line_items": [{"id": "l-1", "item": {"id": MILK, "title": "Milk", "price": 179}, "quantity": 2}],
    "totals": [
        {"type": "subtotal", "amount": 358},
        {"type": "fulfillment", "amount": 500},
        {"type": "total", "amount": 858},
    ],
    "fulfillment": {
        "methods": [
            {
                "id": "m-1",
                "line_item_ids": ["l-1"],
                "destinations": [ADDRESS],
                "selected_destination_id": "home",
                "groups": [
                    {
                        "id": "g-1",
                        "selected_option_id": "std",
                        "options": [
                            {"id": "fast", "totals": [{"type": "total", "amount": 1500}]},
                            {"id": "std", "totals": [{"type": "total", "amount": 500}]},
                        ],
                    }
                ],
            }
        ]
    },
}


class Script(MerchantHttp):
    """Answers from a function instead of a socket, and keeps what was asked."""

    def __init__(self, reply: Callable[[str, str], Answer]) -> None:
        super().__init__(SHOP, deadline_s=1)
        self._reply = reply
        self.asked: list[tuple[str, str, Any]] = []

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """The scripted answer."""
        assert path == "/.well-known/ucp" or headers["Idempotency-Key"]
        if path == "/.well-known/ucp":
            return answer(PROFILE)
        self.asked.append((method, path, json.loads(body) if body else None))
        return self._reply(method, path)


def answer(document: object, status: int = 200) -> Answer:
    """A document as an answer."""
    return Answer(status, json.dumps(document).encode())


def changed(*path: str | int, to: object) -> dict[str, Any]:
    """The good session with one value changed."""
    root = copy.deepcopy(CHECKOUT)
    at: Any = root
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return root


def merchant(reply: Callable[[str, str], Answer]) -> tuple[UcpMerchant, Script]:
    """A connector over a script."""
    script = Script(reply)
    ids = iter(map(str, range(1_000)))
    return connector(merchant_config(SHOP), http=script, token="token", new_key=ids.__next__), script


async def quoted(document: dict[str, Any]) -> Quote:
    """What a quote makes of a session that looks like this."""
    shop, _ = merchant(lambda *_: answer(document))
    return await shop.quote(Wanted(MILK, 2, "home"), key="k")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (changed("totals", 2, "amount", to=857), Detail.MERCHANT_REFUSED),
        (changed("totals", 1, "amount", to=0), Detail.MERCHANT_REFUSED),
        (changed("totals", 0, "type", to="surprise"), Detail.MERCHANT_REFUSED),
        (changed("line_items", 0, "item", "price", to=178), Detail.MERCHANT_REFUSED),
        (changed("line_items", 0, "item", "id", to="milk-skimmed"), Detail.TERMS_CHANGED),
        (changed("line_items", 0, "quantity", to=1), Detail.TERMS_CHANGED),
        (changed("line_items", to=CHECKOUT["line_items"] * 2), Detail.MERCHANT_REFUSED),
        (
            changed("totals", to=[{"type": "subtotal", "amount": 358}, {"type": "total", "amount": 358}]),
            "address_undeliverable",
        ),
        (
            changed("fulfillment", "methods", 0, "destinations", 0, "street_address", to="9 Other St"),
            "address_undeliverable",
        ),
        (changed("line_items", 0, "item", "price", to=None), Detail.MERCHANT_REFUSED),
        (changed("line_items", 0, "item", "quantity_unit", to={"unit": "LTR"}), Detail.TERMS_CHANGED),
        (changed("line_items", 0, "item", "quantity_unit", to={"unit": "C62", "scale": 2}), Detail.TERMS_CHANGED),
        (changed("line_items", 0, "item", "quantity_unit", to={"unit": "C62", "increment": 6}), Detail.TERMS_CHANGED),
        (changed("ucp", to={"payment_handlers": {"a.b": [{"id": "other_handler"}]}}), Detail.PAYMENT_FAILED),
        (
            changed(
                "ucp",
                to={"payment_handlers": {"a.b": [{"id": PAYS_BY, "available_instruments": [{"type": "wallet"}]}]}},
            ),
            Detail.PAYMENT_FAILED,
        ),
        ({"ucp": {"status": "error"}, "messages": [{"type": "error", "code": "out_of_stock"}]}, Detail.OUT_OF_STOCK),
        ({"ucp": {"status": "error"}, "continue_url": f"{SHOP}/"}, Detail.MERCHANT_REFUSED),
        (changed("status", to="canceled"), Detail.SESSION_CLOSED),
        (changed("status", to="incomplete"), Detail.ADDRESS_UNDELIVERABLE),
    ],
)
async def test_a_session_that_does_not_add_up_is_no_quote(document: dict[str, Any], code: str) -> None:
    """Wrong sums, another product, quantity or unit, no delivery, another address or way to pay, no session."""
    with pytest.raises(MerchantRefusedError) as refused:
        await quoted(document)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "addition",
    [
        {"line_items": changed("line_items", 0, "item", "quantity_unit", to={"unit": "C62", "scale": 0})["line_items"]},
        {"ucp": {"payment_handlers": None}},
        {"ucp": {"payment_handlers": {"a.b": [{"id": PAYS_BY, "available_instruments": [{"type": "card"}]}]}}},
        {"ucp": {"status": "success"}},
        {"future": {"a": 1}},
    ],
)
async def test_what_later_versions_add_to_a_session_changes_nothing(addition: dict[str, Any]) -> None:
    """A piece that is called a piece (CHK-061), our own way to pay, and what we do not know."""
    quote = await quoted({**CHECKOUT, **addition})
    assert quote.total_minor == 858


async def test_a_pause_that_the_merchant_asks_for_is_handed_on() -> None:
    """By a quote, a look-up and a cancel alike; within bounds."""
    busy = Answer(503, b"{}", {"retry-after": "1000000000"})
    shop, _ = merchant(lambda *_: busy)
    for asked in (shop.quote(Wanted(MILK, 2, "home"), key="k"), shop.get("s-1"), shop.cancel("s-1"), shop.events("o")):
        with pytest.raises(MerchantAwayError) as caught:
            await asked
        assert caught.value.retry_after_s == 3_600


async def test_an_id_of_the_merchants_stays_one_part_of_a_path() -> None:
    """Whatever a merchant calls its sessions and orders, we ask for nothing else."""
    shop, script = merchant(lambda *_: answer({}, 404))
    await shop.get("../orders/1?a=b#c")
    with pytest.raises(MerchantAwayError):
        await shop.events("x/../y")
    assert [path for _, path, _ in script.asked] == [
        "/ucp/checkout-sessions/..%2Forders%2F1%3Fa%3Db%23c",
        "/ucp/orders/x%2F..%2Fy",
    ]


@pytest.mark.parametrize(
    ("told", "is_ours"),
    [({}, True), ({"checkout_id": "s-1"}, True), ({"checkout_id": "s-2"}, False), ({"id": "o-2"}, False)],
)
async def test_an_order_is_of_the_session_that_it_came_of(told: dict[str, str], is_ours: bool) -> None:
    """One that says that it is of another session is somebody else's, whatever its number."""
    shop, _ = merchant(lambda *_: answer({"id": "o-1", "line_items": [], **told}))
    asked = shop.events("o-1", session_id="s-1")
    if is_ours:
        assert (await asked).progress is Progress.PREPARING
    else:
        with pytest.raises(MerchantUnclearError):
            await asked


async def test_another_session_than_the_one_asked_for_is_not_gone_on_with() -> None:
    """An answer to a read or an update that is about another session may be another household's."""
    shop, _ = merchant(lambda *_: answer({**CHECKOUT, "id": "s-2"}))
    with pytest.raises(MerchantAwayError):
        await shop.quote(Wanted(MILK, 2, "home"), key="k", session_id="s-1")
    shop, _ = merchant(lambda method, _: answer({**CHECKOUT, "id": "s-2" if method == "PUT" else "s-1"}))
    with pytest.raises(MerchantAwayError):
        await shop.quote(Wanted(MILK, 2, "home"), key="k")


@pytest.mark.parametrize(
    "reply", [Answer(200, b"<html>sign in</html>"), Answer(200, b'{"id": 1}'), Answer(500, b""), Answer(302, b"")]
)
async def test_an_answer_that_is_no_session_is_a_merchant_that_is_away(reply: Answer) -> None:
    """A captive portal, garbage, a failure or a redirect to a quote orders nothing, so it is tried again."""
    shop, _ = merchant(lambda *_: reply)
    with pytest.raises(MerchantAwayError):
        await shop.quote(Wanted(MILK, 2, "home"), key="k")


async def test_the_cheapest_way_of_delivery_is_chosen_at_our_address() -> None:
    """The update names the session's own ids and sends no address again."""
    shop, script = merchant(lambda *_: answer(CHECKOUT))
    await shop.quote(Wanted(MILK, 2, "home"), key="k")
    (_, _, created), (method, _, updated) = script.asked
    assert created["fulfillment"]["methods"][0]["destinations"][0]["street_address"] == "1 Elm St"
    (selected,) = updated["fulfillment"]["methods"]
    assert (method, selected["groups"]) == ("PUT", [{"id": "g-1", "selected_option_id": "std"}])
    assert "destinations" not in selected


STORE = {
    "id": "m-2",
    "type": "pickup",
    "line_item_ids": [],
    "destinations": [{"id": "store-7", "name": "Uptown Store"}],
    "selected_destination_id": "store-7",
    "groups": [
        {
            "id": "g-2",
            "options": [
                {
                    "id": "curb",
                    "title": "Curbside pick-up",
                    "earliest_fulfillment_time": "2026-03-04T23:30:00-06:00",
                    "latest_fulfillment_time": "2026-03-05T08:00:00-06:00",
                    "totals": [{"type": "total", "amount": 0}],
                }
            ],
        }
    ],
}
CURB = DeliveryChoice(id="store-7/curb", kind="pick_up_point")


def _with_store(*, fetched: bool) -> dict[str, Any]:
    """A session whose goods are shipped, or fetched at the store."""
    (door,) = copy.deepcopy(CHECKOUT)["fulfillment"]["methods"]
    store = copy.deepcopy(STORE)
    chosen, other = (store, door) if fetched else (door, store)
    chosen["groups"][0]["selected_option_id"] = "curb" if fetched else "std"
    other["groups"][0]["selected_option_id"] = None
    session = changed("fulfillment", "methods", to=[{**door, "type": "shipping"}, store])
    amounts = {"subtotal": 358, "fulfillment": 0 if fetched else 500, "total": 358 if fetched else 858}
    return {**session, "totals": [{"type": kind, "amount": amount} for kind, amount in amounts.items()]}


async def test_ways_are_told_by_method_with_the_days_promised_and_where_goods_are_fetched() -> None:
    """A kind comes from the method's type alone; a pick-up is named by its place, too, and never chosen unasked."""
    quote = await quoted(_with_store(fetched=False))
    curb, std, fast = quote.deliveries
    assert quote.delivery == std.choice == DeliveryChoice(id="std", kind="standard")
    assert (curb.choice, curb.place, curb.title, curb.price_minor) == (CURB, "Uptown Store", "Curbside pick-up", 0)
    assert (curb.earliest_on, curb.latest_on) == (date(2026, 3, 4), date(2026, 3, 5))
    assert (fast.title, fast.earliest_on, fast.place) == (None, None, None)


async def test_goods_are_fetched_where_that_was_agreed_to() -> None:
    """The update names the store's method alone, with all goods; nothing is shipped beside it."""
    updates = 0

    def reply(method: str, _path: str) -> Answer:
        nonlocal updates
        updates += method == "PUT"
        return answer(_with_store(fetched=updates > 0))

    shop, script = merchant(reply)
    quote = await shop.quote(Wanted(MILK, 2, "home", CURB), key="k")
    ((selected,),) = [body["fulfillment"]["methods"] for method, _, body in script.asked if method == "PUT"]
    assert (quote.delivery, quote.total_minor, quote.delivery_minor) == (CURB, 358, 0)
    assert selected == {
        "id": "m-2",
        "type": "pickup",
        "line_item_ids": ["l-1"],
        "selected_destination_id": "store-7",
        "groups": [{"id": "g-2", "selected_option_id": "curb"}],
    }


@pytest.mark.parametrize(
    "wanted",
    [CURB, DeliveryChoice(id="std", kind="standard"), DeliveryChoice(id="gone"), DeliveryChoice(id="fast")],
)
async def test_a_session_that_stays_with_another_way_is_refused(wanted: DeliveryChoice) -> None:
    """Whatever the merchant selects by itself: here it keeps shipping by `std`, of a kind that it does not tell."""
    shop, _ = merchant(lambda *_: answer(CHECKOUT))
    with pytest.raises(MerchantRefusedError) as refused:
        await shop.quote(Wanted(MILK, 2, "home", wanted), key="k")
    assert refused.value.code == Detail.TERMS_CHANGED


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("groups", 0, "options", 0, "title"), 7),
        (("groups", 0, "options", 0, "title"), "\x00"),
        (("groups", 0, "options", 0, "earliest_fulfillment_time"), "tomorrow"),
        (("groups", 0, "options", 0, "earliest_fulfillment_time"), "2027-01-01"),
        (("destinations", 0, "name"), ["Uptown"]),
    ],
)
async def test_what_cannot_be_read_of_a_way_is_not_said(path: tuple[str | int, ...], to: object) -> None:
    """Words and days are for people: nothing is agreed to by them."""
    session = _with_store(fetched=False)
    at: Any = session["fulfillment"]["methods"][1]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    curb = (await quoted(session)).deliveries[0]
    assert curb.choice == CURB
    assert None in {curb.title, curb.earliest_on, curb.place}


@pytest.mark.parametrize("option_id", ["a b", "\u00fc", "x" * 200, "std"])
async def test_a_way_that_cannot_be_named_is_not_offered(option_id: str) -> None:
    """Nobody could sign for it, or say which of two is meant."""
    odd = changed("fulfillment", "methods", 0, "groups", 0, "options", 0, "id", to=option_id)
    quote = await quoted(odd)
    assert [each.id for each in quote.deliveries] == ([] if option_id == "std" else ["std"])


async def test_goods_that_travel_apart_have_no_way_to_choose() -> None:
    """They come as the merchant splits them, each part the cheapest way, as before."""
    (method,) = copy.deepcopy(CHECKOUT)["fulfillment"]["methods"]
    second = {**copy.deepcopy(method["groups"][0]), "id": "g-2"}
    quote = await quoted(changed("fulfillment", "methods", to=[{**method, "groups": [*method["groups"], second]}]))
    assert (quote.delivery, quote.deliveries) == (None, ())


async def test_an_address_may_be_a_member_of_the_session() -> None:
    """Then no goods are named again, since such a shop adds what it is told, and its country may be in lower case."""
    lower = changed("fulfillment", "methods", 0, "destinations", 0, "address_country", to="us")
    script = Script(lambda *_: answer(lower))
    config = merchant_config(SHOP, address_in="shipping_address", token_in="authorization")
    shop = connector(config, http=script, token="token")
    quote = await shop.quote(Wanted(MILK, 2, "home"), key="k")
    await shop.place(quote.session_id, key="k")
    (_, _, opened), (_, _, updated), (_, _, completed) = script.asked
    address = config.destinations["home"].model_dump()
    assert (opened["shipping_address"], updated["shipping_address"]) == (address, address)
    assert "fulfillment" not in opened
    assert set(updated) == {"shipping_address", "fulfillment", "buyer"}
    assert completed["payment_data"]["credential"] == {"type": "token", "authorization": "token"}


@pytest.mark.parametrize("status", [400, 409])
async def test_the_reason_of_a_refusal_may_stand_in_its_messages(status: int) -> None:
    """As later versions write an error, whatever its HTTP status."""
    shop, _ = merchant(lambda *_: answer(failure("out_of_stock"), status))
    with pytest.raises(MerchantRefusedError) as refused:
        await shop.quote(Wanted(MILK, 2, "home"), key="k")
    assert refused.value.code == Detail.OUT_OF_STOCK
    assert await shop.place("s-1", key="k") == Rejected(Detail.OUT_OF_STOCK)


def dear(kind: str) -> dict[str, object]:
    """A part of a sum that is above what can be told."""
    return {"type": kind, "amount": 10**12 + 1}


@pytest.mark.parametrize(
    ("off", "delivery_minor", "unit", "rest"),
    [(100, 0, 129, 0), (101, 0, 128, 1), (400, 500, 0, 458), (358, 500, 0, 500), (0, 500, 179, 500)],
)
async def test_a_discount_goes_off_the_goods(off: int, delivery_minor: int, unit: int, rest: int) -> None:
    """Delivery never gets below zero, and the parts still make the total."""
    amounts = {"subtotal": 358, "discount": off, "fulfillment": delivery_minor, "total": 358 - off + delivery_minor}
    document = changed("totals", to=[{"type": kind, "amount": amount} for kind, amount in amounts.items()])
    shop, _ = merchant(lambda *_: answer(document))
    quote = await shop.quote(Wanted(MILK, 2, "home"), key="k")
    assert (quote.unit_price_minor, quote.delivery_minor) == (unit, rest)
    assert quote.unit_price_minor * 2 + quote.delivery_minor == quote.total_minor


@pytest.mark.parametrize(("kind", "listed"), [("items_discount", 179), ("discount", None), ("fee", None)])
async def test_a_list_price_is_told_where_something_goes_off_the_goods(kind: str, listed: int | None) -> None:
    """A code that goes off the whole session, or a fee, says nothing of what a pack costs otherwise."""
    amounts = {"subtotal": 358, kind: 58, "fulfillment": 500, "total": 858 + (58 if kind == "fee" else -58)}
    document = changed("totals", to=[{"type": name, "amount": amount} for name, amount in amounts.items()])
    assert (await quoted(document)).list_price_minor == listed


DONE = {**CHECKOUT, "status": "completed", "order": {"id": "o-1"}}
EGGS = "eggs"
BOUGHT = {"status": "completed", "order": {"id": "o-1"}}
_METHOD = ("fulfillment", "methods", 0, "destinations", 0)
ELSEWHERE = changed(*_METHOD, "street_address", to="9 Other St") | BOUGHT
HANDOFF = {**CHECKOUT, "status": "requires_escalation", "continue_url": f"{SHOP}/finish/1"}


UNCLEAR = Unknown(Detail.NO_ANSWER)


def failure(code: str, severity: str = "unrecoverable", **more: object) -> dict[str, object]:
    """An error with HTTP status 200 (CHK-053)."""
    message = {"type": "error", "code": code, "severity": severity}
    return {"ucp": {"status": "error"}, "messages": [message], **more}


def made_of(amount: float) -> list[dict[str, Any]]:
    """Totals that add up, whatever they are made of."""
    return [{"type": kind, "amount": amount} for kind in ("subtotal", "total")]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(DONE), Placed("o-1", 858, "USD", sku=MILK, quantity=2)),
        (answer(changed("line_items", 0, "item", "id", to="eggs") | BOUGHT), Placed("o-1", 858, "USD", None, EGGS, 2)),
        (answer(changed("line_items", 0, "quantity", to=3) | BOUGHT), Placed("o-1", 858, "USD", None, MILK, 3)),
        (answer(changed("line_items", to=[]) | BOUGHT), Placed("o-1", 858, "USD")),
        (answer(ELSEWHERE), Unknown(Detail.NO_ANSWER)),
        (answer(HANDOFF), NeedsBuyer(f"{SHOP}/finish/1")),
        (answer({"id": "s-1", "status": "requires_escalation", "continue_url": f"{SHOP}/f"}), NeedsBuyer(f"{SHOP}/f")),
        (answer(failure("out_of_stock")), Rejected(Detail.OUT_OF_STOCK)),
        (answer(failure("payment_failed", continue_url=f"{SHOP}/")), Rejected(Detail.PAYMENT_FAILED)),
        (answer(failure("bank", "requires_buyer_review", continue_url=f"{SHOP}/f")), NeedsBuyer(f"{SHOP}/f")),
        (answer(failure("bank", "requires_buyer_review", continue_url="https://evil.example")), UNCLEAR),
        (answer(failure("bank", "requires_buyer_review")), UNCLEAR),
        (answer({"ucp": {"status": "error"}}), UNCLEAR),
        (answer({**CHECKOUT, "messages": [{"type": "warning", "code": "quantity_adjusted"}]}), UNCLEAR),
        (answer({**HANDOFF, "continue_url": "https://evil.example/finish"}), Unknown(Detail.NO_ANSWER)),
        (answer({**HANDOFF, "continue_url": "http://shop.example/finish"}), Unknown(Detail.NO_ANSWER)),
        (answer({**DONE, "order": None}), Unknown(Detail.NO_ANSWER)),
        (answer({**DONE, "id": "s-2"}), Unknown(Detail.NO_ANSWER)),
        (answer({**CHECKOUT, "status": "complete_in_progress"}), Unknown(Detail.IN_PROGRESS)),
        (answer({**CHECKOUT, "messages": [{"type": "error", "code": "out_of_stock"}]}), Rejected(Detail.OUT_OF_STOCK)),
        (answer(CHECKOUT), Unknown(Detail.NO_ANSWER)),
        (answer({"code": "INSUFFICIENT_FUNDS"}, 402), Rejected(Detail.PAYMENT_FAILED)),
        (answer({"code": "FRAUD_DETECTED"}, 403), Rejected(Detail.PAYMENT_FAILED)),
        (answer({"code": "OUT_OF_STOCK"}, 409), Rejected(Detail.OUT_OF_STOCK)),
        (answer({"code": "OUT_OF_STOCK"}, 500), Unknown(Detail.NO_ANSWER)),
        (answer({"code": "IDEMPOTENCY_CONFLICT"}, 409), Unknown(Detail.NO_ANSWER)),
        (answer({"code": "CHECKOUT_NOT_MODIFIABLE"}, 409), Unknown(Detail.NO_ANSWER)),
        (answer({}, 422), Unknown(Detail.NO_ANSWER)),
        (answer({}, 404), Unknown(Detail.NO_ANSWER)),
        (answer({}, 429), Unknown(Detail.NO_ANSWER)),
        (answer({}, 500), Unknown(Detail.NO_ANSWER)),
        (answer({}, 307), Unknown(Detail.NO_ANSWER)),
        (Answer(200, b"\x00garbage"), Unknown(Detail.NO_ANSWER)),
        (Answer(202, b""), Unknown(Detail.NO_ANSWER)),
        (answer({**DONE, "order": {"id": "o-\x00"}}), Unknown(Detail.NO_ANSWER)),
        (answer({**DONE, "order": {"id": "o" * 256}}), Unknown(Detail.NO_ANSWER)),
        *((answer({**DONE, "totals": made_of(n)}), Unknown(Detail.NO_ANSWER)) for n in (10**13, 2**63, 10**400, -1)),
        *((answer({**DONE, "totals": made_of(n)}), Unknown(Detail.NO_ANSWER)) for n in (1.5, math.nan, math.inf)),
        (Answer(200, b'{"id":"s-1","x":' + b"[" * 9_000), Unknown(Detail.NO_ANSWER)),
        (Answer(200, b'{"id":"s-1","x":' + b"9" * 9_000 + b"}"), Unknown(Detail.NO_ANSWER)),
    ],
)
async def test_only_a_clear_answer_ends_the_doubt(reply: Answer, outcome: Outcome) -> None:
    """Placed, handed over and refused are said by the merchant; everything else is unknown."""
    shop, _ = merchant(lambda *_: reply)
    assert await shop.place("s-1", key="k") == outcome


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (answer(CHECKOUT), Open(858, "USD")),
        (answer({**CHECKOUT, "totals": []}), Open(None, "USD")),
        (answer({**CHECKOUT, "status": "canceled"}), Standing.CLOSED),
        (answer({**CHECKOUT, "status": "complete_in_progress"}), Standing.BUSY),
        (answer({}, 404), Standing.MISSING),
    ],
)
async def test_a_look_up_tells_where_a_session_stands(reply: Answer, found: Open | Standing) -> None:
    """Each standing leads to another step (`core.recovery`)."""
    shop, _ = merchant(lambda *_: reply)
    assert await shop.get("s-1") == found


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer({**DONE, "id": "s-2"}), MerchantUnclearError),
        (answer(ELSEWHERE), MerchantUnclearError),
        (answer({**DONE, "totals": []}), MerchantUnclearError),
        (answer({**DONE, "order": {"id": "o-\x00"}}), MerchantUnclearError),
        (answer({**DONE, "currency": "usd"}), MerchantUnclearError),
        (answer({**DONE, "totals": [dear("subtotal"), dear("total")]}), MerchantUnclearError),
        (answer({}, 503), MerchantAwayError),
        (answer({"id": "s-1"}), MerchantUnclearError),
    ],
)
async def test_a_look_up_that_lies_is_not_believed(reply: Answer, error: type[Exception]) -> None:
    """Another session's order is not ours."""
    shop, _ = merchant(lambda *_: reply)
    with pytest.raises(error):
        await shop.get("s-1")


@pytest.mark.parametrize(
    ("quantities", "events", "progress"),
    [
        ([(2, 0)], [], Progress.PREPARING),
        ([(2, 0)], [{"type": "processing"}], Progress.PREPARING),
        ([(2, 0)], [{"type": "shipped"}], Progress.SHIPPED),
        ([(2, 0)], [{"type": "delivered"}, {"type": "shipped"}], Progress.DELIVERED),
        ([(2, 0)], [{"type": "delivered", "line_items": [{"id": "l", "quantity": 1}]}], Progress.PARTLY_DELIVERED),
        ([(2, 0)], [{"type": "delivered", "line_items": [{"id": "l", "quantity": 2}]}], Progress.DELIVERED),
        ([(2, 2)], [], Progress.DELIVERED),
        ([(2, 1), (1, 0)], [], Progress.PARTLY_DELIVERED),
        ([(0, 0)], [{"type": "shipped"}], Progress.CANCELLED),
    ],
)
def test_progress_is_read_from_lines_and_events(
    quantities: list[tuple[int, int]], events: list[dict[str, object]], progress: Progress
) -> None:
    """The order of events does not matter, and an unknown kind of event changes nothing."""
    lines = [{"id": "l", "quantity": {"total": total, "fulfilled": done}} for total, done in quantities]
    order = {"id": "o-1", "line_items": lines, "fulfillment": {"events": events}}
    assert read(order).progress is progress


def read(order: dict[str, Any]) -> Followed:
    """What a merchant at `SHOP` tells with this order."""
    return followed(Order.model_validate_json(json.dumps(order)), origin=SHOP)


SHOP = "https://shop.example"
TWO_OUT = [{"id": "l", "item": {"id": "milk"}, "quantity": {"original": 2, "total": 2, "fulfilled": 2}}]


def adjusted(*adjustments: dict[str, Any], lines: list[dict[str, Any]] = TWO_OUT) -> Followed:
    """An order of two that came, with what went back since."""
    return read({"id": "o-1", "line_items": lines, "adjustments": list(adjustments)})


def refund(ident: str, *, status: str = "completed", **told: object) -> dict[str, Any]:
    """Money that goes back."""
    return {"id": ident, "type": "refund", "status": status, **told}


def returned(ident: str, quantity: int, *, status: str = "completed", **told: object) -> dict[str, Any]:
    """Goods that go back."""
    lines = [{"id": "l", "quantity": quantity}]
    return {"id": ident, "type": "return", "status": status, "line_items": lines, **told}


@pytest.mark.parametrize(
    ("adjustments", "refunded_minor", "count"),
    [
        ([], None, None),
        ([refund("a", amount=300)], 300, None),
        ([refund("a", totals=[{"type": "tax", "amount": -20}, {"type": "total", "amount": -300}])], 300, None),
        ([refund("a", amount=300, status="pending")], None, None),
        ([refund("a", amount=300, status="failed")], None, None),
        ([refund("a", amount=300), refund("b", amount=200)], 500, None),
        ([refund("a", amount=300, status="pending"), refund("a", amount=250)], 250, None),
        ([refund("a", amount=300), refund("a", amount=300, status="failed")], None, None),
        ([refund("a", totals=[{"type": "total", "amount": 300}])], 0, None),
        ([{"id": "a", "type": "exchange", "status": "completed", "amount": 100}], None, None),
        ([returned("a", -1, amount=-179), refund("b", amount=-179)], 179, 1),
        ([returned("a", 1, amount=179)], 179, 1),
        ([returned("a", -1, status="pending")], None, None),
    ],
)
def test_what_went_back_is_read_from_completed_adjustments(
    adjustments: list[dict[str, Any]], refunded_minor: int | None, count: int | None
) -> None:
    """Each id once, as it was told last; a return and its refund are one sum; what is pending is no money yet."""
    told = adjusted(*adjustments)
    assert (told.refunded_minor, told.returned, told.delivered) == (refunded_minor, count, 2)


@pytest.mark.parametrize(
    ("line", "ordered", "delivered", "progress"),
    [
        ({"quantity": {"original": 2, "total": 1, "fulfilled": 1}}, 1, 1, Progress.DELIVERED),
        ({"quantity": {"total": 2, "fulfilled": 0}}, 2, 0, Progress.PREPARING),
        ({"quantity": 2}, 2, None, Progress.PREPARING),
        ({"quantity": {"original": 2, "total": 0, "fulfilled": 2}}, 0, 2, Progress.CANCELLED),
    ],
)
def test_quantities_are_counted_as_they_are_told(
    line: dict[str, Any], ordered: int, delivered: int | None, progress: Progress
) -> None:
    """A line that was cut is for less; a plain number says nothing of what came."""
    told = read({"id": "o-1", "line_items": [{"id": "l", **line}]})
    assert (told.ordered, told.delivered, told.progress) == (ordered, delivered, progress)


def test_an_order_whose_goods_all_went_back_was_returned_and_not_cancelled() -> None:
    """A merchant takes returned goods off the line: what is left of it is the same as after a cancellation."""
    emptied = [{"id": "l", "quantity": {"original": 2, "total": 0, "fulfilled": 2}}]
    assert adjusted(returned("a", -2), lines=emptied).progress is Progress.RETURNED


@pytest.mark.parametrize(
    ("fulfillable_on", "day"),
    [
        (["2026-03-09T10:00:00Z"], date(2026, 3, 9)),
        (["2026-03-09", "2026-03-12T00:00:00+01:00"], date(2026, 3, 12)),
        (["now"], None),
        ([None], None),
    ],
)
def test_the_day_promised_is_the_latest_of_the_expectations(fulfillable_on: list[str | None], day: date | None) -> None:
    """A word is no day."""
    expectations = [{"id": "e", "fulfillable_on": each} for each in fulfillable_on]
    told = read({"id": "o-1", "line_items": TWO_OUT, "fulfillment": {"expectations": expectations}})
    assert told.expected_on == day


@pytest.mark.parametrize(
    ("permalink", "tracking", "url"),
    [
        (f"{SHOP}/orders/1", None, f"{SHOP}/orders/1"),
        (f"{SHOP}/orders/1", f"{SHOP}/track/1", f"{SHOP}/track/1"),
        (f"{SHOP}/orders/1", "https://carrier.example/1", "https://carrier.example/1"),
        (f"{SHOP}/orders/1", "http://carrier.example/1", f"{SHOP}/orders/1"),
        ("http://shop.example/orders/1", None, None),
        ("javascript:alert(1)", None, None),
    ],
)
def test_the_parcels_own_page_is_a_better_place_to_look(permalink: str, tracking: str | None, url: str | None) -> None:
    """Where it is one that a person may be shown; else the order's."""
    events = [{"type": "shipped", "tracking_url": tracking}]
    order = {"id": "o-1", "line_items": TWO_OUT, "fulfillment": {"events": events}, "permalink_url": permalink}
    assert read(order).tracking_url == url


def test_a_line_that_took_the_place_of_an_emptied_one_is_a_substitute() -> None:
    """All lines stay on the order (ORD-002), so what was sent instead stands beside what it stands for."""
    lines = [
        {"id": "l", "item": {"id": "milk"}, "quantity": {"original": 2, "total": 0}},
        {"id": "m", "item": {"id": "milk-organic"}, "quantity": {"original": 0, "total": 2}},
    ]
    assert read({"id": "o-1", "line_items": lines}).substitute_sku == "milk-organic"
    assert read({"id": "o-1", "line_items": TWO_OUT}).substitute_sku is None


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b'{"event_type":"order_placed","checkout_id":"s-1","order":{"id":"o-1"}}', Hint("s-1", "o-1")),
        (b'{"id":"o-1","checkout_id":"s-1"}', Hint("s-1", "o-1")),
        (b'{"checkout_id":"s-1","order":null}', Hint("s-1", None)),
        (b'{"id":"o-\\u0000"}', Hint(None, None)),
        (b"[]", Hint(None, None)),
        (b"\xff", Hint(None, None)),
    ],
)
def test_a_webhook_is_read_for_ids_only(body: bytes, hint: Hint) -> None:
    """Both shapes of order events; anything else points nowhere."""
    assert merchant(lambda *_: answer({}))[0].hint(body) == hint


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"ucp": {**PROFILE["ucp"], "version": "2031-01-01"}},
        {
            "ucp": {
                "version": "2026-01-11",
                "services": {"dev.ucp.shopping": {"rest": {"endpoint": "https://evil.example"}}},
            }
        },
        {"ucp": {"version": "2026-01-11", "services": {}}},
    ],
)
def test_a_profile_that_leads_astray_is_not_followed(document: dict[str, Any]) -> None:
    """Unreadable, a version that we do not speak, or an endpoint elsewhere: the merchant counts as away."""
    with pytest.raises(MerchantAwayError):
        read_profile(json.dumps(document).encode(), origin=SHOP)
