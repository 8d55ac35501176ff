"""Decoding: one message becomes readings, a birth, a presence, or a reason to keep it apart, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.decode import Decoder, Limits, Outcome, native_filters
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
)
from edge_agent.core.topics import DEVICE_ID
from tests.edge_agent.shipped import shipped_registry

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REGISTRY = shipped_registry()
BIRTHS = {
    DeviceId("fridge"): Birth(DeviceId("fridge"), "restock.fridge", "1", "boot-1", NOW),
    DeviceId("car"): Birth(DeviceId("car"), "restock.vehicle", "1", "boot-1", NOW),
    DeviceId("odd"): Birth(DeviceId("odd"), "restock.toaster", "1", "boot-1", NOW),
    DeviceId("vendor"): Birth(DeviceId("vendor"), "samsung.washer", "1", "boot-1", NOW),
}
DECODER = Decoder(REGISTRY, home="home-1", limits=Limits(), birth_of=BIRTHS.get)
FRIDGE = "restock/v1/home-1/fridge"
WASHER = "bridge/smartthings/washer/status"


def message(topic: str, payload: object) -> RawMessage:
    """A PUBLISH; what is not bytes is written as JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return RawMessage(topic, body, retained=False, duplicate=False, received_at=NOW, receipt=0)


def reading(**changes: object) -> dict[str, Any]:
    """A sound reading of the fridge with some fields changed; `...` removes a field."""
    sound: dict[str, Any] = {
        "device": "fridge",
        "boot": "boot-1",
        "seq": 7,
        "at": "2026-03-01T11:59:00.000Z",
        "values": {"milk": {"value": 1270, "unit": "g"}, "door": {"value": "closed", "unit": ""}},
    }
    return {name: value for name, value in (sound | changes).items() if value is not ...}


def values(**changes: object) -> dict[str, Any]:
    """A sound reading with some values changed."""
    return reading(values={**reading()["values"], **changes})


def decode(topic: str, payload: object) -> Outcome:
    """Through the decoder that all tests share."""
    return DECODER.decode(message(topic, payload), now=NOW)


def test_a_native_reading() -> None:
    """Identity, event time, digest and readings come out as they were sent."""
    outcome = decode(f"{FRIDGE}/reading", reading())
    assert isinstance(outcome, Decoded)
    assert (outcome.device, outcome.profile, outcome.boot, outcome.seq) == ("fridge", "restock.fridge", "boot-1", 7)
    assert outcome.event_at == NOW - timedelta(minutes=1)
    assert len(outcome.digest) == 64
    assert outcome.readings == (Reading("milk.amount", Presence.VALUE, 1270.0, "g"),)


def test_an_open_door_is_unknown_and_never_zero() -> None:
    """A guard that does not hold takes the value away."""
    outcome = decode(f"{FRIDGE}/reading", values(door={"value": "open", "unit": ""}))
    assert isinstance(outcome, Decoded)
    assert outcome.readings == (Reading("milk.amount", Presence.UNKNOWN, None, "g"),)


def test_a_location_becomes_no_reading() -> None:
    """The vehicle's location is taken in and goes nowhere."""
    said = reading(
        device="car",
        values={"washer_fluid": {"value": 63, "unit": "%"}, "location": {"value": "1.0,2.0", "unit": ""}},
    )
    outcome = decode("restock/v1/home-1/car/reading", said)
    assert isinstance(outcome, Decoded)
    assert [each.signal for each in outcome.readings] == ["washer_fluid.remaining", "odometer"]


def test_birth_and_presence() -> None:
    """Births and states may be retained, and a birth's time may be old."""
    born = {
        "device": "new",
        "profile": "restock.fridge",
        "firmware": "1.0",
        "boot": "b-2",
        "at": "2020-01-01T00:00:00Z",
    }
    gone = {"device": "new", "boot": "b-2", "state": "offline"}
    retained = [
        DECODER.decode(replace(message(f"restock/v1/home-1/new/{kind}", payload), retained=True), now=NOW)
        for kind, payload in (("birth", born), ("state", gone))
    ]
    assert retained == [
        Birth(DeviceId("new"), "restock.fridge", "1.0", "b-2", NOW),
        PresenceChange(DeviceId("new"), online=False, received_at=NOW),
    ]


def status(**main: object) -> dict[str, Any]:
    """A washer's status document."""
    washer: dict[str, Any] = {
        "washerOperatingState": {},
        "samsungce.detergentState": {
            "remainingAmount": {"value": 350, "unit": "cc"},
            "initialAmount": {"value": 500, "unit": "cc"},
            "detergentType": {"value": "liquid"},
        },
    }
    return {"components": {"main": washer | main}}


