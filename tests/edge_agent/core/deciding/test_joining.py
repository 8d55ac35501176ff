"""Which items go in one order: the laws of joining, and single cases of each rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.deciding.joining import (
    Candidate,
    Joined,
    Terms,
    calls_for_delivery,
    carried_ahead,
    days_early,
    join,
    worth_of_a_day,
)

TERMS = Terms(thrift=0.005, delivery=10.0, horizon_d=4)


def candidate(item: str = "milk", *, chances: tuple[float, ...] = (0.0,), **changes: object) -> Candidate:
    """An item with these chances to run out today, tomorrow, ...; an order more brings them to nothing."""
    told: dict[str, object] = {"chances_out": (chances, (0.0,)), "holding": 10.0, "orders_max": 2}
    return Candidate(item, **{**told, **changes})  # type: ignore[arg-type]


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Items of one merchant, each with chances that rise with the days and fall with the orders."""
    made = []
    for number in range(draw(st.integers(0, 6))):
        days = draw(st.integers(1, 7))
        chance = st.lists(st.floats(0, 1), min_size=days, max_size=days).map(sorted)
        rows = [draw(chance)]
        for _ in range(draw(st.integers(0, 3))):
            rows.append([min(above, below) for above, below in zip(rows[-1], draw(chance), strict=True)])
        made.append(
            Candidate(
                f"item-{number}",
                tuple(map(tuple, rows)),
                holding=draw(st.floats(0.1, 90)),
                orders_max=draw(st.integers(0, 5)),
                due=draw(st.booleans()),
                cost_minor=draw(st.none() | st.integers(0, 5_000)),
            )
        )
    return made


terms = st.builds(
    Terms,
    thrift=st.floats(1e-4, 0.5),
    delivery=st.floats(0, 100),
    horizon_d=st.integers(1, 14),
    free_from_minor=st.none() | st.integers(0, 9_000),
    fill_up_d=st.integers(1, 30),
)


@given(candidates(), terms)
def test_a_due_item_that_may_be_ordered_never_waits(offered: list[Candidate], agreed: Terms) -> None:
    """Whatever else is offered, each due item with room is in the order."""
    ordered = {one.item for one in join(offered, terms=agreed)}
    assert {one.item for one in offered if one.due and one.orders_max} <= ordered


@given(candidates(), terms)
def test_nothing_goes_beyond_what_is_allowed(offered: list[Candidate], agreed: Terms) -> None:
    """Only what was offered is ordered, at least once, and never more often than room and freshness allow."""
    allowed = {one.item: min(one.orders_max, len(one.chances_out)) for one in offered}
    for one in join(offered, terms=agreed):
        assert 1 <= one.orders <= allowed[one.item]


