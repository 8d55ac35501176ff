"""Zigbee2MQTT's list of devices: exposes to channels, end to end to readings, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.commands import outgoing
from edge_agent.core.importing.zigbee2mqtt import import_z2m
from edge_agent.core.registry import Registry
from tests.edge_agent.core.importing.end_to_end import only, overlay, profiles, reasons, said, shipped, told

EXPOSES: list[Any] = [
    {"type": "numeric", "name": "fill", "property": "fill", "unit": "%", "value_min": 0, "value_max": 100, "access": 1},
    {"type": "numeric", "name": "age", "property": "age", "unit": "minutes", "access": 5},
    {"type": "binary", "name": "due", "property": "due", "value_on": True, "value_off": False, "access": 1},
    {"type": "enum", "name": "stage", "property": "stage", "values": ["fine", "soon", "now"], "access": 1},
    {
        "type": "numeric",
        "name": "alarm",
        "property": "alarm",
        "unit": "%",
        "value_min": 0,
        "value_max": 50,
        "access": 7,
        "presets": [{"name": "off", "value": 255}],
    },
    {"type": "enum", "name": "reset", "property": "reset", "values": ["filter"], "access": 2},
    {
        "type": "composite",
        "name": "tank",
        "property": "tank",
        "features": [
            {"type": "numeric", "name": "left", "property": "left", "unit": "mL", "access": 1},
            {
                "type": "binary",
                "name": "lock",
                "property": "lock",
                "value_on": "LOCK",
                "value_off": "OPEN",
                "access": 3,
            },
        ],
    },
    {
        "type": "switch",
        "features": [
            {"type": "binary", "name": "state", "property": "state", "value_on": "ON", "value_off": "OFF", "access": 7}
        ],
    },
    {"type": "numeric", "name": "battery", "property": "battery", "unit": "%", "value_max": 100, "access": 1},
    {"type": "numeric", "name": "linkquality", "property": "linkquality", "unit": "lqi", "access": 1},
]


def bridge(name: str = "cellar/feeder", exposes: Any = EXPOSES, base: str = "zigbee2mqtt", **more: Any) -> Any:  # noqa: ANN401
    """The list of a bridge with its coordinator and one device."""
    definition = {"model": "F1", "vendor": "Acme", "description": "feeder", "exposes": exposes, "options": []}
    entry = {
        "ieee_address": "0x00aa",
        "type": "EndDevice",
        "supported": True,
        "friendly_name": name,
        "definition": definition,
    }
    return told(
        f"{base}/bridge/devices",
        [
            {"ieee_address": "0x0", "type": "Coordinator", "friendly_name": "Coordinator", "definition": None},
            entry | more,
        ],
    )


SIGNALS = {
    "food.remaining": {"from": "fill"},
    "filter.time_used": {"from": "age", "unit": "h", "range": [0, 10000]},
    "filter.state": {"from": "due", "states": {"true": "replace", "false": "ok"}},
    "desiccant.state": {"from": "stage", "states": {"fine": "ok", "soon": "low", "now": "replace"}},
    "food.reorder_threshold": {"from": "alarm"},
    "water_tank.amount": {"from": "tank.left", "range": [0, 3000]},
}
STATE = {"fill": 40, "age": 90, "due": True, "stage": "soon", "alarm": 20, "tank": {"left": 870}, "battery": 71}


def test_a_device_end_to_end(tmp_path: Path) -> None:
    """Numbers with units, flags, words, values inside a composite; before the profiles for the family."""
    device = only(import_z2m([bridge()]))
    assert "reset" not in {each.key for each in device.channels}  # it can be set, and is never told
    loaded = profiles(device, overlay(device="0x00aa", signals=SIGNALS), tmp_path, rivals=shipped())
    wanted = {
        "food.remaining": (40.0, "%"),
        "filter.time_used": (1.5, "h"),
        "filter.state": ("replace", ""),
        "desiccant.state": ("low", ""),
        "food.reorder_threshold": (20.0, "%"),
        "water_tank.amount": (870.0, "mL"),
        "battery": (71.0, "%"),
    }
    assert said(loaded, "zigbee2mqtt/cellar/feeder", STATE) == wanted
    assert said([*shipped(), *loaded], "zigbee2mqtt/cellar/feeder", STATE) == wanted
    odd = STATE | {"alarm": 255, "fill": None, "stage": "what"}
    assert said(loaded, "zigbee2mqtt/cellar/feeder", odd) == wanted | {
        "food.reorder_threshold": "unknown",
        "food.remaining": "unknown",
        "desiccant.state": "unknown",
    }


def test_an_import_goes_before_the_family(tmp_path: Path) -> None:
    """Every shipped profile loads beside it: two that fit equally well would be refused."""
    tank = [each for each in EXPOSES if each.get("name") in {"fill", "battery"}]
    device = only(import_z2m([bridge(exposes=tank)]))
    added = overlay(device="cellar/feeder", signals={"food.remaining": {"from": "fill"}})
    loaded = profiles(device, added, tmp_path, rivals=shipped())
    Registry([*shipped(), *loaded])
    assert said([*shipped(), *loaded], "zigbee2mqtt/cellar/feeder", {"fill": 3, "battery": 9})["food.remaining"] == (
        3,
        "%",
    )  # type: ignore[index]
    assert (
        profiles(device, added, tmp_path, rivals=[*shipped(), *loaded]) == loaded
    )  # imported again: not its own rival


def test_the_same_device_under_another_name(tmp_path: Path) -> None:
    """An overlay by the device's address holds after it was given another friendly name; only the topic moves."""
    added = overlay(device="0x00aa", id="feeder", signals={"food.remaining": {"from": "fill"}})
    for name in ("feeder", "kitchen/feeder"):
        loaded = profiles(only(import_z2m([bridge(name)])), added, tmp_path)
        assert loaded[0].match.patterns == (f"zigbee2mqtt/{name}",)
        assert loaded[0].match.device == "feeder"


