"""A shop that runs Vendure, over its Shop API: quote, place, get, cancel, events.

A basket is filled in a session of its own, so that prices can be asked and orders prepared beside each other. Right
before it is paid it is marked with our reference and moved into the household's account, where it can be found again
for ever. Four facts of the shop that this file is built around: a basket is paid for once, and never again; what an
error left behind is only known after reading again; the price of a line is that of its last change; and every change
is one of "the active order of this session", so its code is looked at before and after.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote as quoted

from pydantic import SecretStr, TypeAdapter

from cloud_bridge.core.capability import Capability
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Followed, Hint, Lookup, Open, Outcome, Placed, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchant_config import DestinationConfig, VendureConfig
from cloud_bridge.merchants import vendure_queries as queries
from cloud_bridge.merchants.capabilities import capability_of
from cloud_bridge.merchants.deliveries import TO_BE_FETCHED, choice, gone, offered, option
from cloud_bridge.merchants.documents import AMOUNT_MAX
from cloud_bridge.merchants.recent import Recent
from cloud_bridge.merchants.vendure_account import Account
from cloud_bridge.merchants.vendure_api import FORBIDDEN, Refusal, Reply, ShopApi
from cloud_bridge.merchants.vendure_baskets import Basket, Baskets
from cloud_bridge.merchants.vendure_documents import Code, Customer, Hits, Order, Way, quote_of, total_of
from cloud_bridge.merchants.vendure_orders import followed
from cloud_bridge.wire import DeliveryChoice, DeliveryKind, DeliveryOption, Intent

log = logging.getLogger(__name__)

_ORDER: TypeAdapter[Order | None] = TypeAdapter(Order | None)
_CODE: TypeAdapter[Code | None] = TypeAdapter(Code | None)
_CUSTOMER = TypeAdapter(Customer)
_HITS = TypeAdapter(Hits)
_WAYS = TypeAdapter(list[Way])

_FILLING, _PAYING, _CANCELLED = "AddingItems", "ArrangingPayment", "Cancelled"
_MARKED_MAX = 5
_OF_A_FAULT = {"ENTITY_NOT_FOUND": Detail.ITEM_UNAVAILABLE, "USER_INPUT_ERROR": Detail.ADDRESS_UNDELIVERABLE}
_OF_A_PAYMENT = {
    "PaymentDeclinedError": Detail.PAYMENT_FAILED,
    "PaymentFailedError": Detail.PAYMENT_FAILED,
    "IneligiblePaymentMethodError": Detail.PAYMENT_FAILED,
    "CouponRemovedDuringCheckoutError": Detail.TERMS_CHANGED,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A basket, or what became of it. `ask` changes it; None: it is in the account, and another one is in its place."""

    order: Order
    ask: Callable[..., Awaitable[Reply]] | None
    in_account: bool
    account_is_free: bool = True

    @property
    def is_open(self) -> bool:
        """Whether it can still become an order."""
        return self.order.order_placed_at is None and self.order.active


@dataclass(frozen=True, slots=True)
class _Priced:
    """What was asked for, and what it cost when it was asked last."""

    wanted: Wanted
    total_minor: int
    currency: str
    way: str | None


