"""A whole hub in this process on a clock that the campaign sets: store, broker connection, review, pages, outbox.

Wired as `edge_agent.app` and `wiring.household` do it. Its periodic turns are taken when the campaign says that their
time has come, instead of by timers; ingest runs as it always does.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from edge_agent.adapters.announce import MqttDevices
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.intake import MqttIntake
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.profiles import load_profiles, profile_folders
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.commands.commission import set_up
from edge_agent.config import HubConfig, Secrets, load
from edge_agent.core.decode import native_filters
from edge_agent.core.messages import StoredCursor
from edge_agent.errors import FailClosedError, RetryLaterError
from edge_agent.folder import PROFILE_CACHE
from edge_agent.pipeline.ingest import Ingest
from edge_agent.ports import CrashPoint
from edge_agent.wiring.household import Tasks, wire
from edge_agent.wiring.orders import Gate
from edge_agent.wiring.readings import wire_readings
from firmware_sim.page_client import PageClient
from tests.campaign.offline import HOME

OWNER, PASSWORD = "owner", "a password of the campaign"
_MINUTE_S = 60
_READY_WITHIN_S = 30.0


class PulledPlugError(Exception):
    """The hub ends here: between a commit and the PUBACK for it."""


@dataclass
class Wall:
    """The clock of the whole campaign."""

    shown: datetime
    ticked_s: float = 0.0
    speed: float = 1.0

    def now(self) -> datetime:
        """What it shows."""
        return self.shown

    async def sleep(self, duration_s: float) -> None:
        """Nobody waits for it."""
        raise NotImplementedError

    def ticks_s(self) -> float:
        """A clock that nobody sets: as far as the other one has gone."""
        return self.ticked_s

    def passes(self, delta: timedelta) -> None:
        """Time goes by."""
        self.shown += delta
        self.ticked_s += delta.total_seconds()


@dataclass
class Notes:
    """What outlives a hub: up to which seq it told each device that all is stored, and which turns found no cloud."""

    cursors: dict[str, int] = field(default_factory=dict)
    missed: Counter[str] = field(default_factory=Counter)


class Told(MqttDevices):
    """The hub's words to devices, as ever; and what they were."""

    notes: Notes

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """Note them, and say them."""
        known = self.notes.cursors
        for cursor in cursors:
            known[cursor.device] = max(cursor.seq, known.get(cursor.device, 0))
        await super().acknowledge(cursors)


@dataclass(frozen=True, slots=True)
class Periods:
    """How often, in minutes of the campaign's clock, the hub takes each of its turns."""

    tidy: int = 1
    drain: int = 5
    follow: int = 30
    look: int = 60


@dataclass
class Plug:
    """Pulled, it ends the hub at the next commit, before the broker is told of it."""

    is_pulled: bool = False

    def __call__(self, point: CrashPoint) -> None:
        """Fulfils ports.CrashHook."""
        if self.is_pulled and point is CrashPoint.STORED:
            self.is_pulled = False
            raise PulledPlugError


@dataclass(frozen=True, slots=True)
class Hub:
    """One life of the hub."""

    store: OpenStore
    ingest: Ingest
    devices: Told
    tasks: Tasks
    orders: Orders
    page: PageClient
    plug: Plug
    notes: Notes

    async def take_in(self, *, until: Callable[[], bool], within_s: float) -> None:
        """Take groups in until `until`.

        Raises: PulledPlugError; TimeoutError.
        """
        async with asyncio.timeout(within_s):
            while not until():
                await self.ingest.run_once()

    async def minute(self, number: int, periods: Periods) -> None:
        """What is due in this minute."""
        tasks = self.tasks
        turns = {
            "tidy": (periods.tidy, tasks._tidy),
            "drain": (periods.drain, tasks._drain),
            "follow": (periods.follow, tasks._follow),
            "prices": (periods.look, tasks._ask_prices),
            "look": (periods.look, tasks._look),
        }
        for name, (every, turn) in turns.items():
            if number % every == 0:
                try:
                    await turn()
                except (RetryLaterError, FailClosedError):
                    self.notes.missed[name] += 1


def set_up_home(
    folder: Path, *, broker_url: str, bridge_port: int, household: str, rows_max: int
) -> tuple[HubConfig, str]:
    """The hub's folder with its household; its configuration, and the key that the bridge must know."""
    settings, document = folder / "hub.toml", folder / "household.toml"
    settings.write_text(
        f'[home]\nid = "{HOME}"\ndata_dir = {json.dumps(str(folder / "data"))}\n[mqtt]\nurl = "{broker_url}"\n'
        f'client_id = "campaign-hub"\n[bridge]\nurl = "http://127.0.0.1:{bridge_port}"\n'
        f"[store]\nmessages_max = {rows_max}\n[model]\nown_process = false\n",  # no child outlives a plug
        encoding="utf-8",
    )
    document.write_text(household, encoding="utf-8")
    config = load(settings)
    return config, set_up(config, household_file=document, owner=OWNER, password=PASSWORD)["public_key"]


@asynccontextmanager
async def alive(folder: Path, config: HubConfig, *, wall: Wall, notes: Notes) -> AsyncIterator[Hub]:
    """One life."""
    data = folder / "data"
    key = load_or_create(data)
    client = config.mqtt.client_id
    devices = Told(config.mqtt, home=HOME, client_id=f"{client}-out")
    devices.notes = notes
    plug = Plug()
    with open_store(data, config, wall=wall, ticks_s=wall.ticks_s) as store:
        registry = load_profiles(profile_folders(config.profiles), cache=data / PROFILE_CACHE).registry
        kept = wire_readings(config, store, registry=registry, crash_hook=lambda _: None)
        ledger = EgressLedger(store.connection, clock=store.clock)
        intake = MqttIntake(config.mqtt, client_id=client, filters=native_filters(HOME), now=store.clock.now)
        ingest = Ingest(
            inbox=intake,
            decoder=kept.decoder,
            store=kept.readings,
            devices=devices,
            clock=store.clock,
            group_max=config.mqtt.group_max,
            wait_s=config.mqtt.group_wait_s,
            rejudge=kept.rejudge,
            remarks=kept.remarks,
            fresh=kept.fresh,
            crash_hook=plug,
        )
        egress = Egress(
            ledger=ledger, key=key, household=HOME, url=config.bridge.url, timeout_s=config.bridge.timeout_s
        )
        async with devices, intake, egress:
            gate = Gate(egress, ledger, key)
            tasks = wire(config, kept, gate=gate, secret=Secrets(), voice=None, crash_hook=lambda _: None)
            async with PageClient(
                "http://127.0.0.1", name=OWNER, password=PASSWORD, transport=httpx.ASGITransport(tasks.pages)
            ) as page:
                async with asyncio.timeout(_READY_WITHIN_S):
                    await intake.ready()
                with suppress(PulledPlugError):
                    yield Hub(store, ingest, devices, tasks, Orders(store.connection), page, plug, notes)
