"""The whole bridge as a process beside the real merchant, in fast virtual time, from intent to the door."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import pytest
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

from cloud_bridge.wire import EventPage, OrderEvent, OrderState, PriceList
from tests import loopback
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, MILK, Signer
from tests.cloud_bridge.sample_merchant import SampleMerchant, free_port

pytestmark = pytest.mark.merchant

T = TypeVar("T")
SPEED = 5_000
_WITHIN_S = 60.0
_RSS_BYTES_MAX = 150 * 1024 * 1024


class Process:
    """`restock-bridge run`, and a hub that talks to it."""

    def __init__(self, folder: Path, signer: Signer, merchant_url: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.signer = signer
        self.config = folder / "bridge.toml"
        self.epoch = datetime.now(UTC)
        self.virtual_epoch = datetime(2026, 3, 1, tzinfo=UTC)
        self.config.write_text(self._toml(folder, merchant_url), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for its health."""
        environment = {**os.environ, "RESTOCK_PAYMENT_TOKEN_GROCER": "success_token"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloud_bridge", "run", "--config", str(self.config)], env=environment, umask=0o022
        )
        wait_for(lambda: self._healthy() or None)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and wait."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=10)

    def ask(self, method: str, path: str, body: str | None = None) -> httpx.Response:
        """A signed request."""
        content = None if body is None else body.encode()
        with httpx.Client(verify=loopback.NOBODY, timeout=30) as client:
            request = client.build_request(method, self.url + path, content=content)
            keys = MappingKeyResolver(public_keys={}, private_keys={HOUSEHOLD: self.signer.key})
            HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=keys).sign(
                request,
                key_id=HOUSEHOLD,
                label="restock",
                covered_component_ids=("@method", "@target-uri"),
                body=content,
            )
            return client.send(request)

    def event(self, state: OrderState) -> OrderEvent:
        """Wait until the household is told of this state."""

        def found() -> OrderEvent | None:
            page = EventPage.model_validate_json(self.ask("GET", "/v1/events?after=0&limit=500").content)
            return next((event for event in page.events if event.state is state), None)

        return wait_for(found)

    def now(self) -> datetime:
        """The bridge's time."""
        return self.virtual_epoch + (datetime.now(UTC) - self.epoch) * SPEED

    def report(self) -> dict[str, object]:
        """What the operator is told."""
        command = [sys.executable, "-m", "cloud_bridge", "report", "--config", str(self.config), "--json"]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))

    def _healthy(self) -> bool:
        with suppress(httpx.TransportError):
            return bool(loopback.get(f"{self.url}/healthz", timeout=2).json() == {"status": "ok"})
        return False

    def _toml(self, folder: Path, merchant_url: str) -> str:
        return f"""
[server]
port = {self.url.rsplit(":", 1)[1]}
[store]
url = "sqlite:///{folder / "bridge.sqlite3"}"
[[households]]
id = "{HOUSEHOLD}"
public_key = "{base64.b64encode(self.signer.public_key).decode()}"
[[merchants]]
id = "{MERCHANT}"
kind = "ucp"
url = "{merchant_url}"
currency = "USD"
buyer_name = "Our Home"
buyer_email = "home@example.com"
payment_handler = "mock_payment_handler"
webhooks = "unsigned_hints"
[merchants.destinations.home]
street_address = "1 Elm St"
address_locality = "Springfield"
address_region = "IL"
postal_code = "62704"
address_country = "US"
[clock]
speed = {SPEED}
real_epoch = {self.epoch.isoformat()}
virtual_epoch = {self.virtual_epoch.isoformat()}
"""


def wait_for(look: Callable[[], T | None]) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + _WITHIN_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


@pytest.fixture
def bridge(tmp_path: Path, sample: SampleMerchant) -> Iterator[Process]:
    """A running bridge beside the sample merchant."""
    process = Process(tmp_path, Signer(), sample.url)
    process.start()
    yield process
    if process.process is not None and process.process.poll() is None:
        process.process.kill()
        process.process.wait()


