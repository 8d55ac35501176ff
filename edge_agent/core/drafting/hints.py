"""What the name of a place lets one suppose: is it about stock, which name of ours fits, which unit is likely.

Suppositions for a comment, never for a value: a name says `minutes` where the device sends seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from edge_agent.core.drafting.redaction import word_set, words_of
from edge_agent.core.quantity import unit_of
from edge_agent.core.signals import QUANTITIES, SUBJECTS

Role = Literal["stock", "setting", "other", "never"]

_UNIT_WORDS = MappingProxyType(
    {
        **dict.fromkeys(("percent", "pct", "percentage", "perc"), "%"),
        **dict.fromkeys(("ml", "millilitre", "millilitres", "milliliter", "milliliters", "cc"), "mL"),
        **dict.fromkeys(("l", "ltr", "litre", "litres", "liter", "liters"), "L"),
        **dict.fromkeys(("g", "gram", "grams"), "g"),
        **dict.fromkeys(("kg", "kilogram", "kilograms"), "kg"),
        **dict.fromkeys(("lb", "lbs", "pounds"), "[lb_av]"),
        **dict.fromkeys(("gal", "gallon", "gallons"), "[gal_us]"),
        **dict.fromkeys(("mm",), "mm"),
        **dict.fromkeys(("cm",), "cm"),
        **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), "km"),
        **dict.fromkeys(("mi", "mile", "miles"), "[mi_i]"),
        **dict.fromkeys(("ms", "millis"), "ms"),
        **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
        **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
        **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
        **dict.fromkeys(("d", "day", "days"), "d"),
        **dict.fromkeys(("month", "months"), "mo"),
        **dict.fromkeys(("mv", "millivolt", "millivolts"), "mV"),
        **dict.fromkeys(("v", "volt", "volts", "voltage"), "V"),
        **dict.fromkeys(("psi",), "[psi]"),
        **dict.fromkeys(("bar",), "bar"),
        **dict.fromkeys(("kpa",), "kPa"),
        **dict.fromkeys(("ppm", "tds"), "[ppm]"),
    }
)
_AMBIGUOUS_UNITS = MappingProxyType({"oz": "[oz_av] (weight) or [foz_us] (volume)", "m": "m, min or mo"})
_STOCK = word_set(
    "level remaining remain remains rest percent pct percentage perc left fill filled filling volume amount stock "
    "quantity qty used usage use life lifetime lifespan empty low lack refill replace replacement full saturation wear "
    "worn due battery filter tank hopper bottle canister container reservoir supply weight mass depth distance height "
    "count counter counts cycles cycle doses dispensed pumped portions cups pages prints odometer range mileage tds "
    "voltage soc charge condition health"
)
_SETTING = word_set("capacity threshold max maximum minimum limit target setpoint dose dosage hardness size")
_NEVER = word_set(
    "rssi snr linkquality lqi uptime port channel version heap fw firmware sw hw build revision reset boot reboot ram "
    "memory flash signal interval period timeout schema seq sequence msgid mid crc"
)
_ALIASES = MappingProxyType(
    {
        **dict.fromkeys(
            ("soap", "sanitizer", "sanitiser", "lotion", "chlor", "chlorine", "bromine", "ph", "acid"), "liquid"
        ),
        **dict.fromkeys(("canister", "bottle", "reservoir", "tank", "doser"), "liquid"),
        **dict.fromkeys(("paper", "towel", "towels", "roll"), "tissue"),
        **dict.fromkeys(("bean",), "beans"),
        **dict.fromkeys(("pellet", "wood", "briquette", "firewood"), "fuel"),
        **dict.fromkeys(("kibble", "feed", "feeder"), "food"),
        **dict.fromkeys(("brush",), "main_brush"),
        **dict.fromkeys(("hepa",), "hepa_filter"),
        **dict.fromkeys(("carbon",), "carbon_filter"),
        **dict.fromkeys(("dustbag",), "dust_bag"),
        **dict.fromkeys(("diesel", "petrol", "gasoline"), "fuel"),
        **dict.fromkeys(("propane", "gas"), "lpg"),
    }
)
_FALLS = word_set("remaining remain remains rest left range")
_RUNNING = word_set("runtime runtimes running operating operation worked working")
_SECONDS = frozenset({"ms", "s", "min", "h", "d", "mo"})
_RISES = word_set("used usage saturation wear worn odometer mileage dispensed pumped counter count")
_SHARE = frozenset({"%", "1"})


@dataclass(frozen=True, slots=True)
class Hint:
    """What a name suggests. `names` are signal names of ours that may fit, the likeliest first; `unit` is UCUM or "".

    `quantities` are their endings, known even where the subject is not.
    `unit_doubt` says why the name alone cannot tell the unit. `direction` is what the name suggests, or "".
    """

    role: Role
    names: tuple[str, ...]
    quantities: tuple[str, ...]
    unit: str
    unit_doubt: str
    direction: str


def hint_of(steps: tuple[str, ...], *, is_number: bool, said: str = "") -> Hint:
    """The hint for the value at these steps. `said` is the unit behind the number, in the device's words."""
    own = words_of(steps[-1]) if steps else ()
    words = tuple(word for step in steps for word in words_of(step) if not word.isdigit())
    unit, doubt = _unit((said.lower(),) * 2 if said and not _unit(own)[0] else own)
    direction = "down" if _FALLS.intersection(words) else "up" if _RISES.intersection(words) else ""
    subjects, role = _subjects(words), _role(own, words)
    if is_number and _runs(words, unit):
        subjects, direction = subjects or ("service",), direction or "up"
    quantities = _quantities(words, unit, direction) if is_number else ("state",)
    if is_number and role == "setting":
        quantities = ("reorder_threshold",) if "threshold" in words else ("capacity",)
    names = tuple(f"{subject}.{quantity}" for subject in subjects[:2] for quantity in quantities)
    return Hint(role, names[:3], quantities, unit, doubt, direction)