def test_a_vendor_status() -> None:
    """A foreign document has no sequence and no time of its own; its unit is translated."""
    outcome = decode(WASHER, status())
    assert isinstance(outcome, Decoded)
    assert (outcome.device, outcome.boot, outcome.seq, outcome.event_at) == ("samsung.washer", None, None, NOW)
    assert outcome.readings[0] == Reading("detergent.remaining", Presence.VALUE, 350.0, "mL")
    assert outcome.readings[3].presence is Presence.NOT_APPLICABLE


def test_a_name_that_is_no_id_of_ours() -> None:
    """A bridge may call a device anything; ours is readable, keeps the same, and is never another's."""
    named = [decode(f"bridge/smartthings/{name}/status", status()) for name in ("Two Words", "two words", "two words")]
    assert all(isinstance(each, Decoded) for each in named)
    first, second, again = [each.device for each in named if isinstance(each, Decoded)]
    assert first.startswith("samsung.two-words-")
    assert first != second == again


def test_one_name_in_two_families() -> None:
    """A vendor's washer is not another vendor's, nor the native device of that name."""
    level = {"attributes": {"WashCavity_OpStatusBulkDispense1Level": {"value": "3"}}}
    named = [decode(WASHER, status()), decode("bridge/whirlpool/washer/status", level)]
    devices = [each.device for each in named if isinstance(each, Decoded)]
    assert devices == ["samsung.washer", "whirlpool.washer"]
    assert not any(DEVICE_ID.fullmatch(device) for device in devices)


def test_one_wrong_signal_of_a_foreign_device_is_unknown() -> None:
    """A softener in a unit that nobody knows says nothing of the detergent; what was wrong is told."""
    softener = {
        "remainingAmount": {"value": 350, "unit": "drops"},
        "initialAmount": {"value": 500, "unit": "cc"},
        "softenerType": {"value": "liquid"},
    }
    outcome = decode(WASHER, status(**{"samsungce.softenerState": softener}))
    assert isinstance(outcome, Decoded)
    told = {each.signal: each for each in outcome.readings}
    assert told["detergent.remaining"].value == 350.0
    assert told["softener.remaining"].presence is Presence.UNKNOWN
    assert outcome.faults == ("softener.remaining: 'drops' is not a unit that this profile knows",)


BIG = {"pad": "x" * 70_000}

