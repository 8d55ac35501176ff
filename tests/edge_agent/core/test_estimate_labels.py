"""Dates that were read on packs: they count before the item's usual ones, for as much as was read."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.estimate import estimate, fold
from edge_agent.core.estimating import shelf as shelves
from edge_agent.core.estimating.state import Arrival, Shelf, StockState
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import Corrected, Delivered, Label, Labelled, StockEvent
from tests.edge_agent.consumables import MILK, START

ITEM = MILK.model_copy(update={"bindings": ()})
IDENT = ItemId(ITEM.id)
PACK = ITEM.product.pack_amount
GTIN = "04006381333931"


def delivered(packs: float, *, day: int) -> StockEvent:
    """Goods came."""
    return Delivered(IDENT, START + timedelta(days=day), "hub", packs)


def labelled(packs: float, until: date | None, *, day: int, use_by: date | None = None) -> StockEvent:
    """Somebody read what stands on them."""
    return Labelled(IDENT, START + timedelta(days=day), "anna", packs, Label(GTIN, "A1", until, use_by))


def spoils(*events: StockEvent, keeps_d: float | None = None) -> list[tuple[float, date]]:
    """The dated parts of a stock that was empty before, in packs."""
    empty = Corrected(IDENT, START - timedelta(hours=1), "anna", 0.0)
    item = ITEM.model_copy(update={"best_before_d": keeps_d})
    state = fold(None, [], item=item, events=list(enumerate((empty, *events), 1)))
    found = estimate(StockState.from_json(state.to_json()), item=item, now=events[-1].at)
    return [(round(batch.amount / PACK, 2), batch.best_before) for batch in found.spoils]


DAY = START.date()


def test_what_was_read_counts_before_what_is_usual() -> None:
    """Two of three packs were read; the third keeps as long as such packs do."""
    until = DAY + timedelta(days=40)
    assert spoils(delivered(3.0, day=0), labelled(2.0, until, day=0), keeps_d=10.0) == [
        (1.0, DAY + timedelta(days=10)),
        (2.0, until),
    ]


def test_an_item_without_a_usual_date_has_those_that_were_read() -> None:
    """And what was not read has none; of two dates on a pack the earlier one counts."""
    best, use_by = DAY + timedelta(days=40), DAY + timedelta(days=30)
    assert spoils(delivered(3.0, day=0), labelled(1.0, best, day=0, use_by=use_by)) == [(1.0, use_by)]
    assert spoils(delivered(3.0, day=0), labelled(1.0, None, day=0)) == []


def test_the_newest_goods_are_the_ones_that_are_read() -> None:
    """A second batch is read of the second delivery; the first keeps its own date."""
    first, second = DAY + timedelta(days=20), DAY + timedelta(days=50)
    events = delivered(2.0, day=0), labelled(2.0, first, day=0), delivered(2.0, day=5), labelled(2.0, second, day=5)
    assert spoils(*events)[-1] == (2.0, second)
    assert {until for _, until in spoils(*events)} == {first, second}


def test_what_stood_there_before_anybody_knew_is_dated_too() -> None:
    """Packs that were counted and never seen to come: the date is theirs, and there are no more for it."""
    until = DAY + timedelta(days=9)
    counted = Corrected(IDENT, START, "anna", 3 * PACK)
    assert spoils(counted, labelled(2.0, until, day=0)) == [(2.0, until)]


def test_a_state_that_an_older_program_kept_is_read() -> None:
    """Its arrivals have no date of their own."""
    state = StockState(IDENT, ITEM.unit, 2, shelf=Shelf(amount=1.0, arrivals=(Arrival(1.0, START, is_hint=False),)))
    text = state.to_json().replace(",false,null]", ",false]")
    assert text != state.to_json()
    assert StockState.from_json(text) == state


@given(
    st.lists(st.tuples(st.floats(0.1, 5), st.booleans()), max_size=6),
    st.lists(st.tuples(st.floats(0.1, 9), st.integers(0, 60)), max_size=6),
)
def test_labels_change_no_amount(came: list[tuple[float, bool]], read: list[tuple[float, int]]) -> None:
    """However much is read: the stock is the same, what came is the same, and never more is kept than is kept."""
    arrivals = tuple(
        Arrival(packs * PACK, START + timedelta(days=n), is_hint=hint) for n, (packs, hint) in enumerate(came)
    )
    shelf = Shelf(amount=3 * PACK, at=START, arrivals=arrivals)
    after = shelf
    for packs, days in read:
        dated = DAY + timedelta(days=days)
        after = shelves.label(after, packs * PACK, dated=dated, at=START + timedelta(days=9), item=ITEM)
    assert (after.amount, after.came, after.unmatched) == (shelf.amount, shelf.came, shelf.unmatched)
    assert len(after.arrivals) <= shelves.ARRIVALS_KEPT
    told = sum(one.amount for one in after.arrivals if not one.is_hint)
    assert told <= sum(one.amount for one in arrivals if not one.is_hint) + 1e-6
