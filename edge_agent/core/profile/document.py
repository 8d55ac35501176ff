"""One profile file as a whole: its parts, the rules between them, and the schema of it all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from edge_agent.core.messages import QuarantineReason, SignalClass
from edge_agent.core.profile.consumables import Command, Consumable
from edge_agent.core.profile.decoding import Decoding
from edge_agent.core.profile.matching import Freshness, Match
from edge_agent.core.profile.parts import Part, ProfileId, SignalName, Text, UnitCode, ValueName, Word
from edge_agent.core.profile.signal import Signal
from edge_agent.core.profile.transforms import Invert, Lookup, Offset, Scale
from edge_agent.core.quantity import same_quantity, unit_of
from edge_agent.core.signals import QUANTITIES, quantity_of

_MOVEMENT_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"vehicle.motion": frozenset({"moving", "standing"}), "vehicle.gear": frozenset({"parked", "in_gear"})}
)
_MOVEMENTS = frozenset().union(*_MOVEMENT_WORDS.values())
_Bytes = Annotated[str, StringConstraints(max_length=65_536)]
_Topic = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Expected(Part):
    """The value that a sample must give."""

    value: float | str
    unit: Annotated[str, StringConstraints(max_length=16)] = ""


class Message(Part):
    """One message of a sample: a JSON payload, or a text, or bytes in hex or base64. `topic` where it matters."""

    topic: _Topic | None = None
    payload: JsonValue | None = None
    text: _Bytes | None = None
    hex: _Bytes | None = None
    base64: _Bytes | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if len(self.model_fields_set & {"payload", "text", "hex", "base64"}) != 1:
            raise ValueError("exactly one of payload, text, hex and base64 is needed")
        return self


class Sample(Message):
    """A payload with what must come of it: every signal named, or the reason why the message is kept apart.

    `then` are messages that follow it, for devices that send changes only; what is expected is after the last one.
    """

    name: Text
    then: Annotated[tuple[Message, ...], Field(max_length=16)] = ()
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
    merge: Literal["snapshot", "delta", "per_topic"] = "snapshot"
    freshness: Freshness | None = None
    units: Annotated[dict[Word, UnitCode], Field(max_length=32)] = {}  # noqa: RUF012 - a default of pydantic is copied
    signals: Annotated[dict[SignalName, Signal], Field(min_length=1, max_length=64)]
    consumables: Annotated[dict[ValueName, Consumable], Field(max_length=32)] = {}  # noqa: RUF012 - a default of pydantic is copied
    commands: Annotated[dict[ValueName, Command], Field(max_length=16)] = {}  # noqa: RUF012 - a default of pydantic is copied
    samples: Annotated[tuple[Sample, ...], Field(min_length=1, max_length=64)]

    @cached_property
    def family(self) -> str:
        """The first word of the profile's id. Devices have their names within a family: no two families share any."""
        return self.profile.partition(".")[0]

    @cached_property
    def in_passing(self) -> frozenset[str]:
        """Signals that are looked at and never kept. Where there are any, no message is kept as it came."""
        return frozenset(name for name, signal in self.signals.items() if signal.kept == "never")

    @model_validator(mode="after")
    def _names_say_what_they_hold(self) -> Self:
        for alias, unit in self.units.items():
            if unit_of(unit) is None:
                raise ValueError(f"units.{alias}: {unit!r} is not a UCUM unit that this hub knows")
        for name, signal in self.signals.items():
            problem = _mismatch(name, signal) or _movement_mismatch(name, signal)
            if problem:
                raise ValueError(f"signals.{name}: {problem}")
        return self

    @model_validator(mode="after")
    def _matches_as_it_merges(self) -> Self:
        if self.match.native is not None and (self.merge != "snapshot" or self.decode.format != "json"):
            raise ValueError("merge and decode: a native device sends whole readings in JSON")
        if (self.merge == "per_topic") != self.match.has_any_key or self.match.has_any_key != self.match.has_key:
            raise ValueError("merge: per_topic needs {key} at the end of every topic, and nothing else may have it")
        if self.merge != "snapshot" and any(each.tells_states for each in self.signals.values()):
            raise ValueError(
                "merge: a state behind a guard's else needs whole pictures: an event that is over says so once"
            )
        if self.match.identity and self.merge != "snapshot":
            raise ValueError("merge: what names its device inside (match.identity) sends whole pictures")
        return self

    @model_validator(mode="after")
    def _consumables_stand_on_signals(self) -> Self:
        for name, consumable in self.consumables.items():
            problem = self._consumable_problem(consumable)
            if problem:
                raise ValueError(f"consumables.{name}: {problem}")
        for name, command in self.commands.items():
            if command.value is not None and command.value.signal not in self.signals:
                raise ValueError(f"commands.{name}: {command.value.signal!r} is not a signal of this profile")
            if command.value is not None and not _invertible(self.signals[command.value.signal]):
                raise ValueError(f"commands.{name}: {command.value.signal!r} has a step that cannot be turned back")
        return self

    def _consumable_problem(self, consumable: Consumable) -> str:
        signal = self.signals.get(consumable.signal)
        if signal is None:
            return f"{consumable.signal!r} is not a signal of this profile"
        if (signal.signal_class, signal.direction) != (consumable.model, consumable.degradation):
            its = f"{signal.signal_class}, {signal.direction}"
            return f"model and degradation must be those of {consumable.signal!r}: {its}"
        capacity = consumable.capacity
        if capacity is not None and capacity.signal is not None and capacity.signal not in self.signals:
            return f"capacity: {capacity.signal!r} is not a signal of this profile"
        amounts = [consumable.change.warning, consumable.change.critical] if consumable.change else []
        if any(each is not None and not same_quantity(each.unit, signal.canonical) for each in amounts):
            return f"change: a unit like {signal.canonical!r} is needed"
        if consumable.reset is not None and consumable.reset not in self.commands:
            return f"reset: {consumable.reset!r} is not a command of this profile"
        return ""


