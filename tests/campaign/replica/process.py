"""One bridge as a process that kills, stops or delays itself at crash points, until a file says that all is quiet.

It naps where an order is priced and nothing is recorded of an attempt yet, for less than its lease: the lease is cut in
the database meanwhile, another bridge goes on, and nothing but the fence in the store keeps the sleeper from buying,
too. A longer sleep proves less, since a step that has outlasted its share of the lease is dropped before it can send.

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
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cloud_bridge.app import Counterpart, _assemble, _listen, _serve
from cloud_bridge.clock import MappedClock
from cloud_bridge.config import BridgeConfig, ServerConfig, SigningConfig, StoreConfig, TrackingConfig, WorkerConfig
from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from tests.campaign.bugs import Bug, planted
from tests.campaign.replica.connector import LedgerMerchant
from tests.cloud_bridge.rig import MERCHANT

_KINDS = (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP))
_NAPS_AT = frozenset({CrashPoint.QUOTED, CrashPoint.SESSION_SAVED})
_AWAKE_BETWEEN_S = 0.3
_SPARED_S = 1.5  # after a nap: what the sleeper does next is what the nap was for


@dataclass(frozen=True, slots=True)
class Setting:
    """What all replicas of a run share. `odds` are those of an injury at one crash point, `nap_odds` those of a nap."""

    store_url: str
    merchant_port: int
    keys: Mapping[str, str]
    lease_s: float
    odds: float
    nap_odds: float
    nap_s: float
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
        self._nap_odds = setting.nap_odds
        self._nap_s = setting.nap_s
        self._quiet = Path(setting.quiet)
        self._spared_until_s = 0.0
        self._naps = Path(f"{setting.quiet}-naps")
        self._log_fd = os.open(setting.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, point: CrashPoint) -> None:
        """Die, sleep, nap, or go on."""
        drawn = self._rng.random()
        if self._quiet.exists() or time.monotonic() < self._spared_until_s:
            return
        if drawn < self._odds:
            kind, number = self._rng.choice(_KINDS)
            self._tell(kind, point)
            os.kill(os.getpid(), number)
        elif point in _NAPS_AT and drawn < self._odds + self._nap_odds and self._others_are_awake():
            self._tell("napped", point)
            time.sleep(self._nap_s)
            self._spared_until_s = time.monotonic() + _SPARED_S

    def _others_are_awake(self) -> bool:
        """A nap counts for something only while others go on: they take turns, and this one takes it."""
        with suppress(FileNotFoundError):
            if time.time() < self._naps.stat().st_mtime + self._nap_s + _AWAKE_BETWEEN_S:
                return False
        self._naps.touch()
        return True

    def _tell(self, kind: str, point: CrashPoint) -> None:
        os.write(self._log_fd, f"{kind} {point}\n".encode())


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
    with (
        _listen(config.server.host, port, field="server") as listener,
        Database(config.store.url, connections=4) as database,
    ):
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
