"""What extraction does for families whose models say one thing in more than one way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.decoding.extract import reader
from edge_agent.core.decoding.payload import TreeLimits
from edge_agent.core.formats.decoding import decoder
from edge_agent.core.messages import Decoded, Presence, Quarantined, QuarantineReason, RawMessage
from edge_agent.core.profile import Decoding, Inner, Profile
from edge_agent.core.registry import Registry

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_FLAG = {"select": "/a", "parse": "flag", "class": "flag", "direction": "none"}
_NUMBER = {"select": "/a", "unit": {"canonical": "%"}, "range": [0, 100], "class": "level", "direction": "down"}


def _read(name: str, signal: dict[str, Any], tree: dict[str, Any]) -> tuple[Presence, float | str | None]:
    profile = Profile.model_validate(
        {
            "profile": "test.more",
            "version": 1,
            "title": "t",
            "source": "s",
            "match": {"topic": "test/{device}"},
            "decode": {"format": "json"},
            "signals": {name: signal},
            "samples": ({"name": "n", "payload": {}, "quarantine": "malformed"},),
        },
        strict=False,
    )
    reading = reader(profile)(tree, _NOW).readings[0]
    return reading.presence, reading.value


@pytest.mark.parametrize(("raw", "state"), [(0, "ok"), (False, "ok"), ("0", "ok"), (1, "low"), (True, "low")])
def test_words_of_a_flag_stand_for_codes_and_flags_too(raw: object, state: str) -> None:
    """One model says 0, the next false: both are listed once."""
    words = {"true": ("1", "true"), "false": ("0", "false")}
    signal = {**_FLAG, "flags": words, "transform": ({"lookup": {"false": "ok", "true": "low"}},)}
    assert _read("washer_fluid.state", signal, {"a": raw}) == (Presence.VALUE, state)


@pytest.mark.parametrize("raw", [2, "on", 0.0, None, [], {}])
def test_what_no_word_of_a_flag_lists_is_unknown(raw: object) -> None:
    """A code beyond the listed ones is never taken for false."""
    words = {"true": ("1",), "false": ("0",)}
    signal = {**_FLAG, "flags": words, "transform": ({"lookup": {"false": "ok", "true": "low"}},)}
    assert _read("washer_fluid.state", signal, {"a": raw}) == (Presence.UNKNOWN, None)


def test_a_flag_without_words_takes_no_code() -> None:
    """0 is no flag where the profile does not say so."""
    signal = {**_FLAG, "transform": ({"lookup": {"false": "ok", "true": "low"}},)}
    assert _read("washer_fluid.state", signal, {"a": 0}) == (Presence.UNKNOWN, None)


@pytest.mark.parametrize(("raw", "value"), [("47.3", 47.3), (47.3, 47.3), (47, 47.0)])
def test_digits_may_be_a_number_already(raw: object, value: float) -> None:
    """Some models put a number in quotes, and their successors do not."""
    assert _read("fuel.remaining", {**_NUMBER, "parse": "digits"}, {"a": raw}) == (Presence.VALUE, value)


@pytest.mark.parametrize("raw", [True, "1e1", "", [], "4 7"])
def test_digits_are_nothing_else(raw: object) -> None:
    """A flag, an exponent or a blank inside is no decimal number."""
    assert _read("fuel.remaining", {**_NUMBER, "parse": "digits"}, {"a": raw}) == (Presence.UNKNOWN, None)


@pytest.mark.parametrize(
    ("tree", "presence"),
    [
        ({"a": 5}, Presence.VALUE),
        ({"a": 5, "kind": "gas"}, Presence.VALUE),
        ({"a": 5, "kind": "ev"}, Presence.NOT_APPLICABLE),
    ],
)
def test_an_optional_guard_holds_where_its_place_is_missing(tree: dict[str, Any], presence: Presence) -> None:
    """A model that does not say what kind it is is not refused for it."""
    guard = {"path": "/kind", "ne": "ev", "optional": True, "else": "not_applicable"}
    assert _read("fuel.remaining", {**_NUMBER, "parse": "number", "guard": (guard,)}, tree)[0] is presence


def test_a_list_is_a_text_with_commas() -> None:
    """OVMS puts four wheels into one text; each part has its place, and a single value is a list of one."""
    decode = decoder(Decoding(format="text", inner=(Inner(path="/text", format="list"),)), TreeLimits())
    assert decode(b"230.5, 231.0,228,229") == {"text": ["230.5", "231.0", "228", "229"]}
    assert decode(b"87") == {"text": ["87"]}


def test_a_list_has_a_limit() -> None:
    """A text of a thousand commas is no list of values: it is left out."""
    decode = decoder(Decoding(format="text", inner=(Inner(path="/text", format="list"),)), TreeLimits())
    assert decode(b"," * 1_000) == {}


def test_the_second_number_may_stand_beside_the_first_in_a_list() -> None:
    """Life left and whole life of a part stand in one element of a list, whatever its place."""
    share = {
        **{key: value for key, value in _NUMBER.items() if key != "select"},
        "jsonpath": "$.parts[?@.type == 'heap'].left",
        "parse": "number",
        "transform": ({"scale": 100.0}, {"divide_by": "$.parts[?@.type == 'heap'].total"}),
    }
    parts = [{"type": "brush", "left": 1, "total": 3}, {"type": "heap", "left": 30, "total": 120}]
    assert _read("filter.remaining", share, {"parts": parts}) == (Presence.VALUE, 25.0)
    assert _read("filter.remaining", share, {"parts": [{"type": "heap", "left": 0, "total": 0}]})[0] is Presence.UNKNOWN
    assert _read("filter.remaining", share, {"parts": [{"type": "heap", "left": 30}]})[0] is Presence.UNKNOWN


@pytest.mark.parametrize(("days", "value"), [([3, 4, 1], 1.0), ([7], 7.0), ([], None), (5, None)])
def test_the_newest_of_a_series(days: object, value: float | None) -> None:
    """`[-1]` is the last element, and of nothing there is none."""
    newest = {
        **{key: each for key, each in _NUMBER.items() if key != "select"},
        "jsonpath": "$.w[?@.code == 'TREND'].days[-1]",
        "parse": "number",
    }
    presence = Presence.UNKNOWN if value is None else Presence.VALUE
    assert _read("filter.remaining", newest, {"w": [{"code": "TREND", "days": days}]}) == (presence, value)


@pytest.mark.parametrize(
    ("tree", "value"),
    [({"a": 5}, 5.0), ({"b": 6}, 6.0), ({"a": 5, "b": 6}, 5.0), ({"a": None, "b": 6}, None), ({}, None)],
)
def test_places_are_looked_at_in_turn(tree: dict[str, Any], value: float | None) -> None:
    """A bridge renamed a key between two versions; null at the first place is an answer, and no reason to go on."""
    presence = Presence.UNKNOWN if value is None else Presence.VALUE
    assert _read("fuel.remaining", {**_NUMBER, "parse": "number", "instead": ("/b",)}, tree) == (presence, value)


@pytest.mark.parametrize(
    ("unused", "presence"),
    [
        (["a"], Presence.NOT_APPLICABLE),
        (["b", "a"], Presence.NOT_APPLICABLE),
        (["b"], Presence.VALUE),
        ([], Presence.VALUE),
        (None, Presence.VALUE),
        ("a", Presence.VALUE),
        ([["a"]], Presence.VALUE),
    ],
)
def test_a_part_that_a_list_says_is_not_in_use(unused: object, presence: Presence) -> None:
    """SmartThings lists the capabilities that a model has only on paper."""
    guard = {"path": "/unused", "lacks": "a", "optional": True, "else": "not_applicable"}
    tree = {"a": 5, "unused": unused}
    assert _read("fuel.remaining", {**_NUMBER, "parse": "number", "guard": (guard,)}, tree)[0] is presence
    assert _read("fuel.remaining", {**_NUMBER, "parse": "number", "guard": (guard,)}, {"a": 5})[0] is Presence.VALUE


def _by_radio(payload: bytes) -> Decoded | Quarantined:
    profile = Profile.model_validate(
        {
            "profile": "test.radio",
            "version": 1,
            "title": "t",
            "source": "s",
            "match": {"topic": "radio/{device}/events", "identity": ("/model", "/id")},
            "decode": {"format": "json"},
            "signals": {"fuel.remaining": {**_NUMBER, "parse": "number"}},
            "samples": ({"name": "n", "payload": {}, "quarantine": "malformed"},),
        },
        strict=False,
    )
    decoder = Decoder(Registry([profile]), home="h", limits=Limits(), birth_of=lambda _: None)
    message = RawMessage("radio/roof/events", payload, retained=False, duplicate=False, received_at=_NOW, receipt=0)
    outcome = decoder.decode(message, now=_NOW)
    assert isinstance(outcome, (Decoded, Quarantined))
    return outcome


def test_a_neighbours_sensor_on_one_topic_is_another_device() -> None:
    """A receiver publishes everything it hears on one topic: the payload names the device further."""
    mine, theirs = _by_radio(b'{"model":"X","id":7,"a":5}'), _by_radio(b'{"model":"X","id":8,"a":5}')
    assert mine.device != theirs.device
    assert mine.device == _by_radio(b'{"model":"X","id":7,"a":6}').device


def test_a_slash_in_a_name_makes_no_two_devices_one() -> None:
    """`A/B` and `C` are not `A` and `B/C`."""
    one, other = _by_radio(b'{"model":"A/B","id":"C","a":5}'), _by_radio(b'{"model":"A","id":"B/C","a":5}')
    assert one.device != other.device


@pytest.mark.parametrize("payload", [b'{"model":"X","a":5}', b'{"model":"X","id":null,"a":5}', b'{"model":"","id":7}'])
def test_a_message_that_does_not_say_its_device_is_kept_apart(payload: bytes) -> None:
    """Nothing is credited to a device by guess."""
    outcome = _by_radio(payload)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason is QuarantineReason.UNKNOWN_DEVICE


@pytest.mark.parametrize(
    ("raw", "online", "told"),
    [
        ("fine", True, (Presence.VALUE, "ok")),
        ("fine", False, (Presence.NOT_APPLICABLE, None)),  # a guard goes first
        ("off", True, (Presence.UNKNOWN, None)),  # listed, and a sentinel
        ("quiet", True, (Presence.UNKNOWN, None)),  # listed, and says nothing
        ("Fine", True, (Presence.UNKNOWN, None)),  # not listed: a fault
        (7, True, (Presence.VALUE, "low")),  # a code that a text is listed for
    ],
)
def test_a_listed_word_is_still_guarded_and_may_be_a_sentinel(
    raw: object, *, online: bool, told: tuple[Presence, str | None]
) -> None:
    """What the words mean is worked out once, and changes nothing of the order of the language."""
    signal = {
        "select": "/a",
        "parse": "text",
        "guard": ({"path": "/online", "eq": True, "else": "not_applicable"},),
        "sentinels": ("off",),
        "transform": ({"lookup": {"fine": "ok", "off": "empty", "quiet": None, "7": "low"}},),
        "class": "flag",
        "direction": "none",
    }
    assert _read("washer_fluid.state", signal, {"a": raw, "online": online}) == told
    assert _read("washer_fluid.state", signal, {"a": raw})[0] is Presence.NOT_APPLICABLE
