"""The part of the composition root that thinks: the review, what it rests on, and how it is explained."""

from __future__ import annotations

import importlib.resources
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.adapters.champion import KEPT_FOLDER, choose_forecaster
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.decisions import Decisions
from edge_agent.adapters.store.heard import SqliteHeard
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.recalls import SqliteRecalls
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.config import HubConfig
from edge_agent.core.binding_check import Declared, declared_in
from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimate import estimate
from edge_agent.core.messages import DeviceId, ItemId, StockEstimate
from edge_agent.core.registry import Registry
from edge_agent.folder import data_folder
from edge_agent.pipeline.after_all import AfterAll
from edge_agent.pipeline.discovery import Discovery
from edge_agent.pipeline.draw import Drawing
from edge_agent.pipeline.explaining import Explaining
from edge_agent.pipeline.item_keeping import ItemKeeper
from edge_agent.pipeline.overview import HomeOverview
from edge_agent.pipeline.personal import PersonalDays
from edge_agent.pipeline.recalls import RecallDesk
from edge_agent.pipeline.review import Review
from edge_agent.pipeline.telling import Telling
from edge_agent.ports import CrashHook, Forecaster
from edge_agent.wiring.orders import OrdersSide
from edge_agent.wiring.readings import ReadingsSide

log = logging.getLogger(__name__)

PRICE_AGE_MAX = 3  # times the schedule: an older price is no price to ask with


@dataclass(frozen=True, slots=True)
class ReviewSide:
    """What is known of the home's stocks and devices, what is decided of it, and what a person says to it."""

    review: Review
    discovery: Discovery
    overview: HomeOverview
    decisions: Explaining
    stock: Telling
    recalls: RecallDesk
    keeping: ItemKeeper
    after_all: AfterAll


def wire_review(
    config: HubConfig,
    kept: ReadingsSide,
    *,
    household: HouseholdFile,
    orders: OrdersSide,
    drawing: Drawing,
    new_id: Callable[[], str],
    crash_hook: CrashHook,
) -> ReviewSide:
    """Which adapter fulfils which port."""
    connection, clock = kept.store.connection, kept.store.clock
    bundles, events, inspection = Decisions(connection), SqliteStockEvents(connection), SqliteInspection(connection)
    review = Review(
        clock=clock,
        readings=kept.readings,
        orders=orders.orders,
        household=household,
        forecaster=_forecaster(config, household, kept),
        drawing=drawing,
        new_id=new_id,
        stale_after_s=config.review.stale_after_s,
        price_age_max_s=PRICE_AGE_MAX * config.bridge.prices_every_s,
        shadows=bundles,
        bundles=bundles,
        zone=ZoneInfo(config.home.timezone),
        stock_events=events,
        declared=_declared_by(kept.readings, kept.registry),
        may_ask=lambda: orders.restore.has_compared,
        crash_hook=crash_hook,
        tracing=kept.tracing.tracing,
    )
    discovery = _discovery(config, kept, household=household, inspection=inspection)
    overview = _overview(household, orders, review=review, inspection=inspection)
    stock = Telling(events=events, household=household, clock=clock, heard=review.hear)
    return ReviewSide(
        review=review,
        discovery=discovery,
        overview=overview,
        decisions=Explaining(
            review=review,
            bundles=bundles,
            household=household,
            clock=clock,
            zone=config.home.timezone,
            personal=PersonalDays(readings=kept.readings, devices=inspection.devices),
        ),
        stock=stock,
        recalls=RecallDesk(store=SqliteRecalls(connection), home=overview, stock=stock, clock=clock),
        keeping=_keeping(kept, household, discovery=discovery),
        after_all=AfterAll(
            clock=clock,
            orders=orders.orders,
            household=household,
            review=review,
            zone=ZoneInfo(config.home.timezone),
        ),
    )


def artefact_folder(configured: str) -> Path:
    """Where the consumption model lies: as configured, or the one that ships with the hub."""
    return Path(configured) if configured else Path(str(importlib.resources.files("models"))) / "artefacts"


def _forecaster(config: HubConfig, household: HouseholdFile, kept: ReadingsSide) -> Forecaster:
    forecaster = choose_forecaster(
        artefact_folder(config.model.artefact_dir),
        kept=data_folder(config) / KEPT_FOLDER,
        stocks=_known_stocks(household, kept.readings, now=kept.store.clock.now()),
        apart=config.model.own_process,
    )
    log.info("forecaster source=%s", forecaster.source)
    return forecaster


def _known_stocks(
    household: HouseholdFile, readings: SqliteReadings, *, now: datetime
) -> list[tuple[Item, StockEstimate]]:
    """What the stored states say of each item, for comparing models on the home's own past."""
    known = ((item, readings.load_stock(ItemId(item.id))) for item in household.load().items)
    return [(item, estimate(state, item=item, now=now)) for item, state in known if state is not None]


def _declared_by(readings: SqliteReadings, registry: Registry) -> Callable[[Binding], Declared | None]:
    """What the profile of a bound device says of the bound signal."""

    def declared(bound: Binding) -> Declared | None:
        profile = readings.profile_of(DeviceId(bound.device), bound.signal)
        return declared_in(None if profile is None else registry.by_id(profile), bound.signal)

    return declared


def _discovery(
    config: HubConfig, kept: ReadingsSide, *, household: HouseholdFile, inspection: SqliteInspection
) -> Discovery:
    return Discovery(
        heard=SqliteHeard(kept.store.connection),
        inspection=inspection,
        household=household,
        profile_of=kept.registry.by_id,
        clock=kept.store.clock,
        stale_after_s=config.review.stale_after_s,
        remarks=kept.remarks,
    )


def _overview(
    household: HouseholdFile, orders: OrdersSide, *, review: Review, inspection: SqliteInspection
) -> HomeOverview:
    return HomeOverview(
        household=household,
        inspection=inspection,
        orders=orders.orders,
        review=review,
        bridge=orders.bridge,
        file_fault=household.problem,
    )


def _keeping(kept: ReadingsSide, household: HouseholdFile, *, discovery: Discovery) -> ItemKeeper:
    return ItemKeeper(
        household=household,
        inventory=discovery.inventory,
        profile_of=kept.registry.by_id,
        note=kept.store.chain.record,
    )
