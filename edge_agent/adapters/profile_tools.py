"""What a person or a script asks about profiles: whether they are sound, and what they make of given files."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, assert_never

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from edge_agent.adapters.profiles import load_profiles
from edge_agent.core.decode import Decoder, Limits, Outcome
from edge_agent.core.decoding.payload import TreeLimits, parse_json
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
)
from edge_agent.core.profile import Expected, Message, Profile, Sample
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, DecodeError, ProfileError

_HOME = "sample"
_DEVICE = DeviceId("sample")
_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)  # the instant of every native sample
_FILE_BYTES_MAX = 1_048_576
_RECORDED = TreeLimits(nodes_max=_FILE_BYTES_MAX)  # what is inside is held to the limits of a message later
_REFUSED_SHOWN_MAX = 3
_OPEN = {"{device}": str(_DEVICE), "+": "any", "{key}": "key", "{key+}": "key"}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `profiles check` found. `problems` names file, field or sample; empty when all is sound."""

    profiles: tuple[str, ...]
    samples: int
    problems: tuple[str, ...]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    file: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    topic: Annotated[str, StringConstraints(min_length=1, max_length=65_535)]


def check_profiles(folders: Sequence[Traversable]) -> CheckReport:
    """Load every profile and run every sample in it.

    Raises: ConfigurationError when a folder cannot be read.
    """
    loaded = load_profiles(folders)
    profiles = loaded.registry.profiles()
    problems = [str(refusal) for refusal in loaded.refused]
    for profile in profiles:
        problems.extend(sample_problems(profile))
    return CheckReport(
        profiles=tuple(profile.profile for profile in profiles),
        samples=sum(len(profile.samples) for profile in profiles),
        problems=tuple(problems),
    )


def sample_problems(profile: Profile) -> list[str]:
    """Every sample that does not give what it promises; empty when all do."""
    return [
        f"{profile.profile}: sample {sample.name!r}: {problem}"
        for sample in profile.samples
        if (problem := _sample_problem(profile, sample))
    ]


def decode_manifest(
    manifest: Path, *, registry: Registry, now: datetime, refused: Sequence[ProfileError] = ()
) -> list[dict[str, Any]]:
    """One object a file of the manifest, `[{"file", "topic"}, ...]`: its profile, the reading's time and signals.

    A file is the payload as it came, or `{"topic", "payload"}` as recorders write it: the topic is then the manifest's.
    Each file is taken for the first message of its device, which comes `now`. What has no value says why, and
    what no profile is for names those that were `refused`.
    Raises: ConfigurationError when the manifest or one of its files cannot be read.
    """
    return [_decode_file(entry, registry=registry, now=now, refused=refused) for entry in _entries(manifest)]


