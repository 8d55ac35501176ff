"""How long an item is left alone: after declining, cancelling once, cancelling twice, and not answering."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edge_agent.core.catalogue import DateRange
from edge_agent.core.deciding.back_off import Quiet, quiet
from edge_agent.core.intent import CANCELLED_BY_HOUSEHOLD, IntentRecord, IntentState
from edge_agent.core.messages import IntentId, Refill, StockEstimate
from edge_agent.core.order_facts import OrderFacts
from edge_agent.core.prompt import DeclineReason, PromptRecord, PromptState
from tests.edge_agent.consumables import MILK, START, stock_estimate
from tests.edge_agent.core.deciding.test_position import ORDER
from tests.edge_agent.core.test_prompt import prompt as open_prompt

TAKEN_BACK = replace(ORDER, state=IntentState.CANCELLED, detail=CANCELLED_BY_HOUSEHOLD)
STOCK = stock_estimate(MILK, packs=1.0)


def after(
    *orders: IntentRecord, days: float, prompts: tuple[PromptRecord, ...] = (), refilled_packs: float = 0.0
) -> Quiet | None:
    """What stands against asking so many days after the last of the orders."""
    refill = Refill(at=START + timedelta(days=1), amount=refilled_packs * MILK.product.pack_amount)
    stock = replace(STOCK, refills=(refill,)) if refilled_packs else STOCK
    now = START + timedelta(days=days)
    return quiet(MILK, prompts=prompts, orders=orders, estimate=stock, price=None, now=now)


def test_after_a_first_cancellation_five_days() -> None:
    """And then it may be asked again."""
    assert after(TAKEN_BACK, days=4.9) is not None
    assert after(TAKEN_BACK, days=5.0) is None


def test_after_a_second_one_until_the_stock_is_full_again() -> None:
    """However long that takes; a pack from the shop does not fill it."""
    twice = (TAKEN_BACK, replace(TAKEN_BACK, id=IntentId("i0")))
    for packs in (0.0, 1.0):
        found = after(*twice, days=300, refilled_packs=packs)
        assert found is not None
        assert (found.until, found.reason.code) == (None, "quiet_until_full")
    assert after(*twice, days=300, refilled_packs=4.0) is None


def test_an_order_that_came_in_between_starts_afresh() -> None:
    """Only cancellations in a row count."""
    came = replace(ORDER, state=IntentState.DELIVERED)
    assert after(TAKEN_BACK, came, TAKEN_BACK, days=6) is None


def test_a_refusal_of_the_merchant_is_no_cancellation() -> None:
    """Twice refused: asked again after a day."""
    refused = replace(ORDER, state=IntentState.REJECTED, detail="merchant_refused")
    assert after(refused, refused, days=0.9) is not None
    assert after(refused, refused, days=1.1) is None


@pytest.mark.parametrize("detail", ["payment_failed", "address_undeliverable", "out_of_stock"])
def test_what_can_be_mended_has_three_days(detail: str) -> None:
    """And is asked about at once when somebody says that it is, but not when it is let be."""
    refused = replace(ORDER, state=IntentState.REJECTED, detail=detail)
    found = after(refused, days=2.9)
    assert found is not None
    assert found.reason.code == "problem_open"
    assert after(refused, days=3.0) is None
    assert after(replace(refused, problem_word="mended"), days=0.1) is None
    assert after(replace(refused, problem_word="let_be"), days=2.9) is not None


def test_a_buyer_who_did_not_finish_had_those_days() -> None:
    """The item may be asked about as soon as the order has ended."""
    ended = replace(ORDER, state=IntentState.EXPIRED, detail="buyer_did_not_finish")
    assert after(ended, days=0.0) is None


def test_what_came_instead_is_counted_first() -> None:
    """For three days, also where a mandate would pay for more."""
    facts = OrderFacts(delivered_quantity=2, substitute_sku="something-else")
    came = replace(ORDER, state=IntentState.DELIVERED, facts=facts, delivered_at=START)
    found = after(came, days=2.9)
    assert found is not None
    assert found.reason.code == "count_first"
    assert after(came, days=3.0) is None


@pytest.mark.parametrize(("unanswered", "hours"), [(1, 12), (2, 24), (3, 48), (9, 168)])
def test_who_does_not_answer_is_asked_more_and_more_rarely(unanswered: int, hours: int) -> None:
    """Half a day, a day, two days, and a week at the most."""
    expired = replace(open_prompt(), state=PromptState.EXPIRED, changed_at=START)
    before, later = ((hours + shift) / 24 for shift in (-0.1, 0.1))
    assert after(days=before, prompts=(expired,) * unanswered) is not None
    assert after(days=later, prompts=(expired,) * unanswered) is None


def test_an_item_that_is_left_alone_waits_for_a_refill() -> None:
    """However long that takes; an answer, or a refill since it was asked, and it is asked about as any other."""
    left = MILK.model_copy(update={"if_unanswered": "left_alone"})
    asked = replace(open_prompt(), state=PromptState.EXPIRED, created_at=START, changed_at=START)
    refilled = replace(STOCK, refills=(Refill(at=START + timedelta(days=1), amount=1.0),))
    far = START + timedelta(days=300)

    def found(prompt: PromptRecord, stock: StockEstimate = STOCK) -> Quiet | None:
        return quiet(left, prompts=(prompt,), orders=(), estimate=stock, price=None, now=far)

    waits = found(asked)
    assert waits is not None
    assert (waits.until, waits.reason.code) == (None, "quiet_until_refilled")
    assert found(asked, refilled) is None
    assert found(replace(asked, state=PromptState.APPROVED)) is None


@pytest.mark.parametrize(("times", "days"), [(1, 3), (2, 6), (3, 12), (4, 14), (9, 14)])
def test_who_always_has_a_spare_is_asked_more_rarely(times: int, days: int) -> None:
    """Three days, six, twelve, and two weeks at the most."""
    declined = replace(
        open_prompt(), state=PromptState.DECLINED, decline_reason=DeclineReason.HAVE_SPARE, changed_at=START
    )
    assert after(days=days - 0.1, prompts=(declined,) * times) is not None
    assert after(days=days, prompts=(declined,) * times) is None


def test_who_declined_for_being_away_is_asked_again_when_back() -> None:
    """The told absence ends the silence, earlier or later than a week; without one it is a week."""
    going = replace(
        open_prompt(), state=PromptState.DECLINED, decline_reason=DeclineReason.GOING_AWAY, changed_at=START
    )
    today = START.date()
    short = DateRange(first=today, last=today + timedelta(days=2))
    long = DateRange(first=today + timedelta(days=1), last=today + timedelta(days=11))

    def silent(days: float, *away: DateRange) -> bool:
        now = START + timedelta(days=days)
        return quiet(MILK, prompts=[going], orders=[], estimate=STOCK, price=None, away=away, now=now) is not None

    assert silent(6.9)
    assert not silent(7.1)
    assert not silent(3.0, short)
    assert silent(9.0, long)
    assert not silent(12.0, long)
