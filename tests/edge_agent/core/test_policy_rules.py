"""Rules of the reorder policy: spoilage, absence, trust, budget, multiples, minimum; each a table, and laws for all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import DateRange, Holding, Preferences
from edge_agent.core.decide import Weighed, weigh
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.need import need_of, tolerated_chance
from edge_agent.core.deciding.presence import Presence, Shift
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.deciding.spoilage import USED_UP_SURELY
from edge_agent.core.messages import Alert, Hold, Propose, Reason
from tests.edge_agent.consumables import DETERGENT, MILK, START
from tests.edge_agent.core.situations import listed, situation

TODAY = START.date()


def codes(weighed: Weighed) -> list[str]:
    """Reason codes of the decision."""
    return [reason.code for reason in weighed.decision.reasons]


def proposal(case: Situation) -> Propose:
    """The proposal that the situation leads to."""
    found = weigh(case).decision
    assert isinstance(found, Propose), found
    return found


# --- what spoils -------------------------------------------------------------------------------------


def test_milk_that_spoils_before_it_runs_out_is_bought_again_in_time() -> None:
    """Four packs for a week at this pace, but all of them are over the day after tomorrow: it is due, and said."""
    keeps, spoils = (
        situation(packs=4.0, rate=0.5),
        situation(packs=4.0, rate=0.5, spoils=((4.0, 1),), best_before_d=7.0),
    )
    assert isinstance(weigh(keeps).decision, Hold)
    found = weigh(spoils)
    assert isinstance(found.decision, Propose)
    assert found.decision.reasons[1].text.startswith("About 3.2 packs of it will not be used before Mon 2 Mar")


def test_yoghurt_that_runs_out_before_it_spoils_is_bought_as_ever() -> None:
    """A date that will not be reached changes nothing."""
    plain, dated = situation(packs=1.0, rate=0.8), situation(packs=1.0, rate=0.8, spoils=((1.0, 20),))
    assert weigh(plain).decision == weigh(dated).decision


@pytest.mark.parametrize(
    ("keeps_d", "rate", "kind", "code"),
    [
        pytest.param(4.0, 0.8, Propose, "size_fresh", id="fewer than there is room for"),
        pytest.param(3.0, 0.2, Propose, "part_spoils", id="one, of which a part spoils: a person is asked"),
        pytest.param(2.0, 0.08, Alert, "would_spoil", id="most of one would spoil: nothing is bought"),
    ],
)
def test_no_more_is_bought_than_is_used_before_it_spoils(keeps_d: float, rate: float, kind: type, code: str) -> None:
    """Where even one pack is too much, somebody is told instead."""
    found = weigh(situation(packs=0.0, rate=rate, best_before_d=keeps_d))
    assert isinstance(found.decision, kind)
    assert code in codes(found)


def test_a_pack_that_is_open_for_too_long_is_never_ordered_unasked() -> None:
    """Most of each pack goes bad once it is open: a person decides."""
    found = proposal(situation(packs=0.0, rate=0.1, opened_for_d=5.0, mode="auto"))
    assert found.must_ask
    assert found.reasons[-1].text == "Only about 30 % of a pack is likely used before it spoils."


# --- who is at home ----------------------------------------------------------------------------------


def told(**ranges: tuple[int, int]) -> Preferences:
    """Preferences with days from today on: `away=(0, 5)`."""
    days = {
        kind: (DateRange(first=TODAY + timedelta(days=first), last=TODAY + timedelta(days=last)),)
        for kind, (first, last) in ranges.items()
    }
    return Preferences.model_validate(days)


@pytest.mark.parametrize(
    ("preferences", "code"),
    [
        pytest.param(told(away=(0, 9)), "away", id="away now"),
        pytest.param(told(away=(2, 9)), "away", id="away when it would come"),
        pytest.param(told(away=(20, 29)), "due", id="away much later"),
    ],
)
def test_nothing_comes_to_a_closed_door(preferences: Preferences, code: str) -> None:
    """An order that would be here while nobody is waits; one that is here before does not."""
    assert code in codes(weigh(situation(packs=0.0, preferences=preferences)))


def test_a_home_that_leaves_needs_less() -> None:
    """Enough until they leave the day after tomorrow is enough."""
    assert isinstance(weigh(situation(packs=4.4, rate=1.0)).decision, Propose)
    leaving = situation(packs=4.4, rate=1.0, preferences=told(away=(1, 12)), lead_time=LeadTime(0.0))
    assert codes(weigh(leaving))[-1] == "enough"


def test_a_home_with_guests_needs_more() -> None:
    """The same stock is not enough for more people."""
    assert isinstance(weigh(situation(packs=5.0, rate=0.8)).decision, Hold)
    assert isinstance(weigh(situation(packs=5.0, rate=0.8, preferences=told(guests=(0, 9)))).decision, Propose)


def test_a_home_that_seems_empty_is_left_alone_until_somebody_answers() -> None:
    """What the sensors show holds orders; the household's word ends that."""
    shift = Shift("away", since=TODAY - timedelta(days=4), pace=0.05)
    silent, answered = Preferences(), told(as_usual=(0, 7))
    holds = situation(presence=Presence(silent, seen=shift, seen_on=TODAY))
    goes_on = situation(preferences=answered, presence=Presence(answered, seen=shift, seen_on=TODAY))
    assert codes(weigh(holds))[-1] == "seems_away"
    assert isinstance(weigh(goes_on).decision, Propose)


