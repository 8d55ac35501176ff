"""The life of an intent on the hub."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.wire import OrderState
from edge_agent.core.intent import (
    ARRIVAL_CONFIRMED_AFTER,
    LIVE,
    TRANSITIONS,
    IntentState,
    arrived,
    confirm_arrival,
    never_came,
    saw_arrival,
    step,
)
from edge_agent.core.order_facts import OrderFacts
from edge_agent.errors import RefusedError
from tests.edge_agent.samples import NOW, intent


def test_the_hub_knows_every_state_of_the_bridge() -> None:
    """Each state on the wire has the same name here; the hub adds `approved` only."""
    assert {state.value for state in OrderState} | {"approved"} == {state.value for state in IntentState}
    assert set(TRANSITIONS) == set(IntentState)


def test_no_way_leads_back() -> None:
    """From no state can the states before it be reached again, `not_placed` (proved) and parked ones apart."""
    allowed_circles = {IntentState.SENDING, IntentState.UNKNOWN, IntentState.NOT_PLACED, IntentState.PARKED}

    def reachable(state: IntentState) -> set[IntentState]:
        seen: set[IntentState] = set()
        todo = list(TRANSITIONS[state])
        while todo:
            following = todo.pop()
            if following not in seen:
                seen.add(following)
                todo += TRANSITIONS[following]
        return seen

    assert {state for state in IntentState if state in reachable(state)} <= allowed_circles


@pytest.mark.parametrize(
    ("at", "said", "taken"),
    [
        (IntentState.APPROVED, IntentState.HELD, True),
        (IntentState.HELD, IntentState.SHIPPED, True),  # a poll that missed the steps between
        (IntentState.SHIPPED, IntentState.PLACED, False),
        (IntentState.DELIVERED, IntentState.SHIPPED, False),
        (IntentState.REJECTED, IntentState.PLACED, False),
        (IntentState.UNKNOWN, IntentState.PLACED, True),
        (IntentState.UNKNOWN, IntentState.REJECTED, True),  # the merchant's or a person's word, passed on
        (IntentState.UNKNOWN, IntentState.EXPIRED, True),
        (IntentState.UNKNOWN, IntentState.NEEDS_BUYER, True),
        (IntentState.PARKED, IntentState.REJECTED, True),
        (IntentState.PARKED, IntentState.UNKNOWN, False),
        (IntentState.UNKNOWN, IntentState.HELD, False),
        (IntentState.UNKNOWN, IntentState.SENDING, False),  # only after it was proved not placed
        (IntentState.NOT_PLACED, IntentState.SENDING, True),
        (IntentState.PLACED, IntentState.PLACED, False),
    ],
)
def test_what_is_taken_from_the_bridge(at: IntentState, said: IntentState, *, taken: bool) -> None:
    """News moves an intent on; old news changes nothing."""
    change = step(intent(state=at), said, at=NOW, merchant_order_id="o-1")
    assert (change is not None) is taken
    if change is not None:
        assert (change.after.state, change.after.version, change.after.merchant_order_id) == (said, 2, "o-1")


def test_a_new_reason_for_the_same_state_is_news_once() -> None:
    """`held` because the merchant is away is told to the household once; a finished order has no more news."""
    held = intent(state=IntentState.HELD)
    away = step(held, IntentState.HELD, at=NOW, detail="merchant_away")
    assert away is not None
    assert (away.after.state, away.after.detail, away.after.version) == (IntentState.HELD, "merchant_away", 2)
    assert step(away.after, IntentState.HELD, at=NOW, detail="merchant_away") is None
    assert step(intent(state=IntentState.REJECTED), IntentState.REJECTED, at=NOW, detail="other") is None


def test_a_charge_in_another_currency_is_no_charge() -> None:
    """An amount in other money than was agreed to is never counted, and is told."""
    change = step(intent(), IntentState.PLACED, at=NOW, charged_minor=1016, currency="EUR")
    assert change is not None
    assert (change.after.state, change.after.charged_minor, change.after.detail) == (
        IntentState.PLACED,
        None,
        "other_currency",
    )
    same = step(intent(), IntentState.PLACED, at=NOW, charged_minor=1016, currency="USD")
    assert same is not None
    assert same.after.charged_minor == 1016


@pytest.mark.parametrize(
    ("at", "came", "missing"),
    [
        (IntentState.APPROVED, False, False),
        (IntentState.HELD, False, False),
        (IntentState.UNKNOWN, False, False),  # that is settled with the bridge
        (IntentState.PARKED, False, False),
        (IntentState.PLACED, True, True),
        (IntentState.SHIPPED, True, True),
        (IntentState.PARTLY_DELIVERED, True, True),
        (IntentState.NEVER_ARRIVED, True, False),
        (IntentState.DELIVERED, False, False),
        (IntentState.REJECTED, False, False),
    ],
)
def test_what_a_person_may_say_of_a_delivery(at: IntentState, *, came: bool, missing: bool) -> None:
    """Only goods that were on their way can have come, or not."""
    said = {arrived: (came, IntentState.DELIVERED), never_came: (missing, IntentState.NEVER_ARRIVED)}
    for say, (allowed, state) in said.items():
        if allowed:
            after = say(intent(state=at), now=NOW).after
            assert (after.state, after.detail) == (state, "said_by_household")
        else:
            with pytest.raises(RefusedError, match="delivery"):
                say(intent(state=at), now=NOW)


def test_an_unknown_outcome_keeps_the_need_closed() -> None:
    """While nobody knows whether an order exists, the item counts as ordered."""
    assert {IntentState.UNKNOWN, IntentState.PARKED, IntentState.NEEDS_BUYER} <= LIVE


def test_a_refill_that_was_seen_closes_the_order_after_a_while() -> None:
    """A sensor proposes the arrival; only time (or the merchant) makes it `delivered`."""
    seen = saw_arrival(intent(state=IntentState.SHIPPED), at=NOW, amount=4000.0)
    assert seen is not None
    assert seen.after.state is IntentState.SHIPPED
    assert saw_arrival(seen.after, at=NOW, amount=4000.0) is None, "one arrival is proposed once"
    assert confirm_arrival(seen.after, now=NOW + ARRIVAL_CONFIRMED_AFTER - timedelta(seconds=1)) is None
    closed = confirm_arrival(seen.after, now=NOW + ARRIVAL_CONFIRMED_AFTER)
    assert closed is not None
    assert (closed.after.state, closed.after.detail) == (IntentState.DELIVERED, "seen_by_sensor")


@pytest.mark.parametrize(
    ("state", "amount", "minutes", "arrived"),
    [
        (IntentState.HELD, 4140.0, 1, False),
        (IntentState.UNKNOWN, 4140.0, 1, False),
        (IntentState.PLACED, 4140.0, 1, True),
        (IntentState.PLACED, 2000.0, 1, False),  # nobody said that it was sent, and it does not fit
        (IntentState.SHIPPED, 2000.0, 1, True),  # the rest found no room
        (IntentState.SHIPPED, 1035.0, 1, False),  # one bottle from the shop
        (IntentState.SHIPPED, 4140.0, -1, False),  # before it was sent
        (IntentState.DELIVERED, 4140.0, 1, True),
    ],
)
def test_goods_bought_elsewhere_are_not_the_order(
    state: IntentState, amount: float, minutes: int, *, arrived: bool
) -> None:
    """A refill is an order's arrival when the order was under way by then and the amount can be it."""
    change = saw_arrival(intent(state=state), at=NOW + timedelta(minutes=minutes), amount=amount)
    assert (change is not None) is arrived


