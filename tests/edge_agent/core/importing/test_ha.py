"""Home Assistant's discovery: what announcements make of a device, end to end to readings, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.commands import outgoing
from edge_agent.core.importing.ha_entities import import_ha
from tests.edge_agent.core.importing.end_to_end import only, overlay, profiles, reasons, said, told

DEV = {"ids": ["hopper-7"], "name": "Hopper", "mf": "Acme", "mdl": "H7"}
BASE = {"~": "kitchen/hopper", "stat_t": "~/state", "dev": DEV}


def sensor(key: str = "level", **options: Any) -> Any:  # noqa: ANN401
    """One announcement of a sensor of the hopper."""
    return told(f"homeassistant/sensor/hopper/{key}/config", BASE | {"name": key} | options)


LEVEL = sensor(val_tpl="{{ value_json.beans.level }}", unit_of_meas="%", stat_cla="measurement")


def test_a_device_of_entities(tmp_path: Path) -> None:
    """Short names, a base topic, JSON and bare text, and an overlay: readings come out of the hub's own decoder."""
    weight = sensor("weight", stat_t="~/weight", unit_of_meas="g", dev_cla="weight")
    lid = told(
        "homeassistant/binary_sensor/hopper/lid/config",
        BASE | {"val_tpl": "{{ value_json.refill }}", "payload_on": True, "payload_off": False, "name": "Refill"},
    )
    device = only(import_ha([LEVEL, weight, lid]))
    assert (device.title, device.manufacturer, device.model) == ("Hopper", "Acme", "H7")
    assert [each.key for each in device.channels] == ["level", "weight", "lid"]
    signals = {
        "beans.remaining": {"from": "level"},
        "beans.weight": {"from": "weight", "class": "level", "direction": "down", "unit": "kg", "range": [0, 5]},
        "beans.state": {"from": "lid", "states": {"on": "low", "off": "ok"}},
    }
    loaded = profiles(device, overlay(device="hopper-7", id="hopper", signals=signals), tmp_path)
    assert [each.profile for each in loaded] == ["home.thing", "home.thing.weight"]
    assert said(loaded, "kitchen/hopper/state", {"beans": {"level": 61.5}, "refill": True}) == {
        "beans.remaining": (61.5, "%"),
        "beans.state": ("low", ""),
    }
    assert said(loaded, "kitchen/hopper/state", {"beans": {"level": "61.5"}, "refill": "False"}) == {
        "beans.remaining": (61.5, "%"),
        "beans.state": ("ok", ""),
    }
    assert said(loaded, "kitchen/hopper/weight", b"1250") == {"beans.weight": (1.25, "kg")}


def test_what_is_no_value_is_unknown(tmp_path: Path) -> None:
    """None, null, nan, a missing place and a default of 0: never a zero."""
    defaulted = sensor(val_tpl="{{ value_json.level | float(0) }}", unit_of_meas="%")
    loaded = profiles(
        only(import_ha([defaulted])), overlay(device="Hopper", signals={"beans.remaining": {"from": "level"}}), tmp_path
    )
    for payload in ({"level": None}, {"level": "None"}, {"level": "unavailable"}, {"level": "nan"}, {}):
        assert said(loaded, "kitchen/hopper/state", payload) == {"beans.remaining": "unknown"}
    assert said(loaded, "kitchen/hopper/state", {"level": "soon"}) == "malformed"
    assert said(loaded, "kitchen/hopper/state", {"level": True}) == "malformed"
    assert said(loaded, "kitchen/hopper/state", {"level": 101}) == "out_of_range"


def test_a_whole_device_in_one_announcement(tmp_path: Path) -> None:
    """Components with platforms; options of the device hold for each, and its own go before them."""
    found = import_ha(
        [
            told(
                "homeassistant/device/hopper/config",
                {
                    "dev": DEV,
                    "o": {"name": "hopper2mqtt"},
                    "~": "kitchen/hopper",
                    "stat_t": "~/state",
                    "avty_t": "~/link",
                    "cmps": {
                        "level": {"p": "sensor", "val_tpl": "{{ value_json.level }}", "unit_of_meas": "%"},
                        "tank": {"p": "sensor", "stat_t": "tank/~", "unit_of_meas": "mL", "uniq_id": "t"},
                        "gone": {"p": "sensor"},
                        "lamp": {"p": "light", "cmd_t": "~/lamp"},
                    },
                },
            )
        ]
    )
    device = only(found)
    assert [each.what for each in found.refused] == ["homeassistant/device/hopper/config: light.lamp"]
    assert [(each.key, each.topics, each.format) for each in device.channels] == [
        ("level", ("kitchen/hopper/state",), "json"),
        ("tank", ("tank/kitchen/hopper",), "text"),
    ]
    assert [each.topics[0].topic for each in device.availability] == ["kitchen/hopper/link"]
    signals = {"water_tank.amount": {"from": "tank", "range": [0, 2000]}}
    loaded = profiles(device, overlay(device="Hopper", signals=signals), tmp_path)
    assert said(loaded, "tank/kitchen/hopper", b"870") == {"water_tank.amount": (870.0, "mL")}


