"""The sample merchant, for real: our goods are for sale, and its orders can be carried to the end."""

from __future__ import annotations

import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from firmware_sim import merchant
from firmware_sim.merchant import MerchantClient, MerchantError, MerchantFiles, MerchantOrder, delivered, read_orders
from firmware_sim.processes import Crew, free_ports
from tests import loopback

AT = datetime(2026, 3, 5, 12, tzinfo=UTC)


@dataclass
class Shop:
    """A running merchant."""

    port: int
    secret: str
    files: MerchantFiles
    pid: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The merchant as the demo starts it."""
    folder = tmp_path_factory.mktemp("merchant")
    port, secret, files = free_ports(1)[0], merchant.new_secret(), MerchantFiles(folder / "merchant")
    async with Crew(["merchant"]) as crew:
        await merchant.start(crew, port=port, secret=secret, files=files, log=folder / "merchant.log")
        yield Shop(port=port, secret=secret, files=files, pid=crew.child("merchant").pid)
        assert secret not in (folder / "merchant.log").read_text()


def headers() -> dict[str, str]:
    """What the sample server wants on every request."""
    return {
        "UCP-Agent": 'profile="http://127.0.0.1:9/none"',
        "Request-Signature": "test",
        "Request-Id": str(uuid.uuid4()),
        "Idempotency-Key": str(uuid.uuid4()),
    }


def checkout(sku: str, packs: int) -> dict[str, Any]:
    """A checkout with an address."""
    home = {"id": "home", "street_address": "1 Lane", "address_country": "US", "postal_code": "62704"}
    method = {"type": "shipping", "destinations": [home], "selected_destination_id": "home"}
    return {
        "line_items": [{"item": {"id": sku, "title": sku}, "quantity": packs}],
        "currency": "USD",
        "payment": {"instruments": [], "handlers": []},
        "fulfillment": {"methods": [method]},
    }


def buy(shop: Shop, sku: str, packs: int) -> str:
    """Place an order as a shopper would; its number."""
    with httpx.Client(verify=loopback.NOBODY, base_url=shop.url, trust_env=False, timeout=10) as client:
        wanted = checkout(sku, packs)
        session = client.post("/checkout-sessions", headers=headers(), json=wanted).raise_for_status().json()
        method, line = session["fulfillment"]["methods"][0], session["line_items"][0]["id"]
        group = {"id": method["groups"][0]["id"], "line_item_ids": [line], "selected_option_id": "standard"}
        wanted["id"] = session["id"]
        wanted["line_items"][0]["id"] = line
        wanted["fulfillment"]["methods"][0] |= {"id": method["id"], "line_item_ids": [line], "groups": [group]}
        path = f"/checkout-sessions/{session['id']}"
        client.put(path, headers=headers(), json=wanted).raise_for_status()
        card = {"id": "i", "handler_id": "mock_payment_handler", "type": "card", "brand": "Visa", "last_digits": "1234"}
        payment = {**card, "credential": {"type": "token", "token": "success_token"}}
        paid = client.post(f"{path}/complete", headers=headers(), json={"payment_data": payment, "risk_signals": {}})
        return str(paid.raise_for_status().json()["order"]["id"])


def look_up(shop: Shop, number: str) -> dict[str, Any]:
    """An order as the merchant shows it."""
    with httpx.Client(verify=loopback.NOBODY, base_url=shop.url, trust_env=False, timeout=10) as client:
        return dict(client.get(f"/orders/{number}", headers=headers()).json())


def arguments(pid: int) -> bytes:
    """The arguments of a process, as everybody on the machine can read them."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.merchant
@pytest.mark.asyncio(loop_scope="module")
async def test_an_order_is_read_shipped_and_delivered(shop: Shop) -> None:
    """The database tells of a new order; shipping and delivery are written by the merchant's own routes, once each."""
    before = read_orders(shop.files)
    number = buy(shop, "milk-whole-1l", 3)
    assert read_orders(shop.files) == [*before, MerchantOrder(id=number, sku="milk-whole-1l", packs=3, events=())]
    async with MerchantClient(port=shop.port, secret=shop.secret) as client:
        await client.ship(number)
        assert read_orders(shop.files)[-1].events == ("shipped",)
        await client.deliver(number, at=AT)
        await client.deliver(number, at=AT)
    assert read_orders(shop.files)[-1].events == ("shipped", "delivered")
    order = look_up(shop, number)
    assert order["line_items"][0]["quantity"] == {"total": 3, "fulfilled": 3}
    assert order["fulfillment"]["events"][1]["occurred_at"].startswith("2026-03-05T12:00:00")


@pytest.mark.merchant
@pytest.mark.asyncio(loop_scope="module")
async def test_shipping_needs_the_secret(shop: Shop) -> None:
    """Only the courier can ship, and an order that is not there cannot be shipped."""
    number = buy(shop, "detergent-liquid-500ml", 1)
    async with MerchantClient(port=shop.port, secret="wrong") as stranger:
        with pytest.raises(MerchantError, match="403"):
            await stranger.ship(number)
    async with MerchantClient(port=shop.port, secret=shop.secret) as client:
        with pytest.raises(MerchantError, match="404"):
            await client.ship("nothing")
    assert read_orders(shop.files)[-1].events == ()


@pytest.mark.merchant
@pytest.mark.asyncio(loop_scope="module")
async def test_merchant_listens_on_loopback_only(shop: Shop) -> None:
    """The sample server would bind every address; ours does not, and its arguments tell no secret."""
    with socket.socket() as other:
        other.bind(("127.0.0.2", shop.port))  # free, unless the server had taken 0.0.0.0
    assert shop.secret.encode() not in arguments(shop.pid)


@pytest.mark.parametrize("events", [None, [], [{"id": "e1", "type": "shipped", "timestamp": "2026-03-04T00:00:00Z"}]])
def test_delivered_fills_in_what_the_merchant_requires(events: list[dict[str, Any]] | None) -> None:
    """Every event that goes back has a time and lines, earlier ones keep what they said, and all is fulfilled."""
    order = {
        "id": "m1",
        "line_items": [{"id": "l1", "quantity": {"total": 2, "fulfilled": 0}, "status": "processing"}],
        "fulfillment": {"expectations": ["kept"], "events": events},
    }
    changed = delivered(order, at=AT)
    *earlier, last = changed["fulfillment"]["events"]
    assert last["type"] == "delivered"
    assert [event["occurred_at"] for event in earlier] == ["2026-03-04T00:00:00Z"] * len(events or [])
    assert all(event["line_items"] == [{"id": "l1", "quantity": 2}] for event in [*earlier, last])
    assert changed["line_items"] == [{"id": "l1", "quantity": {"total": 2, "fulfilled": 2}, "status": "fulfilled"}]
    assert changed["fulfillment"]["expectations"] == ["kept"]
