"""How a UCP session's delivery is chosen: our address and nobody else's, then the cheapest way there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloud_bridge.core.order import Detail
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.merchant_config import DestinationConfig
from cloud_bridge.merchants.ucp_documents import Checkout, Destination, Group, Method

Addresses = Collection[DestinationConfig]


def selection(checkout: Checkout, address: DestinationConfig) -> dict[str, Any]:
    """The session's `fulfillment` again, delivered to `address` in the cheapest way on offer.

    An update only refers to destinations that the session holds: sent anew, they may come back under another id.
    Raises: MerchantRefusedError when the session does not hold the address.
    """
    return {"methods": [_method(method, address) for method in _methods(checkout)]}


def is_selected(checkout: Checkout, address: DestinationConfig) -> bool:
    """Whether all goods go to `address`, in a chosen way whose price is in the totals."""
    methods = _methods(checkout)
    groups = [group for method in methods for group in method.groups or ()]
    return (
        bool(groups)
        and all(group.selected_option_id for group in groups)
        and all(method.selected_destination_id == _held_id(method, address) for method in methods)
        and any(total.type == "fulfillment" for total in checkout.totals)
    )


def is_elsewhere(checkout: Checkout, addresses: Addresses) -> bool:
    """Whether some goods go to an address that is none of these; a session that names none does not say so."""
    chosen = [
        each
        for method in _methods(checkout)
        for each in method.destinations or ()
        if each.id == method.selected_destination_id
    ]
    return any(not any(_is_at(each, address) for address in addresses) for each in chosen)


def _methods(checkout: Checkout) -> list[Method]:
    return (checkout.fulfillment.methods if checkout.fulfillment else None) or []


def _method(method: Method, address: DestinationConfig) -> dict[str, Any]:
    held_id = _held_id(method, address)
    if held_id is None:
        raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, "the session does not hold the address any more")
    return {
        "id": method.id,
        "type": "shipping",
        "line_item_ids": method.line_item_ids,
        "selected_destination_id": held_id,
        "groups": [{"id": group.id, "selected_option_id": _cheapest(group)} for group in method.groups or ()],
    }


def _held_id(method: Method, address: DestinationConfig) -> str | None:
    matching = [each.id for each in method.destinations or () if _is_at(each, address)]
    chosen = method.selected_destination_id
    return chosen if chosen in matching else next(iter(matching), None)


def _is_at(destination: Destination, address: DestinationConfig) -> bool:
    """The country may be told in lower case, as a real shop does."""
    told = (destination.street_address, destination.postal_code, (destination.address_country or "").upper())
    return told == (address.street_address, address.postal_code, address.address_country)


def _cheapest(group: Group) -> str | None:
    options = sorted(group.options or (), key=lambda option: (option.price_minor, option.id))
    return options[0].id if options else group.selected_option_id
