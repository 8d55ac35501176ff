"""Each merchant of the home as its own orders tell: gathered once, for the page and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.core.choosing.dealing import Dealing, dealing, says_something
from edge_agent.core.choosing.scorecard import Scorecard, scorecard
from edge_agent.core.deciding.lead_time import ORDERS_MAX, LeadTime, lead_time
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import Price
from edge_agent.core.overview import ItemOverview
from edge_agent.web.moments import Moments
from edge_agent.web.parts import WebParts

MERCHANTS_MAX = 50
PRODUCTS_MAX = 5
_ORDERS_MAX = 1_000  # of all merchants, the newest ones


@dataclass(frozen=True, slots=True)
class MerchantView:
    """One merchant. `dealings` are the orders that it is judged by, newest first; `products` what they were for.

    `merchant_class` is as the order service said last, None before it did. `is_list`: nothing is paid there.
    """

    merchant: str
    merchant_class: str | None
    is_list: bool
    currencies: tuple[str, ...]
    products: tuple[tuple[str, int], ...]
    dealings: tuple[Dealing, ...]
    card: Scorecard
    lead: LeadTime


def merchant_views(parts: WebParts, moments: Moments) -> list[MerchantView]:
    """Who was ordered from, newest first, and then who is on the household's list."""
    orders, items = parts.overview.intents(limit=_ORDERS_MAX), parts.overview.items()
    named = [order.merchant for order in orders if says_something(order)]
    listed = [product.merchant for known in items for product in known.item.products if product.can_be_ordered]
    names = list(dict.fromkeys([*named, *listed]))[:MERCHANTS_MAX]
    return [_view(name, orders, list(_prices(items, name)), parts=parts, moments=moments) for name in names]


def _view(
    merchant: str, orders: Sequence[IntentRecord], prices: Sequence[Price], *, parts: WebParts, moments: Moments
) -> MerchantView:
    judged = [one for one in orders if one.merchant == merchant and says_something(one)][:ORDERS_MAX]
    asked = {one.id: parts.overview.prompt(one.prompt) for one in judged}
    dealings = tuple(dealing(one, asked[one.id]) for one in judged)
    bought = Counter(prompt.offer.title for prompt in asked.values() if prompt is not None)
    on_list = [prompt.offer.is_listed for prompt in asked.values() if prompt is not None]
    paid = [price.charges for price in prices]
    return MerchantView(
        merchant=merchant,
        merchant_class=parts.merchants.merchant_class(merchant),
        is_list=bool(on_list or paid) and all(on_list) and not any(paid),
        currencies=tuple(dict.fromkeys([*(one.currency for one in judged), *(one.currency for one in prices)])),
        products=tuple(bought.most_common(PRODUCTS_MAX)),
        dealings=dealings,
        card=scorecard(dealings, merchant=merchant, now=moments.now(), zone=moments.zone),
        lead=lead_time(
            orders,
            merchant=merchant,
            expected_d=float(parts.settings.preferences().lead_time_d),
            now=moments.now(),
        ),
    )


def _prices(items: Sequence[ItemOverview], merchant: str) -> Iterator[Price]:
    for known in items:
        yield from (price for price in known.prices if price.merchant == merchant)
