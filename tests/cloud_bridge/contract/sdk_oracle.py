"""Judges request bodies by the models of one official UCP SDK; run by the interpreter of its own environment.

Reads `[{"operation", "body"}, ...]` from standard input and prints the faults as a JSON list. A member that a model
does not know is a fault too, unless an extension of UCP brings it in. Nothing of ours is imported here.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

_SHOPPING = "ucp_sdk.models.schemas.shopping"
_MODELS = {
    "01": {
        "create": (f"{_SHOPPING}.checkout_create_req", "CheckoutCreateRequest"),
        "update": (f"{_SHOPPING}.checkout_update_req", "CheckoutUpdateRequest"),
        "complete": (f"{_SHOPPING}.payment_data", "PaymentData"),
        "fulfillment": (f"{_SHOPPING}.types.fulfillment_req", "FulfillmentRequest"),
    },
    "later": {
        "create": (f"{_SHOPPING}.checkout_create_request", "CheckoutCreateRequest"),
        "update": (f"{_SHOPPING}.checkout_update_request", "CheckoutUpdateRequest"),
        "complete": (f"{_SHOPPING}.checkout_complete_request", "CheckoutCompleteRequest"),
        "create.fulfillment": (f"{_SHOPPING}.types.fulfillment_create_request", "FulfillmentCreateRequest"),
        "update.fulfillment": (f"{_SHOPPING}.types.fulfillment_update_request", "FulfillmentUpdateRequest"),
    },
}
# What an extension of UCP, or a merchant's way to pay, adds to a model that is open for it.
_EXTENSIONS = frozenset(
    {
        "fulfillment",
        "ap2",
        "risk_signals",
        "payment.instruments.credential.token",
        "payment_data.credential.token",
        "line_items.item.title",  # the sample merchant of the first version wants it
        "methods.destinations",  # of a shipping method, and the platform's to write
        "methods.id",  # 0.1 has one model for the fulfilment of both requests, and ids only in an update
        "methods.groups.id",
    }
)


def main(version: str) -> None:
    """Judge what comes on standard input."""
    models = _MODELS["01" if version == "2026-01-11" else "later"]
    faults = []
    for n, each in enumerate(json.load(sys.stdin)):
        faults += [f"{n} {each['operation']}: {fault}" for fault in _judge(models, each["operation"], each["body"])]
    sys.stdout.write(json.dumps(faults))


def _judge(models: dict[str, tuple[str, str]], operation: str, body: dict[str, Any]) -> Iterator[str]:
    yield from _check(models[operation], body)
    extension = models.get(f"{operation}.fulfillment") or models.get("fulfillment")
    if "fulfillment" in body and extension is not None:
        yield from _check(extension, body["fulfillment"])


def _check(where: tuple[str, str], body: dict[str, Any]) -> Iterator[str]:
    model = getattr(importlib.import_module(where[0]), where[1])
    try:
        read = model.model_validate(body)
    except ValidationError as exc:
        yield from (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
        return
    yield from (f"{path} is not in {where[1]}" for path in sorted(set(_unknown(read, ""))) if path not in _EXTENSIONS)


def _unknown(value: object, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _unknown(each, path)
    elif isinstance(value, BaseModel):
        inner = f"{path}." if path else ""
        yield from (f"{inner}{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{inner}{name}" if name != "root" else path)


if __name__ == "__main__":
    main(sys.argv[1])
