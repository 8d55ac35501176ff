"""What follows from a look-up, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.core.backoff import delay
from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.core.keys import order_key
from cloud_bridge.core.order import Attempt, AttemptOutcome, Detail
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Placed, Standing
from cloud_bridge.core.quote import Quote, broken_term, wanted_by
from cloud_bridge.core.recovery import (
    ATTEMPTS_MAX,
    PARK_AFTER,
    Doubt,
    Recovery,
    is_ours,
    next_step,
    send_before,
    should_park,
)
from cloud_bridge.merchants.capabilities import UCP
from cloud_bridge.wire import DeliveryChoice, OrderState, figures
from tests.cloud_bridge.core.test_order import order
from tests.cloud_bridge.rig import MILK, START, Signer

OPEN = Open(858, "USD")
SENT = Attempt(1, "key", "a" * 64, START)
REFUSED = Attempt(2, "key", "a" * 64, START, START, AttemptOutcome.REJECTED, "payment_failed")
SOON, LATER, HALF = timedelta(minutes=1), timedelta(minutes=4), timedelta(hours=12)


@pytest.mark.parametrize(
    ("found", "after", "changes", "step"),
    [
        (Placed("o-1", 858, "USD"), SOON, {}, Recovery.ACCEPT),
        (Placed("o-1", 858, "USD"), HALF * 9, {}, Recovery.ACCEPT),
        (NeedsBuyer("https://shop.example/finish"), SOON, {}, Recovery.ACCEPT),
        (Standing.BUSY, HALF, {}, Recovery.WAIT),
        (Standing.ORDERED, SOON, {}, Recovery.REPLAY),
        (Standing.ORDERED, HALF, {}, Recovery.WAIT),
        (Standing.ORDERED, SOON, {"frozen": True}, Recovery.WAIT),
        (Standing.ORDERED, SOON, {"body_sha256": "b" * 64}, Recovery.WAIT),
        (OPEN, SOON, {}, Recovery.REPLAY),
        (OPEN, HALF - SOON, {}, Recovery.REPLAY),
        (OPEN, HALF, {}, Recovery.CLOSE),
        (OPEN, SOON, {"attempts": (SENT,) * ATTEMPTS_MAX}, Recovery.CLOSE),
        (OPEN, SOON, {"attempts": (SENT, REFUSED)}, Recovery.CLOSE),
        (OPEN, SOON, {"body_sha256": "b" * 64}, Recovery.CLOSE),
        (OPEN, timedelta(days=3), {}, Recovery.CLOSE),
        (Open(900, "USD"), SOON, {}, Recovery.REPLAY),
        (Open(901, "USD"), SOON, {}, Recovery.CLOSE),
        (Open(858, "EUR"), SOON, {}, Recovery.CLOSE),
        (Open(None, "USD"), SOON, {}, Recovery.CLOSE),
        (Standing.CLOSED, SOON, {}, Recovery.WAIT),
        (Standing.CLOSED, LATER, {}, Recovery.GIVE_UP),
        (Standing.MISSING, LATER, {"misses": 1}, Recovery.WAIT),
        (Standing.MISSING, LATER, {"misses": 2}, Recovery.GIVE_UP),
        (Standing.MISSING, SOON, {"misses": 9}, Recovery.WAIT),
        (OPEN, SOON, {"frozen": True}, Recovery.WAIT),
        (OPEN, SOON, {"leave_holds": False}, Recovery.CLOSE),
        (OPEN, -SOON, {}, Recovery.CLOSE),
    ],
)
def test_a_look_up_leads_to_one_step(
    found: Lookup, after: timedelta, changes: dict[str, object], step: Recovery
) -> None:
    """No replay past half the key's life, with another body, after a refusal or above the ceiling.

    No proof before the lag is over; nothing sent while frozen, without leave, or with a clock that went back.
    """
    assert next_step(found, _doubt(after, changes)) is step


def _doubt(after: timedelta, changes: dict[str, object], *, capability: Capability = UCP) -> Doubt:
    values: dict[str, Any] = {"attempts": (SENT,), "body_sha256": "a" * 64, **changes}
    record = replace(order(OrderState.UNKNOWN), misses=values.pop("misses", 0))
    return Doubt(order=record, capability=capability, now=START + after, **values)


@pytest.mark.parametrize(
    ("found", "after", "changes", "step"),
    [
        (Standing.MISSING, LATER, {"misses": 1}, Recovery.WAIT),
        (Standing.MISSING, SOON, {"misses": 9}, Recovery.WAIT),
        (Standing.MISSING, LATER, {"misses": 2}, Recovery.RESEND),
        (OPEN, SOON, {"misses": 9}, Recovery.WAIT),
        (OPEN, LATER, {"misses": 1}, Recovery.WAIT),
        (OPEN, LATER, {"misses": 2}, Recovery.RESEND),
        (Open(901, "USD"), SOON, {}, Recovery.CLOSE),
        (Standing.MISSING, LATER, {"misses": 2, "frozen": True}, Recovery.WAIT),
        (Standing.MISSING, LATER, {"misses": 2, "leave_holds": False}, Recovery.GIVE_UP),
        (Standing.MISSING, HALF, {"misses": 2}, Recovery.GIVE_UP),
        (OPEN, HALF, {"misses": 2}, Recovery.CLOSE),
        (Standing.MISSING, timedelta(minutes=4), {"misses": 2, "attempts": (SENT,) * ATTEMPTS_MAX}, Recovery.GIVE_UP),
        (Placed("o-1", 858, "USD"), SOON, {}, Recovery.ACCEPT),
        (Standing.CLOSED, LATER, {}, Recovery.GIVE_UP),
    ],
)
def test_class_b_is_asked_again_only_after_a_proof(
    found: Lookup, after: timedelta, changes: dict[str, object], step: Recovery
) -> None:
    """Twice the lag and several misses, however often it was missed before; then the same order once more."""
    class_b = replace(UCP, merchant_class=MerchantClass.B)
    assert next_step(found, _doubt(after, changes, capability=class_b)) is step


CLASS_C = replace(UCP, merchant_class=MerchantClass.C, shows_orders=True)


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (Placed("o-1", 858, "USD"), Recovery.ACCEPT),
        (Placed("o-1", 858, "USD", reference="0" * 36), Recovery.PARK),
        (OPEN, Recovery.WAIT),
        (Open(901, "USD"), Recovery.WAIT),
        *((standing, Recovery.WAIT) for standing in Standing),
    ],
)
@pytest.mark.parametrize("after", [SOON, LATER, HALF, HALF * 9])
@pytest.mark.parametrize("misses", [0, 9])
def test_at_class_c_a_look_up_can_only_say_yes(found: Lookup, step: Recovery, after: timedelta, misses: int) -> None:
    """Neither time nor misses make a proof of "not there": nothing is sent again, closed or given up."""
    assert next_step(found, _doubt(after, {"misses": misses}, capability=CLASS_C)) is step


@pytest.mark.parametrize(
    ("capability", "after"),
    [(UCP, PARK_AFTER), (replace(UCP, merchant_class=MerchantClass.B), PARK_AFTER), (CLASS_C, 2 * UCP.lookup_lag)],
)
def test_a_doubt_is_shown_to_a_person_once_waiting_may_not_help_any_more(
    capability: Capability, after: timedelta
) -> None:
    """At class C that is as soon as the order should have shown up."""
    second = timedelta(seconds=1)
    assert not should_park((SENT,), capability=capability, now=START + after - second)
    assert should_park((SENT,), capability=capability, now=START + after)


OURS = order_key("0" * 64)
ASKED = (replace(SENT, total_minor=858), replace(SENT, n=2, total_minor=870))


@pytest.mark.parametrize(
    ("found", "attempts", "believed"),
    [
        (Placed("o-1", 858, "USD"), ASKED, True),
        (Placed("o-1", 870, "USD"), ASKED, True),
        (Placed("o-1", 858, "USD", OURS, MILK, 2), ASKED, True),
        (Placed("o-1", 859, "USD"), ASKED, False),
        (Placed("o-1", 100, "USD"), ASKED, False),
        (Placed("o-1", 858, "EUR"), ASKED, False),
        (Placed("o-1", 858, "USD", reference="0" * 36), ASKED, False),
        (Placed("o-1", 858, "USD", sku="eggs"), ASKED, False),
        (Placed("o-1", 858, "USD", quantity=3), ASKED, False),
        (Placed("o-1", 900, "USD"), (SENT,), True),  # an attempt of before, whose price nobody kept
        (Placed("o-1", 901, "USD"), (SENT,), False),
        (Placed("o-1", 858, "USD", OURS), (), True),
        (Placed("o-1", 901, "USD", OURS), (), False),
    ],
)
def test_an_order_that_a_look_up_shows_is_believed_if_it_is_ours(
    found: Placed, attempts: tuple[Attempt, ...], believed: bool
) -> None:
    """Reference, product and quantity where they are told, the currency, and exactly what was asked for."""
    asked = replace(order(OrderState.UNKNOWN), terms=Signer().intent(total_max_minor=900).terms)
    assert is_ours(found, asked, attempts) == believed
    doubt = Doubt(order=asked, attempts=attempts or (SENT,), body_sha256="a" * 64, capability=UCP, now=START)
    if attempts:
        assert next_step(found, doubt) is (Recovery.ACCEPT if believed else Recovery.PARK)


@pytest.mark.parametrize(
    ("held_for", "offer_lasts", "window"),
    [
        (timedelta(0), timedelta(days=3), timedelta(hours=12)),
        (timedelta(hours=2), timedelta(days=3), timedelta(hours=14)),
        (timedelta(0), timedelta(hours=5), timedelta(hours=5)),
    ],
)
def test_an_order_is_sent_within_half_a_keys_life_of_its_hold_or_not_at_all(
    held_for: timedelta, offer_lasts: timedelta, window: timedelta
) -> None:
    """So that a merchant still knows the key, whatever a restored store has forgotten."""
    terms = Signer().intent(offer_expires_at=START + offer_lasts).terms
    held = replace(order(OrderState.HELD), terms=terms, hold_until=START + held_for)
    assert send_before(held, UCP, at_least=timedelta(minutes=2)) == START + window
    fast = send_before(held, UCP, at_least=timedelta(days=2))
    assert fast == START + min(offer_lasts, held_for + timedelta(days=2))


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, False),
        ({"total_minor": 900}, False),
        ({"total_minor": 901}, True),
        ({"currency": "EUR"}, True),
        ({"quantity": 3}, True),
        ({"sku": "other"}, True),
    ],
)
def test_a_quote_is_compared_with_what_was_signed(changes: dict[str, object], broken: bool) -> None:
    """Product, quantity and currency exactly; the total up to its ceiling."""
    values: dict[str, Any] = {
        "session_id": "s",
        "sku": MILK,
        "title": "Milk",
        "quantity": 2,
        "unit_price_minor": 179,
        "delivery_minor": 500,
        "total_minor": 858,
        "currency": "USD",
        **changes,
    }
    quote = Quote(**values)
    assert (broken_term(quote, Signer().intent(total_max_minor=900).terms) is not None) == broken


@pytest.mark.parametrize(
    ("agreed", "title", "broken"),
    [
        ("1", "Whole milk 1 L", False),
        ("1", "WHOLE MILK, 1,0 l (new look)", False),
        ("1", "Whole milk", False),
        (None, "Whole milk 500 mL", False),
        ("1", "Whole milk 500 mL", True),
        ("1", "Whole milk 0.5 L", True),
        ("4 330", "Cola, 330 mL x 4", False),
        ("6 330", "Cola 4 x 330 mL", True),
        ("30", "30 coffee pads", False),
        ("30", "20 coffee pads", True),
    ],
)
def test_a_title_with_other_numbers_is_another_pack(agreed: str | None, title: str, broken: bool) -> None:
    """Whatever words and units it is in; a title without a number, or terms without any, say nothing."""
    quote = Quote("s", MILK, title, 2, unit_price_minor=179, delivery_minor=500, total_minor=858, currency="USD")
    terms = Signer().intent(title_figures=agreed).terms
    assert (broken_term(quote, terms) is Detail.TERMS_CHANGED) == broken


@given(st.text(max_size=300))
def test_the_numbers_of_any_title_can_be_told(title: str) -> None:
    """Whatever a merchant writes fits into the terms, and says the same however often it is read."""
    told = figures(title)
    assert Signer().intent(title_figures=told).terms.title_figures == told == figures(title)


_STD, _FAST = DeliveryChoice(id="std", kind="standard"), DeliveryChoice(id="fast")


@pytest.mark.parametrize(
    ("priced", "signed", "broken"),
    [
        (_STD, _STD, False),
        (_STD, None, False),
        (None, None, False),
        (_FAST, _STD, True),
        (None, _STD, True),
        (DeliveryChoice(id="std"), _STD, True),
        (DeliveryChoice(id="std", kind="pick_up_point"), _STD, True),
    ],
)
def test_a_quote_by_another_way_of_delivery_is_not_what_was_signed(
    priced: DeliveryChoice | None, signed: DeliveryChoice | None, *, broken: bool
) -> None:
    """Whatever a connector or its merchant made of what was wanted; without a signed way the merchant chooses."""
    quote = Quote("s", MILK, "Milk", 2, 179, 500, 858, "USD", delivery=priced)
    terms = Signer().intent(total_max_minor=900, delivery_option=signed).terms
    assert wanted_by(terms).delivery == signed
    assert (broken_term(quote, terms) is not None) == broken


def test_waits_grow_and_stay_inside_their_bounds() -> None:
    """Doubling from the first to the longest, less up to half by jitter."""
    waits = [delay(tries, first_s=30, longest_s=3_600, jitter=0.0).total_seconds() for tries in range(9)]
    assert waits == [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
    assert delay(10**9, first_s=30, longest_s=3_600, jitter=0.999).total_seconds() > 1_800


@pytest.mark.parametrize(("asked_s", "wait_s"), [(None, 30), (10.0, 30), (45.0, 45), (10.0**9, 3_600), (-5.0, 30)])
def test_what_the_other_side_asks_for_is_honoured_within_bounds(asked_s: float | None, wait_s: float) -> None:
    """It makes a wait longer, and never longer than the longest."""
    assert delay(0, first_s=30, longest_s=3_600, jitter=0.0, asked_s=asked_s).total_seconds() == wait_s
