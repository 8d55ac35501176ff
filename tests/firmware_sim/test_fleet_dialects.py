"""Every dialect, read by the hub's own decoder with the shipped profiles, against the truth."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.core.messages import Birth, Decoded, Presence, PresenceChange, Quarantined, QuarantineReason
from firmware_sim.appliances.catalogue import DIALECTS
from firmware_sim.dialects import Message
from tests.firmware_sim.fleet_reader import WANTED, Hub, appliance, complaints, stream, words

START = datetime(2025, 3, 1, tzinfo=UTC)
ALL = [(kind, dialect) for kind, dialects in DIALECTS.items() for dialect in dialects]


def test_every_dialect_is_checked() -> None:
    """A dialect without a table of what it must say would pass by saying nothing."""
    assert set(WANTED) == set(ALL)


@pytest.mark.parametrize(("kind", "dialect"), ALL)
def test_the_hub_reads_a_sound_appliance_rightly(kind: str, dialect: str) -> None:
    """Twenty busy days: every value within the tolerance, none where none can be known, and every signal is heard."""
    hub, heard = Hub(), Counter[str]()
    for said in words(stream(appliance(kind, dialect, busy=2.0), start=START, days=20)):
        for message in said:
            outcome = hub.hear(message)
            assert not _is_refused(outcome), (message.topic, message.payload[:200], outcome)
        assert not complaints(hub.picture, WANTED[kind, dialect], said[-1].seen.truth), said[-1].payload[:300]
        heard.update(signal for signal, told in hub.picture.items() if told.presence is Presence.VALUE)
    missing = {signal for signal in WANTED[kind, dialect] if not heard[signal]} - {"battery"}
    assert not missing


def _is_refused(outcome: object) -> bool:
    """Whether a message is kept apart for another reason than that no profile wants its topic."""
    match outcome:
        case Decoded() | Birth() | PresenceChange():
            return False
        case Quarantined(reason=QuarantineReason.UNKNOWN_DEVICE, detail=detail):
            return "topic" not in detail
        case _:
            return True


@pytest.mark.parametrize(("kind", "dialect"), ALL)
def test_stock_that_runs_out_is_told(kind: str, dialect: str) -> None:
    """Nobody refills: the decoder follows down to the end and is never wrong on the way."""
    hub = Hub()
    one = appliance(kind, dialect, busy=6.0, refill=False, report_every_min=240.0)
    for said in words(stream(one, start=START, days=40)):
        for message in said:
            hub.hear(message)
        assert not complaints(hub.picture, WANTED[kind, dialect], said[-1].seen.truth), said[-1].payload[:300]


@pytest.mark.parametrize(("kind", "dialect"), ALL)
def test_a_dialect_is_deterministic_and_its_own(kind: str, dialect: str) -> None:
    """The same seed gives the same bytes, another seed gives others; topics are those that the catalogue names."""
    one = appliance(kind, dialect)
    first, again, other = (_wire(stream(one, start=START, days=3, seed=seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert len({topic.split("/")[0] for topic, *_ in first}) == 1
    assert all(not set("+#") & set(topic) for topic, *_ in first)


def _wire(messages: list[Message]) -> list[tuple[str, bytes, int, bool, timedelta]]:
    return [(each.topic, each.payload, each.qos, each.retain, each.at - START) for each in messages]