REFUSED: list[tuple[str, object, str, str]] = [
    # what cannot be read
    (f"{FRIDGE}/reading", b"", "malformed", "empty"),
    (f"{FRIDGE}/reading", b"\xff\xfe", "malformed", "UTF-8"),
    (f"{FRIDGE}/reading", b'{"value": NaN}', "malformed", "not JSON"),
    (f"{FRIDGE}/reading", b'{"device":"fridge","device":"fridge"}', "malformed", "twice"),
    (f"{FRIDGE}/reading", b"[" * 100, "malformed", ""),
    (f"{FRIDGE}/reading", b"9" * 4_301, "malformed", "infinity"),
    (f"{FRIDGE}/reading", [1] * 5_000, "too_large", "values"),
    (f"{FRIDGE}/reading", BIG, "too_large", "70011 bytes"),
    (f"{FRIDGE}/reading", [], "malformed", ""),
    (f"{FRIDGE}/reading", None, "malformed", ""),
    # the envelope
    (f"{FRIDGE}/reading", reading(extra=1), "malformed", "extra"),
    (f"{FRIDGE}/reading", reading(seq=...), "malformed", "seq"),
    (f"{FRIDGE}/reading", reading(seq=0), "malformed", "seq"),
    (f"{FRIDGE}/reading", reading(seq=2**53 + 1), "malformed", "seq"),
    (f"{FRIDGE}/reading", reading(seq="7"), "malformed", "seq"),
    (f"{FRIDGE}/reading", reading(seq=True), "malformed", "seq"),
    (f"{FRIDGE}/reading", reading(seq=7.0), "malformed", "seq"),
    (f"{FRIDGE}/reading", reading(boot="Boot 1"), "malformed", "boot"),
    (f"{FRIDGE}/reading", reading(boot="boot-1\n"), "malformed", "boot"),
    (f"{FRIDGE}/reading", reading(values={}), "malformed", "values"),
    (f"{FRIDGE}/reading", reading(values={f"v{i}": {"value": 1, "unit": "g"} for i in range(65)}), "malformed", ""),
    (f"{FRIDGE}/reading", reading(at="2026-03-01T11:59:00+00:00"), "malformed", "at"),
    (f"{FRIDGE}/reading", reading(at="2026-02-30T11:59:00Z"), "malformed", "at"),
    (f"{FRIDGE}/reading", reading(at=1_772_366_340), "malformed", "at"),
    # who says it
    (f"{FRIDGE}/reading", reading(device="car"), "device_mismatch", "car"),
    ("restock/v1/home-1/stranger/reading", reading(device="stranger"), "unknown_device", "no birth"),
    ("restock/v1/home-1/odd/reading", reading(device="odd"), "unknown_device", "restock.toaster"),
    ("restock/v1/home-1/vendor/reading", reading(device="vendor"), "unknown_device", "samsung.washer"),
    ("restock/v1/home-2/fridge/reading", reading(), "unknown_device", "this home"),
    ("restock/v2/home-1/fridge/reading", reading(), "unknown_device", "this home"),
    ("restock/v1/home-1/Fridge/reading", reading(), "unknown_device", "this home"),
    ("restock/v1/home-1/fridge/reading/x", reading(), "unknown_device", "this home"),
    ("restock/v1/home-1/fridge/ack", {}, "malformed", "not a topic"),
    ("restock", {}, "unknown_device", "this home"),
    ("restock/v1/home-1/fridge\n/reading", reading(), "unknown_device", "this home"),
    ("bridge/toaster/x/status", {}, "unknown_device", "no profile"),
    (WASHER, {}, "unknown_device", "fits the content"),
    (WASHER, [], "unknown_device", "fits the content"),
    # when
    (f"{FRIDGE}/reading", reading(at="1970-01-01T00:00:03Z"), "wrong_time", "1970"),
    (f"{FRIDGE}/reading", reading(at="2099-01-01T00:00:00Z"), "wrong_time", "2099"),
    (f"{FRIDGE}/reading", reading(at="2026-02-28T11:59:59Z"), "wrong_time", ""),
    # what
    (f"{FRIDGE}/reading", values(soul={"value": 21, "unit": "g"}), "malformed", "soul"),
    (f"{FRIDGE}/reading", values(milk={"value": "1270", "unit": "g"}), "malformed", "milk"),
    (f"{FRIDGE}/reading", values(milk={"value": True, "unit": "g"}), "malformed", "milk"),
    (f"{FRIDGE}/reading", values(milk={"value": None, "unit": "g"}), "malformed", "milk"),
    (f"{FRIDGE}/reading", values(milk={"value": [1], "unit": "g"}), "malformed", "milk"),
    (f"{FRIDGE}/reading", values(milk={"value": 1270}), "malformed", "milk"),
    (f"{FRIDGE}/reading", values(milk={"value": 1270, "unit": "g", "x": 1}), "malformed", "milk"),
    (f"{FRIDGE}/reading", values(milk={"value": 1270, "unit": "kg"}), "wrong_unit", "'kg'"),
    (f"{FRIDGE}/reading", values(milk={"value": 1270, "unit": ""}), "wrong_unit", "milk"),
    (f"{FRIDGE}/reading", values(door={"value": "closed", "unit": "g"}), "wrong_unit", "door"),
    (f"{FRIDGE}/reading", values(milk={"value": 20_001, "unit": "g"}), "out_of_range", "milk.amount"),
    (f"{FRIDGE}/reading", values(milk={"value": -1, "unit": "g"}), "out_of_range", "milk.amount"),
]


@pytest.mark.parametrize(("topic", "payload", "reason", "detail"), REFUSED)
def test_bad_input_is_kept_apart_with_its_reason(topic: str, payload: object, reason: str, detail: str) -> None:
    """Every kind of bad input: the reason, a detail that names the place, and no reading."""
    outcome = decode(topic, payload)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == QuarantineReason(reason), outcome.detail
    assert detail in outcome.detail
    assert len(outcome.payload) <= 4_096
    assert outcome.size_bytes == len(message(topic, payload).payload)


def test_one_bad_signal_takes_the_whole_message() -> None:
    """A device that is wrong in one signal is not believed in another."""
    said = reading(
        device="car",
        values={"washer_fluid": {"value": 101, "unit": "%"}, "odometer": {"value": 5, "unit": "km"}},
    )
    outcome = decode("restock/v1/home-1/car/reading", said)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason is QuarantineReason.OUT_OF_RANGE


@pytest.mark.parametrize(("topic", "payload"), [(f"{FRIDGE}/reading", reading()), (WASHER, status())])
def test_a_retained_reading_is_never_fresh_evidence(topic: str, payload: object) -> None:
    """Not from our own devices, and not from a vendor; the same copy comes at every start and counts once."""
    outcome = DECODER.decode(replace(message(topic, payload), retained=True), now=NOW)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason is QuarantineReason.RETAINED
    assert outcome.duplicate


