"""One bridge as a process that kills or stops itself at crash points, until a file says that all is quiet.

python -m tests.campaign.replica.process SETTING_FILE PORT SEED
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud_bridge.app import Counterpart, _assemble, _listen, _serve
from cloud_bridge.clock import MappedClock
from cloud_bridge.config import (
    BridgeConfig,
    ServerConfig,
    SigningConfig,
    StoreConfig,
    TrackingConfig,
    WorkerConfig,
)
from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.campaign.bugs import Bug, planted
from tests.campaign.replica.connector import LedgerMerchant
from tests.cloud_bridge.rig import MERCHANT

# A sleeper is the harder case, and comes twice as often.
_KINDS = (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP), ("stopped", signal.SIGSTOP))


@dataclass(frozen=True, slots=True)
class Setting:
    """What all replicas of a run share. `odds` are those of an injury at one crash point."""

    store_url: str
    merchant_port: int
    keys: Mapping[str, str]
    lease_s: float
    odds: float
    log: str
    quiet: str
    bug: Bug | None

    def write(self, path: Path) -> None:
        """For the processes to read."""
        path.write_text(json.dumps({name: getattr(self, name) for name in self.__slots__}), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Setting:
        """As `write` wrote it."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**values, "bug": None if values["bug"] is None else Bug(values["bug"])})


class Injuries:
    """A crash hook that tells a log what it does, and does it."""

    def __init__(self, setting: Setting, *, seed: int) -> None:
        self._rng = random.Random(seed)
        self._odds = setting.odds
        self._quiet = Path(setting.quiet)
        self._log_fd = os.open(setting.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, point: CrashPoint) -> None:
        """Die, sleep, or go on."""
        if self._rng.random() >= self._odds or self._quiet.exists():
            return
        kind, number = self._rng.choice(_KINDS)
        os.write(self._log_fd, f"{kind} {point}\n".encode())
        os.kill(os.getpid(), number)


async def serve(setting: Setting, *, port: int, seed: int) -> None:
    """Be a bridge until the process ends."""
    config = BridgeConfig(
        server=ServerConfig(port=port),
        store=StoreConfig(url=setting.store_url, connections=4),
        signing=SigningConfig(key_file=f"{setting.quiet}-no-key"),
        worker=WorkerConfig(poll_s=1, retry_first_s=1, retry_max_s=2, lease_s=setting.lease_s),
        tracking=TrackingConfig(poll_s=60),
    )
    stop, clock, url = asyncio.Event(), MappedClock(config.clock), f"http://127.0.0.1:{port}"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    merchant = LedgerMerchant(setting.merchant_port)
    with _listen(config.server) as listener, Database(config.store.url, connections=4) as database:
        store = SqlOrderStore(database, shown=clock.shown)
        await store.resume(now=clock.now())
        bridge = _assemble(
            config,
            store=store,
            counterparts={MERCHANT: Counterpart(merchant, merchant)},
            profiles=lambda *_: None,  # type: ignore[arg-type]
            keys={household: bytes.fromhex(key) for household, key in setting.keys.items()},
            clock=clock,
            public_url=url,
            crash=Injuries(setting, seed=seed),
        )
        await _serve(bridge, listener, stop=stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)
    shared = Setting.read(Path(sys.argv[1]))
    with planted(shared.bug):
        asyncio.run(serve(shared, port=int(sys.argv[2]), seed=int(sys.argv[3])))
