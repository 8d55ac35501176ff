"""What may be done to a value, one step after the other: a closed list, each with its inverse where it has one.

A number that comes from elsewhere in the payload is named by its place. What differs from one installed device to the
next (two points of a scale, the shape of a tank) is no part of a profile: the household's binding holds it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge_agent.core.profile.parts import ArrayFilter, Part, Pointer, Word

State = Literal["ok", "low", "empty", "replace"]
Movement = Literal["moving", "standing", "parked", "in_gear"]
_Bounded = Annotated[float, Field(ge=-1e9, le=1e9)]


class Scale(Part):
    """Multiply by a factor."""

    scale: _Bounded

    @model_validator(mode="after")
    def _no_zero(self) -> Self:
        if self.scale == 0:
            raise ValueError("scale: 0 would make everything empty")
        return self


class Offset(Part):
    """Add a constant."""

    offset: _Bounded


class Invert(Part):
    """Take the value from a whole: `invert: 100` turns a share used into a share left."""

    invert: _Bounded


class Clamp(Part):
    """Bring what lies outside to the bound; for what a device is known to overshoot, never to hide a sentinel."""

    clamp: tuple[_Bounded, _Bounded]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.clamp[0] < self.clamp[1]:
            raise ValueError("clamp: the lower bound must be below the upper one")
        return self


class Lookup(Part):
    """Translate a text, a flag (`true`, `false`) or a whole number into a state or a number of ours.

    How a vehicle moves has words of its own, for signals that are never kept.
    What is not listed is out of range; `null` makes a listed word unknown.
    """

    lookup: Annotated[dict[Word, State | Movement | _Bounded | None], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = {isinstance(each, str) for each in self.lookup.values() if each is not None}
        if len(kinds) != 1:
            raise ValueError("lookup: either states or numbers, and at least one that is not null")
        return self

    @cached_property
    def to_numbers(self) -> bool:
        """Whether it gives numbers, and not states."""
        return not any(isinstance(each, str) for each in self.lookup.values())


class _FromPayload(Part):
    """A step with a second number from the payload; where that is missing or no number, the signal is unknown."""

    @cached_property
    def place(self) -> str:
        """Where the second number stands: a pointer, or a filter over an array."""
        return str(next(iter(self.model_dump().values())))


class DivideBy(_FromPayload):
    """Divide by the number at that place; by zero, the signal is unknown."""

    divide_by: Pointer | ArrayFilter


class Times(_FromPayload):
    """Multiply by the number at that place."""

    times: Pointer | ArrayFilter


class Minus(_FromPayload):
    """Take away the number at that place."""

    minus: Pointer | ArrayFilter


class Calibrate(Part):
    """What an installed device needs from the household's binding: `points` on a line, or the shape of a `tank`."""

    calibrate: Literal["points", "tank"]


Transform = Scale | Offset | Invert | Clamp | Lookup | DivideBy | Times | Minus | Calibrate
