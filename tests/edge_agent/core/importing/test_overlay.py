"""What an overlay adds to a device, what it may not contradict, and which profiles come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.importing.assemble import assemble
from edge_agent.core.importing.device import Channel, Control, ImportedDevice
from edge_agent.core.importing.file_text import draft_text
from edge_agent.core.importing.overlay import devices_of, overlay_of
from edge_agent.core.registry import Registry
from edge_agent.errors import ProfileError
from tests.edge_agent.core.importing.end_to_end import overlay, profiles, said, told

LEVEL = Channel("level", "Level", ("a/b",), "json", "/level", "number", unit="%", unit_said="%")
DEPTH = Channel("depth", "Depth", ("a/b",), "json", "/depth", "number", unit_said="m", bounds=(0, 4))
VOLUME = Channel("volume", "Volume", ("a/v",), "text", "/text", "digits", unit="L", unit_said="L", bounds=(0, 200))
LOW = Channel("low", "Low", ("a/b",), "json", "/low", "flag", on=("ON",), off=("OFF",))
STAGE = Channel("stage", "Stage", ("a/b",), "json", "/stage", "text", words=("good", "bad"))
NOTE = Channel("note", "Note", ("a/b",), "json", "/note", "text")
DEVICE = ImportedDevice(
    source="ha",
    id="tank",
    title="Tank",
    names=("Tank", "t-1"),
    model="T1",
    channels=(LEVEL, DEPTH, VOLUME, LOW, STAGE, NOTE),
    controls=(
        Control("limit", "Limit", "a/set", payload={"keep": 1}, at="/limit"),
        Control("pump", "Pump", "a/set", words=(("on", "ON"), ("off", "OFF"))),
        Control("reset", "Reset", "a/set", words=(("press", {"reset": True}),)),
    ),
)


def signal(name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """An overlay with one signal."""
    return {"overlay": "home.tank", "device": "tank", "signals": {name: fields}}


@pytest.mark.parametrize(
    ("name", "fields", "payload", "wanted"),
    [
        ("oil.remaining", {"from": "level"}, {"level": 40}, (40.0, "%")),
        ("oil.remaining", {"from": "level", "sentinels": [0]}, {"level": 0}, "unknown"),
        ("oil.remaining", {"from": "level", "range": [1, 90]}, {"level": 95}, "out_of_range"),
        ("oil.used", {"from": "level"}, {"level": 40}, (40.0, "%")),
        (
            "oil.remaining",
            {"from": "level", "transform": [{"invert": 100}], "range": [0, 100]},
            {"level": 40},
            (60.0, "%"),
        ),
        ("oil.distance", {"from": "depth", "unit": "m", "class": "level", "direction": "up"}, {"depth": 3}, (3.0, "m")),
        ("oil.state", {"from": "low", "states": {"ON": "low", "OFF": "ok"}}, {"low": "ON"}, ("low", "")),
        ("oil.state", {"from": "low", "states": {"on": "low", "off": None}}, {"low": "OFF"}, "unknown"),
        ("oil.state", {"from": "stage", "states": {"good": "ok", "bad": "low"}}, {"stage": "bad"}, ("low", "")),
        (
            "oil.remaining",
            {"from": "stage", "states": {"good": 100, "bad": 10}, "unit": "%", "range": [0, 100]},
            {"stage": "bad"},
            (10.0, "%"),
        ),
        ("oil.state", {"from": "note", "states": {"x": "ok"}}, {"note": "x"}, ("ok", "")),
        ("oil.hardness", {"from": "note", "class": "setting"}, {"note": "R04"}, ("R04", "")),
        ("oil.amount", {"from": "note", "unit": "L", "range": [0, 9]}, {"note": "4.5"}, (4.5, "L")),
        (
            "oil.remaining",
            {"from": "level", "guard": [{"path": "/low", "eq": "OFF"}], "missing": "not_applicable"},
            {"low": "OFF"},
            "not_applicable",
        ),
    ],
)
def test_signals(name: str, fields: dict[str, Any], payload: Any, wanted: object, tmp_path: Path) -> None:  # noqa: ANN401
    """Each thing that can be said of a value, to a reading."""
    loaded = profiles(DEVICE, overlay_of(signal(name, **fields)), tmp_path)
    told_now = said(loaded, "a/b", payload)
    assert (told_now[name] if isinstance(told_now, dict) else told_now) == wanted


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        (signal("oil.remaining", **{"from": "nothing"}), "'nothing' is no value of this device; there is level, depth"),
        (signal("oil.leftover", **{"from": "level"}), "closed list"),
        (signal("oil.weight", **{"from": "level", "class": "level"}), "add direction"),
        (signal("oil.weight", **{"from": "level"}), "add class"),
        (signal("oil.remaining", **{"from": "level", "direction": "up"}), "direction must be down"),
        (signal("oil.amount", **{"from": "level", "unit": "L"}), "is no 'L'"),
        (
            signal("oil.depth", **{"from": "depth", "class": "level", "direction": "down"}),
            "'m' is no unit that is certain",
        ),
        (signal("oil.amount", **{"from": "note", "unit": "L"}), "add range"),
        (signal("oil.amount", **{"from": "note", "unit": "litres"}), "not a UCUM unit"),
        (signal("oil.remaining", **{"from": "level", "transform": [{"invert": 100}]}), "add range"),
        (signal("oil.remaining", **{"from": "level", "transform": [{"eval": "x"}], "range": [0, 1]}), "transform"),
        (signal("oil.remaining", **{"from": "level", "states": {"a": "ok"}}), "is a number"),
        (signal("oil.state", **{"from": "low"}), "add states: what each word of low means .ON and OFF."),
        (signal("oil.state", **{"from": "low", "states": {"ON": "low"}}), "one for on and one for off"),
        (signal("oil.state", **{"from": "low", "states": {"ON": "low", "on": "ok"}}), "one for on and one for off"),
        (signal("oil.state", **{"from": "low", "states": {"ON": "low", "MAYBE": "ok"}}), "'MAYBE' is none"),
        (signal("oil.state", **{"from": "stage", "states": {"good": "ok"}}), "'bad' is left out"),
        (signal("oil.state", **{"from": "stage", "states": {"good": "ok", "bad": "low", "x": "ok"}}), "'x' is none"),
        (signal("oil.state", **{"from": "stage", "states": {"good": "fine", "bad": "low"}}), "states"),
        (signal("oil.remaining", **{"from": "stage", "states": {"good": 90, "bad": 10}}), "need unit and range"),
        (signal("oil.remaining", **{"from": "level", "more": 1}), "Extra inputs"),
        ({"overlay": "home.tank", "signals": {}}, "either device or model"),
        ({"overlay": "home.tank", "device": "a", "model": "b"}, "either device or model"),
        ({"overlay": "tank", "device": "tank"}, "overlay"),
        ({"overlay": "home.tank", "device": "tank", "topic": "x/y"}, "told its topics itself"),
        ({"overlay": "home.tank", "device": "tank"}, "nothing of it is explained"),
        ([], "should be an object"),
        (
            signal("oil.remaining", **{"from": "level"}) | {"consumables": {"oil": {"signal": "oil.amount"}}},
            "consumables.oil: signal 'oil.amount' is none",
        ),
        (
            signal("oil.remaining", **{"from": "level"})
            | {"consumables": {"oil": {"signal": "oil.remaining", "products": [{"type": "ean", "value": "1"}]}}},
            "check digit",
        ),
        (signal("oil.remaining", **{"from": "level"}) | {"commands": {"x": {"from": "nothing"}}}, "takes nothing"),
        (signal("oil.remaining", **{"from": "level"}) | {"commands": {"x": {"from": "pump"}}}, "one of on, off"),
        (signal("oil.remaining", **{"from": "level"}) | {"commands": {"x": {"from": "limit"}}}, "of which signal"),
        (
            signal("oil.remaining", **{"from": "level"})
            | {"commands": {"x": {"from": "pump", "signal": "oil.remaining"}}},
            "one of its words",
        ),
        (
            signal("oil.remaining", **{"from": "level"})
            | {"commands": {"x": {"from": "pump", "to": "on", "signal": "oil.remaining"}}},
            "exclude each other",
        ),
    ],
)
def test_refusals(tree: Any, why: str) -> None:  # noqa: ANN401
    """Each contradiction and each thing that is missing: what, where, and what to do."""
    with pytest.raises(ProfileError, match=why):
        assemble(DEVICE, overlay_of(tree))


def test_one_profile_for_each_topic(tmp_path: Path) -> None:
    """A consumable goes with its signal, a command with the one that it resets."""
    added = overlay(
        device="t-1",
        signals={"oil.remaining": {"from": "level"}, "oil.amount": {"from": "volume"}},
        consumables={"oil": {"signal": "oil.amount", "reset": "reset_oil"}},
        commands={"reset_oil": {"from": "reset"}, "pump_on": {"from": "pump", "to": "on", "confirm": False}},
        id="cellar_tank",
    )
    first, second = profiles(DEVICE, added, tmp_path)
    Registry([first, second])
    assert (first.profile, second.profile) == ("home.thing", "home.thing.volume")
    assert (first.match.device, second.match.device) == ("cellar_tank", "cellar_tank")
    assert (set(first.commands), set(second.commands)) == ({"pump_on"}, {"reset_oil"})
    assert (set(first.consumables), second.consumables["oil"].degradation) == (set(), "down")
    assert second.commands["reset_oil"].payload == {"reset": True}
    assert (second.commands["reset_oil"].confirm, first.commands["pump_on"].confirm) == (True, False)


def test_samples(tmp_path: Path) -> None:
    """Those of the overlay stand alone; without any, what was heard; and without that, what the device would send."""
    bare = {"device": "tank", "signals": {"oil.remaining": {"from": "level"}}}
    given = {"name": "mine", "payload": {"level": 3}, "expect": {"oil.remaining": {"value": 3, "unit": "%"}}}
    heard = [told("a/b", {"level": 7}), told("a/b", {"level": 300}), told("a/b", b"{"), told("other", {"level": 1})]
    assert [each.name for each in profiles(DEVICE, overlay(**bare, samples=[given]), tmp_path)[0].samples] == ["mine"]
    recorded = profiles(DEVICE, overlay(**bare), tmp_path, recorded=heard)[0].samples
    assert [each.payload for each in recorded] == [{"level": 7}, {"level": 300}]
    assert recorded[1].quarantine == "out_of_range"
    made = profiles(DEVICE, overlay(**bare), tmp_path)[0].samples
    assert ["not recorded" in each.name for each in made] == [True]


def test_which_device() -> None:
    """By id, by name, by address or by model; none and two are errors that say what there is."""
    twin = ImportedDevice(source="ha", id="twin", title="Tank", names=("Tank",), model="T1")
    assert [each.id for each in devices_of(overlay(device="t-1"), (DEVICE, twin))] == ["tank"]
    assert [each.id for each in devices_of(overlay(model="T1"), (DEVICE, twin))] == ["tank", "twin"]
    with pytest.raises(ProfileError, match="'Tank' is 2 devices: tank, twin"):
        devices_of(overlay(device="Tank"), (DEVICE, twin))
    with pytest.raises(ProfileError, match="device 'oven' is not in this import; there is 'Tank'"):
        devices_of(overlay(device="oven"), (DEVICE,))


def test_a_draft_asks_and_assumes_nothing() -> None:
    """Every value stands in it as a comment; taken over as it is, it is refused."""
    text = draft_text(DEVICE)
    assert all(f'from: "{each.key}"' in text for each in (*DEVICE.channels, *DEVICE.controls))
    assert "TODO" in text
    assert "could be" not in text.splitlines()[3]
