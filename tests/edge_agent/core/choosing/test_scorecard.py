"""A merchant's scorecard: only what was said counts, and a better history never has a worse share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.choosing.dealing import Charge, Dealing, dealing
from edge_agent.core.choosing.scorecard import SCORED_FROM, Scorecard, Share, scorecard
from edge_agent.core.deciding.lead_time import ORDERS_MAX
from edge_agent.core.deciding.situation import LEAD_SURELY
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.order_facts import OrderFacts
from tests.edge_agent.core.choosing.histories import (
    NOW,
    called_off,
    came,
    coming,
    gone,
    lost,
    paid_back,
    risen,
    short,
    sold_out,
    swapped,
    taken_back,
)
from tests.edge_agent.samples import intent, prompt


def card(*dealings: Dealing) -> Scorecard:
    """Those, numbered as they come."""
    numbered = [replace(one, order=replace(one.order, id=IntentId(f"i{n}"))) for n, one in enumerate(dealings)]
    return scorecard(numbered, merchant="grocer", now=NOW, zone=UTC)


@pytest.mark.parametrize(
    ("one", "on_time", "whole", "kept"),
    [
        (came(days=2), (1, 1), (1, 1), (1, 1)),
        (came(days=3), (0, 1), (1, 1), (1, 1)),
        (short(), (1, 1), (0, 1), (0, 1)),
        (swapped(), (1, 1), (0, 1), (0, 1)),
        (lost(), (0, 1), (0, 1), (0, 1)),
        (called_off(), (0, 1), (0, 1), (0, 1)),
        (risen(), (0, 0), (0, 0), (0, 1)),
        (sold_out(), (0, 0), (0, 0), (0, 1)),
        (coming(ago_d=1), (0, 0), (0, 0), (0, 0)),
        (coming(ago_d=2), (0, 0), (0, 0), (0, 0)),
        (coming(ago_d=3), (0, 1), (0, 0), (0, 0)),
        (gone(state=IntentState.PARTLY_DELIVERED, packs=1, ago_d=1), (0, 0), (0, 0), (0, 0)),
        (gone(state=IntentState.PARTLY_DELIVERED, packs=1, ago_d=3), (0, 1), (0, 1), (0, 1)),
        (paid_back(), (0, 0), (0, 0), (0, 0)),
        (taken_back(), (0, 0), (0, 0), (0, 0)),
        (gone(state=IntentState.REJECTED, detail="payment_failed"), (0, 0), (0, 0), (0, 0)),
        (gone(state=IntentState.PARKED), (0, 0), (0, 0), (0, 0)),
        (replace(came(), due_on=None), (0, 0), (1, 1), (1, 1)),
        (replace(lost(), due_on=None), (0, 0), (0, 1), (0, 1)),
    ],
)
def test_each_order_says_what_is_known_of_it(
    one: Dealing, on_time: tuple[int, int], whole: tuple[int, int], kept: tuple[int, int]
) -> None:
    """So many of so many: what is not known yet, or is nobody's fault there, is in neither number."""
    found = card(one)
    assert (found.on_time, found.whole, found.kept) == (Share(*on_time), Share(*whole), Share(*kept))


@pytest.mark.parametrize(
    ("one", "held"),
    [
        (came(charged=500), Charge.EQUAL),
        (came(charged=499), Charge.LOWER),
        (came(charged=501), Charge.HIGHER),
        (came(charged=551), Charge.ABOVE_LIMIT),
        (risen(), Charge.REFUSED),
        (came(charged=None), None),
        (called_off(), None),
    ],
)
def test_the_price_is_held_or_not(one: Dealing, held: Charge | None) -> None:
    """Beside what was agreed to, and the ceiling of the leave; a charge that nobody told is none."""
    found = card(one)
    assert found.charges == ({} if held is None else {held: 1})
    assert found.price_held == Share(int(held in {Charge.EQUAL, Charge.LOWER}), int(held is not None))


def test_what_costs_nothing_holds_no_price() -> None:
    """An entry on a list is free: neither held nor not."""
    free = came(charged=0)
    assert card(replace(free, order=replace(free.order, total_minor=0))).charges == {}


