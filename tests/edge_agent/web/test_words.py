"""Times, spans, amounts, chances and steps as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from cloud_bridge.api import problems
from cloud_bridge.core.order import Detail
from edge_agent.adapters.egress import Purpose
from edge_agent.core import handover, intent
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.draw import LedgerState
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.leave.period import Frequency
from edge_agent.core.messages import Range
from edge_agent.core.overview import ItemOverview
from edge_agent.core.people import Role
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.errors import ConfigurationError
from edge_agent.web import wording
from edge_agent.web.moments import Moments, days_range, span
from edge_agent.web.outlook import chance_empty_by, days_at, outlook
from edge_agent.web.timeline import steps
from edge_agent.web.wording import amounts, bridge_trouble
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.samples import sample_estimate, sample_forecast, sample_intent, sample_item, sample_prompt

NEW_YEAR = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "text"),
    [
        ("UTC", NEW_YEAR, "today, 23:30"),
        ("UTC", NEW_YEAR + timedelta(hours=1), "tomorrow, 00:30"),
        ("UTC", NEW_YEAR - timedelta(days=1), "yesterday, 23:30"),
        ("UTC", NEW_YEAR + timedelta(days=3), "Sun 3 Jan 2027, 23:30"),
        ("Europe/Berlin", NEW_YEAR + timedelta(hours=1), "today, 01:30"),
        ("America/New_York", NEW_YEAR - timedelta(hours=20), "yesterday, 22:30"),
        ("Asia/Kolkata", NEW_YEAR, "today, 05:00"),
    ],
)
def test_times_are_told_in_the_homes_zone(zone: str, at: datetime, text: str) -> None:
    """The calendar day is the home's, too."""
    assert Moments(zone, lambda: NEW_YEAR).time(at) == text


def test_a_day_without_a_time_is_itself_in_every_zone() -> None:
    """A delivery day must not move by a zone."""
    assert Moments("America/New_York", lambda: NOW).day(date(2026, 3, 4)) == "Wed 4 Mar"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_a_wrong_configuration(zone: str) -> None:
    """Said at start, with the field's name."""
    with pytest.raises(ConfigurationError, match=r"home\.timezone"):
        Moments(zone, lambda: NOW)


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=26), "1 day ago"),
        (timedelta(days=40), "40 days ago"),
    ],
)
def test_how_long_ago(gone: timedelta, text: str) -> None:
    """Rounded down; a clock that runs ahead is no news from the future."""
    assert Moments("UTC", lambda: NOW).ago(NOW - gone) == text


@pytest.mark.parametrize(("duration_s", "text"), [(0, "0 seconds"), (90, "1 minute"), (7_200, "2 hours")])
def test_spans(duration_s: int, text: str) -> None:
    """The largest whole unit."""
    assert span(duration_s) == text


@pytest.mark.parametrize(
    ("low", "middle", "high", "text"),
    [
        (0.0, 0.2, 0.4, "less than a day"),
        (0.9, 1.0, 1.2, "about 1 day (up to 1)"),
        (0.0, 0.3, 4.0, "less than a day (up to 4)"),
        (0.4, 2.2, 5.0, "about 2 days (up to 5)"),
        (1.0, 1.1, 1.3, "1 day"),
        (1.4, 2.1, 2.9, "about 2 days (1 to 3)"),
        (30.0, 45.0, 190.0, "about 45 days (at least 30)"),
        (30.0, 90.0, 190.0, "more than 60 days (at least 30)"),
        (0.0, 90.0, 190.0, "more than 60 days"),
        (61.0, 90.0, 3_650.0, "more than 60 days"),
    ],
)
def test_days_left_have_a_middle_and_a_range(low: float, middle: float, high: float, text: str) -> None:
    """What is likely comes first. The near end is rounded down: never more days than there may be."""
    assert days_range(low, middle, high) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (412.4, "g", "412 g"),
        (1_240.0, "g", "1.24 kg"),
        (1_000.0, "mL", "1 L"),
        (35.0, "%", "35 %"),
        (2.5, "mL", "2.5 mL"),
        (15.84, "kg", "15.8 kg"),
        (16.04, "kg", "16 kg"),
        (21.4, "kg", "21 kg"),
        (3.0, "{cycle}", "3 cycles"),
        (0.0, "g", "0 g"),
    ],
)
def test_amounts(value: float, unit: str, text: str) -> None:
    """UCUM in, a person's words out."""
    assert wording.amount(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1_035.0, "1,035 g"),
        (0.5, "0.5 g"),
        (1_000_000.0, "1,000,000 g"),
        (1_234.5678, "1,234.5678 g"),
        (0.0001, "0.0001 g"),
    ],
)
def test_what_was_agreed_on_is_never_rounded(value: float, text: str) -> None:
    """The pack that is signed is the pack that is read."""
    assert wording.exactly(value, "g") == text


