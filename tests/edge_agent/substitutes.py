"""Milk with two things that may be bought instead of it, for tests of substitutes."""

from __future__ import annotations

from edge_agent.core.catalogue import Item, Product
from tests.edge_agent.samples import MILK

SKIMMED = Product(title="Skimmed milk 0.5 L", merchant="grocer", sku="milk-skimmed-1l", pack_amount=517.5)
OAT = Product(title="Oat drink 1.5 L", merchant="baker", sku="oat-1l", pack_amount=1552.5)


def milk(*substitutes: Product, mode: str = "auto") -> Item:
    """Milk that may be replaced, by skimmed milk and then oat drink unless told otherwise."""
    return MILK.model_copy(update={"substitutes": substitutes or (SKIMMED, OAT), "mode": mode})