def test_the_day_that_counts_is_the_one_agreed_to_whatever_is_promised_since() -> None:
    """A merchant that is late does not become punctual by promising later."""
    late = came(days=9)
    promised = replace(late.order, facts=OrderFacts(expected_on=late.order.changed_at.date()))
    assert card(replace(late, order=promised)).on_time == Share(0, 1)


def test_a_question_that_stood_moves_the_day_by_as_many() -> None:
    """A delivery takes as long as was offered, from the day it was ordered; what goes on a list has no day."""
    asked = prompt()
    order = replace(intent(), created_at=asked.created_at + timedelta(days=2, hours=5))
    assert dealing(order, asked).due_on == asked.offer.deliver_by + timedelta(days=2)
    listed = replace(asked, offer=replace(asked.offer, on_list=True, total_max_minor=0))
    assert dealing(order, listed).due_on is None
    assert dealing(order, None).due_on is None


def test_it_came_when_somebody_said_so_first() -> None:
    """A pack that a sensor sees a week later was brought when the merchant said; what a sensor saw first, then."""
    brought = came(days=2)
    made = brought.order.created_at
    seen_later = replace(brought, order=replace(brought.order, arrived_at=made + timedelta(days=9)))
    told_later = came(days=9)
    seen_first = replace(told_later, order=replace(told_later.order, arrived_at=made + timedelta(days=2)))
    assert card(seen_later).on_time == card(seen_first).on_time == Share(1, 1)


def test_days_begin_at_home() -> None:
    """What comes at ten in the evening in Los Angeles is in time there, although it is the next day in UTC."""
    evening = came(days=2)
    at = evening.order.created_at.replace(hour=5) + timedelta(days=3)
    brought = replace(evening, order=replace(evening.order, changed_at=at))
    for zone, kept in ((ZoneInfo("America/Los_Angeles"), 1), (ZoneInfo("UTC"), 0)):
        assert scorecard([brought], merchant="grocer", now=NOW, zone=zone).on_time == Share(kept, 1)


def test_days_late_are_of_the_late_ones_and_go_on_for_what_is_not_here() -> None:
    """Median and worst; an order that is overdue counts as late as it is now, one that was given up as late as then."""
    assert (card(came()).late_median_d, card(came()).late_worst_d) == (None, None)
    found = card(came(), came(days=3), came(days=4), coming(ago_d=10), lost(days=30), called_off())
    assert found.days_late == (1, 2, 8, 28)
    assert (found.late_median_d, found.late_worst_d, found.overdue) == (5.0, 28, 1)


def test_what_happened_beside_is_counted_apart() -> None:
    """Each in its own number."""
    went_back = gone(state=IntentState.RETURNED, packs=2)
    found = card(came(), swapped(), called_off(), lost(), went_back, paid_back(), sold_out(), coming(), taken_back())
    assert (found.orders, found.under_way, found.substituted) == (8, 1, 1)
    assert (found.cancelled, found.never_arrived, found.returned) == (1, 1, 1)
    assert (found.refunded, found.sold_out) == (1, 1)


def test_a_handful_is_needed_for_a_share() -> None:
    """Four of four is no hundred percent: the counts stand, and nothing is made of them."""
    few, enough = Share(SCORED_FROM - 1, SCORED_FROM - 1), Share(SCORED_FROM, SCORED_FROM)
    assert (few.value, few.interval) == (None, None)
    assert enough.value == 1.0
    low, high = enough.interval or (0.0, 0.0)
    assert low == pytest.approx(0.5655, abs=1e-4)
    assert high == 1.0
    assert Share(9, 10).interval == pytest.approx((0.5958, 0.9821), abs=1e-4)


def test_one_order_that_did_not_rules_no_merchant_out() -> None:
    """Two of two do."""
    assert card(short()).kept.expected > LEAD_SURELY
    assert card(short(), lost()).kept.expected < LEAD_SURELY
    assert card().kept.expected == 1.0


def test_what_is_charged_is_learned_slowly() -> None:
    """One dearer order moves it a little, many nearly all the way; nothing is made up without any."""
    assert card().charged == card(came(charged=None)).charged == 1
    assert card(came(charged=550)).charged == Fraction(10_143, 10_000)
    assert card(*[came(charged=550)] * 30).charged > Fraction(108, 100)