def test_the_last_list_of_each_bridge_stands() -> None:
    """A device that left is not in it; two bridges have two lists."""
    found = import_z2m([bridge("old"), bridge("new"), bridge("other", base="home/zigbee")])
    assert [each.title for each in found.devices] == ["new", "other"]
    assert found.devices[1].channels[0].topics == ("home/zigbee/other",)
    assert import_z2m([bridge(), told("zigbee2mqtt/bridge/devices")]).removed == ("zigbee2mqtt/bridge/devices",)


def test_two_bridges_may_use_one_name() -> None:
    """Two devices have two ids, whatever they are called."""
    found = import_z2m([bridge("feeder"), bridge("feeder", base="home/zigbee")])
    assert len({each.id for each in found.devices}) == 2


def test_commands(tmp_path: Path) -> None:
    """A word, a word inside a composite, and a number, each as the device takes it; told back by the same profile."""
    commands = {
        "reset_filter": {"from": "reset"},
        "lock": {"from": "tank.lock", "to": "LOCK"},
        "set_alarm": {"from": "alarm", "signal": "food.reorder_threshold"},
    }
    consumables = {"filter": {"signal": "filter.time_used", "reset": "reset_filter"}}
    added = overlay(device="cellar/feeder", signals=SIGNALS, commands=commands, consumables=consumables)
    (profile,) = profiles(only(import_z2m([bridge()])), added, tmp_path)
    sent = {name: outgoing(profile, name, named=(), value=30.0 if name == "set_alarm" else None) for name in commands}
    assert {each.topic for each in sent.values()} == {"zigbee2mqtt/cellar/feeder/set"}
    assert [sent[name].payload for name in commands] == [
        b'{"reset":"filter"}',
        b'{"tank":{"lock":"LOCK"}}',
        b'{"alarm":30}',
    ]
    assert all(each.confirm for each in sent.values())
    assert profile.consumables["filter"].degradation == "up"


def test_an_overlay_for_a_model(tmp_path: Path) -> None:
    """One overlay for each device of a model, each with a profile of its own."""
    added = overlay(model="F1", signals={"food.remaining": {"from": "fill"}})
    first, second = only(import_z2m([bridge("one")])), only(import_z2m([bridge("two")]))
    loaded = [*profiles(first, added, tmp_path), *profiles(second, added, tmp_path)]
    assert [each.profile for each in loaded] == ["home.thing.one", "home.thing.two"]
    Registry(loaded)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"friendly_name": "my  feeder"}, "space"),
        ({"friendly_name": "my feeder "}, "space"),
        ({"friendly_name": ""}, "friendly_name"),
        ({"friendly_name": "a/{device}"}, "brace"),
        ({"definition": None}, "no definition"),
        ({"definition": {"exposes": None}}, "no definition"),
        ({"disabled": True}, "disabled"),
    ],
)
def test_refused_devices(entry: dict[str, Any], why: str) -> None:
    """A device that cannot be addressed or is not described."""
    found = import_z2m([bridge(**entry)] if "friendly_name" not in entry else [bridge(entry["friendly_name"])])
    assert found.devices == ()
    assert why in reasons(found)


@pytest.mark.parametrize(
    ("expose", "why"),
    [
        ({"type": "list", "property": "a", "access": 1}, "no single value"),
        ({"property": "a", "access": 1}, "without a type"),
        ({"type": "numeric", "property": "a", "access": 4}, "neither published nor set"),
        ({"type": "numeric", "property": "a"}, "neither published nor set"),
        ({"type": "numeric", "access": 1}, "no property"),
        ({"type": "enum", "property": "a", "values": [], "access": 1}, "1 to 64"),
        ({"type": "enum", "property": "a", "values": [[1]], "access": 1}, "short text"),
        ({"type": "binary", "property": "a", "value_on": 1, "value_off": 1, "access": 1}, "same word"),
        ({"type": "binary", "property": "a", "access": 1}, "short text"),
        ({"type": "text", "property": "a", "access": 3}, "fixed words"),
        ({"type": "numeric", "property": "fill", "access": 1}, "twice"),
        ({"type": "numeric", "property": "a" * 250, "access": 1}, "too long"),
        ({"type": "composite", "property": "a", "features": 5}, "no list"),
        (7, "no object"),
    ],
)
def test_refused_values(expose: Any, why: str) -> None:  # noqa: ANN401
    """One value that cannot be taken over leaves the others."""
    found = import_z2m([bridge(exposes=[EXPOSES[0], expose])])
    assert why in reasons(found)
    assert only(found).channels[0].key == "fill"


@pytest.mark.parametrize(("payload", "why"), [({}, "list of devices"), (b"[", "not JSON"), ([5], "no object")])
def test_refused_lists(payload: Any, why: str) -> None:  # noqa: ANN401
    """A list that is none."""
    assert why in reasons(import_z2m([told("zigbee2mqtt/bridge/devices", payload)]))
