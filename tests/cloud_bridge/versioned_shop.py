"""A merchant in this process that speaks one version of UCP, for what no sample server speaks yet.

It is written from the specifications and shares no code with the connector: signatures are checked and made by the
conformance kit's own implementation, mandates by the SD-JWT library's verifier. Every request must be signed right,
and every body is kept, so that the SDK's models of that version can judge it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

from cloud_bridge.merchant_config import UcpConfig
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.ucp import UcpMerchant
from tests.cloud_bridge.rig import MILK
from tests.cloud_bridge.sample_merchant import AGENT_KEY, connector, merchant_config
from tests.cloud_bridge.spck import crypto

ORIGIN = "https://shop.example"
KID = "shop-key-1"
_AP2 = "dev.ucp.shopping.ap2_mandate"
_OPTIONS = [("fast", 1500), ("std", 500)]


@dataclass
class Kept:
    """One request: its operation, and its body."""

    operation: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer that can be given more than once."""

    status: int
    body: bytes
    headers: dict[str, str]

    def response(self) -> httpx.Response:
        """The same again, as it comes over a wire."""
        return httpx.Response(self.status, stream=httpx.ByteStream(self.body), headers=self.headers)


@dataclass
class VersionedShop:
    """`agent_jwks` are the keys that requests are signed with. With `ap2`, mandates are a must."""

    version: str
    agent_jwks: list[dict[str, Any]]
    ap2: bool = False
    prices: dict[str, int] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    paying: frozenset[str] = frozenset({"success_token"})
    kid: str = KID
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    _answered: dict[str, tuple[str, Reply]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.private, self.public = crypto().keypair(b"versioned shop")

    @property
    def modern(self) -> bool:
        """Whether it signs with RFC 9421 and tells failures in a 200."""
        return self.version >= "2026-04-08"

    def transport(self) -> httpx.MockTransport:
        """What stands in for the network."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request, answered and signed."""
        if request.url.path == "/.well-known/ucp":
            body = json.dumps(self.profile()).encode()
            return Reply(200, body, {"Cache-Control": "max-age=60"}).response()
        if not self._is_signed(request):
            return self._signed(401, {"code": "signature_invalid"}).response()
        return (self._once(request) if request.method in {"POST", "PUT"} else self._route(request)).response()

    def profile(self) -> dict[str, Any]:
        """Its profile document, in the shape of its version."""
        names = ["dev.ucp.shopping.checkout", "dev.ucp.shopping.fulfillment", "dev.ucp.shopping.order"]
        names += [_AP2] if self.ap2 else []
        key = crypto().jwk_from_pub(self.kid, self.public)
        handler = {"id": "mock_payment_handler", "version": self.version}
        if not self.modern:
            ucp: dict[str, Any] = {
                "version": self.version,
                "services": {"dev.ucp.shopping": {"rest": {"endpoint": f"{ORIGIN}/ucp"}}},
                "capabilities": [{"name": name, "version": self.version} for name in names],
            }
            return {"ucp": ucp, "payment": {"handlers": [handler]}, "signing_keys": [key]}
        ucp = {
            "version": self.version,
            "services": {
                "dev.ucp.shopping": [
                    {"transport": "mcp", "endpoint": f"{ORIGIN}/mcp"},
                    {"transport": "rest", "endpoint": f"{ORIGIN}/ucp"},
                ]
            },
            "capabilities": {name: [{"version": self.version}] for name in names},
            "payment_handlers": {"com.example.pay": [{**handler, "available_instruments": [{"type": "card"}]}]},
        }
        return {"ucp": ucp, "keys" if self.version >= "2026-08-25" else "signing_keys": [key]}

    def webhook(self, order_id: str, url: str) -> tuple[bytes, dict[str, str]]:
        """An order event as it sends it: body and headers."""
        body = json.dumps(self.orders[order_id]).encode()
        agent = f'profile="{ORIGIN}/.well-known/ucp"'
        if not self.modern:
            header = _b64(json.dumps({"alg": "ES256", "kid": self.kid, "b64": False, "crit": ["b64"]}).encode())
            signature = crypto().ecdsa_p256_sign(header.encode() + b"." + body, self.private)
            return body, {"Request-Signature": f"{header}..{_b64(signature)}", "Content-Type": "application/json"}
        parts = httpx.URL(url)
        headers = crypto().sign_request_headers(
            "POST", parts.netloc.decode(), parts.path, body, self.private, self.kid, ucp_agent=agent
        )
        return body, {**headers, "UCP-Agent": agent, "Content-Type": "application/json", "Webhook-Id": order_id}

    # requests

    def _is_signed(self, request: httpx.Request) -> bool:
        if self.modern:
            target = request.url.raw_path.decode()
            good, _ = crypto().verify_request(
                request.method,
                request.url.netloc.decode(),
                target,
                request.content or None,
                dict(request.headers),
                self.agent_jwks,
            )
            covered = request.headers.get("signature-input", "")
            names = ["@method", "@authority", "@path", "ucp-agent", "idempotency-key"]
            names += ["content-digest", "content-type"] if request.content else []
            return bool(good) and all(f'"{name}"' in covered for name in names) and "alg=" not in covered
        if "request-signature" not in request.headers:
            return False
        protected, empty, signature = request.headers["request-signature"].split(".")
        header = json.loads(_raw(protected))
        jwk = next(each for each in self.agent_jwks if each["kid"] == header["kid"])
        signed = protected.encode() + b"." + request.content
        good = crypto().ecdsa_p256_verify(signed, _raw(signature), crypto().pub_from_jwk(jwk))
        return bool(good) and empty == "" and header["b64"] is False

    def _once(self, request: httpx.Request) -> Reply:
        key, body = request.headers["idempotency-key"], hashlib.sha256(request.content).hexdigest()
        if key in self._answered:
            first, answer = self._answered[key]
            return answer if first == body else self._signed(409, {"code": "idempotency_conflict"})
        answer = self._route(request)
        self._answered[key] = (body, answer)
        return answer

    def _route(self, request: httpx.Request) -> Reply:
        body = json.loads(request.content) if request.content else {}
        match request.method, request.url.path.split("/")[2:]:
            case "POST", ["checkout-sessions"]:
                return self._open(body)
            case "GET", ["orders", order_id] if order_id in self.orders:
                return self._signed(200, self.orders[order_id])
            case method, ["checkout-sessions", session_id, *step] if session_id in self.sessions:
                return self._step(self.sessions[session_id], body, step="".join([method, *step]))
        return self._signed(404, {"code": "not_found"})

    def _step(self, session: dict[str, Any], body: dict[str, Any], *, step: str) -> Reply:
        if step == "GET":
            return self._shown(session)
        if session["status"] in {"completed", "canceled"}:
            return self._signed(409, {"code": "checkout_not_modifiable"})
        if step == "PUT":
            return self._update(session, body)
        return self._complete(session, body) if step == "POSTcomplete" else self._cancel(session)

    def _open(self, body: dict[str, Any]) -> Reply:
        self.kept.append(Kept("create", body))
        (line,) = body["line_items"]
        refusal = self._refusal(line)
        if refusal:
            return self._failure(refusal)
        (method,) = body["fulfillment"]["methods"]
        session_id = f"chk_{len(self.sessions)}"
        session: dict[str, Any] = {
            "ucp": {"version": self.version},
            "id": session_id,
            "status": "incomplete",
            "currency": "USD",
            "line_items": [{"id": "li_1", "item": {"id": line["item"]["id"]}, "quantity": line["quantity"]}],
            "links": [],
            "fulfillment": {"methods": [{"id": "m_1", "line_item_ids": ["li_1"], **method, "groups": []}]},
        }
        self.sessions[session_id] = self._priced(session)
        return self._shown(session, status=201)

    def _update(self, session: dict[str, Any], body: dict[str, Any]) -> Reply:
        self.kept.append(Kept("update", body))
        refusal = self._refusal(body["line_items"][0])
        if refusal:
            return self._failure(refusal)
        (held,), (method,) = session["fulfillment"]["methods"], body["fulfillment"]["methods"]
        assert method["selected_destination_id"] == held["destinations"][0]["id"]
        options = [{"id": name, "title": name, "totals": _total(price)} for name, price in _OPTIONS]
        chosen = next((group["selected_option_id"] for group in method.get("groups", [])), None)
        held["groups"] = [{"id": "g_1", "line_item_ids": ["li_1"], "options": options, "selected_option_id": chosen}]
        session["status"] = "ready_for_complete" if chosen else "incomplete"
        self._priced(session)
        return self._shown(session)

    def _complete(self, session: dict[str, Any], body: dict[str, Any]) -> Reply:
        self.kept.append(Kept("complete", body))
        instrument = body["payment"]["instruments"][0] if self.modern else body["payment_data"]
        token = instrument["credential"]["token"]
        if self.ap2:
            token = self._mandated(session, body["ap2"]["checkout_mandate"], token)
        line = session["line_items"][0]
        if self.stock[line["item"]["id"]] < line["quantity"]:
            return self._failure("out_of_stock")
        if token not in self.paying:
            return self._failure("payment_failed")
        self.stock[line["item"]["id"]] -= line["quantity"]
        order_id = f"ord_{len(self.orders)}"
        session |= {"status": "completed", "order": {"id": order_id, "permalink_url": f"{ORIGIN}/o/{order_id}"}}
        self.orders[order_id] = {
            "id": order_id,
            "checkout_id": session["id"],
            "line_items": [{"id": "li_1", "quantity": {"total": line["quantity"], "fulfilled": 0}}],
            "fulfillment": {"events": []},
        }
        return self._shown(session)

    def _mandated(self, session: dict[str, Any], checkout: str, payment: str) -> str:
        """Check both mandates as a merchant must, and find the token in the payment mandate."""
        nonce = _b64(hashlib.sha256(self._jwt(session).encode()).digest())
        keys = {each["kid"]: JWK(**each) for each in self.agent_jwks}

        def key_of(_issuer: str, header: dict[str, str]) -> JWK:
            return keys[header["kid"]]

        first, second = (
            SDJWTVerifier(each, key_of, expected_aud=ORIGIN, expected_nonce=nonce).get_verified_payload()
            for each in (checkout, payment)
        )
        assert (first["vct"], second["vct"]) == ("mandate.checkout.1", "mandate.payment.1")
        assert first["checkout"] == self._with_authorization(session)
        assert first["checkout_jwt"] == self._jwt(session)
        assert first["checkout_hash"] == second["transaction_id"] == nonce
        amount = {"amount": session["totals"][-1]["amount"], "currency": session["currency"]}
        assert second["payment_amount"] == amount
        return str(second["payment_instrument"]["id"])

    def _cancel(self, session: dict[str, Any]) -> Reply:
        session["status"] = "canceled"
        return self._shown(session)

    # answers

    def _refusal(self, line: dict[str, Any]) -> str | None:
        sku = line["item"]["id"]
        if sku not in self.prices:
            return "item_unavailable"
        return "out_of_stock" if self.stock[sku] < line["quantity"] else None

    def _priced(self, session: dict[str, Any]) -> dict[str, Any]:
        line = session["line_items"][0]
        price = self.prices[line["item"]["id"]]
        line["item"] |= {"title": "Whole milk 1 L", "price": price}
        if self.version >= "2026-08-25":
            line["item"]["quantity_unit"] = {"unit": "C62", "scale": 0}
        goods = price * line["quantity"]
        line["totals"] = [{"type": "subtotal", "amount": goods}, {"type": "total", "amount": goods}]
        delivery = dict(_OPTIONS).get(_chosen(session), 0)
        parts = [{"type": "subtotal", "amount": goods}]
        parts += [{"type": "fulfillment", "amount": delivery}] if _chosen(session) else []
        session["totals"] = [*parts, {"type": "total", "amount": goods + delivery}]
        return session

    def _shown(self, session: dict[str, Any], *, status: int = 200) -> Reply:
        return self._signed(status, self._with_authorization(session) if self.ap2 else session)

    def _with_authorization(self, session: dict[str, Any]) -> dict[str, Any]:
        token = crypto().jws_detached_sign({}, session, self.private, kid=self.kid)
        return {**session, "ap2": {"merchant_authorization": token}}

    def _jwt(self, session: dict[str, Any]) -> str:
        header, _, signature = crypto().jws_detached_sign({}, session, self.private, kid=self.kid).split(".")
        return f"{header}.{_b64(crypto().jcs_canonicalize(session))}.{signature}"

    def _failure(self, code: str) -> Reply:
        if not self.modern:
            return self._signed(402 if code == "payment_failed" else 400, {"code": code.upper(), "detail": code})
        message = {"type": "error", "code": code, "content": code, "severity": "unrecoverable"}
        return self._signed(200, {"ucp": {"version": self.version, "status": "error"}, "messages": [message]})

    def _signed(self, status: int, document: dict[str, Any]) -> Reply:
        body = json.dumps(document).encode()
        headers = crypto().sign_response_headers(status, body, self.private, self.kid) if self.modern else {}
        return Reply(status, body, {**headers, "Content-Type": "application/json"})


def shop_config(**changes: object) -> UcpConfig:
    """The shop as a bridge's configuration names it."""
    ap2 = {"ap2": "if_announced"} if changes.pop("ap2", False) else {}
    return merchant_config(ORIGIN, **ap2, **changes)


@asynccontextmanager
async def shop_and_connector(
    version: str, *, ap2: bool = False, **changes: object
) -> AsyncIterator[tuple[VersionedShop, UcpMerchant]]:
    """A shop that sells milk, and a connector to it."""
    shop = VersionedShop(version, [dict(AGENT_KEY.public_jwk)], ap2=ap2, prices={MILK: 179}, stock={MILK: 50})
    async with MerchantHttp(ORIGIN, deadline_s=1, transport=shop.transport()) as http:
        yield shop, connector(shop_config(ap2=ap2, **changes), http=http)


def _chosen(session: dict[str, Any]) -> str:
    groups = session["fulfillment"]["methods"][0]["groups"]
    return (groups[0]["selected_option_id"] or "") if groups else ""


def _total(amount: int) -> list[dict[str, Any]]:
    return [{"type": "total", "amount": amount}]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