def test_other_merchants_tell_nothing() -> None:
    """Nor what is older than the newest ones."""
    other = replace(lost(), order=replace(lost().order, merchant="baker"))
    assert card(other).orders == 0
    old = [gone(state=IntentState.NEVER_ARRIVED, ago_d=200)] * 9
    assert card(*[came()] * ORDERS_MAX, *old).never_arrived == 0


_days = st.integers(0, 30)
_charges = st.none() | st.integers(400, 600)
_came = st.builds(came, days=_days, charged=_charges)
_poor = st.one_of(
    st.builds(short, days=_days, charged=_charges),
    st.builds(swapped, days=_days, charged=_charges),
    st.builds(lost, days=st.integers(3, 30)),
)
_any = st.one_of(
    _came,
    _poor,
    st.builds(coming, ago_d=st.integers(0, 30)),
    st.just(called_off()),
    st.just(risen()),
    st.just(sold_out()),
    st.just(paid_back()),
    st.just(taken_back()),
)
_histories = st.lists(_any, max_size=40)


@given(_histories, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(history: list[Dealing], rng: object) -> None:
    """The newest ones count, whichever comes first."""
    spread = [
        replace(one, order=replace(one.order, id=IntentId(f"i{n}"), created_at=NOW - timedelta(days=60, minutes=n)))
        for n, one in enumerate(history)
    ]
    mixed = list(spread)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    first, second = (scorecard(one, merchant="grocer", now=NOW, zone=UTC) for one in (spread, mixed))
    assert first == second


def _sooner(one: Dealing) -> Dealing:
    return replace(one, order=replace(one.order, changed_at=max(one.order.created_at, one.order.changed_at - _DAY)))


def _whole(one: Dealing) -> Dealing:
    """All of what was ordered came then, or on the day it was given up."""
    return replace(one, order=replace(one.order, state=IntentState.DELIVERED, facts=OrderFacts()))


def _cheaper(one: Dealing) -> Dealing:
    charged = one.order.charged_minor
    return replace(one, order=replace(one.order, charged_minor=None if charged is None else min(charged, 500)))


def _as_agreed(one: Dealing) -> Dealing:
    del one
    return came()


_DAY = timedelta(days=1)
_BETTER: dict[str, tuple[st.SearchStrategy[Dealing], Callable[[Dealing], Dealing]]] = {
    "sooner": (_came | _poor, _sooner),
    "whole": (_poor, _whole),
    "cheaper": (_came | _poor, _cheaper),
    "as agreed at all": (st.just(called_off()) | st.just(risen()) | st.just(sold_out()), _as_agreed),
    "as agreed": (_any, _as_agreed),
}


@pytest.mark.parametrize("kind", _BETTER)
@given(data=st.data(), history=st.lists(_any, max_size=ORDERS_MAX - 1))
def test_a_better_history_never_has_a_worse_share(kind: str, data: st.DataObject, history: list[Dealing]) -> None:
    """One order that goes better: every share, its interval and its chance are as high or higher."""
    worse, improve = _BETTER[kind]
    was = data.draw(worse)
    before, after = card(*history, was), card(*history, improve(was))
    for name in ("on_time", "whole", "price_held", "kept"):
        old, new = getattr(before, name), getattr(after, name)
        assert new.expected >= old.expected
        if old.value is not None and new.value is not None:
            assert new.value >= old.value
            assert _not_below(new.interval, old.interval)
    if kind != "as agreed at all":
        assert (after.late_worst_d or 0) <= (before.late_worst_d or 0)


def _not_below(new: tuple[float, float] | None, old: tuple[float, float] | None) -> bool:
    return new is not None and old is not None and new[0] >= old[0] - 1e-12 and new[1] >= old[1] - 1e-12


@given(_histories)
def test_nothing_unknown_counts_as_zero(history: list[Dealing]) -> None:
    """Orders of which nothing is known leave every share as it was."""
    unknown = [replace(paid_back(), order=replace(paid_back().order, charged_minor=None)), taken_back()]
    room = history[: ORDERS_MAX - 1]
    before, after = card(*room), card(*room, *unknown)
    for name in ("on_time", "whole", "price_held", "kept", "days_late", "charged"):
        assert getattr(after, name) == getattr(before, name)
