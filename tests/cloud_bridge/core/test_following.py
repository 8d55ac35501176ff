"""What a merchant's picture of an order changes: the table, and the laws that no picture breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.core.following import FACTS, news
from cloud_bridge.core.order import FOLLOWING, Change, Detail, OrderRecord, advance, is_followed, tell
from cloud_bridge.core.outcome import Followed, Progress
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.core.test_order import order
from tests.cloud_bridge.rig import START

S, P, D = OrderState, Progress, Detail
CHARGED = 858
ONE_BACK_ONE_TO_COME = Followed(P.PARTLY_DELIVERED, delivered=1, returned=1)
COUNTS = ("delivered_quantity", "returned_quantity", "refunded_minor")


def placed(state: S = S.PLACED, *, detail: str | None = None) -> OrderRecord:
    """An order of two packs that the merchant has."""
    known = replace(order(state), merchant_order_id="o-1", total_minor=CHARGED, currency="USD")
    return replace(known, detail=detail)


def follow(known: OrderRecord, told: Followed) -> OrderRecord:
    """The order after the merchant said this."""
    found = news(known, told)
    if found is None:
        return known
    change: Change = (
        advance(known, *found.way, now=START, detail=found.detail, **found.facts)
        if found.way
        else tell(known, now=START, detail=found.detail, **found.facts)
    )
    return change.after


@pytest.mark.parametrize(
    ("state", "told", "after", "detail"),
    [
        (S.PLACED, Followed(P.SHIPPED), S.SHIPPED, None),
        (S.SHIPPED, Followed(P.PARTLY_DELIVERED, delivered=1), S.PARTLY_DELIVERED, None),
        (S.SHIPPED, Followed(P.DELIVERED, delivered=2, returned=1), S.DELIVERED, D.PARTLY_RETURNED),
        (S.DELIVERED, Followed(P.DELIVERED, delivered=2, returned=2), S.RETURNED, None),
        (S.DELIVERED, Followed(P.DELIVERED, returned=2), S.RETURNED, None),
        (S.DELIVERED, Followed(P.RETURNED), S.RETURNED, None),
        (S.DELIVERED, Followed(P.RETURNED, delivered=2, returned=1), S.DELIVERED, D.PARTLY_RETURNED),
        (
            S.PARTLY_DELIVERED,
            Followed(P.PARTLY_DELIVERED, delivered=1, returned=1),
            S.PARTLY_DELIVERED,
            D.PARTLY_RETURNED,
        ),
        (S.DELIVERED, Followed(P.DELIVERED, refunded_minor=100), S.DELIVERED, D.PARTLY_REFUNDED),
        (S.DELIVERED, Followed(P.DELIVERED, refunded_minor=CHARGED), S.REFUNDED, None),
        (S.DELIVERED, Followed(P.REFUNDED), S.REFUNDED, None),
        (S.DELIVERED, Followed(P.REFUNDED, refunded_minor=100), S.DELIVERED, D.PARTLY_REFUNDED),
        (S.RETURNED, Followed(P.DELIVERED, refunded_minor=CHARGED), S.REFUNDED, None),
        (S.CANCELLED, Followed(P.CANCELLED, refunded_minor=100), S.CANCELLED, D.PARTLY_REFUNDED),
        (S.CANCELLED, Followed(P.CANCELLED, refunded_minor=CHARGED), S.REFUNDED, None),
        (S.SHIPPED, Followed(P.CANCELLED), S.CANCELLED, D.CANCELLED_BY_MERCHANT),
        (S.SHIPPED, Followed(P.RETURNED, delivered=0), S.CANCELLED, D.CANCELLED_BY_MERCHANT),
        (S.NEVER_ARRIVED, Followed(P.RETURNED), S.NEVER_ARRIVED, None),
        (S.NEVER_ARRIVED, Followed(P.DELIVERED), S.DELIVERED, None),
        (S.NEVER_ARRIVED, Followed(P.PREPARING, refunded_minor=CHARGED), S.REFUNDED, None),
        (S.DELIVERED, Followed(P.SHIPPED), S.DELIVERED, None),
        (S.CANCELLED, Followed(P.DELIVERED), S.CANCELLED, None),
    ],
)
def test_each_picture_leads_where_the_table_says(state: S, told: Followed, after: S, detail: Detail | None) -> None:
    """The state after it, and what is said beside it."""
    found = follow(placed(state), told)
    assert (found.state, found.detail) == (after, detail)


def test_what_is_known_is_no_news() -> None:
    """The same picture again changes nothing, so that nobody is told twice."""
    told = Followed(
        P.SHIPPED, ordered=2, delivered=0, expected_on=date(2026, 3, 9), tracking_url="https://shop.example/1"
    )
    known = follow(placed(), told)
    assert news(known, told) is None


@pytest.mark.parametrize(
    "told",
    [
        Followed(P.PREPARING, expected_on=date(2026, 3, 9)),
        Followed(P.PREPARING, tracking_url="https://shop.example/1"),
        Followed(P.PREPARING, substitute_sku="other"),
        Followed(P.PREPARING, delivered=1),
        Followed(P.PREPARING, ordered=1),
    ],
)
def test_a_fact_alone_is_news_and_keeps_what_was_said(told: Followed) -> None:
    """It is told in the state that stands, with the detail that stands."""
    found = news(placed(detail=D.CHARGED_ABOVE_LIMIT), told)
    assert found is not None
    assert (found.way, found.detail) == ((), D.CHARGED_ABOVE_LIMIT)


def test_packs_that_are_called_off_are_told_once_and_may_come_back() -> None:
    """As many as were ordered is nothing to tell, until fewer were: what is called off may be put back."""
    assert news(placed(), Followed(P.PREPARING, ordered=2)) is None
    fewer = follow(placed(), Followed(P.PREPARING, ordered=1))
    assert fewer.ordered_quantity == 1
    assert news(fewer, Followed(P.PREPARING)) is None
    assert follow(fewer, Followed(P.PREPARING, ordered=9)).ordered_quantity == 2


def test_an_older_picture_takes_nothing_back() -> None:
    """One that knows of fewer packs is late: its day, address and product are those of then."""
    newest = Followed(
        P.PARTLY_DELIVERED, delivered=1, expected_on=date(2026, 3, 12), tracking_url="https://a.example/2"
    )
    known = follow(placed(S.SHIPPED), newest)
    late = Followed(P.SHIPPED, delivered=0, expected_on=date(2026, 3, 9), tracking_url="https://a.example/1")
    assert news(known, late) is None


def test_what_the_wire_cannot_tell_is_not_believed() -> None:
    """A merchant's nonsense never stops the news of a household."""
    told = Followed(
        P.PREPARING, delivered=-1, returned=10**9, refunded_minor=10**15, substitute_sku="a b", tracking_url="ftp://x"
    )
    assert news(placed(), told) is None


