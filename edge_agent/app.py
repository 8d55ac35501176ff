"""The composition root: the only place that knows which adapter fulfils which port, and what runs beside what.

The hub starts in two halves. This module opens the store and takes messages from the broker first, so that nothing a
device says waits for the rest; `wiring.household` (review, bridge, pages) is loaded while ingest already runs.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.intake import MqttIntake
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.session_name import session_name
from edge_agent.adapters.setup_files import is_due, with_chosen_broker
from edge_agent.adapters.store.connection import DISK_ERRORS
from edge_agent.adapters.store.set_aside import condemn, open_for_service
from edge_agent.adapters.store.snapshot import answer_always
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.deciding.pacing import Paces
from edge_agent.core.decode import native_filters
from edge_agent.core.registry import Registry
from edge_agent.core.setup.first_steps import Broker
from edge_agent.core.sparkplug.topics import EdgeNodes
from edge_agent.errors import FailClosedError, StoreMalformedError
from edge_agent.folder import PROFILE_CACHE, data_folder
from edge_agent.pipeline.ingest import Ingest
from edge_agent.ports import EdgeNodeSessions, no_crash
from edge_agent.wiring.readings import ReadingsSide, wire_readings

log = logging.getLogger(__name__)

_DAMAGED_MAX = 3  # a card may read wrong once
_STORE_RETRY_S = 5.0  # real time: the disk does not mend faster in a simulation


@dataclass(frozen=True, slots=True)
class IngestSide:
    """What must run for a message to be stored and acknowledged."""

    kept: ReadingsSide
    intake: MqttIntake
    devices: MqttDevices
    ingest: Ingest
    folder: Path
    retry_s: float

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
            backup = group.create_task(answer_always(side.folder, side.kept.store.connection), name="backup")
            household = await asyncio.to_thread(importlib.import_module, "edge_agent.wiring.household")
            log.info("started home=%s page=http://%s:%d", config.home.id, config.web.host, config.web.port)
            await household.work(
                config,
                side.kept,
                secret=secret,
                stop=stop,
                listener=listener,
                hears_broker=lambda: side.intake.connected,
            )
            ingest.cancel()
            backup.cancel()
    log.info("stopped")


def _wire_ingest(config: HubConfig, secret: Secrets, stack: AsyncExitStack) -> IngestSide:
    """Open the store and everything between it and the broker; the stack closes the store last."""
    folder = data_folder(config)
    store = stack.enter_context(open_for_service(folder, config))
    kept = wire_readings(
        config, store, registry=_load_profiles(config, cache=folder / PROFILE_CACHE), crash_hook=no_crash
    )
    nodes = EdgeNodes.of(kept.registry.profiles())
    client_id = config.mqtt.client_id or session_name(folder)
    user, password = secret.reading
    out_user, out_password = secret.speaking
    devices = MqttDevices(
        config.mqtt, home=config.home.id, client_id=f"{client_id}-out", user=out_user, password=out_password
    )
    intake = MqttIntake(
        config.mqtt,
        client_id=client_id,
        filters=(*native_filters(config.home.id), *nodes.subscriptions(kept.registry.topic_filters())),
        now=store.clock.now,
        user=user,
        password=password,
        rest_s=lambda: 0.0 if kept.fresh.is_watched else config.mqtt.group_rest_s / store.clock.speed,
    )
    ingest = Ingest(
        inbox=intake,
        decoder=kept.decoder,
        store=kept.readings,
        devices=devices,
        clock=store.clock,
        group_max=config.mqtt.group_max,
        wait_s=config.mqtt.group_wait_s,
        rejudge=kept.rejudge,
        sessions=_sessions(nodes, kept.registry),
        paces=Paces(per_min=config.mqtt.device_messages_per_min, burst_max=config.mqtt.device_burst_max),
        remarks=kept.remarks,
        fresh=kept.fresh,
        vehicles=kept.vehicles,
        tracing=kept.tracing.tracing,
    )
    return IngestSide(kept, intake, devices, ingest, folder, retry_s=_STORE_RETRY_S)


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
