"""The part of the composition root that gives the pages what they show, and the few things that they may set off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from edge_agent import __version__
from edge_agent.adapters.egress import ProductEgress
from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.open_food_facts import OpenFoodFacts
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.signatures import is_signed
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.product_hints import SqliteProductHints
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.config import HubConfig, ProductsConfig
from edge_agent.pipeline.order_records import OrderRecords
from edge_agent.pipeline.products import Products
from edge_agent.pipeline.road import OnTheRoad
from edge_agent.web.parts import WebParts
from edge_agent.wiring.leave import LeaveSide
from edge_agent.wiring.notify import NotifySide
from edge_agent.wiring.orders import Gate, OrdersSide
from edge_agent.wiring.readings import ReadingsSide
from edge_agent.wiring.review import PRICE_AGE_MAX, ReviewSide
from edge_agent.wiring.settings import SettingsSide


def wire_web(
    config: HubConfig,
    kept: ReadingsSide,
    *,
    household: HouseholdFile,
    gate: Gate,
    orders: OrdersSide,
    leave: LeaveSide,
    review: ReviewSide,
    own: SettingsSide,
    told: NotifySide,
    tokens: Tokens,
    hears_broker: Callable[[], bool | None],
) -> WebParts:
    """Which part of the hub fulfils which need of the pages."""
    return WebParts(
        clock=kept.store.clock,
        accounts=leave.accounts,
        passwords=Argon2Passwords(),
        overview=review.overview,
        answers=leave.answering,
        mandates=leave.mandates,
        people=leave.people,
        policies=leave.policies,
        ledger=gate.ledger,
        safety=orders.guard,
        merchants=orders.merchants,
        inventory=review.discovery.inventory,
        decisions=review.decisions,
        stock=review.stock,
        recalls=review.recalls,
        after_all=review.after_all,
        keeping=review.keeping,
        products=Products(
            hints=SqliteProductHints(kept.store.connection),
            clock=kept.store.clock,
            source=_asked_online(config.products, gate.ledger),
        ),
        settings=own.settings,
        holdings=own.holdings,
        forgetting=own.forgetting,
        reporting=own.reporting,
        no_room=kept.room.notice,
        room=kept.room.left,
        hears_broker=hears_broker,
        channels=told.desk,
        links=told.links,
        tokens=tokens,
        records=OrderRecords(
            orders=orders.orders,
            chain=kept.store.chain,
            clock=kept.store.clock,
            public_key=gate.key.public_key(),
            sign=gate.key.sign,
            verify=is_signed,
        ),
        road=OnTheRoad(
            clock=kept.store.clock,
            vehicles=kept.vehicles,
            household=household,
            orders=orders.orders,
            prices=orders.elsewhere,
            accounts=leave.accounts,
            price_age_max=PRICE_AGE_MAX * timedelta(seconds=config.bridge.prices_every_s),
            zone=ZoneInfo(config.home.timezone),
        ),
        changes=partial(_changes, kept),
    )


def _changes(kept: ReadingsSide) -> int:
    """A number that changes with what pages show; whoever asks has one open."""
    kept.fresh.look()
    return kept.store.connection.db.total_changes() + kept.vehicles.turns


def _asked_online(config: ProductsConfig, ledger: EgressLedger) -> OpenFoodFacts | None:
    """Who may be asked about a product; None: nobody."""
    if not config.ask_online:
        return None
    agent = f"Restock/{__version__} ({config.contact})"
    return OpenFoodFacts(ProductEgress(ledger=ledger, origin=config.url, user_agent=agent, timeout_s=config.timeout_s))
