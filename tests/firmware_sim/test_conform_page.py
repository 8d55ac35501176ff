"""docs/protocol.md against the hub's decoder and against the check: every example, every limit, every link."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import Birth, Decoded, DeviceId, PresenceChange, Quarantined, RawMessage, StoredCursor
from edge_agent.core.quantity import UNITS
from firmware_sim.conform import rules
from firmware_sim.conform.envelope import BrokenError, read_birth, read_reading, read_state
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.shipped import shipped_registry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DEVICE = DeviceId("pantry_scale")
BIRTH = Birth(DEVICE, "restock.scale", "1.4.2", "7f3a09c2", NOW)
EXAMPLES = [
    (kind, outcome, text)
    for kind, outcome, text in re.findall(r"^```json (\w+) ?(\w*)\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
]
READERS = {"birth": read_birth, "state": read_state, "reading": read_reading}
MEANT = {"birth": Birth, "state": PresenceChange, "reading": Decoded}

_registry = shipped_registry()


def outcome_of(kind: str, payload: bytes) -> Birth | Decoded | PresenceChange | Quarantined:
    """What the hub makes of it."""
    decoder = Decoder(_registry, home="home", limits=Limits(), birth_of=lambda _: BIRTH)
    topic = f"restock/v1/home/{DEVICE}/{kind}"
    return decoder.decode(
        RawMessage(topic, payload, retained=False, duplicate=False, received_at=NOW, receipt=1), now=NOW
    )


def test_the_page_has_examples_of_everything() -> None:
    """All topics are shown, and each is found by this test: no JSON block is left unlabelled."""
    assert {kind for kind, _, _ in EXAMPLES} == {"birth", "state", "reading", "ack", "cmd"}
    assert len(EXAMPLES) == len(re.findall(r"^```json", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("kind", "expected", "text"), [each for each in EXAMPLES if each[0] in READERS])
def test_the_hub_does_with_each_example_what_the_page_says(kind: str, expected: str, text: str) -> None:
    """It takes it, or keeps it apart for that reason."""
    outcome = outcome_of(kind, text.encode())
    if expected:
        assert isinstance(outcome, Quarantined)
        assert outcome.reason == expected
    else:
        assert isinstance(outcome, MEANT[kind])


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, _, text in EXAMPLES if kind in {"ack", "cmd"}])
def test_the_words_of_the_hub_are_shown_as_it_says_them(kind: str, text: str) -> None:
    """Field by field."""
    words = {"ack": {"device": DEVICE, "boot": BIRTH.boot, "seq": 2}, "cmd": {"cmd": "rebirth"}}
    assert json.loads(text) == words[kind]


def test_readings_of_an_older_boot_are_taken_and_acknowledged(tmp_path: Path) -> None:
    """As the page promises a device that holds them over a restart, also where it has dropped the oldest."""
    payload = _READING.replace(b'"seq": 1', b'"seq": 7').replace(BIRTH.boot.encode(), b"before")
    reading = outcome_of("reading", payload)
    assert isinstance(reading, Decoded)
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as connection:
        store = SqliteReadings(connection)
        store.record_birth(replace(BIRTH, boot="before", first_seq=7))
        store.record_birth(BIRTH)
        assert store.commit([reading], []) == [StoredCursor(DEVICE, "before", 7)]


def test_every_rule_leads_to_a_heading() -> None:
    """A link of the check is a place on the page."""
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    }
    assert {rule.anchor for rule in rules.RULES.values()} <= anchors
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= anchors


def test_the_units_are_those_of_the_hub() -> None:
    """Each code of the table, and no other."""
    rows = PAGE.split("| quantity | codes |\n|---|---|\n", 1)[1].split("\n\n", 1)[0].splitlines()
    told = {code for row in rows for code in re.findall(r"`([^`]+)`", row) if not code.startswith("{")}
    assert told == set(UNITS)


def test_the_numbers_of_the_check_are_those_of_the_hub_and_the_page() -> None:
    """Size, clock window and rate stand in three places, and are one."""
    limits = Limits()
    assert rules.CLOCK_SKEW_MAX_S == limits.clock_skew_max_s == timedelta(hours=24).total_seconds()
    assert f"{limits.payload_bytes_max:,} bytes" in PAGE
    assert f"{rules.READINGS_A_MINUTE_MAX} readings a minute" in PAGE
    assert f"within {rules.REBIRTH_WITHIN_S:.0f} seconds" in PAGE


_GOOD = [text for _, expected, text in EXAMPLES if not expected]
_READING = next(text.encode() for kind, expected, text in EXAMPLES if kind == "reading" and not expected)
_PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just("x" * 121),
)
_FIELD = st.sampled_from(["device", "boot", "seq", "at", "values", "profile", "firmware", "first_seq", "state", "more"])


@st.composite
def _changed(draw: st.DrawFn) -> bytes:
    """A good payload with some fields changed, added or taken away."""
    words = json.loads(draw(st.sampled_from(_GOOD)))
    for name in draw(st.lists(_FIELD, max_size=2)):
        if draw(st.booleans()):
            words.pop(name, None)
        else:
            words[name] = draw(_PLAIN)
    if isinstance(words.get("values"), dict) and draw(st.booleans()):
        words["values"][draw(st.sampled_from(["weight", "Weight", "", "w" * 41]))] = draw(
            st.one_of(_PLAIN, st.fixed_dictionaries({"value": _PLAIN, "unit": _PLAIN}))
        )
    return json.dumps(words).encode()


@st.composite
def _cut(draw: st.DrawFn) -> bytes:
    """A good payload with some of its bytes replaced or cut off."""
    payload = bytearray(draw(st.sampled_from(_GOOD)).encode())
    for _ in range(draw(st.integers(0, 2))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload[: draw(st.integers(0, len(payload)))] if draw(st.booleans()) else payload)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(sorted(READERS)), payload=st.one_of(_changed(), _cut()))
@example(kind="state", payload=b'{"device":"pantry_scale","boot":"b","state":"online","state":"online"}')
@example(kind="state", payload='\ufeff{"device":"pantry_scale","boot":"b","state":"online"}'.encode())
@example(kind="reading", payload=_READING.replace(b"2310.5", b"1e999"))
@example(kind="reading", payload=_READING.replace(b"2310.5", b"1" * 400))
@example(kind="reading", payload=_READING.replace(b"2310.5", b"1" * 5_000))
@example(kind="reading", payload=_READING.replace(b"2310.5", b"1" * 25))
@example(kind="reading", payload=_READING.replace(b"2310.5", b"NaN"))
@example(kind="reading", payload=b"[" * 5_000)
@example(kind="reading", payload=b'{"device":"\\ud800"}')
@example(kind="reading", payload=_READING.replace(b'"seq": 1', b'"seq": true'))
@example(kind="reading", payload=_READING.replace(b'"unit": "g"', b'"unit": "\\ud800"'))
@example(kind="state", payload=b'{"device":"pantry_scale","boot":"b","state":"online","more":1}')
@example(kind="reading", payload=b"")
def test_the_check_and_the_hub_read_alike(kind: str, payload: bytes) -> None:
    """Two readers, written apart: what one takes for a sound envelope the other does too."""
    try:
        device = READERS[kind](payload).device
        sound = True
    except BrokenError:
        device, sound = DEVICE, False
    outcome = outcome_of(kind, payload)
    if device != DEVICE:
        assert isinstance(outcome, Quarantined)
        assert outcome.reason == "device_mismatch"
        return
    taken = not isinstance(outcome, Quarantined) or outcome.seq is not None
    assert sound == taken, outcome
