"""The names that a signal may have, `<subject>[_<part>].<quantity>`, and what each quantity implies.

The lists are closed: a profile cannot invent a name. A new one follows the same grammar and is added here, with its
test, so that one thing has one name over all vendors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

_NAME = re.compile(r"^([a-z][a-z0-9_]{0,38})\.([a-z_]{1,20})$")
_NUMBERED = re.compile(r"^(.+)_\d{1,2}$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """Where it goes with use, and in which dimensions of `core.quantity` it may be told.

    `direction` is "none" for settings and states, None where the profile has to say. No `dimensions`: a text.
    `in_passing`: it says where a person goes, so it is looked at and never kept (`kept: never`).
    """

    direction: str | None
    dimensions: frozenset[str]
    in_passing: bool = False


_AMOUNT = frozenset({"mass", "volume"})
_SHARE = frozenset({"ratio"})

QUANTITIES = MappingProxyType(
    {
        "remaining": Quantity("down", _SHARE | _AMOUNT),
        "used": Quantity("up", _SHARE),
        "amount": Quantity("down", _AMOUNT),
        "time_left": Quantity("down", frozenset({"time"})),
        "distance_left": Quantity("down", frozenset({"length"})),
        "count_left": Quantity("down", frozenset({"count"})),
        "time_used": Quantity("up", frozenset({"time"})),
        "count": Quantity("up", frozenset({"count"})),
        "count_today": Quantity("up", frozenset({"count"})),
        "amount_today": Quantity("up", _AMOUNT),
        "capacity": Quantity("none", _SHARE | _AMOUNT | {"length", "time", "count"}),
        "dose": Quantity("none", _AMOUNT),
        "reorder_threshold": Quantity("none", _SHARE | _AMOUNT | {"time", "count"}),
        "hardness": Quantity("none", _SHARE),
        "state": Quantity("none", frozenset()),
        "weight": Quantity(None, frozenset({"mass"})),
        "depth": Quantity(None, frozenset({"length"})),
        "distance": Quantity(None, frozenset({"length"})),
        "pressure": Quantity(None, frozenset({"pressure"})),
        "voltage": Quantity(None, frozenset({"voltage"})),
        "soc": Quantity(None, _SHARE),
        "tds": Quantity(None, _SHARE),
        "warning": Quantity("none", frozenset()),
        "programme": Quantity("none", frozenset()),
        "soil": Quantity("none", frozenset()),
        "asleep_today": Quantity("none", frozenset({"time"})),
        "active_today": Quantity("none", frozenset({"time"})),
        "latitude": Quantity("none", frozenset({"angle"}), in_passing=True),
        "longitude": Quantity("none", frozenset({"angle"}), in_passing=True),
        "arrives_in": Quantity("none", frozenset({"time"}), in_passing=True),
        "speed": Quantity("none", frozenset({"speed"}), in_passing=True),
        "motion": Quantity("none", frozenset(), in_passing=True),
        "gear": Quantity("none", frozenset(), in_passing=True),
    }
)

ALONE = MappingProxyType(
    {
        "weight": QUANTITIES["weight"],
        "distance": QUANTITIES["distance"],
        "pressure": QUANTITIES["pressure"],
        "range": Quantity("down", frozenset({"length"})),
        "odometer": Quantity("up", frozenset({"length"})),
        "battery": Quantity(None, _SHARE),
    }
)

SUBJECTS = frozenset(
    {
        *("detergent", "detergent_disc", "softener", "salt", "rinse_aid"),
        *("coffee", "beans", "water_tank", "descaler", "milk", "eggs"),
        *("water", "water_filter", "water_out", "cartridge", "softener_resin"),
        *("filter", "hepa_filter", "carbon_filter", "grease_filter", "dust_filter"),
        *("main_brush", "side_brush", "sensor_clean", "dust_bag", "evac_bag", "bin", "mop_pad", "unit_care"),
        *("food", "food_bowl", "litter", "waste_drawer", "desiccant", "pet"),
        *("toner_black", "toner_cyan", "toner_magenta", "toner_yellow", "drum", "pages", "filament", "filament_ext"),
        *("ink_black", "ink_cyan", "ink_magenta", "ink_yellow"),
        *("drum_black", "drum_cyan", "drum_magenta", "drum_yellow", "belt", "fuser", "deodorant"),
        *("waste_bag", "blade"),
        *("fuel", "cng", "adblue", "engine_oil", "washer_fluid", "service", "traction_battery", "aux_battery"),
        *("tyre", "tyre_fl", "tyre_fr", "tyre_rl", "tyre_rr"),
        *("oil", "lpg", "liquid", "tissue", "cycle", "battery"),
        *("brake_fluid", "coolant", "key_battery", "headlamp", "wiper", "brake_pads"),
        *("person",),
        *("vehicle", "destination"),
    }
)


# What is charged, driven, cleaned or emptied: it falls with use too, and nothing is bought when it is low.
_NEVER_BOUGHT = frozenset({"range", "odometer", "battery"})
_NEVER_BOUGHT_SUBJECTS = frozenset(
    {
        *("traction_battery", "aux_battery", "battery", "service", "sensor_clean", "unit_care"),
        *("bin", "waste_drawer", "cycle", "person", "pet", "tyre", "tyre_fl", "tyre_fr", "tyre_rl", "tyre_rr"),
        *("vehicle", "destination"),
    }
)


def is_of_goods(name: str) -> bool:
    """Whether a signal can tell of something that runs out and is bought again, by its name; others are context."""
    subject = name.partition(".")[0]
    numbered = _NUMBERED.fullmatch(subject)
    return name not in _NEVER_BOUGHT and (numbered[1] if numbered else subject) not in _NEVER_BOUGHT_SUBJECTS


def quantity_of(name: str) -> Quantity | None:
    """What a signal's name says it is, or None when the name is not one of ours."""
    if name in ALONE:
        return ALONE[name]
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    subject, quantity = match.groups()
    numbered = _NUMBERED.fullmatch(subject)
    if subject not in SUBJECTS and not (numbered and numbered[1] in SUBJECTS):
        return None
    return QUANTITIES.get(quantity)
