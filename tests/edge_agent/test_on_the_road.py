"""A car on the road, a broker and a hub as in a home: what the page makes of a drive, and what is left of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import paho.mqtt.client as mqtt
import pytest

from edge_agent.commands.commission import set_up
from edge_agent.config import load
from firmware_sim.appliances.vehicles import TeslaMate, Vss
from firmware_sim.dialects import Dialect, Wire
from firmware_sim.sensing import Observation
from firmware_sim.services import HOUSEHOLD_FILE
from tests import loopback
from tests.edge_agent.pipeline.test_in_passing import LATITUDE, LONGITUDE, hits

if TYPE_CHECKING:
    from tests.conftest import Broker

WITHIN_S = 120
PASSWORD = "a password of the test"
TRUTH = {
    "charge_pct": 60.0, "usable_charge_pct": 59.0, "range_km": 240.0, "odometer_km": 12_000.5, "fuel_pct": 40.0,
    "fuel_l": 20.0, "adblue_pct": 50.0, "washer_fluid_pct": 42.0, "washer_fluid_low": False,
}  # fmt: skip

pytestmark = pytest.mark.broker


def said(dialect: Dialect, *, moving: bool) -> list[Wire]:
    """What a car says now, all of it."""
    seen = Observation(datetime.now(UTC), {**TRUTH, "moving": moving}, TRUTH)
    return list(dialect.anew().say(seen))


class Car(TeslaMate):
    """One that drives to the place that is searched for."""

    destination = (LATITUDE, LONGITUDE)


def odd() -> list[Wire]:
    """What goes wrong on the way: half a payload, one that is too large, a place in words, a bare coordinate."""
    [route] = [wire for wire in said(Car("car"), moving=True) if wire.topic.endswith("active_route")]
    return [
        Wire(route.topic, route.payload[:-2]),
        Wire(route.topic, route.payload + b" " * 62_000),
        Wire(route.topic, route.payload.replace(b"20.0", b'"soon"').replace(str(LATITUDE).encode(), b'"here"')),
        Wire("teslamate/cars/1/latitude", str(LATITUDE).encode(), retain=True),
        Wire("teslamate/cars/1/speed", f"{LATITUDE}".encode() * 2),
        Wire("vss/wagon", json.dumps({"Vehicle": {"Speed": str(LATITUDE), "At": [LATITUDE, LONGITUDE]}}).encode()),
    ]


@contextmanager
def publisher(broker: Broker) -> Iterator[mqtt.Client]:
    """TeslaMate's own connection."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(client: mqtt.Client, wires: list[Wire]) -> None:
    """Each acknowledged by the broker."""
    for wire in wires:
        client.publish(wire.topic, wire.payload, qos=1, retain=wire.retain).wait_for_publish(timeout=WITHIN_S)


def page_that_says(page: httpx.Client, words: str, *, meanwhile: list[Wire], by: mqtt.Client) -> str:
    """The car's page, as soon as it says that; the car tells of itself again and again."""
    ends = time.monotonic() + WITHIN_S
    while time.monotonic() < ends:
        publish(by, meanwhile)
        text = page.get("/car").text
        if words in text:
            return text
    raise AssertionError(f"{words!r} was not said: {text}")


def press(page: httpx.Client, path: str, **form: str) -> httpx.Response:
    """A button of the car's page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.get("/car").text)
    assert found is not None
    return page.post(f"/car/{path}", data={"csrf": found[1], **form})


@pytest.mark.timeout(4 * WITHIN_S)
def test_a_drive_is_seen_and_leaves_nothing(tmp_path: Path, nats_broker: Broker) -> None:
    """The page follows the car; afterwards store, journal, logs, export and an opened backup hold no coordinate."""
    home = tmp_path / "home"  # beside it lies the broker's own folder, and what that keeps is its publishers' doing
    home.mkdir()
    settings, data = home / "hub.toml", home / "data"
    settings.write_text(
        f"[home]\ndata_dir = {json.dumps(str(data))}\n[mqtt]\nurl = {json.dumps(nats_broker.url)}\n"
        "payload_bytes_max = 60000\n[web]\nport = 0\n[bridge]\nurl = 'http://127.0.0.1:9'\n",
        encoding="utf-8",
    )
    set_up(load(settings), household_file=HOUSEHOLD_FILE, owner="anna", password=PASSWORD)
    with publisher(nats_broker) as car:
        publish(car, said(Car("car"), moving=False))  # retained: it stands in the broker before the hub is there
        log = home / "hub.log"
        command = [sys.executable, "-m", "edge_agent", "--log-level", "DEBUG", "run", "--config", str(settings)]
        with log.open("wb") as into, subprocess.Popen(command, stderr=into, stdout=into) as hub:
            try:
                with httpx.Client(verify=loopback.NOBODY, base_url=_address(log, hub)) as page:
                    _sign_in(page)
                    assert "No car is heard of" in page.get("/car").text  # retained copies are no evidence
                    moving, standing = said(Car("car"), moving=True), said(Car("car"), moving=False)
                    page_that_says(page, "tesla.1", meanwhile=moving, by=car)
                    press(page, "this", car="tesla.1")
                    page_that_says(page, "The car drives", meanwhile=moving, by=car)
                    publish(car, odd())
                    publish(car, said(Vss("wagon"), moving=True))
                    page_that_says(page, "The car stands", meanwhile=standing, by=car)
                    page_that_says(page, "The car drives", meanwhile=moving, by=car)
                    (home / "export.jsonl").write_bytes(page.get("/data/export.jsonl").content)
                    _back_up(settings, home / "home.backup")
                hub.terminate()
                assert hub.wait(timeout=WITHIN_S) == 0
            finally:
                hub.kill()
    assert "quarantined reason=" in log.read_text()
    assert b"odometer" in (home / "export.jsonl").read_bytes()
    _restore(home / "home.backup", home / "restored")
    payloads = [
        wire.payload for wire in (*moving, *odd()) if wire.topic.endswith(("route", "latitude", "speed", "wagon"))
    ]
    sent = [each for each in payloads if str(LATITUDE).encode() in each]
    assert len(sent) >= 4
    for folder in (data, home / "restored"):
        assert list(folder.rglob("*.sqlite3")) or list(folder.rglob("hub*"))
    assert hits(home, *sent) == []


def _address(log: Path, hub: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + WITHIN_S
    while time.monotonic() < ends and hub.poll() is None:
        found = re.search(r"Running on (\S+)", log.read_text(errors="replace"))
        if found is not None:
            return found[1]
    raise AssertionError(log.read_text())


def _sign_in(page: httpx.Client) -> None:
    form = page.get("/login").text
    found = re.search(r'name="csrf" value="([^"]+)"', form)
    assert found is not None
    answer = page.post("/login", data={"csrf": found[1], "name": "anna", "password": PASSWORD})
    assert answer.status_code == 303


def _back_up(settings: Path, file: Path) -> None:
    command = [sys.executable, "-m", "edge_agent", "backup", "--config", str(settings), str(file)]
    subprocess.run(command, input=f"{PASSWORD}\n{PASSWORD}\n", text=True, check=True, timeout=WITHIN_S)


def _restore(file: Path, folder: Path) -> None:
    """Into a home of its own: sealed, it could be searched for ever."""
    settings = folder.with_suffix(".toml")
    settings.write_text(f"[home]\ndata_dir = {json.dumps(str(folder))}\n", encoding="utf-8")
    command = [sys.executable, "-m", "edge_agent", "restore", "--config", str(settings), str(file)]
    subprocess.run(command, input=f"{PASSWORD}\n", text=True, check=True, timeout=WITHIN_S)
