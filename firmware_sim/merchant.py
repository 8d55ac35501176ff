"""The sample merchant of the demo: a UCP server that nobody here wrote, with goods of our own.

It is started from the wheel's own scripts. Its orders are read from its own database, read-only, and changed through
its own HTTP routes. It takes an order back only in the full form of its published model; its own shipping route writes
a shorter form, so what is missing there is filled in before the order goes back.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import sys
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import httpx

from firmware_sim.merchant_server import SECRET_VARIABLE
from firmware_sim.processes import Command, Crew, DemoError, run_to_end, wait_http

NAME = "merchant"
_GOODS = Path(__file__).with_name("merchant_goods")
_TIMEOUT_S = 10.0  # real time


class MerchantError(DemoError):
    """The merchant gave no usable answer to the courier."""


@dataclass(frozen=True, slots=True)
class MerchantOrder:
    """One order as the merchant's database has it."""

    id: str
    sku: str
    packs: int
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MerchantFiles:
    """The merchant's two databases."""

    folder: Path

    @property
    def products(self) -> Path:
        """Products and promotions."""
        return self.folder / "products.db"

    @property
    def transactions(self) -> Path:
        """Stock, checkouts and orders."""
        return self.folder / "transactions.db"


async def start(crew: Crew, *, port: int, secret: str, files: MerchantFiles, log: Path) -> None:
    """Import the goods, start the server and wait until it answers.

    Raises: DemoError when it does not start.
    """
    files.folder.mkdir(mode=0o700, parents=True)
    databases = [f"--products_db_path={files.products}", f"--transactions_db_path={files.transactions}"]
    await run_to_end(_command("import_csv.py", [*databases, f"--data_dir={_GOODS}"], log=log))
    child = crew.start(_command("server.py", [*databases, f"--port={port}"], log=log, secret=secret))
    await wait_http(child, f"http://127.0.0.1:{port}/.well-known/ucp")


def new_secret() -> str:
    """A secret for the merchant's simulation routes."""
    return secrets.token_hex(24)


def read_orders(files: MerchantFiles) -> list[MerchantOrder]:
    """All orders in the order in which they were placed."""
    uri = f"{files.transactions.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as database:
        rows = database.execute("SELECT id, data FROM orders ORDER BY rowid").fetchall()
    return [_order(order_id, json.loads(document)) for order_id, document in rows]


class MerchantClient:
    """The merchant's order routes, as its own staff would use them."""

    def __init__(self, *, port: int, secret: str) -> None:
        self._secret = secret
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=_TIMEOUT_S)

    async def __aenter__(self) -> MerchantClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ship(self, order_id: str) -> None:
        """Hand the goods to the carrier.

        Raises: MerchantError.
        """
        headers = {**_headers(), "Simulation-Secret": self._secret}
        await self._call("POST", f"/testing/simulate-shipping/{order_id}", headers=headers)

    async def deliver(self, order_id: str, *, at: datetime) -> None:
        """Write into the order that everything has arrived; a second time changes nothing.

        Raises: MerchantError.
        """
        order = await self._call("GET", f"/orders/{order_id}", headers=_headers())
        if "delivered" in _event_types(order):
            return
        await self._call("PUT", f"/orders/{order_id}", headers=_headers(), body=delivered(order, at=at))

    async def _call(
        self, method: str, path: str, *, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, path, headers=headers, json=body)
            answer.raise_for_status()
            return cast("dict[str, Any]", answer.json())
        except (httpx.HTTPError, json.JSONDecodeError) as exc:
            raise MerchantError(f"merchant: {method} {path} failed: {exc}") from exc


def delivered(order: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """The order with a `delivered` event for all its lines, in the form that the merchant takes back.

    The events of its own shipping route lack `occurred_at` and `line_items`, which its update route requires.
    """
    all_lines = [{"id": line["id"], "quantity": line["quantity"]["total"]} for line in order["line_items"]]
    stamp = at.isoformat()
    fulfillment = order["fulfillment"]
    earlier = [
        {"occurred_at": event.get("timestamp", stamp), "line_items": all_lines, **event}
        for event in fulfillment.get("events") or []
    ]
    arrival = {"id": f"evt_{uuid.uuid4()}", "type": "delivered", "occurred_at": stamp, "line_items": all_lines}
    return {
        **order,
        "line_items": [_fulfilled(line) for line in order["line_items"]],
        "fulfillment": {**fulfillment, "events": [*earlier, arrival]},
    }


def _fulfilled(line: Mapping[str, Any]) -> dict[str, Any]:
    total = line["quantity"]["total"]
    return {**line, "quantity": {**line["quantity"], "fulfilled": total}, "status": "fulfilled"}


def _order(order_id: str, document: Mapping[str, Any]) -> MerchantOrder:
    lines = document["line_items"]
    if len(lines) != 1:
        raise MerchantError(f"merchant order {order_id} has {len(lines)} lines; the demo orders one product at a time")
    return MerchantOrder(
        id=order_id,
        sku=str(lines[0]["item"]["id"]),
        packs=int(lines[0]["quantity"]["total"]),
        events=_event_types(document),
    )


def _event_types(document: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(event["type"]) for event in document["fulfillment"].get("events") or [])


def _headers() -> dict[str, str]:
    """What the sample server wants to see on every request; it does not check the signature."""
    return {
        "UCP-Agent": 'profile="http://127.0.0.1/no-profile"',
        "Request-Signature": "courier",
        "Request-Id": str(uuid.uuid4()),
    }


def _command(script_name: str, flags: list[str], *, log: Path, secret: str = "") -> Command:
    found = find_spec("ucp_client")
    if found is None or not found.submodule_search_locations:
        raise DemoError("the sample merchant is missing: install the sim group (ucp-client[server])")
    script_path = Path(found.submodule_search_locations[0]) / "mockup_server" / script_name
    environment = {SECRET_VARIABLE: secret} if secret else {}
    argv = [sys.executable, "-m", "firmware_sim.merchant_server", str(script_path), *flags]
    return Command(name=NAME, argv=argv, log=log, cwd=script_path.parent, environment=environment)
