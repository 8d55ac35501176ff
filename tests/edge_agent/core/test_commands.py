"""Commands: the right topic and payload, and a value that the device would be read back with."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.commands import acknowledges, in_device_terms, outgoing
from edge_agent.core.decoding.extract import reader
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.messages import Presence
from edge_agent.core.profile import Invert, Offset, Profile, Scale, Signal
from edge_agent.errors import ProfileError, RefusedError
from tests.edge_agent.core.test_profile import SOUND
from tests.edge_agent.shipped import shipped_registry
from tests.fuzz.mutator import NOW

SET = {
    "topic": "acme/{device}/set",
    "payload": {"to": {"level": None}},
    "value": {"at": "/to/level", "signal": "oil.amount"},
}
RESET = {
    "topic": "acme/{device}/reset",
    "payload": "PERFORM",
    "confirm": False,
    "ack": {"topic": "acme/{device}/done", "require": [{"path": "/done", "eq": True}]},
}


def tank(transform: list[dict[str, Any]] | None = None, **signal: Any) -> Profile:  # noqa: ANN401
    """SOUND with commands, and another chain of steps."""
    oil = SOUND["signals"]["oil.amount"] | {"guard": []} | signal
    oil["transform"] = oil["transform"] if transform is None else transform
    document = SOUND | {"signals": {"oil.amount": oil}, "commands": {"set_level": SET, "reset": RESET}}
    return Profile.model_validate_json(json.dumps(document))


def test_a_command_with_a_value() -> None:
    """The value is turned back and stands where the profile says; a whole number is written as one."""
    told = outgoing(tank(), "set_level", named=("Tank 1",), value=50.0)
    assert (told.topic, told.payload, told.ack_topic) == ("acme/Tank 1/set", b'{"to":{"level":25}}', None)
    assert told.confirm, "a person is asked unless the profile says otherwise"


def test_a_command_that_is_a_word() -> None:
    """A text is sent as it stands, and its acknowledgement is awaited on the same device's topic."""
    told = outgoing(tank(), "reset", named=("kitchen", "tank"))
    assert (told.topic, told.payload, told.ack_topic) == (
        "acme/kitchen/tank/reset",
        b"PERFORM",
        "acme/kitchen/tank/done",
    )
    assert not told.confirm
    command = tank().commands["reset"]
    assert acknowledges(command, {"done": True})
    assert not acknowledges(command, {"done": 1})
    assert not acknowledges(tank().commands["set_level"], {})


@pytest.mark.parametrize(
    ("name", "named", "value", "says"),
    [
        ("set_level", ("a",), None, "needs a value"),
        ("reset", ("a",), 5.0, "takes no value"),
        ("set_level", ("a",), 1_000.1, "outside 0 to 1000"),
        ("set_level", ("a",), math.nan, "outside"),
        ("set_level", ("a",), math.inf, "outside"),
        ("set_level", ("a",), "much", "cannot be told"),
        ("set_level", (), 1.0, "named by the levels"),
        ("set_level", ("+",), 1.0, "named by the levels"),
        ("set_level", ("a", ""), 1.0, "named by the levels"),
        ("set_level", ("a/b",), 1.0, "named by the levels"),
    ],
)
def test_what_is_not_sent(name: str, named: tuple[str, ...], value: float | str | None, says: str) -> None:
    """A wrong value, and levels that would reach another device than the one that is meant."""
    with pytest.raises(RefusedError, match=says):
        outgoing(tank(), name, named=named, value=value)


def test_no_such_command() -> None:
    """A name that the profile has not is a mistake in the profile or in the caller."""
    with pytest.raises(ProfileError, match="'fly' is not a command"):
        outgoing(tank(), "fly", named=("a",))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transform": [{"clamp": [0, 5]}]}, "cannot be turned back"),
        ({"transform": [{"times": "/factor"}]}, "cannot be turned back"),
        ({"unit": {"canonical": "L", "path": "/unit"}}, "cannot be turned back"),
    ],
)
def test_a_value_that_cannot_be_turned_back_is_refused_at_load(changes: dict[str, Any], says: str) -> None:
    """What loses or needs something else from the payload has no inverse."""
    with pytest.raises(ValidationError, match=says):
        tank(**changes)