class Compiled(Profile):
    """A profile that was checked with its samples before, and is loaded again without them."""

    samples: Annotated[tuple[Sample, ...], Field(max_length=0)] = ()


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a profile file, as `device_profiles/schema.json` holds it."""
    schema = Profile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _invertible(signal: Signal) -> bool:
    if signal.parse in {"flag", "measured"} or (signal.unit is not None and signal.unit.path is not None):
        return False  # in which unit the device would take it is not known before it has told
    return all(isinstance(step, (Scale, Offset, Invert)) for step in signal.transform)


def _mismatch(name: str, signal: Signal) -> str:
    """What contradicts the signal's own name, or nothing: a wrong unit in a table passes every other check."""
    quantity = quantity_of(name)
    if quantity is None:
        return "not a name of the closed list <subject>[_<part>].<quantity>"
    unit = unit_of(signal.canonical)
    if unit is None and signal.signal_class == "setting":
        return ""  # a setting in the device's own words
    kind = "" if unit is None else "count" if signal.canonical.startswith("{") else unit.dimension
    if kind not in (quantity.dimensions or {""}):
        return f"{signal.canonical or 'a text'!r} does not fit this quantity"
    if quantity is QUANTITIES["voltage"] and signal.signal_class != "setting":
        return "a voltage is only measured and never stock: class must be setting, and direction none"
    if quantity.direction is not None and signal.direction not in {quantity.direction, *_free(signal)}:
        return f"direction must be {quantity.direction}"
    return ""


def _movement_mismatch(name: str, signal: Signal) -> str:
    """What is wrong about a signal that says where a person goes, or uses the words of one."""
    quantity = quantity_of(name)
    if quantity is None or quantity.in_passing != (signal.kept == "never"):
        return "kept: never is for where a vehicle goes and how it moves, and needed there"
    said, own = _words(signal), _MOVEMENT_WORDS.get(name)
    if own is not None and not (said and said <= own):
        return f"a lookup is needed that gives {' and '.join(sorted(own))}"
    return "" if own is not None or not said & _MOVEMENTS else f"{name} does not say how a vehicle moves"


def _words(signal: Signal) -> frozenset[str]:
    """The states that a signal may be in, by its lookup."""
    lookup = next((step for step in signal.transform if isinstance(step, Lookup)), None)
    return frozenset(word for word in lookup.lookup.values() if isinstance(word, str)) if lookup else frozenset()


def _free(signal: Signal) -> set[str]:
    """A level that a device does not deplete, told for information, has class setting and no direction."""
    return {"none"} if signal.signal_class in {"setting", SignalClass.FLAG} else set()
