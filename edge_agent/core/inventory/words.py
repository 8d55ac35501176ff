"""What a signal is, in words: one source for the list of devices in a terminal and for the page.

A name of the closed lists says a thing and a quantity of it (`core.signals`). A name that has no words here gets none.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from edge_agent.core.said import say

_QUANTITIES = MappingProxyType(
    {
        "remaining": say("how much is left"),
        "used": say("how much is used up"),
        "amount": say("how much is left"),
        "time_left": say("time until it is due"),
        "distance_left": say("distance until it is due"),
        "count_left": say("how many times until it is due"),
        "time_used": say("how long it was used"),
        "count": say("how often it was used"),
        "count_today": say("how often it was used today"),
        "amount_today": say("how much was used today"),
        "capacity": say("how much it holds when it is full"),
        "dose": say("how much is used at a time"),
        "reorder_threshold": say("when the device itself would order more"),
        "hardness": say("hardness"),
        "state": say("whether it is all right, low, empty or due"),
        "weight": say("weight on the scale"),
        "depth": say("how deep it stands"),
        "distance": say("distance from the sensor down to it"),
        "pressure": say("pressure"),
        "voltage": say("voltage"),
        "soc": say("charge"),
        "tds": say("dissolved solids"),
        "warning": say("what the device warns of"),
        "programme": say("programme that runs"),
        "soil": say("how dirty the load is"),
        "asleep_today": say("time asleep today"),
        "active_today": say("time awake and moving today"),
        "latitude": say("latitude, never kept"),
        "longitude": say("longitude, never kept"),
        "arrives_in": say("time until it arrives, never kept"),
        "speed": say("speed, never kept"),
        "motion": say("whether it moves, never kept"),
        "gear": say("gear, never kept"),
    }
)
_ALONE = MappingProxyType(
    {
        "weight": say("weight on the scale"),
        "distance": say("distance from the sensor to what it looks at"),
        "pressure": say("pressure"),
        "range": say("distance that can still be driven"),
        "odometer": say("distance driven so far"),
        "battery": say("charge of its battery"),
    }
)
_SUBJECTS = MappingProxyType(
    {
        "detergent_disc": say("detergent disc"),
        "water_out": say("water that comes out"),
        "softener_resin": say("resin of the softener"),
        "sensor_clean": say("cleaning of the sensors"),
        "evac_bag": say("dust bag of the dock"),
        "unit_care": say("maintenance"),
        "blade": say("blades"),
        "waste_bag": say("bags of the waste drawer"),
        "filament_ext": say("filament outside the changer"),
        "cng": say("natural gas"),
        "lpg": say("liquefied gas"),
        "adblue": say("AdBlue"),
        "aux_battery": say("12-volt battery"),
        "traction_battery": say("drive battery"),
        "tyre_fl": say("front left tyre"),
        "tyre_fr": say("front right tyre"),
        "tyre_rl": say("rear left tyre"),
        "tyre_rr": say("rear right tyre"),
        "toner_black": say("black toner"),
        "toner_cyan": say("cyan toner"),
        "toner_magenta": say("magenta toner"),
        "toner_yellow": say("yellow toner"),
        "ink_black": say("black ink"),
        "ink_cyan": say("cyan ink"),
        "ink_magenta": say("magenta ink"),
        "ink_yellow": say("yellow ink"),
        "drum_black": say("black drum"),
        "drum_cyan": say("cyan drum"),
        "drum_magenta": say("magenta drum"),
        "drum_yellow": say("yellow drum"),
    }
)
_NUMBERED = re.compile(r"(.+)_(\d{1,2})")


def in_words(signal: str) -> str:
    """`main brush: time until it is due`; empty for a name that no list has."""
    if signal in _ALONE:
        return _ALONE[signal]
    subject, _, quantity = signal.partition(".")
    if quantity not in _QUANTITIES:
        return ""
    said = _QUANTITIES[quantity]
    numbered = _NUMBERED.fullmatch(subject)
    thing = numbered[1] if numbered else subject
    named = _SUBJECTS.get(thing, thing.replace("_", " "))
    if numbered:
        return say("{thing} {number}: {quantity}", thing=named, number=numbered[2], quantity=said)
    return say("{thing}: {quantity}", thing=named, quantity=said)
