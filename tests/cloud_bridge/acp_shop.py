"""A fake shop in this process that speaks ACP, written from the specification, and strict about every request.

It shares no code with the connector. A request without its headers is refused; one whose body is not what the schema
has is refused with its fault; every body is kept. It answers a key that comes again as the RFC's section 6 has it:
the first answer for the same body, 422 for another one, and nothing kept of a 5xx.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from pydantic import SecretStr

from cloud_bridge.merchant_config import AcpConfig
from cloud_bridge.merchants.acp import AcpMerchant
from cloud_bridge.merchants.acp_channel import AcpChannel
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.payment_tokens import StandingToken
from tests.cloud_bridge.acp_schema import faults
from tests.cloud_bridge.rig import MERCHANT, MILK
from tests.cloud_bridge.sample_merchant import merchant_config

ORIGIN = "https://shop.example"
API_KEY = "key-of-this-home"
SECRET = "a secret of this merchant alone"
HANDLER = "card_tokenized"
_PAYS = "success_token"
_OPTIONS = {"fast": 1500, "std": 500}
_ENDED = frozenset({"completed", "canceled"})
Document = dict[str, Any]


@dataclass
class Kept:
    """One request: its operation, its body and its headers."""

    operation: str
    body: Document
    headers: dict[str, str]


@dataclass
class AcpShop:
    """`before` may answer in the shop's place, and `after` change what it answers with.

    `names_orders`: a session that is read again shows its order. `apart`: items that came apart are lines of their own.
    """

    version: str
    prices: dict[str, int] = field(default_factory=lambda: {MILK: 179})
    stock: dict[str, int] = field(default_factory=lambda: {MILK: 50})
    sessions: dict[str, Document] = field(default_factory=dict)
    orders: dict[str, Document] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    before: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    after: Callable[[Document], object] = lambda _: None
    names_orders: bool = True
    apart: bool = False
    _answered: dict[str, tuple[object, int, Document]] = field(default_factory=dict)

    def transport(self) -> httpx.MockTransport:
        """What stands in for the network."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request, answered."""
        instead = self.before(request)
        if instead is not None:
            return instead
        status, document, headers = self._checked(request)
        shown = json.loads(json.dumps(document))
        self.after(shown)
        body = httpx.ByteStream(json.dumps(shown).encode())
        return httpx.Response(status, stream=body, headers={"Content-Type": "application/json", **headers})

    def webhook(self, order_id: str, *, at: int, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
        """An order event as it sends it: body and headers."""
        body = json.dumps({"type": "order_update", "data": self.orders[order_id]}).encode()
        mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return body, {"merchant-signature": f"t={at},v1={mac}", "content-type": "application/json"}

    # requests

    def _checked(self, request: httpx.Request) -> tuple[int, Document, dict[str, str]]:
        if request.headers.get("authorization") != f"Bearer {API_KEY}":
            return 401, _error("unauthorized"), {}
        if request.headers.get("api-version") != self.version:
            return 400, {**_error("unsupported_api_version"), "supported_versions": [self.version]}, {}
        if request.method == "GET":
            return *self._route(request, {}), {}
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 255:
            return 400, _error("idempotency_key_required"), {}
        return self._once(request, f"{request.url.path} {key}")

    def _once(self, request: httpx.Request, scope: str) -> tuple[int, Document, dict[str, str]]:
        body = json.loads(request.content or b"{}")
        if scope in self._answered:
            first, status, document = self._answered[scope]
            if first != body:
                return 422, _error("idempotency_conflict"), {}
            return status, document, {"Idempotent-Replayed": "true"}
        status, document = self._route(request, body)
        if status < 500:
            self._answered[scope] = (body, status, json.loads(json.dumps(document)))
        return status, document, {}

    def _route(self, request: httpx.Request, body: Document) -> tuple[int, Document]:
        match request.method, request.url.path.split("/")[2:]:
            case "GET", ["checkout_sessions", session_id] if session_id in self.sessions:
                return 200, self._shown(self.sessions[session_id])
            case "POST", ["checkout_sessions"]:
                return self._judged("create", request, body) or self._open(body)
            case "POST", ["checkout_sessions", session_id] if session_id in self.sessions:
                return self._judged("update", request, body) or self._update(self.sessions[session_id], body)
            case "POST", ["checkout_sessions", session_id, step] if session_id in self.sessions:
                steps = {"complete": self._complete, "cancel": self._cancel}
                return self._judged(step, request, body) or steps[step](self.sessions[session_id], body)
        return 404, _error("not_found")

    def _judged(self, operation: str, request: httpx.Request, body: Document) -> tuple[int, Document] | None:
        self.kept.append(Kept(operation, body, dict(request.headers)))
        wrong = faults(operation, body)
        return (400, _error("invalid", message="; ".join(wrong))) if wrong else None

    def _open(self, body: Document) -> tuple[int, Document]:
        ids = [item["id"] for item in body["line_items"]]
        if any(sku not in self.prices for sku in ids):
            return 400, _error("invalid_item_id")
        packs = ids if self.apart else list(dict.fromkeys(ids))
        session: Document = {
            "id": f"cs_{len(self.sessions)}",
            "protocol": {"version": self.version},
            "status": "not_ready_for_payment",
            "currency": body["currency"],
            "line_items": [_line(n, sku, 1 if self.apart else ids.count(sku)) for n, sku in enumerate(packs)],
            "fulfillment_details": body["fulfillment_details"],
            "selected_fulfillment_options": [],
            "links": [],
        }
        self.sessions[session["id"]] = session
        return 201, self._shown(session)

    def _update(self, session: Document, body: Document) -> tuple[int, Document]:
        if session["status"] in _ENDED:
            return 409, _error("conflict")
        session |= body
        chosen = session["selected_fulfillment_options"]
        lines = {line["id"] for line in session["line_items"]}
        for each in chosen:
            if each["option_id"] not in _OPTIONS or not set(each["item_ids"]) <= lines:
                return 400, _error("invalid")
        session["status"] = "ready_for_payment" if chosen else "not_ready_for_payment"
        return 200, self._shown(session)

    def _complete(self, session: Document, body: Document) -> tuple[int, Document]:
        if session["status"] != "ready_for_payment":
            return 405, _error("conflict")
        if self._sold_out(session):
            return 200, self._shown(session)
        if body["payment_data"]["instrument"]["credential"]["token"] != _PAYS:
            message = {"type": "error", "code": "payment_declined", "content_type": "plain", "content": "declined"}
            return 200, {**self._shown(session), "messages": [message]}
        for line in session["line_items"]:
            self.stock[line["item"]["id"]] -= line["quantity"]
        order_id = f"ord_{len(self.orders)}"
        self.orders[order_id] = {
            "type": "order",
            "id": order_id,
            "checkout_session_id": session["id"],
            "permalink_url": f"{ORIGIN}/orders/{order_id}",
            "status": "created",
            "line_items": [_order_line(line) for line in session["line_items"]],
            "fulfillments": [],
            "adjustments": [],
        }
        session |= {"status": "completed", "order": order_id, "sold_at": self._totals(session)}
        return 200, {**self._shown(session), "order": self.orders[order_id]}

    def _cancel(self, session: Document, _body: Document) -> tuple[int, Document]:
        if session["status"] in _ENDED:
            return 405, _error("conflict")
        session["status"] = "canceled"
        return 200, self._shown(session)

    # answers

    def _sold_out(self, session: Document) -> bool:
        return any(self.stock[line["item"]["id"]] < line["quantity"] for line in session["line_items"])

    def _totals(self, session: Document) -> list[Document]:
        goods = sum(self.prices[line["item"]["id"]] * line["quantity"] for line in session["line_items"])
        parts = [("items_base_amount", goods), ("subtotal", goods)]
        parts += [("fulfillment", _OPTIONS[each["option_id"]]) for each in session["selected_fulfillment_options"]]
        total = sum(amount for kind, amount in parts if kind != "items_base_amount")
        return [_total(kind, amount) for kind, amount in [*parts, ("total", total)]]

    def _shown(self, session: Document) -> Document:
        lines = [
            {**line, "unit_amount": self.prices[line["item"]["id"]], "totals": []} for line in session["line_items"]
        ]
        out = {"type": "error", "code": "out_of_stock", "content_type": "plain", "content": "sold out"}
        sold_out = session["status"] not in _ENDED and self._sold_out(session)
        status = "not_ready_for_payment" if sold_out else session["status"]
        named = {"order": self.orders[session["order"]]} if "order" in session and self.names_orders else {}
        return {
            **{name: value for name, value in session.items() if name not in {"order", "sold_at"}},
            "status": status,
            "capabilities": {"payment": {"handlers": [{"id": HANDLER}]}},
            "line_items": lines,
            "fulfillment_options": [
                {"type": "shipping", "id": name, "title": name, "totals": [_total("total", price)]}
                for name, price in _OPTIONS.items()
            ],
            "totals": session.get("sold_at") or self._totals(session),
            "messages": [out] if sold_out else [],
            **named,
        }


def acp_config(**changes: object) -> AcpConfig:
    """The shop as a bridge's configuration names it."""
    values: dict[str, Any] = {
        "id": MERCHANT,
        "kind": "acp",
        "url": f"{ORIGIN}/acp",
        "currency": "USD",
        "buyer_name": "Our Home",
        "buyer_email": "home@example.com",
        "payment_handler": HANDLER,
        "destinations": merchant_config(ORIGIN).destinations,
        **changes,
    }
    return AcpConfig(**values)


def acp_connector(config: AcpConfig, *, http: MerchantHttp, token: str = _PAYS, api_key: str = API_KEY) -> AcpMerchant:
    """An ACP merchant as the bridge wires one; `http` may stand in for the plain client."""
    channel = AcpChannel(config, http=http, api_key=SecretStr(api_key), new_key=lambda: str(uuid4()))
    return AcpMerchant(config, channel=channel, tokens=StandingToken(SecretStr(token)))


@asynccontextmanager
async def acp_shop_and_connector(
    version: str = "2026-04-17", **changes: object
) -> AsyncIterator[tuple[AcpShop, AcpMerchant]]:
    """A shop that sells milk, and a connector to it."""
    shop = AcpShop(version)
    async with MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        yield shop, acp_connector(acp_config(api_version=version, **changes), http=http)


def ship(order: Document, status: str) -> None:
    """What the shop tells of an order once its parcel is in this state."""
    lines = [{"id": line["id"], "quantity": line["quantity"]["ordered"]} for line in order["line_items"]]
    for line in order["line_items"]:
        line["quantity"]["fulfilled"] = line["quantity"]["ordered"]
    order["fulfillments"] = [{"id": "ful_1", "type": "shipping", "status": status, "line_items": lines}]


def _line(n: int, sku: str, quantity: int) -> Document:
    return {"id": f"li_{n}", "item": {"id": sku}, "quantity": quantity, "name": "Whole milk 1 L"}


def _order_line(line: Document) -> Document:
    count = {"ordered": line["quantity"], "current": line["quantity"], "fulfilled": 0}
    return {"id": line["id"], "title": line["name"], "quantity": count}


def _total(kind: str, amount: int) -> Document:
    return {"type": kind, "display_text": kind, "amount": amount}


def _error(code: str, *, message: str = "") -> Document:
    return {"type": "invalid_request", "code": code, "message": message or code}
