"""The UCP sample server as a process: a real merchant that nobody here wrote, and its own database as the judge."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from cloud_bridge.merchant_config import DestinationConfig, UcpConfig
from cloud_bridge.merchants.http import MerchantHttp
from cloud_bridge.merchants.payment_tokens import StandingToken
from cloud_bridge.merchants.profile_source import ProfileSource
from cloud_bridge.merchants.signatures import RequestSigner
from cloud_bridge.merchants.ucp import UcpMerchant
from cloud_bridge.merchants.ucp_channel import Channel
from cloud_bridge.signing_key import SigningKey, new_key
from tests import loopback
from tests.cloud_bridge.rig import MERCHANT

_SERVE = """
import runpy, sys, uvicorn
run = uvicorn.run
uvicorn.run = lambda app, **options: run(app, **{**options, "host": "127.0.0.1", "log_level": "warning"})
sys.path.insert(0, sys.argv.pop(1))
runpy.run_path(sys.path[0] + "/server.py", run_name="__main__")
"""
_CSV = {
    "products.csv": "id,title,price,image_url\n"
    "milk-whole-1l,Whole milk 1 L,179,https://example.com/m.jpg\n"
    "detergent-liquid-500ml,Liquid detergent 500 mL,899,https://example.com/d.jpg\n"
    "washer-fluid-2500ml,Washer fluid 2.5 L,649,https://example.com/w.jpg\n",
    "inventory.csv": "product_id,quantity\nmilk-whole-1l,500\ndetergent-liquid-500ml,500\nwasher-fluid-2500ml,0\n",
    "customers.csv": "id,name,email\ncust_1,Our Home,home@example.com\n",
    "addresses.csv": "id,customer_id,street_address,city,state,postal_code,country\n"
    "addr_9,cust_1,9 Other St,Springfield,IL,62709,US\naddr_1,cust_1,1 Elm St,Springfield,IL,62704,US\n",
    "shipping_rates.csv": "id,country_code,service_level,price,title\n"
    "std-ship,default,standard,500,Standard Shipping\nexp-ship-us,US,express,1500,Express Shipping (US)\n",
    "promotions.csv": "id,type,min_subtotal,eligible_item_ids,description\n",
    "discounts.csv": "code,type,value,description\n",
    "payment_instruments.csv": "id,type,brand,last_digits,token,handler_id\n",
}
_SECRET = "simulation"
_PAYS = "success_token"
_READY_WITHIN_S = 60.0
HOME = DestinationConfig(
    street_address="1 Elm St",
    address_locality="Springfield",
    address_region="IL",
    postal_code="62704",
    address_country="US",
)
AGENT_KEY = new_key()  # one key for all tests: who makes it does not matter, and making one takes time


@dataclass
class SampleMerchant:
    """The sample server as a process, and its own database as the judge of what was ordered."""

    folder: Path
    server_folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def load(self) -> None:
        """Import the goods through the server's own CSV files."""
        (self.folder / "csv").mkdir(parents=True, exist_ok=True)
        for name, text in _CSV.items():
            (self.folder / "csv" / name).write_text(text, encoding="utf-8")
        command = [sys.executable, "import_csv.py", *self._databases(), f"--data_dir={self.folder / 'csv'}"]
        subprocess.run(command, cwd=self.server_folder, check=True, capture_output=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [*self._databases(), f"--port={self.port}", f"--simulation_secret={_SECRET}"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(self.server_folder), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                loopback.get(f"{self.url}/.well-known/ucp", timeout=2)
                return
            time.sleep(0.1)
        pytest.fail("the sample merchant did not start")

    def stop(self) -> None:
        """Stop it; its database stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def orders(self) -> dict[str, dict[str, Any]]:
        """All orders in its own database, by id."""
        with contextlib.closing(sqlite3.connect(self.folder / "t.db")) as db:
            return {row[0]: json.loads(row[1]) for row in db.execute("SELECT id, data FROM orders")}

    def set_price(self, sku: str, price_minor: int) -> None:
        """Change a price behind everybody's back."""
        self._write("p.db", "UPDATE products SET price = ? WHERE id = ?", price_minor, sku)

    def set_stock(self, sku: str, quantity: int) -> None:
        """Change how many are there."""
        self._write("t.db", "UPDATE inventory SET quantity = ? WHERE product_id = ?", quantity, sku)

    def ship(self, order_id: str) -> None:
        """Its own simulation of a parcel that leaves."""
        headers = {**_HEADERS, "Simulation-Secret": _SECRET}
        loopback.post(f"{self.url}/testing/simulate-shipping/{order_id}", headers=headers).raise_for_status()

    def deliver(self, order_id: str) -> None:
        """What a courier does: the same order with one event more (and the server's own event put into its schema)."""
        order = loopback.get(f"{self.url}/orders/{order_id}", headers=_HEADERS).json()
        lines = [{"id": line["id"], "quantity": line["quantity"]["total"]} for line in order["line_items"]]
        kept = [
            {"occurred_at": event.get("timestamp"), "line_items": lines, **event}
            for event in order["fulfillment"]["events"]
        ]
        arrived = {"id": "evt_d", "type": "delivered", "occurred_at": "2026-03-04T10:00:00Z", "line_items": lines}
        order["fulfillment"]["events"] = [*kept, arrived]
        loopback.put(f"{self.url}/orders/{order_id}", headers=_HEADERS, json=order).raise_for_status()

    def adjust(self, order_id: str, *adjustments: dict[str, Any]) -> None:
        """What the shop's back office does: goods or money that go back stand on the order."""
        order = loopback.get(f"{self.url}/orders/{order_id}", headers=_HEADERS).json()
        order["adjustments"] = [{"occurred_at": "2026-03-06T10:00:00Z", **each} for each in adjustments]
        loopback.put(f"{self.url}/orders/{order_id}", headers=_HEADERS, json=order).raise_for_status()

    def _write(self, name: str, statement: str, *values: object) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / name)) as db, db:
            db.execute(statement, values)

    def _databases(self) -> list[str]:
        return [f"--products_db_path={self.folder / 'p.db'}", f"--transactions_db_path={self.folder / 't.db'}"]


