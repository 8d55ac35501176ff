"""What may be bought instead of the bound product, and from whom: rules that no price overrules.

The household's list names each product, and so its brand and size. Allergens are beside it: where the household avoids
some, a product whose allergens are not known is not accepted. The bound product itself is the household's own choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from edge_agent.core.catalogue import Allergen, Preferences, Product
from edge_agent.core.intent import LIVE, IntentRecord
from edge_agent.core.messages import Reason
from edge_agent.core.said import Said, say

# Source: Regulation (EU) No 1169/2011, Annex II.
ALLERGENS: Mapping[Allergen, Said] = MappingProxyType(
    {
        "gluten": say("gluten"),
        "crustaceans": say("crustaceans"),
        "eggs": say("eggs"),
        "fish": say("fish"),
        "peanuts": say("peanuts"),
        "soybeans": say("soybeans"),
        "milk": say("milk"),
        "nuts": say("nuts"),
        "celery": say("celery"),
        "mustard": say("mustard"),
        "sesame": say("sesame"),
        "sulphites": say("sulphites"),
        "lupin": say("lupin"),
        "molluscs": say("molluscs"),
    }
)


def refused(product: Product, *, preferences: Preferences) -> Reason | None:
    """Why a product is not bought instead of another; None: it may be."""
    if not preferences.avoid_allergens:
        return None
    if product.allergens is None:
        text = say("{product} is not bought instead: your list does not say which allergens it has.",
                   product=product.title)  # fmt: skip
        return Reason("allergens_unknown", text)
    held = next((each for each in ALLERGENS if each in product.allergens and each in preferences.avoid_allergens), None)
    if held is None:
        return None
    text = say(
        "{product} is not bought instead: it has {allergen}, which you avoid.",
        product=product.title,
        allergen=ALLERGENS[held],
    )
    return Reason("allergens", text)


def pinned(orders: Iterable[IntentRecord]) -> str | None:
    """The merchant that a need stays with: it has an order under way there, or one whose outcome nobody knows."""
    return next((order.merchant for order in orders if order.state in LIVE), None)