@given(candidates(), terms, st.randoms(use_true_random=False))
def test_the_order_of_the_items_says_nothing(offered: list[Candidate], agreed: Terms, random: object) -> None:
    """The same items in another order make the same order of goods."""
    shuffled = list(offered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert join(shuffled, terms=agreed) == join(offered, terms=agreed)


@given(candidates(), terms)
def test_no_delivery_without_a_call_for_one(offered: list[Candidate], agreed: Terms) -> None:
    """Where nothing calls for a delivery nothing is ordered, however cheap joining would be."""
    if not calls_for_delivery(offered, terms=agreed):
        assert join(offered, terms=agreed) == ()


@given(candidates(), terms)
def test_filling_up_reaches_the_free_delivery_or_is_left(offered: list[Candidate], agreed: Terms) -> None:
    """Items are added for the sake of a free delivery only where the amount is reached with them."""
    joined = join(offered, terms=agreed)
    if any(one.why == "fills_up" for one in joined):
        costs = {one.item: one.cost_minor or 0 for one in offered}
        assert sum(costs[one.item] * one.orders for one in joined) >= (agreed.free_from_minor or 0)


@given(candidates(), terms)
def test_dearer_deliveries_are_never_called_for_sooner(offered: list[Candidate], agreed: Terms) -> None:
    """Whoever would wait for a cheap delivery waits for a dear one."""
    dearer = Terms(agreed.thrift, agreed.delivery + 5, agreed.horizon_d)
    assert calls_for_delivery(offered, terms=agreed) or not calls_for_delivery(offered, terms=dearer)


def test_an_item_that_is_nearly_due_goes_with_one_that_is_due() -> None:
    """It would lose more within the next days than holding it for them costs."""
    milk, soap = candidate(due=True), candidate("soap", chances=(0.01, 0.05, 0.12, 0.3))
    assert not calls_for_delivery([soap], terms=TERMS)
    assert join([milk, soap], terms=TERMS) == (Joined("milk", 1, "due", 0), Joined("soap", 1, "nearly_due", 2))


def test_an_item_that_lasts_stays_out() -> None:
    """An item that hardly runs out before the next delivery does not join."""
    milk, salt = candidate(due=True), candidate("salt", chances=(0.0, 0.0, 0.01, 0.02))
    assert join([milk, salt], terms=TERMS) == (Joined("milk", 1, "due", 0),)


def test_several_that_are_nearly_due_call_for_a_delivery_together() -> None:
    """No one of them is worth a delivery, all of them are."""
    several = [candidate(item, chances=(0.09,)) for item in ("coffee", "milk", "soap")]
    assert not any(calls_for_delivery([one], terms=TERMS) for one in several)
    assert [one.item for one in join(several, terms=TERMS)] == ["coffee", "milk", "soap"]


def test_a_fast_item_goes_in_several_orders() -> None:
    """Where a second order is also used before the next delivery, both go in this one."""
    fast = candidate(due=True, chances_out=((1.0,), (0.6,), (0.0,)), holding=3.0)
    assert join([fast], terms=TERMS) == (Joined("milk", 2, "due", 0),)


def test_what_may_not_be_ordered_calls_for_nothing() -> None:
    """An item without room neither calls for a delivery nor goes with one."""
    full = candidate("soap", chances=(1.0,), due=True, orders_max=0)
    assert join([full], terms=TERMS) == ()
    assert [one.item for one in join([full, candidate(due=True)], terms=TERMS)] == ["milk"]


def test_the_soonest_due_fills_up_to_the_free_delivery() -> None:
    """One more item reaches the amount; of two that would, it is the one that is due sooner."""
    agreed = Terms(thrift=0.005, delivery=10.0, horizon_d=2, free_from_minor=1_000, fill_up_d=7)
    later = tuple(0.02 * day for day in range(7))
    sooner = tuple(0.03 * day for day in range(7))
    offered = [
        candidate(due=True, cost_minor=600),
        candidate("salt", chances=later, cost_minor=500),
        candidate("soap", chances=sooner, cost_minor=500),
    ]
    assert [(one.item, one.why) for one in join(offered, terms=agreed)] == [("milk", "due"), ("soap", "fills_up")]


def test_an_unknown_price_fills_nothing_up() -> None:
    """Nobody knows what the order lacks where the price of one of its items is not known."""
    agreed = Terms(thrift=0.005, delivery=10.0, horizon_d=2, free_from_minor=1_000)
    offered = [candidate(due=True), candidate("soap", chances=(0.01, 0.05, 0.9), cost_minor=2_000)]
    assert [one.item for one in join(offered, terms=agreed)] == ["milk"]


@pytest.mark.parametrize(("day", "chances"), [(0, (0.5,)), (1, (0.0, 0.2)), (3, (0.0, 0.0, 0.05))])
def test_days_early_is_when_the_item_would_be_ordered_alone(day: int, chances: tuple[float, ...]) -> None:
    """The first day on which the chance is worth the goods and a delivery; all that are known where there is none."""
    assert days_early(candidate(chances=chances), terms=TERMS) == day


def test_fewer_orders_make_a_day_of_waiting_worth_less() -> None:
    """A home with a quarter of the orders has deliveries twice as far apart."""
    assert worth_of_a_day(20.0, orders_per_day=0.25) == pytest.approx(worth_of_a_day(20.0, orders_per_day=1.0) / 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"chances_out": ()},
        {"chances_out": ((),)},
        {"chances_out": ((1.5,),)},
        {"chances_out": ((float("nan"),),)},
        {"chances_out": ((0.5,),) * 201},
        {"holding": 0.0},
        {"holding": float("nan")},
        {"orders_max": -1},
        {"cost_minor": -1},
    ],
)
def test_a_candidate_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    """The error names the item."""
    with pytest.raises(ValueError, match="milk"):
        candidate(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"thrift": 0.0}, {"delivery": -1.0}, {"horizon_d": 0}, {"horizon_d": 61}, {"free_from_minor": -1}],
)
def test_terms_that_make_no_sense_are_refused(changes: dict[str, float]) -> None:
    """Prices are above nothing, and horizons within bounds."""
    with pytest.raises(ValueError, match=r"\w+"):
        Terms(**{"thrift": 0.01, "delivery": 1.0, "horizon_d": 4, **changes})  # type: ignore[arg-type]


def test_an_item_named_twice_is_refused() -> None:
    """Two candidates of one item would be ordered twice."""
    with pytest.raises(ValueError, match="once"):
        join([candidate(), candidate()], terms=TERMS)


@pytest.mark.parametrize(("delivery", "orders_per_day"), [(-1.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_a_negative_worth_is_refused(delivery: float, orders_per_day: float) -> None:
    """Neither a price below nothing nor fewer orders than none."""
    with pytest.raises(ValueError, match="negative"):
        worth_of_a_day(delivery, orders_per_day=orders_per_day)


@pytest.mark.parametrize(
    ("tails", "ahead"),
    [((0.2, 0.3, 0.6), (0.1, 0.15, 0.3)), ((0.01, 0.5), (0.1, 1.0)), ((0.0, 0.0), (0.0, 0.0))],
)
def test_a_chance_is_carried_ahead_as_the_tails_grow(tails: tuple[float, ...], ahead: tuple[float, ...]) -> None:
    """In proportion, at most 1, and nothing where nothing is ever used."""
    assert carried_ahead(0.1, tails) == pytest.approx(ahead)


def test_no_chance_is_carried_along_no_tails() -> None:
    """Without tails nobody knows what comes."""
    with pytest.raises(ValueError, match="tails"):
        carried_ahead(0.1, ())


def test_an_item_that_would_join_calls_for_nothing_by_itself() -> None:
    """What is nearly due waits while no delivery is called for."""
    assert join([candidate(chances=(0.01, 0.05, 0.12, 0.3))], terms=TERMS) == ()


def test_room_bounds_the_orders_of_an_item() -> None:
    """However much is wanted, no more than there is room for."""
    wanted = candidate(due=True, chances_out=((1.0,),) * 5, orders_max=2)
    assert join([wanted], terms=TERMS) == (Joined("milk", 2, "due", 0),)
