"""The part of the composition root that keeps what devices say; it knows neither broker nor review."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.adapters.store.doubtful import DoubtfulReadings
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.room import Room, free_bytes_of
from edge_agent.config import HubConfig
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.registry import Registry
from edge_agent.core.vehicles import Vehicles
from edge_agent.folder import data_folder
from edge_agent.pipeline.fresh import Fresh
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.ports import CrashHook
from edge_agent.wiring.tracing import TracingSide, wire_tracing

_EXPLAINS_EVERY_S = 30.0  # as often as the list of devices is written


@dataclass(frozen=True, slots=True)
class ReadingsSide:
    """What a message passes on its way into the store, and what the rest of the hub reads of it."""

    store: OpenStore
    room: Room
    readings: SqliteReadings
    registry: Registry
    decoder: Decoder
    rejudge: Rejudge
    remarks: Remarks
    fresh: Fresh
    vehicles: Vehicles
    tracing: TracingSide


def wire_readings(config: HubConfig, store: OpenStore, *, registry: Registry, crash_hook: CrashHook) -> ReadingsSide:
    """Which adapter fulfils which port. The home's folder is there already: its disk is what readings may fill."""
    room = Room(
        store.connection,
        reserve_mib=config.store.reserve_mib,
        size_max_mib=config.store.size_max_mib,
        free_bytes=free_bytes_of(data_folder(config)),
    )
    readings = SqliteReadings(store.connection, room=room, crash_hook=crash_hook)
    decoder = Decoder(
        registry,
        home=config.home.id,
        limits=Limits(payload_bytes_max=config.mqtt.payload_bytes_max, clock_skew_max_s=config.review.clock_skew_max_s),
        birth_of=readings.birth_of,
        explains_every_s=_EXPLAINS_EVERY_S,
    )
    return ReadingsSide(
        store=store,
        room=room,
        readings=readings,
        registry=registry,
        decoder=decoder,
        rejudge=Rejudge(held=DoubtfulReadings(store.connection), decoder=decoder, clock=store.clock),
        remarks=Remarks(),
        fresh=Fresh(),
        vehicles=Vehicles(),
        tracing=wire_tracing(config.tracing),
    )
