"""The household's own budget: every order of the period counts once, what came to nothing does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_agent.core.catalogue import Preferences
from edge_agent.core.deciding.budget import budget_left_minor
from edge_agent.core.intent import IntentRecord, IntentState
from tests.edge_agent.core.deciding.test_position import ORDER

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.fromisoformat("2026-03-18T12:00:00+00:00")
FIFTY = Preferences(budget_minor=5_000)


def order(**changes: object) -> IntentRecord:
    """An order of 500 minor units, made an hour ago."""
    return replace(ORDER, created_at=NOW - timedelta(hours=1), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("orders", "left"),
    [
        pytest.param([], 5_000, id="nothing was ordered"),
        pytest.param([order(), order()], 4_000, id="what was agreed to"),
        pytest.param([order(charged_minor=450)], 4_550, id="what was charged, once it is known"),
        pytest.param([order(state=IntentState.UNKNOWN)], 4_500, id="what nobody knows may cost"),
        pytest.param([order(state=IntentState.NEVER_ARRIVED)], 4_500, id="paid and never arrived"),
        pytest.param([order(state=IntentState.REJECTED)], 5_000, id="refused"),
        pytest.param([order(state=IntentState.REFUNDED)], 5_000, id="given back"),
        pytest.param([order(total_minor=9_000)], -4_000, id="overdrawn"),
        pytest.param([order(currency="EUR")], 5_000, id="another currency is not counted"),
        pytest.param([replace(ORDER, created_at=NOW - timedelta(days=30))], 5_000, id="of last month"),
    ],
)
def test_what_is_left(orders: list[IntentRecord], left: int) -> None:
    """By the calendar month of the household."""
    assert budget_left_minor(FIFTY, orders, zone=BERLIN, now=NOW) == left


def test_the_month_begins_at_the_households_midnight() -> None:
    """An order of half past eleven at night, UTC, is one of the next month in Berlin."""
    late = replace(ORDER, created_at=datetime.fromisoformat("2026-02-28T23:30:00+00:00"))
    assert budget_left_minor(FIFTY, [late], zone=BERLIN, now=NOW) == 4_500
    assert budget_left_minor(FIFTY, [late], zone=ZoneInfo("UTC"), now=NOW) == 5_000


def test_no_budget_is_no_limit() -> None:
    """None, and not 0."""
    assert budget_left_minor(Preferences(), [order()], zone=BERLIN, now=NOW) is None