class VendureMerchant:
    """One Vendure shop, bought from as one customer. `token` pays, where the configuration has a name for one."""

    def __init__(
        self, config: VendureConfig, *, api: ShopApi, account: Account, baskets: Baskets, token: SecretStr | None
    ) -> None:
        self._config = config
        self._capability = capability_of(config)
        self._api = api
        self._account = account
        self._baskets = baskets
        self._token = token
        self._opened: Recent[str] = Recent()
        self._priced: Recent[_Priced] = Recent()

    @property
    def capability(self) -> Capability:
        """Class B: an order carries our reference."""
        return self._capability

    @property
    def currency(self) -> str:
        """The currency in the configuration."""
        return self._config.currency

    def delivers_to(self, delivery_ref: str) -> bool:
        """Whether the configuration has an address for it."""
        return delivery_ref in self._config.destinations

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Price a basket with today's prices: its line is touched, since the shop prices nothing anew before.

        Raises: MerchantAwayError, also for an answer that cannot be read, and while another basket is in the account;
        MerchantRefusedError.
        """
        if not self.delivers_to(wanted.delivery_ref):
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, f"no address for {wanted.delivery_ref}")
        known = session_id or self._opened.get(key)
        try:
            if known is None:
                known, (order, ways) = await self._open(wanted, key=key)
            else:
                async with self._account.turn:
                    order, ways = await self._reopen(known, wanted)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc
        priced = quote_of(order, wanted, session_id=known, address=self._address(wanted))
        self._priced.put(known, _Priced(wanted, priced.total_minor, priced.currency, order.way))
        chosen = next((way for way in ways if way.id == order.way), None)
        delivery = None if chosen is None else choice(chosen.id, self._kind(chosen))
        return replace(priced, delivery=delivery, deliveries=offered(map(self._offered, ways)))

    def order_digest(self, session_id: str, *, leave: Intent | None = None) -> str:  # noqa: ARG002  nobody is shown it
        """SHA-256 over the basket's code and what pays for it."""
        body = json.dumps(self._payment(), sort_keys=True)
        return hashlib.sha256(f"{self._baskets.open(session_id).code}\n{body}".encode()).hexdigest()

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:  # noqa: ARG002
        """Pay for the basket, if it is what was priced last; what is an order already is only told."""
        try:
            async with self._account.turn:
                return await self._place(session_id, key=key)
        except MerchantAwayError:
            return Unknown(Detail.MERCHANT_AWAY)
        except MerchantUnclearError as exc:
            log.info("payment_unclear reason=%s", exc)
            return Unknown(Detail.NO_ANSWER)

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Where the basket stands, or the order that carries our reference.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        found = await self._find(self._baskets.open(session_id)) if session_id else Standing.MISSING
        if isinstance(found, _Found) and found.order.order_placed_at is not None:
            return _placed(found.order)
        marked = await self._find_marked(reference) if reference else None
        if marked is not None:
            return _placed(marked)
        if isinstance(found, Standing):
            return found
        if not found.is_open:
            return Standing.CLOSED
        if found.order.is_being_paid:
            return Standing.BUSY
        return Open(self._cost_minor(session_id, found.order), found.order.currency_code)

    async def cancel(self, session_id: str) -> None:
        """Cancel the basket, if it is none but a basket. An order is for a person to cancel: the shop lets nobody else.

        Raises: MerchantAwayError.
        """
        basket = self._baskets.open(session_id)
        try:
            async with self._account.turn:
                found = await self._find(basket)
                if isinstance(found, Standing) or not found.is_open or found.order.is_being_paid:
                    return
                _same(await self._move(found, to=_CANCELLED), basket)
        except MerchantUnclearError as exc:
            raise MerchantAwayError(str(exc)) from exc

    async def events(self, merchant_order_id: str, *, session_id: str | None = None) -> Followed:  # noqa: ARG002
        """The order as it stands now.

        Raises: MerchantAwayError; MerchantUnclearError.
        """
        order = _by_code(await self._account.ask(queries.LOOK, code=merchant_order_id))
        if order is None:
            raise MerchantAwayError(f"the shop shows no order {merchant_order_id}")
        if order.code != merchant_order_id or order.order_placed_at is None:
            raise MerchantUnclearError(f"asked for order {merchant_order_id}, told about another or a basket")
        page = self._config.order_page
        return followed(order, page=None if page is None else f"{page}/{quoted(order.code, safe='')}")

    def hint(self, body: bytes) -> Hint:  # noqa: ARG002  Vendure sends no webhooks
        """Nothing."""
        return Hint(None, None)

    # a basket, until it has a price

    async def _open(self, wanted: Wanted, *, key: str) -> tuple[str, tuple[Order, list[Way]]]:
        """A new basket, kept under the key before anything can go wrong with it."""
        active = (await self._account.ask(queries.BASKET)).value("activeOrder", _CODE)
        if active is not None and active.total_quantity:
            raise MerchantAwayError("another basket is in the account: orders wait until it is empty")
        found = await self._api.ask(queries.FIND, token=None, sku=wanted.sku)
        variant = _variant(found, wanted)
        if found.token is None:
            raise MerchantUnclearError("the shop opens no session")
        ask = partial(self._api.ask, token=found.token)
        order = _filled(await self._add(ask, wanted, variant=variant))
        session_id = self._baskets.session_id(order.code, found.token)
        self._opened.put(key, session_id)
        return session_id, await self._with_delivery(ask, Basket(order.code, found.token), wanted)

    async def _reopen(self, session_id: str, wanted: Wanted) -> tuple[Order, list[Way]]:
        basket = self._baskets.open(session_id)
        found = await self._find(basket)
        if isinstance(found, Standing) or not found.is_open:
            raise MerchantRefusedError(Detail.SESSION_CLOSED, "the basket has ended", session_id=session_id)
        if found.order.is_being_paid:
            raise MerchantAwayError("a payment for the basket is under way")
        if found.order.state != _FILLING:
            _same(await self._move(found, to=_FILLING), basket)
        ask = _changing(found)
        if [line.product_variant.sku for line in found.order.lines] == [wanted.sku]:
            (line,) = found.order.lines
            reply = await ask(queries.TOUCH, line=line.id, quantity=wanted.quantity, address=self._postal(wanted))
        else:
            variant = _variant(await self._api.ask(queries.FIND, token=None, sku=wanted.sku), wanted)
            _same((await ask(queries.EMPTY)).result("emptied"), basket)
            reply = await self._add(ask, wanted, variant=variant)
        _same(_filled(reply), basket)
        return await self._with_delivery(ask, basket, wanted)

    async def _add(self, ask: Callable[..., Awaitable[Reply]], wanted: Wanted, *, variant: str) -> Reply:
        return await ask(queries.ADD, variant=variant, quantity=wanted.quantity, address=self._postal(wanted))

    async def _with_delivery(
        self, ask: Callable[..., Awaitable[Reply]], basket: Basket, wanted: Wanted
    ) -> tuple[Order, list[Way]]:
        """The basket with the way of delivery that is wanted, or the cheapest to the door, and all ways on offer."""
        ways = (await ask(queries.WAYS)).value("eligibleShippingMethods", _WAYS)
        if not ways:
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, "the shop has no way of delivery to there")
        way = self._way(ways, wanted.delivery)
        result = (await ask(queries.SHIP_BY, way=[way.id])).result("priced")
        if isinstance(result, Refusal):
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, result.name)
        order = _same(result, basket)
        if wanted.delivery is not None and order.way != way.id:
            raise gone(wanted.delivery)
        return order, ways

    def _way(self, ways: list[Way], wanted: DeliveryChoice | None) -> Way:
        if wanted is not None:
            agreed = [way for way in ways if choice(way.id, self._kind(way)) == wanted]
            if len(agreed) != 1:
                raise gone(wanted)
            return agreed[0]
        to_the_door = [way for way in ways if self._kind(way) not in TO_BE_FETCHED]
        if not to_the_door:
            raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, "the shop's ways of delivery all end elsewhere")
        return min(to_the_door, key=lambda way: (way.price_with_tax, way.id))

    def _kind(self, way: Way) -> DeliveryKind | None:
        return self._config.delivery_kinds.get(way.code) if isinstance(way.code, str) else None

    def _offered(self, way: Way) -> DeliveryOption | None:
        return option(way.id, kind=self._kind(way), price_minor=way.price_with_tax, title=way.name)

    # paying

    async def _place(self, session_id: str, *, key: str) -> Outcome:
        basket = self._baskets.open(session_id)
        found, priced = await self._find(basket), self._priced.get(session_id)
        if isinstance(found, Standing):
            return Unknown(Detail.SESSION_CLOSED)
        known = _told_already(found.order, key=key)
        if known is not None:
            return known
        if priced is None or (found.in_account and found.order.mark != key):
            return Unknown(Detail.NO_ANSWER)  # it is looked up, and then priced, before it is asked for again
        return await self._buy(found, basket, key=key, priced=priced)

    async def _buy(self, found: _Found, basket: Basket, *, key: str, priced: _Priced) -> Outcome:
        """Take the basket to the account, lock what is in it, look at it, pay."""
        if not found.in_account:
            found = await self._adopt(found, basket, key=key, wanted=priced.wanted)
        order = found.order if found.order.state == _PAYING else await self._move(found, to=_PAYING)
        if isinstance(order, Refusal):
            return await self._why_not(found, priced.wanted)
        # From here on nobody can put anything in: what is looked at now is what is paid for.
        if (order.code, order.mark, order.state) != (basket.code, key, _PAYING):
            return Unknown(Detail.MERCHANT_AWAY)
        if not self._costs(order, priced):
            return Rejected(Detail.TERMS_CHANGED)
        return await self._pay(found, basket, key=key)

    def _costs(self, order: Order, priced: _Priced) -> bool:
        """Whether the basket is what was priced, for that price, and comes that way."""
        cost = (order.total_with_tax, order.currency_code)
        goods = order.is_for(priced.wanted, self._address(priced.wanted))
        return goods and order.way == priced.way and cost == (priced.total_minor, priced.currency)

    async def _adopt(self, found: _Found, basket: Basket, *, key: str, wanted: Wanted) -> _Found:
        """The basket in the account, with our reference on its bill."""
        if not found.account_is_free or basket.token is None:
            raise MerchantAwayError("another basket is in the account: orders wait until it is empty")
        await self._account.adopt(basket.token, mark={**self._postal(wanted), "company": key})
        return _Found(found.order, self._account.change, in_account=True)

    async def _why_not(self, found: _Found, wanted: Wanted) -> Outcome:
        """Why a basket cannot be paid for: the shop only says it in words, so its line is touched.

        Another bridge may just be paying for it, so too little stock is the one reason that is believed.
        """
        line = found.order.lines[0].id if found.order.lines else ""
        reply = await _changing(found)(queries.TOUCH, line=line, quantity=wanted.quantity, address=self._postal(wanted))
        result = reply.result("filled")
        sold_out = isinstance(result, Refusal) and result.name == "InsufficientStockError"
        return Rejected(Detail.OUT_OF_STOCK) if sold_out else Unknown(Detail.NO_ANSWER)

    async def _pay(self, found: _Found, basket: Basket, *, key: str) -> Outcome:
        result = (await _changing(found)(queries.PAY, input=self._payment())).result("paid")
        if isinstance(result, Order):
            if result.code != basket.code or result.mark != key:
                return Unknown(Detail.NO_ANSWER)
            return Unknown(Detail.IN_PROGRESS) if result.order_placed_at is None else _placed(result)
        after = _by_code(await self._account.ask(queries.LOOK, code=basket.code))
        if after is None or after.code != basket.code or after.mark != key:
            return Unknown(Detail.NO_ANSWER)
        if after.order_placed_at is not None:
            return _placed(after)
        reason = _OF_A_PAYMENT.get(result.name)
        return Unknown(Detail.NO_ANSWER) if reason is None or after.is_being_paid else Rejected(reason)

    def _payment(self) -> dict[str, object]:
        named = {}
        if self._config.payment_token_name is not None and self._token is not None:
            named = {self._config.payment_token_name: self._token.get_secret_value()}
        return {"method": self._config.payment_method, "metadata": {**self._config.payment_metadata, **named}}

    # looking

    async def _find(self, basket: Basket) -> _Found | Standing:
        """The basket in the account, or in the session that opened it; closed where that session has it no more."""
        reply = await self._account.ask(queries.LOOK, code=basket.code)
        order, active = _by_code(reply), reply.value("activeOrder", _CODE)
        at_hand = active is not None and active.code == basket.code
        if order is not None:
            ask = self._account.change if at_hand else None
            return _Found(_same(order, basket), ask, in_account=True)
        if basket.token is None:
            return Standing.MISSING
        reply = await self._api.ask(queries.ACTIVE, token=basket.token)
        if reply.token is not None:  # it has opened another session, so it does not know this one
            return Standing.MISSING
        order = reply.value("activeOrder", _ORDER)
        if order is None:
            return Standing.CLOSED
        return _Found(
            _same(order, basket),
            partial(self._api.ask, token=basket.token),
            in_account=False,
            account_is_free=active is None or not active.total_quantity,
        )

    async def _find_marked(self, reference: str) -> Order | None:
        """The order with our reference among the account's newest ones."""
        customer = (await self._account.ask(queries.LOOK_BY_MARK)).value("activeCustomer", _CUSTOMER)
        listed = customer.orders.items if customer.orders else []
        codes = [each.code for each in listed if each.billing_address and each.billing_address.company == reference]
        for code in codes[:_MARKED_MAX]:
            order = _by_code(await self._account.ask(queries.LOOK, code=code))
            if order is not None and order.order_placed_at is not None:
                return order
        return None

    async def _move(self, found: _Found, *, to: str) -> Order | Refusal:
        return (await _changing(found)(queries.MOVE, state=to)).result("moved")

    def _cost_minor(self, session_id: str, order: Order) -> int | None:
        priced = self._priced.get(session_id)
        if priced is not None and not order.is_for(priced.wanted, self._address(priced.wanted)):
            return None
        try:
            return total_of(order)
        except MerchantRefusedError:
            return None

    def _address(self, wanted: Wanted) -> DestinationConfig:
        return self._config.destinations[wanted.delivery_ref]

    def _postal(self, wanted: Wanted) -> dict[str, str]:
        """The address in the shop's words."""
        address = self._address(wanted)
        return {
            "fullName": self._config.buyer_name,
            "streetLine1": address.street_address,
            "city": address.address_locality,
            "province": address.address_region,
            "postalCode": address.postal_code,
            "countryCode": address.address_country,
        }


