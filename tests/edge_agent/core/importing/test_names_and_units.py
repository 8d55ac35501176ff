"""Short names of options to full ones, and units of devices to UCUM."""

from __future__ import annotations

import pytest

from edge_agent.core.importing.abbreviations import DEVICE, full_name
from edge_agent.core.importing.units import class_of, suggested, unit_code
from edge_agent.core.quantity import unit_of
from edge_agent.core.signals import ALONE, QUANTITIES


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("stat_t", "state_topic"),
        ("val_tpl", "value_template"),
        ("unit_of_meas", "unit_of_measurement"),
        ("dev_cla", "device_class"),
        ("stat_cla", "state_class"),
        ("avty", "availability"),
        ("avty_t", "availability_topic"),
        ("avty_mode", "availability_mode"),
        ("avty_tpl", "availability_template"),
        ("pl_avail", "payload_available"),
        ("pl_not_avail", "payload_not_available"),
        ("pl_on", "payload_on"),
        ("pl_prs", "payload_press"),
        ("stat_on", "state_on"),
        ("uniq_id", "unique_id"),
        ("obj_id", "object_id"),
        ("def_ent_id", "default_entity_id"),
        ("cmd_t", "command_topic"),
        ("cmd_tpl", "command_template"),
        ("ops", "options"),
        ("off_dly", "off_delay"),
        ("exp_aft", "expire_after"),
        ("json_attr_t", "json_attributes_topic"),
        ("e", "encoding"),
        ("en", "enabled_by_default"),
        ("t", "topic"),
        ("o", "origin"),
        ("p", "platform"),
        ("cmps", "components"),
        ("dev", "device"),
        ("migr_discvry", "migrate_discovery"),
        ("hum_state_tpl", "target_humidity_state_template"),
        ("clr_temp_cmd_t", "color_temp_command_topic"),
        ("temp_cmd_t", "temperature_command_topic"),
        ("pl_ton", "payload_turn_on"),
        ("sug_dsp_prc", "suggested_display_precision"),
        ("lrst_val_tpl", "last_reset_value_template"),
    ],
)
def test_short_names(short: str, full: str) -> None:
    """The documented short names, and full ones that stay as they are."""
    assert (full_name(short), full_name(full)) == (full, full)


def test_names_of_devices() -> None:
    """What a device is called has short names of its own."""
    assert (DEVICE["ids"], DEVICE["mf"], DEVICE["mdl_id"], DEVICE["cns"]) == (
        "identifiers",
        "manufacturer",
        "model_id",
        "connections",
    )


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ("%", "", "%"),
        ("°C", "", "Cel"),
        ("gal", "", "[gal_us]"),
        ("minutes", "", "min"),
        ("w", "", "wk"),
        ("m", "", ""),
        ("m", "distance", "m"),
        ("m", "duration", ""),
        ("oz", "", ""),
        ("oz", "weight", "[oz_av]"),
        ("lqi", "", ""),
        ("", "", ""),
    ],
)
def test_units(said: str, kind: str, code: str) -> None:
    """A word that stands for two units is none until its class decides."""
    assert unit_code(said, device_class=kind) == code
    assert not code or unit_of(code) is not None


def test_every_suggestion_is_a_quantity() -> None:
    """Whatever unit and class: only quantities of the closed list, and classes that a profile knows."""
    for unit in ("%", "[ppm]", "L", "kg", "cm", "h", "bar", "V", "", "K"):
        for state in ("measurement", "total_increasing", ""):
            for name in suggested(unit, state_class=state):
                assert name in QUANTITIES or name in ALONE
                assert class_of(name) in {"level", "counter", "run_time", "flag", "setting", ""}
    assert suggested("h", state_class="total_increasing") == ("time_used",)
    assert "remaining" in suggested("%", state_class="measurement")
