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
from edge_agent.core.estimate import StockState, estimate, fold
from edge_agent.core.forecast import checked
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import (
    Decision,
    DeviceId,
    Forecast,
    Hold,
    ItemId,
    Propose,
    StockEstimate,
)
from edge_agent.core.prompt import PromptEvent, PromptRecord
from edge_agent.pipeline.draw import Drawing
from edge_agent.pipeline.options import Need, Options
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
_LIVE_PROMPTS_MAX = 1_000
_READINGS_MAX = 5_000  # a tick; what is left over is folded on the next one


@dataclass(frozen=True, slots=True)
class ItemReview:
    """What the last review found of one item."""

    estimate: StockEstimate
    forecast: Forecast
    decision: Decision


class Review:
    """Looks at every item. `latest` is what it found last, for the pages; nothing in it costs money.

    While `may_ask` says no, nothing is asked or drawn: what is under way is not known yet.
    """

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
        may_ask: Callable[[], bool] = lambda: True,
        crash_hook: CrashHook = no_crash,
    ) -> None:
        self._clock = clock
        self._readings = readings
        self._orders = orders
        self._household = household
        self._forecaster = forecaster
        self._drawing = drawing
        self._may_ask = may_ask
        self._crash_hook = crash_hook
        self._options = Options(
            orders=orders,
            new_id=new_id,
            stale_after=timedelta(seconds=stale_after_s),
            price_age_max=timedelta(seconds=price_age_max_s),
        )
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
            need = Need(item, stock, forecast, household.preferences, now)
            decisions = self._options.decide(need)
            self.latest[need.id] = ItemReview(estimate=stock, forecast=forecast, decision=decisions[0])
            self._act(need, decisions)
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

    def _act(self, need: Need, decisions: Sequence[Decision]) -> None:
        decision, live = decisions[0], self._orders.live_prompt(need.id)
        if live is not None:
            self._age(live, need.stock, decision, now=need.now)
        elif (
            isinstance(decision, Propose)
            and need.item.mode != "shadow"
            and self._may_ask()
            and self._orders.live_intent(need.id) is None
            and (questions := self._options.questions(need, decisions))
        ):
            self._order_or_ask(questions, need)

    def _age(self, live: PromptRecord, stock: StockEstimate, decision: Decision, *, now: datetime) -> None:
        """Let time work on a prompt, and withdraw one whose need was met from elsewhere."""
        event = prompts.due_event(live, now=now)
        refilled = any(step.at > live.created_at for step in stock.refills)
        if event is None and isinstance(decision, Hold) and refilled:
            event = PromptEvent.WITHDRAW
        if event is not None:
            log.info("prompt=%s event=%s", live.id, event)
            self._orders.change_prompt(prompts.step(live, event, now=now))

    def _order_or_ask(self, questions: Sequence[PromptRecord], need: Need) -> None:
        """Let a mandate pay where the item may be bought without asking; ask where none does, and say why.

        All are about the same need: at most one of them becomes an order or is asked.
        """
        item = need.item
        record, *instead = questions
        if item.mode == "auto":
            outcome = self._drawing.draw(record, item=item, preferences=need.preferences, instead=instead)
            if isinstance(outcome, IntentRecord):
                return
            record = replace(record, reasons=(*record.reasons, outcome))
        if self._orders.asked_since(record.created_at - timedelta(days=1)) >= PROMPTS_A_DAY_MAX:
            log.warning("not_asked item=%s: %d prompts in a day", item.id, PROMPTS_A_DAY_MAX)
            return
        self._orders.add_prompt(record)
        self._crash_hook(CrashPoint.PROMPTED)
        log.info("prompt=%s item=%s packs=%d", record.id, item.id, record.offer.quantity)
