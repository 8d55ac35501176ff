"""Which messages a profile is for, and how old they may be."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from edge_agent.core.decoding.payload import pointer_steps
from edge_agent.core.profile.conditions import Condition
from edge_agent.core.profile.parts import Part, Pointer, ValueName
from edge_agent.core.quantity import unit_of

# Levels are literal, `{device}`, `+` for any one, or at the end `{key}` (one level) or `{key+}` (all that follow).
# A literal one may have spaces inside, one at a time, but for the first: a friendly name has some, a bridge has none.
_LITERAL = r"[^\s+#{}/]+( [^\s+#{}/]+)*"
TopicPattern = Annotated[
    str,
    StringConstraints(
        pattern=rf"^[^\s+#{{}}/]+(/({_LITERAL}|\{{device\}}|\+)?)*(/\{{key\+?\}})?$"
        rf"|^\{{device\}}(/({_LITERAL}|\{{device\}}|\+)?)+$",
        max_length=200,
    ),
]
_DEVICE, _DEVICES_MAX = "{device}", 2
_KEY = re.compile(r"\{key\+?\}$")


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
    """Which messages the profile is for: a native device by its birth, a foreign one by topic and content.

    `topic` is short for `topics` with one entry. `device` is the id of a device that no level of the topic names.
    `identity` are the places that name it further, where one topic carries many devices, such as a radio's neighbours.
    """

    native: Annotated[dict[ValueName, NativeValue], Field(min_length=1, max_length=64)] | None = None
    topic: TopicPattern | None = None
    topics: Annotated[tuple[TopicPattern, ...], Field(min_length=1, max_length=16)] | None = None
    device: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] | None = None
    identity: Annotated[tuple[Pointer, ...], Field(max_length=2)] = ()
    require: Annotated[tuple[Condition, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(each is not None for each in (self.native, self.topic, self.topics)) != 1:
            raise ValueError("exactly one of native, topic and topics is needed")
        if self.native is not None and (self.require or self.device or self.identity):
            raise ValueError(
                "require, identity and device go with topic: a native device names its profile in its birth"
            )
        for pattern in self.patterns:
            self._check(pattern)
        return self

    def _check(self, pattern: str) -> None:
        if pattern.startswith("restock/"):
            raise ValueError("topic: restock/ is for native devices")
        named = pattern.split("/").count(_DEVICE)
        if named > _DEVICES_MAX or (named == 0 and self.device is None):
            raise ValueError(f"topic: one or two levels are {_DEVICE}, or match.device gives the id")

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """Every topic pattern; empty for a native device."""
        return self.topics or ((self.topic,) if self.topic is not None else ())

    @cached_property
    def has_key(self) -> bool:
        """Whether a level of every pattern names a value, as `merge: per_topic` needs it."""
        return bool(self.patterns) and all(_KEY.search(pattern) for pattern in self.patterns)

    @cached_property
    def has_any_key(self) -> bool:
        """Whether a level of some pattern names a value."""
        return any(_KEY.search(pattern) for pattern in self.patterns)


class Freshness(Part):
    """Where the payload says when it was true. Older than `max_age_s`, every signal is unknown.

    A payload without that place is as fresh as its message.
    """

    path: Pointer
    form: Literal["rfc3339", "epoch_s", "epoch_ms"]
    max_age_s: Annotated[int, Field(ge=1, le=31_622_400)]

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """`path`, taken apart."""
        return pointer_steps(self.path)
