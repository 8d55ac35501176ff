"""Which news of an order is told, since when and until when; and that everything else is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.catalogue import Household
from edge_agent.core.deciding.problem import MENDED_WITHIN
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.notifying.news import (
    ENDS_WITHIN,
    NEEDS_A_PERSON,
    TOLD_WITHIN,
    About,
    News,
    as_question,
    news,
    over,
)
from edge_agent.core.notifying.plan import ChannelId, Receipt, ReceiptState
from edge_agent.core.notifying.texts import telling
from edge_agent.core.order_facts import OrderFacts
from tests.edge_agent.samples import MILK, NOW, intent

S, A = IntentState, About
HOME = Household(items=(MILK,))
OTHER = OrderFacts(delivered_quantity=4, substitute_sku="oat")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def order(state: IntentState, **changes: object) -> IntentRecord:
    """An order for four packs of milk that has come to this state now."""
    return replace(intent(state=state), **changes)  # type: ignore[arg-type]


def abouts(orders: Sequence[IntentRecord], *, after: timedelta = timedelta()) -> list[About]:
    """What is told of them."""
    return [each.about for each in news(orders, household=HOME, now=NOW + after)]


@pytest.mark.parametrize(
    ("told_of", "about"),
    [
        (order(S.REJECTED, detail="payment_failed"), A.REFUSED),
        (order(S.REJECTED, detail="address_undeliverable"), A.REFUSED),
        (order(S.REJECTED, detail="out_of_stock"), A.REFUSED),
        (order(S.NEEDS_BUYER), A.UNFINISHED),
        (order(S.PARKED), A.IN_DOUBT),
        (order(S.DELIVERED, facts=OTHER), A.TO_BE_COUNTED),
        (order(S.CANCELLED, detail="cancelled_by_household", withdrawn_for="bought_elsewhere"), A.TAKEN_BACK),
        (order(S.CANCELLED, detail="cancelled_by_merchant"), A.CANCELLED),
        (order(S.DELIVERED, facts=OrderFacts(delivered_quantity=3)), A.SHORT),
        (order(S.NEVER_ARRIVED), A.LOST),
    ],
)
def test_what_is_told(told_of: IntentRecord, about: About) -> None:
    """Each once, under a name of its own."""
    assert abouts([told_of]) == [about]
    assert abouts([told_of], after=TOLD_WITHIN) == []


@pytest.mark.parametrize(
    "not_told_of",
    [
        *(order(state) for state in S if state not in {S.NEEDS_BUYER, S.PARKED, S.NEVER_ARRIVED}),
        order(S.REJECTED, detail="merchant_refused"),
        order(S.REJECTED, detail="payment_failed", problem_word="mended"),
        order(S.REJECTED, detail="payment_failed", problem_word="let_be"),
        order(S.CANCELLED, detail="cancelled_by_household"),
        order(S.NEVER_ARRIVED, detail="said_by_household"),
        order(S.HELD, withdrawn_for="bought_elsewhere"),
        order(S.DELIVERED, facts=OrderFacts(delivered_quantity=4, returned_quantity=1, refunded_minor=5)),
        order(S.PARTLY_DELIVERED, facts=OrderFacts(delivered_quantity=3)),
        order(S.SHIPPED, facts=replace(OTHER, delivered_quantity=0)),
    ],
)
def test_what_is_not_told(not_told_of: IntentRecord) -> None:
    """What goes as it should, what a person said, and what stands on the page well enough."""
    assert abouts([not_told_of]) == []


@pytest.mark.parametrize(
    ("open_one", "first", "last"),
    [
        (order(S.REJECTED, detail="out_of_stock"), A.REFUSED, A.REFUSED_ENDS),
        (order(S.NEEDS_BUYER), A.UNFINISHED, A.UNFINISHED_ENDS),
    ],
)
def test_what_waits_for_a_person_is_told_again_before_it_ends(
    open_one: IntentRecord, first: About, last: About
) -> None:
    """A day before the three days are over, until they are."""
    call = MENDED_WITHIN - ENDS_WITHIN
    said = {after: abouts([open_one], after=after) for after in (call - MINUTE, call, MENDED_WITHIN - MINUTE)}
    assert list(said.values()) == [[first], [last], [last]]
    assert abouts([open_one], after=MENDED_WITHIN) == []
    [told] = news([open_one], household=HOME, now=NOW + call)
    assert (told.since, told.until) == (NOW + call, NOW + MENDED_WITHIN)


def test_what_a_newer_order_has_overtaken_is_old_news() -> None:
    """But goods and money that may be missing are not."""
    newer = order(S.PLACED, id=IntentId("i2"))
    for stale in (
        order(S.REJECTED, detail="out_of_stock"),
        order(S.CANCELLED, withdrawn_for="bought_elsewhere"),
        order(S.CANCELLED, detail="cancelled_by_merchant"),
    ):
        assert abouts([newer, stale]) == []
    assert abouts([newer, order(S.NEVER_ARRIVED)]) == [A.LOST]
    assert abouts([newer, order(S.DELIVERED, facts=OTHER)]) == [A.TO_BE_COUNTED]


def test_what_was_told_and_is_over_ends() -> None:
    """A receipt of news without its news; one of a question is left to the question."""
    told = news([order(S.PARKED)], household=HOME, now=NOW)
    [topic] = [each.topic for each in told]
    kept = [
        Receipt(PromptId(name), "anna", ChannelId("c"), ReceiptState.SENT, 1, NOW) for name in (topic, "i9/lost", "p1")
    ]
    [gone] = over(kept, told=told)
    assert (gone.prompt, gone.is_news, gone.is_live) == ("i9/lost", True, False)
    assert as_question(told[0]).prompt == topic


def test_every_news_has_its_words() -> None:
    """No goods, no merchant and no price in any of them; the time until which it can be mended in those that end."""
    zone = ZoneInfo("Europe/Berlin")
    said = {
        about: telling([News(about, IntentId("i1"), PromptId("p1"), order(S.PLACED).item, NOW, NOW + DAY)], zone=zone)
        for about in About
    }
    assert len({each.body() for each in said.values()}) == len(About)
    assert {about for about, each in said.items() if "until Tue 3 Mar, 09:00" in each.body()} == {
        A.REFUSED, A.REFUSED_ENDS, A.UNFINISHED, A.UNFINISHED_ENDS,
    }  # fmt: skip
    assert {about for about, each in said.items() if each.title == "An order needs you"} == NEEDS_A_PERSON
    both = news(
        [order(S.REJECTED, detail="out_of_stock"), order(S.NEVER_ARRIVED, id=IntentId("i2"))],
        household=HOME,
        now=NOW,
    )
    one = telling(both, zone=zone)
    assert one.title == "An order needs you", "the other one only tells"
    assert "until Thu 5 Mar, 09:00" in one.body()
    assert "counts as lost" in one.body()
    assert "Milk" not in one.body()
    assert telling(both, zone=zone, names={each.topic: "Milk" for each in both}).body().startswith("About: Milk.")
    assert telling(both[1:], zone=zone).title == "News of an order"


@given(
    state=st.sampled_from(IntentState),
    detail=st.sampled_from([None, "payment_failed", "cancelled_by_merchant", "said_by_household"]),
    withdrawn=st.sampled_from([None, "bought_elsewhere"]),
    word=st.sampled_from([None, "mended", "let_be"]),
    hours=st.integers(0, 100),
)
def test_news_is_never_old_and_never_doubled(
    state: IntentState, detail: str | None, withdrawn: str | None, word: str | None, hours: int
) -> None:
    """Whatever an order is: of one kind once, begun already, and not over."""
    one = order(state, detail=detail, withdrawn_for=withdrawn, problem_word=word)
    now = NOW + timedelta(hours=hours)
    told = news([one], household=HOME, now=now)
    assert len({each.topic for each in told}) == len(told)
    assert all(each.since <= now < each.until <= NOW + TOLD_WITHIN for each in told)
    assert NEEDS_A_PERSON.isdisjoint({each.about for each in told}) or word is None or state is not S.REJECTED
