"""The second half of the composition root: what thinks, talks to the bridge and serves the pages.

What runs then is in `tasks_side`, and how the pages are served in `page_side`.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent import __version__
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.champion import KEPT_FOLDER, choose_forecaster
from edge_agent.adapters.egress import Egress, ProductEgress
from edge_agent.adapters.home_assistant import HomeAssistantVoice
from edge_agent.adapters.household import Edits, HouseholdFile
from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.open_food_facts import OpenFoodFacts
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.session_name import session_name
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
from edge_agent.adapters.store.product_hints import SqliteProductHints
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.room import Room
from edge_agent.adapters.store.set_aside import standing
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.adapters.store.upkeep import Upkeep
from edge_agent.config import HubConfig, ProductsConfig, Secrets
from edge_agent.core.binding_check import Declared, declared_in
from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.estimate import estimate
from edge_agent.core.messages import DeviceId, ItemId, StockEstimate
from edge_agent.core.registry import Registry
from edge_agent.folder import HOUSEHOLD_FILE, data_folder
from edge_agent.home_assistant_side import wire_home_assistant, wire_voice
from edge_agent.leave_side import wire_leave
from edge_agent.notify_side import wire_notify
from edge_agent.page_side import PageListener
from edge_agent.pipeline.discovery import Discovery
from edge_agent.pipeline.explaining import Explaining
from edge_agent.pipeline.fresh import Fresh
from edge_agent.pipeline.guard import Guard
from edge_agent.pipeline.hand_over import Home
from edge_agent.pipeline.item_keeping import ItemKeeper
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.pipeline.personal import PersonalDays
from edge_agent.pipeline.prices import PriceKeeper
from edge_agent.pipeline.products import Products
from edge_agent.pipeline.rejudge import Rejudge
from edge_agent.pipeline.restore import Restore
from edge_agent.pipeline.review import Review
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.pipeline.telling import Telling
from edge_agent.ports import CrashHook, no_crash
from edge_agent.settings_side import wire_settings
from edge_agent.tasks_side import Spoken, Tasks
from edge_agent.web.factory import create_app
from edge_agent.web.language import Languages
from edge_agent.web.parts import WebParts

__all__ = ["PageListener", "Tasks", "artefact_folder", "work"]

log = logging.getLogger(__name__)

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
    fresh: Fresh,
    secret: Secrets,
    stop: asyncio.Event,
    listener: PageListener | None = None,
) -> None:
    """Wire this half and run it until `stop`; `listener` is there already where a first run came before."""
    key = load_or_create(data_folder(config))
    ledger = EgressLedger(store.connection, clock=store.clock)
    egress = Egress(
        ledger=ledger,
        key=key,
        household=config.home.id,
        url=config.bridge.url,
        timeout_s=config.bridge.timeout_s,
    )
    with listener or PageListener(config.web) as heard:
        async with egress, AsyncExitStack() as stack:
            voice = None
            if config.home_assistant.enabled:
                client_id = config.mqtt.client_id or session_name(data_folder(config))
                voice = await stack.enter_async_context(wire_voice(config, secret, client_id=client_id))
            tasks = _wire(
                config,
                store,
                readings,
                room=room,
                rejudge=rejudge,
                registry=registry,
                remarks=remarks,
                fresh=fresh,
                key=key,
                egress=egress,
                ledger=ledger,
                secret=secret,
                voice=voice,
            )
            heard.hold()  # whoever reads the next line may come
            log.info("serving page=http://%s:%d", *heard.address)
            await tasks.run(stop, heard)


def _wire(
    config: HubConfig,
    store: OpenStore,
    readings: SqliteReadings,
    *,
    room: Room | None = None,
    rejudge: Rejudge | None = None,
    registry: Registry | None = None,
    remarks: Remarks | None = None,
    fresh: Fresh | None = None,
    key: HouseholdKey,
    egress: Egress,
    ledger: EgressLedger,
    secret: Secrets | None = None,
    voice: HomeAssistantVoice | None = None,
    crash_hook: CrashHook = no_crash,
) -> Tasks:
    """Which adapter fulfils which port."""
    connection, clock = store.connection, store.clock
    orders = Orders(connection, crash_hook=crash_hook)
    household = HouseholdFile(data_folder(config) / HOUSEHOLD_FILE)
    household.load()  # a wrong document is said at start, not at the first review
    wake = asyncio.Event()
    merchants = Merchants(connection)
    tokens = Tokens(connection)
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
    own_pages = wire_settings(
        store,
        data_folder(config) / HOUSEHOLD_FILE,
        household=household,
        orders=orders,
        shadow=review.shadow_report,
        zone=config.home.timezone,
    )
    overview = HomeOverview(
        household=household,
        inspection=SqliteInspection(connection),
        orders=orders,
        review=review,
        bridge=bridge,
        file_fault=household.problem,
    )
    told = wire_notify(
        config.notify,
        connection,
        folder=data_folder(config),
        timezone=config.home.timezone,
        clock=clock,
        ledger=ledger,
        orders=orders,
        household=household,
        people=leave.accounts,
        sealer=load_secret(data_folder(config)),
        new_id=_new_id,
        note=store.chain.record,
        speak=_in_the_language_of_whom_it_is_told(Languages.shipped()),
    )
    spoken = None
    if voice is not None:
        side = wire_home_assistant(
            config,
            secret or Secrets(),
            voice=voice,
            overview=overview,
            household=household,
            answers=leave.answering,
            accounts=leave.accounts,
            policies=policies,
            safety=guard,
            chain=store.chain,
            clock=clock,
        )
        spoken = Spoken(voice, side)
    parts = WebParts(
        clock=clock,
        accounts=leave.accounts,
        passwords=Argon2Passwords(),
        overview=overview,
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
        stock=Telling(events=stock_events, household=household, clock=clock, heard=review.hear),
        keeping=ItemKeeper(
            household=household, inventory=discovery.inventory, profile_of=profiles.by_id, note=store.chain.record
        ),
        products=Products(
            hints=SqliteProductHints(connection), clock=clock, source=_asked_online(config.products, ledger)
        ),
        settings=own_pages.settings,
        holdings=own_pages.holdings,
        forgetting=own_pages.forgetting,
        reporting=own_pages.reporting,
        no_room=room.notice if room is not None else lambda: None,
        channels=told.desk,
        links=told.links,
        tokens=tokens,
        changes=connection.db.total_changes,
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
        tokens=tokens,
        upkeep=Upkeep(connection, chain=store.chain, household=household),
        discovery=discovery,
        pages=create_app(parts, web=config.web, home=config.home),
        wake=wake,
        edited=Edits(data_folder(config) / HOUSEHOLD_FILE),
        fresh=fresh or Fresh(),
        forgetting=own_pages.forgetting,
        notifying=told.notifying if told.may_tell else None,
        spoken=spoken,
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


def _in_the_language_of_whom_it_is_told(languages: Languages) -> Callable[[str | None, str], str]:
    return lambda language, text: languages.of(language).say(text)


def _asked_online(config: ProductsConfig, ledger: EgressLedger) -> OpenFoodFacts | None:
    """Who may be asked about a product; None: nobody."""
    if not config.ask_online:
        return None
    agent = f"Restock/{__version__} ({config.contact})"
    return OpenFoodFacts(ProductEgress(ledger=ledger, origin=config.url, user_agent=agent, timeout_s=config.timeout_s))


def _new_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)
