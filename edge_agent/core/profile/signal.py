"""How one signal is found, trusted, read and understood."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge_agent.core.decoding.payload import pointer_steps
from edge_agent.core.messages import Direction, SignalClass
from edge_agent.core.profile.conditions import Guard, Scalar
from edge_agent.core.profile.parts import ArrayFilter, Part, Pointer, UnitCode, Word
from edge_agent.core.profile.transforms import DivideBy, Lookup, Scale, Times, Transform
from edge_agent.core.quantity import same_quantity, unit_of

Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=32)]


class UnitRule(Part):
    """The unit that a signal leaves in (`canonical`), and what it comes in.

    `path` is where the payload says it; `source` states it where the payload does not and it differs from canonical.
    `measured` is what a text with its unit is brought to where the steps make another quantity of it: `cm` of a gap
    that becomes `%` of a tank.
    """

    canonical: UnitCode
    path: Pointer | None = None
    source: UnitCode | None = None
    measured: UnitCode | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unit_of(self.canonical) is None:
            raise ValueError(f"{self.canonical!r} is not a UCUM unit that this hub knows")
        if self.path is not None and self.source is not None:
            raise ValueError("path and source exclude each other")
        if self.source is not None and not same_quantity(self.source, self.canonical):
            raise ValueError(f"{self.source!r} cannot be turned into {self.canonical!r}")
        if self.measured is not None:
            self._check_measured(self.measured)
        return self

    def _check_measured(self, measured: str) -> None:
        if unit_of(measured) is None:
            raise ValueError(f"measured: {measured!r} is not a UCUM unit that this hub knows")
        if self.path is not None or self.source is not None:
            raise ValueError("measured and path or source exclude each other")
        if same_quantity(measured, self.canonical):
            raise ValueError(f"measured: {measured!r} and {self.canonical!r} are one quantity: write it as source")

    @property
    def working(self) -> str:
        """The unit that a number is in when the first step gets it, and that one without a unit is in."""
        return self.measured or self.source or self.canonical

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`path`, taken apart; empty without one."""
        return pointer_steps(self.path or "")


class FlagWords(Part):
    """The words that stand for true and for false; any other is out of range.

    A whole number counts as its digits and a flag as `true` or `false`, for models that send one thing as either.
    """

    true: Words
    false: Words

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if set(self.true) & set(self.false):
            raise ValueError("flags: a word is either true or false")
        return self


class Signal(Part):
    """How one signal is found, trusted, read and understood.

    `digits` reads a decimal number that may stand in a text, `measured` one that may have its unit behind it. `event`
    marks what counts each time it is sent, so that a second copy of a message is a second event. A setting may be a
    text that is passed on as it stands. `instead` are places that are looked at in turn where `select` finds nothing,
    for a value that changed its name between versions. `kept: never` is for what says where a person goes: it is looked
    at for as long as it is fresh, and no message that may hold it is ever kept as it came.
    """

    select: Pointer | None = None
    instead: Annotated[tuple[Pointer, ...], Field(max_length=4)] = ()
    jsonpath: ArrayFilter | None = None
    missing: Literal["unknown", "not_applicable"] = "unknown"
    guard: Annotated[tuple[Guard, ...], Field(max_length=16)] = ()
    sentinels: Annotated[tuple[Scalar, ...], Field(max_length=64)] = ()
    parse: Literal["number", "digits", "measured", "text", "flag"]
    flags: FlagWords | None = None
    transform: Annotated[tuple[Transform, ...], Field(max_length=8)] = ()
    unit: UnitRule | None = None
    range: tuple[float, float] | None = None
    signal_class: Annotated[SignalClass | Literal["setting"], Field(alias="class")]
    direction: Direction | Literal["none"]
    event: bool = False
    kept: Literal["never"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.select is None) == (self.jsonpath is None):
            raise ValueError("either select or jsonpath is needed")
        if self.instead and self.select is None:
            raise ValueError("instead goes with select")
        lookups = [step for step in self.transform if isinstance(step, Lookup)]
        if len(lookups) > 1 or (lookups and self.transform[0] is not lookups[0]):
            raise ValueError("transform: one lookup at the most, and first")
        if self.flags is not None and self.parse != "flag":
            raise ValueError("flags go with parse: flag")
        self._check_measured()
        self._check_kind(lookups[0] if lookups else None)
        if self.tells_states and self.signal_class is not SignalClass.FLAG:
            raise ValueError("guard: a state behind else goes with class flag")
        if (self.direction == "none") != (self.signal_class in {SignalClass.FLAG, "setting"}):
            raise ValueError("direction is none for flags and settings, and down or up for everything else")
        if self.kept == "never" and self.signal_class != "setting":
            raise ValueError("kept: never goes with class setting: what is not kept tells no stock")
        return self

    def _check_measured(self) -> None:
        if self.unit is None:
            return
        if self.parse == "measured" and self.unit.path is not None:
            raise ValueError("parse: measured takes no unit.path: the text says its own unit")
        if self.unit.measured is None:
            return
        if self.parse != "measured":
            raise ValueError("unit.measured goes with parse: measured")
        if not any(isinstance(step, (Scale, Times, DivideBy)) for step in self.transform):
            turned = f"{self.unit.measured!r} into {self.unit.canonical!r}"
            raise ValueError(f"unit.measured: no step turns {turned}: scale, times or divide_by is needed")

    def _check_kind(self, lookup: Lookup | None) -> None:
        is_number = self.is_numeric if lookup is None else lookup.to_numbers
        if self.is_numeric and lookup is not None:
            raise ValueError("a number takes no lookup; read a code as text")
        if is_number and (self.unit is None or self.range is None):
            raise ValueError("a number needs a unit and a range")
        if not is_number and (self.unit or self.range or len(self.transform) > (lookup is not None)):
            raise ValueError("a text or flag has neither unit nor range, and one lookup as its only step")
        if not is_number and lookup is None and (self.parse == "flag" or self.signal_class != "setting"):
            raise ValueError("a text or flag needs one lookup; only a setting may pass a text on")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("range: the lower bound must be below the upper one")
        if self.signal_class != "setting" and is_number == (self.signal_class is SignalClass.FLAG):
            raise ValueError("class flag is for texts and flags, and they have no other")

    @property
    def tells_states(self) -> bool:
        """Whether a guard that does not hold gives a state."""
        return any(each.tells_state for each in self.guard)

    @property
    def is_numeric(self) -> bool:
        """Whether a number is read, in one form or another."""
        return self.parse in {"number", "digits", "measured"}

    @property
    def canonical(self) -> str:
        """The UCUM unit of every reading of this signal; empty for states."""
        return self.unit.canonical if self.unit else ""

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`select`, taken apart; empty for a `jsonpath`."""
        return pointer_steps(self.select or "")
