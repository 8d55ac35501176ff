"""Stocktaking on a real store: several sensors and what people said, folded in order; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core.arrivals import is_to_be_counted
from edge_agent.core.binding_check import Declared
from edge_agent.core.catalogue import Binding, Household, Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import (
    Decoded,
    DeviceId,
    IntentId,
    ItemId,
    Presence,
    PromptId,
    Reading,
    StockEstimate,
)
from edge_agent.core.order_facts import OrderFacts
from edge_agent.core.stock_events import Delivered, SentBack, Told
from edge_agent.errors import RefusedError
from edge_agent.pipeline.deliveries import Deliveries
from edge_agent.pipeline.stocktaking import Stocktaking
from edge_agent.pipeline.telling import Telling
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.consumables import MILK, START
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.pipeline.desk import FixedHousehold

if TYPE_CHECKING:
    from edge_agent.ports import ReadingStore

PACK = MILK.product.pack_amount
TWO_FRIDGES = MILK.model_copy(update={"more_bindings": (Binding(device="cellar", signal="milk.amount"),)})
HOUR = timedelta(hours=1)


class Cellar:
    """A store with readings and words."""

    def __init__(self, connection: Connection) -> None:
        self.readings = SqliteReadings(connection)
        self.events = SqliteStockEvents(connection)
        self.seq = 0

    def hear(self, device: str, amount: float, *, at: datetime) -> None:
        """One reading."""
        self.seq += 1
        reading = Reading("milk.amount", Presence.VALUE, amount, "g")
        self.readings.commit(
            [
                Decoded(
                    device=DeviceId(device), profile="restock.fridge", topic="t", boot="b", seq=self.seq,
                    digest=f"{self.seq}", event_at=at, received_at=at, duplicate=False, readings=(reading,),
                )
            ],
            [],
        )  # fmt: skip

    def take(self, item: Item, *, now: datetime, declared: Declared | None = None) -> StockEstimate:
        """What a hub that has just started finds."""
        stocktaking = Stocktaking(readings=self.readings, events=self.events, declared=lambda _: declared)
        return stocktaking.take([item], now=now)[0][1]


@pytest.fixture
def cellar(tmp_path: Path) -> Iterator[Cellar]:
    """A new store."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as connection:
        yield Cellar(connection)


def test_all_sensors_of_an_item_are_folded_each_reading_once(cellar: Cellar) -> None:
    """Two fridges add up, however often it looks and however often the hub starts."""
    for hour in range(4):
        cellar.hear("fridge", 1_000.0, at=START + hour * HOUR)
        cellar.hear("cellar", 500.0, at=START + hour * HOUR)
        stock = cellar.take(TWO_FRIDGES, now=START + hour * HOUR)
    assert stock.amount is not None
    assert stock.amount.value == pytest.approx(1_500)
    state = cellar.readings.load_stock(ItemId("milk"))
    assert state is not None
    assert state.reading_id == 8
    assert [track.values for box in state.containers for track in box.tracks] == [4, 4]


def test_what_people_say_is_folded_once(cellar: Cellar) -> None:
    """Also over a restart."""
    for hour in range(3):
        cellar.hear("fridge", 1_000.0, at=START + hour * HOUR)
    cellar.events.record(Delivered(ItemId("milk"), START + 2.5 * HOUR, "hub", 2.0))
    for _ in range(3):
        stock = cellar.take(MILK, now=START + 3 * HOUR)
    assert stock.cupboard_packs == 2.0