# --- trust and money ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("trust", "must_ask"), [(0.95, False), (0.7, False), (0.62, True)])
def test_little_trust_asks_instead_of_ordering(trust: float, must_ask: bool) -> None:
    """And says so."""
    found = proposal(situation(trust=trust, mode="auto"))
    assert found.must_ask == must_ask
    assert ("little_trust" in [reason.code for reason in found.reasons]) == must_ask


def test_a_doubtful_sensor_asks_with_its_doubts() -> None:
    """Trust below what decides by itself: with a doubt a person is asked, without one the next readings are awaited."""
    case = situation(trust=0.4, mode="auto")
    stuck = replace(case, estimate=replace(case.estimate, doubts=(Reason("stuck", "It has not moved for 3 days."),)))
    assert codes(weigh(case))[-1] == "little_evidence"
    found = proposal(stuck)
    assert found.must_ask
    assert [reason.code for reason in found.reasons][-2:] == ["stuck", "little_trust"]


def test_a_doubtful_sensor_that_shows_plenty_is_looked_at() -> None:
    """Where its lower bound says nearly empty, somebody shall look; nothing is ordered."""
    case = situation(packs=5.8, trust=0.4)
    amount = case.estimate.amount
    assert amount is not None
    low = replace(case.estimate, amount=replace(amount, low=0.0), doubts=(Reason("stuck", "It has not moved."),))
    found = weigh(replace(case, estimate=low))
    assert isinstance(found.decision, Alert)
    assert codes(found)[-2:] == ["stuck", "look"]


@pytest.mark.parametrize(("left_minor", "must_ask"), [(None, False), (10_000, False), (300, True), (-5, True)])
def test_beyond_the_budget_a_person_is_asked(left_minor: int | None, must_ask: bool) -> None:
    """Never ordered unasked, and the question says what is left."""
    found = proposal(situation(mode="auto", budget_left_minor=left_minor))
    assert found.must_ask == must_ask
    if left_minor == 300:
        assert found.reasons[-1].text.startswith("$7.74 is more than the $3.00 that your budget has left")


def test_another_currency_is_not_held_against_the_budget() -> None:
    """No rate is known here."""
    case = situation(mode="auto", budget_left_minor=1, price=listed(MILK, currency="EUR"))
    assert not proposal(case).must_ask


# --- how much ----------------------------------------------------------------------------------------


def test_it_is_bought_in_the_multiples_in_which_it_is_sold() -> None:
    """Sixes where six fit; a person is told where they never do."""
    sixes = MILK.product.model_copy(update={"order_multiple": 6})
    assert proposal(situation(packs=0.0, product=sixes, room_packs=13)).packs % 6 == 0
    assert codes(weigh(situation(packs=0.0, product=sixes, room_packs=5)))[-1] == "multiple_too_large"


