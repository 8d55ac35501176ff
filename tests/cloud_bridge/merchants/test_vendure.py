"""A real Vendure shop: what its errors leave behind, its prices, its account, and an order on its way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open, Placed, Progress, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.vendure import VendureMerchant
from cloud_bridge.merchants.vendure_baskets import Baskets
from cloud_bridge.signing_key import new_key
from tests import loopback
from tests.cloud_bridge.rig import MILK
from tests.cloud_bridge.sample_merchant import AGENT_KEY
from tests.cloud_bridge.vendure_shop import PASSWORD, VendureShop, Wire, connect, connector, over, shop_config

pytestmark = pytest.mark.merchant
TWO = Wanted(MILK, 2, "home")


def _key() -> str:
    return str(uuid4())


async def _order(merchant: VendureMerchant, wanted: Wanted = TWO, *, key: str | None = None) -> Placed:
    quote = await merchant.quote(wanted, key=_key())
    placed = await merchant.place(quote.session_id, key=key or _key())
    assert isinstance(placed, Placed)
    return placed


def _lines(shop: VendureShop, code: str) -> list[tuple[str, int]]:
    """What is in an order or a basket, as the shop's database has it."""
    found = shop.rows(
        """SELECT v.sku, l.quantity FROM order_line l JOIN product_variant v ON v.id = l.productVariantId
        JOIN "order" o ON o.id = l.orderId WHERE o.code = ? ORDER BY l.id""",
        code,
    )
    return [(str(sku), int(quantity)) for sku, quantity in found]


def _shipping(shop: VendureShop, code: str) -> list[str]:
    """The ways by which an order comes, as the shop's database has it."""
    found = shop.rows(
        """SELECT m.code FROM shipping_line l JOIN shipping_method m ON m.id = l.shippingMethodId
        JOIN "order" o ON o.id = l.orderId WHERE o.code = ?""",
        code,
    )
    return [str(each) for (each,) in found]


class Person:
    """Somebody of the household who shops in a browser, with the bridge's account."""

    def __init__(self, shop: VendureShop) -> None:
        self._url = f"{shop.url}/shop-api"
        self._headers: dict[str, str] = {}
        login = f'mutation {{ login(username: "home@example.com", password: "{PASSWORD}") {{ __typename }} }}'
        self._headers["Authorization"] = "Bearer " + self._ask(login).headers["vendure-auth-token"]

    def take(self, sku: str, quantity: int) -> str:
        """Put something into the basket; its code."""
        search = f'{{ search(input: {{ term: "{sku}", groupByProduct: false }}) {{ items {{ productVariantId }} }} }}'
        variant = self._ask(search).json()["data"]["search"]["items"][0]["productVariantId"]
        goods = f'productVariantId: "{variant}", quantity: {quantity}'
        add = f"mutation {{ addItemToOrder({goods}) {{ ...on Order {{ code }} }} }}"
        return str(self._ask(add).json()["data"]["addItemToOrder"]["code"])

    def _ask(self, document: str) -> httpx.Response:
        return loopback.post(self._url, json={"query": document}, headers=self._headers, timeout=20)


# what an error leaves behind


async def test_too_little_stock_is_refused_although_the_shop_puts_in_what_it_has(vendure: VendureShop) -> None:
    """Of ten with three left, three are in the basket; the same key fills that basket up when there are enough."""
    vendure.set_stock(MILK, 3)
    key, ten = _key(), Wanted(MILK, 10, "home")
    async with connect(vendure) as merchant:
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(ten, key=key)
        assert refused.value.code == Detail.OUT_OF_STOCK
        (code,) = vendure.rows("""SELECT code FROM "order" ORDER BY id DESC LIMIT 1""")[0]
        assert _lines(vendure, code) == [(MILK, 3)]
        vendure.set_stock(MILK, 500)
        assert (await merchant.quote(ten, key=key)).total_minor == 10 * 179 + 500