def _changing(found: _Found) -> Callable[..., Awaitable[Reply]]:
    """How to change a basket. Raises: MerchantAwayError while another one is in its place."""
    if found.ask is None:
        raise MerchantAwayError("another basket is in the account: orders wait until it is empty")
    return found.ask


def _filled(reply: Reply) -> Order:
    """The basket with the goods in it, on the way to the address.

    Raises: MerchantRefusedError: an error may have put some of the goods in; MerchantUnclearError.
    """
    for name in ("filled", "addressed"):
        fault = reply.fault(name)
        if fault in _OF_A_FAULT:
            raise MerchantRefusedError(_OF_A_FAULT[fault], f"{name}: {fault}")
    goods, addressed = reply.result("filled"), reply.result("addressed")
    if isinstance(goods, Refusal):
        sold_out = goods.name == "InsufficientStockError"
        raise MerchantRefusedError(Detail.OUT_OF_STOCK if sold_out else Detail.MERCHANT_REFUSED, goods.name)
    if isinstance(addressed, Refusal):
        raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, addressed.name)
    return addressed


def _same(result: Order | Refusal, basket: Basket) -> Order:
    """The order, if it is that of the basket.

    Raises: MerchantUnclearError.
    """
    if isinstance(result, Refusal):
        raise MerchantUnclearError(f"the shop refuses what it should do: {result.name}")
    if result.code != basket.code:
        raise MerchantUnclearError(f"asked for order {basket.code}, told about another")
    return result


