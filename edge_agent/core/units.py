"""Units: a fixed table of UCUM codes, and which of them goods are counted in.

A unit is never guessed: a code that is not in the table is no unit. Counts such as `{cup}` are dimensions of their own,
since no factor turns cups into pages.

Source: UCUM 2.1 (codes and factors); the US units are the exact ones of NIST SP 811.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

_COUNT = re.compile(r"^\{[a-z]{1,16}\}$")
_NO_STOCK = frozenset({"ratio", "pressure", "voltage", "energy", "temperature", "angle", "speed"})


@dataclass(frozen=True, slots=True)
class Unit:
    """`amount in the dimension's own unit = value * factor + offset`."""

    dimension: str
    factor: float
    offset: float = 0.0


UNITS = MappingProxyType(
    {
        "%": Unit("ratio", 0.01),
        "1": Unit("ratio", 1.0),
        "[ppm]": Unit("ratio", 1e-6),
        "mg": Unit("mass", 1e-3),
        "g": Unit("mass", 1.0),
        "kg": Unit("mass", 1e3),
        "[oz_av]": Unit("mass", 28.349523125),
        "[lb_av]": Unit("mass", 453.59237),
        "mL": Unit("volume", 1e-3),
        "cL": Unit("volume", 1e-2),
        "dL": Unit("volume", 1e-1),
        "L": Unit("volume", 1.0),
        "m3": Unit("volume", 1e3),
        "[foz_us]": Unit("volume", 0.0295735295625),
        "[cup_us]": Unit("volume", 0.2365882365),
        "[pt_us]": Unit("volume", 0.473176473),
        "[qt_us]": Unit("volume", 0.946352946),
        "[gal_us]": Unit("volume", 3.785411784),
        "mm": Unit("length", 1e-3),
        "cm": Unit("length", 1e-2),
        "m": Unit("length", 1.0),
        "km": Unit("length", 1e3),
        "[in_i]": Unit("length", 0.0254),
        "[ft_i]": Unit("length", 0.3048),
        "[mi_i]": Unit("length", 1609.344),
        "ms": Unit("time", 1e-3),
        "s": Unit("time", 1.0),
        "min": Unit("time", 60.0),
        "h": Unit("time", 3_600.0),
        "d": Unit("time", 86_400.0),
        "wk": Unit("time", 604_800.0),
        "mo": Unit("time", 2_629_800.0),
        "a": Unit("time", 31_557_600.0),
        "Pa": Unit("pressure", 1.0),
        "hPa": Unit("pressure", 1e2),
        "kPa": Unit("pressure", 1e3),
        "mbar": Unit("pressure", 1e2),
        "bar": Unit("pressure", 1e5),
        "[psi]": Unit("pressure", 6894.757293168),
        "mV": Unit("voltage", 1e-3),
        "V": Unit("voltage", 1.0),
        "W.h": Unit("energy", 1.0),
        "kW.h": Unit("energy", 1e3),
        "K": Unit("temperature", 1.0),
        "Cel": Unit("temperature", 1.0, 273.15),
        "[degF]": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
        "deg": Unit("angle", 1.0),
        "m/s": Unit("speed", 1.0),
        "km/h": Unit("speed", 1 / 3.6),
        "[mi_i]/h": Unit("speed", 0.44704),
    }
)


def unit_of(code: str) -> Unit | None:
    """The unit behind a UCUM code, or None; `{cup}` and the like are counts of that one thing."""
    if _COUNT.fullmatch(code):
        return Unit(code, 1.0)
    return UNITS.get(code)


def countable(code: str) -> bool:
    """Whether goods are counted in this unit: a mass, a volume, a length, a time of use, or so many of a thing."""
    unit = unit_of(code)
    return unit is not None and unit.dimension not in _NO_STOCK


def uncountable(code: str) -> str:
    """Why goods are not counted in a unit that is not `countable`, and which are allowed."""
    if code == "%":
        why = "is a share: keep the item in what it is a share of, and bind its level with full_amount"
    elif unit_of(code) is None:
        why = "is not a UCUM unit, which is written letter by letter"
    else:
        why = "is no amount of goods, of which something can be left"
    return f"{code!r} {why}. Allowed: g, kg, mL, L, m, h and the like, or a count such as {{pad}}"


def same_quantity(one: str, other: str) -> bool:
    """Whether both codes are known and measure the same thing."""
    first, second = unit_of(one), unit_of(other)
    return first is not None and second is not None and first.dimension == second.dimension