def is_unit_word(text: str) -> bool:
    """Whether a text is how devices write a unit, and no state."""
    word = text.strip().lower()
    return unit_of(text) is not None or word in _UNIT_WORDS or word in _AMBIGUOUS_UNITS


def quantity_words() -> tuple[str, ...]:
    """Every quantity that a name may end with."""
    return tuple(QUANTITIES)


def subject_words() -> tuple[str, ...]:
    """Every subject that a name may begin with."""
    return tuple(sorted(SUBJECTS))


def _role(own: tuple[str, ...], words: tuple[str, ...]) -> Role:
    if _NEVER.intersection(own):
        return "never"
    is_bound = bool(_SETTING.intersection(own)) or own[:1] == ("min",)
    if is_bound and not (_FALLS | _RISES).intersection(own):
        return "setting"
    known = {part for subject in SUBJECTS for part in subject.split("_") if len(part) > 2}
    about = _STOCK.intersection(words) or known.intersection(words) or set(_ALIASES).intersection(words)
    return "stock" if about else "other"


def _unit(own: tuple[str, ...]) -> tuple[str, str]:
    for word in reversed(own):
        if word in _AMBIGUOUS_UNITS:
            return "", _AMBIGUOUS_UNITS[word]
        if word in _UNIT_WORDS and (len(word) > 1 or (len(own) > 1 and word == own[-1])):
            return _UNIT_WORDS[word], ""
    return "", ""


def _runs(words: tuple[str, ...], unit: str) -> bool:
    """Whether it counts how long a machine ran; with a battery it is as often how long it will."""
    is_time = not unit or unit in _SECONDS
    return is_time and bool(_RUNNING.intersection(words)) and not _FALLS.intersection(words) and "battery" not in words


def _subjects(words: tuple[str, ...]) -> tuple[str, ...]:
    """The subjects whose every word is there, the most exact first; then what goes by another name with us."""
    there = {*words, *(word.removesuffix("s") for word in words)}
    exact = [subject for subject in SUBJECTS if set(subject.split("_")) <= there]
    exact.sort(key=lambda subject: (-subject.count("_"), subject))
    also = [_ALIASES[word] for word in words if word in _ALIASES]
    return tuple(dict.fromkeys([*exact, *also]))


def _quantities(words: tuple[str, ...], unit: str, direction: str) -> tuple[str, ...]:  # noqa: PLR0911
    if {"weight", "mass"}.intersection(words):
        return ("weight", "amount")
    if unit in {"V", "mV"}:
        return ("voltage",)
    if unit in {"g", "kg", "mL", "L", "[lb_av]", "[gal_us]"}:
        return ("amount",)
    if unit in _SECONDS or _runs(words, unit):
        return {"down": ("time_left",), "up": ("time_used", "time_left")}.get(direction, ("time_left", "time_used"))
    if unit in {"mm", "cm", "km", "[mi_i]"}:
        return ("distance_left",) if unit in {"km", "[mi_i]"} else ("distance", "depth")
    if {"count", "counter", "cycles", "doses", "portions", "cups", "pages", "dispensed"}.intersection(words):
        return ("count_left", "count") if direction != "up" else ("count",)
    if unit == "[ppm]":
        return ("tds",)
    return {"down": ("remaining",), "up": ("used",)}.get(direction, ("remaining", "used"))


def range_hint(unit: str) -> str:
    """What a sound device can say in this unit, as far as the unit alone tells."""
    return "[0, 100]" if unit == "%" else "[0, 1]" if unit in _SHARE else ""
