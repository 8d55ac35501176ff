"""The arithmetic of a run: each fault is counted where it belongs, and each makes the run fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from firmware_sim.household import Action, Answer
from firmware_sim.merchant import MerchantOrder
from firmware_sim.report import BootCount, Outcome, count_orders, count_readings, exit_code, summarise

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def answer(*, prompt: str = "p1", item: str = "milk", action: Action = "approve", status: int | None = 303) -> Answer:
    """An answer of the household."""
    return Answer(prompt=prompt, item=item, action=action, at=NOW, status=status)


def intent(number: str | None = "m1", *, name: str = "i1", item: str = "milk", **fields: str) -> dict[str, object]:
    """An intent in the hub's report."""
    return {
        "id": name,
        "item": item,
        "state": "delivered",
        "merchant_order_id": number,
        "approved_by": "owner",
        **fields,
    }


def order(number: str = "m1", *, sku: str = "milk-whole-1l") -> MerchantOrder:
    """An order in the merchant's database."""
    return MerchantOrder(id=number, sku=sku, packs=2, events=())


GOOD = Outcome(
    hub={
        "messages": {"fridge": {"b1": [[1, 90]]}},
        "unsequenced": {"washer": 5},
        "quarantined": {"unit": 1},
        "prompts": {"approved": 1, "declined": 1},
        "intents": [intent()],
        "audit_ok": True,
    },
    bridge={"orders": [{"intent_id": "i1", "merchant_order_id": "m1"}]},
    merchant_orders=[order()],
    answers=[answer(), answer(prompt="p2", action="decline")],
    owner="owner",
    boots=[BootCount(device="fridge", boot="b1", published=100, promised_up_to=90)],
    published_unsequenced=5,
)


def with_hub(outcome: Outcome, **changes: object) -> Outcome:
    """The outcome with other counts from the hub."""
    return replace(outcome, hub={**outcome.hub, **changes})


def with_held(ranges: Sequence[Sequence[int]], *, promised_up_to: int) -> Outcome:
    """The outcome in which the hub holds these sequence numbers of the one boot."""
    boots = [BootCount(device="fridge", boot="b1", published=100, promised_up_to=promised_up_to)]
    return replace(with_hub(GOOD, messages={"fridge": {"b1": ranges}}), boots=boots)


@pytest.mark.parametrize(
    ("ranges", "promised_up_to", "acknowledged", "lost"),
    [
        ([[1, 90]], 90, 90, 0),
        ([[1, 95]], 90, 90, 0),
        ([[5, 90]], 90, 86, 0),
        ([[1, 90]], 0, 0, 0),
        ([[1, 40], [42, 90]], 90, 90, 1),
        ([[1, 80]], 90, 90, 10),
        ([[11, 90]], 90, 80, 0),
        ([], 90, 90, 90),
    ],
)
def test_readings_lost(ranges: list[list[int]], promised_up_to: int, acknowledged: int, lost: int) -> None:
    """What a device saw acknowledged and the hub does not hold is lost; what was never acknowledged is not."""
    counted = count_readings(with_held(ranges, promised_up_to=promised_up_to))
    assert (counted.acknowledged, counted.lost) == (acknowledged, lost)


def test_readings_of_a_boot_that_the_hub_does_not_know_are_lost() -> None:
    """A whole boot that is missing counts in full."""
    counted = count_readings(with_hub(GOOD, messages={}))
    assert (counted.stored, counted.lost) == (0, 90)


FAULTS = [
    ("nothing wrong", GOOD, (0, 0, 0)),
    ("order that nobody asked for", replace(GOOD, merchant_orders=[order(), order("m2")]), (0, 0, 1)),
    (
        "second order of one intent",
        replace(
            GOOD,
            merchant_orders=[order(), order("m2")],
            bridge={"orders": [{"intent_id": "i1", "merchant_order_id": "m2"}]},
        ),
        (1, 0, 0),
    ),
    ("order number that the merchant does not know", replace(GOOD, merchant_orders=[]), (0, 1, 0)),
    (
        "approval without an intent",
        with_hub(replace(GOOD, merchant_orders=[], bridge={"orders": []}), intents=[]),
        (0, 1, 0),
    ),
    ("intent without an approval", replace(GOOD, answers=[]), (0, 0, 1)),
    ("intent after a decline", replace(GOOD, answers=[answer(action="decline")]), (0, 0, 1)),
    ("intent after an approval that was refused", replace(GOOD, answers=[answer(status=409)]), (0, 0, 1)),
    ("intent after an approval without an answer", replace(GOOD, answers=[answer(status=None)]), (0, 0, 0)),
    ("approval tried twice", replace(GOOD, answers=[answer(status=None), answer()]), (0, 0, 0)),
    ("approval of another item", replace(GOOD, answers=[answer(item="detergent")]), (0, 1, 1)),
    ("approved by somebody else", with_hub(GOOD, intents=[intent(approved_by="mallory")]), (0, 0, 1)),
    ("state that nobody knows", with_hub(GOOD, intents=[intent(state="limbo")]), (0, 1, 0)),
    (
        "order of an intent that the hub does not know",
        replace(GOOD, bridge={"orders": [*GOOD.bridge["orders"], {"intent_id": "i9", "merchant_order_id": None}]}),
        (0, 0, 1),
    ),
    (
        "one order for two intents",
        with_hub(replace(GOOD, answers=[answer(), answer(prompt="p2")]), intents=[intent(), intent(name="i2")]),
        (0, 1, 0),
    ),
    (
        "intent that waits for its order",
        with_hub(replace(GOOD, merchant_orders=[], bridge={"orders": []}), intents=[intent(None, state="held")]),
        (0, 0, 0),
    ),
]


@pytest.mark.parametrize(("name", "outcome", "expected"), FAULTS, ids=[name for name, _, _ in FAULTS])
def test_orders(name: str, outcome: Outcome, expected: tuple[int, int, int]) -> None:
    """Each fault is counted once, under (doubled, lost, unauthorised), and makes the run fail."""
    counted = count_orders(outcome)
    assert (counted.doubled, counted.lost, counted.unauthorised) == expected
    assert exit_code(summarise(outcome)) == (1 if any(expected) else 0)


@pytest.mark.parametrize("field", ["lost", "doubled", "unauthorised"])
def test_exit_code_of_each_fault(field: str) -> None:
    """Any one of the three is enough to fail, and nothing else is needed."""
    summary = summarise(GOOD)
    assert exit_code(summary) == 0
    assert exit_code({**summary, field: 1}) == 1


def test_exit_code_when_the_audit_chain_is_broken() -> None:
    """A store whose audit chain does not hold proves nothing."""
    assert exit_code(summarise(with_hub(GOOD, audit_ok=False))) == 1


def test_lost_readings_fail_the_run() -> None:
    """Readings and orders are summed up under `lost`."""
    summary = summarise(with_held([[1, 80]], promised_up_to=90))
    assert (summary["readings_lost"], summary["lost"], exit_code(summary)) == (10, 10, 1)


def test_summary_counts_what_was_answered() -> None:
    """Only answers that the page took are answers; the others are counted apart."""
    summary = summarise(replace(GOOD, answers=[*GOOD.answers, answer(status=409), answer(status=None)]))
    assert summary["answers"] == {"approve": 1, "decline": 1}
    assert summary["answers_refused"] == 2
    assert summary["quarantined"] == 1
    assert summary["quarantined_by_reason"] == {"unit": 1}