def instant(text: str) -> datetime:
    """A time that a person gives.

    Raises: ConfigurationError for one that cannot be read, or has no zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigurationError(f"--at {text[:40]!r}: a time with its zone is needed, such as 2026-01-01T12:00:00Z")
    return at.astimezone(UTC)


def _sample_problem(profile: Profile, sample: Sample) -> str:
    birth = Birth(_DEVICE, profile.profile, "sample", "boot-1", _NOW)
    decoder = Decoder(Registry([profile]), home=_HOME, limits=Limits(), birth_of=lambda _: birth)
    told = {name: Reading(name, Presence.UNKNOWN, None, each.canonical) for name, each in profile.signals.items()}
    for message in (sample, *sample.then):
        topic = message.topic or sample.topic or topic_of(profile)
        outcome = decoder.decode(_message(topic, body_of(message), at=_NOW), now=_NOW)
        told |= {each.signal: each for each in outcome.readings} if isinstance(outcome, Decoded) else {}
    match outcome:
        case Decoded(faults=faults):
            if sample.quarantine is not None:
                return f"should be kept apart as {sample.quarantine}, was understood"
            wrong = _difference(sample.expect or {}, [*told.values()])
            return f"{wrong} ({'; '.join(faults)})" if wrong and faults else wrong
        case Quarantined(reason=reason, detail=detail):
            return "" if reason is sample.quarantine else f"was kept apart: {reason}: {detail}"
        case Birth() | PresenceChange():
            return "is no reading"
        case _:
            assert_never(outcome)


def body_of(message: Message) -> bytes:
    """The bytes that a message of a sample stands for."""
    if message.text is not None:
        return message.text.encode()
    if message.hex is not None:
        return bytes.fromhex(message.hex)
    if message.base64 is not None:
        return base64.b64decode(message.base64, validate=True)
    return json.dumps(message.payload, ensure_ascii=False).encode()


def topic_of(profile: Profile) -> str:
    """A topic that the profile is for: its first pattern, with names of ours."""
    if not profile.match.patterns:
        return f"restock/v1/{_HOME}/{_DEVICE}/reading"
    levels = profile.match.patterns[0].split("/")
    return "/".join(_OPEN.get(level, level) for level in levels)


def _difference(expected: dict[str, Expected | Any], readings: Sequence[Reading]) -> str:
    got = {
        reading.signal: (reading.value, reading.unit) if reading.presence is Presence.VALUE else str(reading.presence)
        for reading in readings
    }
    wanted = {name: (each.value, each.unit) if isinstance(each, Expected) else each for name, each in expected.items()}
    wrong = sorted(name for name in got.keys() | wanted.keys() if not _alike(got.get(name), wanted.get(name)))
    return "; ".join(f"{name} wants {_read_out(wanted.get(name))}, got {_read_out(got.get(name))}" for name in wrong)


def _read_out(told: tuple[float | str | None, str] | str | None) -> str:
    """As a person reads it: `63 %`, `open`, `unknown`; two floats that differ late are told in full."""
    if not isinstance(told, tuple):
        return told or "nothing"
    value, unit = told
    number = f"{value:.15g}" if isinstance(value, float) else str(value)
    return f"{number} {unit}".strip()


def _alike(got: tuple[float | str | None, str] | str | None, wanted: tuple[float | str, str] | str | None) -> bool:
    """The same, up to what a conversion between units rounds."""
    if isinstance(got, tuple) and isinstance(wanted, tuple):
        value, promised = got[0], wanted[0]
        if isinstance(value, float) and isinstance(promised, float):
            return math.isclose(value, promised, rel_tol=1e-9) and got[1] == wanted[1]
    return got == wanted


def _entries(manifest: Path) -> list[_Entry]:
    try:
        return TypeAdapter(list[_Entry]).validate_json(manifest.read_bytes())
    except OSError as exc:
        raise ConfigurationError(f"{manifest}: cannot be read ({exc.strerror})") from exc
    except ValidationError as exc:
        raise ConfigurationError(f'{manifest}: a JSON array of {{"file", "topic"}} is needed') from exc


def _decode_file(
    entry: _Entry, *, registry: Registry, now: datetime, refused: Sequence[ProfileError]
) -> dict[str, Any]:
    decoder = Decoder(registry, home=_HOME, limits=Limits(), birth_of=lambda _: None, explains=True)
    outcome = decoder.decode(_message(entry.topic, _payload_in(Path(entry.file)), at=now), now=now)
    if not isinstance(outcome, Decoded):
        kept = f"{outcome.reason}: {outcome.detail}" if isinstance(outcome, Quarantined) else "no reading"
        return {"file": entry.file, "profile": None, "signals": [], "why": kept + _not_loaded(outcome, refused)}
    profile = registry.by_id(outcome.profile)
    why = dict(each.split(": ", 1) for each in (*outcome.faults, *outcome.untold))
    return {
        "file": entry.file,
        "profile": outcome.profile,
        "at": outcome.event_at.isoformat(),
        "signals": [_signal(reading, profile, why=why.get(reading.signal)) for reading in outcome.readings],
        "suggestions": [each._asdict() for each in outcome.suggestions],
    }


def _not_loaded(outcome: Outcome, refused: Sequence[ProfileError]) -> str:
    """That the profile for it may be among those that were refused."""
    if not refused or not isinstance(outcome, Quarantined):
        return ""
    if outcome.reason is not QuarantineReason.UNKNOWN_DEVICE:
        return ""
    return f"; these profiles were refused and not used: {'; '.join(map(str, refused[:_REFUSED_SHOWN_MAX]))}"


def _payload_in(file: Path) -> bytes:
    """What was published: the whole file, or what a recorder put under `payload`."""
    try:
        with file.open("rb") as stream:
            whole = stream.read(_FILE_BYTES_MAX)
    except OSError as exc:
        raise ConfigurationError(f"{file}: cannot be read ({exc.strerror})") from exc
    try:
        recorded = parse_json(whole, _RECORDED)
    except DecodeError:
        return whole
    if not isinstance(recorded, dict) or recorded.keys() != {"topic", "payload"}:
        return whole
    payload = recorded["payload"]
    return payload.encode() if isinstance(payload, str) else orjson.dumps(payload)


def _signal(reading: Reading, profile: Profile | None, *, why: str | None) -> dict[str, Any]:
    said = {"signal": reading.signal, "status": str(reading.presence)}
    if reading.presence is not Presence.VALUE or profile is None:
        return said if why is None else said | {"why": why}
    direction = profile.signals[reading.signal].direction
    return said | {
        "value": reading.value,
        "unit": reading.unit,
        "direction": None if direction == "none" else str(direction),
    }


def _message(topic: str, payload: bytes, *, at: datetime) -> RawMessage:
    return RawMessage(topic=topic, payload=payload, retained=False, duplicate=False, received_at=at, receipt=0)
