"""The second half of the composition root: what thinks, talks to the bridge and serves the pages.

Each module beside it wires one of its parts; here they meet. What runs then is in `tasks`, and how the pages are
served in `page`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from edge_agent.adapters.egress import Egress
from edge_agent.adapters.home_assistant import HomeAssistantVoice
from edge_agent.adapters.household import Edits, HouseholdFile
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.page_mark import page_mark
from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.session_name import session_name
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.adapters.store.upkeep import Upkeep
from edge_agent.config import HubConfig, Secrets
from edge_agent.folder import HOUSEHOLD_FILE, data_folder
from edge_agent.pipeline.hand_over import Home
from edge_agent.ports import CrashHook, no_crash
from edge_agent.web.cookies import Cookies
from edge_agent.web.factory import create_app
from edge_agent.web.language import Languages
from edge_agent.wiring.home_assistant import wire_home_assistant, wire_voice
from edge_agent.wiring.leave import LeaveSide, wire_leave
from edge_agent.wiring.notify import NotifySide, wire_notify
from edge_agent.wiring.orders import Gate, OrdersSide, wire_orders
from edge_agent.wiring.page import PageListener
from edge_agent.wiring.readings import ReadingsSide
from edge_agent.wiring.review import ReviewSide, wire_review
from edge_agent.wiring.settings import SettingsSide, wire_settings
from edge_agent.wiring.tasks import Spoken, Tasks
from edge_agent.wiring.web import wire_web

__all__ = ["Tasks", "wire", "work"]

log = logging.getLogger(__name__)


async def work(
    config: HubConfig,
    kept: ReadingsSide,
    *,
    secret: Secrets,
    stop: asyncio.Event,
    listener: PageListener | None = None,
    hears_broker: Callable[[], bool | None],
) -> None:
    """Wire this half and run it until `stop`; `listener` is there already where a first run came before.

    `hears_broker` says whether the broker has the session that receives readings.
    """
    key = load_or_create(data_folder(config))
    ledger = EgressLedger(kept.store.connection, clock=kept.store.clock)
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
            gate = Gate(egress, ledger, key)
            tasks = wire(
                config, kept, gate=gate, secret=secret, voice=voice, hears_broker=hears_broker, crash_hook=no_crash
            )
            heard.hold()  # whoever reads the next line may come
            log.info("serving page=http://%s:%d", *heard.address)
            await tasks.run(stop, heard)


def wire(
    config: HubConfig,
    kept: ReadingsSide,
    *,
    gate: Gate,
    secret: Secrets,
    voice: HomeAssistantVoice | None,
    crash_hook: CrashHook,
    hears_broker: Callable[[], bool | None] = lambda: None,
) -> Tasks:
    """Everything of this half; nothing runs yet. Without `voice` nothing is said to Home Assistant."""
    home = _wire_home(config, kept, gate=gate, crash_hook=crash_hook)
    told = _wire_notify(config, kept, gate=gate, home=home)
    tokens = Tokens(kept.store.connection)
    parts = wire_web(
        config,
        kept,
        household=home.household,
        gate=gate,
        orders=home.orders,
        leave=home.leave,
        review=home.review,
        own=home.own,
        told=told,
        tokens=tokens,
        hears_broker=hears_broker,
    )
    return Tasks(
        config=config,
        clock=kept.store.clock,
        review=home.review.review,
        rejudge=kept.rejudge,
        leave=home.leave,
        bridge=home.orders.bridge,
        status=home.orders.status,
        prices=home.orders.prices,
        orders=home.orders.orders,
        restore=home.orders.restore,
        guard=home.orders.guard,
        tokens=tokens,
        upkeep=Upkeep(
            kept.store.connection,
            chain=kept.store.chain,
            household=home.household,
            messages_max=config.store.messages_max,
        ),
        discovery=home.review.discovery,
        pages=create_app(parts, web=config.web, home=config.home, cookies=Cookies(page_mark(data_folder(config)))),
        wake=home.wake,
        edited=Edits(data_folder(config) / HOUSEHOLD_FILE),
        fresh=kept.fresh,
        forgetting=home.own.forgetting,
        notifying=told.notifying if told.may_tell else None,
        recalls=told.recalls if told.may_tell else None,
        traces=None if kept.tracing.export is None else kept.tracing.export(gate.ledger),
        spoken=None if voice is None else _spoken(config, secret, voice=voice, kept=kept, home=home),
    )


@dataclass(frozen=True, slots=True)
class _Home:
    """What decides, asks and buys. Whoever sets `wake` has something to send."""

    household: HouseholdFile
    orders: OrdersSide
    leave: LeaveSide
    review: ReviewSide
    own: SettingsSide
    wake: asyncio.Event


def _wire_home(config: HubConfig, kept: ReadingsSide, *, gate: Gate, crash_hook: CrashHook) -> _Home:
    store, file, wake = kept.store, data_folder(config) / HOUSEHOLD_FILE, asyncio.Event()
    household = HouseholdFile(file)
    household.load()  # a wrong document is said at start, not at the first review
    orders = wire_orders(
        config, store, gate=gate, household=household, tracing=kept.tracing.tracing, crash_hook=crash_hook
    )
    leave = wire_leave(
        Home(household=config.home.id, hub=config.home.hub),
        store.connection,
        clock=store.clock,
        orders=orders.orders,
        policies=orders.policies,
        household=household,
        bridge=orders.bridge,
        merchants=orders.merchants,
        safety=orders.guard,
        signer=gate.key,
        new_id=_new_id,
        wake=wake.set,
        tracing=kept.tracing.tracing,
        crash_hook=crash_hook,
    )
    review = wire_review(
        config,
        kept,
        household=household,
        orders=orders,
        drawing=leave.drawing,
        new_id=_new_id,
        crash_hook=crash_hook,
    )
    own = wire_settings(
        store,
        file,
        household=household,
        orders=orders.orders,
        shadow=review.review.shadow_report,
        zone=config.home.timezone,
    )
    return _Home(household, orders, leave, review, own, wake)


def _wire_notify(config: HubConfig, kept: ReadingsSide, *, gate: Gate, home: _Home) -> NotifySide:
    folder = data_folder(config)
    return wire_notify(
        config.notify,
        kept.store.connection,
        folder=folder,
        timezone=config.home.timezone,
        clock=kept.store.clock,
        ledger=gate.ledger,
        orders=home.orders.orders,
        household=home.household,
        people=home.leave.accounts,
        sealer=load_secret(folder),
        new_id=_new_id,
        matches=home.review.recalls.matches,
        note=kept.store.chain.record,
        speak=_in_the_language_of_whom_it_is_told(Languages.shipped()),
    )


def _spoken(
    config: HubConfig, secret: Secrets, *, voice: HomeAssistantVoice, kept: ReadingsSide, home: _Home
) -> Spoken:
    side = wire_home_assistant(
        config,
        secret,
        voice=voice,
        overview=home.review.overview,
        household=home.household,
        answers=home.leave.answering,
        accounts=home.leave.accounts,
        policies=home.orders.policies,
        safety=home.orders.guard,
        chain=kept.store.chain,
        clock=kept.store.clock,
    )
    return Spoken(voice, side)


def _in_the_language_of_whom_it_is_told(languages: Languages) -> Callable[[str | None, str], str]:
    return lambda language, text: languages.of(language).say(text)


def _new_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)