def test_the_least_that_is_wanted_counts_as_used() -> None:
    """A home that wants two packs at all times orders two packs earlier."""
    assert isinstance(weigh(situation(packs=1.0, rate=0.05)).decision, Hold)
    found = proposal(situation(packs=1.0, rate=0.05, min_packs=2.0))
    assert "want 2 packs at the least" in found.reasons[1].text


def test_a_slow_merchant_is_asked_earlier() -> None:
    """The lead time that its orders taught counts, with its spread, and the reasons name it."""
    assert isinstance(weigh(situation(packs=5.0, rate=0.5)).decision, Hold)
    found = proposal(situation(packs=5.0, rate=0.5, lead_time=LeadTime(6.0, spread_d=2.0, orders=5)))
    assert "grocer took about 6 days with your last 5 orders." in [reason.text for reason in found.reasons]


def test_running_out_rarely_holds_more_and_holding_little_less() -> None:
    """The plain setting moves the reorder point, and a service level of the household's own stands above it."""
    points = [
        need_of(situation(rate=0.3, preferences=Preferences(stock=stock))).reorder_point_packs
        for stock in ("hold_little", "balanced", "run_out_rarely")
    ]
    assert points == sorted(points)
    assert points[0] < points[-1]
    sure = Preferences(service_level=0.99)
    assert tolerated_chance(sure, order_packs=9.0, rate_packs_per_day=0.1) == pytest.approx(0.01)


@pytest.mark.parametrize("stock", ["run_out_rarely", "balanced", "hold_little"])
@given(packs=st.floats(0.1, 100), rate=st.floats(1e-9, 60))
@settings(max_examples=50, deadline=None)
def test_no_setting_lets_a_home_run_out_often(stock: Holding, packs: float, rate: float) -> None:
    """The chance that is let pass lies between once in 200 and once in 3."""
    chance = tolerated_chance(Preferences(stock=stock), order_packs=packs, rate_packs_per_day=rate)
    assert 0.005 <= chance <= 0.3


def test_what_nobody_uses_is_not_bought_again() -> None:
    """Somebody is asked whether it is still wanted."""
    case = situation(DETERGENT, packs=0.2, rate=0.15)
    stopped = replace(case, estimate=replace(case.estimate, last_used_on=TODAY - timedelta(days=80)))
    assert isinstance(weigh(case).decision, Propose)
    found = weigh(stopped)
    assert isinstance(found.decision, Alert)
    assert codes(found)[-1] == "out_of_use"


_CASES = st.builds(
    situation,
    packs=st.none() | st.floats(0, 8),
    on_order_packs=st.floats(0, 4),
    rate=st.floats(0, 4),
    trust=st.floats(0, 1),
    spoils=st.lists(st.tuples(st.floats(0, 4), st.integers(-2, 20)), max_size=3).map(
        lambda parts: tuple(sorted(parts, key=lambda part: part[1]))
    ),
    best_before_d=st.none() | st.floats(1, 40),
    opened_for_d=st.none() | st.floats(1, 40),
    lead_time=st.builds(LeadTime, st.floats(0, 30), st.floats(0, 10), st.integers(0, 9)),
    budget_left_minor=st.none() | st.integers(-1_000, 10_000),
    room_packs=st.integers(1, 12),
    mode=st.sampled_from(["ask", "auto", "shadow"]),
)


@given(case=_CASES)
@settings(max_examples=300, deadline=None)
def test_laws_of_every_decision(case: Situation) -> None:
    """Unknown never orders; whole packs, within room and freshness; no order-by in the past; reasons always."""
    found = weigh(case)
    assert found.decision.reasons
    assert case.position.packs >= 0
    for proposed in (found.decision, found.early):
        if not isinstance(proposed, Propose):
            continue
        assert case.estimate.amount is not None
        assert found.need is not None
        assert 1 <= proposed.packs <= min(found.need.room_packs, found.need.fresh_packs, case.item.room_packs)
        assert proposed.order_by >= case.now
        if case.item.best_before_d is not None and proposed.packs > 1:
            in_time = case.demand(case.arrives_d + case.item.best_before_d, USED_UP_SURELY)
            assert proposed.packs + found.need.usable_packs <= in_time + 1e-5
    assert not (isinstance(found.decision, Propose) and found.early is not None)


