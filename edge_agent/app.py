"""The composition root: the only place that knows which adapter fulfils which port, and what runs beside what.

The hub starts in two halves. This module opens the store and takes messages from the broker first, so that nothing a
device says waits for the rest; `household_side` (review, bridge, pages) is loaded and wired while ingest already runs.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.intake import MqttIntake
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.session_name import session_name
from edge_agent.adapters.store.connection import DISK_ERRORS
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.decode import Decoder, Limits, native_filters
from edge_agent.core.registry import Registry
from edge_agent.errors import FailClosedError
from edge_agent.folder import data_folder
from edge_agent.pipeline.ingest import Ingest

log = logging.getLogger(__name__)

_STORE_RETRY_S = 5.0  # real time: the disk does not mend faster in a simulation


@dataclass(frozen=True, slots=True)
class IngestSide:
    """What must run for a message to be stored and acknowledged."""

    store: OpenStore
    readings: SqliteReadings
    intake: MqttIntake
    devices: MqttDevices
    ingest: Ingest

    async def take_messages(self) -> None:
        """Group after group, for ever; a group that the store cannot take is not acknowledged, and tried again."""
        while True:
            try:
                await self.ingest.run_once()
            except (FailClosedError, *DISK_ERRORS) as exc:
                log.critical("ingest_waits error=%s", exc)
                await asyncio.sleep(_STORE_RETRY_S)


async def run(config: HubConfig, secret: Secrets) -> None:
    """Run the hub until SIGINT or SIGTERM.

    Raises: ConfigurationError for what a person must mend first; StoreBusyError when another hub runs on this folder.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        side = _wire_ingest(config, secret, stack)
        await stack.enter_async_context(side.devices)
        await stack.enter_async_context(side.intake)
        async with asyncio.TaskGroup() as group:
            ingest = group.create_task(side.take_messages(), name="ingest")
            household_side = await asyncio.to_thread(importlib.import_module, "edge_agent.household_side")
            log.info("started home=%s page=http://%s:%d", config.home.id, config.web.host, config.web.port)
            await household_side.work(config, side.store, side.readings, stop=stop)
            ingest.cancel()
    log.info("stopped")


def _wire_ingest(config: HubConfig, secret: Secrets, stack: AsyncExitStack) -> IngestSide:
    """Open the store and everything between it and the broker; the stack closes the store last."""
    folder = data_folder(config)
    store = stack.enter_context(open_store(folder, config))
    clock = store.clock
    readings = SqliteReadings(store.connection)
    registry = _load_profiles(config)
    client_id = config.mqtt.client_id or session_name(folder)
    user, password = secret.mqtt_user, secret.mqtt_password.get_secret_value()
    devices = MqttDevices(config.mqtt, home=config.home.id, client_id=f"{client_id}-out", user=user, password=password)
    intake = MqttIntake(
        config.mqtt,
        client_id=client_id,
        filters=(*native_filters(config.home.id), *registry.topic_filters()),
        now=clock.now,
        user=user,
        password=password,
    )
    ingest = Ingest(
        inbox=intake,
        decoder=Decoder(registry, home=config.home.id, limits=_limits(config), birth_of=readings.birth_of),
        store=readings,
        devices=devices,
        clock=clock,
        group_max=config.mqtt.group_max,
        wait_s=config.mqtt.group_wait_s,
    )
    return IngestSide(store=store, readings=readings, intake=intake, devices=devices, ingest=ingest)


def _load_profiles(config: HubConfig) -> Registry:
    loaded = load_profiles(profile_folders(config.profiles))
    for refused in loaded.refused:
        log.error("profile_refused error=%s", refused)
    return loaded.registry


def _limits(config: HubConfig) -> Limits:
    return Limits(payload_bytes_max=config.mqtt.payload_bytes_max, clock_skew_max_s=config.review.clock_skew_max_s)
