"""Texts for people that can be said in any language: English that still knows its pattern and what fills it.

A `Said` is a `str`, so whoever only wants English uses it as it is. A page asks it for its pattern and parts and says
them again in the reader's language (`web.language`). Joining or slicing one gives plain English for good: put a text
into another as a part of its pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from edge_agent.core.money import format_money

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar: `Tue 3 Mar`, or `Tue 3 Mar 2027`."""

    on: date
    with_year: bool = False

    def __str__(self) -> str:
        text = f"{_WEEKDAYS[self.on.weekday()]} {self.on.day} {_MONTHS[self.on.month - 1]}"
        return f"{text} {self.on.year}" if self.with_year else text


@dataclass(frozen=True, slots=True)
class Sum:
    """Money: `$1,234.50`. Units: minor units of `currency` (ISO 4217)."""

    amount_minor: int
    currency: str

    def __str__(self) -> str:
        return format_money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Names:
    """Some names in a row: `Milk`, `Milk and Tea`, `Milk, Tea and Salt`."""

    each: tuple[str, ...]

    def __str__(self) -> str:
        *first, last = self.each or ("",)
        return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True, slots=True)
class Opening:
    """A text that begins a sentence: with a capital, where the language has them."""

    text: str

    def __str__(self) -> str:
        return self.text[:1].upper() + self.text[1:]


Part = str | int | float | Day | Sum | Names | Opening  # a `str` that is no `Said` is a name: shown as it is


class Said(str):
    """English text with its pattern, its parts, and where it counts something its plural and number.

    `pattern` and `plural` are what catalogues translate; `number` chooses between them.
    """

    __slots__ = ("number", "parts", "pattern", "plural")

    pattern: str
    plural: str | None
    number: int | None
    parts: Mapping[str, Part]

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (self.pattern, self.plural, self.number, dict(self.parts))


def say(pattern: str, /, **parts: Part) -> Said:
    """A text: `say("{item} is running low.", item=name)`. Braces of its own are doubled where there are parts."""
    return _made(pattern, None, None, parts)


def say_many(one: str, several: str, number: int, /, **parts: Part) -> Said:
    """A text that counts: `say_many("{number} pack", "{number} packs", 3)`. Both patterns may use `{number}`."""
    return _made(one, several, number, {"number": number, **parts})


def said_day(on: date, *, with_year: bool = False) -> Said:
    """A day by itself."""
    return say("{day}", day=Day(on, with_year))


def said_sum(amount_minor: int, currency: str) -> Said:
    """Money by itself."""
    return say("{sum}", sum=Sum(amount_minor, currency))


def _made(pattern: str, plural: str | None, number: int | None, parts: Mapping[str, Part]) -> Said:
    chosen = pattern if plural is None or number == 1 else plural
    text = Said(chosen.format_map(parts) if parts else chosen)
    text.pattern, text.plural, text.number, text.parts = pattern, plural, number, parts
    return text
