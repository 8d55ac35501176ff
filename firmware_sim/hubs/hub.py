"""One household's hub: keeps its orders until the bridge has them, hears what became of them, and asks for prices.

Its rules are those of docs/bridge-protocol.md: one intent at a time in the order of the numbers, the same bytes again
until there is an answer, `/v1/head` at the start and after every failure, news by cursor until there are none.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from firmware_sim.crowd.truth import TruthLog
from firmware_sim.hubs.link import Kind, Link, NoAnswerError, RefusedError
from firmware_sim.hubs.plan import Plan
from firmware_sim.hubs.words import (
    EVENTS,
    EVENTS_MAX,
    HEAD,
    INTENTS,
    PRICES,
    UNDER_WAY,
    Bought,
    Event,
    Events,
    Head,
    Line,
    Prices,
    Receipt,
    Signatory,
    State,
    intent,
    intent_id,
    price_query,
)

_OFFERED_AT_ONCE = 20
_OVER = {
    "terms_refused": State.REJECTED,
    "offer_expired": State.REJECTED,
    "mandate_refused": State.REJECTED,
    "withdrawn": State.CANCELLED,
    "conflict": State.UNKNOWN,
}
_STOPS = frozenset({"forked", "frozen"})
_OFFER_LASTS = timedelta(days=3)
_DELIVERED_WITHIN = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Shop:
    """Where all households buy: the merchant by the bridge's name for it, the address, and today's price list."""

    merchant: str
    delivery_ref: str
    lines: tuple[Line, ...]

    @property
    def skus(self) -> tuple[str, ...]:
        """What can be bought."""
        return tuple(line.sku for line in self.lines)


@dataclass(slots=True)
class Order:
    """One order of a household, as its hub knows it."""

    id: str
    household: str
    handover: int
    body: bytes
    sku: str
    quantity: int
    total_max_minor: int
    currency: str
    approved_at_s: float
    state: State = State.APPROVED
    tries: int = 0
    accepted_at_s: float | None = None
    merchant_order_id: str | None = None
    detail: str | None = None


@dataclass(slots=True)
class Tally:
    """Counts of all households together."""

    started: int = 0
    admitted: int = 0
    made: int = 0
    sent: int = 0  # intents over the wire, with repetitions
    accepted: int = 0
    answered_again: int = 0  # of these repetitions, those that the bridge answered as before
    ended: int = 0  # not under way any more
    placed: int = 0
    events: int = 0
    prices: int = 0


class Scene(Protocol):
    """The run, as a hub sees it."""

    plan: Plan
    shop: Shop
    tally: Tally
    truth: TruthLog
    run: str

    def now_s(self) -> float:
        """Seconds since the start of the run."""

    def drained(self, outage: int, took_s: float) -> None:
        """A hub has caught up after an outage: so long after it had the bridge again."""

    def refused(self, hub: Hub, exc: RefusedError) -> None:
        """The bridge has said no to something that may be said again."""

    def gave_up(self, hub: Hub, why: str, change: str) -> None:
        """A hub sends nothing any more."""


@dataclass(slots=True)
class _Back:
    """What a hub still has to do before it has caught up with an outage."""

    outage: int
    at_s: float
    owed: set[str]
    has_heard: bool = False


@dataclass(slots=True)
class Hub:
    """`start` it once; it goes on until it is stopped."""

    scene: Scene
    index: int
    household: Signatory
    link: Link
    orders: dict[str, Order] = field(default_factory=dict)
    is_over: bool = False
    _outbox: dict[str, Order] = field(default_factory=dict)
    _last: int = 0  # the highest number given away
    _acknowledged: int = 0
    _cursor: int | None = None
    _is_sure: bool = False
    _back: _Back | None = None
    _orders_bell: asyncio.Event = field(default_factory=asyncio.Event)
    _news_bell: asyncio.Event = field(default_factory=asyncio.Event)
    _planned: int = 0
    _asks: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def is_admitted(self) -> bool:
        """Whether the bridge has answered it once."""
        return self._cursor is not None

    @property
    def waiting(self) -> int:
        """Orders that the bridge has not answered for."""
        return len(self._outbox)

    @property
    def is_settled(self) -> bool:
        """Whether it has nothing more to do: all orders made, answered for and ended, prices heard, no outage owed."""
        under_way = any(order.state in UNDER_WAY for order in self.orders.values())
        is_done = len(self.orders) == self._planned and not self._outbox and not under_way
        return self.is_over or (is_done and not self._asks and self._back is None and self.is_admitted)

    def start(self) -> None:
        """Switch it on."""
        plan, loop, now_s = self.scene.plan, asyncio.get_running_loop(), self.scene.now_s()
        self.scene.tally.started += 1
        approvals = plan.approvals(self.index)
        self._planned = len(approvals)
        for n, at_s in enumerate(approvals):
            self._timers.append(loop.call_later(at_s - now_s, self._approve, n))
        works = [
            self._turns(self._hand_over, self._orders_bell, plan.pauses.retry_s),
            self._turns(self._hear, self._news_bell, plan.pauses.poll_s),
        ]
        asks_at_s = plan.asks_prices_at_s(self.index)
        self._asks = asks_at_s is not None
        if asks_at_s is not None:
            works.append(self._ask_prices(asks_at_s - now_s))
        self._tasks = [loop.create_task(work) for work in works]

    async def stop(self) -> None:
        """Switch it off."""
        self.is_over = True
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.aclose()

    async def come_back(self, outage: int) -> None:
        """Have the bridge again, as after a power cut: ask how far it is, send what waits, ask for news."""
        await self.link.come_back()
        self._is_sure = False
        self._back = _Back(outage, self.scene.now_s(), set(self._outbox))
        self._orders_bell.set()
        self._news_bell.set()

    # --- a person's leave ---

    def _approve(self, n: int) -> None:
        """A person says yes: from here on the order must not be lost."""
        scene = self.scene
        which, packs = scene.plan.product(self.index, n, of=len(scene.shop.lines))
        now = datetime.now(UTC)
        bought = Bought(
            merchant=scene.shop.merchant,
            delivery_ref=scene.shop.delivery_ref,
            line=scene.shop.lines[which],
            quantity=packs,
            hold_s=scene.plan.hold_s,
            deliver_by=(now + _DELIVERED_WITHIN).date(),
            expires_at=now + _OFFER_LASTS,
            salt=hashlib.sha256(f"{scene.run}:{scene.plan.seed}:{self.index}:{n}".encode()).hexdigest(),
        )
        self._made(bought)

    def _made(self, bought: Bought) -> None:
        if self._cursor is None:  # the number of the first one is known when the bridge has been asked
            self._timers.append(asyncio.get_running_loop().call_later(1.0, self._made, bought))
            return
        self._last += 1
        order = Order(
            id=intent_id(bought.salt),
            household=self.household.household,
            handover=self._last,
            body=intent(bought, by=self.household, handover=self._last),
            sku=bought.line.sku,
            quantity=bought.quantity,
            total_max_minor=bought.total_max_minor,
            currency=bought.line.currency,
            approved_at_s=self.scene.now_s(),
        )
        self.orders[order.id] = self._outbox[order.id] = order
        self.scene.tally.made += 1
        self._note("approved", order)
        self._orders_bell.set()

    # --- turns ---

    async def _turns(self, turn: Callable[[], Awaitable[None]], bell: asyncio.Event, pause_s: float) -> None:
        while not self.is_over:
            bell.clear()
            try:
                await turn()
            except NoAnswerError:
                self._is_sure = False
            except RefusedError as exc:
                self._is_sure = False
                self.scene.refused(self, exc)
            self._look_whether_drained()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await bell.wait()

    async def _hand_over(self) -> None:
        if not self._is_sure:
            await self._compare()
        for order in list(self._outbox.values())[:_OFFERED_AT_ONCE]:
            await self._offer(order)
        if self._outbox and not self.is_over:
            self._orders_bell.set()  # more than one turn's worth

    async def _compare(self) -> None:
        """Ask how far the bridge is, and learn what it has of this hub."""
        after = min([self._acknowledged, *(order.handover - 1 for order in self._outbox.values())])
        known = 0
        while True:
            head = await self.link.ask(Kind.HEAD, f"{HEAD}?after={after}", Head)
            known = max([known, *(each.handover for each in head.intents if each.hub == self.household.hub)])
            if not head.intents:
                break
            after = head.intents[-1].handover
        if head.frozen:
            self._give_up("two hubs used one number, and the bridge has frozen the household", "thaw it at the bridge")
        if head.handover < self._acknowledged:
            self._give_up("the bridge has forgotten orders that it had acknowledged", "see whether it was restored")
        if self._cursor is None:
            self.scene.tally.admitted += 1
            self._cursor, self._last = head.event_seq, known
        self._acknowledged = max(self._acknowledged, known)
        self._is_sure = True

    async def _offer(self, order: Order) -> None:
        order.tries += 1
        self.scene.tally.sent += 1
        self._note("sent", order)
        try:
            await self.link.ask(Kind.INTENT, f"{INTENTS}?head={self._acknowledged}", Receipt, body=order.body)
        except NoAnswerError:
            self._note("unanswered", order)
            raise
        except RefusedError as exc:
            self._hear_refusal(order, exc)
            return
        del self._outbox[order.id]
        self._acknowledged = max(self._acknowledged, order.handover)
        self.scene.tally.answered_again += order.tries > 1
        order.accepted_at_s = self.scene.now_s()
        self.scene.tally.accepted += 1
        self._note("accepted", order)
        if order.state is State.APPROVED:
            order.state = State.HELD
        self._look_whether_drained()

    def _hear_refusal(self, order: Order, exc: RefusedError) -> None:
        """End what the bridge has refused for good; anything else is raised, and the order stays."""
        self._note("refused", order)
        if exc.code in _STOPS:
            self._give_up(f"the bridge answered {exc.code}", "see docs/operator.md, two hubs under one identity")
        ends = State.REJECTED if exc.code == "malformed" and order.tries == 1 else _OVER.get(exc.code)
        if ends is None:
            raise exc
        del self._outbox[order.id]
        order.detail = exc.code
        self._step(order, ends)
        self.scene.refused(self, exc)

    async def _hear(self) -> None:
        """All news since the cursor."""
        if self._cursor is None:
            return
        while True:
            page = await self.link.ask(Kind.EVENTS, f"{EVENTS}?after={self._cursor}&limit={EVENTS_MAX}", Events)
            for event in page.events:
                self._apply(event)
            self._cursor = page.next_after
            if not page.events:
                break
        if self._back is not None:
            self._back.has_heard = True

    def _apply(self, event: Event) -> None:
        self.scene.tally.events += 1
        order = self.orders.get(event.intent_id)
        if order is None:  # of an earlier run
            return
        order.merchant_order_id = event.merchant_order_id or order.merchant_order_id
        order.detail = event.detail
        self._step(order, event.state)

    def _step(self, order: Order, state: State) -> None:
        was, order.state = order.state, state
        if (was in UNDER_WAY) is not (state in UNDER_WAY):
            self.scene.tally.ended += 1 if was in UNDER_WAY else -1
        if state is State.PLACED and was is not state:
            self.scene.tally.placed += 1
        self._note("told", order)

    async def _ask_prices(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        shop = self.scene.shop
        body = price_query(shop.merchant, delivery_ref=shop.delivery_ref, skus=shop.skus)
        while not self.is_over:
            with suppress(NoAnswerError, RefusedError):
                await self.link.ask(Kind.PRICES, PRICES, Prices, body=body)
                self.scene.tally.prices += 1
                self._asks = False
                return
            await asyncio.sleep(self.scene.plan.pauses.retry_s)

    # --- books ---

    def _look_whether_drained(self) -> None:
        back = self._back
        if back is not None and self._is_sure and back.has_heard and not back.owed & self._outbox.keys():
            self._back = None
            self.scene.drained(back.outage, self.scene.now_s() - back.at_s)

    def _give_up(self, why: str, change: str) -> None:
        self.is_over = True
        self.scene.gave_up(self, why, change)
        raise NoAnswerError(why)

    def _note(self, what: str, order: Order) -> None:
        if not self.scene.truth.is_kept:
            return
        row = {"at_s": round(self.scene.now_s(), 6), "what": what, "household": order.household, "intent": order.id}
        told = {"state": order.state, "merchant_order_id": order.merchant_order_id} if what == "told" else {}
        self.scene.truth.note(json.dumps(row | told))
