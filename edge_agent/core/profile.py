"""What a device profile may say: a closed vocabulary, checked strictly, with no expressions, templates or code.

A profile is read in a fixed order: match, decode, select, guard, parse, transform, unit, range, bind. `core.extract`
applies it to a payload, `core.registry` finds the one that fits a message. This module holds the vocabulary and the
rules between fields; `device_profiles/schema.json` is made from it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from edge_agent.core.messages import Direction, QuarantineReason, SignalClass
from edge_agent.core.payload import pointer_steps
from edge_agent.core.quantity import same_quantity, unit_of
from edge_agent.core.signals import quantity_of

ProfileId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", max_length=64)]
Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^~/]|~[01])*)+$", max_length=200)]
SignalName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\.[a-z_]+)?$", max_length=64)]
UnitCode = Annotated[str, StringConstraints(min_length=1, max_length=16)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
ValueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Scalar = bool | int | float | Annotated[str, StringConstraints(max_length=120)] | None

# One level of a topic is `{device}`; the others are literal. Restock's own topics are not for profiles.
TopicPattern = Annotated[str, StringConstraints(pattern=r"^[^\s+#{}$/]+(/([^\s+#{}/]+|\{device\}))*$", max_length=200)]

_TESTS = ("eq", "ne", "in", "not_in", "gt", "ge", "lt", "le", "present")


class Part(BaseModel):
    """Strict, closed and frozen: an unknown field is an error."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Condition(Part):
    """One test of one place in the payload. A place that is missing fails every test but `present: false`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [test]} for test in _TESTS]})

    path: Pointer
    eq: Scalar = None
    ne: Scalar = None
    one_of: Annotated[tuple[Scalar, ...], Field(alias="in", min_length=1, max_length=64)] = (None,)
    not_in: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=64)] = (None,)
    gt: float = 0.0
    ge: float = 0.0
    lt: float = 0.0
    le: float = 0.0
    present: bool = True

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if len(self.model_fields_set & {*_TESTS, "one_of"}) != 1:
            raise ValueError(f"exactly one of {', '.join(_TESTS)} is needed")
        return self

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`path`, taken apart."""
        return pointer_steps(self.path)

    @cached_property
    def test(self) -> str:
        """Which test it is; `one_of` is written `in`."""
        return next(iter(self.model_fields_set - {"path", "otherwise"}))


class Guard(Condition):
    """A condition that must hold for a signal to be trusted; `else` says what the signal is when it does not."""

    otherwise: Annotated[Literal["unknown", "not_applicable"], Field(alias="else")] = "unknown"


class Scale(Part):
    """Multiply by a factor."""

    scale: Annotated[float, Field(ge=-1e9, le=1e9)]


class Offset(Part):
    """Add a constant."""

    offset: Annotated[float, Field(ge=-1e9, le=1e9)]


class Invert(Part):
    """Take the value from a whole: `invert: 100` turns a share used into a share left."""

    invert: Annotated[float, Field(ge=-1e9, le=1e9)]


class Lookup(Part):
    """Translate a text or a flag (`true`, `false`) into ours; anything that is not listed is out of range."""

    lookup: Annotated[dict[str, Literal["ok", "low", "empty", "replace"]], Field(min_length=1, max_length=64)]


Transform = Scale | Offset | Invert | Lookup


class UnitRule(Part):
    """The unit that a signal leaves in (`canonical`), and what it comes in.

    `path` is where the payload says it; `source` states it where the payload does not and it differs from canonical.
    """

    canonical: UnitCode
    path: Pointer | None = None
    source: UnitCode | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unit_of(self.canonical) is None:
            raise ValueError(f"{self.canonical!r} is not a UCUM unit that this hub knows")
        if self.path is not None and self.source is not None:
            raise ValueError("path and source exclude each other")
        if self.source is not None and not same_quantity(self.source, self.canonical):
            raise ValueError(f"{self.source!r} cannot be turned into {self.canonical!r}")
        return self

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`path`, taken apart; empty without one."""
        return pointer_steps(self.path or "")


class Signal(Part):
    """How one signal is found, trusted, read and understood."""

    select: Pointer
    missing: Literal["unknown", "not_applicable"] = "unknown"
    guard: Annotated[tuple[Guard, ...], Field(max_length=16)] = ()
    sentinels: Annotated[tuple[Scalar, ...], Field(max_length=64)] = ()
    parse: Literal["number", "text", "flag"]
    transform: Annotated[tuple[Transform, ...], Field(max_length=8)] = ()
    unit: UnitRule | None = None
    range: tuple[float, float] | None = None
    signal_class: Annotated[SignalClass | Literal["setting"], Field(alias="class")]
    direction: Direction | Literal["none"]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        lookups = sum(isinstance(step, Lookup) for step in self.transform)
        if self.parse == "number" and (lookups or self.unit is None or self.range is None):
            raise ValueError("a number needs a unit and a range, and takes no lookup")
        if self.parse != "number" and (lookups != 1 or len(self.transform) != 1 or self.unit or self.range):
            raise ValueError("a text or flag needs one lookup, and has neither unit nor range")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("range: the lower bound must be below the upper one")
        if (self.parse == "number") == (self.signal_class is SignalClass.FLAG):
            raise ValueError("class flag is for texts and flags, and they have no other")
        if (self.direction == "none") != (self.signal_class in {SignalClass.FLAG, "setting"}):
            raise ValueError("direction is none for flags and settings, and down or up for everything else")
        return self

    @property
    def canonical(self) -> str:
        """The UCUM unit of every reading of this signal; empty for states."""
        return self.unit.canonical if self.unit else ""

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`select`, taken apart."""
        return pointer_steps(self.select)


