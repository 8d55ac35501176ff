"""The faults of a run."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firmware_sim.faults import FaultKind, plan_faults, stray

AT = datetime(2025, 3, 9, tzinfo=UTC)
WINDOW = timedelta(days=20)
ONE_OF_EACH = dict.fromkeys(FaultKind, 1)
MESSAGES = [kind for kind in FaultKind if kind not in {FaultKind.DUPLICATE, FaultKind.DEVICE_RESTART}]


def document(kind: FaultKind) -> tuple[str, dict[str, Any]]:
    """Topic and parsed payload of a fault."""
    message = stray(kind, home="home", at=AT, rng=random.Random(1))
    return message.topic, json.loads(message.payload)


def test_a_plan_has_what_was_asked_for_within_the_window() -> None:
    """Every kind as often as asked, in order of time, the same for the same seed."""
    plan = plan_faults(ONE_OF_EACH | {FaultKind.MALFORMED: 3}, window=WINDOW, seed=7)
    assert sorted(fault.kind for fault in plan) == sorted([*FaultKind, FaultKind.MALFORMED, FaultKind.MALFORMED])
    assert [fault.after for fault in plan] == sorted(fault.after for fault in plan)
    assert timedelta(0) <= plan[0].after <= plan[-1].after <= WINDOW
    assert plan == plan_faults(ONE_OF_EACH | {FaultKind.MALFORMED: 3}, window=WINDOW, seed=7)
    assert plan != plan_faults(ONE_OF_EACH | {FaultKind.MALFORMED: 3}, window=WINDOW, seed=8)


def test_a_retained_reading_comes_before_everything_else() -> None:
    """Only who subscribes later gets it with the retained mark."""
    assert plan_faults(ONE_OF_EACH, window=WINDOW, seed=3)[0].kind is FaultKind.RETAINED_READING


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_strange_message_takes_no_place_in_the_true_stream(kind: FaultKind) -> None:
    """Its boot is its own, and only a retained reading is retained."""
    message = stray(kind, home="home", at=AT, rng=random.Random(1))
    assert b'"boot":"fault-' in message.payload
    assert message.retain is (kind is FaultKind.RETAINED_READING)


@pytest.mark.parametrize("kind", [kind for kind in MESSAGES if kind is not FaultKind.OUT_OF_RANGE])
def test_a_strange_message_would_do_harm_if_it_were_believed(kind: FaultKind) -> None:
    """It says that there is no milk."""
    message = stray(kind, home="home", at=AT, rng=random.Random(1))
    assert b'"milk":{"value":0,' in message.payload


def test_malformed_is_no_json() -> None:
    """The document is cut."""
    with pytest.raises(json.JSONDecodeError):
        document(FaultKind.MALFORMED)


def test_each_fault_has_one_thing_wrong() -> None:
    """Device, unit, amount and time: wrong where the kind says so, right elsewhere."""
    assert document(FaultKind.UNKNOWN_DEVICE)[0] == "restock/v1/home/toaster/reading"
    assert document(FaultKind.UNKNOWN_DEVICE)[1]["device"] == "toaster"
    assert document(FaultKind.DEVICE_MISMATCH)[0] == "restock/v1/home/fridge/reading"
    assert document(FaultKind.DEVICE_MISMATCH)[1]["device"] == "washer"
    assert document(FaultKind.WRONG_UNIT)[1]["values"]["milk"]["unit"] == "Cel"
    assert document(FaultKind.OUT_OF_RANGE)[1]["values"]["milk"] == {"value": 9_000_000, "unit": "g"}
    assert document(FaultKind.CLOCK_1970)[1]["at"].startswith("1970-01-01T")
    assert document(FaultKind.RETAINED_READING)[1]["at"] == "2025-01-08T00:00:00.000Z"


@pytest.mark.parametrize("kind", [FaultKind.DUPLICATE, FaultKind.DEVICE_RESTART])
def test_what_needs_a_living_device_is_no_message(kind: FaultKind) -> None:
    """The error says so."""
    with pytest.raises(ValueError, match="no message"):
        stray(kind, home="home", at=AT, rng=random.Random(1))
