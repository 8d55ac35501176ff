"""A Vendure shop as a process: a real merchant that nobody here wrote, its staff's hands, and its database as judge.

`make counterparts` installs it and fills its database; each run of the tests works on a copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from cloud_bridge.counterparts import vendure
from cloud_bridge.merchant_config import SecretKind, VendureConfig
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.vendure import VendureMerchant
from tests import loopback
from tests.cloud_bridge.rig import MERCHANT
from tests.cloud_bridge.sample_merchant import AGENT_KEY, HOME, free_port

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".counterparts" / "vendure"
PROGRAM = ROOT / "tests" / "counterparts" / "vendure" / "server.js"
PASSWORD = "correct horse"
_NODE_MIN = 20
_READY_WITHIN_S = 120.0
_SUPERADMIN = "superadmin"

_ORDER = "id code state lines { id quantity } payments { id state } fulfillments { id state }"
_SETTLE = "mutation($id: ID!) { settlePayment(id: $id) { __typename } }"
_PACK = """mutation($lines: [OrderLineInput!]!) { addFulfillmentToOrder(input: {
  lines: $lines, handler: { code: "manual-fulfillment", arguments: [{ name: "method", value: "van" }] } })
  { __typename ...on Fulfillment { id } } }"""
_PARCEL = "mutation($id: ID!, $state: String!) { transitionFulfillmentToState(id: $id, state: $state) { __typename } }"
_CANCEL = "mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }"
_REFUND = "mutation($input: RefundOrderInput!) { refundOrder(input: $input) { __typename ...on Refund { state } } }"
_FIND = (
    f"query($code: String!) {{ orders(options: {{ filter: {{ code: {{ eq: $code }} }} }}) {{ items {{ {_ORDER} }} }} }}"
)
_PAY_BACK = """mutation($id: ID!) {
  settleRefund(input: { id: $id, transactionId: "back" }) { __typename } }"""
_VARIANT = """query($sku: String!) { productVariants(options: { filter: { sku: { eq: $sku } } }) {
  items { id stockAllocated } } }"""
_UPDATE = "mutation($input: [UpdateProductVariantInput!]!) { updateProductVariants(input: $input) { id } }"


def missing() -> str | None:
    """Why the shop cannot be started here; None where it can."""
    node = shutil.which("node")
    if node is None:
        return f"there is no node; Vendure needs {_NODE_MIN} or newer"
    version = subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout
    if int(version.lstrip("v").split(".", maxsplit=1)[0]) < _NODE_MIN:
        return f"node is {version.strip()}; Vendure needs {_NODE_MIN} or newer"
    return None if (INSTALLED / "shop.sqlite").exists() else "Vendure is not installed: make counterparts"


@dataclass
class VendureShop:
    """The shop, and what its staff does in it: through its Admin API, as they do."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    staff: httpx.Client = field(default_factory=lambda: httpx.Client(verify=loopback.NOBODY, timeout=20))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            ["node", str(PROGRAM), "serve", str(self.folder), str(self.port)],
            env={**os.environ, "NODE_PATH": str(INSTALLED / "node_modules"), "VENDURE_DISABLE_TELEMETRY": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if loopback.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.1)
        pytest.fail("the Vendure shop did not start")

    def stop(self) -> None:
        """Kill it; its database stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def orders(self) -> dict[str, int]:
        """What was sold, by code: what the payments that hold come to."""
        paid = """SELECT o.code, COALESCE(SUM(p.amount), 0) FROM "order" o LEFT JOIN payment p
            ON p.orderId = o.id AND p.state IN ('Authorized', 'Settled')
            WHERE o.orderPlacedAt IS NOT NULL GROUP BY o.code"""
        return {str(code): int(amount) for code, amount in self.rows(paid)}

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What its own database says."""
        with contextlib.closing(sqlite3.connect(self.folder / "shop.sqlite")) as db:
            return list(db.execute(statement, values))

    # the staff

    def set_price(self, sku: str, price_minor: int) -> None:
        """Change a price behind everybody's back; tax is in it."""
        prices = [{"price": price_minor, "currencyCode": "USD"}]
        self.admin(_UPDATE, input=[{"id": self._variant(sku)["id"], "prices": prices}])

    def set_stock(self, sku: str, quantity: int) -> None:
        """Change how many can be sold: what is on the shelf less what is promised."""
        variant = self._variant(sku)
        self.admin(_UPDATE, input=[{"id": variant["id"], "stockOnHand": quantity + variant["stockAllocated"]}])

    def settle(self, code: str) -> None:
        """Take the money that was authorised."""
        for payment in self.order(code)["payments"]:
            if payment["state"] == "Authorized":
                assert self.admin(_SETTLE, id=payment["id"])["settlePayment"]["__typename"] == "Payment"

    def pack(self, code: str, quantity: int | None = None) -> str:
        """Send off this many packs of the first line, or all; its parcel's id."""
        (line, *_) = self.order(code)["lines"]
        packed = self.admin(_PACK, lines=[{"orderLineId": line["id"], "quantity": quantity or line["quantity"]}])
        parcel = str(packed["addFulfillmentToOrder"]["id"])
        self.move(parcel, "Shipped")
        return parcel

    def move(self, parcel: str, state: str) -> None:
        """Say where a parcel is."""
        moved = self.admin(_PARCEL, id=parcel, state=state)["transitionFulfillmentToState"]
        assert moved["__typename"] == "Fulfillment"

    def ship(self, code: str) -> None:
        """Take the money and send everything off."""
        self.settle(code)
        self.pack(code)

    def deliver(self, code: str) -> None:
        """All parcels arrived."""
        for parcel in self.order(code)["fulfillments"]:
            if parcel["state"] == "Shipped":
                self.move(parcel["id"], "Delivered")

    def cancel(self, code: str, quantity: int | None = None) -> None:
        """Take this many packs off the first line of an order, or all."""
        order = self.order(code)
        (line, *_) = order["lines"]
        lines = [{"orderLineId": line["id"], "quantity": quantity or line["quantity"]}]
        given = {"orderId": order["id"], "lines": lines, "cancelShipping": False}
        assert self.admin(_CANCEL, input=given)["cancelOrder"]["__typename"] == "Order"

    def refund(self, code: str, amount_minor: int) -> str:
        """Pay some of it back; what the shop says to that."""
        payment = next(each for each in self.order(code)["payments"] if each["state"] in {"Authorized", "Settled"})
        given = {"paymentId": payment["id"], "amount": amount_minor, "lines": [], "shipping": 0, "adjustment": 0}
        return str(self.admin(_REFUND, input=given)["refundOrder"]["__typename"])

    def pay_back(self) -> None:
        """The refunds that were promised are paid."""
        for (refund,) in self.rows("SELECT id FROM refund WHERE state = 'Pending'"):
            self.admin(_PAY_BACK, id=refund)

    def clear(self) -> None:
        """Cancel every basket that is in an account."""
        statement = """SELECT id FROM "order" WHERE active = 1 AND customerId IS NOT NULL"""
        for (order_id,) in self.rows(statement):
            self.admin(_CANCEL, input={"orderId": order_id})

    def order(self, code: str) -> dict[str, Any]:
        """An order as the staff sees it."""
        found: dict[str, Any] = self.admin(_FIND, code=code)["orders"]["items"][0]
        return found

    def admin(self, document: str, **variables: object) -> dict[str, Any]:
        """Ask the Admin API."""
        if "Authorization" not in self.staff.headers:
            login = "mutation($u: String!) { login(username: $u, password: $u) { __typename } }"
            body = {"query": login, "variables": {"u": _SUPERADMIN}}
            token = self.staff.post(f"{self.url}/admin-api", json=body).headers["vendure-auth-token"]
            self.staff.headers["Authorization"] = f"Bearer {token}"
        answer = self.staff.post(f"{self.url}/admin-api", json={"query": document, "variables": variables}).json()
        assert "errors" not in answer, json.dumps(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    def _variant(self, sku: str) -> dict[str, Any]:
        variant: dict[str, Any] = self.admin(_VARIANT, sku=sku)["productVariants"]["items"][0]
        return variant


@contextlib.contextmanager
def running(folder: Path) -> Iterator[VendureShop]:
    """The shop, on a copy of the database that it was installed with, started and stopped again."""
    shop = VendureShop(folder, free_port())
    shutil.copy(INSTALLED / "shop.sqlite", shop.folder)
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()
        shop.staff.close()


def shop_config(url: str, **changes: object) -> VendureConfig:
    """The shop as a bridge's configuration names it."""
    values: dict[str, Any] = {
        "id": MERCHANT,
        "kind": "vendure",
        "url": url,
        "currency": "USD",
        "buyer_name": "Our Home",
        "buyer_email": "home@example.com",
        "account": "home@example.com",
        "payment_method": "standard-payment",
        "destinations": {"home": HOME},
        **changes,
    }
    return VendureConfig(**values)


def connector(config: VendureConfig, *, http: MerchantHttp) -> VendureMerchant:
    """A Vendure merchant as the bridge wires one; `http` may stand in for the plain client."""
    secrets = {SecretKind.PASSWORD: SecretStr(PASSWORD), SecretKind.PAYMENT_TOKEN: SecretStr("a payment token")}
    return vendure(config, http=http, secrets=secrets, key=AGENT_KEY)


@contextlib.asynccontextmanager
async def connect(
    shop: VendureShop, *, http: MerchantHttp | None = None, **changes: object
) -> AsyncIterator[VendureMerchant]:
    """A connector to the shop."""
    async with http or MerchantHttp(shop.url, deadline_s=10) as client:
        yield connector(shop_config(shop.url, **changes), http=client)


_OPERATION = re.compile(r"\s*(?:query|mutation) (\w+)")


class Wire(httpx.AsyncBaseTransport):
    """Real requests to the shop, and a hand on its answers: `change` gets the operation's name and the answer.

    What it returns is what arrives; what it raises is what becomes of an answer on its way. `asked` are the operations.
    """

    def __init__(self, change: Callable[[str, httpx.Response], httpx.Response]) -> None:
        self._change = change
        self._real = httpx.AsyncHTTPTransport(verify=loopback.NOBODY)
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the shop, and let the answer through the hand."""
        match = _OPERATION.match(json.loads(await request.aread())["query"])
        assert match is not None
        self.asked.append(match[1])
        answer = await self._real.handle_async_request(request)
        whole = httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
        await answer.aclose()
        arrives = self._change(match[1], whole)
        if not arrives.is_closed:
            return arrives
        return httpx.Response(arrives.status_code, headers=arrives.headers, stream=httpx.ByteStream(arrives.content))

    async def aclose(self) -> None:
        """Close the real connections."""
        await self._real.aclose()


def losing(*operations: str) -> Callable[[str, httpx.Response], httpx.Response]:
    """Lose the first answer to each of these, in this order: the shop has acted by then."""
    left = list(operations)

    def change(operation: str, answer: httpx.Response) -> httpx.Response:
        if left and operation == left[0]:
            left.pop(0)
            raise httpx.ReadError("lost")
        return answer

    return change


def over(shop: VendureShop, wire: Wire) -> MerchantHttp:
    """The plain client, over that wire."""
    return MerchantHttp(shop.url, deadline_s=10, transport=wire)