def test_an_empty_payload_removes() -> None:
    """What is taken back is gone; what is announced again stands; a hand-over to the other way is no entity."""
    empty = told("homeassistant/sensor/hopper/level/config")
    gone = import_ha([LEVEL, empty])
    assert (gone.devices, gone.removed) == ((), ("homeassistant/sensor/hopper/level/config",))
    back = import_ha([LEVEL, empty, LEVEL])
    assert (only(back).channels[0].key, back.removed) == ("level", ())
    assert import_ha([LEVEL, told("homeassistant/sensor/hopper/level/config", {"migr_discvry": True})]).devices == ()


def test_an_announcement_replaces_the_one_before() -> None:
    """The last one stands, also where it cannot be read: what it replaced is not true any more."""
    later = sensor(val_tpl="{{ value_json.other }}", unit_of_meas="%")
    assert only(import_ha([LEVEL, later])).channels[0].select == "/other"
    assert import_ha([LEVEL, told("homeassistant/sensor/hopper/level/config", b"{")]).devices == ()


def test_one_device_under_many_names() -> None:
    """Entities belong together by any identifier or connection; without one, by the node of their topics."""
    first = sensor("a", unit_of_meas="%", dev={"ids": ["x", "y"]})
    second = sensor("b", unit_of_meas="%", dev={"identifiers": "y", "name": "Second"})
    third = sensor("c", unit_of_meas="%", dev={"cns": [["mac", "aa:bb"]]})
    fourth = sensor("d", unit_of_meas="%", dev={"connections": [["mac", "aa:bb"]], "ids": "z"})
    found = import_ha([first, second, third, fourth])
    assert [[each.key for each in device.channels] for device in found.devices] == [["a", "b"], ["c", "d"]]
    without = told("homeassistant/sensor/garage/oil/config", {"state_topic": "garage/oil", "unit_of_measurement": "L"})
    assert only(import_ha([without])).title == "garage"


def test_two_devices_of_one_name_have_two_ids() -> None:
    """What the hub calls a device is one device's."""
    found = import_ha([sensor("a", dev={"ids": "1", "name": "Hop"}), sensor("b", dev={"ids": "2", "name": "Hop"})])
    assert len({each.id for each in found.devices}) == 2


def test_presence_in_the_message_itself_is_a_guard(tmp_path: Path) -> None:
    """A value of a device that says that it is away is not believed."""
    level = sensor(
        val_tpl="{{ value_json.level }}",
        unit_of_meas="%",
        avty_t="~/state",
        avty_tpl="{{ value_json.link }}",
        pl_avail="up",
    )
    loaded = profiles(
        only(import_ha([level])), overlay(device="Hopper", signals={"beans.remaining": {"from": "level"}}), tmp_path
    )
    assert said(loaded, "kitchen/hopper/state", {"level": 7, "link": "up"}) == {"beans.remaining": (7.0, "%")}
    assert said(loaded, "kitchen/hopper/state", {"level": 0, "link": "down"}) == {"beans.remaining": "unknown"}
    assert said(loaded, "kitchen/hopper/state", {"level": 0}) == {"beans.remaining": "unknown"}


def test_an_element_of_a_list_is_of_a_list(tmp_path: Path) -> None:
    """Where there is an object instead, nothing is read: the template would find nothing either."""
    tray = sensor(val_tpl="{{ value_json.tray[1].left }}", unit_of_meas="%")
    loaded = profiles(
        only(import_ha([tray])), overlay(device="Hopper", signals={"beans.remaining": {"from": "level"}}), tmp_path
    )
    assert said(loaded, "kitchen/hopper/state", {"tray": [{}, {"left": 5}]}) == {"beans.remaining": (5.0, "%")}
    assert said(loaded, "kitchen/hopper/state", {"tray": {"1": {"left": 5}}}) == {"beans.remaining": "unknown"}


