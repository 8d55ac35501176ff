"""What follows from a look-up, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cloud_bridge.core.backoff import delay
from cloud_bridge.core.order import Attempt, AttemptOutcome
from cloud_bridge.core.outcome import Lookup, NeedsBuyer, Open, Placed, Standing
from cloud_bridge.core.quote import Quote, broken_term
from cloud_bridge.core.recovery import ATTEMPTS_MAX, Doubt, Recovery, next_step
from cloud_bridge.merchants.capabilities import UCP
from cloud_bridge.wire import OrderState
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
    ],
)
def test_a_look_up_leads_to_one_step(
    found: Lookup, after: timedelta, changes: dict[str, object], step: Recovery
) -> None:
    """No replay past half the key's life, with another body, after a refusal or above the ceiling.

    No proof before the lag is over.
    """
    values: dict[str, Any] = {"attempts": (SENT,), "body_sha256": "a" * 64, **changes}
    record = replace(order(OrderState.UNKNOWN), misses=values.pop("misses", 0))
    doubt = Doubt(order=record, capability=UCP, now=START + after, **values)
    assert next_step(found, doubt) is step


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


def test_waits_grow_and_stay_inside_their_bounds() -> None:
    """Doubling from the first to the longest, less up to half by jitter."""
    waits = [delay(tries, first_s=30, longest_s=3_600, jitter=0.0).total_seconds() for tries in range(9)]
    assert waits == [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]
    assert delay(10**9, first_s=30, longest_s=3_600, jitter=0.999).total_seconds() > 1_800