async def test_a_dearer_price_shows_only_when_the_line_is_touched(vendure: VendureShop) -> None:
    """A look-up repeats the old total; a quote tells the new one, and nothing else than the total told last is paid."""
    async with connect(vendure) as merchant:
        quote = await merchant.quote(TWO, key=_key())
        vendure.set_price(MILK, 1_179)
        assert await merchant.get(quote.session_id) == Open(858, "USD")
        again = await merchant.quote(TWO, key=_key(), session_id=quote.session_id)
        assert again.total_minor == 2 * 1_179 + 500
        vendure.set_price(MILK, 1_999)
        before = vendure.orders()
        assert await merchant.place(quote.session_id, key=_key()) == Rejected(Detail.TERMS_CHANGED)
        assert vendure.orders() == before


async def test_a_declined_payment_stays_beside_the_one_that_goes_through(vendure: VendureShop) -> None:
    """The order is charged once, whatever else its list of payments holds."""
    key = _key()
    async with connect(vendure, payment_metadata={"shouldDecline": True}) as broke, connect(vendure) as merchant:
        quote = await broke.quote(TWO, key=_key())
        await broke.place(quote.session_id, key=key)
        assert await merchant.get(quote.session_id) == Open(858, "USD")
        await merchant.quote(TWO, key=_key(), session_id=quote.session_id)
        placed = await merchant.place(quote.session_id, key=key)
        assert isinstance(placed, Placed)
        states = [payment["state"] for payment in vendure.order(placed.merchant_order_id)["payments"]]
        assert (sorted(states), placed.total_minor) == (["Authorized", "Declined"], 858)


# ways of delivery


async def test_an_order_is_shipped_as_agreed_and_the_shop_says_so(vendure: VendureShop) -> None:
    """By the shop's own record; its ways have names, and no kinds."""
    async with connect(vendure) as merchant:
        told = await merchant.quote(TWO, key=_key())
        assert [(each.title, each.kind) for each in told.deliveries] == [
            ("Standard Shipping", None),
            ("Express Shipping", None),
        ]
        placed = await _order(merchant, replace(TWO, delivery=told.deliveries[1].choice))
    assert (_shipping(vendure, placed.merchant_order_id), placed.total_minor) == (["express-shipping"], 358 + 1500)


async def test_the_operator_may_say_which_ways_end_elsewhere(vendure: VendureShop) -> None:
    """Then the cheapest to the door is chosen, and the other one where it was agreed to."""
    kinds = {"standard-shipping": "nearest_store"}
    async with connect(vendure, delivery_kinds=kinds) as merchant:
        quote = await merchant.quote(TWO, key=_key())
        store, _ = quote.deliveries
        fetched = await merchant.quote(replace(TWO, delivery=store.choice), key=_key())
    assert (store.kind, quote.delivery_minor, fetched.delivery_minor) == ("nearest_store", 1500, 500)
    async with connect(vendure, delivery_kinds={**kinds, "express-shipping": "pick_up_point"}) as merchant:
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(TWO, key=_key())
    assert refused.value.code == Detail.ADDRESS_UNDELIVERABLE


async def test_a_basket_whose_way_was_changed_since_is_not_paid_for(vendure: VendureShop) -> None:
    """Even where it costs the same: what was priced is what is bought."""
    swapping = False

    def change(operation: str, answer: httpx.Response) -> httpx.Response:
        if not (swapping and operation == "Move"):
            return answer
        document = answer.json()
        for line in document["data"]["moved"]["shippingLines"]:
            line["shippingMethod"]["id"] = "99"
        return httpx.Response(200, headers={"content-type": "application/json"}, json=document)

    before = vendure.orders()
    async with connect(vendure, http=over(vendure, Wire(change))) as merchant:
        quote = await merchant.quote(TWO, key=_key())
        swapping = True
        assert await merchant.place(quote.session_id, key=_key()) == Rejected(Detail.TERMS_CHANGED)
    assert vendure.orders() == before


# the account


async def test_a_persons_own_basket_is_left_alone_and_orders_wait(vendure: VendureShop) -> None:
    """Logging in would mix the two baskets, so nothing is priced or paid while hers is in the account."""
    async with connect(vendure) as merchant:
        early = await merchant.quote(TWO, key=_key())
        hers = Person(vendure).take("detergent-liquid-500ml", 1)
        with pytest.raises(MerchantAwayError):
            await merchant.quote(TWO, key=_key())
        assert await merchant.place(early.session_id, key=_key()) == Unknown(Detail.MERCHANT_AWAY)
        assert await merchant.get(early.session_id) == Open(858, "USD")
    assert _lines(vendure, hers) == [("detergent-liquid-500ml", 1)]


