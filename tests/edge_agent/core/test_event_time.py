"""When a foreign device's reading was measured, by the payload's own time; and why a signal has no value."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.messages import Decoded, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from tests.edge_agent.core.test_language import profile

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FRESH = {"path": "/at", "form": "epoch_s", "max_age_s": 3_600}


def home(read: Profile, *, explains_every_s: float | None = None) -> Decoder:
    """A decoder with one profile."""
    return Decoder(
        Registry([read]), home="h", limits=Limits(), birth_of=lambda _: None, explains_every_s=explains_every_s
    )


def told(decoder: Decoder, payload: Tree, *, now: datetime = NOW, topic: str = "acme/a/status") -> Decoded:
    """What came of one message."""
    body = json.dumps(payload).encode()
    message = RawMessage(topic, body, retained=False, duplicate=False, received_at=now, receipt=0)
    outcome = decoder.decode(message, now=now)
    assert isinstance(outcome, Decoded)
    return outcome


@pytest.mark.parametrize(
    ("ago_s", "wanted_s"),
    [(3_000, 3_000), (0, 0), (-600, 0), (3_601, 0), (-90_000, 0)],
    ids=["measured before", "now", "a clock that is ahead", "too old: unknown is said now", "far ahead"],
)
def test_the_payloads_own_time_is_when_it_was_measured(ago_s: int, wanted_s: int) -> None:
    """A fresh time is the reading's, never later than the message; what is too old is unknown since now."""
    outcome = told(home(profile(freshness=FRESH)), {"level": 5, "at": (NOW - timedelta(seconds=ago_s)).timestamp()})
    assert outcome.event_at == NOW - timedelta(seconds=wanted_s)
    assert outcome.received_at == NOW


@pytest.mark.parametrize("payload", [{"level": 5}, {"level": 5, "at": None}, {"level": 5, "at": True}])
def test_without_a_time_it_was_measured_when_it_came(payload: Tree) -> None:
    """No time, or none that can be read, and a profile without freshness: the arrival."""
    assert told(home(profile(freshness=FRESH)), payload).event_at == NOW
    assert told(home(profile()), {"level": 5, "at": NOW.timestamp() - 60}).event_at == NOW


def test_one_radio_message_over_two_gateways_was_measured_once() -> None:
    """Both copies have one event time, however late the second comes, so that it confirms nothing."""
    decoder = home(profile(freshness=FRESH))
    payload: Tree = {"level": 5, "at": NOW.timestamp() - 5}
    first, second = (told(decoder, payload, now=NOW + timedelta(seconds=later)) for later in (0, 40))
    assert first.event_at == second.event_at == NOW - timedelta(seconds=5)


def test_an_old_time_of_the_picture_is_not_that_of_a_change() -> None:
    """Of a device that sends changes only, a message without a time was measured when it came."""
    decoder = home(profile(freshness=FRESH, merge="delta"))
    before = NOW - timedelta(minutes=10)
    assert told(decoder, {"level": 5, "at": before.timestamp()}).event_at == before
    assert told(decoder, {"level": 4}).event_at == NOW


@pytest.mark.parametrize(
    ("signal", "payload", "why"),
    [
        ({}, {"other": 1}, "nothing stands at /level"),
        ({}, {"level": None}, "the payload says null"),
        ({"sentinels": [255]}, {"level": 255}, "one of the sentinels"),
        ({"guard": [{"path": "/sens", "eq": "ok"}]}, {"level": 0, "sens": "fault"}, "guard: /sens eq 'ok' does not"),
        ({"guard": [{"path": "/sens", "in": ["ok"]}]}, {"level": 0}, "/sens in ['ok'] does not hold, nothing stands"),
        ({"transform": [{"divide_by": "/max"}]}, {"level": 5, "max": 0}, "a number that a step of transform needs"),
        ({}, {"level": 5, "at": NOW.timestamp() - 7_200}, "/at says 2026-01-01 10:00:00 UTC, 7200 s ago"),
        ({}, {"level": 5, "at": "noon"}, "what stands at /at is no time of the form epoch_s"),
        ({}, {"level": 5, "at": NOW.timestamp() + 90_000}, "more than a day ahead"),
    ],
)
def test_why_a_signal_has_no_value(signal: dict[str, Any], payload: Tree, why: str) -> None:
    """Each reason has its words, for those who ask for them; another value of the payload is never among them."""
    read = profile(signal, freshness=FRESH)
    (said,) = told(home(read, explains_every_s=0.0), payload).untold
    assert said.startswith("oil.amount: ")
    assert why in said
    assert "fault" not in said
    assert told(home(read), payload).untold == ()


def test_a_value_needs_no_reason() -> None:
    """Nothing is explained where a value was told."""
    assert told(home(profile(freshness=FRESH), explains_every_s=0.0), {"level": 5}).untold == ()
