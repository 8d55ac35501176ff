"""One household: its hub, which dies and comes back, and the robot that answers what the hub asks.

The robot reckons the ceiling of each offer by itself, in whole numbers, and writes down what it clicked and what it
was answered before anything else happens.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import cast

import rfc8785

from cloud_bridge.wire import PATH_CANCEL, PATH_SETTLE, CancelReceipt, Settlement, Verdict
from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Egress, Purpose
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.adapters.store.orders import Orders
from edge_agent.core import prompt as prompts
from edge_agent.core import terms as offers
from edge_agent.core.catalogue import Binding, Item, Preferences, Product
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId, Price, PromptId, Propose
from edge_agent.core.prompt import DeclineReason, PromptEvent, PromptRecord, PromptState
from edge_agent.core.terms import Terms, terms_hash
from edge_agent.errors import BridgeUnreachableError, RefusedError
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.ports import Signer
from tests.campaign.simulation.bridge import Front
from tests.campaign.simulation.hub import Answering, Tables
from tests.campaign.simulation.judge import Judge, Leave, Need
from tests.campaign.simulation.virtual import Died, JumpyClock, Life, VirtualLoop
from tests.campaign.simulation.weather import Weather
from tests.campaign.simulation.wire import Wire

TOLERANCE_PERCENT = 5
PREFERENCES = Preferences(price_tolerance=TOLERANCE_PERCENT / 100, hold_s=120)
_HUB_DOWN_MAX_S = 600.0
_WAITING = frozenset({IntentState.APPROVED, IntentState.HELD, IntentState.SENDING, IntentState.UNKNOWN})


@dataclass(slots=True)
class Home:
    """Hub and robot of one household."""

    name: str
    loop: VirtualLoop
    weather: Weather
    clock: JumpyClock
    judge: Judge
    front: Front
    signer: Signer
    new_id: Callable[[], str]
    tables: Tables = field(init=False)
    life: Life = field(default_factory=Life)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    wire: Wire = field(init=False)
    is_up: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.tables = Tables(self._gate)
        self._boot()

    # the hub

    async def run(self) -> None:
        """Live, die, be started again, until the world ends."""
        while True:
            self._boot()
            try:
                await self._serve()
            except Died:
                pass
            except asyncio.CancelledError:
                if not self.life.is_over:
                    raise  # the world ends
            self.is_up = False
            self.weather.tally["hub_deaths"] += 1
            await asyncio.sleep(self.weather.between(1, _HUB_DOWN_MAX_S if self.weather.is_rough() else 10))

    def kill(self) -> None:
        """Pull the plug, wherever it is."""
        if self.is_up and self.task is not None:
            self.is_up, self.life.is_over = False, True
            self.task.cancel()

    def _boot(self) -> None:
        self.life, self.wake = Life(), asyncio.Event()
        self.tables = self.tables.copy(gate=self._gate)
        self.wire = Wire(self.loop, self.weather, self.front, self.name, self.life, self.judge)
        self.is_up = True

    def _gate(self, name: str) -> None:
        self.life.check()
        self.weather.tally[f"passed:hub_{name}"] += 1
        if self.weather.strikes(0.01, f"crash:hub_{name}"):
            self.life.end()

    async def _serve(self) -> None:
        tables = cast("Orders", self.tables)
        bridge = BridgeClient(
            egress=cast("Egress", self.wire),
            orders=tables,
            merchants=cast("Merchants", None),  # nothing here asks for prices
            clock=self.clock,
            hear_time=lambda _: None,
        )
        status = StatusRecorder(bridge=bridge, orders=tables)
        while True:
            self.wake.clear()
            for turn in (partial(bridge.drain, check=_safe), status.run_once):
                try:
                    await turn()
                except BridgeUnreachableError:
                    self.weather.tally["hub:bridge_unreachable"] += 1
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self.wake.wait()
            except TimeoutError:
                continue

    def _pause_s(self) -> float:
        if self.tables.rows:
            return self.weather.between(30, 240)
        waiting = any(record.state in _WAITING for record in self.tables.records.values())
        return self.weather.between(120, 900) if waiting else self.weather.between(3_600, 10_800)

    # the robot

    async def answer(self, need: Need) -> None:
        """Be asked for one need, and answer as people do."""
        await asyncio.sleep(max(0.0, need.at_s - self.loop.time()))
        prompt = await self._until_done(lambda: self._ask(need))
        if prompt is None:
            return
        mood = self.weather.rng.random()
        if mood < 0.06:
            await self._until_done(lambda: self._decline(prompt))
            return
        leave = await self._approve(prompt, need)
        if leave is None:
            return
        if mood < 0.16:
            await self._approve(prompt, need)  # once more, from a page that was left open
        if mood > 0.90:
            await asyncio.sleep(self.weather.between(0, 240))
            await self._cancel(leave)

    async def _approve(self, prompt: PromptRecord, need: Need) -> Leave | None:
        answering = Answering(self.tables, self.clock, self.signer, self.name, self.new_id)
        leaves: list[Leave] = []

        def before(terms: Terms) -> None:
            leave = _leave(terms, prompt, need)
            self.judge.signed(leave, ceiling_minor=terms.total_max_minor)
            known = self.judge.leaves.get(need.sku)
            if known is None or not known.seen:
                leaves.append(leave)
                self.judge.clicked(leave)

        for _ in range(20):
            answering = replace(answering, tables=self.tables)
            try:
                self._must_be_up()
                intent = answering.approve(prompt.id, terms_hash=prompt.terms_hash, by="owner", before=before)
            except Died:
                self.kill()
                await asyncio.sleep(self.weather.between(5, 60))
            except RefusedError:
                return self._found(prompt)
            else:
                self.judge.saw(intent.id)
                self.wake.set()
                return leaves[-1]
        return None

    def _found(self, prompt: PromptRecord) -> Leave | None:
        """The page says that it was answered already: then the order that it shows is an answer, too."""
        intent = next((each for each in self.tables.records.values() if each.prompt == prompt.id), None)
        if intent is None:
            return None
        self.judge.saw(intent.id)
        return self.judge.leave_of(intent.id)

    async def _cancel(self, leave: Leave) -> None:
        try:
            path = PATH_CANCEL.format(intent_id=leave.intent)
            answer = await self.wire.send(Purpose.CANCEL, path)
        except (BridgeUnreachableError, Died):
            return
        readable = answer.status_code == 200 and answer.body.startswith(b"{")
        if readable and CancelReceipt.model_validate_json(answer.body).cancelled:
            self.weather.tally["cancelled"] += 1
            self.judge.saw_cancelled(leave.intent)

    async def settle(self, intent: str, *, order_id: str | None) -> None:
        """A person has looked at the merchant's, and says whether the order is there."""
        verdict = Verdict(
            intent_id=intent,
            household=self.name,
            found=order_id is not None,
            merchant_order_id=order_id,
            said_at=self.clock.now(),
            nonce=self.new_id(),
        )
        signed = rfc8785.dumps(verdict.model_dump(mode="json"))
        settlement = Settlement(verdict=verdict, signature=base64.b64encode(self.signer.sign(signed)).decode())
        path = PATH_SETTLE.format(intent_id=intent)
        try:
            await self.wire.send(Purpose.SETTLE, path, body=settlement.model_dump_json().encode())
        except (BridgeUnreachableError, Died):
            return
        self.weather.tally["settled"] += 1
        self.wake.set()

    async def _until_done(self, act: Callable[[], PromptRecord | None]) -> PromptRecord | None:
        for _ in range(20):
            try:
                self._must_be_up()
                return act()
            except Died:
                self.kill()
                await asyncio.sleep(self.weather.between(5, 60))
            except RefusedError:
                return None
        return None

    def _must_be_up(self) -> None:
        if not self.is_up:
            raise Died

    def _ask(self, need: Need) -> PromptRecord:
        now = self.clock.now()
        price = Price(
            ItemId(need.sku), need.merchant, need.sku, need.price_minor, need.delivery_minor, "USD", True, now
        )
        propose = Propose(ItemId(need.sku), need.packs, now + timedelta(days=1), 2.0, ())
        offer = offers.offer_for(_item(need), price, propose, preferences=PREFERENCES, now=now)
        record = PromptRecord(
            id=PromptId(self.new_id()),
            item=ItemId(need.sku),
            state=PromptState.OPEN,
            version=1,
            offer=offer,
            terms_hash=terms_hash(offer),
            days_of_cover=2.0,
            order_by=now + timedelta(days=1),
            reasons=(),
            created_at=now,
            changed_at=now,
        )
        self.tables.add_prompt(record)
        return record

    def _decline(self, prompt: PromptRecord) -> None:
        change = prompts.step(
            prompt, PromptEvent.DECLINE, now=self.clock.now(), by="owner", decline_reason=DeclineReason.NOT_NOW
        )
        self.tables.change_prompt(change)


def _safe() -> None:
    """Nothing is wrong with the hub's chain, clock and signatures; what follows when it is has tests of its own."""


_TEMPLATE = Item(
    id="thing",
    name="A thing",
    category="thing",
    unit="g",
    product=Product(title="A thing", merchant="m", sku="s", pack_amount=100.0),
    binding=Binding(device="shelf", signal="thing.amount"),
    room_packs=9,
    prior_use_per_day=10.0,
)


def _item(need: Need) -> Item:
    product = _TEMPLATE.product.model_copy(update={"merchant": need.merchant, "sku": need.sku})
    return _TEMPLATE.model_copy(update={"id": need.sku, "product": product})


def _leave(terms: Terms, prompt: PromptRecord, need: Need) -> Leave:
    total_minor = need.price_minor * need.packs + need.delivery_minor
    return Leave(
        intent=terms.intent_id,
        sku=need.sku,
        item=prompt.item,
        quantity=need.packs,
        ceiling_minor=total_minor * (100 + TOLERANCE_PERCENT) // 100,
        merchant=need.merchant,
    )
