"""Where a vehicle goes passes through the hub and leaves nothing: no row, no byte, no digest, no line of a log."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.doubtful import DoubtfulReadings
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.deciding.pacing import Paces
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import DeviceId, QuarantineReason, RawMessage
from edge_agent.core.vehicles import Vehicles
from edge_agent.pipeline.ingest import Ingest
from edge_agent.pipeline.rejudge import Rejudge
from tests.edge_agent.outgoing_home import Wall, opened
from tests.edge_agent.pipeline.test_ingest import NotingDevices, ScriptedInbox
from tests.edge_agent.samples import NOW
from tests.edge_agent.shipped import shipped_registry

LATITUDE, LONGITUDE = 47.1937264, 8.8361952  # nothing else in a hub comes out like these
ROUTE = "teslamate/cars/1/active_route"
CAR = DeviceId("tesla.1")
NATIVE = DeviceId("car")


@dataclass
class Hub:
    """Ingest over a real store; `vehicles` is what it saw in passing."""

    folder: Path
    inbox: ScriptedInbox
    ingest: Ingest
    inspection: SqliteInspection
    readings: SqliteReadings
    vehicles: Vehicles
    rejudge: Rejudge
    store: OpenStore

    async def take(self, *messages: RawMessage) -> None:
        """One group."""
        self.inbox.groups.append(list(messages))
        await self.ingest.run_once()


@contextmanager
def hub(folder: Path, wall: Wall | None = None) -> Iterator[Hub]:
    """A hub that starts in this folder."""
    with opened(folder, wall or Wall()) as store:
        readings, inspection, vehicles = (
            SqliteReadings(store.connection),
            SqliteInspection(store.connection),
            Vehicles(),
        )
        decoder = Decoder(shipped_registry(), home="home", limits=Limits(), birth_of=readings.birth_of)
        inbox = ScriptedInbox([], inspection)
        rejudge = Rejudge(held=DoubtfulReadings(store.connection), decoder=decoder, clock=store.clock)
        ingest = Ingest(
            inbox=inbox,
            decoder=decoder,
            store=readings,
            devices=NotingDevices(),
            clock=store.clock,
            group_max=64,
            wait_s=0.0,
            rejudge=rejudge,
            vehicles=vehicles,
        )
        yield Hub(folder, inbox, ingest, inspection, readings, vehicles, rejudge, store)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Hub]:
    """A hub on an empty store."""
    with hub(tmp_path) as started:
        yield started


def sent(topic: str, payload: object, *, retained: bool = False) -> RawMessage:
    """A PUBLISH; what is no text is written as JSON."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return RawMessage(topic, text.encode(), retained=retained, duplicate=False, received_at=NOW, receipt=1)


def route(**words: object) -> dict[str, object]:
    """An active route to the place that is searched for."""
    place = {"latitude": LATITUDE, "longitude": LONGITUDE}
    return {"destination": "Somewhere", "minutes_to_arrival": 20, "location": place, "error": None, **words}


def birth() -> RawMessage:
    """The native car's."""
    words = {"device": NATIVE, "boot": "b-1", "profile": "restock.vehicle", "firmware": "1"}
    return sent(f"restock/v1/home/{NATIVE}/birth", {**words, "at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}"}, retained=True)


def native(seq: int, *, late: timedelta = timedelta(), **more: object) -> RawMessage:
    """A reading of the native car."""
    values = {
        "washer_fluid": {"value": 63.0 + seq, "unit": "%"},
        "location": {"value": f"{LATITUDE},{LONGITUDE}", "unit": ""},
        "destination_latitude": {"value": LATITUDE, "unit": "deg"},
        "destination_longitude": {"value": LONGITUDE, "unit": "deg"},
        "arrives_in": {"value": 1_200, "unit": "s"},
        **more,
    }
    said = {"device": NATIVE, "boot": "b-1", "seq": seq, "at": f"{NOW - late:%Y-%m-%dT%H:%M:%SZ}", "values": values}
    return sent(f"restock/v1/home/{NATIVE}/reading", said)


