"""The reorder decision: when, how much, why; never from what is not known, never more than there is room for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import Item, Preferences
from edge_agent.core.decide import decide
from edge_agent.core.deciding.position import inventory_position
from edge_agent.core.deciding.situation import ANSWER_D
from edge_agent.core.estimate import StockState, estimate, fold
from edge_agent.core.messages import (
    Alert,
    Decision,
    Delivery,
    Hold,
    ItemId,
    Presence,
    Price,
    Propose,
    Reading,
    Reason,
    StockEstimate,
)
from tests.edge_agent.consumables import DETERGENT, ITEMS, MILK, START, WASHER_FLUID, stock_estimate
from tests.edge_agent.core.situations import forecast_of

STEADY = [0.8] * 30
USUAL = Preferences()


def price(item: Item, *, available: bool = True) -> Price:
    """A price list line."""
    return Price(
        item=ItemId(item.id),
        merchant="grocer",
        sku=item.product.sku,
        unit_price_minor=129,
        delivery_minor=0,
        currency="USD",
        available=available,
        fetched_at=START,
    )


def decision(
    item: Item = MILK,
    *,
    stock: StockEstimate | None = None,
    packs: float | None = 1.0,
    on_order_packs: float = 0.0,
    listed: Price | None = None,
    preferences: Preferences = USUAL,
    quiet_until: datetime | None = None,
    now: datetime = START,
) -> Decision:
    """A decision about a home that uses 0.8 packs a day, unless told otherwise."""
    stock = stock or stock_estimate(item, packs=packs, use_packs=STEADY)
    return decide(
        item,
        stock,
        forecast_of(stock, rate=stock.use_per_day.value / item.product.pack_amount if stock.use_per_day else 0.8),
        position=inventory_position(item, stock, on_order=on_order_packs * item.product.pack_amount),
        price=listed or price(item),
        preferences=preferences,
        quiet_until=quiet_until,
        now=now,
    )


def codes(found: Decision) -> list[str]:
    """Reason codes of a decision."""
    return [reason.code for reason in found.reasons]


@pytest.mark.parametrize(
    ("packs", "on_order_packs", "kind", "code"),
    [
        pytest.param(1.0, 0.0, Propose, "due", id="low"),
        pytest.param(0.0, 0.0, Propose, "due", id="empty"),
        pytest.param(5.8, 0.0, Hold, "enough", id="full"),
        pytest.param(1.0, 5.0, Hold, "enough", id="low, but goods are on their way"),
        pytest.param(None, 0.0, Alert, "stock_unknown", id="unknown is not empty"),
    ],
)
def test_when_to_ask(packs: float | None, on_order_packs: float, kind: type[Decision], code: str) -> None:
    """The position decides, goods on order included; unknown stock calls a person."""
    found = decision(packs=packs, on_order_packs=on_order_packs)
    assert isinstance(found, kind)
    assert code in codes(found)


def test_a_refused_binding_is_told_with_its_reason() -> None:
    """A signal that cannot tell the stock calls a person in its own words, instead of a sensor that is silent."""
    why = Reason("binding_refused", "Milk: fridge filter.used is not counted. It rises as the item is used.")
    stock = replace(stock_estimate(MILK, packs=None, use_packs=STEADY), doubts=(why,))
    found = decision(stock=stock)
    assert isinstance(found, Alert)
    assert found.reasons == (why,)


def test_stale_stock_alerts_and_never_orders() -> None:
    """Old readings lead to a person, however low the last one was."""
    found = decision(packs=0.1, now=START + timedelta(days=2, hours=1))
    assert isinstance(found, Alert)
    assert found.reasons[0].text == "Milk: fridge has told nothing new for 49 hours."


def test_one_reading_is_no_evidence() -> None:
    """A first low reading may be a lifted item: nothing is bought on it."""
    found = decision(stock=stock_estimate(MILK, packs=0.0, trust=0.5))
    assert isinstance(found, Hold)
    assert codes(found) == ["stock", "little_evidence"]


def test_what_comes_no_accepted_way_alerts_with_that_reason() -> None:
    """The merchant has it, so nothing else is said of it; by an accepted way it is proposed, and comes that way."""
    way = Delivery("hub/1", 100, "pick_up_point")
    told = replace(price(MILK), deliveries=(way,))
    alerted, proposed = decision(listed=told), decision(listed=told.by(way))
    assert isinstance(alerted, Alert)
    assert codes(alerted)[-1] == "no_delivery"
    assert isinstance(proposed, Propose)
    assert proposed.delivery == way


@pytest.mark.parametrize(("available", "code"), [(False, "unavailable"), (None, "no_price")])
def test_a_need_that_cannot_be_bought_alerts(available: bool | None, code: str) -> None:
    """No price, or not at the merchant: said to a person, and only when there is a need."""
    low, full = (stock_estimate(MILK, packs=packs, use_packs=STEADY) for packs in (1.0, 5.8))
    listed = price(MILK, available=available) if available is not None else None
    found = [
        decide(
            MILK,
            stock,
            forecast_of(stock, rate=0.8),
            position=inventory_position(MILK, stock, on_order=0.0),
            price=listed,
            preferences=Preferences(),
            quiet_until=None,
            now=START,
        )
        for stock in (low, full)
    ]
    assert isinstance(found[0], Alert)
    assert codes(found[0]) == ["stock", code]
    assert isinstance(found[1], Hold)


def test_quiet_hours_are_kept_and_end() -> None:
    """After an answer the item is left alone until the given time."""
    until = START + timedelta(hours=5)
    assert codes(decision(quiet_until=until)) == ["stock", "quiet"]
    assert isinstance(decision(quiet_until=until, now=until), Propose)


def test_no_room_no_order() -> None:
    """A tank that is nearly full takes no second bottle that comes at once."""
    stock = stock_estimate(DETERGENT, packs=1.7, use_packs=[1.0] * 30)
    at_once = Preferences(lead_time_d=0)
    assert codes(decision(DETERGENT, stock=stock, preferences=at_once)) == ["stock", "no_room"]


def test_room_is_counted_at_arrival() -> None:
    """What is used while the order is on its way makes room for it."""
    stock = stock_estimate(DETERGENT, packs=1.2, use_packs=[0.5] * 30)
    found = decision(DETERGENT, stock=stock, preferences=Preferences(lead_time_d=2))
    assert isinstance(found, Propose)
    assert found.packs == 1


def test_a_small_order_waits_for_more_room() -> None:
    """Where only a part of a usual order fits now, the order waits as long as it may."""
    item, many = DETERGENT.model_copy(update={"room_packs": 3}), Preferences(cover_days=21, lead_time_d=2)
    stock = stock_estimate(item, packs=1.25, use_packs=[0.15] * 30)
    assert codes(decision(item, stock=stock, preferences=many)) == ["stock", "little_room"]
    lower = stock_estimate(item, packs=0.4, use_packs=[0.15] * 30)
    assert isinstance(decision(item, stock=lower, preferences=many), Propose)


def test_order_by_is_the_early_edge_minus_the_lead_time() -> None:
    """A longer lead time brings the order-by date forward by as many days, never before now."""
    one, late = (decision(packs=2.3, preferences=Preferences(lead_time_d=lead)) for lead in (1, 5))
    assert isinstance(one, Propose)
    assert isinstance(late, Propose)
    assert START <= one.order_by <= START + timedelta(days=1)
    assert late.order_by == START


def test_reasons_speak_of_packs_and_days() -> None:
    """The sentences name the item, packs and days, never grams or quantiles."""
    found = decision(packs=1.2)
    assert isinstance(found, Propose)
    assert [reason.text for reason in found.reasons] == [
        "Milk: about 1.2 packs left, used 0.8 packs a day; runs out between Sun 1 Mar and Wed 4 Mar.",
        "You may need 4.8 packs in the 3 days until an order would be here; order by Sun 1 Mar.",
        "With 6 packs more it should last about 10 days; there is room for 6 packs in all.",
    ]


def test_slow_items_speak_of_days_a_pack() -> None:
    """A tenth of a pack a day is said as days that a pack lasts."""
    found = decision(WASHER_FLUID, stock=stock_estimate(WASHER_FLUID, packs=0.3, use_packs=[0.08] * 30))
    assert found.reasons[0].text.startswith("Washer fluid: about 0.3 packs left, used a pack in about 12 days;")


@given(
    item=st.sampled_from(ITEMS),
    packs=st.floats(0, 8),
    on_order=st.floats(0, 8),
    rate=st.floats(0, 5),
    cover=st.integers(1, 60),
    lead=st.integers(0, 30),
    level=st.floats(0.51, 0.999),
)
@settings(max_examples=300, deadline=None)
def test_an_order_always_fits(
    item: Item, packs: float, on_order: float, rate: float, cover: int, lead: int, level: float
) -> None:
    """Whatever the need: whole packs, within the room that is left then, and no order-by in the past."""
    stock = stock_estimate(item, packs=packs, use_packs=[rate] * 20)
    preferences = Preferences(cover_days=cover, lead_time_d=lead, service_level=level)
    found = decision(item, stock=stock, on_order_packs=on_order, preferences=preferences)
    if isinstance(found, Propose):
        # The forecast may lean a little to the household's own guess.
        used_by_then = rate * 1.25 * (lead + ANSWER_D) + 1.0
        left = max(0.0, packs + on_order - used_by_then)
        assert 1 <= found.packs <= item.room_packs - left + 1e-5
        assert found.order_by >= START
        assert found.days_of_cover >= 0


@given(packs=st.floats(0, 6), more=st.floats(0, 6))
@settings(max_examples=100, deadline=None)
def test_more_stock_is_never_more_urgent(packs: float, more: float) -> None:
    """If a home with less stock holds because it has enough, one with more does too."""
    if "enough" in codes(decision(packs=packs)):
        assert "enough" in codes(decision(packs=packs + more))


# --- a small home over time: sensors with noise and junk in, orders out, by the rules alone --------------------------

LEAD_H = 50
EVERY_H = 2


@dataclass
class Shelf:
    """True stock of one item in its unit, what is on its way, and what happened."""

    item: Item
    left: float
    packs_per_day: float
    state: StockState | None = None
    coming: tuple[datetime, float] | None = None
    orders: list[tuple[datetime, int]] = field(default_factory=list)
    empty_h: float = 0.0

    def live(self, now: datetime, rng: np.random.Generator) -> None:
        """Use some, and take in what has arrived."""
        pack = self.item.product.pack_amount
        self.left = max(0.0, self.left - pack * self.packs_per_day * EVERY_H / 24 * rng.uniform(0, 2))
        self.empty_h += EVERY_H if self.left <= 0 else 0.0
        if self.coming is not None and self.coming[0] == now:
            self.left += self.coming[1]

    def read(self, rng: np.random.Generator) -> Reading:
        """What the sensor says: noise of a few grams, an item lifted, an open door, whole percents."""
        chance, full = rng.random(), self.item.binding.full_amount
        if chance < 0.04:
            return Reading("level", Presence.UNKNOWN, None, self.item.unit)
        if full is not None:
            return Reading("level", Presence.VALUE, float(round(self.left / full * 100)), "%")
        noisy = 0.0 if chance < 0.06 else self.left + rng.normal(0, 0.004 * self.item.product.pack_amount)
        return Reading("level", Presence.VALUE, noisy, self.item.unit)

    def review(self, number: int, now: datetime, rng: np.random.Generator) -> None:
        """One tick of the hub, answered with yes at once; an order is live until the sensor has seen the goods."""
        self.state = fold(self.state, [(number, now, self.read(rng))], item=self.item)
        stock = estimate(self.state, item=self.item, now=now)
        if self.coming is not None and any(refill.at >= self.coming[0] for refill in stock.refills):
            self.coming = None
        on_order = self.coming[1] if self.coming is not None else 0.0
        found = decision(self.item, stock=stock, on_order_packs=on_order / self.item.product.pack_amount, now=now)
        if isinstance(found, Propose) and self.coming is None:
            self.coming = (now + timedelta(hours=LEAD_H), found.packs * self.item.product.pack_amount)
            self.orders.append((now, found.packs))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_home_of_three_items_for_sixty_days(seed: int) -> None:
    """From the first day on the guess alone: stock-outs are rare, orders are apart, and what comes finds room."""
    rng = np.random.default_rng(seed)
    shelves = [Shelf(MILK, 3 * 1035.0, 0.8), Shelf(DETERGENT, 700.0, 0.15), Shelf(WASHER_FLUID, 3000.0, 0.08)]
    for number in range(1, 60 * 24 // EVERY_H):
        now = START + timedelta(hours=EVERY_H * number)
        for shelf in shelves:
            shelf.live(now, rng)
            shelf.review(number, now, rng)
            assert shelf.left <= (shelf.item.room_packs + 0.5) * shelf.item.product.pack_amount
    assert [shelf.empty_h <= 12 for shelf in shelves] == [True] * 3
    bought = [sum(packs for _, packs in shelf.orders) for shelf in shelves]
    assert bought == pytest.approx([60 * 0.8, 60 * 0.15, 60 * 0.08], abs=4)
    assert len(shelves[0].orders) <= 60 / 2
    for shelf in shelves:
        times = [at for at, _ in shelf.orders]
        assert all(after - before >= timedelta(hours=LEAD_H) for before, after in pairwise(times))


@pytest.mark.parametrize(
    ("readings", "code"),
    [
        pytest.param([1035.0] * 20 + [4140.0], "unsettled", id="the first reading of a refill"),
        pytest.param([4140.0] * 20 + [0.0, 0.0], "look", id="lifted for two readings"),
    ],
)
def test_a_sudden_change_is_waited_for(readings: list[float], code: str) -> None:
    """Nothing is proposed while the next readings may turn it all round; somebody may look."""
    state: StockState | None = None
    for number, value in enumerate(readings, start=1):
        at = START + timedelta(hours=number)
        state = fold(state, [(number, at, Reading("level", Presence.VALUE, value, "g"))], item=MILK)
    now = START + timedelta(hours=len(readings))
    found = decision(stock=estimate(state, item=MILK, now=now), now=now)
    assert not isinstance(found, Propose)
    assert codes(found)[-1] == code


def test_a_jumpy_sensor_makes_no_orders() -> None:
    """Readings that contradict each other all the time leave a full home alone."""
    rng = np.random.default_rng(5)
    state = None
    for number in range(1, 200):
        now = START + timedelta(hours=number)
        value = 5.0 * 1035 if number % 2 else float(rng.uniform(0, 100))
        state = fold(state, [(number, now, Reading("level", Presence.VALUE, value, "g"))], item=MILK)
        stock = estimate(state, item=MILK, now=now)
        assert not isinstance(decision(stock=stock, now=now), Propose)


def test_decision_is_about_the_given_moment() -> None:
    """An older estimate makes the same stock more urgent, as demand has gone on."""
    stock = replace(stock_estimate(MILK, packs=5.2, use_packs=STEADY), as_of=START)
    assert isinstance(decision(stock=stock), Hold)
    assert "enough" not in codes(decision(stock=stock, now=START + timedelta(days=1, hours=20)))
