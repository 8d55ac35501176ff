"""Encoders of the Restock-native device protocol, version 1, JSON.

Topics stand below `restock/v1/<home>/<device>/`: `birth` and `state` are retained, `state` is also the last will,
`reading` is not retained, `ack` and `cmd` come from the hub. Source: the project's design, section 4; units are UCUM
strings (https://ucum.org), "" for states and texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

import orjson

from firmware_sim.world import Happening

StateWord = Literal["online", "offline"]


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a reading with its UCUM unit."""

    value: float | str | bool
    unit: str


class Appliance(Protocol):
    """What the publisher needs of an appliance."""

    name: str
    profile: str
    firmware: str

    def noticed(self, happening: Happening) -> bool:
        """Take note of something that happened in the home; True when it calls for a reading at once."""

    def values(self, at: datetime) -> Mapping[str, Value]:
        """The values of a reading taken at `at`."""


def base_topic(home: str, device: str) -> str:
    """Topic below which everything of one device stands, without a slash at its end."""
    return f"restock/v1/{home}/{device}"


def rfc3339(at: datetime) -> str:
    """Time as `2025-01-31T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def birth(*, device: str, profile: str, firmware: str, boot: str, at: datetime, first_seq: int = 1) -> bytes:
    """The retained birth certificate; `first_seq` is the oldest reading of this boot that is still held."""
    words = {"device": device, "profile": profile, "firmware": firmware, "boot": boot, "at": rfc3339(at)}
    return orjson.dumps({**words, "first_seq": first_seq})


def state(*, device: str, boot: str, state: StateWord) -> bytes:
    """The retained state, also the last will."""
    return orjson.dumps({"device": device, "boot": boot, "state": state})


def reading(*, device: str, boot: str, seq: int, at: datetime, values: Mapping[str, Value]) -> bytes:
    """One reading."""
    encoded = {name: {"value": value.value, "unit": value.unit} for name, value in values.items()}
    return _json({"device": device, "boot": boot, "seq": seq, "at": rfc3339(at), "values": encoded})


def _json(document: Mapping[str, object]) -> bytes:
    """Refuses NaN and infinities, which `orjson` would write as null."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