def marks(*payloads: bytes) -> dict[str, bytes]:
    """The place as it might be written: in digits, coarser, as numbers of machines, packed, and as digests."""
    found: dict[str, bytes] = {}
    for number in (LATITUDE, LONGITUDE):
        found |= {f"digits {number}": str(number).encode(), f"coarse {number}": f"{number:.4f}"[:-1].encode()}
        for order in "<>":
            found |= {f"{order}{kind} {number}": struct.pack(order + kind, number) for kind in "df"}
        text = str(number).encode()
        found |= {f"hex {number}": text.hex().encode(), f"base64 {number}": base64.b64encode(text[:6])}
    for payload in payloads:
        digest = hashlib.sha256(payload)
        found |= {f"sha-256 hex {digest.hexdigest()[:8]}": digest.hexdigest().encode(), "sha-256": digest.digest()}
    return found


def hits(folder: Path, *payloads: bytes) -> list[str]:
    """Which of the marks stand in which file of a folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    wanted = marks(*payloads)
    return [f"{file.name}: {name}" for file in files for name, mark in wanted.items() if mark in file.read_bytes()]


async def test_a_route_is_seen_and_leaves_no_row(running: Hub) -> None:
    """It is acknowledged, the board knows it, and the store holds nothing of it, not even that there was a message."""
    await running.take(sent(ROUTE, route()))
    found = running.vehicles.route(CAR, now=NOW)
    assert found is not None
    assert found.destination is not None
    assert (found.destination.latitude, found.destination.longitude) == (LATITUDE, LONGITUDE)
    assert len(running.inbox.acknowledged) == 1
    assert running.inspection.devices() == []
    assert running.inspection.quarantine_counts() == {}


async def test_what_tells_of_stock_beside_it_is_stored_alone(running: Hub) -> None:
    """Of a message with both, the fluid becomes a reading and the destination does not, also of a native device."""
    leaf = {"value": 41, "timestamp": "2026-01-01T10:00:00Z"}
    place = "Vehicle.Cabin.Infotainment.Navigation.DestinationSet"
    vss = {
        "Vehicle.Body.Windshield.Front.WasherFluid.Level": leaf,
        f"{place}.Latitude": {**leaf, "value": LATITUDE},
        f"{place}.Longitude": {**leaf, "value": LONGITUDE},
    }
    await running.take(birth(), native(1), sent("bridge/vss/wagon/status", vss))
    fluid = "washer_fluid.remaining"
    seen = {
        device: [each.value for *_, each in running.readings.readings_after(device, fluid, after_id=0, limit=9)]
        for device in (NATIVE, DeviceId("covesa.wagon"))
    }
    assert seen == {NATIVE: [64.0], "covesa.wagon": [41.0]}
    for device in (*seen, CAR):
        assert not running.readings.readings_after(device, "destination.latitude", after_id=0, limit=9)
    assert running.vehicles.names() == (NATIVE, DeviceId("covesa.wagon"))


_BROKEN = (
    sent(ROUTE, route(), retained=True),
    sent(ROUTE, json.dumps(route())[:-1]),
    sent(ROUTE, route(location={"latitude": f"{LATITUDE}", "longitude": f"{LONGITUDE}"}, minutes_to_arrival="soon")),
    sent(ROUTE, route(padding="x" * 70_000)),
    sent(ROUTE, f'{{"latitude": {LATITUDE}, "latitude": {LONGITUDE}}}'),
    sent("teslamate/cars/1/latitude", f"{LATITUDE}", retained=True),
    sent("teslamate/cars/1/latitude", f"{LATITUDE}"),
    sent("teslamate/cars/1/active_route_longitude", f"{LONGITUDE}"),
    sent("teslamate/cars/1/speed", f"{LATITUDE},{LONGITUDE}"),
    sent("teslamate/cars/1/shift_state", f"{LATITUDE}"),
    sent("vss/wagon", {"Vehicle": {"Speed": f"{LATITUDE}", "Place": [LATITUDE, LONGITUDE]}}),
    sent("vss/wagon/Vehicle/Speed", f"at {LATITUDE}"),
    sent("restock/v1/home/stranger/reading", {"values": {"location": f"{LATITUDE},{LONGITUDE}"}}),
    native(2, speed={"value": 4, "unit": f"{LATITUDE}"}),
    native(3, late=timedelta(days=9)),
    native(4, washer_fluid={"value": 255, "unit": "%"}),
    native(5, destination_latitude={"value": LATITUDE * 10, "unit": "deg"}),
    replace(native(6), payload=native(6).payload[:-1]),
)


async def test_nothing_that_is_kept_apart_holds_it(running: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with a message: topic, reason and size stay, and of the place not a byte, nor in any log."""
    caplog.set_level(logging.DEBUG)
    await running.take(birth())
    for each in _BROKEN:
        await running.take(each)
    kept = running.inspection.quarantine(limit=100)
    assert len(kept) >= 12
    sizes = {len(each.payload) for each in _BROKEN}
    assert all(row.size_bytes in sizes for row in kept)
    for row in kept:
        assert b"washer_fluid" in row.payload or row.payload == b"", row
        assert str(LATITUDE)[:7] not in repr(row)
    assert hits(running.folder, *(each.payload for each in _BROKEN)) == []
    assert not any(name for name, mark in marks().items() if mark.decode("latin-1") in caplog.text)