def test_an_intent_becomes_one_order_that_arrives(bridge: Process, sample: SampleMerchant) -> None:
    """Prices, intent, order, parcel, door; then a clean end, a report, and memory inside its bound."""
    before = set(sample.orders())
    query = {"merchant": MERCHANT, "delivery_ref": "home", "skus": [MILK, "washer-fluid-2500ml", "never-was"]}
    prices = PriceList.model_validate_json(bridge.ask("POST", "/v1/prices", json.dumps(query)).content)
    assert [line.available for line in prices.lines] == [True, False, False]
    body = bridge.signer.intent(offer_expires_at=bridge.now() + timedelta(days=3)).model_dump_json()
    assert bridge.ask("POST", "/v1/intents", body).status_code == 200
    placed = bridge.event(OrderState.PLACED)
    assert bridge.ask("POST", "/v1/intents", body).status_code == 200
    assert set(sample.orders()) - before == {placed.merchant_order_id}
    sample.ship(placed.merchant_order_id or "")
    bridge.event(OrderState.SHIPPED)
    sample.deliver(placed.merchant_order_id or "")
    bridge.event(OrderState.DELIVERED)
    assert bridge.process is not None
    rss_bytes = psutil.Process(bridge.process.pid).memory_info().rss
    assert rss_bytes < _RSS_BYTES_MAX
    assert bridge.report()["attempts"] == 1
    assert bridge.end() == 0
    assert bridge.report()["orders"] == [
        {
            "intent_id": json.loads(body)["terms"]["intent_id"],
            "state": "delivered",
            "merchant_order_id": placed.merchant_order_id,
            "total_minor": 858,
        }
    ]


def test_a_killed_bridge_goes_on_where_it_was(bridge: Process, sample: SampleMerchant) -> None:
    """After kill -9 the report can be read, and the next start brings the order to its end, once."""
    before = set(sample.orders())
    sample.stop()
    try:
        body = bridge.signer.intent(offer_expires_at=bridge.now() + timedelta(days=300), hold_s=0).model_dump_json()
        assert bridge.ask("POST", "/v1/intents", body).status_code == 200
        bridge.event(OrderState.HELD)
        bridge.end(signal.SIGKILL)
        orders = bridge.report()["orders"]
        assert isinstance(orders, list)
        assert orders[0]["state"] == "held"
    finally:
        sample.start()
    bridge.start()
    bridge.event(OrderState.PLACED)
    assert len(set(sample.orders()) - before) == 1
    assert bridge.end(signal.SIGINT) == 0


def test_slow_clients_and_big_bodies_do_not_keep_others_away(bridge: Process) -> None:
    """A hundred half-sent headers and an endless body: the bridge still answers, and lets them go."""
    host, port = bridge.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(100)]
    try:
        for each in slow:
            each.sendall(b"POST /v1/intents HTTP/1.1\r\nHost: x\r\n")
        assert loopback.get(f"{bridge.url}/healthz", timeout=5).status_code == 200
        endless = (b"x" * 4_096 for _ in range(50_000))
        with suppress(httpx.TransportError):
            assert loopback.post(f"{bridge.url}/v1/intents", content=endless, timeout=5).status_code == 413
        for each in slow:
            each.settimeout(20)
            assert each.recv(1_024)[:12] in {b"", b"HTTP/1.1 408"}
    finally:
        for each in slow:
            each.close()
    assert loopback.get(f"{bridge.url}/healthz", timeout=5).status_code == 200


def test_what_the_bridge_writes_is_for_its_own_user(bridge: Process) -> None:
    """The store, its lock and SQLite's side files, whatever the mask of who started it."""
    modes = {path.name: path.stat().st_mode & 0o777 for path in bridge.config.parent.glob("bridge.sqlite3*")}
    assert {"bridge.sqlite3", "bridge.sqlite3-wal", "bridge.sqlite3-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}