def test_a_level_that_may_be_anything(tmp_path: Path) -> None:
    """A topic with `+` is one in a profile too; what can be sent needs a whole one."""
    level = sensor(stat_t="gateway/+/hopper", unit_of_meas="%")
    loaded = profiles(
        only(import_ha([level])), overlay(device="Hopper", signals={"beans.remaining": {"from": "level"}}), tmp_path
    )
    assert said(loaded, "gateway/kitchen/hopper", b"12") == {"beans.remaining": (12.0, "%")}
    button = told("homeassistant/button/hopper/reset/config", BASE | {"cmd_t": "gateway/+/set"})
    assert "wildcard" in reasons(import_ha([button]))


def test_enum_and_battery(tmp_path: Path) -> None:
    """Words become states by the overlay; a battery is known by its class, and needs no overlay of its own."""
    filter_ = sensor("filter", val_tpl="{{ value_json.filter }}", dev_cla="enum", ops=["good", "soon", "now"])
    battery = sensor("cell", val_tpl="{{ value_json.cell }}", dev_cla="battery", unit_of_meas="%")
    states = {"good": "ok", "soon": "low", "now": "replace"}
    added = overlay(device="Hopper", signals={"filter.state": {"from": "filter", "states": states}})
    loaded = profiles(only(import_ha([filter_, battery])), added, tmp_path)
    assert said(loaded, "kitchen/hopper/state", {"filter": "soon", "cell": 88}) == {
        "filter.state": ("low", ""),
        "battery": (88.0, "%"),
    }
    assert said(loaded, "kitchen/hopper/state", {"filter": "later", "cell": 88}) == {
        "filter.state": "unknown",
        "battery": (88.0, "%"),
    }


def test_what_can_be_sent() -> None:
    """Buttons, switches and selects send fixed words, alone or inside of JSON."""
    found = import_ha(
        [
            told("homeassistant/button/hopper/reset/config", BASE | {"cmd_t": "~/set", "pl_prs": "RESET"}),
            told("homeassistant/switch/hopper/pump/config", BASE | {"cmd_t": "~/pump"}),
            told(
                "homeassistant/select/hopper/mode/config",
                BASE | {"cmd_t": "~/set", "ops": ["eco", "full"], "cmd_tpl": '{"mode": {"to": "{{ value }}"}, "a": 1}'},
            ),
            told("homeassistant/button/hopper/odd/config", BASE | {"cmd_t": "~/set", "cmd_tpl": '{"a": {{ value }}}'}),
            told("homeassistant/button/hopper/if/config", BASE | {"cmd_t": "~/set", "cmd_tpl": "{% if value %}1"}),
        ]
    )
    takes = {each.key: (each.topic, each.words) for each in only(found).controls}
    assert takes == {
        "reset": ("kitchen/hopper/set", (("press", "RESET"),)),
        "pump": ("kitchen/hopper/pump", (("on", "ON"), ("off", "OFF"))),
        "mode": (
            "kitchen/hopper/set",
            (("eco", {"mode": {"to": "eco"}, "a": 1}), ("full", {"mode": {"to": "full"}, "a": 1})),
        ),
    }
    assert "without quotes" in reasons(found)
    assert "more than JSON" in reasons(found)