async def test_a_flood_of_routes_leaves_nothing_either(running: Hub) -> None:
    """The first message too many is kept apart before it is decoded: without its payload."""
    running.ingest._paces = Paces(per_min=60, burst_max=2)
    await running.take(*(sent(ROUTE, route(minutes_to_arrival=number)) for number in range(20)))
    assert running.inspection.quarantine_counts() == {QuarantineReason.FLOODING: 1}
    assert hits(running.folder, *(sent(ROUTE, route(minutes_to_arrival=number)).payload for number in range(20))) == []


async def test_what_waits_for_the_clock_waits_without_it(tmp_path: Path) -> None:
    """A native reading that is judged again later keeps its fluid, which then counts, and not its destination."""
    days = timedelta(days=40)
    with hub(tmp_path) as first:
        await first.take(birth(), native(1))
        first.store.chain.record({"event": "kept"})
    with hub(tmp_path, Wall(NOW + days)) as again:
        said = native(2, late=-days)
        await again.take(replace(said, received_at=NOW + days))
        held = again.inspection.quarantine(limit=9)
        assert [row.reason for row in held] == [QuarantineReason.HUB_CLOCK]
        assert json.loads(held[0].payload)["values"] == {"washer_fluid": {"unit": "%", "value": 65.0}}
        again.store.clock.vouch()
        again.rejudge.run_once()
        stored = again.readings.readings_after(NATIVE, "washer_fluid.remaining", after_id=0, limit=9)
        assert [reading.value for *_, reading in stored] == [64.0, 65.0]
        assert again.inspection.quarantine_counts() == {}
        assert hits(tmp_path, said.payload, native(1).payload) == []


@pytest.mark.parametrize("old", [{"duplicate": True}, {"may_have_waited": True}, {"retained": True}])
async def test_what_may_be_old_is_no_evidence_of_motion(running: Hub, old: dict[str, bool]) -> None:
    """A copy, a second delivery and what the broker kept while the hub was away say nothing of now."""
    await running.take(replace(sent("teslamate/cars/1/speed", "0"), **old))  # type: ignore[arg-type]
    assert running.vehicles.names() == ()


def test_the_search_would_find_it(tmp_path: Path) -> None:
    """The search is not blind: each way of writing the place is found where it stands."""
    (tmp_path / "a").write_bytes(b"".join(marks(b"x").values()))
    assert len(hits(tmp_path, b"x")) == len(marks(b"x"))
