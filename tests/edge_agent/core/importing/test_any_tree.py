"""Whatever is announced: an import never raises, holds its limits, and what it makes passes the model of a profile."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.importing.assemble import assemble
from edge_agent.core.importing.device import CHANNELS_MAX, DEVICES_MAX, Announcement, Imported
from edge_agent.core.importing.file_text import draft_text, profile_text
from edge_agent.core.importing.ha_entities import import_ha
from edge_agent.core.importing.matter import import_matter
from edge_agent.core.importing.overlay import overlay_of
from edge_agent.core.importing.sparkplug_births import import_sparkplug
from edge_agent.core.importing.zigbee2mqtt import import_z2m
from edge_agent.errors import ProfileError
from tests.edge_agent.core.importing.end_to_end import reasons, told
from tests.edge_agent.core.importing.test_ha import LEVEL
from tests.edge_agent.core.importing.test_matter import PURIFIER
from tests.edge_agent.core.importing.test_z2m import bridge

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["{{ value_json.a }}", "~/a", "a/b", "%", "sensor", "battery", "x" * 300, "ON", "{{ value }}"]),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            *(
                "stat_t",
                "state_topic",
                "val_tpl",
                "unit_of_meas",
                "dev",
                "ids",
                "avty",
                "avty_t",
                "t",
                "~",
                "cmps",
                "p",
            ),
            *("o", "name", "cmd_t", "cmd_tpl", "ops", "pl_on", "pl_off", "min", "max", "dev_cla", "uniq_id", "cns"),
            *("friendly_name", "definition", "exposes", "type", "property", "features", "access", "values", "value_on"),
            *(
                "value_off",
                "value_min",
                "value_max",
                "presets",
                "value",
                "unit",
                "ieee_address",
                "attributes",
                "node_id",
            ),
            *("1/113/0", "1/113/1", "1/113/5", "0/47/12", "0/47/15", "0/47/16", "1", "113", "0", "result", "5"),
        ]
    ),
    st.text(max_size=8),
)
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(KEYS, below, max_size=8)),
    max_leaves=30,
)
EXPOSE = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["numeric", "binary", "enum", "composite", "switch", "text"]) | LEAVES,
        "property": st.sampled_from(["a", "b"]) | LEAVES,
    },
    optional={
        "access": st.integers(0, 7) | LEAVES,
        "unit": st.sampled_from(["%", "L", "m"]) | LEAVES,
        "value_min": LEAVES,
        "value_max": LEAVES,
        "value_on": LEAVES,
        "value_off": LEAVES,
        "values": st.lists(LEAVES, max_size=3) | LEAVES,
        "features": TREES,
        "presets": TREES,
    },
)
LISTS = st.builds(
    lambda name, exposes: [{"friendly_name": name, "definition": {"exposes": exposes}}],
    st.sampled_from(["a", "a/b", "my lamp", ""]) | LEAVES,
    st.lists(EXPOSE, max_size=4),
)


def sound(imported: Imported) -> None:
    """Within its limits; with an overlay for every value, each profile is whole or refused by the declared error."""
    assert len(imported.devices) <= DEVICES_MAX
    assert all(each.reason and len(each.what) <= 200 for each in imported.refused)
    for device in imported.devices:
        assert len(device.channels) <= CHANNELS_MAX
        draft_text(device).encode()
        with suppress(ProfileError):
            for each in assemble(device, None):
                assert load_yaml(profile_text(each.document).encode()) == each.document
        for channel in device.channels:
            said: dict[str, Any] = {"from": channel.key, "unit": "%", "range": [0, 100]}
            tree = {"overlay": "any.thing", "device": device.id, "signals": {"oil.remaining": said}}
            with suppress(ProfileError):
                for each in assemble(device, overlay_of(tree)):
                    assert load_yaml(profile_text(each.document).encode()) == each.document


SOUND_ONES: list[tuple[str, Any]] = [
    ("homeassistant/sensor/hopper/level/config", json.loads(LEVEL.payload)),
    (
        "homeassistant/device/hopper/config",
        {
            "dev": {"ids": ["h"], "name": "Hopper", "cns": [["mac", "aa"]]},
            "o": {"name": "x"},
            "~": "kitchen/hopper",
            "avty": [{"t": "~/link", "val_tpl": "{{ value_json.state }}"}],
            "avty_mode": "all",
            "stat_t": "~/state",
            "cmps": {
                "level": {"p": "sensor", "val_tpl": "{{ value_json.tray[1].level }}", "unit_of_meas": "%"},
                "low": {"p": "binary_sensor", "stat_t": "~/low", "pl_on": True, "pl_off": False},
                "limit": {
                    "p": "number",
                    "val_tpl": "{{ value_json.a }}",
                    "cmd_t": "~/s",
                    "cmd_tpl": '{"a": {{ value }}}',
                },
                "mode": {"p": "select", "val_tpl": "{{ value_json.m }}", "cmd_t": "~/m", "ops": ["x", "y"]},
                "cell": {"p": "sensor", "val_tpl": "{{ value_json.c }}", "dev_cla": "battery", "unit_of_meas": "%"},
            },
        },
    ),
    ("zigbee2mqtt/bridge/devices", json.loads(bridge().payload)),
    ("", PURIFIER),
]


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """A sound announcement with up to three places that hold something else, or are gone."""
    topic, tree = draw(st.sampled_from(SOUND_ONES))
    tree = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, 3))):
        here = tree
        while isinstance(here, (dict, list)) and here:
            place = draw(st.sampled_from(list(here) if isinstance(here, dict) else list(range(len(here)))))
            below = here[place]
            if isinstance(below, (dict, list)) and below and not draw(st.booleans()):
                here = below
                continue
            if draw(st.booleans()):
                here[place] = draw(TREES)
            elif isinstance(here, dict):
                here[draw(KEYS)] = here.pop(place)
            break
    return topic, tree


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(message=spoilt())
def test_any_spoilt_announcement(message: tuple[str, Any]) -> None:
    """One that was sound, with something else in some places."""
    heard = [told(*message)]
    for found in (import_ha(heard), import_z2m(heard), import_matter(heard)):
        sound(found)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    tree=TREES, component=st.sampled_from(["sensor", "binary_sensor", "number", "switch", "select", "button", "device"])
)
def test_any_discovery(tree: Any, component: str) -> None:  # noqa: ANN401
    """Home Assistant's discovery."""
    found = import_ha([told(f"homeassistant/{component}/x/config", tree), told("a/b", tree)])
    sound(found)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tree=st.one_of(TREES, LISTS, st.lists(TREES, max_size=3)))
