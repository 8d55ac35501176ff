"""The terms that a page showed, carried by its form, so that a page grown stale can be laid beside the terms of now.

They are for looking at only: what is approved is told by the hash, and terms that do not fit the hash are not shown.
"""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from edge_agent.core.leave.terms import Offer, terms_hash

_CHARS_MAX = 8_000
_OFFER: TypeAdapter[Offer] = TypeAdapter(Offer)


def carried(offer: Offer) -> str:
    """The terms as a form field holds them."""
    return _OFFER.dump_json(offer, exclude_none=True).decode()


def seen(text: str, *, by_hash: str) -> Offer | None:
    """The terms that a form brought back; None where they are not exactly those with this hash."""
    if not 0 < len(text) <= _CHARS_MAX:
        return None
    try:
        offer = _OFFER.validate_json(text, strict=True)
    except ValidationError:
        return None
    return offer if terms_hash(offer) == by_hash else None
