"""The profile language: what it refuses, and how a profile is found for a message."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from edge_agent.core.decoding.conditions import contradict, holds
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.profile import Condition, Profile
from edge_agent.core.registry import Registry
from edge_agent.errors import ProfileError

SOUND: dict[str, Any] = {
    "profile": "acme.tank",
    "version": 1,
    "title": "Tank",
    "source": "Acme manual",
    "match": {"topic": "acme/{device}/status", "require": [{"path": "/kind", "eq": "tank"}]},
    "decode": {"format": "json"},
    "units": {"litres": "L"},
    "signals": {
        "oil.amount": {
            "select": "/level",
            "guard": [{"path": "/ok", "eq": True}],
            "parse": "number",
            "transform": [{"scale": 2.0}],
            "unit": {"canonical": "L"},
            "range": [0, 1000],
            "class": "level",
            "direction": "down",
        }
    },
    "samples": [
        {"name": "one", "payload": {"kind": "tank", "level": 5, "ok": True}, "expect": {"oil.amount": "unknown"}}
    ],
}


def parsed(document: dict[str, Any]) -> Profile:
    """The document as the loader reads it."""
    return Profile.model_validate_json(json.dumps(document))


def changed(path: str, value: object) -> dict[str, Any]:
    """SOUND with one field set, or removed where the value is `...`."""
    document = copy.deepcopy(SOUND)
    *parents, last = path.split("|")
    place: Any = document
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


SIGNAL = "signals|oil.amount"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("profile", "Acme Tank", "pattern"),
        ("extra", 1, "Extra inputs"),
        ("version", "1", "valid integer"),
        ("version", True, "valid integer"),
        ("decode|format", "xml", "'json'"),
        ("decode", {"format": "bytes"}, "needs a layout"),
        ("decode", {"format": "json", "encoding": "hex"}, "layout and encoding"),
        ("decode", {"format": "json", "inner": [{"path": "/a", "format": "cbor"}]}, "json, text or bytes"),
        ("match", {}, "exactly one of native, topic and topics"),
        ("match|native", {"x": {"type": "number", "unit": "g"}}, "exactly one of native, topic and topics"),
        ("match|topic", "acme/status", "one or two levels"),
        ("match|topic", "{device}", "pattern"),
        ("match|topic", "a/{device}/{device}/{device}", "one or two levels"),
        ("match|topic", "acme/{key}/{device}", "pattern"),
        ("match|topic", "acme/{device}/{key}", "merge: per_topic"),
        ("merge", "per_topic", "merge: per_topic"),
        ("merge", "patch", "'snapshot'"),
        ("match|topic", "acme/#", "pattern"),
        ("match|topic", "restock/v1/home/{device}", "native devices"),
        ("match|topic", "a b/{device}", "pattern"),
        ("match|topic", "acme/ b/{device}", "pattern"),
        ("match|topic", "acme/b /{device}", "pattern"),
        ("match|topic", "acme/b  c/{device}", "pattern"),
        ("match|topic", "acme/b\tc/{device}", "pattern"),
        ("match|topic", "acme/b\u00a0c/{device}", "pattern"),
        ("match|topic", "acme/a {device}", "pattern"),
        ("match|require", [{"path": "/kind"}], "exactly one"),
        ("match|require", [{"path": "/kind", "eq": 1, "gt": 2}], "exactly one"),
        ("match|require", [{"path": "kind", "eq": 1}], "pattern"),
        ("units|cc", "millilitre", "not a UCUM unit"),
        (f"{SIGNAL}|direction", ..., "Field required"),
        (f"{SIGNAL}|class", ..., "Field required"),
        (f"{SIGNAL}|direction", "up", "direction must be down"),
        (f"{SIGNAL}|direction", "none", "direction is none for"),
        (f"{SIGNAL}|class", "flag", "class flag"),
        (f"{SIGNAL}|class", "setting", "direction is none for"),
        (f"{SIGNAL}|class", "gauge", "'level'"),
        (f"{SIGNAL}|unit", ..., "needs a unit"),
        (f"{SIGNAL}|range", ..., "needs a unit and a range"),
        (f"{SIGNAL}|range", [5, 5], "lower bound"),
        (f"{SIGNAL}|range", [0, None], "valid number"),
        (f"{SIGNAL}|unit|canonical", "litre", "not a UCUM unit"),
        (f"{SIGNAL}|unit|canonical", "km", "does not fit this quantity"),
        (f"{SIGNAL}|unit|source", "km", "cannot be turned into"),
        (f"{SIGNAL}|unit", {"canonical": "L", "source": "mL", "path": "/u"}, "exclude each other"),
        (f"{SIGNAL}|parse", "text", "one lookup"),
        (f"{SIGNAL}|parse", "eval", "'number'"),
        (f"{SIGNAL}|transform", [{"scale": 1.0, "offset": 2.0}], "Extra inputs"),
        (f"{SIGNAL}|transform", [{"python": "x * 2"}], "Field required"),
        (f"{SIGNAL}|transform", [{"lookup": {"a": "ok"}}], "no lookup"),
        (f"{SIGNAL}|transform", [{"scale": 0}], "make everything empty"),
        (f"{SIGNAL}|select", ..., "either select or jsonpath"),
        (f"{SIGNAL}|jsonpath", "$.a[0]", "pattern"),
        (f"{SIGNAL}|guard", [{"path": "/ok", "eq": True, "else": "gone"}], "'unknown'"),
        (f"{SIGNAL}|guard", [{"path": "/ok", "eq": True, "else": "empty"}], "goes with class flag"),
        (f"{SIGNAL}|select", "level", "pattern"),
        (f"{SIGNAL}|select", "/a~2", "pattern"),
        ("signals", {}, "at least 1"),
        ("signals", {"oil.happiness": SOUND["signals"]["oil.amount"]}, "closed list"),
        ("samples", [], "at least 1"),
        ("samples|0|expect", ..., "either expect or quarantine"),
        ("samples|0|quarantine", "boring", "'unknown_device'"),
    ],
)
def test_what_a_profile_may_not_say(path: str, value: object, says: str) -> None:
    """One wrong field refuses the profile, and the message says what is allowed."""
    with pytest.raises(ValidationError) as refusal:
        parsed(changed(path, value))
    assert any(says in error["msg"] for error in refusal.value.errors())


def test_the_sound_one_is_taken() -> None:
    """The profile that the refusals above start from has no fault of its own."""
    assert parsed(SOUND).signals["oil.amount"].canonical == "L"


TREE: Tree = {"n": 5, "zero": 0, "flag": True, "text": "5", "null": None, "list": [1]}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"path": "/n", "eq": 5}, True),
        ({"path": "/n", "eq": 5.0}, True),
        ({"path": "/n", "eq": "5"}, False),
        ({"path": "/flag", "eq": 1}, False),
        ({"path": "/flag", "eq": True}, True),
        ({"path": "/zero", "eq": False}, False),
        ({"path": "/null", "eq": None}, True),
        ({"path": "/absent", "eq": None}, False),
        ({"path": "/n", "ne": 4}, True),
        ({"path": "/absent", "ne": 4}, False),
        ({"path": "/text", "in": ["4", "5"]}, True),
        ({"path": "/text", "not_in": ["4", "5"]}, False),
        ({"path": "/null", "not_in": ["4", None]}, False),
        ({"path": "/absent", "not_in": ["4"]}, False),
        ({"path": "/n", "gt": 5}, False),
        ({"path": "/n", "ge": 5}, True),
        ({"path": "/n", "lt": 6}, True),
        ({"path": "/n", "le": 4}, False),
        ({"path": "/text", "gt": 0}, False),
        ({"path": "/flag", "gt": 0}, False),
        ({"path": "/null", "ge": 0}, False),
        ({"path": "/null", "present": True}, True),
        ({"path": "/absent", "present": True}, False),
        ({"path": "/absent", "present": False}, True),
        ({"path": "/list", "eq": 1}, False),
    ],
)
def test_conditions(condition: dict[str, Any], *, wanted: bool) -> None:
    """Each test, with what is missing, null, or of another type."""
    assert holds(Condition.model_validate_json(json.dumps(condition)), TREE) is wanted


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ({"path": "/a", "eq": 1}, {"path": "/a", "eq": 2}, True),
        ({"path": "/a", "eq": 1}, {"path": "/a", "eq": 1}, False),
        ({"path": "/a", "eq": 1}, {"path": "/b", "eq": 2}, False),
        ({"path": "/a", "in": [1, 2]}, {"path": "/a", "in": [2, 3]}, False),
        ({"path": "/a", "in": [1, 2]}, {"path": "/a", "in": [3, 4]}, True),
        ({"path": "/a", "present": True}, {"path": "/a", "present": False}, True),
        ({"path": "/a", "present": False}, {"path": "/a", "gt": 0}, True),
        ({"path": "/a", "present": True}, {"path": "/a", "gt": 0}, False),
        ({"path": "/a", "gt": 5}, {"path": "/a", "lt": 5}, False),
    ],
)
def test_which_conditions_exclude_each_other(one: dict[str, Any], other: dict[str, Any], *, wanted: bool) -> None:
    """Exclusion is claimed only where it is certain, and in both directions."""
    first, second = (Condition.model_validate_json(json.dumps(each)) for each in (one, other))
    assert contradict(first, second) is wanted
    assert contradict(second, first) is wanted


def profile(name: str, topic: str, *require: dict[str, Any]) -> Profile:
    """A profile that differs from SOUND in its match only."""
    return parsed(SOUND | {"profile": name, "match": {"topic": topic, "require": list(require)}})


IS_A, IS_B, HAS_C = {"path": "/kind", "eq": "a"}, {"path": "/kind", "eq": "b"}, {"path": "/c", "present": True}


def test_the_most_specific_profile_wins() -> None:
    """More conditions come first; when they do not hold, the general profile is taken."""
    registry = Registry(
        [
            profile("x.any", "x/{device}/s"),
            profile("x.a", "x/{device}/s", IS_A),
            profile("x.ac", "x/{device}/s", IS_A, HAS_C),
            profile("x.b", "x/{device}/s", IS_B),
        ]
    )
    cases: list[tuple[Tree, str]] = [
        ({"kind": "a", "c": 1}, "x.ac"),
        ({"kind": "a"}, "x.a"),
        ({"kind": "b", "c": 1}, "x.b"),
        ({}, "x.any"),
    ]
    for tree, wanted in cases:
        (group,) = registry.groups("x/tank-1/s")
        number = group.pick(tree)
        assert number is not None
        found = registry.candidates("x/tank-1/s")[number]
        assert (found.profile.profile, found.device) == (wanted, "x.tank-1")
    assert registry.candidates("x/tank-1/t") == []
    assert registry.candidates("x/s") == []
    assert registry.topic_filters() == ("x/+/s",)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (profile("x.one", "x/{device}/s"), profile("x.two", "x/{device}/s")),
        (profile("x.one", "x/{device}/s", IS_A), profile("x.two", "x/{device}/s", HAS_C)),
        (profile("x.one", "x/{device}/s"), profile("x.two", "x/y/{device}")),
        (profile("x.one", "x/{device}/s"), profile("x.one", "z/{device}/s")),
    ],
)
def test_a_tie_is_refused(one: Profile, other: Profile) -> None:
    """Two that could fit the same message equally well, or share an id: the second is refused, the first stays."""
    registry = Registry([one])
    with pytest.raises(ProfileError):
        registry.add(other)
    assert registry.profiles() == (one,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (profile("x.one", "x/{device}/s"), profile("x.two", "x/{device}/t")),
        (profile("x.one", "x/{device}/s"), profile("x.two", "x/{device}")),
        (profile("x.one", "x/{device}/s", IS_A), profile("x.two", "x/{device}/s", IS_B)),
        (profile("x.one", "x/{device}/s"), profile("x.two", "x/{device}/s", IS_B)),
        (profile("x.one", "x/{device}/s"), profile("x.two", "x/{device}/{device}")),
        (profile("x.one", "x/{device}/s", IS_A), profile("x.two", "x/+/{device}", HAS_C)),
    ],
)
def test_no_tie(one: Profile, other: Profile) -> None:
    """Profiles that no message fits equally well stand side by side."""
    assert len(Registry([one, other]).profiles()) == 2


def test_the_closest_topic_goes_first() -> None:
    """A pattern that names more levels is tried before one for a whole family, whatever that requires."""
    closest = parsed(SOUND | {"profile": "y.one", "match": {"topic": "x/my tank/s", "device": "tank", "require": []}})
    registry = Registry(
        [profile("x.any", "x/{device}/s", IS_A, HAS_C), closest, profile("z.all", "{device}/+/s", IS_A, IS_A, HAS_C)]
    )
    assert [each.profile.profile for each in registry.candidates("x/my tank/s")] == ["y.one", "x.any", "z.all"]
    assert [each.profile.profile for each in registry.candidates("x/other/s")] == ["x.any", "z.all"]


def test_a_level_with_a_space() -> None:
    """It is heard by an open filter, since a broker may take none with a space, and fits no other topic."""
    one = parsed(SOUND | {"profile": "y.one", "match": {"topic": "x/my tank/s", "device": "tank"}})
    registry = Registry([one])
    assert registry.topic_filters() == ("x/+/s",)
    assert [each.device for each in registry.candidates("x/my tank/s")] == ["y.tank"]
    assert [registry.candidates(each) for each in ("x/mytank/s", "x/my/s", "x/my  tank/s", "x/ my tank/s")] == [[]] * 4


def test_a_voltage_is_no_stock() -> None:
    """As a level it is refused, with what to write; as a setting it is a signal like any other."""
    document = copy.deepcopy(SOUND)
    volts = {"select": "/bat", "parse": "number", "unit": {"canonical": "V"}, "range": [0, 4]}
    document["signals"]["battery.voltage"] = volts | {"class": "level", "direction": "down"}
    with pytest.raises(ValidationError, match="never stock: class must be setting, and direction none"):
        Profile.model_validate_json(json.dumps(document))
    document["signals"]["battery.voltage"] = volts | {"class": "setting", "direction": "none"}
    assert Profile.model_validate_json(json.dumps(document)).signals["battery.voltage"].signal_class == "setting"


@pytest.mark.parametrize(
    ("name", "words", "why"),
    [
        ("destination.latitude", {"kept": None}, "kept: never is for where"),
        ("traction_battery.soc", {"kept": "never", "unit": {"canonical": "%"}}, "kept: never is for where"),
        ("destination.latitude", {"class": "level", "direction": "down"}, "kept: never goes with class setting"),
    ],
)
def test_where_a_person_goes_is_never_kept(name: str, words: dict[str, Any], why: str) -> None:
    """A profile can neither store a destination, nor hide what tells of stock, nor use the one for the other."""
    signal = {"select": "/x", "parse": "number", "unit": {"canonical": "deg"}, "range": [-90, 90], "class": "setting"}
    document = {
        "profile": "a.car", "version": 1, "title": "t", "source": "s", "match": {"topic": "a/{device}"},
        "decode": {"format": "json"}, "samples": [{"name": "n", "payload": {}, "expect": {}}],
        "signals": {name: {**signal, "direction": "none", "kept": "never", **words}},
    }  # fmt: skip
    with pytest.raises(ValidationError, match=why):
        Profile.model_validate_json(json.dumps(document))
