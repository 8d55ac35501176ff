"""Medusa as a process: a real shop that nobody here wrote, with a plugin that speaks ACP and UCP, on a real PostgreSQL.

`make test-medusa` installs it. Prices and stock are set in its own database, which is the judge of what was ordered.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests import loopback
from tests.cloud_bridge.postgres import PostgresProcess
from tests.cloud_bridge.sample_merchant import free_port

ROOT = Path(__file__).parents[2]
OURS = ROOT / "tests" / "counterparts" / "medusa"
INSTALLED = ROOT / ".counterparts" / "medusa"
API_KEY = "acp-key"
ANSWERS_WITHIN_S = 100.0  # on a machine that does other things, too
_PROGRAM = "node_modules/.bin/medusa"
_PASSWORD = "of a test and of nothing else"
_STEP_WITHIN_S = 400.0
_READY_WITHIN_S = 200.0
_STOPS_WITHIN_S = 30.0
_SET_PRICE = """
UPDATE price SET amount = %(amount)s::numeric,
    raw_amount = jsonb_build_object('value', %(amount)s::numeric::text, 'precision', 20)
WHERE price_set_id IN (SELECT price_set_id FROM product_variant_price_set WHERE variant_id = %(sku)s)
"""
_SET_STOCK = """
UPDATE inventory_level SET stocked_quantity = reserved_quantity + %(stock)s::int,
    raw_stocked_quantity = jsonb_build_object('value', (reserved_quantity + %(stock)s::int)::text, 'precision', 20)
WHERE inventory_item_id IN (SELECT inventory_item_id FROM product_variant_inventory_item WHERE variant_id = %(sku)s)
"""


def missing() -> str | None:
    """Why the shop cannot be started here; None where it can."""
    if not (INSTALLED / ".installed").exists():
        return "the Medusa shop is not installed: make test-medusa"
    return None if shutil.which("node") else "Node.js is not installed"


@dataclass
class MedusaShop:
    """The shop, its database, and where it listens."""

    database: PostgresProcess
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Make the database, the shop's tables and its goods, start the shop and wait until it answers."""
        self.database.start()
        self.database.create("medusa")
        shutil.copy(OURS / "medusa-config.js", INSTALLED)
        shutil.copytree(OURS / "src", INSTALLED / "src", dirs_exist_ok=True)
        self._step("making its tables", "db:migrate")
        said = self._step("filling its shelves", "exec", "./src/scripts/seed.js")
        if not re.search(r"^SEEDED$", said, re.MULTILINE):
            raise RuntimeError(said[-2_000:])
        self._say("starting it")
        log = (self.database.folder / "medusa.log").open("wb")
        with log:
            command = [_PROGRAM, "start", "--host", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(
                command, cwd=INSTALLED, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        self._wait()
        self._say("it answers")

    def stop(self) -> None:
        """Stop it, and leave nothing of its database."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None
        self.database.remove()

    def orders(self) -> int:
        """How many orders stand in its own database."""
        with self.database.connect("medusa") as connection:
            row = connection.execute('SELECT count(*) FROM "order"').fetchone()
        assert row is not None
        return int(str(row[0]))

    def set_price(self, sku: str, price_minor: int) -> None:
        """Change a price behind everybody's back; the shop keeps amounts in major units."""
        self._write(_SET_PRICE, sku=sku, amount=f"{price_minor / 100:.2f}")

    def set_stock(self, sku: str, stock: int) -> None:
        """Change how many can be sold."""
        self._write(_SET_STOCK, sku=sku, stock=stock)

    def _write(self, statement: str, **values: object) -> None:
        with self.database.connect("medusa") as connection:
            changed = connection.execute(statement.encode(), values)
            assert changed.rowcount == 1, statement

    def _environment(self) -> dict[str, str]:
        address = f"postgres://postgres:any@127.0.0.1:{self.database.port}/medusa"  # the server trusts loopback
        return {
            **os.environ,
            "DATABASE_URL": address,
            "MEDUSA_DISABLE_TELEMETRY": "1",
            "NODE_ENV": "development",
            "SHOP_API_KEY": API_KEY,
            "SHOP_COOKIE_SECRET": _PASSWORD,
            "SHOP_JWT_SECRET": _PASSWORD,
            "SHOP_ORIGIN": self.url,
            "SHOP_WEBHOOK_SECRET": _PASSWORD,
        }

    def _step(self, what: str, *arguments: str) -> str:
        self._say(what)
        done = subprocess.run(
            [_PROGRAM, *arguments],
            cwd=INSTALLED,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_STEP_WITHIN_S,
        )
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr)[-2_000:])
        return done.stdout

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            try:
                loopback.get(f"{self.url}/health", timeout=5).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.5)
            else:
                return
        raise RuntimeError((self.database.folder / "medusa.log").read_text(encoding="utf-8")[-2_000:])

    def _say(self, what: str) -> None:
        sys.stderr.write(f"Medusa: {what} ...\n")
        sys.stderr.flush()