def test_a_year_is_folded_in_slices_to_the_same_end(cellar: Cellar) -> None:
    """Readings of two sensors and what people said between them: slice by slice is the same as all at once.

    A hub that ends in the middle goes on where it was.
    """
    hours = 1_400
    for hour in range(hours):
        cellar.hear("fridge", 3_000.0 - 2.0 * (hour % 1_000), at=START + hour * HOUR)
        cellar.hear("cellar", 2_000.0 - 1.0 * (hour % 1_000), at=START + hour * HOUR)
        if hour % 300 == 299:
            cellar.events.record(Delivered(ItemId("milk"), START + (hour + 0.5) * HOUR, "hub", 1.0))
    now = START + hours * HOUR
    at_once = Stocktaking(readings=cast("ReadingStore", _Unkept(cellar.readings)), events=cellar.events)
    expected = at_once.take([TWO_FRIDGES], now=now)
    slices = 0
    for _ in range(2):
        stocktaking = Stocktaking(readings=cellar.readings, events=cellar.events)
        for _ in stocktaking.catch_up([TWO_FRIDGES]):
            slices += 1
            if slices == 2:
                break
    assert slices == -(-2 * hours // 500)
    assert list(stocktaking.catch_up([TWO_FRIDGES])) == []
    assert stocktaking.take([TWO_FRIDGES], now=now) == expected


class _Unkept:
    """The same readings, of which nothing was folded yet and no folded state is kept."""

    def __init__(self, readings: SqliteReadings) -> None:
        self.readings_after = readings.readings_after

    def load_stock(self, _item: ItemId) -> None:
        """None."""

    def save_stock(self, _states: object) -> None:
        """It is not kept."""


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        pytest.param(Declared("level", "down", "g"), None, id="fits"),
        pytest.param(Declared("level", "up", "g"), "binding_refused", id="rises with use"),
        pytest.param(Declared("run_time", "up", "h"), "binding_refused", id="hours"),
        pytest.param(Declared("level", "down", "cm"), "binding_refused", id="centimetres"),
        pytest.param(None, None, id="profile not loaded"),
    ],
)
def test_a_binding_that_cannot_tell_the_stock_is_never_counted(
    cellar: Cellar, declared: Declared | None, code: str | None
) -> None:
    """Not even after it was read as what is left by a hub before."""
    for hour in range(3):
        cellar.hear("fridge", 1_000.0, at=START + hour * HOUR)
    cellar.take(MILK, now=START + 3 * HOUR)
    cellar.hear("fridge", 1_000.0, at=START + 4 * HOUR)
    stock = cellar.take(MILK, now=START + 4 * HOUR, declared=declared)
    assert (stock.amount is None) is (code is not None)
    assert [doubt.code for doubt in stock.doubts] == ([] if code is None else [code])


def test_an_order_that_came_is_told_once(cellar: Cellar) -> None:
    """Only what was delivered, and lately; however often it is looked at."""
    order = IntentRecord(
        id=IntentId("i-1"),
        prompt=PromptId("p-1"),
        item=ItemId("milk"),
        state=IntentState.DELIVERED,
        version=1,
        merchant="grocer",
        quantity=2,
        amount=2 * PACK,
        total_minor=258,
        currency="USD",
        created_at=START - timedelta(days=2),
        changed_at=START,
    )
    coming = replace(order, id=IntentId("i-2"), state=IntentState.PLACED)
    long_ago = replace(order, id=IntentId("i-3"), changed_at=START - timedelta(days=30))
    for _ in range(2):
        deliveries = Deliveries(cellar.events)
        for _ in range(2):
            deliveries.note([order, coming, long_ago], items=[MILK], now=START + HOUR)
    told = [event for _, event in cellar.events.events_after(ItemId("milk"), after_id=0, limit=9)]
    assert told == [Delivered(ItemId("milk"), START, "hub", 2.0)]


ORDER = IntentRecord(
    id=IntentId("i-1"),
    prompt=PromptId("p-1"),
    item=ItemId("milk"),
    state=IntentState.SHIPPED,
    version=1,
    merchant="grocer",
    quantity=3,
    amount=3 * PACK,
    total_minor=387,
    currency="USD",
    created_at=START - timedelta(days=2),
    changed_at=START - timedelta(days=1),
)


