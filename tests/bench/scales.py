"""A home of scales, each under a thing that is used up, and its hub as a process of its own: for `intake` and `start`.

The scales are Restock-native devices (profile `restock.scale`): each says its boot once, then readings with a seq, an
event time, a weight and whether it is at rest. The hub is the console script, as a household starts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from edge_agent.commands.commission import set_up
from edge_agent.config import load

HUB_CLIENT = "bench-hub"
Message = tuple[str, bytes]  # topic and payload

_APART = timedelta(seconds=10)  # between two readings of one scale
_BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=22)
_FULL_G = 6_000
_PASSWORD = "a password of the bench"
_READY_WITHIN_S = 60.0
_STOPPED_WITHIN_S = 30.0
_QUIET_S, _QUIET_CPU_S = 1.0, 0.03
_SETTINGS = """
profiles = {profiles}
[home]
data_dir = {folder}
[mqtt]
url = "mqtt://127.0.0.1:{port}"
client_id = "{client}"
device_messages_per_min = 60000
device_burst_max = 1000000
[web]
port = 0
[bridge]
url = "http://127.0.0.1:9"
"""
_ITEM = """
[[items]]
id = "item-{number}"
name = "Thing {number}"
category = "oats"
unit = "g"
room_packs = 6
prior_use_per_day = 50.0
[items.product]
title = "Thing {number}, 1 kg"
merchant = "grocer"
sku = "thing-{number}"
pack_amount = 1000.0
[items.binding]
device = "{device}"
signal = "weight"
"""


@dataclass
class Scales:
    """So many scales, and how far each has counted."""

    count: int
    seq: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seq = {f"scale-{number}": 0 for number in range(self.count)}

    def births(self) -> list[Message]:
        """Each one's birth certificate, which is retained."""
        words = {"profile": "restock.scale", "firmware": "1.4.2", "boot": "b1", "at": _at(0)}
        return [(f"restock/v1/home/{each}/birth", json.dumps({"device": each} | words).encode()) for each in self.seq]

    def readings(self, count: int) -> list[Message]:
        """The next `count` readings, of each scale in turn; what is on it is used up slowly and bought again."""
        names = list(self.seq)
        return [self._reading(names[number % len(names)]) for number in range(count)]

    def _reading(self, device: str) -> Message:
        self.seq[device] += 1
        seq = self.seq[device]
        values = {
            "weight": {"value": _FULL_G - seq % _FULL_G + 0.5, "unit": "g"},
            "stable": {"value": True, "unit": ""},
        }
        payload = {"device": device, "boot": "b1", "seq": seq, "at": _at(seq), "values": values}
        return f"restock/v1/home/{device}/reading", json.dumps(payload, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Hub:
    """The process, and those that it has started."""

    process: psutil.Process
    log: Path

    def cpu_s(self) -> float:
        """Processor time until now, of all of them."""
        times = [self.process.cpu_times(), *(each.cpu_times() for each in self.process.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    def rss_mb(self) -> float:
        """Resident memory of the hub itself, in MB of 10^6 bytes."""
        return float(self.process.memory_info().rss / 1e6)

    def wait_until_quiet(self) -> float:
        """Until it has nothing to do any more; returns its processor time then."""
        before = self.cpu_s()
        while True:
            time.sleep(_QUIET_S)
            now = self.cpu_s()
            if now - before < _QUIET_CPU_S:
                return now
            before = now


def set_up_home(folder: Path, port: int, scales: Scales, *, profiles: Path | None = None) -> Path:
    """A home with an item on every scale; returns the hub's configuration."""
    settings, household = folder / "hub.toml", folder / "household.toml"
    settings.write_text(
        _SETTINGS.format(
            profiles=json.dumps([str(profiles)] if profiles else []),
            folder=json.dumps(str(folder / "data")),
            port=port,
            client=HUB_CLIENT,
        ),
        encoding="utf-8",
    )
    items = [_ITEM.format(number=number, device=device) for number, device in enumerate(scales.seq)]
    household.write_text("".join(items), encoding="utf-8")
    set_up(load(settings), household_file=household, owner="anna", password=_PASSWORD)
    return settings


@contextmanager
def started(settings: Path) -> Iterator[Hub]:
    """The hub, from the moment at which its process was made until it has ended in an orderly way."""
    log = settings.with_suffix(".log")
    with log.open("wb") as said:
        child = subprocess.Popen(
            [str(Path(sys.executable).with_name("restock-hub")), "run", "--config", str(settings)],
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    try:
        yield Hub(psutil.Process(child.pid), log)
    finally:
        child.terminate()
        child.wait(_STOPPED_WITHIN_S)


def wait_for_pages(hub: Hub) -> None:
    """Until everything in it has been started: its pages come last.

    Raises: SystemExit when it ends before.
    """
    until = time.monotonic() + _READY_WITHIN_S
    while b"Running on " not in (said := hub.log.read_bytes()):
        if not hub.process.is_running() or time.monotonic() > until:
            raise SystemExit(said.decode(errors="replace"))
        time.sleep(0.05)


def _at(seq: int) -> str:
    return (_BEGAN + seq * _APART).isoformat(timespec="milliseconds").replace("+00:00", "Z")
