"""Tests of one place in a payload: what `match.require` and `guard` are made of."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from edge_agent.core.decoding.payload import pointer_steps
from edge_agent.core.profile.parts import Part, Pointer, Word

Scalar = bool | int | float | Word | None
Kind = Literal["object", "array", "number", "text", "flag", "null"]

_TESTS = ("eq", "ne", "in", "not_in", "gt", "ge", "lt", "le", "present", "type", "starts_with", "lacks")


class Condition(Part):
    """One test of one place in the payload. A place that is missing fails every test but `present: false`.

    `lacks` holds for everything but a list that has this element, such as a list of parts that are not in use.
    """

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
    type: Kind = "object"
    starts_with: Annotated[str, StringConstraints(min_length=1, max_length=120)] = "-"
    lacks: Scalar = None

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
        return next(iter(self.model_fields_set - {"path", "otherwise", "optional"}))


class Guard(Condition):
    """A condition that must hold for a signal to be trusted; `else` says what the signal is when it does not.

    A state there is for devices that tell each step down by an event of its own: "lack" beside "nearly empty".
    `optional` is for a place that only some models have: where it is missing, the guard holds.
    """

    otherwise: Annotated[Literal["unknown", "not_applicable", "ok", "low", "empty", "replace"], Field(alias="else")] = (
        "unknown"
    )
    optional: bool = False

    @property
    def tells_state(self) -> bool:
        """Whether the signal has a state where the guard does not hold."""
        return self.otherwise not in {"unknown", "not_applicable"}
