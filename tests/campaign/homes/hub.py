"""Restock as the policy of a simulated home: decoder, stores, review and answers, all of them the ones that a hub runs.

Only the sockets are left out: messages come from the world, the bridge's news from the merchant, and the clock stands
where the world does. The store is a file on a scratch folder, without waiting for the disk: durability is measured
elsewhere.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from edge_agent.adapters.forecaster import OnnxForecaster, RuleForecaster, load_forecaster
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Binding, DateRange, Household, Item, Preferences, Product
from edge_agent.core.deciding.pacing import Pace, Paces
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import (
    Alert,
    Birth,
    Decoded,
    IntentId,
    ItemId,
    PresenceChange,
    Price,
    PromptId,
    Quarantined,
    RawMessage,
    StockEstimate,
)
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.core.stock_events import BoughtElsewhere, Corrected, StockEvent, ThrownAway
from edge_agent.pipeline.review import Review
from edge_agent.wiring.review import artefact_folder
from firmware_sim.dialects import Message
from tests.campaign.homes.household import START, Home, Kept
from tests.campaign.homes.oracle import Oracle
from tests.campaign.homes.policies import Order, Question
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.shipped import shipped_registry

_MERCHANT = "grocer"
_PERSON = "anna"
_PROMPTS_MAX = 1_000
_STALE_AFTER_S = 172_800.0
_PRICE_AGE_MAX_S = 259_200.0


class Hub:
    """One home's hub in process."""

    def __init__(self, desk: Desk, home: Home) -> None:
        self._desk = desk
        self._home = home
        self._readings = SqliteReadings(desk.connection)
        self._decoder = Decoder(shipped_registry(), home="home", limits=Limits(), birth_of=self._readings.birth_of)
        self._paces = Paces(per_min=120, burst_max=2_400)
        self._wares = {each.ware.name: each for each in home.kept}
        self._events = SqliteStockEvents(desk.connection)
        names = count(1)
        self.review = Review(
            clock=desk.clock,
            readings=self._readings,
            orders=desk.orders,
            household=desk.household,
            forecaster=forecaster(),
            drawing=desk.leave.drawing,
            new_id=lambda: f"p{next(names)}",
            stale_after_s=_STALE_AFTER_S,
            price_age_max_s=_PRICE_AGE_MAX_S,
            stock_events=self._events,
        )
        self._count_at_start()
        self._priced_on: datetime | None = None
        self._alerts: set[tuple[str, str]] = set()
        self._home_asked: str | None = None
        self.home_questions = 0
        self.counts: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()

    def see_all(self, oracle: Oracle) -> None:
        """From now on the review is shown the truth instead of what the sensors tell."""
        self.review._stocktaking = oracle  # type: ignore[assignment]

    @property
    def desk(self) -> Desk:
        """The stores and the people behind it."""
        return self._desk

    @property
    def events(self) -> SqliteStockEvents:
        """What people have said of stocks."""
        return self._events

    def hear(self, messages: Sequence[Message], *, now: datetime) -> None:
        """Decode and store what came in the last hour, as ingest does."""
        self._desk.clock.advance(seconds=(now - self._desk.clock.now()).total_seconds())
        accepted: list[Decoded] = []
        apart: list[Quarantined] = []
        for message in messages:
            if self._paces.take(message.topic, at_ms=int(message.at.timestamp() * 1_000)) is not Pace.TAKEN:
                self.counts["dropped_flooding"] += 1
                continue
            # Of what a broker keeps, a hub that subscribes gets the retained copy; one that was there gets it live.
            retained = message.seen.left_over and self._home.seed % 2 == 0
            raw = RawMessage(
                message.topic, message.payload, retained, duplicate=False, received_at=message.at, receipt=0
            )
            match self._decoder.decode(raw, now=now, since=message.at):
                case Decoded() as understood:
                    accepted.append(understood)
                case Quarantined() as strange:
                    apart.append(strange)
                    self.counts[f"quarantined_{strange.reason}"] += 1
                case Birth() as birth:
                    self._readings.record_birth(birth)
                case PresenceChange() as change:
                    self._readings.record_presence(change)
        self._readings.commit(accepted, apart)

    def look(self, now: datetime) -> None:
        """Today's prices, and a review."""
        if self._priced_on is None or now - self._priced_on >= timedelta(days=1):
            self._desk.orders.save_prices([_price(each, now) for each in self._home.kept])
            self._priced_on = now
        self.review.run_once()
        self.counts["reviews"] += 1
        question = self.home_question()
        if question is not None and question != self._home_asked:
            self.counts[question] += 1
            self.home_questions += 1
        self._home_asked = question
        alerts = set()
        for item, found in self.review.latest.items():
            self.sources[found.forecast.source.split(" (")[0]] += 1
            if isinstance(found.decision, Alert):
                alerts.add((item, found.decision.reasons[0].code))
        for _, code in alerts - self._alerts:
            self.counts[f"alert_{code}"] += 1
        self._alerts = alerts

    def estimate(self, ware: str) -> StockEstimate | None:
        """What the last review made of a ware."""
        found = self.review.latest.get(ItemId(ware))
        return None if found is None else found.estimate

    def questions(self) -> list[Question]:
        """The open prompts."""
        return [
            Question(prompt.id, prompt.item, prompt.offer.quantity, prompt.created_at)
            for prompt in self._desk.orders.prompts(live=True, limit=_PROMPTS_MAX)
            if prompt.state is PromptState.OPEN
        ]

    @property
    def asked(self) -> int:
        """How many prompts there were, and questions about the whole home."""
        return int(self._desk.connection.db.execute("SELECT count(*) FROM prompt").get) + self.home_questions

    @property
    def asked_moments(self) -> int:
        """How many times somebody was asked; prompts of one review count once."""
        moments = int(self._desk.connection.db.execute("SELECT count(DISTINCT created_ms) FROM prompt").get)
        return moments + self.home_questions

    def home_question(self) -> str | None:
        """What the whole home is asked now."""
        return None if self.review.question is None else self.review.question.code

    def say_presence(self, what: str, first: date, last: date) -> None:
        """A person answers it in the household's document."""
        told = self._desk.household.household
        known = getattr(told.preferences, what)
        preferences = told.preferences.model_copy(update={what: (*known, DateRange(first=first, last=last))})
        self._desk.household.household = Household(items=told.items, preferences=preferences)
        self.counts[f"said_{what}"] += 1

    def approve(self, question: Question, *, now: datetime) -> Order | None:
        """A person approves what is offered."""
        prompt = self._desk.orders.prompt(PromptId(question.id))
        assert prompt is not None
        order = self._desk.leave.answering.approve(
            prompt.id, terms_hash=prompt.terms_hash, by=_PERSON, pin_checked=False
        )
        if order is None:
            return None
        self._follow(order.id, IntentState.PLACED)
        return Order(order.id, question.ware, question.packs, now)

    def decline(self, question: Question, *, reason: str, now: datetime) -> None:
        """A person declines."""
        del now
        self._desk.leave.answering.decline(PromptId(question.id), reason=DeclineReason(reason), by=_PERSON)

    def delivered(self, order: Order, *, now: datetime) -> None:
        """The bridge's news of a delivery."""
        del now
        self._follow(order.id, IntentState.DELIVERED)

    def told(self, what: str, ware: str, amount: float, *, now: datetime) -> None:
        """A person says something of a stock on its page."""
        pack = self._wares[ware].ware.pack
        event: StockEvent
        match what:
            case "bought":
                event = BoughtElsewhere(ItemId(ware), now, _PERSON, amount / pack)
            case "thrown_away":
                event = ThrownAway(ItemId(ware), now, _PERSON, amount)
            case _:
                event = Corrected(ItemId(ware), now, _PERSON, amount)
        self._events.record(event)
        self.counts[f"told_{what}"] += 1

    def estimated(self, ware: str) -> float | None:
        """What the page shows."""
        found = self.estimate(ware)
        return None if found is None or found.amount is None else found.amount.value

    def _count_at_start(self) -> None:
        """What no sensor can tell is counted once, when the household sets its hub up."""
        for each in self._home.kept:
            if self._desk.household.load().item(each.ware.name) is None:
                continue
            if each.ware.sensing in {"none", "counter"}:
                self._events.record(Corrected(ItemId(each.ware.name), START, _PERSON, each.at_start))

    def _follow(self, order: str, state: IntentState) -> None:
        record = self._desk.orders.intent(IntentId(order))
        assert record is not None
        change = intents.step(record, state, at=self._desk.clock.now())
        if change is not None:
            self._desk.orders.change_intents([change], cursor=None)


