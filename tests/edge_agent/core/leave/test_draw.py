"""What a mandate pays for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import (
    Choice,
    DrawRequest,
    Grant,
    Refusal,
    RefusalReason,
    choose,
    grant,
    over_budget,
    unclear,
)
from edge_agent.core.leave.mandate import Acceptable, MandateItem, MandateRecord, MandateState, MandateTerms, period_of
from edge_agent.core.leave.period import Frequency
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import ItemId, MandateId
from tests.edge_agent.leave import MADE_AT, draft, mandate, mandate_terms, usage
from tests.edge_agent.samples import NOW, intent, offer

MILK = ItemId("milk")
CEILING = offer().total_max_minor  # 1066


def ask(
    record: MandateRecord | None = None,
    *,
    of: Offer | None = None,
    item: str = "milk",
    merchant_class: str | None = "A",
    now: datetime = NOW,
    **ledger: int,
) -> Grant | Refusal:
    """The mandate's answer to the sample offer."""
    return grant(
        record or mandate(), offer=of or offer(), item=ItemId(item), usage=usage(**ledger),
        merchant_class=merchant_class, now=now,
    )  # fmt: skip


def test_a_mandate_pays_the_ceiling_of_what_it_covers() -> None:
    """What is reserved is the most that the order may cost, in the period of now."""
    granted = ask()
    assert isinstance(granted, Grant)
    assert (granted.amount_minor, granted.currency, granted.mandate) == (CEILING, "USD", "m1")
    assert granted.period == period_of(mandate().terms, NOW)


@pytest.mark.parametrize("state", [state for state in MandateState if state is not MandateState.ACTIVE])
def test_only_an_active_mandate_pays(state: MandateState) -> None:
    """Proposed, paused or ended, it pays nothing; nor does one whose signature is gone."""
    refused = ask(mandate(state=state))
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.NOT_ACTIVE
    unsigned = ask(replace(mandate(), signature=None))
    assert isinstance(unsigned, Refusal)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"merchant_class": "C"}, RefusalReason.MERCHANT_CLASS),
        ({"merchant_class": None}, RefusalReason.MERCHANT_CLASS),  # unknown is no leave
        ({"item": "detergent"}, RefusalReason.ITEM_NOT_COVERED),
        ({"of": replace(offer(), sku="milk-oat-1l")}, RefusalReason.PRODUCT_NOT_COVERED),
        ({"of": replace(offer(), merchant="other")}, RefusalReason.PRODUCT_NOT_COVERED),
        ({"of": replace(offer(), quantity=7)}, RefusalReason.TOO_MANY),
        ({"of": replace(offer(), currency="EUR")}, RefusalReason.OTHER_CURRENCY),
        ({"of": replace(offer(), total_minor=99)}, RefusalReason.OUTSIDE_RANGE),
        ({"of": replace(offer(), total_max_minor=2_001)}, RefusalReason.OUTSIDE_RANGE),
        ({"now": MADE_AT - timedelta(seconds=1)}, RefusalReason.OUTSIDE_WINDOW),
        ({"now": datetime.fromisoformat("2027-01-01T00:00:00Z")}, RefusalReason.OUTSIDE_WINDOW),
        ({"open_period": 1}, RefusalReason.PERIOD_WENT_BACK),
        ({"period": 1}, RefusalReason.PERIOD_WENT_BACK),
        ({"spent_minor": 3_000 - CEILING + 1}, RefusalReason.OVER_BUDGET),
        ({"reserved_minor": 1_000, "spent_minor": 1_000}, RefusalReason.OVER_BUDGET),
    ],
)
def test_each_limit_refuses(changes: dict[str, Any], reason: RefusalReason) -> None:
    """One step over any one limit, and the household is asked instead."""
    refused = ask(**changes)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant_class": "B"},
        {"of": replace(offer(), sku="milk-skimmed-1l")},  # a substitute that the mandate names
        {"of": replace(offer(), quantity=6)},
        {"of": replace(offer(), total_max_minor=2_000)},
        {"spent_minor": 3_000 - CEILING},
        {"open_period": 0},
        {"now": datetime.fromisoformat("2026-12-31T00:00:00Z"), "period": 9, "open_period": 9},
    ],
)
def test_up_to_each_limit_it_pays(changes: dict[str, Any]) -> None:
    """The last cent, the last pack and the last day are inside."""
    assert isinstance(ask(**changes), Grant)


def test_orders_of_a_life_are_counted() -> None:
    """The number of orders is limited over all periods together."""
    few = mandate(draft(max_occurrences=2))
    assert isinstance(ask(few, occurrences=1), Grant)
    refused = ask(few, occurrences=2)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.NO_OCCURRENCE_LEFT


