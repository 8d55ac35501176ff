"""The price list: one pack of each product, priced by the merchant with delivery, and not bought.

Each price comes from a session of its own, which is closed again. Asked once a day for all bound products, so that
the question says nothing about what runs low.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantRefusedError, TermsRefusedError
from cloud_bridge.ports import Clock, Merchant, Merchants
from cloud_bridge.wire import PriceLine, PriceList, PriceQuery

log = logging.getLogger(__name__)

_PARALLEL = 3
_TITLE_CHARS_MAX = 200


class PriceDesk:
    """Asks merchants for prices. `new_key` makes the idempotency key of each session."""

    def __init__(self, merchants: Merchants, *, clock: Clock, new_key: Callable[[], str]) -> None:
        self._merchants = merchants
        self._clock = clock
        self._new_key = new_key

    async def list_prices(self, query: PriceQuery) -> PriceList:
        """Today's price of one pack of each sku, in the order asked.

        Raises: TermsRefusedError for an unknown merchant or address; MerchantAwayError when it gives no answer.
        """
        merchant = self._merchants.get(query.merchant)
        if merchant is None or not merchant.delivers_to(query.delivery_ref):
            raise TermsRefusedError(f"there is no merchant {query.merchant} that delivers to {query.delivery_ref}")
        free = asyncio.Semaphore(_PARALLEL)

        async def ask(sku: str) -> PriceLine:
            async with free:
                return await self._price(merchant, sku, delivery_ref=query.delivery_ref)

        lines = await asyncio.gather(*(ask(sku) for sku in query.skus))
        return PriceList(merchant=query.merchant, at=self._clock.now(), lines=tuple(lines))

    async def _price(self, merchant: Merchant, sku: str, *, delivery_ref: str) -> PriceLine:
        try:
            quote = await merchant.quote(Wanted(sku, 1, delivery_ref), key=self._new_key())
        except MerchantRefusedError as exc:
            log.info("price_unavailable sku=%s code=%s", sku, exc.code)
            return _unavailable(sku, currency=merchant.currency)
        await merchant.cancel(quote.session_id)
        return PriceLine(
            sku=sku,
            title=quote.title[:_TITLE_CHARS_MAX],
            unit_price_minor=quote.unit_price_minor,
            delivery_minor=quote.delivery_minor,
            currency=quote.currency,
            available=True,
        )


def _unavailable(sku: str, *, currency: str) -> PriceLine:
    return PriceLine(sku=sku, title=sku, unit_price_minor=0, delivery_minor=0, currency=currency, available=False)
