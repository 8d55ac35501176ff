"""How far an order at a Vendure shop has come: counted from its lines and parcels, not from the word for its state.

A shop may have states of its own, and an order with a parcel on its way stays `PaymentAuthorized` until it is settled.
"""

from __future__ import annotations

from cloud_bridge.core.outcome import Followed, Progress
from cloud_bridge.merchants.vendure_documents import Order

_ARRIVED = frozenset({"Delivered"})
_LEFT = frozenset({"Shipped"}) | _ARRIVED


def followed(order: Order, *, page: str | None) -> Followed:
    """The order as it stands now. `page` is where a person can look at it, and cancel it: we cannot."""
    ordered = sum(line.quantity for line in order.lines)
    delivered, shipped = _packed(order, _ARRIVED), _packed(order, _LEFT)
    returned = max(0, delivered - ordered)
    refunded_minor = sum(
        refund.total for payment in order.payments or () for refund in payment.refunds if refund.state == "Settled"
    )
    return Followed(
        _progress(order, ordered=ordered, delivered=delivered, shipped=shipped, refunded_minor=refunded_minor),
        ordered=ordered,
        delivered=delivered,
        returned=returned,
        refunded_minor=refunded_minor,
        substitute_sku=_substitute(order),
        tracking_url=page,
    )


def _progress(order: Order, *, ordered: int, delivered: int, shipped: int, refunded_minor: int) -> Progress:
    if ordered == 0 or order.state == "Cancelled":
        return Progress.RETURNED if delivered else Progress.CANCELLED
    if 0 < order.paid_minor <= refunded_minor:
        return Progress.REFUNDED
    if delivered >= ordered:
        return Progress.DELIVERED
    if delivered:
        return Progress.PARTLY_DELIVERED
    return Progress.SHIPPED if shipped else Progress.PREPARING


def _packed(order: Order, states: frozenset[str]) -> int:
    """How many packs are in parcels in these states."""
    parcels = {parcel.id for parcel in order.fulfillments or () if parcel.state in states}
    return sum(
        packed.quantity
        for line in order.lines
        for packed in line.fulfillment_lines or ()
        if packed.fulfillment_id in parcels
    )


def _substitute(order: Order) -> str | None:
    """What stands in the place of a product that was taken off after the order was placed."""
    gone = any(line.order_placed_quantity and not line.quantity for line in order.lines)
    added = [line.product_variant.sku for line in order.lines if line.quantity and not line.order_placed_quantity]
    return added[0] if gone and len(added) == 1 else None
