"""Review, on a tick: readings become stock, stock a forecast, both a decision, and a decision perhaps a prompt.

A forecast is taken for what it is worth and no further: what is no sane demand is answered by the built-in rule, a day
has a limited number of questions, and an order is made by a mandate (`pipeline.draw`) or a person, never here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from edge_agent.core import intent as intents
from edge_agent.core import prompt as prompts
from edge_agent.core.catalogue import Household, Item
from edge_agent.core.decide import decide
from edge_agent.core.estimate import StockState, estimate, fold
from edge_agent.core.forecast import checked
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import (
    Decision,
    DeviceId,
    Forecast,
    Hold,
    ItemId,
    Price,
    PromptId,
    Propose,
    StockEstimate,
)
from edge_agent.core.position import inventory_position, on_order_amount
from edge_agent.core.prompt import PromptEvent, PromptRecord, PromptState
from edge_agent.core.terms import newest_price, offer_for, terms_hash
from edge_agent.pipeline.draw import Drawing
from edge_agent.ports import (
    Clock,
    CrashHook,
    CrashPoint,
    Forecaster,
    HouseholdStore,
    OrderStore,
    ReadingStore,
    no_crash,
)

log = logging.getLogger(__name__)

PROMPTS_A_DAY_MAX = 20
_PRICES_LOOKED_AT = 20
_LIVE_PROMPTS_MAX = 1_000
_READINGS_MAX = 5_000  # a tick; what is left over is folded on the next one
_QUIET_AFTER_EXPIRY = timedelta(hours=12)
_QUIET_AFTER_REFUSAL = {"terms_changed": timedelta(0), "cancelled_by_household": timedelta(days=5)}
_QUIET_AFTER_OTHER_REFUSAL = timedelta(days=1)
_ENDED_UNBOUGHT = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED})


@dataclass(frozen=True, slots=True)
class ItemReview:
    """What the last review found of one item."""

    estimate: StockEstimate
    forecast: Forecast
    decision: Decision


class Review:
    """Looks at every item. `latest` is what it found last, for the pages; nothing in it costs money."""

    def __init__(
        self,
        *,
        clock: Clock,
        readings: ReadingStore,
        orders: OrderStore,
        household: HouseholdStore,
        forecaster: Forecaster,
        drawing: Drawing,
        new_id: Callable[[], str],
        stale_after_s: float,
        price_age_max_s: float,
        crash_hook: CrashHook = no_crash,
    ) -> None:
        self._clock = clock
        self._readings = readings
        self._orders = orders
        self._household = household
        self._forecaster = forecaster
        self._drawing = drawing
        self._crash_hook = crash_hook
        self._new_id = new_id
        self._stale_after = timedelta(seconds=stale_after_s)
        self._price_age_max = timedelta(seconds=price_age_max_s)
        self._states: dict[ItemId, StockState] = {}
        self.latest: dict[ItemId, ItemReview] = {}

    def run_once(self) -> None:
        """One review of the whole home."""
        now = self._clock.now()
        household = self._household.load()
        self._fold(household.items)
        stocks = [(item, estimate(self._states[ItemId(item.id)], item=item, now=now)) for item in household.items]
        for (item, stock), forecast in zip(stocks, self._forecast(stocks), strict=True):
            self._notice_arrival(item, stock, now=now)
            decision = self._decide(item, stock, forecast, household=household, now=now)
            self.latest[ItemId(item.id)] = ItemReview(estimate=stock, forecast=forecast, decision=decision)
            self._act(item, stock, decision, household=household, now=now)
        self._end_prompts_of_removed_items(household, now=now)

    def _forecast(self, stocks: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """The forecaster's answers, each held against what can be; whoever made it."""
        answers = self._forecaster.forecast(stocks)
        self._crash_hook(CrashPoint.FORECAST)
        return [
            checked(
                item, stock, demand=answer.demand, quantiles=answer.quantiles, horizons_d=answer.horizons_d,
                source=answer.source,
            )
            for (item, stock), answer in zip(stocks, answers, strict=True)
        ]  # fmt: skip

    def _end_prompts_of_removed_items(self, household: Household, *, now: datetime) -> None:
        for prompt in self._orders.prompts(live=True, limit=_LIVE_PROMPTS_MAX):
            if household.item(prompt.item) is None:
                log.info("prompt=%s event=withdraw item_removed=%s", prompt.id, prompt.item)
                self._orders.change_prompt(prompts.step(prompt, PromptEvent.WITHDRAW, now=now))

    def _fold(self, items: Sequence[Item]) -> None:
        changed = []
        for item in items:
            ident = ItemId(item.id)
            before = self._states.get(ident) or self._readings.load_stock(ident)
            rows = self._readings.readings_after(
                DeviceId(item.binding.device),
                item.binding.signal,
                after_id=before.reading_id if before is not None else 0,
                limit=_READINGS_MAX,
            )
            state = fold(before, rows, item=item)
            if rows:
                changed.append(state)
            self._states[ident] = state
        if changed:
            self._readings.save_stock(changed)

    # --- goods on their way ---

    def _notice_arrival(self, item: Item, stock: StockEstimate, *, now: datetime) -> None:
        order = self._orders.last_intent(ItemId(item.id))
        if order is None:
            return
        steps = (
            intents.saw_arrival(order, at=step.at, amount=step.amount, before=step.since) for step in stock.refills
        )
        change = next((step for step in steps if step is not None), None)
        change = change or (intents.confirm_arrival(order, now=now) if order.state in intents.LIVE else None)
        if change is not None:
            log.info("arrival item=%s intent=%s state=%s", item.id, order.id, change.after.state)
            self._orders.change_intents([change], cursor=None)

    # --- decision ---

    def _decide(
        self, item: Item, stock: StockEstimate, forecast: Forecast, *, household: Household, now: datetime
    ) -> Decision:
        ident = ItemId(item.id)
        price = self._price(item, now=now)
        last = self._orders.last_intent(ident)
        on_order = on_order_amount([] if last is None else [last], now=now)
        return decide(
            item,
            stock,
            forecast,
            position=inventory_position(item, stock, on_order=on_order),
            price=price,
            preferences=household.preferences,
            quiet_until=self._quiet_until(ident, price=price),
            now=now,
            stale_after=self._stale_after,
        )

    def _price(self, item: Item, *, now: datetime) -> Price | None:
        """The newest price of the product that is bound now, unless it is too old to ask with."""
        price = newest_price(item, self._orders.prices(ItemId(item.id), limit=_PRICES_LOOKED_AT))
        return price if price is not None and now - price.fetched_at <= self._price_age_max else None

    def _act(
        self, item: Item, stock: StockEstimate, decision: Decision, *, household: Household, now: datetime
    ) -> None:
        ident = ItemId(item.id)
        live = self._orders.live_prompt(ident)
        if live is not None:
            self._age(live, stock, decision, now=now)
        elif isinstance(decision, Propose) and item.mode != "shadow" and self._orders.live_intent(ident) is None:
            self._ask(item, decision, household=household, now=now)

    def _age(self, live: PromptRecord, stock: StockEstimate, decision: Decision, *, now: datetime) -> None:
        """Let time work on a prompt, and withdraw one whose need was met from elsewhere."""
        event = prompts.due_event(live, now=now)
        refilled = any(step.at > live.created_at for step in stock.refills)
        if event is None and isinstance(decision, Hold) and refilled:
            event = PromptEvent.WITHDRAW
        if event is not None:
            log.info("prompt=%s event=%s", live.id, event)
            self._orders.change_prompt(prompts.step(live, event, now=now))

    def _quiet_until(self, item: ItemId, *, price: Price | None) -> datetime | None:
        """Until when the item is not asked about: after an answer, a refusal, or while the price is the refused one."""
        ends: list[datetime] = []
        prompt = self._orders.last_prompt(item)
        if prompt is not None:
            ends.append(prompt.changed_at + _quiet_after(prompt))
        order = self._orders.last_intent(item)
        if order is not None and order.state in _ENDED_UNBOUGHT:
            known_wrong = price is None or price.fetched_at < order.changed_at
            ends.append(order.changed_at + (_QUIET_AFTER_OTHER_REFUSAL if known_wrong else _after_refusal(order)))
        return max(ends, default=None)

    def _ask(self, item: Item, decision: Propose, *, household: Household, now: datetime) -> None:
        price = self._price(item, now=now)
        if price is None:
            return
        offer = offer_for(item, price, decision, preferences=household.preferences, now=now)
        record = PromptRecord(
            id=PromptId(self._new_id()),
            item=ItemId(item.id),
            state=PromptState.OPEN,
            version=1,
            offer=offer,
            terms_hash=terms_hash(offer),
            days_of_cover=decision.days_of_cover,
            order_by=decision.order_by,
            reasons=decision.reasons,
            created_at=now,
            changed_at=now,
        )
        self._order_or_ask(record, item, household=household)

    def _order_or_ask(self, record: PromptRecord, item: Item, *, household: Household) -> None:
        """Let a mandate pay where the item may be bought without asking; ask where none does, and say why."""
        if item.mode == "auto":
            outcome = self._drawing.draw(record, item=item, preferences=household.preferences)
            if isinstance(outcome, IntentRecord):
                return
            record = replace(record, reasons=(*record.reasons, outcome))
        if self._orders.asked_since(record.created_at - timedelta(days=1)) >= PROMPTS_A_DAY_MAX:
            log.warning("not_asked item=%s: %d prompts in a day", item.id, PROMPTS_A_DAY_MAX)
            return
        self._orders.add_prompt(record)
        self._crash_hook(CrashPoint.PROMPTED)
        log.info("prompt=%s item=%s packs=%d", record.id, item.id, record.offer.quantity)


def _quiet_after(prompt: PromptRecord) -> timedelta:
    match prompt.state:
        case PromptState.DECLINED if prompt.decline_reason is not None:
            return prompts.quiet_after_decline(prompt.decline_reason)
        case PromptState.EXPIRED:
            return _QUIET_AFTER_EXPIRY
        case _:
            return timedelta(0)


def _after_refusal(order: IntentRecord) -> timedelta:
    return _QUIET_AFTER_REFUSAL.get(order.detail or "", _QUIET_AFTER_OTHER_REFUSAL)
