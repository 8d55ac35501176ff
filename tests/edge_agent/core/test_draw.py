"""What a mandate pays for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.draw import DrawRequest, Grant, Refusal, RefusalReason, grant, over_budget
from edge_agent.core.mandate import MandateRecord, MandateState, period_of
from edge_agent.core.messages import ItemId, MandateId
from edge_agent.core.period import Frequency
from edge_agent.core.terms import Offer
from tests.edge_agent.leave import MADE_AT, draft, mandate, mandate_terms, usage
from tests.edge_agent.samples import NOW, offer

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
