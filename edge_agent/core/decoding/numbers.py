"""A number as it may stand in a payload: as itself, or as digits in a text."""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.core.decoding.payload import Found, Tree
from edge_agent.core.messages import QuarantineReason
from edge_agent.errors import DecodeError

_DIGITS_MAX = 40
_KINDS = MappingProxyType({bool: "a flag", int: "a number", float: "a number", str: "a text", list: "a list"})


class UntoldError(Exception):
    """A second number that a step needs is not there, or a text is a sentinel in digits."""


def as_number(found: Found) -> float | None:
    """The number, and None for everything else: `true` and "1" are none."""
    return float(found) if type(found) in {int, float} else None  # type: ignore[arg-type]


def refused(raw: Tree) -> float:
    """No text is a number here. Raises: DecodeError MALFORMED."""
    raise DecodeError(QuarantineReason.MALFORMED, f"a number is needed, this is {kind_of(raw)}")


def digits(raw: Tree) -> float:
    """A decimal number in a text: no exponent, no blanks inside, no words for infinity.

    Raises: DecodeError MALFORMED.
    """
    text = raw.strip() if isinstance(raw, str) else ""
    sign, number = (text[0], text[1:]) if text[:1] in {"-", "+"} else ("", text)
    whole, point, part = number.partition(".")
    if len(text) > _DIGITS_MAX or not text.isascii() or not whole.isdigit() or (point and not part.isdigit()):
        raise DecodeError(QuarantineReason.MALFORMED, f"a text of digits is needed, this is {kind_of(raw)}")
    return -float(number) if sign == "-" else float(number)


def kind_of(raw: Tree) -> str:
    """What a value is, for a message to a person; never the value itself."""
    return _KINDS.get(type(raw), "an object")