def _told_already(order: Order, *, key: str) -> Outcome | None:
    """What became of a basket that nothing more is asked of; None of one that can be paid for."""
    if order.order_placed_at is not None:
        return _placed(order) if order.mark == key else Unknown(Detail.NO_ANSWER)
    if not order.active:
        return Unknown(Detail.SESSION_CLOSED)
    return Unknown(Detail.IN_PROGRESS) if order.is_being_paid else None


def _by_code(reply: Reply) -> Order | None:
    """The order that was asked for by its code; None where the shop shows the account no such one."""
    return None if reply.fault("orderByCode") == FORBIDDEN else reply.value("orderByCode", _ORDER)


def _variant(reply: Reply, wanted: Wanted) -> str:
    """The shop's id of the one product with that SKU."""
    ids = {hit.product_variant_id for hit in reply.value("search", _HITS).items if hit.sku == wanted.sku}
    if len(ids) != 1:
        raise MerchantRefusedError(Detail.ITEM_UNAVAILABLE, f"{len(ids)} products are {wanted.sku}")
    return ids.pop()


def _placed(order: Order) -> Placed:
    """What the shop says of an order; one that bears no reference is not ours.

    Raises: MerchantUnclearError for a charge that is none.
    """
    only = order.lines[0] if len(order.lines) == 1 else None
    charged_minor = order.paid_minor or order.total_with_tax
    if not 0 <= charged_minor <= AMOUNT_MAX:
        raise MerchantUnclearError(f"order {order.code} is charged {charged_minor}, which cannot be")
    return Placed(
        order.code,
        charged_minor,
        order.currency_code,
        reference=order.mark or "",
        sku=only.product_variant.sku if only else "",
        quantity=only.order_placed_quantity if only else 0,
    )
