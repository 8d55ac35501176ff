"""Review, on a tick: readings become stock, stock a forecast, both a decision, and a decision perhaps a prompt.

A forecast is taken for what it is worth and no further: what is no sane demand is answered by the built-in rule, a day
has a limited number of questions, and an order is made by a mandate (`pipeline.draw`) or a person, never here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edge_agent.core import intent as intents
from edge_agent.core import prompt as prompts
from edge_agent.core.binding_check import Declared
from edge_agent.core.catalogue import Binding, Household, Item
from edge_agent.core.deciding.cycles import cycle_estimate
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.forecast import checked
from edge_agent.core.messages import DeviceId, Forecast, ItemId, Reason, StockEstimate
from edge_agent.core.prompt import DeclineReason, PromptEvent
from edge_agent.core.tracing import Stage, Told
from edge_agent.core.withdrawing import last_bought_at
from edge_agent.pipeline.deciding import Deciding, ItemReview
from edge_agent.pipeline.deliveries import Deliveries
from edge_agent.pipeline.draw import Drawing
from edge_agent.pipeline.home_state import home_state
from edge_agent.pipeline.options import Need, Options
from edge_agent.pipeline.programmes import Programmes
from edge_agent.pipeline.shadowing import KeepsNothing, Shadowing
from edge_agent.pipeline.stocktaking import Stocktaking, not_declared
from edge_agent.ports import (
    NO_TRACING,
    BundleStore,
    Clock,
    CrashHook,
    CrashPoint,
    Forecaster,
    HouseholdStore,
    OrderStore,
    ReadingStore,
    ShadowStore,
    StockEvents,
    Tracing,
    no_crash,
)

log = logging.getLogger(__name__)

_LIVE_PROMPTS_MAX = 1_000
_EVENTS_MAX = 1_000
_SAID_LATELY = 50  # more is not said of one item while an order is held
_PROMPTS_LOOKED_AT = 1_000
_ORDERS_LOOKED_AT = 100  # newest ones, for what came lately
_UTC = ZoneInfo("UTC")
_KEEPS_NOTHING = KeepsNothing()


class Review:
    """Looks at every item. `latest` is what it found last, for the pages; nothing in it costs money.

    `options` are what it weighs. `question` is what to ask the whole home, such as whether it is away. Nothing is asked
    in quiet hours by the clock of `zone`. While `may_ask` says no, nothing is asked or drawn: what is under way is not
    known yet.
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
        shadows: ShadowStore = _KEEPS_NOTHING,
        bundles: BundleStore = _KEEPS_NOTHING,
        zone: ZoneInfo = _UTC,
        stock_events: StockEvents | None = None,
        declared: Callable[[Binding], Declared | None] = not_declared,
        may_ask: Callable[[], bool] = lambda: True,
        crash_hook: CrashHook = no_crash,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._clock = clock
        self._orders = orders
        self._household = household
        self._forecaster = forecaster
        self._zone = zone
        self._crash_hook = crash_hook
        self._shadowing = Shadowing(shadows)
        self.options = Options(
            orders=orders,
            new_id=new_id,
            stale_after=timedelta(seconds=stale_after_s),
            price_age_max=timedelta(seconds=price_age_max_s),
            is_delivered_home=stock_events is not None,
        )
        self._deciding = Deciding(
            orders=orders,
            options=self.options,
            drawing=drawing,
            shadowing=self._shadowing,
            bundles=bundles,
            may_ask=may_ask,
            crash_hook=crash_hook,
            tracing=tracing,
        )
        self._tracing = tracing
        self.may_ask = may_ask
        self._stock_events = stock_events
        self._spares: dict[ItemId, list[datetime]] = {}
        self._stocktaking = Stocktaking(readings=readings, events=stock_events, declared=declared)
        self._deliveries = None if stock_events is None else Deliveries(stock_events)
        self.programmes = Programmes(readings)
        self.latest: dict[ItemId, ItemReview] = {}
        self.question: Reason | None = None
        self.is_due = False

    def catch_up(self) -> Iterator[None]:
        """Fold what was stored while nobody looked, before a review; whoever drives it may do other things between."""
        yield from self._stocktaking.catch_up(self._household.load().items)

    def freshen(self, devices: Collection[DeviceId]) -> None:
        """What is left now of the items that these devices tell of, for the pages.

        What was decided stands until the next review, and so does what nobody has reviewed yet.
        """
        self._show([one for one in self._household.load().items if _is_told_by(one, devices)])

    def hear(self, item: ItemId) -> None:
        """Somebody said something of this stock: the pages show it at once, and `is_due` asks for a whole review.

        Before the first review, which counts it too, it waits for that one.
        """
        self.is_due = self.is_due or ItemId(item) in self.latest
        self._show([one for one in self._household.load().items if one.id == item])

    def _show(self, items: Sequence[Item]) -> None:
        told = [one for one in items if ItemId(one.id) in self.latest]
        if not told:
            return
        now, home = self._clock.now(), self._household.load().items
        stocks = [self._on_its_cycle(*known, now=now) for known in self._stocktaking.take(told, home=home, now=now)]
        forecasts = self.programmes.as_known(stocks, self._forecast(stocks))
        for (item, stock), forecast in zip(stocks, forecasts, strict=True):
            ident = ItemId(item.id)
            self.latest[ident] = replace(self.latest[ident], estimate=stock, forecast=forecast)

    def run_once(self) -> None:
        """One review of the whole home."""
        self.is_due = False
        household = self._household.load()
        with self._tracing.span(Stage.REVIEW) as span:
            span.tell(Told.ITEMS, len(household.items))
            self._review(household, now=self._clock.now())

    def _review(self, household: Household, *, now: datetime) -> None:
        if self._deliveries is not None:
            orders = self._orders.intents(live=False, limit=_ORDERS_LOOKED_AT)
            self._deliveries.note(orders, items=household.items, now=now)
        self._spares = self._spares_told()
        stocks = [self._on_its_cycle(*known, now=now) for known in self._stocktaking.take(household.items, now=now)]
        forecasts = self.programmes.shifted(stocks, self._forecast(stocks), now=now)
        for item, stock in stocks:
            self._notice_arrival(item, stock, now=now)
        home = home_state(
            self._orders,
            [stock for _, stock in stocks],
            preferences=household.preferences,
            zone=self._zone,
            now=now,
        )
        needs = [
            Need(item, stock, forecast, home, coming=self._coming(item), bought_at=self._bought_at(item))
            for (item, stock), forecast in zip(stocks, forecasts, strict=True)
        ]
        self.latest = self._deciding.run(needs, home=home)
        self.question = home.question
        self._end_prompts_of_removed_items(household, now=now)

    def shadow_report(self, item: ItemId) -> ShadowReport | None:
        """What an item in shadow would have done lately."""
        return self._shadowing.report(item, now=self._clock.now())

    def _on_its_cycle(self, item: Item, stock: StockEstimate, *, now: datetime) -> tuple[Item, StockEstimate]:
        """An item without a sensor is reckoned from its cycle and all that was said of it."""
        if item.binding is not None or self._stock_events is None:
            return item, stock
        ident = ItemId(item.id)
        told = [event for _, event in self._stock_events.events_after(ident, after_id=0, limit=_EVENTS_MAX)]
        return item, cycle_estimate(item, told, folded=stock, spare_at=self._spares.get(ident, ()), now=now)

    def _spares_told(self) -> dict[ItemId, list[datetime]]:
        """When questions about each item were declined since there is a spare."""
        spares: dict[ItemId, list[datetime]] = {}
        for prompt in self._orders.prompts(live=False, limit=_PROMPTS_LOOKED_AT):
            if prompt.decline_reason is DeclineReason.HAVE_SPARE:
                spares.setdefault(prompt.item, []).append(prompt.changed_at)
        return spares

    def _bought_at(self, item: Item) -> datetime | None:
        """When somebody last said that packs came in, as far as an order waits for that."""
        ident = ItemId(item.id)
        if self._stock_events is None or self._orders.live_intent(ident) is None:
            return None
        return last_bought_at(self._stock_events.newest(ident, limit=_SAID_LATELY))

    def _coming(self, item: Item) -> float:
        return self._shadowing.coming(ItemId(item.id)) if item.mode == "shadow" else 0.0

    def _forecast(self, stocks: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """The forecaster's answers, each held against what can be; whoever made it."""
        answers = self._forecaster.forecast(stocks)
        self._crash_hook(CrashPoint.FORECAST)
        return [
            checked(
                item, stock, demand=answer.demand, quantiles=answer.quantiles, horizons_d=answer.horizons_d,
                source=answer.source, beside=answer,
            )
            for (item, stock), answer in zip(stocks, answers, strict=True)
        ]  # fmt: skip

    def _end_prompts_of_removed_items(self, household: Household, *, now: datetime) -> None:
        for prompt in self._orders.prompts(live=True, limit=_LIVE_PROMPTS_MAX):
            if household.item(prompt.item) is None:
                log.info("prompt=%s event=withdraw item_removed=%s", prompt.id, prompt.item)
                self._orders.change_prompt(prompts.step(prompt, PromptEvent.WITHDRAW, now=now))

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


def _is_told_by(item: Item, devices: Collection[DeviceId]) -> bool:
    return any(DeviceId(bound.device) in devices for bound in item.bindings)
