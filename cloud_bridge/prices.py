"""The price list: one pack of each product, priced by the merchant with delivery, and not bought.

Each price comes from a session of its own, which is closed again. Asked once a day for all bound products, so that
the question says nothing about what runs low. Where nothing is paid, a line has no price: none is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from pydantic import ValidationError

from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, TermsRefusedError
from cloud_bridge.ports import Clock, Merchant, Merchants
from cloud_bridge.wire import TITLE_CHARS_MAX, PriceLine, PriceList, PriceQuery

log = logging.getLogger(__name__)

_PARALLEL = 3
_AWAY_IN_A_ROW_MAX = 6  # after that it is the merchant, and not one of its products


class PriceDesk:
    """Asks merchants for prices. `new_key` makes the idempotency key of each session."""

    def __init__(self, merchants: Merchants, *, clock: Clock, new_key: Callable[[], str]) -> None:
        self._merchants = merchants
        self._clock = clock
        self._new_key = new_key

    async def list_prices(self, query: PriceQuery) -> PriceList:
        """Today's price of one pack of each sku that has one, in the order asked.

        A sku that the merchant refuses is not available. One whose price could not be had, or cannot be told, is left
        out: nobody has said that there is none, and a hub would buy something else.
        Raises: TermsRefusedError for an unknown merchant or address; MerchantAwayError when it answers to none.
        """
        merchant = self._merchants.get(query.merchant)
        if merchant is None or not merchant.delivers_to(query.delivery_ref):
            raise TermsRefusedError(f"there is no merchant {query.merchant} that delivers to {query.delivery_ref}")
        lines = await self._ask_all(merchant, query)
        return PriceList(
            merchant=query.merchant,
            merchant_class=merchant.capability.merchant_class.value,
            charges=merchant.capability.charges,
            at=self._clock.now(),
            lines=lines,
        )

    async def _ask_all(self, merchant: Merchant, query: PriceQuery) -> tuple[PriceLine, ...]:
        free = asyncio.Semaphore(_PARALLEL)
        away_max = min(len(query.skus), _AWAY_IN_A_ROW_MAX)
        away_in_a_row = 0

        async def ask(sku: str) -> PriceLine | None:
            nonlocal away_in_a_row
            async with free:
                if away_in_a_row >= away_max:
                    raise MerchantAwayError(f"merchant {query.merchant} was given up: it answers to nothing")
                try:
                    line = await self._price(merchant, sku, delivery_ref=query.delivery_ref)
                except MerchantAwayError as exc:
                    away_in_a_row += 1
                    if away_in_a_row >= away_max:
                        raise
                    log.info("price_unreadable sku=%s error=%s", sku, exc)
                    return None
                away_in_a_row = 0
                return line

        lines = await asyncio.gather(*(ask(sku) for sku in query.skus))
        return tuple(line for line in lines if line is not None)

    async def _price(self, merchant: Merchant, sku: str, *, delivery_ref: str) -> PriceLine | None:
        """Its line; None where the merchant's answer cannot be told, or is in a currency that was not asked for.

        Raises: MerchantAwayError when there is none.
        """
        try:
            quote = await merchant.quote(Wanted(sku, 1, delivery_ref), key=self._new_key())
        except MerchantRefusedError as exc:
            log.info("price_unavailable sku=%s code=%s", sku, exc.code)
            return _unavailable(sku, currency=merchant.currency, charges=merchant.capability.charges)
        if merchant.capability.keeps_sessions:
            await _close(merchant, quote.session_id)
        if quote.currency != merchant.currency:
            log.warning("price_in_another_currency sku=%s told=%s asked=%s", sku, quote.currency, merchant.currency)
            return None
        try:
            return _available(sku, quote, charges=merchant.capability.charges)
        except ValidationError as exc:
            log.warning("price_untellable sku=%s errors=%d", sku, exc.error_count())
            return None


async def _close(merchant: Merchant, session_id: str) -> None:
    """An open session costs nothing and ends by itself: no reason to lose the price that it gave."""
    try:
        await merchant.cancel(session_id)
    except MerchantAwayError as exc:
        log.info("session_left_open session=%s error=%s", session_id, exc)


def _available(sku: str, quote: Quote, *, charges: bool) -> PriceLine:
    return PriceLine(
        sku=sku,
        title=quote.title[:TITLE_CHARS_MAX],
        unit_price_minor=quote.unit_price_minor if charges else None,
        delivery_minor=quote.delivery_minor if charges else None,
        currency=quote.currency,
        available=True,
        list_price_minor=quote.list_price_minor,
        delivery_options=quote.delivered() if charges else (),
    )


def _unavailable(sku: str, *, currency: str, charges: bool) -> PriceLine:
    none = 0 if charges else None
    return PriceLine(sku=sku, title=sku, unit_price_minor=none, delivery_minor=none, currency=currency, available=False)
