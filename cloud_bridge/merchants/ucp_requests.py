"""The bodies that we send to a UCP merchant: to open a session, to update it and to complete it.

The same arguments make the same bytes. Nothing that the merchant alone may say stands in a request (CHK-037).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloud_bridge.core.quote import Wanted
from cloud_bridge.merchant_config import UcpConfig
from cloud_bridge.merchants.ucp_delivery import selection
from cloud_bridge.merchants.ucp_documents import Checkout, Line
from cloud_bridge.merchants.ucp_versions import Dialect


def opening(dialect: Dialect, wanted: Wanted, *, config: UcpConfig) -> bytes:
    """The body that opens a session, delivered to the address that the configuration has for it."""
    address = config.destinations[wanted.delivery_ref].model_dump()
    title = {"title": wanted.sku} if dialect.full_bodies else {}
    body = {
        "line_items": [{"item": {"id": wanted.sku, **title}, "quantity": wanted.quantity}],
        **_destination(config, wanted.delivery_ref, address),
        **_common(dialect, config, country=address["address_country"]),
    }
    return packed(body)


def update(dialect: Dialect, checkout: Checkout, wanted: Wanted, *, config: UcpConfig) -> bytes:
    """The body that replaces a session by itself, with the way of delivery chosen that is wanted, or the cheapest.

    Where the address is a member of the session, members that are left out stay, and goods that are named are added.
    Raises: MerchantRefusedError when the session does not hold our address, or the way that is wanted.
    """
    address = config.destinations[wanted.delivery_ref]
    fulfillment = selection(checkout, address, wanted.delivery)
    if config.address_in == "shipping_address":
        kept = {"buyer": _common(dialect, config, country=address.address_country)["buyer"]}
        chosen = {"shipping_address": address.model_dump(), "fulfillment": fulfillment}
        return packed({**kept, **chosen})
    body = {
        "line_items": [_line(line, dialect) for line in checkout.line_items],
        "fulfillment": fulfillment,
        **_common(dialect, config, country=address.address_country),
    }
    return packed({**body, "id": checkout.id} if dialect.full_bodies else body)


def completion(dialect: Dialect, *, config: UcpConfig, token: str, checkout_mandate: str | None = None) -> bytes:
    """The body that asks for the order, paid by an opaque token, or by a payment mandate in its place."""
    instrument: dict[str, Any] = {
        "id": "restock",
        "handler_id": config.payment_handler,
        "type": config.payment_instrument,
        "credential": {"type": "token", config.token_in: token},
    }
    if dialect.payment_data:
        instrument |= {"brand": "token", "last_digits": "0000"}
        return packed({"payment_data": instrument, "risk_signals": {}})
    body: dict[str, Any] = {"payment": {"instruments": [{**instrument, "selected": True}]}}
    return packed(body if checkout_mandate is None else {**body, "ap2": {"checkout_mandate": checkout_mandate}})


def packed(body: Mapping[str, Any]) -> bytes:
    """Compact JSON with sorted names."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _destination(config: UcpConfig, delivery_ref: str, address: dict[str, str]) -> dict[str, Any]:
    if config.address_in == "shipping_address":
        return {"shipping_address": address}
    method = {
        "type": "shipping",
        "destinations": [{"id": delivery_ref, **address}],
        "selected_destination_id": delivery_ref,
    }
    return {"fulfillment": {"methods": [method]}}


def _line(line: Line, dialect: Dialect) -> dict[str, Any]:
    title = {"title": line.item.title} if dialect.full_bodies else {}
    named = {} if line.id is None else {"id": line.id}
    return {**named, "item": {"id": line.item.id, **title}, "quantity": line.quantity}


def _common(dialect: Dialect, config: UcpConfig, *, country: str) -> dict[str, Any]:
    if dialect.full_bodies:
        buyer = {"full_name": config.buyer_name, "email": config.buyer_email}
        return {"buyer": buyer, "currency": config.currency, "payment": {}}
    first, _, last = config.buyer_name.rpartition(" ")
    named = {"first_name": first, "last_name": last} if first else {"first_name": last}
    return {
        "buyer": {**named, "email": config.buyer_email},
        "context": {"address_country": country, "currency": config.currency},
    }
