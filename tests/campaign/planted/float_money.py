"""Planted: the ceiling of an offer is reckoned in binary fractions of the major unit, and rounded to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from edge_agent.core.catalogue import Item, Preferences
from edge_agent.core.leave import terms
from edge_agent.core.leave.terms import Offer


@contextmanager
def planted() -> Iterator[None]:
    """Every offer that is made through `core.terms` has such a ceiling."""
    offer_for = terms.offer_for

    def rounded(item: Item, *asked: Any, preferences: Preferences, **named: Any) -> Offer:  # noqa: ANN401  as it was
        offer = offer_for(item, *asked, preferences=preferences, **named)
        ceiling = offer.total_minor / 100 * (1 + preferences.price_tolerance)
        return replace(offer, total_max_minor=round(ceiling * 100))

    with patch.object(terms, "offer_for", rounded):
        yield
