"""A bridge and the model merchant as processes of their own, for many households: what `restock-sim hubs` is run at.

The merchant is the replicas' one: class B, with a ledger to which it flushes each sale before it answers, and every
ninth answer never given. The bridge is the whole program on its own server, with the connector to that merchant.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from cloud_bridge.api.routes import PATH_HEALTH
from tests.campaign.bugs import Bug
from tests.campaign.replica.process import Setting
from tests.cloud_bridge.rig import MERCHANT
from tests.cloud_bridge.sample_merchant import free_port

ROOT = Path(__file__).parents[2]
_READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Stack:
    """Where they are. `bridge` is the bridge's process."""

    url: str
    ledger: Path
    bridge: psutil.Process
    merchant: str = MERCHANT

    def arguments(self) -> list[str]:
        """How `restock-sim hubs` is told of them."""
        return [
            "--bridge",
            self.url,
            "--merchant",
            self.merchant,
            "--sku",
            "milk-whole-1l",
            "--ledger",
            str(self.ledger),
        ]


@contextmanager
def running(folder: Path, admission: Path, *, store_url: str | None = None, bug: Bug | None = None) -> Iterator[Stack]:
    """Both, for the households of an admission that `--enrol` wrote; `bug` is planted into the bridge."""
    households = tomllib.loads(admission.read_text(encoding="utf-8"))["households"]
    ports = free_port(), free_port()
    ledger = folder / "ledger.jsonl"
    setting = Setting(
        store_url=store_url or f"sqlite:///{folder / 'bridge.sqlite3'}",
        merchant_port=ports[0],
        keys={each["id"]: base64.b64decode(each["public_key"]).hex() for each in households},
        lease_s=60.0,
        odds=0.0,
        nap_odds=0.0,
        nap_s=0.0,
        log=str(folder / "injuries"),
        quiet=str(folder / "quiet"),
        bug=bug,
    )
    setting.write(folder / "setting.json")
    commands = [
        ["tests.campaign.replica.merchant", str(ports[0]), str(ledger)],
        ["tests.campaign.replica.process", str(folder / "setting.json"), str(ports[1]), "1"],
    ]
    children = [subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT) for command in commands]
    try:
        url = f"http://127.0.0.1:{ports[1]}"
        _wait(url, ledger)
        yield Stack(url, ledger, psutil.Process(children[1].pid))
    finally:
        for child in children:
            child.kill()
            child.wait()


def _wait(url: str, ledger: Path) -> None:
    deadline_s = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline_s:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}{PATH_HEALTH}", timeout=2).status_code == httpx.codes.OK and ledger.exists():
                return
        time.sleep(0.05)
    raise RuntimeError("bridge and merchant did not start")
