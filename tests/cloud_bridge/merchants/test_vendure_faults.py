"""A Vendure shop's real answers, changed on their way: nothing is believed that does not add up, doubt stays doubt."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open, Placed, Standing, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.http import BODY_BYTES_MAX
from cloud_bridge.merchants.vendure_baskets import Baskets
from tests.cloud_bridge.rig import MILK
from tests.cloud_bridge.sample_merchant import AGENT_KEY
from tests.cloud_bridge.vendure_shop import VendureShop, Wire, connect, over

pytestmark = pytest.mark.merchant
TWO = Wanted(MILK, 2, "home")
Change = Callable[[httpx.Response], httpx.Response]


def edited(edit: Callable[[dict[str, Any]], object]) -> Change:
    """Change the answer's document."""

    def change(answer: httpx.Response) -> httpx.Response:
        document = answer.json()
        edit(document)
        headers = {"vendure-auth-token": token} if (token := answer.headers.get("vendure-auth-token")) else {}
        return httpx.Response(answer.status_code, headers=headers, content=json.dumps(document))

    return change


def swapped(old: str, new: str) -> Change:
    """Write one thing for another, wherever it stands in the answer."""

    def change(answer: httpx.Response) -> httpx.Response:
        assert old in answer.text
        headers = {"vendure-auth-token": token} if (token := answer.headers.get("vendure-auth-token")) else {}
        return httpx.Response(answer.status_code, headers=headers, content=answer.text.replace(old, new))

    return change


def instead(status: int, content: bytes = b"", **headers: str) -> Change:
    """Another answer altogether."""
    return lambda _: httpx.Response(status, headers=headers, content=content)


class _Endless(httpx.AsyncByteStream):
    """A gigabyte, a piece at a time; it counts what was read of it."""

    read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(16_384):
            type(self).read += 65_536
            yield b" " * 65_536


def endless(_answer: httpx.Response) -> httpx.Response:
    """An answer that does not end."""
    return httpx.Response(200, stream=_Endless())


def at(operation: str, change: Change) -> Callable[[str, httpx.Response], httpx.Response]:
    """Make one change to every answer to one operation."""
    return lambda asked, answer: change(answer) if asked == operation else answer


