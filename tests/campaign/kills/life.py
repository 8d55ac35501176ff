"""One life of hub and bridge in a forked process: wired as in service, over the real stores, until it is killed.

The hub's parts come from its own composition root, and so do the bridge's. What stands in: the broker (the world hands
out messages and takes acknowledgements), the wire between hub and bridge (the bridge's application is called in
process, every byte of a request all the same), the merchant (asked over the pipe) and the clock.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, chdir, suppress
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from cloud_bridge import app as bridge_app
from cloud_bridge.config import BridgeConfig
from cloud_bridge.merchants.webhook_verifiers import UnsignedHints
from cloud_bridge.rounds import Rounds
from cloud_bridge.signing_key import load_or_create as signing_key
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from edge_agent.adapters.clock import EffectiveClock
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.keys import load_or_create
from edge_agent.adapters.store.egress_ledger import EgressLedger
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.config import HubConfig, Secrets
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import DeviceId, RawMessage, StoredCursor
from edge_agent.core.prompt import PromptState
from edge_agent.core.sparkplug.topics import RebirthRequest
from edge_agent.errors import RetryLaterError
from edge_agent.pipeline.ingest import Ingest
from edge_agent.ports import CrashHook
from edge_agent.wiring import household as wiring
from edge_agent.wiring.orders import Gate
from edge_agent.wiring.readings import wire_readings
from tests.campaign.kills.in_process import Browser, InProcess, call
from tests.campaign.kills.pipe import Call, DistantMerchant, ask
from tests.campaign.kills.setting import BRIDGE_URL, COOKIE, CSRF, PAGE_URL, Clock
from tests.campaign.kills.world import HOME
from tests.edge_agent.shipped import shipped_registry

_BRIDGE_ROUNDS = 3
_BATCHES_MAX = 50
_PROMPTS_MAX = 500
_INTENTS_MAX = 100_000
_LIMITS = Limits(clock_skew_max_s=604_800.0)  # a home whose power fails every few hours gets readings late


@dataclass(frozen=True, slots=True)
class Plan:
    """How a life ends: at the `nth` passing of `point` (of the hub or the bridge), or after `turns`.

    `armed_after` is the number of turns that go by before the point can kill. A life that has lived its turns goes on
    for one more where `any_nth` is not 0, and ends at the passing of that number, whichever point it is of.
    """

    point: str | None
    nth: int
    turns: int
    armed_after: int = 0
    any_nth: int = 0


class Fate:
    """Kills the process at the planned passing of the planned point, as the plug does: nothing is flushed or closed.

    `last_words` takes the point's name to the world, which outlives the process.
    """

    def __init__(self, plan: Plan, *, last_words: Callable[[str], None]) -> None:
        self._plan = plan
        self._last_words = last_words
        self._passed = 0
        self._passed_any = 0
        self.turns = 0

    def __call__(self, point: StrEnum) -> None:
        """A crash point was reached."""
        name = point_name(point)
        if self.turns >= self._plan.armed_after and name == self._plan.point:
            self._passed += 1
        if self.turns >= self._plan.turns:
            self._passed_any += 1
        if self._passed == self._plan.nth > 0 or self._passed_any == self._plan.any_nth > 0:
            self._last_words(name)
            os.kill(os.getpid(), signal.SIGKILL)


def point_name(point: StrEnum) -> str:
    """A point of hub or bridge, by a name that is its own."""
    return f"{type(point).__module__}.{point}"


def live(pipe: Pipe, folder: Path, *, hub: HubConfig, bridge: BridgeConfig, plan: Plan) -> None:
    """Live, and be killed or come to the end of the plan.

    A bridge's file has the same name in each home, so that its statements are compiled once, before the first fork.
    """
    with chdir(folder):
        asyncio.run(_live(pipe, folder, hub=hub, bridge=bridge, plan=plan))


async def _live(pipe: Pipe, folder: Path, *, hub: HubConfig, bridge: BridgeConfig, plan: Plan) -> None:
    fate, clock = Fate(plan, last_words=lambda point: pipe.send(Call("dies", (point,)))), Clock(ask(pipe, "now"))
    async with AsyncExitStack() as stack:
        desk = await _bridge(pipe, stack, folder, config=bridge, clock=clock, fate=fate)
        store = stack.enter_context(open_store(folder, hub, wall=clock, ticks_s=clock.ticks_s, crash_hook=fate))
        readings, tasks = await wire_hub(stack, folder, hub, store=store, bridge=desk.app, crash_hook=fate)
        page = Browser(tasks.pages, PAGE_URL, COOKIE)
        ingest = _ingest(pipe, readings, clock=store.clock, fate=fate)
        home = Home(pipe=pipe, clock=clock, ingest=ingest, tasks=tasks, page=page, desk=desk)
        for fate.turns in range(plan.turns + (plan.any_nth > 0)):
            await home.turn()


async def wire_hub(
    stack: AsyncExitStack,
    folder: Path,
    config: HubConfig,
    *,
    store: OpenStore,
    bridge: ASGIApp,
    crash_hook: CrashHook,
) -> tuple[SqliteReadings, wiring.Tasks]:
    """A hub on this store as it is in service, which reaches the bridge in this process; its readings too."""
    kept = wire_readings(config, store, registry=shipped_registry(), crash_hook=crash_hook)
    key, ledger = load_or_create(folder), EgressLedger(store.connection, clock=store.clock)
    egress = Egress(
        ledger=ledger,
        key=key,
        household=HOME,
        url=BRIDGE_URL,
        timeout_s=10,
        transport=InProcess(bridge),
        crash_hook=crash_hook,
    )
    await stack.enter_async_context(egress)
    gate = Gate(egress, ledger, key)
    tasks = wiring.wire(config, kept, gate=gate, secret=Secrets(), voice=None, crash_hook=crash_hook)
    return kept.readings, tasks


@dataclass
class Home:
    """Everything of one life, taken through one turn after the other."""

    pipe: Pipe
    clock: Clock
    ingest: Ingest
    tasks: wiring.Tasks
    page: Browser
    desk: bridge_app.Bridge

    async def turn(self) -> None:
        """Messages, a review, answers, hand-over, placing, following, status."""
        self.clock.at = ask(self.pipe, "turn")
        await self.ingest.run_once()
        await self.tasks._look()
        for prompt in self.tasks.orders.prompts(live=True, limit=_PROMPTS_MAX):
            if prompt.state is PromptState.OPEN:
                await self._answer(prompt.id, prompt.terms_hash)
        await self._drain()
        placing, following = self.desk.rounds
        for _ in range(_BRIDGE_ROUNDS):
            self.clock.pass_(minutes=10)
            await _all(placing)
        await self._webhooks()
        await _all(following)
        await self._follow()
        for intent in self.tasks.orders.intents(live=True, limit=_PROMPTS_MAX):
            if intent.state is IntentState.PARKED:
                await self._settle(intent)

    async def _drain(self) -> None:
        with suppress(RetryLaterError):  # the turn comes again
            await self.tasks._drain()

    async def _follow(self) -> None:
        with suppress(RetryLaterError):
            await self.tasks._follow()

    async def _webhooks(self) -> None:
        headers = [(b"host", urlsplit(BRIDGE_URL).netloc.encode("ascii"))]
        for merchant, order_id in ask(self.pipe, "webhooks"):
            url = f"{BRIDGE_URL}/webhooks/{merchant}"
            await call(self.desk.app, "POST", url, headers=headers, body=order_id.encode("ascii"))

    async def _settle(self, intent: IntentRecord) -> None:
        """The person looks at the merchant's own pages, and says what is there."""
        intents = self.tasks.orders.intents(live=False, limit=_INTENTS_MAX)
        known = [each.merchant_order_id for each in intents if each.merchant == intent.merchant]
        seen = ask(self.pipe, "look", intent.merchant, intent.item, known)
        if seen is None:
            return
        found, order_id = seen
        form = {"csrf": CSRF, "found": "there" if found else "not_there", "merchant_order_id": order_id or ""}
        await self.page.post(f"/orders/{intent.id}/settle", data=form)

    async def _answer(self, prompt: str, terms_hash: str) -> None:
        wish = ask(self.pipe, "wish", prompt)
        form = {"csrf": CSRF, "terms_hash": terms_hash, "reason": "not_now"}
        if await self.page.post(f"/prompts/{prompt}/{wish}", data=form) == HTTPStatus.SEE_OTHER:
            ask(self.pipe, "told", prompt, wish)


