"""The consent receipt: what a person agreed to in words of the home, kept here and nowhere else.

The terms that go to the bridge carry only its salted SHA-256. So the household's signature covers the item, the pack
and the person, and nobody outside learns them. Whoever has the receipt can show that the signature meant this.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import rfc8785

from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import ItemId, PromptId


@dataclass(frozen=True, slots=True)
class ConsentReceipt:
    """One leave. `by` names everyone who agreed; for a draw, who made and who confirmed the mandate.

    `instead_of` is the title of the product that `title` stands in for; None where it is the household's own choice.
    The way of delivery is as its merchant tells it, with the place where goods are fetched; left out where it has none.

    Units: `pack_amount` in `unit` (UCUM); `shown_total_minor` in minor units of `currency`.
    """

    item: ItemId
    item_name: str
    title: str
    pack_amount: float
    unit: str
    quantity: int
    prompt: PromptId
    by: tuple[str, ...]
    kind: Literal["approval", "draw"]
    mandate: str | None
    shown_total_minor: int
    currency: str
    at: datetime
    salt: str
    instead_of: str | None = None
    delivery_option: str | None = None
    delivery_kind: str | None = None
    delivery_title: str | None = None
    delivery_place: str | None = None


_WHERE_NAMED = ("delivery_option", "delivery_kind", "delivery_title", "delivery_place")


def receipt_for(
    offer: Offer,
    *,
    item: ItemId,
    item_name: str,
    prompt: PromptId,
    by: tuple[str, ...],
    mandate: str | None,
    at: datetime,
    salt: str,
) -> ConsentReceipt:
    """The receipt of a leave for exactly this offer. `salt` is 128 random bits in hex."""
    return ConsentReceipt(
        item=item,
        item_name=item_name,
        title=offer.title,
        pack_amount=offer.pack_amount,
        unit=offer.unit,
        quantity=offer.quantity,
        prompt=prompt,
        by=by,
        kind="approval" if mandate is None else "draw",
        mandate=mandate,
        shown_total_minor=offer.total_minor,
        currency=offer.currency,
        at=at,
        salt=salt,
        instead_of=offer.instead_of,
        delivery_option=offer.delivery_option,
        delivery_kind=offer.delivery_kind,
        delivery_title=offer.delivery_title,
        delivery_place=offer.delivery_place,
    )


def canonical_receipt(receipt: ConsentReceipt) -> bytes:
    """RFC 8785 canonical JSON: the bytes that are kept, and whose hash is signed."""
    fields = asdict(receipt) | {"by": list(receipt.by), "at": receipt.at.astimezone(UTC).isoformat()}
    return rfc8785.dumps({name: told for name, told in fields.items() if told is not None or name not in _WHERE_NAMED})


def consent_hash(receipt: bytes) -> str:
    """SHA-256 in hex of a kept receipt."""
    return hashlib.sha256(receipt).hexdigest()
