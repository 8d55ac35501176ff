"""Texts in the store that can be said again in another language: English, and beside it the pattern and what fills it.

Whatever cannot be read back, or would not give the same English again, is plain English: a record never becomes another
text. Reading is bounded, and a pattern from the store reaches no attribute of what fills it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from string import Formatter

from edge_agent.core.said import Day, Names, Opening, Part, Said, Sum, say, say_many

_DEPTH_MAX = 4
_PARTS_MAX = 12
_NAMES_MAX = 100
_CHARS_MAX = 2_000

Json = dict[str, object]


def packed(text: str) -> Json | None:
    """What a text is made of, for JSON; None of plain English."""
    if not isinstance(text, Said):
        return None
    made: Json = {"pattern": text.pattern}
    if text.plural is not None and text.number is not None:
        made |= {"plural": text.plural, "number": text.number}
    if text.parts:
        made["parts"] = {name: _packed_part(part) for name, part in text.parts.items()}
    return made


def unpacked(english: str, made: object) -> str:
    """The text again; `english` as it is where `made` is not what gave it."""
    try:
        text = _said(made, depth=0)
    except (LookupError, TypeError, ValueError):
        return english
    return text if text == english else english


def _packed_part(part: Part) -> object:
    match part:
        case Day():
            return {"day": part.on.isoformat(), "with_year": part.with_year}
        case Sum():
            return {"minor": part.amount_minor, "currency": part.currency}
        case Names():
            return {"names": [packed(name) or str(name) for name in part.each]}
        case Opening():
            return {"opening": packed(part.text) or str(part.text)}
        case Said():
            return packed(part)
        case _:
            return part


def _said(made: object, *, depth: int) -> Said:
    if not isinstance(made, dict) or depth > _DEPTH_MAX:
        raise ValueError("no text")
    parts = _parts(made.get("parts", {}), depth=depth)
    pattern, plural, number = _pattern(made["pattern"], parts), made.get("plural"), made.get("number")
    if plural is None:
        return say(pattern, **parts)
    if not isinstance(number, int) or parts.pop("number", number) != number:
        raise ValueError("no number")
    return say_many(pattern, _pattern(plural, {"number": number, **parts}), number, **parts)


def _parts(made: object, *, depth: int) -> dict[str, Part]:
    if not isinstance(made, dict) or len(made) > _PARTS_MAX:
        raise ValueError("no parts")
    return {name: _part(part, depth=depth) for name, part in made.items()}


def _part(made: object, *, depth: int) -> Part:
    match made:
        case bool():
            raise ValueError("no part")
        case str() | int() | float():
            return made
        case {"day": str(on), "with_year": bool(with_year)}:
            return Day(date.fromisoformat(on), with_year)
        case {"minor": int(amount_minor), "currency": str(currency)}:
            return Sum(amount_minor, currency)
        case {"names": [*names]} if len(names) <= _NAMES_MAX:
            return Names(tuple(_name(name, depth=depth) for name in names))
        case {"opening": text}:
            return Opening(_name(text, depth=depth))
        case _:
            return _said(made, depth=depth + 1)


def _name(made: object, *, depth: int) -> str:
    return made if isinstance(made, str) else _said(made, depth=depth + 1)


def _pattern(made: object, parts: Mapping[str, Part]) -> str:
    """A pattern that its parts fill, and in which a placeholder is a name and nothing more."""
    if not isinstance(made, str) or len(made) > _CHARS_MAX:
        raise ValueError("no pattern")
    if parts:
        for _, name, spec, conversion in Formatter().parse(made):
            if name is not None and (name not in parts or spec or conversion):
                raise ValueError("no placeholder")
    return made
