"""Units as devices write them, to UCUM; and what kind of signal a unit and a class of Home Assistant can be.

A word that stands for two units is none until the kind of value decides: Home Assistant writes `m` for metres and for
months, and an ounce may be a weight or a volume. What is not certain is left to the overlay.

Source: Home Assistant, sensor entity (device classes and their units; state classes); UCUM 2.1.
"""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.core.quantity import unit_of

_WORDS = MappingProxyType(
    {
        **dict.fromkeys(("%",), "%"),
        **dict.fromkeys(("ppm",), "[ppm]"),
        **dict.fromkeys(("mg",), "mg"),
        **dict.fromkeys(("g", "gram", "grams"), "g"),
        **dict.fromkeys(("kg",), "kg"),
        **dict.fromkeys(("lb", "lbs"), "[lb_av]"),
        **dict.fromkeys(("mL", "ml"), "mL"),
        **dict.fromkeys(("L", "l", "liter", "liters", "litre", "litres"), "L"),
        **dict.fromkeys(("m³", "m3"), "m3"),
        **dict.fromkeys(("gal",), "[gal_us]"),  # Home Assistant: US gallons
        **dict.fromkeys(("fl. oz.",), "[foz_us]"),  # likewise
        **dict.fromkeys(("mm",), "mm"),
        **dict.fromkeys(("cm",), "cm"),
        **dict.fromkeys(("km",), "km"),
        **dict.fromkeys(("in",), "[in_i]"),
        **dict.fromkeys(("ft",), "[ft_i]"),
        **dict.fromkeys(("mi",), "[mi_i]"),
        **dict.fromkeys(("ms",), "ms"),
        **dict.fromkeys(("s", "sec", "second", "seconds"), "s"),
        **dict.fromkeys(("min", "minute", "minutes"), "min"),
        **dict.fromkeys(("h", "hr", "hour", "hours"), "h"),
        **dict.fromkeys(("d", "day", "days"), "d"),
        **dict.fromkeys(("w", "week", "weeks"), "wk"),
        **dict.fromkeys(("month", "months"), "mo"),
        **dict.fromkeys(("y", "year", "years"), "a"),
        **dict.fromkeys(("Pa",), "Pa"),
        **dict.fromkeys(("hPa",), "hPa"),
        **dict.fromkeys(("kPa",), "kPa"),
        **dict.fromkeys(("mbar",), "mbar"),
        **dict.fromkeys(("bar",), "bar"),
        **dict.fromkeys(("psi",), "[psi]"),
        **dict.fromkeys(("mV",), "mV"),
        **dict.fromkeys(("V",), "V"),
        **dict.fromkeys(("Wh",), "W.h"),
        **dict.fromkeys(("kWh",), "kW.h"),
        **dict.fromkeys(("°C", "C"), "Cel"),
        **dict.fromkeys(("°F", "F"), "[degF]"),
        **dict.fromkeys(("K",), "K"),
    }
)
_BY_CLASS = MappingProxyType(
    {
        ("m", "distance"): "m",
        ("oz", "weight"): "[oz_av]",
    }
)
_COUNTING = frozenset({"total", "total_increasing"})
_CAN_BE = MappingProxyType(
    {  # by dimension: what counts up, and what is measured
        "": (("count", "count_today"), ("count_left", "count")),
        "ratio": (("used",), ("remaining", "used", "soc")),
        "volume": (("amount_today", "dose"), ("amount", "capacity")),
        "mass": (("amount_today", "dose"), ("amount", "weight", "capacity")),
        "length": (("odometer",), ("distance", "depth", "distance_left", "range")),
        "time": (("time_used",), ("time_left", "time_used", "capacity")),
        "pressure": (("pressure",), ("pressure",)),
        "voltage": (("voltage",), ("voltage",)),
    }
)
_CLASSES = MappingProxyType(
    {  # by the last part of a signal's name: the class that it has in a profile
        **dict.fromkeys(("remaining", "used", "amount", "distance_left", "range"), "level"),
        **dict.fromkeys(("count", "count_left", "count_today", "amount_today", "odometer"), "counter"),
        **dict.fromkeys(("time_left", "time_used"), "run_time"),
        **dict.fromkeys(("state", "warning"), "flag"),
        **dict.fromkeys(("capacity", "dose", "reorder_threshold", "hardness"), "setting"),
        **dict.fromkeys(("battery", "soc", "pressure", "voltage", "tds"), "setting"),
    }
)


def unit_code(said: str, *, device_class: str = "") -> str:
    """The UCUM code of a unit as a device writes it, or nothing where that is not certain."""
    return _WORDS.get(said) or _BY_CLASS.get((said, device_class), "")


def class_of(quantity: str) -> str:
    """The class that a signal of this quantity has, or nothing where the overlay must say."""
    return _CLASSES.get(quantity, "")


def suggested(unit: str, *, device_class: str = "", state_class: str = "") -> tuple[str, ...]:
    """Quantities that a number in this unit can be. An overlay decides; nothing here is assumed."""
    if device_class == "battery":
        return ("battery",)
    if unit == "[ppm]":
        return ("tds",)
    known = unit_of(unit)
    counting, telling = _CAN_BE.get("" if known is None else known.dimension, ((), ()))
    return counting if state_class in _COUNTING else telling
