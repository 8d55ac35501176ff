"""What a price is worth, on a question before its button and on an item's page: words, and the last prices as a chart.

Nothing of it is agreed to or signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import Pack, Price, Reason
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prices import shrinking
from edge_agent.core.prices.alike import held_against
from edge_agent.core.prices.fair import Fair
from edge_agent.core.prices.measure import content_of, for_pack
from edge_agent.core.prices.sentences import sentences
from edge_agent.core.prices.shrinking import SHRUNK
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.said import Said
from edge_agent.web.items.charts import PriceChart, price_chart

_SHOWN_MAX = 84  # prices in a chart: twelve weeks of days
_NEWS_FOR = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class PriceCheck:
    """What is said of a price, and the prices of its product, newest first, each as for a pack of that size.

    `shrunk` says that the pack has become smaller: on the first question after it, and for a while on the item's page.
    """

    lines: tuple[Reason, ...] = ()
    prices: tuple[Price, ...] = ()
    chart: PriceChart | None = None
    shrunk: tuple[Reason, ...] = ()

    @property
    def lowest_minor(self) -> int:
        """The lowest price that the chart shows."""
        return min(price.pack_minor for price in self.prices)

    @property
    def highest_minor(self) -> int:
        """The highest one."""
        return max(price.pack_minor for price in self.prices)


def of_question(prompt: PromptRecord, known: ItemOverview | None, *, name: Callable[[datetime], Said]) -> PriceCheck:
    """The check of a question's price, by what was known when it was asked: it says the same for ever."""
    told = tuple(reason for reason in prompt.reasons if reason.code == SHRUNK)
    prices = [price for price in known.prices if price.fetched_at <= prompt.created_at] if known else []
    asked = _asked(prompt, prices)
    if known is None or asked is None:
        return PriceCheck(shrunk=told)
    return _check(known.item, asked, prices, name=name, shrunk=told)


def of_item(known: ItemOverview, *, name: Callable[[datetime], Said]) -> PriceCheck:
    """The check of the newest price at which the bound product could be had."""
    product = known.item.product
    bound = (price for price in known.prices if (price.merchant, price.sku) == (product.merchant, product.sku))
    newest = next((price for price in bound if price.available and price.charges), None)
    if newest is None:
        return PriceCheck()
    step = shrinking.shrunk(newest, known.prices)
    is_new = step is not None and newest.fetched_at - step.at <= _NEWS_FOR
    told = (shrinking.reason(step, title=product.title),) if step is not None and is_new else ()
    return _check(known.item, newest, known.prices, name=name, shrunk=told)


def _asked(prompt: PromptRecord, prices: Sequence[Price]) -> Price | None:
    """The price that a question was made from, for the pack that its offer names."""
    offer = prompt.offer
    listed = (
        price
        for price in prices
        if (price.merchant, price.sku, price.currency) == (offer.merchant, offer.sku, offer.currency)
    )
    newest = next((price for price in listed if price.available and price.charges), None)
    if newest is None:
        return None
    pack = Pack(offer.title, offer.pack_amount, offer.unit, None if newest.pack is None else newest.pack.gtin14)
    claimed = newest.list_price_minor if newest.unit_price_minor == offer.unit_price_minor else None
    return replace(newest, unit_price_minor=offer.unit_price_minor, list_price_minor=claimed, pack=pack)


def _check(
    item: Item,
    asked: Price,
    prices: Sequence[Price],
    *,
    name: Callable[[datetime], Said],
    shrunk: tuple[Reason, ...],
) -> PriceCheck:
    found = held_against(item, asked, prices)
    titles = {(product.merchant, product.sku): product.title for product in item.products}
    shown = _shown(asked, prices)
    return PriceCheck(
        lines=sentences(found, currency=asked.currency, titles=titles),
        prices=shown,
        chart=price_chart(shown, name=name, usual=_usual(found)),
        shrunk=shrunk,
    )


def _shown(asked: Price, prices: Sequence[Price]) -> tuple[Price, ...]:
    size = content_of(asked.pack)
    mine = [
        price if size is None else for_pack(price, size)
        for price in prices
        if price.available
        and price.charges
        and (price.merchant, price.sku, price.currency) == (asked.merchant, asked.sku, asked.currency)
    ]
    return tuple(mine[:_SHOWN_MAX])


def _usual(found: Fair) -> tuple[int, int] | None:
    return None if found.own is None else (found.own.low_minor, found.own.high_minor)
