"""The second half of the composition root: what thinks, talks to the bridge and serves the pages.

Review, drain, status, prices and the pages run as named tasks of one group. A task that fails for a reason that passes
(`RetryLaterError`) tries again on its next turn; a check that guards money (`FailClosedError`) stops the sends and
nothing else; everything else ends the process, so that whoever supervises it starts it afresh from the store.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from hypercorn.asyncio import serve
from hypercorn.config import Config as ServerConfig
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp

from edge_agent.adapters import devices_list
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.champion import KEPT_FOLDER, choose_forecaster
from edge_agent.adapters.clock import EffectiveClock
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.household import Edits, HouseholdFile
from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store.connection import DISK_ERRORS
from edge_agent.adapters.store.decisions import Decisions
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.adapters.store.heard import SqliteHeard
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.mandates import Mandates
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.policies import Policies
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.room import Room
from edge_agent.adapters.store.set_aside import standing
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.adapters.store.upkeep import Upkeep
from edge_agent.adapters.troubles import Troubles
from edge_agent.config import HubConfig, WebConfig
from edge_agent.core.binding_check import Declared, declared_in
from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.estimate import estimate
from edge_agent.core.messages import DeviceId, ItemId, StockEstimate
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, FailClosedError, RetryLaterError
from edge_agent.folder import HOUSEHOLD_FILE, data_folder
from edge_agent.leave_side import LeaveSide, wire_leave
from edge_agent.pipeline.discovery import Discovery
from edge_agent.pipeline.explaining import Explaining
from edge_agent.pipeline.guard import Guard
from edge_agent.pipeline.hand_over import Home
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.pipeline.personal import PersonalDays
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.pipeline.restore import Restore
from edge_agent.pipeline.review import Review
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.pipeline.telling import Telling
from edge_agent.ports import CrashHook, no_crash
from edge_agent.web.factory import create_app
from edge_agent.web.parts import WebParts

log = logging.getLogger(__name__)

_STOP_WITHIN_S = 3.0
_UPKEEP_EVERY_S = 60.0  # real time
_LIST_EVERY_S = 30.0  # real time
_EDITS_EVERY_S = 2.0  # real time
_PRICE_AGE_MAX = 3  # times the schedule: an older price is no price to ask with


async def work(
    config: HubConfig,
    store: OpenStore,
    readings: SqliteReadings,
    *,
    room: Room,
    rejudge: Rejudge,
    registry: Registry,
    remarks: Remarks,
    stop: asyncio.Event,
) -> None:
    """Wire this half and run it until `stop`."""
    key = load_or_create(data_folder(config))
    ledger = EgressLedger(store.connection, clock=store.clock)
    egress = Egress(
        ledger=ledger,
        key=key,
        household=config.home.id,
        url=config.bridge.url,
        timeout_s=config.bridge.timeout_s,
    )
    with _listen(config.web) as listener:
        async with egress:
            tasks = _wire(
                config,
                store,
                readings,
                room=room,
                rejudge=rejudge,
                registry=registry,
                remarks=remarks,
                key=key,
                egress=egress,
                ledger=ledger,
            )
            log.info("serving page=http://%s:%d", *listener.getsockname()[:2])
            await tasks.run(stop, listener)


@dataclass(frozen=True, slots=True)
class Tasks:
    """What runs side by side, once everything is wired."""

    config: HubConfig
    clock: EffectiveClock
    review: Review
    rejudge: Rejudge | None
    leave: LeaveSide
    bridge: BridgeClient
    status: StatusRecorder
    prices: PriceKeeper
    orders: Orders
    restore: Restore
    guard: Guard
    upkeep: Upkeep
    discovery: Discovery
    pages: ASGIApp
    wake: asyncio.Event
    edited: Callable[[], bool]

    async def run(self, stop: asyncio.Event, listener: socket.socket) -> None:
        """All of them in one group, until `stop`."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._every(self.config.review.every_s, self._look), name="review"),
                group.create_task(self._every(_EDITS_EVERY_S * self.clock.speed, self._look_if_edited), name="edits"),
                group.create_task(self._drain_always(), name="drain"),
                group.create_task(self._every(self.config.bridge.poll_every_s, self._follow), name="status"),
                group.create_task(self._every(self.config.review.every_s, self._ask_prices), name="prices"),
                group.create_task(self._every(_UPKEEP_EVERY_S * self.clock.speed, self._tidy), name="upkeep"),
                group.create_task(self._every(_LIST_EVERY_S * self.clock.speed, self._list_devices), name="devices"),
            ]
            await serve(cast("ASGIFramework", self.pages), _server_config(listener), shutdown_trigger=stop.wait)
            for task in tasks:
                task.cancel()

    async def _every(self, period_s: float, turn: Callable[[], Awaitable[object]]) -> None:
        troubles = Troubles(log, elapsed_s=time.monotonic)
        while True:
            try:
                await turn()
                troubles.over(turn.__name__)
            except RetryLaterError as exc:
                troubles.met(turn.__name__, exc)
            except (FailClosedError, *DISK_ERRORS) as exc:
                log.critical("sends_stopped turn=%s error=%s", turn.__name__, exc)
            await self.clock.sleep(period_s)

    async def _drain_always(self) -> None:
        """Drain when an approval wakes it, and now and then for what is left over."""
        troubles = Troubles(log, elapsed_s=time.monotonic)
        while True:
            self.wake.clear()
            try:
                await self._drain()
                troubles.over("drain")
            except RetryLaterError as exc:
                troubles.met("drain", exc)
            except (FailClosedError, *DISK_ERRORS) as exc:
                log.critical("sends_stopped turn=drain error=%s", exc)
            sleep = asyncio.create_task(self.clock.sleep(self.config.bridge.drain_every_s), name="drain_pause")
            woken = asyncio.create_task(self.wake.wait(), name="drain_wake")
            try:
                await asyncio.wait({sleep, woken}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                woken.cancel()

    async def _drain(self) -> None:
        """Compare with the bridge where that is due, then send; whatever fails, compare again before the next order."""
        try:
            if self.restore.is_due or self.clock.doubt() is not None:
                await self.restore.run_once()
            await self.bridge.drain(check=self.guard.check)
        except (RetryLaterError, FailClosedError):
            self.restore.doubt()
            raise

    async def _tidy(self) -> None:
        self.upkeep.run_once()

    async def _list_devices(self) -> None:
        """For `restock-hub devices`, which cannot read the store while this hub holds it."""
        devices_list.write(data_folder(self.config), self.discovery.inventory())

    async def _look(self) -> None:
        if self.rejudge is not None:
            self.rejudge.run_once()
        if not self.restore.has_compared:
            # Until it is done the review estimates and asks nothing; `restore.problem` shows what stands against it.
            with suppress(RetryLaterError, FailClosedError):
                await self.restore.run_first()
        self.review.run_once()
        self.leave.mandates.end_due()

    async def _look_if_edited(self) -> None:
        """Who has edited the household's file waits for what comes of it."""
        if self.edited():
            log.info("household_edited")
            self.review.run_once()

    async def _follow(self) -> None:
        """News of the orders come whether or not the bridge answers for those that are wanted back."""
        try:
            await self.leave.afterwards.run_once()
        finally:
            await self.status.run_once()

    async def _ask_prices(self) -> None:
        if self.prices.due():
            await self.prices.run_once()


def _wire(
    config: HubConfig,
    store: OpenStore,
    readings: SqliteReadings,
    *,
    room: Room | None = None,
    rejudge: Rejudge | None = None,
    registry: Registry | None = None,
    remarks: Remarks | None = None,
    key: HouseholdKey,
    egress: Egress,
    ledger: EgressLedger,
    crash_hook: CrashHook = no_crash,
) -> Tasks:
    """Which adapter fulfils which port."""
    connection, clock = store.connection, store.clock
    orders = Orders(connection, crash_hook=crash_hook)
    household = HouseholdFile(data_folder(config) / HOUSEHOLD_FILE)
    household.load()  # a wrong document is said at start, not at the first review
    wake = asyncio.Event()
    merchants = Merchants(connection)
    policies = Policies(connection, verify=key.verify)
    bridge = BridgeClient(
        egress=egress,
        orders=orders,
        merchants=merchants,
        clock=clock,
        hear_time=clock.compare,
        crash_hook=crash_hook,
    )
    status = StatusRecorder(bridge=bridge, orders=orders)
    restore = Restore(
        hub=config.home.hub,
        bridge=bridge,
        handovers=SqliteHandovers(connection),
        mandates=Mandates(connection),
        household=household,
        status=status,
        clock=clock,
    )
    guard = Guard(
        chain=store.chain,
        clock=clock,
        outgoing=orders,
        policies=policies,
        restore=restore,
        verify=key.verify,
        store_failure=lambda: connection.failure,
        standing=standing(data_folder(config)),
    )
    forecaster = choose_forecaster(
        artefact_folder(config.model.artefact_dir),
        kept=data_folder(config) / KEPT_FOLDER,
        stocks=_known_stocks(household, readings, now=clock.now()),
    )
    log.info("forecaster source=%s", forecaster.source)
    leave = wire_leave(
        Home(household=config.home.id, hub=config.home.hub),
        connection,
        clock=clock,
        orders=orders,
        policies=policies,
        household=household,
        bridge=bridge,
        merchants=merchants,
        safety=guard,
        signer=key,
        new_id=_new_id,
        wake=wake.set,
        crash_hook=crash_hook,
    )
    decisions = Decisions(connection)
    stock_events = SqliteStockEvents(connection)
    profiles = registry or Registry()

    def declared(bound: Binding) -> Declared | None:
        profile = readings.profile_of(DeviceId(bound.device), bound.signal)
        return declared_in(None if profile is None else profiles.by_id(profile), bound.signal)

    review = Review(
        clock=clock,
        readings=readings,
        orders=orders,
        household=household,
        forecaster=forecaster,
        drawing=leave.drawing,
        new_id=_new_id,
        stale_after_s=config.review.stale_after_s,
        price_age_max_s=_PRICE_AGE_MAX * config.bridge.prices_every_s,
        shadows=decisions,
        bundles=decisions,
        zone=ZoneInfo(config.home.timezone),
        stock_events=stock_events,
        declared=declared,
        may_ask=lambda: restore.has_compared,
        crash_hook=crash_hook,
    )
    discovery = Discovery(
        heard=SqliteHeard(connection),
        inspection=SqliteInspection(connection),
        household=household,
        profile_of=(registry or Registry()).by_id,
        clock=clock,
        stale_after_s=config.review.stale_after_s,
        remarks=remarks,
    )
    parts = WebParts(
        clock=clock,
        accounts=leave.accounts,
        passwords=Argon2Passwords(),
        overview=HomeOverview(
            household=household,
            inspection=SqliteInspection(connection),
            orders=orders,
            review=review,
            bridge=bridge,
            file_fault=household.problem,
        ),
        answers=leave.answering,
        mandates=leave.mandates,
        people=leave.people,
        policies=leave.policies,
        ledger=ledger,
        safety=guard,
        merchants=merchants,
        inventory=discovery.inventory,
        decisions=Explaining(
            review=review,
            bundles=decisions,
            household=household,
            clock=clock,
            zone=config.home.timezone,
            personal=PersonalDays(readings=readings, devices=SqliteInspection(connection).devices),
        ),
        stock=Telling(events=stock_events, household=household, clock=clock),
        no_room=room.notice if room is not None else lambda: None,
    )
    return Tasks(
        config=config,
        clock=clock,
        review=review,
        rejudge=rejudge,
        leave=leave,
        bridge=bridge,
        status=status,
        prices=PriceKeeper(
            bridge=bridge, orders=orders, household=household, clock=clock, every_s=config.bridge.prices_every_s
        ),
        orders=orders,
        restore=restore,
        guard=guard,
        upkeep=Upkeep(connection, chain=store.chain, household=household),
        discovery=discovery,
        pages=create_app(parts, web=config.web, home=config.home),
        wake=wake,
        edited=Edits(data_folder(config) / HOUSEHOLD_FILE),
    )


def artefact_folder(configured: str) -> Path:
    """Where the consumption model lies: as configured, or the one that ships with the hub."""
    return Path(configured) if configured else Path(str(importlib.resources.files("models"))) / "artefacts"


def _known_stocks(
    household: HouseholdFile, readings: SqliteReadings, *, now: datetime
) -> list[tuple[Item, StockEstimate]]:
    """What the stored states say of each item, for comparing models on the home's own past."""
    known = ((item, readings.load_stock(ItemId(item.id))) for item in household.load().items)
    return [(item, estimate(state, item=item, now=now)) for item, state in known if state is not None]


def _new_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


def _listen(web: WebConfig) -> socket.socket:
    """The page's socket, bound.

    Raises: ConfigurationError when the address is not this machine's, or taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as exc:
        wanted = "a free address of this machine is wanted"
        raise ConfigurationError(f"web = {web.host}:{web.port}: {wanted} ({exc.strerror})") from exc
    return listener


def _server_config(listener: socket.socket) -> ServerConfig:
    """A server that slow clients do not hold for ever."""
    server = ServerConfig()
    server.bind = [f"fd://{listener.detach()}"]  # it is the server's from now on, which closes it
    server.backlog = 64
    server.keep_alive_timeout = 10
    server.read_timeout = 15
    server.graceful_timeout = _STOP_WITHIN_S
    server.shutdown_timeout = _STOP_WITHIN_S
    server.h11_max_incomplete_size = 16_384
    server.include_server_header = False
    server.errorlog = logging.getLogger("hypercorn.error")  # else it writes every line a second time, by itself
    return server