_HEADERS = {"UCP-Agent": "test", "Request-Signature": "test", "Request-Id": "test"}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing() -> str | None:
    """Why the sample server cannot be started here; None where it can."""
    found = importlib.util.find_spec("ucp_client") is not None
    return None if found else "the UCP sample merchant (ucp-client[server]) is not installed"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[SampleMerchant]:
    """The sample server, started with its goods and stopped again."""
    spec = importlib.util.find_spec("ucp_client")
    assert spec is not None
    assert spec.origin is not None
    sample = SampleMerchant(folder, Path(spec.origin).parent / "mockup_server", free_port())
    sample.load()
    try:
        sample.start()
        yield sample
    finally:
        sample.stop()


@contextlib.asynccontextmanager
async def connect(
    sample: SampleMerchant,
    *,
    token: str = _PAYS,
    http: MerchantHttp | None = None,
    ticks: Callable[[], float] = time.monotonic,
) -> AsyncIterator[UcpMerchant]:
    """A connector to the sample server; `http` may stand in for the plain client."""
    async with http or MerchantHttp(sample.url, deadline_s=10) as client:
        yield connector(merchant_config(sample.url), http=client, token=token, ticks=ticks)


def connector(
    config: UcpConfig,
    *,
    http: MerchantHttp,
    token: str = _PAYS,
    key: SigningKey | None = None,
    new_key: Callable[[], str] = lambda: str(uuid4()),
    ticks: Callable[[], float] = time.monotonic,
) -> UcpMerchant:
    """A UCP merchant as the bridge wires one; `http` may stand in for the plain client."""
    ours = key or AGENT_KEY
    channel = Channel(
        http=http,
        profiles=ProfileSource(http, origin=config.url, ticks=ticks),
        signer=RequestSigner(ours, now=_real_now),
        profile_url=lambda version: f"http://127.0.0.1:9/.well-known/ucp?merchant={config.id}&version={version}",
        new_key=new_key,
        now=_real_now,
        signed_answers=config.signed_answers,
    )
    return UcpMerchant(config, channel=channel, key=ours, tokens=StandingToken(SecretStr(token)), now=_real_now)


def _real_now() -> datetime:
    return datetime.now(UTC)


def merchant_config(url: str, **changes: object) -> UcpConfig:
    """The sample server as a bridge's configuration names it."""
    values: dict[str, Any] = {
        "id": MERCHANT,
        "kind": "ucp",
        "url": url,
        "currency": "USD",
        "buyer_name": "Our Home",
        "buyer_email": "home@example.com",
        "payment_handler": "mock_payment_handler",
        "destinations": {"home": HOME},
        **changes,
    }
    return UcpConfig(**values)