async def test_orders_for_several_things_at_once_stay_apart(vendure: VendureShop) -> None:
    """A customer has one active order: baskets are filled side by side, and paid one after the other."""
    wanted = [TWO, Wanted("detergent-liquid-500ml", 1, "home"), Wanted(MILK, 3, "home")]
    async with connect(vendure) as merchant:
        placed = await asyncio.gather(*(_order(merchant, each) for each in wanted))
    assert [_lines(vendure, each.merchant_order_id) for each in placed] == [[(w.sku, w.quantity)] for w in wanted]


async def test_two_bridges_that_pay_at_once_mix_nothing(vendure: VendureShop) -> None:
    """They share no lock: a basket that another got into is not paid, and every order is one that was wanted."""
    before = set(vendure.orders())
    async with connect(vendure) as one, connect(vendure) as other:
        quotes = [await merchant.quote(TWO, key=_key()) for merchant in (one, other)]
        outcomes = await asyncio.gather(
            one.place(quotes[0].session_id, key=_key()), other.place(quotes[1].session_id, key=_key())
        )
    new = set(vendure.orders()) - before
    assert {each.merchant_order_id for each in outcomes if isinstance(each, Placed)} == new
    assert all(isinstance(each, Placed | Unknown) for each in outcomes)
    assert [_lines(vendure, code) for code in new] == [[(MILK, 2)]] * len(new)


async def test_two_bridges_that_pay_for_one_basket_pay_once(vendure: VendureShop) -> None:
    """The shop pays a basket once and never again; whoever gets in the way of the other says that it does not know."""
    before, key = set(vendure.orders()), _key()
    async with connect(vendure) as one, connect(vendure) as other:
        quote = await one.quote(TWO, key=_key())
        await other.quote(TWO, key=_key(), session_id=quote.session_id)
        outcomes = await asyncio.gather(*(each.place(quote.session_id, key=key) for each in (one, other)))
        assert all(isinstance(each, Placed | Unknown) for each in outcomes)
        if isinstance(await one.get(quote.session_id), Open):
            await one.quote(TWO, key=_key(), session_id=quote.session_id)
            await one.place(quote.session_id, key=key)
        found = await other.get(quote.session_id, reference=key)
    assert isinstance(found, Placed)
    paid = {code: paid for code, paid in vendure.orders().items() if code not in before}
    assert paid == {found.merchant_order_id: 858}


async def test_an_order_is_found_by_our_reference_alone(vendure: VendureShop) -> None:
    """A bridge that knows no session any more finds its order in the account; another reference finds nothing."""
    key = _key()
    async with connect(vendure) as merchant:
        placed = await _order(merchant, key=key)
    async with connect(vendure) as after:
        assert await after.get("", reference=key) == placed
        assert await after.get("", reference=_key()) is Standing.MISSING
    async with connect(vendure, account="neighbour@example.com") as neighbour:
        assert await neighbour.get("", reference=key) is Standing.MISSING
        with pytest.raises(MerchantAwayError):
            await neighbour.events(placed.merchant_order_id)


async def test_a_basket_outlives_the_bridge_and_its_token_does_not_show(vendure: VendureShop) -> None:
    """Its name in the store opens it after a restart, for the same key only; paying takes the token's worth away."""
    async with connect(vendure) as before:
        quote = await before.quote(TWO, key=_key())
    basket = Baskets(AGENT_KEY).open(quote.session_id)
    assert basket.token is not None
    assert basket.token.get_secret_value() not in quote.session_id
    assert Baskets(new_key()).open(quote.session_id).token is None
    async with connect(vendure) as after:
        assert await after.get(quote.session_id) == Open(858, "USD")
        await after.quote(TWO, key=_key(), session_id=quote.session_id)
        assert isinstance(await after.place(quote.session_id, key=_key()), Placed)
    assert vendure.rows("SELECT 1 FROM session WHERE token = ?", basket.token.get_secret_value()) == []


