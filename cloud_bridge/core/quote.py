"""What a merchant offers for one product, and whether it still is what the household agreed to. Minor units."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open, Placed
from cloud_bridge.wire import MINOR_MAX, DeliveryChoice, DeliveryOption, Terms, figures


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask a merchant for; `delivery_ref` names an address that the merchant's configuration holds.

    `delivery` is the way that it must come, and no other; None: the cheapest one to the door.
    """

    sku: str
    quantity: int
    delivery_ref: str
    delivery: DeliveryChoice | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced session at the merchant. The connector has checked that the parts make the total.

    `unit_price_minor` is net of discounts, in whole minor units. `delivery_minor` is the rest of the total: delivery,
    tax, fees, and what of a discount does not divide by the quantity. Neither is below zero. `list_price_minor` is what
    the merchant says a pack costs otherwise, where it says so; nothing is ever agreed to by it.

    It is priced for the goods coming by `delivery`, one of the `deliveries` on offer, each at the merchant's own price
    for it. None and none where the merchant names no ways.
    """

    session_id: str
    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    delivery_minor: int
    total_minor: int
    currency: str
    list_price_minor: int | None = None
    delivery: DeliveryChoice | None = None
    deliveries: tuple[DeliveryOption, ...] = ()

    def delivered(self) -> tuple[DeliveryOption, ...]:
        """The ways on offer, each at what is paid on top of the goods if they come so.

        What comes on top of this way's own price (tax, fees) is taken to come on top of each.
        """
        own_minor = next((each.price_minor for each in self.deliveries if each.choice == self.delivery), None)
        if own_minor is None:
            return ()
        paid = [(each, each.price_minor + self.delivery_minor - own_minor) for each in self.deliveries]
        return tuple(each.model_copy(update={"price_minor": minor}) for each, minor in paid if 0 <= minor <= MINOR_MAX)


def wanted_by(terms: Terms) -> Wanted:
    """What the household agreed to, as a merchant is asked for it."""
    return Wanted(terms.sku, terms.quantity, terms.delivery_ref, terms.delivery_option)


def broken_term(quote: Quote, terms: Terms) -> Detail | None:
    """Why this quote may not be paid under these terms, or None.

    A dearer unit or delivery is fine under the ceiling, which holds the household's tolerance; nothing else may differ.
    Where a way of delivery was agreed to, that is the one by which it is priced. The title must have the numbers that
    it had: another number is another pack. A title without one says nothing.
    """
    told = figures(quote.title)
    is_another_pack = None not in {told, terms.title_figures} and told != terms.title_figures
    same = (quote.sku, quote.quantity, quote.currency) == (terms.sku, terms.quantity, terms.currency)
    other_way = terms.delivery_option is not None and quote.delivery != terms.delivery_option
    if not same or other_way or is_another_pack or quote.total_minor > terms.total_max_minor:
        return Detail.TERMS_CHANGED
    return None


def is_within(session: Open, terms: Terms) -> bool:
    """Whether an order of this open session would cost, as it is priced now, no more than the household agreed to."""
    if session.total_minor is None or session.currency != terms.currency:
        return False
    return session.total_minor <= terms.total_max_minor


def charge_detail(placed: Placed, terms: Terms) -> Detail | None:
    """What the household must be told about a charge: that it is over the ceiling, or in another currency."""
    over = placed.currency != terms.currency or placed.total_minor > terms.total_max_minor
    return Detail.CHARGED_ABOVE_LIMIT if over else None
