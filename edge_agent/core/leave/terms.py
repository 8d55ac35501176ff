"""The terms of one order: what a person sees before the button, and the bytes that the household signs.

Amounts are integer minor units. The bridge's wire model is the shape; here stands how terms come to be and what a
changed price does to them. Nothing here signs: the key is an adapter's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Literal

import rfc8785

from cloud_bridge.wire import DeliveryChoice, Terms, Verdict, figures
from edge_agent.core.catalogue import DeliveryKind, Item, Preferences, Product
from edge_agent.core.messages import IntentId, Price, PriceElsewhere, Propose
from edge_agent.errors import BugError

__all__ = [
    "OFFER_TTL",
    "Leave",
    "Offer",
    "Terms",
    "canonical",
    "elsewhere",
    "newest_price",
    "offer_for",
    "price_of",
    "seal",
    "terms_hash",
]

OFFER_TTL = timedelta(days=3)
PACKS_MAX = 99

Leave = Literal["approval", "draw"]


@dataclass(frozen=True, slots=True)
class Offer:
    """The binding part of a prompt, fixed when it is asked: what the page shows is what is agreed to.

    Units: amounts in minor units of `currency`; `pack_amount` in `unit` (UCUM). `instead_of` is the title of the bound
    product where this one stands in for it. `title`, `pack_amount`, `unit` and `instead_of` stay at home: the consent
    receipt binds them. `on_list`: it goes on a list that the household shops from, so nothing is ordered or paid and
    every amount is 0; None: a merchant sells it. `title_figures` are the numbers in the merchant's own title
    (`wire.figures`), by which the bridge notices another pack under the same article; None: it had none.

    It comes by the merchant's `delivery_option`, or not at all; None: as the merchant chooses. `delivery_kind`, its
    title, where it is fetched and between which days it comes are as the merchant told them, None where it did not.
    """

    merchant: str
    sku: str
    title: str
    pack_amount: float
    unit: str
    quantity: int
    unit_price_minor: int
    delivery_minor: int
    total_minor: int
    total_max_minor: int
    currency: str
    delivery_ref: str
    deliver_by: date
    expires_at: datetime
    hold_s: int
    instead_of: str | None = None
    on_list: Literal[True] | None = None
    title_figures: str | None = None
    delivery_option: str | None = None
    delivery_kind: DeliveryKind | None = None
    delivery_title: str | None = None
    delivery_place: str | None = None
    delivery_earliest: date | None = None
    delivery_latest: date | None = None

    @property
    def delivery(self) -> DeliveryChoice | None:
        """The way that it comes, as it stands in signed terms."""
        if self.delivery_option is None:
            return None
        return DeliveryChoice(id=self.delivery_option, kind=self.delivery_kind)

    @property
    def is_listed(self) -> bool:
        """Whether it goes on a list, and costs nothing."""
        return self.on_list is True and self.total_max_minor == 0


def newest_price(item: Item, prices: Iterable[Price]) -> Price | None:
    """Of prices that are newest first, the first one of the product that is bound to the item now."""
    return price_of(item.product, prices)


def price_of(product: Product, prices: Iterable[Price]) -> Price | None:
    """Of prices that are newest first, the first one of this product."""
    wanted = (product.merchant, product.sku)
    return next((price for price in prices if (price.merchant, price.sku) == wanted), None)


def offer_for(item: Item, price: Price, decision: Propose, *, preferences: Preferences, now: datetime) -> Offer:
    """The offer that answers a proposal at today's list price; it names the product that the proposal does.

    The ceiling is the total plus the household's tolerance, rounded down: never a cent more than was agreed to.
    Whatever a forecast led to, no more is offered than the home has room for.

    Raises: BugError for a product that nobody can order; nothing decides to buy such a one.
    """
    product = decision.product or item.product
    if not product.can_be_ordered:
        raise BugError(f"an offer of {item.id}, whose product names no merchant")
    packs = max(1, min(decision.packs, item.room_for(product), PACKS_MAX))
    total_minor = price.order_minor(packs)
    way = price.delivery
    tolerance = Fraction(str(preferences.price_tolerance))
    return Offer(
        merchant=product.merchant,
        sku=product.sku,
        title=product.title,
        pack_amount=product.pack_amount,
        unit=item.unit,
        quantity=packs,
        unit_price_minor=price.unit_price_minor or 0,
        delivery_minor=price.delivery_minor or 0,
        total_minor=total_minor,
        total_max_minor=int(total_minor * (1 + tolerance)),
        currency=price.currency,
        delivery_ref=preferences.delivery_ref,
        deliver_by=_deliver_by(price, preferences=preferences, now=now),
        expires_at=now + OFFER_TTL,
        hold_s=preferences.hold_s,
        instead_of=None if product == item.product else item.product.title,
        on_list=None if price.charges else True,
        title_figures=None if price.pack is None else figures(price.pack.title),
        delivery_option=None if way is None else way.id,
        delivery_kind=None if way is None else way.kind,
        delivery_title=None if way is None else way.title,
        delivery_place=None if way is None else way.place,
        delivery_earliest=None if way is None else way.earliest_on,
        delivery_latest=None if way is None else way.latest_on,
    )


def _deliver_by(price: Price, *, preferences: Preferences, now: datetime) -> date:
    """The last day promised for the way that it comes, or what the household expects; not before tomorrow."""
    tomorrow = (now + timedelta(days=1)).date()
    if price.delivery is not None and price.delivery.latest_on is not None:
        return max(tomorrow, price.delivery.latest_on)
    return max(tomorrow, (now + timedelta(days=preferences.lead_time_d)).date())


def elsewhere(offer: Offer, price: PriceElsewhere, *, delivery_ref: str, deliver_by: date, tolerance: float) -> Offer:
    """The same goods until the same moment, brought to another place by another day at what that costs.

    By which way they come there the merchant chooses: the one that was agreed to leads home.
    """
    total_minor = offer.quantity * price.unit_price_minor + price.delivery_minor
    return replace(
        offer,
        unit_price_minor=price.unit_price_minor,
        delivery_minor=price.delivery_minor,
        total_minor=total_minor,
        total_max_minor=int(total_minor * (1 + Fraction(str(tolerance)))),
        delivery_ref=delivery_ref,
        deliver_by=deliver_by,
        delivery_option=None,
        delivery_kind=None,
        delivery_title=None,
        delivery_place=None,
        delivery_earliest=None,
        delivery_latest=None,
    )


def seal(
    offer: Offer,
    *,
    intent_id: IntentId,
    household: str,
    hub: str,
    customer_ref: str,
    nonce: str,
    leave: Leave,
    consent_hash: str,
    handover: int,
) -> Terms:
    """The offer as the terms of one intent, ready to be signed.

    `consent_hash` is that of the receipt (`core.leave.receipt`), `handover` the number that the store gives next.
    """
    return Terms(
        intent_id=intent_id,
        household=household,
        hub=hub,
        merchant=offer.merchant,
        sku=offer.sku,
        quantity=offer.quantity,
        unit_price_minor=offer.unit_price_minor,
        delivery_minor=offer.delivery_minor,
        total_minor=offer.total_minor,
        total_max_minor=offer.total_max_minor,
        currency=offer.currency,
        delivery_ref=offer.delivery_ref,
        customer_ref=customer_ref,
        deliver_by=offer.deliver_by,
        offer_expires_at=offer.expires_at,
        nonce=nonce,
        hold_s=offer.hold_s,
        leave=leave,
        consent_hash=consent_hash,
        handover=handover,
        title_figures=offer.title_figures,
        delivery_option=offer.delivery,
    )


def canonical(said: Terms | Verdict) -> bytes:
    """RFC 8785 canonical JSON of what the household says to the bridge: the bytes that are signed."""
    return rfc8785.dumps(said.model_dump(mode="json"))


def terms_hash(offer: Offer) -> str:
    """SHA-256 in hex over the offer's fields: what a page shows equals what is approved, or the approval is stale.

    A field that says nothing is left out, so that the hash of a question that was asked before it existed still holds.
    """
    said = {name: getattr(offer, name) for name in offer.__dataclass_fields__}
    fields = {name: str(value) for name, value in said.items() if value is not None}
    return hashlib.sha256(rfc8785.dumps(fields)).hexdigest()