@contextmanager
def open_hub(folder: Path, home: Home, *, told: Household | None = None) -> Iterator[Hub]:
    """A hub of its own for one home, in a scratch folder; `told` where the household declares more than is usual."""
    with _hushed("edge_agent"), open_desk(folder) as desk:
        desk.connection.db.pragma("synchronous", 0)
        desk.household.household = told or household(home)
        yield Hub(desk, home)


@contextmanager
def _hushed(name: str) -> Iterator[None]:
    """A home of ninety days says too much; what runs afterwards is to be heard again."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def household(home: Home) -> Household:
    """What the household has told its hub."""
    return Household(items=tuple(item(each) for each in home.kept), preferences=Preferences())


def item(kept: Kept) -> Item:
    """A ware as the household declares it: its sensor, its pack, its own guess, how long it keeps."""
    ware = kept.ware
    told: dict[str, object] = {}
    if ware.sensing == "none":
        told["cycle_days"] = ware.pack / kept.guess_per_day
    else:
        told["binding"] = Binding(
            device=device(kept),
            signal=ware.signal,
            kind=ware.sensing,
            full_amount=ware.full,
            amount_per_count=ware.step if ware.sensing == "counter" else None,
            amount_per_hour=ware.step if ware.sensing == "run_time" else None,
        )
    return Item(
        id=ware.name,
        name=ware.title,
        category=ware.category,
        unit=ware.unit,
        product=Product(title=ware.title, merchant=_MERCHANT, sku=f"sku-{ware.name}", pack_amount=ware.pack),
        room_packs=ware.room_packs,
        prior_use_per_day=kept.guess_per_day,
        best_before_d=ware.keeps_d,
        **told,  # type: ignore[arg-type]
    )


def device(kept: Kept) -> str:
    """The name under which the hub knows the ware's appliance."""
    return f"samsung.{kept.ware.device}" if kept.ware.device == "washer" else kept.ware.device


@cache
def forecaster() -> OnnxForecaster | RuleForecaster:
    """The shipped model."""
    return load_forecaster(artefact_folder(""))


def _price(kept: Kept, now: datetime) -> Price:
    return Price(
        item=ItemId(kept.ware.name),
        merchant=_MERCHANT,
        sku=f"sku-{kept.ware.name}",
        unit_price_minor=kept.ware.price_minor,
        delivery_minor=399,
        currency="USD",
        available=True,
        fetched_at=now,
    )