@pytest.mark.parametrize(("minutes_before", "arrived"), [(-1, False), (0, True), (1, True)])
def test_a_refill_that_may_be_older_than_the_order_proves_nothing(minutes_before: int, *, arrived: bool) -> None:
    """The hub was off, or has forgotten: the old level was last seen before the order was made."""
    before = NOW + timedelta(minutes=minutes_before)
    change = saw_arrival(intent(state=IntentState.SHIPPED), at=NOW + timedelta(hours=6), amount=4140.0, before=before)
    assert (change is not None) is arrived


FACTS = st.builds(
    OrderFacts,
    delivered_quantity=st.none() | st.integers(0, 3),
    returned_quantity=st.none() | st.integers(0, 3),
    refunded_minor=st.none() | st.integers(0, 2_000),
    expected_on=st.none() | st.dates(date(2026, 3, 1), date(2026, 3, 9)),
)


@given(told=st.lists(st.tuples(st.sampled_from(IntentState), FACTS), max_size=8))
def test_no_message_takes_back_what_was_told(told: list[tuple[IntentState, OrderFacts]]) -> None:
    """Packs and money never fall, whatever state a message names; one that is heard twice is news once."""
    record = intent()
    for state, facts in told:
        change = step(record, state, at=NOW, facts=facts)
        if change is None:
            continue
        after = change.after
        assert after.state is record.state or after.state in TRANSITIONS[record.state]
        for name in ("delivered_quantity", "returned_quantity", "refunded_minor"):
            assert (getattr(record.facts, name) or 0) <= (getattr(after.facts, name) or 0)
        assert step(after, after.state, at=NOW, facts=facts) is None
        record = after


def test_more_of_the_same_state_does_not_make_it_younger() -> None:
    """A promised day is news, and the order was shipped when it was shipped."""
    shipped = replace(intent(), state=IntentState.SHIPPED)
    change = step(shipped, IntentState.SHIPPED, at=NOW + timedelta(days=1), facts=OrderFacts(delivered_quantity=1))
    assert change is not None
    assert (change.after.changed_at, change.after.delivered_at) == (shipped.changed_at, NOW + timedelta(days=1))


def test_money_in_another_currency_is_not_counted() -> None:
    """Neither what was charged, nor what came back of it."""
    back = OrderFacts(refunded_minor=9)
    change = step(intent(), IntentState.PLACED, at=NOW, charged_minor=9, currency="EUR", facts=back)
    assert change is not None
    assert (change.after.charged_minor, change.after.facts.refunded_minor) == (None, None)
