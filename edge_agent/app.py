"""The composition root: the only place that knows which adapter fulfils which port, and what runs beside what.

The hub starts in two halves. This module opens the store and takes messages from the broker first, so that nothing a
device says waits for the rest; `household_side` (review, bridge, pages) is loaded and wired while ingest already runs.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.intake import MqttIntake
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.session_name import session_name
from edge_agent.adapters.setup_files import is_due, with_chosen_broker
from edge_agent.adapters.store.connection import DISK_ERRORS
from edge_agent.adapters.store.doubtful import DoubtfulReadings
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.room import Room, free_bytes_of
from edge_agent.adapters.store.set_aside import condemn, open_for_service
from edge_agent.adapters.store.snapshot import answer_always
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.deciding.pacing import Paces
from edge_agent.core.decode import Decoder, Limits, native_filters
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.registry import Registry
from edge_agent.core.setup.first_steps import Broker
from edge_agent.core.sparkplug.topics import EdgeNodes
from edge_agent.errors import FailClosedError, StoreMalformedError
from edge_agent.folder import PROFILE_CACHE, data_folder
from edge_agent.pipeline.fresh import Fresh
from edge_agent.pipeline.ingest import Ingest
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.ports import EdgeNodeSessions

log = logging.getLogger(__name__)

_DAMAGED_MAX = 3  # a card may read wrong once
_EXPLAINS_EVERY_S = 30.0  # as often as the list of devices is written
_STORE_RETRY_S = 5.0  # real time: the disk does not mend faster in a simulation


@dataclass(frozen=True, slots=True)
class IngestSide:
    """What must run for a message to be stored and acknowledged."""

    store: OpenStore
    readings: SqliteReadings
    room: Room
    rejudge: Rejudge
    intake: MqttIntake
    devices: MqttDevices
    ingest: Ingest
    folder: Path
    registry: Registry = field(default_factory=Registry)
    remarks: Remarks = field(default_factory=Remarks)
    fresh: Fresh = field(default_factory=Fresh)
    retry_s: float = _STORE_RETRY_S

    async def take_messages(self) -> None:
        """Group after group, for ever; a group that the store cannot take is not acknowledged, and tried again.

        Raises: StoreMalformedError when the store stays damaged; a fresh one takes the readings from the next start.
        """
        damaged = 0
        while True:
            try:
                await self.ingest.run_once()
                damaged = 0
            except StoreMalformedError as exc:
                damaged += 1
                log.critical("ingest_waits error=%s", exc)
                if damaged >= _DAMAGED_MAX:
                    condemn(self.folder)
                    raise
                await asyncio.sleep(self.retry_s)
            except (FailClosedError, *DISK_ERRORS) as exc:
                log.critical("ingest_waits error=%s", exc)
                await asyncio.sleep(self.retry_s)


async def run(
    config: HubConfig, secret: Secrets, *, addon: Broker | None = None, tell: Callable[[str], None] = print
) -> None:
    """Run the hub until SIGINT or SIGTERM.

    A folder without a home is set up by page first: `addon` is a broker to propose, `tell` prints the code for it.

    Raises: ConfigurationError for what a person must mend first; StoreBusyError when another hub runs on this folder.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        listener = None
        if is_due(data_folder(config)):
            first_run = await asyncio.to_thread(importlib.import_module, "edge_agent.first_run")
            listener = stack.enter_context(first_run.PageListener(config.web))
            await first_run.set_up_by_page(config, secret, addon=addon, listener=listener, stop=stop, tell=tell)
            if stop.is_set():
                return
        config, secret = with_chosen_broker(config, secret)
        side = _wire_ingest(config, secret, stack)
        await stack.enter_async_context(side.devices)
        await stack.enter_async_context(side.intake)
        async with asyncio.TaskGroup() as group:
            ingest = group.create_task(side.take_messages(), name="ingest")
            backup = group.create_task(answer_always(side.folder, side.store.connection), name="backup")
            household_side = await asyncio.to_thread(importlib.import_module, "edge_agent.household_side")
            log.info("started home=%s page=http://%s:%d", config.home.id, config.web.host, config.web.port)
            await household_side.work(
                config,
                side.store,
                side.readings,
                room=side.room,
                rejudge=side.rejudge,
                registry=side.registry,
                remarks=side.remarks,
                fresh=side.fresh,
                secret=secret,
                stop=stop,
                listener=listener,
            )
            ingest.cancel()
            backup.cancel()
    log.info("stopped")


def _wire_ingest(config: HubConfig, secret: Secrets, stack: AsyncExitStack) -> IngestSide:
    """Open the store and everything between it and the broker; the stack closes the store last."""
    folder = data_folder(config)
    store = stack.enter_context(open_for_service(folder, config))
    clock = store.clock
    room = Room(
        store.connection,
        reserve_mib=config.store.reserve_mib,
        size_max_mib=config.store.size_max_mib,
        free_bytes=free_bytes_of(folder),
    )
    readings = SqliteReadings(store.connection, room=room)
    registry = _load_profiles(config, cache=folder / PROFILE_CACHE)
    nodes = EdgeNodes.of(registry.profiles())
    client_id = config.mqtt.client_id or session_name(folder)
    user, password = secret.reading
    out_user, out_password = secret.speaking
    devices = MqttDevices(
        config.mqtt, home=config.home.id, client_id=f"{client_id}-out", user=out_user, password=out_password
    )
    intake = MqttIntake(
        config.mqtt,
        client_id=client_id,
        filters=(*native_filters(config.home.id), *nodes.subscriptions(registry.topic_filters())),
        now=clock.now,
        user=user,
        password=password,
    )
    decoder = Decoder(
        registry,
        home=config.home.id,
        limits=_limits(config),
        birth_of=readings.birth_of,
        explains_every_s=_EXPLAINS_EVERY_S,
    )
    rejudge = Rejudge(held=DoubtfulReadings(store.connection), decoder=decoder, clock=clock)
    remarks, fresh = Remarks(), Fresh()
    ingest = Ingest(
        inbox=intake,
        decoder=decoder,
        store=readings,
        devices=devices,
        clock=clock,
        group_max=config.mqtt.group_max,
        wait_s=config.mqtt.group_wait_s,
        rejudge=rejudge,
        sessions=_sessions(nodes, registry),
        paces=Paces(per_min=config.mqtt.device_messages_per_min, burst_max=config.mqtt.device_burst_max),
        remarks=remarks,
        fresh=fresh,
    )
    return IngestSide(
        store=store,
        readings=readings,
        room=room,
        rejudge=rejudge,
        intake=intake,
        devices=devices,
        ingest=ingest,
        folder=folder,
        registry=registry,
        remarks=remarks,
        fresh=fresh,
    )


def _load_profiles(config: HubConfig, *, cache: Path) -> Registry:
    loaded = load_profiles(profile_folders(config.profiles), cache=cache)
    for refused in loaded.refused:
        log.error("profile_refused error=%s", refused)
    return loaded.registry


def _sessions(nodes: EdgeNodes, registry: Registry) -> EdgeNodeSessions | None:
    """Loaded only where a profile reads Sparkplug: that needs an extra, and the profile was refused without it."""
    if not nodes.names:
        return None
    from edge_agent.core.sparkplug.admission import SparkplugAdmission  # noqa: PLC0415

    return SparkplugAdmission(nodes, is_read=lambda topic: bool(registry.candidates(topic)))


def _limits(config: HubConfig) -> Limits:
    return Limits(payload_bytes_max=config.mqtt.payload_bytes_max, clock_skew_max_s=config.review.clock_skew_max_s)