PICTURES = st.builds(
    Followed,
    st.sampled_from(P),
    ordered=st.none() | st.integers(0, 3),
    delivered=st.none() | st.integers(0, 3),
    returned=st.none() | st.integers(0, 3),
    refunded_minor=st.none() | st.sampled_from([0, 100, CHARGED, 2 * CHARGED]),
    substitute_sku=st.none() | st.sampled_from(["a", "b"]),
    expected_on=st.none() | st.dates(date(2026, 3, 1), date(2026, 3, 9)),
    tracking_url=st.none() | st.just("https://shop.example/1"),
)
FOLLOWED = st.sampled_from(sorted((FOLLOWING - {S.NEEDS_BUYER}) | {S.CANCELLED}))


@given(state=FOLLOWED, pictures=st.lists(PICTURES, max_size=6))
def test_no_sequence_of_pictures_breaks_a_law(state: S, pictures: list[Followed]) -> None:
    """Counts never fall, the table is kept (or `advance` raises), and each picture is news once at the most."""
    known = placed(state)
    for told in pictures:
        if not is_followed(known):
            assert known.state is S.REFUNDED
            break
        after = follow(known, told)
        assert all((getattr(known, name) or 0) <= (getattr(after, name) or 0) for name in COUNTS)
        kept = (after.delivered_quantity or 0) - (after.returned_quantity or 0)
        says_kept = after.returned_quantity is not None and kept > 0  # what nobody counted is unknown, and not nothing
        assert after.state is not S.RETURNED or known.state is S.RETURNED or not says_kept
        assert after.state is not S.REFUNDED or told.progress is P.REFUNDED or (after.refunded_minor or 0) >= CHARGED
        assert news(after, told) is None or after.state is S.REFUNDED
        known = after


def test_the_facts_are_those_of_the_record() -> None:
    """Store and wire take them by these names."""
    assert set(news(placed(), Followed(P.SHIPPED)).facts) == set(FACTS)  # type: ignore[union-attr]
