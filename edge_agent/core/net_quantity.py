"""What a pack holds by the words on it: "1 l", "500 g", "6 x 330 ml". What is not clear is not read.

Only whole texts are read, no number out of the middle of one. "1.500 kg" is one and a half kilograms in one country and
one and a half tons in another: such a number is not read at all.

Source: units as UCUM writes them; Open Food Facts' `product_base` schema for `product_quantity` and its unit, which are
worked out there from the words (g or ml).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from edge_agent.core.quantity import convert, same_quantity

LABEL_CHARS_MAX = 60
AMOUNT_MAX = 1e6  # as much as an item's pack can hold
_FACTORS_MAX = 2
_ALIKE = 0.02  # two statements of the same pack: a fluid ounce is 30 ml to some and 29.57 ml to others
_WORDS = MappingProxyType(
    {
        "mg": "mg",
        **dict.fromkeys(("g", "gr", "gram", "grams", "gramme", "grammes", "gramm", "克"), "g"),
        **dict.fromkeys(("kg", "kgs", "kilogram", "kilograms", "千克", "公斤"), "kg"),
        **dict.fromkeys(("oz", "ounce", "ounces"), "[oz_av]"),
        **dict.fromkeys(("lb", "lbs", "pound", "pounds"), "[lb_av]"),
        **dict.fromkeys(("ml", "millilitre", "millilitres", "milliliter", "milliliters", "毫升"), "mL"),
        "cl": "cL",
        "dl": "dL",
        **dict.fromkeys(("l", "lt", "ltr", "litre", "litres", "liter", "liters", "升"), "L"),
        **dict.fromkeys(("fl oz", "fl. oz", "fl.oz", "floz"), "[foz_us]"),
        **dict.fromkeys(("pc", "pcs", "piece", "pieces", "stück", "pièces", "piezas", "个", "片"), "{piece}"),
    }
)
_NUMBER = r"\d{1,6}(?:[.,]\d{1,3})?"
_LABEL = re.compile(
    rf"(?P<factors>(?:\d{{1,3}}\s?[x\u00d7*]\s?){{0,{_FACTORS_MAX}}})(?P<number>{_NUMBER})\s?(?P<unit>[^\W\d_][^\d()/]{{0,13}}?)"
    r"(?:\s?\u212e|\se)?\.?"
)
_TWICE = re.compile(r"(?P<one>[^(/]{1,40}?)\s?[(/]\s?(?P<other>[^()/]{1,40}?)\s?\)?")
_EITHER_WAY = re.compile(r"(?<![\d.,])[1-9]\d{0,2}[.,]\d{3}(?!\d)")
_PLAIN = re.compile(r"\d{1,7}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class NetQuantity:
    """So much of it, in a UCUM unit: what the whole pack holds, all its parts together."""

    amount: float
    unit: str

    def in_unit(self, unit: str) -> float | None:
        """The same in another unit; None where that is no unit of this quantity."""
        return convert(self.amount, self.unit, target=unit) if same_quantity(self.unit, unit) else None


def net_quantity(label: str, *, amount: object = None, unit: object = None) -> NetQuantity | None:
    """What a pack holds by its `label`, and by the `amount` and `unit` that somebody worked out; None: not clear.

    A pack that states it twice must state the same, and so must whoever worked it out: else nothing is believed.
    """
    text = " ".join(label.split())
    if len(text) > LABEL_CHARS_MAX or _EITHER_WAY.search(text):
        return None
    told = _told(amount, unit)
    parts = _TWICE.fullmatch(text)
    worded = [_stated(part) for part in (parts.groups() if parts is not None else (text,))]
    stated = [each for each in (*worded, told) if each is not None]
    if not all(_are_alike(stated[0], each) for each in stated[1:]):
        return None
    return told if None in worded else stated[0]


def _stated(text: str) -> NetQuantity | None:
    found = _LABEL.fullmatch(text)
    unit = _WORDS.get(found["unit"].casefold()) if found is not None else None
    if found is None or unit is None:
        return None
    amount = Decimal(found["number"].replace(",", "."))
    for factor in re.findall(r"\d+", found["factors"]):
        amount *= int(factor)
    return _sound(float(amount), unit)


def _told(amount: object, unit: object) -> NetQuantity | None:
    """As a number, or as a text that is one."""
    known = _WORDS.get(unit.casefold()) if isinstance(unit, str) and len(unit) <= LABEL_CHARS_MAX else None
    if known is None or isinstance(amount, bool):
        return None
    if isinstance(amount, str) and _PLAIN.fullmatch(amount.strip()):
        return _sound(float(amount), known)
    return _sound(float(amount), known) if isinstance(amount, int | float) and abs(amount) <= AMOUNT_MAX else None


def _sound(amount: float, unit: str) -> NetQuantity | None:
    return NetQuantity(amount, unit) if 0 < amount <= AMOUNT_MAX else None


def _are_alike(one: NetQuantity, other: NetQuantity) -> bool:
    converted = other.in_unit(one.unit)
    return converted is not None and abs(converted - one.amount) <= _ALIKE * one.amount