def told_of(cellar: Cellar, order: IntentRecord, *, item: Item = MILK) -> list[tuple[type, float]]:
    """What the stock was told after another look at this order, in packs of the bound product."""
    for _ in range(2):
        Deliveries(cellar.events).note([order], items=[item], now=START + HOUR)
    told = [event for _, event in cellar.events.events_after(ItemId("milk"), after_id=0, limit=9)]
    return [(type(event), event.packs) for event in told if isinstance(event, Delivered | SentBack)]


def test_each_pack_counts_once_as_it_comes_and_leaves_once_as_it_goes_back(cellar: Cellar) -> None:
    """The counts are sums: however often, late or all at once they are heard, the stock ends the same."""
    state, seen = IntentState.PARTLY_DELIVERED, []
    for delivered, returned in ((1, None), (1, None), (3, None), (3, 1), (3, 3)):
        facts = OrderFacts(delivered_quantity=delivered, returned_quantity=returned)
        seen = told_of(cellar, replace(ORDER, state=state, facts=facts, delivered_at=START, returned_at=START))
    assert seen == [(Delivered, 1.0), (Delivered, 2.0), (SentBack, 1.0), (SentBack, 2.0)]


def test_a_store_of_before_is_told_nothing_twice(cellar: Cellar) -> None:
    """A hub that credited a whole order under its bare number goes on from there."""
    cellar.events.record(Delivered(ItemId("milk"), START, "hub", 3.0), cause="order:i-1")
    delivered = replace(ORDER, state=IntentState.DELIVERED, facts=OrderFacts(delivered_quantity=3), delivered_at=START)
    assert told_of(cellar, delivered) == [(Delivered, 3.0)]


def test_what_came_long_ago_is_no_news_because_money_came_back_today(cellar: Cellar) -> None:
    """It was used or counted since."""
    late = replace(ORDER, state=IntentState.DELIVERED, changed_at=START, facts=OrderFacts(delivered_quantity=3))
    assert told_of(cellar, replace(late, delivered_at=START - timedelta(days=9))) == []


@pytest.mark.parametrize(
    ("sku", "packs"), [("milk-organic", [(Delivered, 1.5)]), ("oat-drink", [])], ids=["a substitute", "something else"]
)
def test_a_substitute_adds_what_its_own_pack_holds(cellar: Cellar, sku: str, packs: list[tuple[type, float]]) -> None:
    """What another product holds nobody knows, so it adds nothing and has to be counted."""
    half = MILK.product.model_copy(update={"sku": "milk-organic", "pack_amount": PACK / 2})
    item = MILK.model_copy(update={"substitutes": (half,)})
    facts = OrderFacts(delivered_quantity=3, substitute_sku=sku)
    order = replace(ORDER, state=IntentState.DELIVERED, changed_at=START, facts=facts)
    assert told_of(cellar, order, item=item) == packs
    assert is_to_be_counted(order, item) == (not packs)


def test_a_person_tells_in_packs(cellar: Cellar) -> None:
    """What is counted and thrown away becomes an amount of the item; an item that is gone is refused."""
    clock = ManualClock(START)
    household = FixedHousehold(Household(items=(MILK,)))
    telling = Telling(events=cellar.events, household=household, clock=clock)
    acts: tuple[Told, ...] = ("counted", "bought", "thrown_away", "opened")
    for what in acts:
        telling.tell(ItemId("milk"), what=what, packs=0.0 if what == "opened" else 2.0, by="anna")
    rows = [event for _, event in cellar.events.events_after(ItemId("milk"), after_id=0, limit=9)]
    assert [getattr(row, "amount", getattr(row, "packs", None)) for row in rows] == [2 * PACK, 2.0, 2 * PACK, None]
    for item, packs in (("tea", 1.0), ("milk", 100.0), ("milk", 0.0)):
        with pytest.raises(RefusedError):
            telling.tell(ItemId(item), what="bought", packs=packs, by="anna")
