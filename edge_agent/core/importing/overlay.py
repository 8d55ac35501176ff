"""What a person adds to an announcement: which value is which signal, what is used up, and how it is replaced.

An overlay is a small YAML file. It names a device of an import (or all of one model) and its values by the keys that
the import shows. What stands in it goes before what the device said of itself, but never against it: a unit of another
kind, or a word that the device does not have, is an error.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, ValidationError, model_validator

from edge_agent.core.importing.device import ImportedDevice
from edge_agent.core.messages import Direction, SignalClass
from edge_agent.core.profile.conditions import Scalar
from edge_agent.core.profile.parts import Part, ProfileId, SignalName, Text, UnitCode, ValueName, Word
from edge_agent.core.profile.transforms import State
from edge_agent.errors import ProfileError

_Key = Annotated[str, StringConstraints(min_length=1, max_length=256)]
_SHOWN_MAX = 10


class OverlaySignal(Part):
    """One value of the device (`from`) as a signal. What is left out comes from the device and from the signal's name.

    `states` are for words and flags: the device's word -> ok, low, empty, replace, a number, or null for unknown.
    """

    source: Annotated[_Key, Field(alias="from")]
    signal_class: Annotated[SignalClass | Literal["setting"] | None, Field(alias="class")] = None
    direction: Direction | Literal["none"] | None = None
    unit: UnitCode | None = None
    range: tuple[float, float] | None = None
    states: Annotated[dict[Word, State | float | None], Field(min_length=1, max_length=64)] | None = None
    sentinels: Annotated[tuple[Scalar, ...], Field(max_length=32)] = ()
    missing: Literal["unknown", "not_applicable"] | None = None
    guard: Annotated[tuple[dict[str, JsonValue], ...], Field(max_length=8)] = ()
    transform: Annotated[tuple[dict[str, JsonValue], ...], Field(max_length=6)] = ()
    event: bool = False


class OverlayCommand(Part):
    """One thing to send, by a control of the device (`from`): the word `to`, or a value of `signal`."""

    source: Annotated[_Key, Field(alias="from")]
    to: Word | None = None
    signal: SignalName | None = None
    confirm: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.to is not None and self.signal is not None:
            raise ValueError("to and signal exclude each other")
        return self


class Overlay(Part):
    """One file. `overlay` is the id of the profile that comes out; `device` or `model` say of which device.

    `id` is what the hub calls the device, `topic` where a Matter bridge publishes it. `consumables` and `samples` are
    as in a profile, except that model and degradation may be left out.
    """

    overlay: ProfileId
    version: Annotated[int, Field(ge=1, le=9_999)] = 1
    title: Text | None = None
    device: _Key | None = None
    model: _Key | None = None
    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] | None = None
    topic: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    merge: Literal["snapshot", "delta"] | None = None
    signals: Annotated[dict[SignalName, OverlaySignal], Field(max_length=64)] = {}  # noqa: RUF012 - copied
    consumables: Annotated[dict[ValueName, dict[str, JsonValue]], Field(max_length=32)] = {}  # noqa: RUF012 - copied
    commands: Annotated[dict[ValueName, OverlayCommand], Field(max_length=16)] = {}  # noqa: RUF012 - copied
    samples: Annotated[tuple[dict[str, JsonValue], ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _one_device(self) -> Self:
        if (self.device is None) == (self.model is None):
            raise ValueError("either device or model is needed")
        if self.model is not None and (self.id is not None or self.topic is not None):
            raise ValueError("id and topic are one device's, and model may be several")
        return self


def overlay_of(tree: object) -> Overlay:
    """An overlay from what stands in its file.

    Raises: ProfileError naming the field and what is allowed.
    """
    try:
        return Overlay.model_validate_json(json.dumps(tree))
    except ValidationError as exc:
        raise ProfileError(first_problem(exc)) from exc
    except (TypeError, ValueError, RecursionError) as exc:
        raise ProfileError(f"(whole file): {exc}") from exc


def devices_of(overlay: Overlay, devices: tuple[ImportedDevice, ...]) -> tuple[ImportedDevice, ...]:
    """The devices that an overlay is for.

    Raises: ProfileError where there is none, or where its name is two devices'.
    """
    if overlay.model is not None:
        found = tuple(each for each in devices if each.model == overlay.model)
    else:
        found = tuple(each for each in devices if overlay.device in {each.id, *each.names})
    if not found:
        known = sorted(each.model if overlay.model is not None else each.title for each in devices)[:_SHOWN_MAX]
        asked = f"model {overlay.model!r}" if overlay.model is not None else f"device {overlay.device!r}"
        raise ProfileError(f"{asked} is not in this import; there is {', '.join(map(repr, known)) or 'none'}")
    if overlay.model is None and len(found) > 1:
        raise ProfileError(f"device {overlay.device!r} is {len(found)} devices: {', '.join(each.id for each in found)}")
    return found


def first_problem(exc: ValidationError) -> str:
    """Where and what, of the first error."""
    first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:60] for part in first["loc"][:6]) or "(whole file)"
    return f"{where}: {first['msg']}"