@pytest.mark.parametrize(
    ("options", "payload"),
    [
        (
            {"val_tpl": "{{ value_json.limit }}", "cmd_tpl": '{"limit": {{ value }}, "save": true}'},
            b'{"save":true,"limit":35}',
        ),
        ({"val_tpl": "{{ value_json.limit }}", "cmd_tpl": '{"limit": "{{ value }}"}'}, b'{"limit":"35"}'),
        ({"cmd_tpl": '{"limit": "{{ value }}"}'}, b'{"limit":"35"}'),
        ({"cmd_tpl": '{"limit": {{ value }}}'}, None),
        ({"val_tpl": "{{ value_json.limit }}"}, None),
        ({"val_tpl": "{{ value_json.limit }}", "cmd_tpl": "{{ value }}"}, None),
    ],
)
def test_a_number_is_sent_in_json_only(options: dict[str, Any], payload: bytes | None, tmp_path: Path) -> None:
    """As a number or as digits, as the template has it; where that cannot be said, it is told and cannot be set."""
    limit = told(
        "homeassistant/number/hopper/limit/config",
        BASE | {"cmd_t": "~/set", "unit_of_meas": "%", "min": 0, "max": 50} | options,
    )
    device = only(import_ha([limit]))
    commands = {"set_limit": {"from": "limit", "signal": "beans.reorder_threshold"}} if payload else {}
    added = overlay(device="Hopper", signals={"beans.reorder_threshold": {"from": "limit"}}, commands=commands)
    (profile,) = profiles(device, added, tmp_path)
    if payload is None:
        assert device.controls == ()
        assert any("cannot be sent to" in note for note in device.channels[0].notes)
    else:
        assert outgoing(profile, "set_limit", named=(), value=35.0).payload == payload


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"val_tpl": "{{ value_json.a * 2 }}"}, "calculating is code"),
        ({"val_tpl": 5}, "no text"),
        ({"stat_t": "a/#"}, "wildcard"),
        ({"stat_t": "+/a"}, "wildcard"),
        ({"stat_t": "a/b+"}, "wildcard"),
        ({"stat_t": "a b/c"}, "space"),
        ({"stat_t": "/a"}, "empty first level"),
        ({"stat_t": "restock/v1/h/d/reading"}, "native"),
        ({"stat_t": "a/" + "b" * 200}, "longer"),
        ({"stat_t": None}, "no state_topic"),
        ({"e": "latin-1"}, "UTF-8"),
        ({"dev_cla": "timestamp"}, "timestamp"),
        ({"ops": []}, "1 to 64"),
        ({"stat_t": "a", "state_topic": "b"}, "twice"),
        ({"avty_mode": "none", "avty": {"t": "a"}}, "all, any, latest"),
        ({"~": 5}, "base topic"),
        ({"dev": 5}, "must be an object"),
    ],
)
def test_refusals(options: dict[str, Any], why: str) -> None:
    """What cannot be taken over is refused by its topic, with the reason, and the rest is found."""
    found = import_ha([sensor("bad", **options), LEVEL])
    assert why in reasons(found)
    assert "hopper/bad/config" in reasons(found)
    assert [each.key for each in only(found).channels] == ["level"]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (told("homeassistant/climate/x/config", {"stat_t": "a"}), "tells nothing that is used up"),
        (told("homeassistant/sensor/a b/config", {"stat_t": "a"}), "letters, digits"),
        (told("homeassistant/sensor/config", {"stat_t": "a"}), "letters, digits"),
        (told("homeassistant/sensor/x/config", b"{"), "not JSON"),
        (told("homeassistant/sensor/x/config", b'{"stat_t": "a", "stat_t": "b"}'), "twice"),
        (told("homeassistant/sensor/x/config", []), "object of options"),
        (told("homeassistant/device/x/config", {"dev": DEV, "cmps": {}}), "origin"),
        (told("homeassistant/device/x/config", {"o": {"name": "x"}, "cmps": {}}), "device (dev)"),
        (told("homeassistant/device/x/config", {"dev": DEV, "o": {"name": "x"}, "cmps": []}), "components"),
        (
            told("homeassistant/device/x/config", {"dev": DEV, "o": {"name": "x"}, "cmps": {"a": {"stat_t": "a"}}}),
            "platform",
        ),
        (told("homeassistant/binary_sensor/x/config", {"stat_t": "a", "off_delay": 5}), "event and no state"),
        (told("homeassistant/binary_sensor/x/config", {"stat_t": "a", "pl_on": "1", "pl_off": "1"}), "same word"),
        (
            told("homeassistant/binary_sensor/x/config", {"stat_t": "a", "val_tpl": "{{ value_json.a | int }}"}),
            "number",
        ),
    ],
)
def test_more_refusals(message: Any, why: str) -> None:  # noqa: ANN401
    """Announcements as a whole, and flags."""
    found = import_ha([message])
    assert found.devices == ()
    assert why in reasons(found)


def test_one_topic_is_read_in_one_way() -> None:
    """A bare text and a place in JSON on one topic contradict each other: the JSON stands."""
    found = import_ha([LEVEL, sensor("whole", unit_of_meas="%")])
    assert [each.key for each in only(found).channels] == ["level"]
    assert "same topic is JSON" in reasons(found)


def test_one_unique_id_is_one_entity() -> None:
    """A second announcement of it, such as one in the other way, is refused."""
    found = import_ha([sensor("a", uniq_id="u", unit_of_meas="%"), sensor("b", uniq_id="u", unit_of_meas="%")])
    assert [each.key for each in only(found).channels] == ["a"]
    assert "unique_id" in reasons(found)


def test_another_prefix() -> None:
    """The discovery prefix is the household's choice."""
    moved = told("ha/disc/sensor/hopper/level/config", {"state_topic": "a/b", "unit_of_measurement": "%"})
    assert only(import_ha([moved], prefix="ha/disc")).channels[0].topics == ("a/b",)
    assert import_ha([moved]).devices == ()