class NativeValue(Part):
    """A value that a Restock-native device may send. An empty unit is for texts and flags."""

    type: Literal["number", "text", "flag"]
    unit: Annotated[str, StringConstraints(max_length=16)] = ""

    @model_validator(mode="after")
    def _unit_known(self) -> Self:
        if (self.type == "number") != bool(self.unit) or (self.unit and unit_of(self.unit) is None):
            raise ValueError("a number needs a UCUM unit; a text or flag has none")
        return self


class Match(Part):
    """Which messages the profile is for: a native device by its birth, a foreign one by topic and content."""

    native: Annotated[dict[ValueName, NativeValue], Field(min_length=1, max_length=64)] | None = None
    topic: TopicPattern | None = None
    require: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.native is None) == (self.topic is None):
            raise ValueError("either native or topic is needed")
        if self.native is not None and self.require:
            raise ValueError("require goes with topic: a native device names its profile in its birth")
        if self.topic is not None and (
            self.topic.split("/").count("{device}") != 1 or self.topic.startswith("restock/")
        ):
            raise ValueError("topic: exactly one level is {device}, and restock/ is for native devices")
        return self


class Decoding(Part):
    """How bytes become a tree."""

    format: Literal["json"]


class Expected(Part):
    """The value that a sample must give."""

    value: float | str
    unit: Annotated[str, StringConstraints(max_length=16)] = ""


class Sample(Part):
    """A payload with what must come of it: every signal named, or the reason why the message is kept apart."""

    name: Text
    payload: JsonValue
    expect: dict[SignalName, Expected | Literal["unknown", "not_applicable"]] | None = None
    quarantine: QuarantineReason | None = None

    @model_validator(mode="after")
    def _one_outcome(self) -> Self:
        if (self.expect is None) == (self.quarantine is None):
            raise ValueError("either expect or quarantine is needed")
        return self


class Profile(Part):
    """One file of `device_profiles/`."""

    profile: ProfileId
    version: Annotated[int, Field(ge=1, le=9_999)]
    title: Text
    source: Text
    match: Match
    decode: Decoding
    units: Annotated[dict[UnitCode, UnitCode], Field(max_length=32)] = {}
    signals: Annotated[dict[SignalName, Signal], Field(min_length=1, max_length=64)]
    samples: Annotated[tuple[Sample, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _names_say_what_they_hold(self) -> Self:
        for alias, unit in self.units.items():
            if unit_of(unit) is None:
                raise ValueError(f"units.{alias}: {unit!r} is not a UCUM unit that this hub knows")
        for name, signal in self.signals.items():
            problem = _mismatch(name, signal)
            if problem:
                raise ValueError(f"signals.{name}: {problem}")
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a profile file, as `device_profiles/schema.json` holds it."""
    schema = Profile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _mismatch(name: str, signal: Signal) -> str:
    """What contradicts the signal's own name, or nothing: a wrong unit in a table passes every other check."""
    quantity = quantity_of(name)
    if quantity is None:
        return "not a name of the closed list <subject>[_<part>].<quantity>"
    unit = unit_of(signal.canonical)
    kind = "" if unit is None else "count" if signal.canonical.startswith("{") else unit.dimension
    if kind not in (quantity.dimensions or {""}):
        return f"{signal.canonical or 'a text'!r} does not fit this quantity"
    if quantity.direction is not None and signal.direction != quantity.direction:
        return f"direction must be {quantity.direction}"
    return ""
