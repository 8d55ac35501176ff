"""Products that a device names itself for what it uses up: suggestions to a person, never an order.

Only a number whose GS1 check digit is right comes out. A maker's own number (`oem`) says nothing without a catalogue.

Source: Matter Application Clusters, Resource Monitoring (ReplacementProductStruct, ProductIdentifierTypeEnum).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType

from pydantic import ValidationError

from edge_agent.core.decoding.payload import Found, Tree, pointer_steps, selector
from edge_agent.core.messages import Suggestion
from edge_agent.core.profile import Product, Profile

_TYPES: MappingProxyType[int, str] = MappingProxyType({0: "upc", 1: "gtin8", 2: "ean", 3: "gtin14"})
_FIELDS = (("0", "1"), ("productIdentifierType", "productIdentifierValue"))
_LISTED_MAX = 5  # of one consumable, by the same source


def suggester(profile: Profile) -> Callable[[Tree], tuple[Suggestion, ...]] | None:
    """A function from a tree to what it suggests; None where the profile reads no such list."""
    places = [
        (name, selector(pointer_steps(each.products_from)))
        for name, each in profile.consumables.items()
        if each.products_from is not None
    ]
    if not places:
        return None
    return lambda tree: tuple([each for name, find in places for each in _verified(name, find(tree))])


def _verified(consumable: str, listed: Found) -> Iterator[Suggestion]:
    for each in listed[:_LISTED_MAX] if isinstance(listed, list) else ():
        if isinstance(each, dict):
            for kind_at, code_at in _FIELDS:
                suggestion = _suggestion(consumable, each.get(kind_at), each.get(code_at))
                if suggestion is not None:
                    yield suggestion


def _suggestion(consumable: str, kind: Tree, code: Tree) -> Suggestion | None:
    if type(kind) is not int or kind not in _TYPES or not isinstance(code, str):
        return None
    try:
        product = Product.model_validate({"type": _TYPES[kind], "value": code})
    except ValidationError:
        return None
    return Suggestion(consumable, product.type, product.value)
