"""The short names of options in Home Assistant's discovery messages, to their full ones.

The documented list is made of words that are shortened in the same way wherever they stand; what is not is in a list of
its own. A name that is not short for anything stays as it is, as an option that nobody here reads.

Source: Home Assistant, MQTT integration (supported abbreviations in discovery messages, of devices, of origins).
"""

from __future__ import annotations

import functools
from types import MappingProxyType

_SHORT = """
act action, aft after, attr attributes, av available, avail available, avty availability, b blue, bri brightness,
cat category, cla class, cln clean, clr color, cls close, clsd closed, cmd command, cmps components, cod code,
cont content, curr current, dev device, def default, dir direction, dis disarm, discvry discovery, dly delay,
dsp display, dur duration, e encoding, ent entity, err error, evt event, exp expire, feat features,
form format, frc force, fwd forward, fx effect, g green, h horizontal, hi high, hum humidity, ic icon, img image,
init initial, inst install, jam jammed, k kelvin, l latest, lo low, loc locate, meas measurement, migr migrate,
mirs mireds, mw mowing, nite night, o origin, obj object, opnd opened, ops options, opt optimistic, osc oscillation,
p platform, paus pause, pct percentage, pic picture, pl payload, pos position, pow power, pr preset, prc precision,
prs press, ptrn pattern, r red, rel release, req required, ret retain, rev reverse, rng range, rst reset, scl scale,
sp spot, spd speed, src source, stat state, strt start, stype subtype, sug suggested, t topic, temp temperature,
tit title, tpl template, trig trigger, trns transition, typ types, u url, uniq unique, unlk unlock, upd update,
val value, ver version, whit white
"""
_WORDS = MappingProxyType(dict(pair.split() for pair in _SHORT.replace("\n", " ").split(",")))
_ODD = MappingProxyType(
    {
        "act_stat_t": "activity_state_topic",
        "act_val_tpl": "activity_value_template",
        "atype": "automation_type",
        "clr_temp_k": "color_temp_kelvin",
        "en": "enabled_by_default",
        "fanspd_lst": "fan_speed_list",
        "flsh_tlng": "flash_time_long",
        "flsh_tsht": "flash_time_short",
        "lrst_val_tpl": "last_reset_value_template",
        "max_temp": "max_temp",
        "min_temp": "min_temp",
        "pause_mw_cmd_tpl": "pause_command_template",
        "pl_arm_custom_b": "payload_arm_custom_bypass",
        "pl_ret": "payload_return_to_base",
        "pl_stpa": "payload_start_pause",
        "pl_toff": "payload_turn_off",
        "pl_ton": "payload_turn_on",
        "pos": "reports_position",
        "rel_s": "release_summary",
        "sup_clrm": "supported_color_modes",
        "sup_feat": "supported_features",
        "sup_vol": "support_volume_set",
        "sup_dur": "support_duration",
    }
)
_BEGIN = MappingProxyType(
    {  # words that are two, or more than they seem
        "clrm": "color_mode",
        "clr_temp": "color_temp",
        "color_temp": "color_temp",
        "hum_cmd": "target_humidity_command",
        "hum_stat": "target_humidity_state",
        "hum_state": "target_humidity_state",
    }
)
DEVICE = MappingProxyType(
    {
        "cns": "connections",
        "cu": "configuration_url",
        "hw": "hw_version",
        "ids": "identifiers",
        "mdl": "model",
        "mdl_id": "model_id",
        "mf": "manufacturer",
        "sa": "suggested_area",
        "sn": "serial_number",
        "sw": "sw_version",
    }
)
ORIGIN = MappingProxyType({"sw": "sw_version", "url": "support_url"})
_NAME_MAX = 64


@functools.lru_cache(maxsize=1_024)
def full_name(name: str) -> str:
    """The option that this name is short for, or the name itself."""
    if name in _ODD or len(name) > _NAME_MAX:
        return _ODD.get(name, name)
    for begin, full in _BEGIN.items():
        if name == begin or name.startswith(begin + "_"):
            return full + _long(name[len(begin) :])
    return _long(name)


def _long(name: str) -> str:
    return "_".join(_WORDS.get(word, word) for word in name.split("_"))
