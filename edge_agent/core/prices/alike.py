"""Whose prices an item's product is held against: what the household accepts for it, and the same article anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_agent.core.catalogue import Item, Product
from edge_agent.core.messages import Price
from edge_agent.core.prices.fair import Fair, fair


def alike(item: Item, items: Iterable[Item]) -> tuple[Product, ...]:
    """An item's products, and those of other items that are the same articles by their GTIN; each once."""
    gtins = {product.gtin14 for product in item.products} - {None}
    same = (product for other in items for product in other.products if product.gtin14 in gtins)
    named = {(product.merchant, product.sku): product for product in (*same, *item.products)}
    return tuple(named.values())


def held_against(item: Item, asked: Price, prices: Sequence[Price]) -> Fair:
    """The verdict on a price of one of an item's products, by all prices that are known, whatever they are of."""
    accepted = {(product.merchant, product.sku) for product in item.products}
    gtin14 = None if asked.pack is None else asked.pack.gtin14
    others = [
        price
        for price in prices
        if (price.merchant, price.sku) in accepted
        or (gtin14 is not None and price.pack is not None and price.pack.gtin14 == gtin14)
    ]
    return fair(asked, prices, others=others)