def _fail(document: dict[str, Any]) -> None:
    document["errors"] = [{"message": "error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]


UNREADABLE = {
    "a field was renamed": swapped('"totalWithTax"', '"totalPrice"'),
    "an amount is a fraction": swapped('"totalWithTax":858', '"totalWithTax":858.5'),
    "an amount is no number": swapped('"totalWithTax":858', '"totalWithTax":"858"'),
    "a result has no name": swapped('"__typename":"Order"', '"__typename":"Surprise"'),
    "errors beside the data": edited(_fail),
    "no data": instead(200, b'{"data":null}'),
    "a page to sign in": instead(200, b"<html>"),
    "a redirect": instead(302, location="https://elsewhere.example/"),
    "a failure": instead(502),
    "a gigabyte": endless,
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_answer_that_cannot_be_read_is_no_quote(vendure: VendureShop, change: Change) -> None:
    """Nothing can come of a price that was not told, so it is asked for again later."""
    _Endless.read = 0
    async with connect(vendure, http=over(vendure, Wire(at("ShipBy", change)))) as merchant:
        with pytest.raises(MerchantAwayError):
            await merchant.quote(TWO, key=str(uuid4()))
    assert _Endless.read <= BODY_BYTES_MAX + 65_536


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (swapped('"totalWithTax":858', '"totalWithTax":857'), Detail.MERCHANT_REFUSED),
        (swapped('"subTotalWithTax":358', '"subTotalWithTax":357'), Detail.MERCHANT_REFUSED),
        (swapped(MILK, "milk-skimmed-1l"), Detail.TERMS_CHANGED),
        (swapped('"quantity":2', '"quantity":1'), Detail.TERMS_CHANGED),
        (swapped("1 Elm St", "9 Other St"), Detail.TERMS_CHANGED),
    ],
)
async def test_a_basket_that_does_not_add_up_is_no_quote(vendure: VendureShop, change: Change, code: str) -> None:
    """Wrong sums, another product, another quantity, another address."""
    async with connect(vendure, http=over(vendure, Wire(at("ShipBy", change)))) as merchant:
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(TWO, key=str(uuid4()))
    assert refused.value.code == code


async def test_another_currency_is_told_as_it_is(vendure: VendureShop) -> None:
    """The terms name theirs, and the bridge compares."""
    async with connect(vendure, http=over(vendure, Wire(at("ShipBy", swapped('"USD"', '"EUR"'))))) as merchant:
        assert (await merchant.quote(TWO, key=str(uuid4()))).currency == "EUR"


UNCLEAR = {
    **UNREADABLE,
    "another order": lambda answer: swapped(answer.json()["data"]["paid"]["code"], "ANOTHERONES")(answer),
    "another's reference": lambda answer: swapped(
        answer.json()["data"]["paid"]["billingAddress"]["company"], str(uuid4())
    )(answer),
    "not placed": edited(lambda document: document["data"]["paid"].update(orderPlacedAt=None)),
}


@pytest.mark.parametrize("change", UNCLEAR.values(), ids=UNCLEAR)
async def test_a_payment_whose_answer_is_not_clear_is_unknown_and_found_later(
    vendure: VendureShop, change: Change
) -> None:
    """The shop has acted each time: an honest look-up finds the one order, and paying again makes no other."""
    key, before = str(uuid4()), set(vendure.orders())
    async with connect(vendure, http=over(vendure, Wire(at("Pay", change)))) as merchant:
        quote = await merchant.quote(TWO, key=str(uuid4()))
        assert isinstance(await merchant.place(quote.session_id, key=key), Unknown)
        found = await merchant.get(quote.session_id, reference=key)
        assert isinstance(found, Placed)
        assert await merchant.place(quote.session_id, key=key) == found
    assert set(vendure.orders()) - before == {found.merchant_order_id}


@pytest.mark.parametrize(
    "change",
    [
        swapped('"totalWithTax":858', '"totalWithTax":859'),
        swapped('"USD"', '"EUR"'),
        swapped('"quantity":2', '"quantity":3'),
        swapped("1 Elm St", "9 Other St"),
        lambda answer: swapped(answer.json()["data"]["moved"]["code"], "ANOTHERONES")(answer),
        swapped('"ArrangingPayment"', '"AddingItems"'),
        swapped('"__typename":"Order"', '"__typename":"Surprise"'),
    ],
)
async def test_what_is_not_what_was_priced_is_not_paid(vendure: VendureShop, change: Change) -> None:
    """Dearer, another currency, more, another address, another order, open to changes: no payment is asked for."""
    wire = Wire(at("Move", change))
    async with connect(vendure, http=over(vendure, wire)) as merchant:
        quote = await merchant.quote(TWO, key=str(uuid4()))
        assert not isinstance(await merchant.place(quote.session_id, key=str(uuid4())), Placed)
    assert "Pay" not in wire.asked


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (instead(503, **{"retry-after": "7"}), MerchantAwayError),
        (instead(302, location="https://elsewhere.example/"), MerchantUnclearError),
        (instead(200, b'{"data":{"activeCustomer":{"id":"1"}}}'), MerchantUnclearError),
        (edited(_fail), MerchantUnclearError),
        (
            lambda answer: swapped(answer.json()["data"]["orderByCode"]["code"], "ANOTHERONES")(answer),
            MerchantUnclearError,
        ),
    ],
)
async def test_a_look_up_that_is_not_clear_proves_nothing(
    vendure: VendureShop, change: Change, error: type[MerchantError]
) -> None:
    """It is neither "there is an order" nor "there is none"."""
    async with connect(vendure) as honest:
        quote = await honest.quote(TWO, key=str(uuid4()))
        placed = await honest.place(quote.session_id, key=str(uuid4()))
        assert isinstance(placed, Placed)
    async with connect(vendure, http=over(vendure, Wire(at("Look", change)))) as merchant:
        for asked in (merchant.get(quote.session_id), merchant.events(placed.merchant_order_id)):
            with pytest.raises(error):
                await asked


async def test_a_session_that_the_shop_has_forgotten_is_opened_anew(vendure: VendureShop) -> None:
    """The account's session ends one day: a read tells us, and is repeated in a new one. A basket's is gone with it."""

    def forgets(asked: str, answer: httpx.Response) -> httpx.Response:
        nobody = edited(lambda document: document["data"].update(activeCustomer=None))
        return nobody(answer) if asked == "Look" and wire.asked.count("Look") == 1 else answer

    wire = Wire(forgets)
    async with connect(vendure, http=over(vendure, wire)) as merchant:
        quote = await merchant.quote(TWO, key=str(uuid4()))
        assert await merchant.get(quote.session_id) == Open(858, "USD")
        forgotten = Baskets(AGENT_KEY).session_id("NOSUCHORDER", SecretStr("0" * 64))
        assert await merchant.get(forgotten) is await merchant.get("NOSUCHORDER.x") is Standing.MISSING
    assert wire.asked.count("Login") == 2
