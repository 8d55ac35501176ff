"""What a person or a script asks about profiles: whether they are sound, and what they make of given files."""

from __future__ import annotations

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
from edge_agent.adapters.sample_runs import HOME, Run, Unread, run_sample, unread
from edge_agent.core.decode import Decoder, Limits, Outcome
from edge_agent.core.decoding.payload import TreeLimits, parse_json
from edge_agent.core.messages import (
    Birth,
    Decoded,
    Presence,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
)
from edge_agent.core.profile import Expected, Profile, Sample
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, DecodeError, ProfileError

_FILE_BYTES_MAX = 1_048_576
_RECORDED = TreeLimits(nodes_max=_FILE_BYTES_MAX)  # what is inside is held to the limits of a message later
_REFUSED_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `profiles check` found. `problems` names file, field or sample; empty when all is sound.

    `doubts` are of signals that were found, and never had a value.
    """

    profiles: tuple[str, ...]
    samples: int
    problems: tuple[str, ...]
    doubts: tuple[str, ...] = ()


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    file: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    topic: Annotated[str, StringConstraints(min_length=1, max_length=65_535)]


def check_profiles(folders: Sequence[Traversable], *, every_signal: bool = False) -> CheckReport:
    """Load every profile and run every sample in it.

    With `every_signal`, each must have been read in some sample: for profiles of a device that somebody has. Those
    that ship are for families of models, and some have parts that no sample shows.
    Raises: ConfigurationError when a folder cannot be read.
    """
    loaded = load_profiles(folders)
    profiles = loaded.registry.profiles()
    problems, doubts = [str(refusal) for refusal in loaded.refused], list[str]()
    for profile in profiles:
        runs = [run_sample(profile, sample) for sample in profile.samples]
        problems += _broken(profile, runs)
        never = unread(profile, runs)
        problems += [_never(profile, one) for one in never if _is_blind(one, never, profile, every_signal=every_signal)]
        doubts += [_doubt(profile, one) for one in never if one.found and every_signal]
    return CheckReport(
        profiles=tuple(profile.profile for profile in profiles),
        samples=sum(len(profile.samples) for profile in profiles),
        problems=tuple(problems),
        doubts=tuple(doubts),
    )


def sample_problems(profile: Profile) -> list[str]:
    """Every sample that does not give what it promises; empty when all do."""
    return _broken(profile, [run_sample(profile, sample) for sample in profile.samples])


def _broken(profile: Profile, runs: Sequence[Run]) -> list[str]:
    return [
        f"{profile.profile}: sample {sample.name!r}: {problem}"
        for sample, ran in zip(profile.samples, runs, strict=True)
        if (problem := _sample_problem(sample, ran))
    ]


def _is_blind(one: Unread, never: Sequence[Unread], profile: Profile, *, every_signal: bool) -> bool:
    """Whether nothing shows that the signal can be read; whatever the folder, where it is so with all of a profile."""
    if one.taken_out or len(never) == len(profile.signals):
        return not one.found
    return every_signal and not one.found


def _never(profile: Profile, one: Unread) -> str:
    remedy = (
        "put a message there in which it is not private, or delete the signal"
        if one.taken_out
        else "correct its place, add a sample in which it has a value, or delete it"
    )
    return f"{profile.profile}: {one.signal}: no sample shows it with a value ({one.why}): {remedy}"


def _doubt(profile: Profile, one: Unread) -> str:
    return (
        f"{profile.profile}: {one.signal}: to be sure, add a sample in which it has a value; it is unknown in each "
        f"({one.why})"
    )


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


def _sample_problem(sample: Sample, ran: Run) -> str:
    match ran.outcome:
        case Decoded():
            if sample.quarantine is not None:
                return f"should be kept apart as {sample.quarantine}, was understood"
            return _difference(sample.expect or {}, ran)
        case Quarantined(reason=reason, detail=detail):
            return "" if reason is sample.quarantine else f"was kept apart: {reason}: {detail}"
        case Birth() | PresenceChange():
            return "is no reading"
        case _:
            assert_never(ran.outcome)


def _difference(expected: dict[str, Expected | Any], ran: Run) -> str:
    got = {
        reading.signal: (reading.value, reading.unit) if reading.presence is Presence.VALUE else str(reading.presence)
        for reading in ran.told
    }
    wanted = {name: (each.value, each.unit) if isinstance(each, Expected) else each for name, each in expected.items()}
    wrong = sorted(name for name in got.keys() | wanted.keys() if not _alike(got.get(name), wanted.get(name)))
    whys = {name: f" ({ran.why[name]})" for name in wrong if name in ran.why}
    return "; ".join(
        f"{name} wants {_read_out(wanted.get(name))}, got {_read_out(got.get(name))}{whys.get(name, '')}"
        for name in wrong
    )


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
    decoder = Decoder(registry, home=HOME, limits=Limits(), birth_of=lambda _: None, explains_every_s=0.0)
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
        "signals": [
            _signal(reading, profile, why=why.get(reading.signal))
            for reading in (*outcome.readings, *outcome.in_passing)
        ],
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