def test_every_closed_list_has_its_words() -> None:
    """A state added to the core fails here until it has a sentence."""
    assert set(wording.INTENT_STATES) == set(IntentState)
    assert set(wording.PROMPT_STATES) == set(PromptState)
    assert set(wording.DECLINE_REASONS) == set(DeclineReason)
    assert set(wording.ROLES) == set(Role)
    assert set(wording.MANDATE_STATES) == set(MandateState)
    assert set(wording.FREQUENCIES) == set(Frequency)
    assert set(wording.LEDGER_STATES) == set(LedgerState)
    assert set(wording.PURPOSES) == {purpose.value for purpose in Purpose}


def test_every_detail_of_an_order_has_its_words() -> None:
    """What the bridge says of an order or answers to one for good, and what the hub notes by itself."""
    answered = [code for status, code in problems._KNOWN.values() if status in {400, 409, 410, 422}]
    own = ["malformed", "bad_request", "gone", "no_problem_document", "seen_by_sensor", "charged_above_limit"]
    own += [handover.TAKEN_OVER, handover.OVERTAKEN, handover.CLOSED_SINCE_BACKUP]
    own += [intent.SAID_BY_HOUSEHOLD, intent.SETTLED_BY_HOUSEHOLD, intent.CANCELLED_BY_HOUSEHOLD, intent.OTHER_CURRENCY]
    assert {*map(str, Detail), *answered, *own} - set(wording.INTENT_DETAILS) == set()
    assert all(words[-1] != "." and "_" not in words for words in wording.INTENT_DETAILS.values())


@pytest.mark.parametrize(
    ("days", "text"),
    [(0.1, "less than 5 %"), (1.2, "about 5 %"), (1.95, "about 50 %"), (2.425, "about 70 %"), (9.0, "more than 95 %")],
)
def test_the_chance_of_having_run_out(days: float, text: str) -> None:
    """Between the quantiles in a straight line, beyond them no false precision."""
    forecast = sample_forecast("milk", days_to_empty=(1.2, 1.4, 1.95, 2.9, 3.3))
    assert chance_empty_by(forecast, forecast.as_of + timedelta(days=days)) == text


@pytest.mark.parametrize(("probability", "days"), [(0.01, 1.2), (0.1, 1.4), (0.3, 1.675), (0.5, 1.95), (0.99, 3.3)])
def test_days_at_a_probability(probability: float, days: float) -> None:
    """The inverse of the chance."""
    forecast = sample_forecast("milk", days_to_empty=(1.2, 1.4, 1.95, 2.9, 3.3))
    assert days_at(forecast, probability) == pytest.approx(days)


def test_quantiles_that_coincide_or_never_end_do_no_harm() -> None:
    """An empty item, and one that nobody uses."""
    empty = sample_forecast("milk", days_to_empty=(0.0,) * 5)
    assert chance_empty_by(empty, empty.as_of + timedelta(days=1)) == "more than 95 %"
    endless = sample_forecast("milk", days_to_empty=(5.0, 6.0, float("inf"), float("inf"), float("inf")))
    assert days_at(endless, 0.9) == 3_650.0
    assert chance_empty_by(endless, endless.as_of + timedelta(days=99)) == "about 10 %"


def test_without_a_forecast_the_estimate_speaks() -> None:
    """Least stock over most use, to most stock over least use."""
    item = sample_item("milk", "Milk", unit="g", pack=1_000.0, title="Milk", device="fridge")
    estimate = sample_estimate(
        "milk", unit="g", amount=Range(1_000.0, 800.0, 1_200.0), use=Range(200.0, 100.0, 400.0), trust=0.5
    )
    ahead = outlook(ItemOverview(item=item, estimate=estimate))
    assert ahead is not None
    assert (ahead.early_d, ahead.middle_d, ahead.late_d) == (2.0, 5.0, 12.0)
    assert ahead.left_d(estimate.as_of + timedelta(days=3)) == (0.0, 2.0, 9.0)
    assert outlook(ItemOverview(item=item)) is None


@pytest.mark.parametrize("state", IntentState)
def test_an_order_stands_at_exactly_one_step(state: IntentState) -> None:
    """Done before it, ahead after it."""
    positions = [step.position for step in steps(sample_intent(sample_prompt(), state=state, at=NOW))]
    assert positions.count("now") == 1
    assert positions == sorted(positions, key=["done", "now", "ahead"].index)


def test_two_amounts_that_read_the_same_are_one() -> None:
    """No "16 kg to 16 kg"."""
    assert amounts(15.99, 16.02, "kg") == "16 kg"
    assert amounts(15.8, 16.2, "kg") == "15.8 kg to 16.2 kg"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("GET /v1/head?after=0: ConnectError", "Nothing answers at its address"),
        ("POST /v1/intents: ReadTimeout", "does not answer in time"),
        ("GET /v1/events: TimeoutError", "does not answer in time"),
        ("the bridge answered 503 (no_problem_document)", "a fault of its own"),
        ("the bridge's answer is not a Head", "no answer that can be used"),
    ],
)
def test_the_order_service_in_words_of_a_household(error: str, words: str) -> None:
    """What a program says is translated; nothing of it stands on the page."""
    said = bridge_trouble(error)
    assert words in said
    assert "/v1" not in said