@given(
    budget=st.integers(0, 10_000),
    frequency=st.sampled_from(Frequency),
    tries=st.lists(st.tuples(st.integers(-2_000, 8_000), st.integers(0, 4_000)), max_size=40),
)
def test_no_sequence_of_draws_exceeds_a_period(budget: int, frequency: Frequency, tries: list[tuple[int, int]]) -> None:
    """Whatever the amounts and wherever the clock jumps, each period's sum stays inside its budget."""
    terms = mandate_terms(draft(budget_minor=budget, frequency=frequency, not_after=date(2028, 1, 1)))
    drawn: dict[int, int] = {}
    for hours, amount in tries:
        index = period_of(terms, NOW + timedelta(hours=hours)).index
        open_period = max(drawn, default=None)
        now_used = usage(period=index, reserved_minor=drawn.get(index, 0), open_period=open_period)
        request = DrawRequest(MandateId("m1"), 1, index, amount, "USD")
        if over_budget(terms, usage=now_used, request=request) is None:
            assert open_period is None or index >= open_period, "an earlier budget was opened again"
            drawn[index] = drawn.get(index, 0) + amount
    assert all(total <= budget for total in drawn.values())


# --- substitutes ---

BOUND = replace(offer(), title="bound")
SKIMMED = replace(offer(), sku="milk-skimmed-1l", title="skimmed", instead_of="bound")
OAT = replace(offer(), merchant="baker", sku="oat-1l", title="oat", instead_of="bound")
UNNAMED = replace(offer(), sku="goat-1l", title="goat", instead_of="bound")
TOO_DEAR = {"total_max_minor": 2_001}


def with_substitutes() -> MandateRecord:
    """A mandate that names oat drink of another merchant first, then skimmed milk, to stand in for milk."""
    named = (("grocer", "milk-whole-1l"), ("baker", "oat-1l"), ("grocer", "milk-skimmed-1l"))
    acceptable = tuple(Acceptable(merchant=merchant, sku=sku) for merchant, sku in named)
    entry = MandateItem(item="milk", acceptable=acceptable, quantity_max=6)
    return mandate(draft().model_copy(update={"items": (entry,)}))


def chosen(
    wanted: Offer,
    *instead: Offer,
    record: MandateRecord | None = None,
    classes: dict[str, str] | None = None,
    **ledger: int,
) -> str:
    """The title of the offer that is paid for, or the code of the refusal."""
    known = {"grocer": "A", "baker": "B"} if classes is None else classes
    outcome = choose(
        record or with_substitutes(), wanted=wanted, instead=instead, item=MILK, usage=usage(**ledger),
        class_of=known.get, now=NOW,
    )  # fmt: skip
    return outcome.offer.title if isinstance(outcome, Choice) else outcome.reason


@pytest.mark.parametrize(
    ("wanted", "instead", "told"),
    [
        (BOUND, (SKIMMED, OAT), "bound"),  # what can be had and paid for is never replaced
        (replace(BOUND, **TOO_DEAR), (SKIMMED, OAT), "oat"),  # the mandate's order, not the household's
        (replace(BOUND, **TOO_DEAR), (SKIMMED,), "skimmed"),
        (replace(BOUND, **TOO_DEAR), (UNNAMED,), "mandate_outside_range"),
        (replace(BOUND, **TOO_DEAR), (), "mandate_outside_range"),
        (replace(BOUND, total_minor=99), (OAT,), "mandate_outside_range"),  # too cheap is no reason
        (replace(BOUND, quantity=7), (OAT,), "mandate_too_many"),
        (replace(BOUND, currency="EUR", **TOO_DEAR), (OAT,), "mandate_other_currency"),
        (SKIMMED, (OAT,), "oat"),  # the bound one cannot be had
        (SKIMMED, (replace(OAT, **TOO_DEAR),), "skimmed"),
        (SKIMMED, (replace(OAT, quantity=7),), "skimmed"),
        (UNNAMED, (OAT,), "oat"),
        (UNNAMED, (), "mandate_product_not_covered"),
        (replace(OAT, **TOO_DEAR), (replace(SKIMMED, quantity=7),), "mandate_outside_range"),
    ],
)
def test_which_offer_is_paid_for(wanted: Offer, instead: tuple[Offer, ...], told: str) -> None:
    """The bound product, or the first of its substitutes that the mandate names and that fits every limit."""
    assert chosen(wanted, *instead) == told


def test_a_substitute_stands_inside_every_other_limit() -> None:
    """Merchants without a word, the budget, the orders of a life and a mandate that is over refuse it too."""
    dear = replace(BOUND, **TOO_DEAR)
    assert chosen(dear, OAT, SKIMMED, classes={"grocer": "A", "baker": "C"}) == "skimmed"
    assert chosen(SKIMMED, OAT, spent_minor=3_000) == "mandate_over_budget"
    assert chosen(SKIMMED, OAT, record=replace(with_substitutes(), state=MandateState.PAUSED)) == "mandate_not_active"


