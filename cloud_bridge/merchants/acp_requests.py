"""The bodies that we send to an ACP merchant: to open a session, to update it and to complete it.

The same arguments make the same bytes. A member is there or absent, never null: null would clear a field.
Source: ACP 2026-04-17, `CheckoutSessionCreateRequest` and its neighbours. An item there has no quantity (and the
schema is closed): as many are wanted as there are items of the same id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloud_bridge.core.quote import Wanted
from cloud_bridge.merchant_config import AcpConfig
from cloud_bridge.merchants.acp_documents import Checkout, Option

QUANTITY_MAX = 200  # one item each: more would make a body that nobody wants to read


def opening(wanted: Wanted, *, config: AcpConfig) -> bytes:
    """The body that opens a session, delivered to the address that the configuration has for it."""
    return _packed(
        {
            "line_items": [{"id": wanted.sku}] * wanted.quantity,
            "currency": config.currency.lower(),
            "capabilities": {"interventions": {"supported": []}},
            "buyer": _buyer(config),
            "fulfillment_details": _details(config, wanted.delivery_ref),
        }
    )


def update(checkout: Checkout, wanted: Wanted, *, config: AcpConfig, way: Option | None) -> bytes:
    """The body that says the address again, so that the merchant prices the session anew, and chooses a `way`."""
    body: dict[str, Any] = {"fulfillment_details": _details(config, wanted.delivery_ref)}
    if way is not None:
        body["selected_fulfillment_options"] = [
            {"type": way.type, "option_id": way.id, "item_ids": _travelling(checkout)}
        ]
    return _packed(body)


def completion(*, config: AcpConfig, token: str) -> bytes:
    """The body that asks for the order, paid by an opaque token."""
    instrument = {
        "type": config.payment_instrument,
        "credential": {"type": config.payment_credential, "token": token},
    }
    return _packed(
        {"buyer": _buyer(config), "payment_data": {"handler_id": config.payment_handler, "instrument": instrument}}
    )


def _travelling(checkout: Checkout) -> list[str]:
    """The lines, by the ids that the merchant itself selects by where it did; the specification has both."""
    selected = {item_id for each in checkout.selected_fulfillment_options or () for item_id in each.item_ids}
    by_item = selected and selected <= {line.item.id for line in checkout.line_items}
    return list(dict.fromkeys(line.item.id if by_item else line.id for line in checkout.line_items))


def _buyer(config: AcpConfig) -> dict[str, str]:
    first, _, last = config.buyer_name.rpartition(" ")
    named = {"first_name": first, "last_name": last} if first else {"full_name": last}
    return {**named, "email": config.buyer_email}


def _details(config: AcpConfig, delivery_ref: str) -> dict[str, Any]:
    place = config.destinations[delivery_ref]
    address = {
        "name": config.buyer_name,
        "line_one": place.street_address,
        "city": place.address_locality,
        "state": place.address_region,
        "postal_code": place.postal_code,
        "country": place.address_country,
    }
    return {"name": config.buyer_name, "email": config.buyer_email, "address": address}


def _packed(body: Mapping[str, Any]) -> bytes:
    """Compact JSON with sorted names."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