def test_a_place_that_the_payload_has_not() -> None:
    """A command whose value has nowhere to go is refused at load."""
    wrong = SOUND | {"commands": {"set_level": SET | {"value": {"at": "/no/level", "signal": "oil.amount"}}}}
    with pytest.raises(ValidationError, match="has no place '/no/level'"):
        Profile.model_validate_json(json.dumps(wrong))


def read_back(signal: Signal, name: str, raw: Tree) -> float | str | None:
    """What the language makes of what was told, with the signal's own guards left out."""
    bare = signal.model_copy(update={"guard": (), "select": "/x", "jsonpath": None})
    fresh = Signal.model_validate(bare.model_dump(by_alias=True, exclude_unset=True) | {"guard": (), "select": "/x"})
    profile = tank().model_copy(update={"signals": {name: fresh}})
    (reading,) = reader(profile)({"x": orjson.loads(orjson.dumps(raw))}, NOW).readings
    assert reading.presence is Presence.VALUE
    return reading.value


@pytest.mark.parametrize(
    ("transform", "unit", "value", "raw"),
    [
        ([{"scale": 0.5}, {"offset": 3}, {"invert": 10}], {"canonical": "L"}, 5.0, 4),
        ([{"offset": 3}, {"scale": 0.5}], {"canonical": "L"}, 5.0, 7),
        ([{"scale": 0.1}], {"canonical": "L", "source": "mL"}, 0.25, 2_500),
    ],
)
def test_steps_are_undone_in_the_opposite_order(
    transform: list[dict[str, Any]], unit: dict[str, str], value: float, raw: int
) -> None:
    """What the device is told, worked out by hand."""
    told = in_device_terms(tank(transform, unit=unit).signals["oil.amount"], value)
    assert told == pytest.approx(raw)


STEPS = st.lists(
    st.builds(lambda x: {"scale": x}, st.floats(0.001, 1_000))
    | st.builds(lambda x: {"scale": x}, st.floats(-1_000, -0.001))
    | st.builds(lambda x: {"offset": x}, st.floats(-1_000, 1_000))
    | st.builds(lambda x: {"invert": x}, st.floats(-1_000, 1_000)),
    max_size=3,
)


@given(
    transform=STEPS,
    share=st.floats(0, 1),
    parse=st.sampled_from(["number", "digits"]),
    source=st.sampled_from(["L", "mL", "[gal_us]", None]),
)
def test_reading_a_command_gives_what_was_meant(
    transform: list[dict[str, Any]], share: float, parse: str, source: str | None
) -> None:
    """Through any chain of steps that can be undone, in any unit, at the bounds of the range too."""
    unit = {"canonical": "L"} | ({} if source is None else {"source": source})
    signal = tank(transform, parse=parse, unit=unit).signals["oil.amount"]
    value = 1_000 * share
    try:
        raw = in_device_terms(signal, value)
    except RefusedError:
        return  # rounded away by this chain: not sent is right, something else would not be
    assert isinstance(raw, str) is (parse == "digits")
    got = read_back(signal, "oil.amount", raw)
    assert isinstance(got, float)
    assert math.isclose(got, value, rel_tol=1e-9, abs_tol=1e-9)


INVERTIBLE = [
    (profile.profile, name, signal)
    for profile in shipped_registry().profiles()
    for name, signal in profile.signals.items()
    if signal.range is not None
    and signal.parse in {"number", "digits"}
    and (signal.unit is None or signal.unit.path is None)
    and all(isinstance(step, (Scale, Offset, Invert)) for step in signal.transform)
]


@given(share=st.floats(0, 1), place=st.integers(0, len(INVERTIBLE) - 1))
def test_every_signal_that_can_be_turned_back(share: float, place: int) -> None:
    """Of every shipped profile: what is told is read back, unless it is a sentinel of that very signal."""
    _, name, signal = INVERTIBLE[place]
    low, high = signal.range or (0, 0)
    value = min(high, max(low, low + share * (high - low)))
    raw = in_device_terms(signal, value)
    if raw in signal.sentinels or (isinstance(raw, str) and float(raw) in signal.sentinels):
        return
    got = read_back(signal, name, raw)
    assert isinstance(got, float)
    assert math.isclose(got, value, rel_tol=1e-9, abs_tol=1e-9)