async def _bridge(
    pipe: Pipe, stack: AsyncExitStack, folder: Path, *, config: BridgeConfig, clock: Clock, fate: Fate
) -> bridge_app.Bridge:
    store = SqlOrderStore(stack.enter_context(Database(config.store.url)), shown=clock.shown)
    await store.resume(now=clock.now())
    counterparts = {
        name: bridge_app.Counterpart(
            DistantMerchant(pipe, name, capability=capability, currency=currency), UnsignedHints()
        )
        for name, capability, currency in ask(pipe, "merchants")
    }
    return bridge_app._assemble(
        config,
        store=store,
        counterparts=counterparts,
        profiles=bridge_app.Profiles(BRIDGE_URL, key=signing_key(folder / "bridge.key"), ap2={}),
        keys={each.id: each.public_key_bytes for each in config.households},
        clock=clock,
        public_url=BRIDGE_URL,
        crash=fate,
    )


async def _all(rounds: Rounds) -> None:
    """Take what is due now, all of it."""
    for _ in range(_BATCHES_MAX):
        if not await rounds.run_once():
            return


def _ingest(pipe: Pipe, readings: SqliteReadings, *, clock: EffectiveClock, fate: Fate) -> Ingest:
    return Ingest(
        inbox=DistantInbox(pipe),
        decoder=Decoder(shipped_registry(), home=HOME, limits=_LIMITS, birth_of=readings.birth_of),
        store=readings,
        devices=NoDevices(),
        clock=clock,
        group_max=64,
        wait_s=0.0,
        crash_hook=fate,
    )


def prepare() -> None:
    """Load what every life reads and none changes, before the first is forked."""
    shipped_registry()


class DistantInbox:
    """Fulfils `ports.Inbox`: the world is the broker."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    async def receive(self, *, group_max: int, wait_s: float) -> list[RawMessage]:
        """What the world hands out now."""
        del wait_s
        messages: list[RawMessage] = ask(self._pipe, "readings")
        return messages[:group_max]

    def acknowledge(self, messages: Sequence[RawMessage]) -> None:
        """Now they are the hub's to keep."""
        ask(self._pipe, "acknowledge", [message.receipt for message in messages])


class NoDevices:
    """Fulfils `ports.Devices` for devices that know the broker's acknowledgement only."""

    async def acknowledge(self, cursors: Sequence[StoredCursor]) -> None:
        """Nobody hears it."""

    async def ask_rebirth(self, device: DeviceId) -> None:
        """The world gives a birth at each life anyway."""

    async def ask_node(self, request: RebirthRequest) -> None:
        """There is none."""
