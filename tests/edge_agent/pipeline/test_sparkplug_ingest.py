"""Messages of a Sparkplug node through ingest to the store, and on a real broker with its answer on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import aiomqtt
import pytest

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.intake import MqttIntake
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.config import MqttConfig
from edge_agent.core.deciding.pacing import Paces
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.formats.sparkplug import read_frame
from edge_agent.core.messages import QuarantineReason, RawMessage
from edge_agent.core.registry import Registry
from edge_agent.core.sparkplug.topics import EdgeNodes
from edge_agent.errors import StoreFailedError
from edge_agent.pipeline.ingest import Ingest
from edge_agent.ports import Devices, Inbox
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.core.formats.test_sparkplug import payload
from tests.edge_agent.core.sparkplug.test_session import death, device_birth, node_birth, topic
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.pipeline.test_ingest import NotingDevices, ScriptedInbox
from tests.edge_agent.samples import NOW
from tests.edge_agent.sparkplug_home import level, registry, sessions

if TYPE_CHECKING:
    from tests.conftest import Broker

WITHIN_S = 60.0


def message(kind: str, body: bytes) -> RawMessage:
    """As the intake hands it over."""
    return RawMessage(topic(kind), body, retained=False, duplicate=False, received_at=NOW, receipt=1)


def births() -> list[RawMessage]:
    """The node's and the tank's."""
    return [message("NBIRTH", node_birth()), message("DBIRTH", device_birth())]


@contextmanager
def store(folder: Path) -> Iterator[tuple[SqliteReadings, SqliteInspection]]:
    """An empty store."""
    with Connection(fresh_store(folder / "hub.sqlite3")) as connection:
        yield SqliteReadings(connection), SqliteInspection(connection)


def ingest(inbox: Inbox, devices: Devices, readings: SqliteReadings, known: Registry) -> Ingest:
    """With the sessions of a hub that has just started."""
    return Ingest(
        inbox=inbox,
        decoder=Decoder(known, home="home", limits=Limits(), birth_of=readings.birth_of),
        store=readings,
        devices=devices,
        clock=ManualClock(),
        group_max=64,
        wait_s=0.0,
        sessions=sessions(known),
    )


def levels(inspection: SqliteInspection, readings: SqliteReadings) -> list[float]:
    """Every level of the tank that is stored, in its order."""
    (tank,) = inspection.devices()
    found = readings.readings_after(tank.device, "oil.remaining", after_id=0, limit=100)
    return [float(reading.value) for _, _, reading in found if reading.value is not None]


async def test_a_group_that_is_tried_again_was_counted_once(tmp_path: Path) -> None:
    """The store fails in between: the same messages are no gap, nothing is acknowledged before, and nobody is asked."""
    with store(tmp_path) as (readings, inspection):
        inbox, devices = ScriptedInbox([[*births(), message("DDATA", level(7.5, seq=2))]], inspection), NotingDevices()
        stage = ingest(inbox, devices, readings, registry(tmp_path))
        with patch.object(SqliteReadings, "commit", side_effect=StoreFailedError("full")):
            for _ in range(2):
                with pytest.raises(StoreFailedError):
                    await stage.run_once()
        assert inbox.acknowledged == []
        await stage.run_once()
        assert (len(inbox.acknowledged), devices.requests) == (3, [])
        assert levels(inspection, readings) == [42.5, 7.5]
        assert inspection.quarantine_counts() == {}


async def test_a_restart_asks_for_births_and_loses_nothing_silently(tmp_path: Path) -> None:
    """What comes before the births is stored in quarantine and acknowledged; the births put it right."""
    with store(tmp_path) as (readings, inspection):
        known, devices = registry(tmp_path), NotingDevices()
        inbox = ScriptedInbox([[*births()], [message("DDATA", level(7.5, seq=2))]], inspection)
        await ingest(inbox, devices, readings, known).run_once()
        again = ingest(inbox, devices, readings, known)
        await again.run_once()
        assert [each.topic for each in devices.requests] == ["spBv1.0/home/NCMD/cellar"]
        (kept,) = inspection.quarantine(limit=10)
        assert "it came before the birth of its node" in kept.detail
        assert len(inbox.acknowledged) == 3
        inbox.groups.append([*births(), message("DDATA", level(6.5, seq=2))])
        await again.run_once()
        assert levels(inspection, readings) == [42.5, 42.5, 6.5]
        assert len(devices.requests) == 1


async def test_births_and_deaths_are_presence(tmp_path: Path) -> None:
    """The tank is there with its birth, away with its own death or its node's, and back with the next birth.

    A stale death of the node changes nothing, and a death of what nobody understood yet is no device.
    """
    with store(tmp_path) as (readings, inspection):
        devices = NotingDevices()
        groups = [
            [message("NDEATH", death(7))],
            births(),
            [message("DDEATH", payload(seq=2))],
            births(),
            [message("NDEATH", death(6))],
            [message("NDEATH", death(7))],
            [*births(), message("DDATA", level(7.5, seq=2))],
        ]
        stage = ingest(ScriptedInbox(groups, inspection), devices, readings, registry(tmp_path))
        said: list[list[bool | None]] = []
        for _ in range(len(groups)):
            await stage.run_once()
            said.append([each.online for each in inspection.devices()])
        assert said == [[], [True], [False], [True], [True], [False], [True]]


async def test_a_death_that_the_store_did_not_take_is_kept_for_later(tmp_path: Path) -> None:
    """The message is stored and acknowledged; its presence follows with the next group."""
    with store(tmp_path) as (readings, inspection):
        inbox = ScriptedInbox([births(), [message("NDEATH", death(7))], []], inspection)
        stage = ingest(inbox, NotingDevices(), readings, registry(tmp_path))
        await stage.run_once()
        with (
            patch.object(SqliteReadings, "record_presence", side_effect=StoreFailedError("full")),
            pytest.raises(StoreFailedError),
        ):
            await stage.run_once()
        assert len(inbox.acknowledged) == 3
        await stage.run_once()
        assert [each.online for each in inspection.devices()] == [False]


async def test_a_flood_that_is_not_stored_was_missed_by_the_session(tmp_path: Path) -> None:
    """The node is asked for its births, since one among what was too many may have changed an alias."""
    with store(tmp_path) as (readings, inspection):
        flood = [message("DDATA", level(float(seq), seq=seq)) for seq in range(2, 9)]
        inbox, devices = ScriptedInbox([births(), flood], inspection), NotingDevices()
        stage = ingest(inbox, devices, readings, registry(tmp_path))
        stage._paces = Paces(per_min=60, burst_max=4)
        await stage.run_once()
        await stage.run_once()
        assert levels(inspection, readings) == [42.5, 2.0, 3.0, 4.0, 5.0]
        assert [each.topic for each in devices.requests] == ["spBv1.0/home/NCMD/cellar"]
        assert (len(inbox.acknowledged), inspection.quarantine_counts()) == (9, {QuarantineReason.FLOODING: 1})


@pytest.mark.broker
async def test_on_a_real_broker(broker: Broker, tmp_path: Path) -> None:
    """Births and a level by its alias are a reading; after a missed message the node hears a request on the wire."""
    known, config = registry(tmp_path), MqttConfig(url=broker.url)
    filters = EdgeNodes.of(known.profiles()).subscriptions(known.topic_filters())
    intake = MqttIntake(config, client_id="hub-in", filters=filters, now=lambda: NOW)
    voice = MqttDevices(config, home="home", client_id="hub-out")
    with store(tmp_path) as (readings, inspection):
        stage = ingest(intake, voice, readings, known)
        async with asyncio.timeout(WITHIN_S), intake, voice, aiomqtt.Client("127.0.0.1", broker.port) as node:
            await intake.ready()
            await node.subscribe("spBv1.0/home/NCMD/cellar", qos=1)
            sent = (*births(), message("DDATA", level(7.5, seq=2)), message("DDATA", level(1.0, seq=4)))
            for each in sent:
                await node.publish(each.topic, each.payload, qos=0)
            taken = 0
            while taken < len(sent):
                taken += await stage.run_once()
            command = await anext(aiter(node.messages))
        assert not command.retain
        assert isinstance(command.payload, bytes)
        (wish,) = read_frame(command.payload).metrics
        assert (wish.name, wish.value) == ("Node Control/Rebirth", True)
        assert levels(inspection, readings) == [42.5, 7.5]
        (kept,) = inspection.quarantine(limit=10)
        assert "seq 4 came, 3 was to come" in kept.detail