def test_any_list_of_devices(tree: Any) -> None:  # noqa: ANN401
    """Zigbee2MQTT's list."""
    sound(import_z2m([told("zigbee2mqtt/bridge/devices", tree)]))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tree=st.one_of(TREES, st.builds(lambda each: {"node_id": 1, "attributes": each}, TREES)))
def test_any_dump(tree: Any) -> None:  # noqa: ANN401
    """A Matter node."""
    sound(import_matter([told("", tree)]))


@settings(deadline=None)
@given(messages=st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=60)), max_size=6))
def test_any_bytes(messages: list[tuple[str, bytes]]) -> None:
    """Any bytes on any topic, for each of them."""
    heard = [Announcement(topic, body) for topic, body in messages]
    node = [
        Announcement(f"spBv1.0/g/{kind}/n", body) for (_, body), kind in zip(messages, ["NBIRTH"] * 6, strict=False)
    ]
    lists = [Announcement("z/bridge/devices", body) for _, body in messages]
    for found in (import_ha(heard), import_z2m(heard + lists), import_sparkplug(heard + node), import_matter(heard)):
        sound(found)


def test_limits() -> None:
    """Too many devices, entities and values, too deep, too large: told, and the rest stands."""
    expose = {"type": "numeric", "property": "a", "access": 1}
    many = [{"friendly_name": f"d{number}", "definition": {"exposes": [expose]}} for number in range(DEVICES_MAX + 5)]
    found = import_z2m([told("zigbee2mqtt/bridge/devices", many)])
    assert len(found.devices) == DEVICES_MAX
    assert f"more than {DEVICES_MAX} devices" in reasons(found)
    wide = [expose | {"property": f"p{number}"} for number in range(CHANNELS_MAX + 5)]
    found = import_z2m([told("zigbee2mqtt/bridge/devices", [{"friendly_name": "d", "definition": {"exposes": wide}}])])
    assert len(found.devices[0].channels) == CHANNELS_MAX
    assert f"more than {CHANNELS_MAX} values" in reasons(found)
    deep: Any = expose
    for _ in range(10):
        deep = {"type": "composite", "property": "c", "features": [deep]}
    found = import_z2m(
        [told("zigbee2mqtt/bridge/devices", [{"friendly_name": "d", "definition": {"exposes": [deep]}}])]
    )
    assert "nested too deep" in reasons(found)
    assert "deeper than 32" in reasons(import_matter([told("", b"[" * 40 + b"]" * 40)]))
    assert "larger than" in reasons(import_matter([told("", b" " * 17_000_000)]))
    nodes = json.dumps([0] * 500_001).encode()
    assert "more than 500000 values" in reasons(import_matter([told("", nodes)]))
    entities = [
        told(f"homeassistant/sensor/n/e{number}/config", {"state_topic": f"a/{number}", "unit_of_measurement": "%"})
        for number in range(CHANNELS_MAX + 5)
    ]
    found = import_ha(entities)
    assert len(found.devices[0].channels) == CHANNELS_MAX
    assert f"more than {CHANNELS_MAX} entities" in reasons(found)