@given(case=_CASES, more=st.floats(0, 5))
@settings(max_examples=100, deadline=None)
def test_more_at_home_is_never_more_urgent(case: Situation, more: float) -> None:
    """What holds because there is enough still holds with more on order."""
    if codes(weigh(case))[-1] == "enough":
        position = replace(case.position, on_order_packs=case.position.on_order_packs + more)
        assert codes(weigh(replace(case, position=position)))[-1] == "enough"


def test_a_date_in_words() -> None:
    """The day of the household's own calendar, not of UTC."""
    late = situation(packs=0.0, presence=Presence(Preferences(), zone="Pacific/Auckland"))
    assert "order by Sun 1 Mar" in proposal(late).reasons[1].text
    evening = replace(late, now=START + timedelta(hours=12))
    assert "order by Mon 2 Mar" in proposal(evening).reasons[1].text


def test_who_answers_slowly_is_asked_earlier() -> None:
    """The time until an answer is part of the lead time."""
    quick, slow = (replace(situation(packs=4.0), answer_time=LeadTime(days, days / 2)) for days in (0.1, 2.0))
    assert need_of(slow).reorder_point_packs > need_of(quick).reorder_point_packs + 1
    assert need_of(slow).room_packs >= need_of(quick).room_packs


def test_where_room_cuts_orders_short_a_question_is_worth_more() -> None:
    """With little room an order of today is smaller than one of tomorrow, so a little more is risked for it."""
    wide, narrow = (situation(packs=4.0, rate=1.0, room_packs=room) for room in (40, 5))
    assert need_of(narrow).reorder_point_packs < need_of(wide).reorder_point_packs


def test_uncertain_demand_and_an_uncertain_merchant_do_not_add_up_in_full() -> None:
    """Both seldom go wrong at once: their deviations add as squares."""
    sure, unsure = (situation(packs=4.0, rate=1.0, lead_time=LeadTime(3.0, spread)) for spread in (0.0, 1.0))
    more = need_of(unsure).reorder_point_packs - need_of(sure).reorder_point_packs
    assert 0 < more < 1.0


def test_what_must_last_an_absence_is_ordered_before_it() -> None:
    """An order of tomorrow would come to a closed door, so what pets eat meanwhile is bought today."""
    away = told(away=(3, 14))
    pets = Presence(away, away_pace=1.0)
    kept = situation(packs=6.0, rate=0.4, room_packs=12, preferences=away)
    fed = replace(kept, presence=pets)
    assert isinstance(weigh(kept).decision, Hold)
    assert fed.is_last_call
    assert proposal(fed).order_by == fed.now


def test_what_spoils_before_an_order_comes_leaves_its_room() -> None:
    """Milk that is over tomorrow does not stand in the way of fresh milk the day after."""
    keeps, spoils = (
        situation(packs=5.0, rate=0.2, spoils=((5.0, days),), best_before_d=9.0, room_packs=6) for days in (20, 0)
    )
    assert need_of(spoils).room_packs > need_of(keeps).room_packs + 2


def test_a_pack_that_may_stand_in_the_cupboard_is_not_waited_for() -> None:
    """Only a level that has just changed is waited for; what is merely possible is no reason to run out."""
    case = situation(packs=0.5)
    assert case.estimate.amount is not None
    wide = replace(case.estimate, amount=replace(case.estimate.amount, high=3 * case.item.product.pack_amount))
    assert isinstance(weigh(replace(case, estimate=wide)).decision, Propose)
    settling = replace(case, estimate=replace(wide, is_settling=True))
    assert codes(weigh(settling))[-1] == "unsettled"


def test_what_is_missed_before_goods_come_is_not_made_up_for() -> None:
    """Out of milk for five days, of which a pack a day is drunk: three packs are used in the three days they keep."""
    found = need_of(situation(packs=0.0, rate=1.0, best_before_d=3.0, lead_time=LeadTime(5.0), room_packs=12))
    assert 2 <= found.fresh_packs <= 3