@pytest.mark.parametrize(
    ("payload", "known"),
    [
        (reading(at="1970-01-01T00:00:00Z"), True),
        (values(milk={"value": -1, "unit": "g"}), True),
        (values(milk={"value": 1, "unit": "kg"}), True),
        (values(soul={"value": 21, "unit": "g"}), True),
        (reading(device="car"), False),
        (reading(extra=1), False),
    ],
)
def test_a_sound_envelope_accounts_for_its_seq(payload: object, *, known: bool) -> None:
    """What will never be accepted must not be sent for ever; a forged or broken envelope accounts for nothing."""
    outcome = decode(f"{FRIDGE}/reading", payload)
    assert isinstance(outcome, Quarantined)
    assert (outcome.boot, outcome.seq) == (("boot-1", 7) if known else (None, None))


def test_a_stranger_can_be_asked_for_its_birth() -> None:
    """A reading without a birth names the device, and takes no seq: it is wanted again after the birth."""
    outcome = decode("restock/v1/home-1/stranger/reading", reading(device="stranger"))
    assert isinstance(outcome, Quarantined)
    assert (outcome.device, outcome.boot, outcome.seq) == ("stranger", None, None)


def test_a_payload_that_the_intake_has_cut() -> None:
    """The real size decides and is kept, although only the beginning is there."""
    cut = replace(message(f"{FRIDGE}/reading", reading()), whole_bytes=256 * 2**20)
    outcome = DECODER.decode(cut, now=NOW)
    assert isinstance(outcome, Quarantined)
    assert (outcome.reason, outcome.size_bytes) == (QuarantineReason.TOO_LARGE, 256 * 2**20)


def test_private_values_stay_out_of_the_detail() -> None:
    """The detail goes to pages and logs; a location must not."""
    said = reading(device="car", values={"location": {"value": "52.1,4.3" * 20, "unit": ""}})
    outcome = decode("restock/v1/home-1/car/reading", said)
    assert isinstance(outcome, Quarantined)
    assert "52.1" not in outcome.detail


def test_subscriptions_ask_for_births_first() -> None:
    """A reading means nothing before the birth."""
    assert native_filters("h") == ("restock/v1/h/+/birth", "restock/v1/h/+/state", "restock/v1/h/+/reading")


TOPICS = st.sampled_from([f"{FRIDGE}/reading", f"{FRIDGE}/birth", f"{FRIDGE}/state", WASHER, "x", "", "restock/v1"])
JSON_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just("cc")


def assert_sound(outcome: Outcome) -> None:
    """A reading within the range, unit and signals of its profile, or anything that is no reading."""
    if not isinstance(outcome, Decoded):
        assert isinstance(outcome, (Birth, PresenceChange, Quarantined))
        return
    profile = REGISTRY.by_id(outcome.profile)
    assert profile is not None
    assert [each.signal for each in outcome.readings] == list(profile.signals)
    for each in outcome.readings:
        signal = profile.signals[each.signal]
        assert each.unit == signal.canonical
        if each.presence is not Presence.VALUE:
            assert each.value is None
        elif signal.range is not None:
            assert isinstance(each.value, float)
            assert signal.range[0] <= each.value <= signal.range[1]


@given(TOPICS, st.binary(max_size=300))
def test_any_bytes(topic: str, payload: bytes) -> None:
    """No bytes raise, and none become a reading outside its profile."""
    assert_sound(decode(topic, payload))


@given(TOPICS, JSON_TREES)
def test_any_json(topic: str, tree: object) -> None:
    """Nor does any JSON, NaN and half surrogates included."""
    assert_sound(decode(topic, json.dumps(tree).encode()))


@given(SCALARS, SCALARS, SCALARS)
def test_any_scalar_in_a_native_value(milk: object, unit: object, door: object) -> None:
    """In the right place of a sound message the odds of doing harm are best."""
    said = values(milk={"value": milk, "unit": unit}, door={"value": door, "unit": ""})
    assert_sound(decode(f"{FRIDGE}/reading", json.dumps(said).encode()))


@given(SCALARS, SCALARS, SCALARS, SCALARS)
def test_any_scalar_in_a_vendor_status(left: object, unit: object, whole: object, kind: object) -> None:
    """The same for the vendor's document; and a tank that holds nothing never gives a value."""
    state = {
        "remainingAmount": {"value": left, "unit": unit},
        "initialAmount": {"value": whole, "unit": "cc"},
        "detergentType": {"value": kind},
    }
    outcome = decode(WASHER, json.dumps(status(**{"samsungce.detergentState": state})).encode())
    assert_sound(outcome)
    if isinstance(outcome, Decoded) and not (isinstance(whole, (int, float)) and whole is not True and whole > 0):
        assert outcome.readings[0].presence is not Presence.VALUE


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_any_mutation_of_a_sound_reading(place: int, junk: bytes) -> None:
    """A few bytes replaced anywhere: still sound, or kept apart."""
    sound = json.dumps(reading()).encode()
    assert_sound(decode(f"{FRIDGE}/reading", sound[:place] + junk + sound[place + len(junk) :]))
