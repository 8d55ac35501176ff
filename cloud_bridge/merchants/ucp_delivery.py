"""How a UCP session's delivery is chosen: our address and nobody else's, and the way agreed to, or the cheapest.

Goods that are shipped go to our address. They are only fetched somewhere where that was agreed to; such a way is named
by the place and its option there, since either alone may stand for several.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cloud_bridge.core.order import Detail
from cloud_bridge.errors import MerchantRefusedError
from cloud_bridge.merchant_config import DestinationConfig
from cloud_bridge.merchants.deliveries import choice, gone, offered, option
from cloud_bridge.merchants.ucp_documents import Checkout, Destination, Group, Method
from cloud_bridge.merchants.ucp_documents import Option as Way
from cloud_bridge.wire import DeliveryChoice, DeliveryKind, DeliveryOption

# Source: UCP fulfillment extension, `fulfillment_method.type`. A place to fetch goods at may be a shop or a locker.
_KINDS: dict[object, DeliveryKind] = {"shipping": "standard", "pickup": "pick_up_point"}
_PICK_UP = "pickup"

Addresses = Collection[DestinationConfig]


def selection(checkout: Checkout, address: DestinationConfig, wanted: DeliveryChoice | None = None) -> dict[str, Any]:
    """The session's `fulfillment` again, in the way that is `wanted`; None: delivered to `address` in the cheapest way.

    An update only refers to destinations that the session holds: sent anew, they may come back under another id. Until
    a session tells any ways, it is only delivered to the address.
    Raises: MerchantRefusedError when the session does not hold the address, or offers other ways than the wanted one.
    """
    methods = _methods(checkout)
    if wanted is not None and any(_ways(group) for method in methods for group in method.groups or ()):
        if all(each.choice != wanted for each in deliveries(checkout)):
            raise gone(wanted)
        if _is_to_be_fetched(wanted):
            return {"methods": [_fetched(checkout, method, wanted) for method in methods if _offers(method, wanted)]}
    return {"methods": [_method(method, address, wanted) for method in _shipped(checkout)]}


def is_selected(checkout: Checkout, address: DestinationConfig, wanted: DeliveryChoice | None = None) -> bool:
    """Whether all goods come in the way that is `wanted`, or in a chosen one to `address`, and its price is told."""
    if wanted is not None and chosen(checkout) != wanted:
        return False
    if not any(total.type == "fulfillment" for total in checkout.totals):
        return False
    if wanted is not None and _is_to_be_fetched(wanted):
        return True
    shipped = _shipped(checkout)
    groups = [group for method in shipped for group in method.groups or ()]
    return (
        bool(groups)
        and all(group.selected_option_id for group in groups)
        and all(method.selected_destination_id == _held_id(method, address) for method in shipped)
        and not any(_is_chosen(method) for method in _methods(checkout) if _is_fetched(method))
    )


def chosen(checkout: Checkout) -> DeliveryChoice | None:
    """The way that is chosen for all goods; None where there are several, or it has no name that can be agreed to."""
    ways = [
        choice(_name(method, group.selected_option_id or ""), _kind(method))
        for method in _methods(checkout)
        if _is_chosen(method)
        for group in method.groups or ()
    ]
    return ways[0] if len(ways) == 1 else None


def deliveries(checkout: Checkout) -> tuple[DeliveryOption, ...]:
    """The ways on offer for the goods, all of which travel together; none where they travel apart."""
    if len(_shipped(checkout)) > 1:
        return ()
    whole = [method for method in _methods(checkout) if len(method.groups or ()) == 1]
    return offered(_option(method, way) for method in whole for group in method.groups or () for way in _ways(group))


def _option(method: Method, way: Way) -> DeliveryOption | None:
    place = next((each for each in method.destinations or () if each.id == method.selected_destination_id), None)
    return option(
        _name(method, way.id),
        kind=_kind(method),
        price_minor=way.price_minor,
        title=way.title,
        earliest=way.earliest_fulfillment_time,
        latest=way.latest_fulfillment_time,
        place=place.name if place is not None and _is_fetched(method) else None,
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


def _shipped(checkout: Checkout) -> list[Method]:
    return [method for method in _methods(checkout) if not _is_fetched(method)]


def _is_fetched(method: Method) -> bool:
    return method.type == _PICK_UP


def _is_chosen(method: Method) -> bool:
    return bool(method.groups) and all(group.selected_option_id for group in method.groups or ())


def _kind(method: Method) -> DeliveryKind | None:
    return _KINDS.get(method.type) if isinstance(method.type, str) else None


def _name(method: Method, option_id: str) -> str:
    return f"{method.selected_destination_id or ''}/{option_id}" if _is_fetched(method) else option_id


def _ways(group: Group) -> list[Way]:
    return group.options or []


def _is_to_be_fetched(wanted: DeliveryChoice) -> bool:
    return wanted.kind == _KINDS[_PICK_UP]


def _offers(method: Method, wanted: DeliveryChoice) -> bool:
    named = (choice(_name(method, way.id), _kind(method)) for group in method.groups or () for way in _ways(group))
    return wanted in named


def _method(method: Method, address: DestinationConfig, wanted: DeliveryChoice | None) -> dict[str, Any]:
    held_id = _held_id(method, address)
    if held_id is None:
        raise MerchantRefusedError(Detail.ADDRESS_UNDELIVERABLE, "the session does not hold the address any more")
    agreed = wanted if wanted is not None and _offers(method, wanted) else None
    chosen_ids = [(group.id, _cheapest(group) if agreed is None else agreed.id) for group in method.groups or ()]
    return {
        "id": method.id,
        "type": "shipping",
        "line_item_ids": method.line_item_ids,
        "selected_destination_id": held_id,
        "groups": [{"id": group_id, "selected_option_id": option_id} for group_id, option_id in chosen_ids],
    }


def _fetched(checkout: Checkout, method: Method, wanted: DeliveryChoice) -> dict[str, Any]:
    """All goods fetched in the way that is wanted, which this method offers."""
    option_id = wanted.id.removeprefix(_name(method, ""))
    return {
        "id": method.id,
        "type": _PICK_UP,
        "line_item_ids": [line.id for line in checkout.line_items if line.id is not None],
        "selected_destination_id": method.selected_destination_id,
        "groups": [{"id": group.id, "selected_option_id": option_id} for group in method.groups or ()],
    }


def _held_id(method: Method, address: DestinationConfig) -> str | None:
    matching = [each.id for each in method.destinations or () if _is_at(each, address)]
    chosen_id = method.selected_destination_id
    return chosen_id if chosen_id in matching else next(iter(matching), None)


def _is_at(destination: Destination, address: DestinationConfig) -> bool:
    """The country may be told in lower case, as a real shop does."""
    told = (destination.street_address, destination.postal_code, (destination.address_country or "").upper())
    return told == (address.street_address, address.postal_code, address.address_country)


def _cheapest(group: Group) -> str | None:
    options = sorted(group.options or (), key=lambda way: (way.price_minor, way.id))
    return options[0].id if options else group.selected_option_id