@given(st.data())
def test_whatever_is_chosen_would_be_granted(data: st.DataObject) -> None:
    """No list of offers leads past a limit, and a substitute is paid for only where the bound one is not to be had."""
    made = st.builds(
        lambda of, most, packs: replace(
            of, total_max_minor=most, total_minor=min(of.total_minor, most), quantity=packs
        ),
        st.sampled_from([SKIMMED, OAT, UNNAMED]), st.integers(50, 4_000), st.integers(1, 9),
    )  # fmt: skip
    wanted = data.draw(
        st.one_of(made, st.builds(lambda c: replace(BOUND, total_max_minor=c), st.integers(1_016, 4_000)))
    )
    instead = data.draw(st.lists(made, max_size=4))
    record, used = with_substitutes(), usage(spent_minor=data.draw(st.integers(0, 3_000)))
    classes = {"grocer": data.draw(st.sampled_from("ABC")), "baker": data.draw(st.sampled_from("ABC"))}
    outcome = choose(record, wanted=wanted, instead=instead, item=MILK, usage=used, class_of=classes.get, now=NOW)
    if isinstance(outcome, Choice):
        assert outcome.offer in (wanted, *instead)
        again = grant(
            record, offer=outcome.offer, item=MILK, usage=used, merchant_class=classes[outcome.offer.merchant], now=NOW
        )
        assert again == outcome.grant
        assert outcome.offer is wanted or wanted.instead_of or wanted.total_max_minor > 2_000


# --- orders that were taken over from the bridge ---


def taken(**changes: object) -> IntentRecord:
    """An order of milk that a restored hub took over, of which nobody knows who gave leave."""
    return replace(intent(), **{"total_minor": 700, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, (700, 1)),
        ({"charged_minor": 650, "state": IntentState.PLACED}, (650, 1)),
        ({"state": IntentState.UNKNOWN}, (700, 1)),
        ({"item": ItemId("bridge-i9")}, (700, 1)),  # a product that is not known here can have been any of its items
        ({"state": IntentState.REFUNDED, "charged_minor": 650}, (0, 1)),
        ({"created_at": NOW + timedelta(days=40)}, (0, 1)),  # of another period, but one of its orders
        ({"state": IntentState.REJECTED}, (0, 0)),
        ({"state": IntentState.CANCELLED}, (0, 0)),
        ({"state": IntentState.EXPIRED}, (0, 0)),
        ({"item": ItemId("oats")}, (0, 0)),
        ({"merchant": "baker"}, (0, 0)),
        ({"item": ItemId("bridge-i9"), "merchant": "baker"}, (0, 0)),
        ({"currency": "EUR"}, (0, 0)),
        ({"created_at": MADE_AT - timedelta(minutes=5)}, (700, 1)),  # by the bridge's clock, which may be behind
        ({"created_at": MADE_AT - timedelta(minutes=10, seconds=1)}, (0, 0)),  # before the mandate was made
    ],
)
def test_what_a_taken_over_order_counts(changes: dict[str, object], counted: tuple[int, int]) -> None:
    """Wherever it can have been a draw, and nowhere else."""
    terms: MandateTerms = mandate().terms
    assert unclear(terms, [taken(**changes)], period_index=0) == counted


@pytest.mark.parametrize(
    ("at", "periods"),
    [
        ("2026-03-31T23:49:59Z", {0}),
        ("2026-03-31T23:55:00Z", {0, 1}),  # by this hub's clock it may have been April
        ("2026-04-01T00:05:00Z", {0, 1}),
        ("2026-04-01T00:10:01Z", {1}),
    ],
)
def test_at_the_turn_of_a_period_it_counts_in_both(at: str, periods: set[int]) -> None:
    """Which clock was right nobody knows, and it is one of the mandate's orders once."""
    order = taken(created_at=datetime.fromisoformat(at))
    counted = {index: unclear(mandate().terms, [order], period_index=index) for index in (0, 1)}
    assert counted == {index: (700 if index in periods else 0, 1) for index in (0, 1)}


@pytest.mark.parametrize(
    ("changes", "minor"),
    [
        ({}, 770),  # it may be charged up to there
        ({"state": IntentState.UNKNOWN}, 770),
        ({"charged_minor": 650, "state": IntentState.PLACED}, 650),
        ({"state": IntentState.REFUNDED}, 0),
    ],
)
def test_it_counts_its_ceiling_until_the_charge_is_known(changes: dict[str, object], minor: int) -> None:
    """The price may still move within what was approved."""
    order = taken(**changes)
    assert unclear(mandate().terms, [order], ceilings_minor={order.id: 770}, period_index=0) == (minor, 1)


def test_what_is_unclear_leaves_no_room_in_the_budget() -> None:
    """It stands beside what was reserved and spent."""
    used = replace(usage(reserved_minor=500, spent_minor=500), unclear_minor=3_000 - 1_000 - CEILING)
    assert used.used_minor == 3_000 - CEILING
    request = DrawRequest(MandateId("m1"), 1, 0, CEILING, "USD")
    assert over_budget(mandate().terms, usage=used, request=request) is None
    refused = over_budget(mandate().terms, usage=replace(used, unclear_minor=used.unclear_minor + 1), request=request)
    assert refused is not None
    assert refused.reason is RefusalReason.OVER_BUDGET