async def test_a_basket_without_a_price_of_today_is_not_paid(vendure: VendureShop) -> None:
    """A bridge that has just started does not know what was agreed to, so it asks for nothing."""
    async with connect(vendure) as before:
        quote = await before.quote(TWO, key=_key())
    orders = vendure.orders()
    async with connect(vendure) as after:
        assert isinstance(await after.place(quote.session_id, key=_key()), Unknown)
    assert vendure.orders() == orders


async def test_a_wrong_password_orders_nothing_and_waits(vendure: VendureShop) -> None:
    """The operator can mend it, so nothing is refused for good."""
    async with connect(vendure, account="nobody@example.com") as merchant:
        with pytest.raises(MerchantAwayError, match="user name and password"):
            await merchant.quote(TWO, key=_key())


# an order on its way


async def test_an_order_is_counted_parcel_by_parcel(vendure: VendureShop) -> None:
    """One of five sent, then it came; two cancelled; the rest sent, and came. The state's word is not asked."""
    async with connect(vendure, order_page=f"{vendure.url}/orders") as merchant:
        code = (await _order(merchant, Wanted(MILK, 5, "home"))).merchant_order_id

        async def seen() -> tuple[Progress, int | None, int | None]:
            order = await merchant.events(code)
            assert (order.tracking_url, order.returned) == (f"{vendure.url}/orders/{code}", 0)
            return order.progress, order.ordered, order.delivered

        assert await seen() == (Progress.PREPARING, 5, 0)
        first = vendure.pack(code, 1)  # not settled yet: the order's state stays PaymentAuthorized
        assert await seen() == (Progress.SHIPPED, 5, 0)
        vendure.settle(code)
        vendure.move(first, "Delivered")
        assert await seen() == (Progress.PARTLY_DELIVERED, 5, 1)
        vendure.cancel(code, 2)
        assert await seen() == (Progress.PARTLY_DELIVERED, 3, 1)
        vendure.move(vendure.pack(code, 2), "Delivered")
        assert await seen() == (Progress.DELIVERED, 3, 3)


async def test_money_is_back_when_the_shop_has_settled_it(vendure: VendureShop) -> None:
    """Before the payment is settled it refuses to refund, and a refund counts when it is settled, too."""
    async with connect(vendure) as merchant:
        code = (await _order(merchant)).merchant_order_id
        assert vendure.refund(code, 179) == "RefundOrderStateError"
        assert (await merchant.events(code)).refunded_minor == 0
        vendure.settle(code)
        assert vendure.refund(code, 179) == "Refund"
        promised = await merchant.events(code)
        vendure.pay_back()
        part = await merchant.events(code)
        vendure.refund(code, 679)
        vendure.pay_back()
        whole = await merchant.events(code)
    assert promised.refunded_minor == 0
    assert (part.progress, part.refunded_minor) == (Progress.PREPARING, 179)
    assert (whole.progress, whole.refunded_minor) == (Progress.REFUNDED, 858)


async def test_only_the_shop_can_cancel_an_order(vendure: VendureShop) -> None:
    """Ours changes nothing, and asks for nothing that would; the shop's own ends the order."""
    async with connect(vendure) as merchant:
        quote = await merchant.quote(TWO, key=_key())
        placed = await merchant.place(quote.session_id, key=_key())
        assert isinstance(placed, Placed)
        await merchant.cancel(quote.session_id)
        assert (await merchant.events(placed.merchant_order_id)).progress is Progress.PREPARING
        vendure.cancel(placed.merchant_order_id)
        cancelled = await merchant.events(placed.merchant_order_id)
        assert (cancelled.progress, cancelled.ordered) == (Progress.CANCELLED, 0)
        assert isinstance(await merchant.get(quote.session_id), Placed)


async def test_an_address_that_the_shop_does_not_know_is_refused(vendure: VendureShop) -> None:
    """It sells to one country."""
    abroad = shop_config(vendure.url).destinations["home"].model_copy(update={"address_country": "CH"})
    async with MerchantHttp(vendure.url, deadline_s=10) as http:
        merchant = connector(shop_config(vendure.url, destinations={"home": abroad}), http=http)
        with pytest.raises(MerchantRefusedError) as refused:
            await merchant.quote(TWO, key=_key())
    assert refused.value.code == Detail.ADDRESS_UNDELIVERABLE
