"""What a profile says a native device may send: names, types, units and plain ranges. Read as data from its YAML.

A range is known only where the signal takes the value as it stands; a guard, a calibration or another unit may change
what the range is of, and then nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

_BYTES_MAX = 262_144
_TYPES = frozenset({"number", "text", "flag"})


class ProfileFileError(Exception):
    """A profile cannot be used for a check; says which, why, and what is needed."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One value. `low` and `high` are None where no plain range is known."""

    type: str
    unit: str
    low: float | None = None
    high: float | None = None


Values = Mapping[str, Declared]


def load_profile(path: Path) -> tuple[str, Values]:
    """Id and values of the native profile in a file.

    Raises: ProfileFileError.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ProfileFileError(f"{path}: cannot be read: {exc}") from exc
    return parse_profile(text, name=str(path))


def parse_profile(text: str, *, name: str) -> tuple[str, Values]:
    """The same from its text; `name` is for messages.

    Raises: ProfileFileError.
    """
    if len(text) > _BYTES_MAX:
        raise ProfileFileError(f"{name}: larger than {_BYTES_MAX} bytes")
    try:
        document = yaml.safe_load(text)
        declared = {key: _value(each) for key, each in document["match"]["native"].items()}
        ranges = _ranges(document["signals"])
        profile: str = document["profile"]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as exc:
        raise ProfileFileError(
            f"{name}: no profile of a native device (profile, match.native, signals): {exc}"
        ) from exc
    return profile, MappingProxyType({key: _ranged(each, ranges.get(key)) for key, each in declared.items()})


def shipped_profile(profile: str) -> Values | None:
    """The values of a native profile that ships, by its id; None where there is none of that id."""
    for entry in sorted(resources.files("device_profiles").joinpath("restock").iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".yaml"):
            found, values = parse_profile(entry.read_text(encoding="utf-8"), name=entry.name)
            if found == profile:
                return values
    return None


def _value(found: Mapping[str, Any]) -> Declared:
    kind = found["type"]
    if kind not in _TYPES:
        raise ValueError(f"type {kind!r}")
    return Declared(type=kind, unit=str(found.get("unit", "")))


def _ranges(signals: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[float, float, str]]:
    """Range and unit by the name of the value, where every signal on it is plain; the narrowest one counts."""
    found: dict[str, tuple[float, float, str]] = {}
    for signal in signals.values():
        parts = str(signal.get("select", "")).split("/")
        if parts[:2] != ["", "values"] or parts[3:] != ["value"] or not _is_plain(signal):
            continue
        low, high = (float(bound) for bound in signal["range"])
        known = found.get(parts[2], (low, high, ""))
        found[parts[2]] = (max(low, known[0]), min(high, known[1]), signal["unit"]["canonical"])
    return found


def _is_plain(signal: Mapping[str, Any]) -> bool:
    unit = signal.get("unit")
    return (
        signal.get("parse") == "number"
        and "range" in signal
        and isinstance(unit, Mapping)
        and set(unit) == {"canonical"}
        and not any(signal.get(part) for part in ("guard", "transform", "sentinels"))
    )


def _ranged(declared: Declared, found: tuple[float, float, str] | None) -> Declared:
    if found is None or found[2] != declared.unit or declared.type != "number":
        return declared
    return Declared(declared.type, declared.unit, low=found[0], high=found[1])
