"""What a signal is, in words: one source for the list of devices in a terminal and for the page.

A name of the closed lists says a thing and a quantity of it (`core.signals`). A name that has no words here gets none.
"""

from __future__ import annotations

import re
from types import MappingProxyType

_QUANTITIES = MappingProxyType(
    {
        "remaining": "how much is left",
        "used": "how much is used up",
        "amount": "how much is left",
        "time_left": "time until it is due",
        "distance_left": "distance until it is due",
        "count_left": "how many times until it is due",
        "time_used": "how long it was used",
        "count": "how often it was used",
        "count_today": "how often it was used today",
        "amount_today": "how much was used today",
        "capacity": "how much it holds when it is full",
        "dose": "how much is used at a time",
        "reorder_threshold": "when the device itself would order more",
        "hardness": "hardness",
        "state": "whether it is all right, low, empty or due",
        "weight": "weight on the scale",
        "depth": "how deep it stands",
        "distance": "distance from the sensor down to it",
        "pressure": "pressure",
        "voltage": "voltage",
        "soc": "charge",
        "tds": "dissolved solids",
        "warning": "what the device warns of",
        "programme": "programme that runs",
        "soil": "how dirty the load is",
        "asleep_today": "time asleep today",
        "active_today": "time awake and moving today",
    }
)
_ALONE = MappingProxyType(
    {
        "weight": "weight on the scale",
        "distance": "distance from the sensor to what it looks at",
        "pressure": "pressure",
        "range": "distance that can still be driven",
        "odometer": "distance driven so far",
        "battery": "charge of its battery",
    }
)
_SUBJECTS = MappingProxyType(
    {
        "detergent_disc": "detergent disc",
        "water_out": "water that comes out",
        "softener_resin": "resin of the softener",
        "sensor_clean": "cleaning of the sensors",
        "evac_bag": "dust bag of the dock",
        "unit_care": "maintenance",
        "blade": "blades",
        "waste_bag": "bags of the waste drawer",
        "filament_ext": "filament outside the changer",
        "cng": "natural gas",
        "lpg": "liquefied gas",
        "adblue": "AdBlue",
        "aux_battery": "12-volt battery",
        "traction_battery": "drive battery",
        "tyre_fl": "front left tyre",
        "tyre_fr": "front right tyre",
        "tyre_rl": "rear left tyre",
        "tyre_rr": "rear right tyre",
        **{f"{kind}_{colour}": f"{colour} {kind}" for kind in ("toner", "ink", "drum")
           for colour in ("black", "cyan", "magenta", "yellow")},
    }
)  # fmt: skip
_NUMBERED = re.compile(r"(.+)_(\d{1,2})")


def in_words(signal: str) -> str:
    """`main brush: time until it is due`; empty for a name that no list has."""
    if signal in _ALONE:
        return _ALONE[signal]
    subject, _, quantity = signal.partition(".")
    if quantity not in _QUANTITIES:
        return ""
    numbered = _NUMBERED.fullmatch(subject)
    thing, number = (numbered[1], f" {numbered[2]}") if numbered else (subject, "")
    return f"{_SUBJECTS.get(thing, thing.replace('_', ' '))}{number}: {_QUANTITIES[quantity]}"
