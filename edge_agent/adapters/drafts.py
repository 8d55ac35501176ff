"""Sample payloads from files to a drafted profile, and what is still to be answered in one.

The draft itself is made in `core.drafting.draft`. A file that holds a TODO is refused by the loader like any wrong
value; this module says which are left, with line and question, and what a sample gives once only that is left to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from edge_agent.adapters.profile_faults import first_fault
from edge_agent.adapters.profile_tools import body_of, topic_of
from edge_agent.adapters.profiles import load_profiles, shipped_profiles
from edge_agent.adapters.strict_yaml import StrictYamlError, load_yaml, locate
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.drafting.draft import Draft, Format, draft
from edge_agent.core.drafting.text import TODO
from edge_agent.core.drafting.yaml import scalar
from edge_agent.core.messages import Birth, Decoded, DeviceId, Presence, Quarantined, RawMessage, Reading
from edge_agent.core.profile import Profile, Sample
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError

_FILE_BYTES_MAX = 262_144
_SAMPLE_BYTES_MAX = 65_536
_FILES_MAX = 2_000
_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)  # the instant of every sample


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A file with TODOs. `lines` are for a person: one for each TODO, or what stands against the file without them."""

    file: str
    lines: tuple[str, ...]


def new_profile(files: Sequence[Path], *, topic: str, form: str | None, signals: Sequence[str]) -> Draft:
    """A draft from sample payloads, one a file.

    Raises: ConfigurationError when a file cannot be read; DraftError when nothing can be made of it.
    """
    payloads = [_payload(file) for file in files]
    return draft(payloads, topic=topic, encode=_encode, form=cast("Format | None", form), signals=signals)


def save(drafted: Draft, path: Path) -> None:
    """Write the draft where nothing stands yet, with the folders around it.

    Raises: ConfigurationError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(drafted.text)
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be written ({exc.strerror}); give another --out") from exc


def with_questions(problems: Sequence[str], *, folder: Path | None) -> tuple[str, ...]:
    """What `profiles check` says of a folder: for a draft, what is left to answer in place of its first fault."""
    if folder is None:
        return tuple(problems)
    drafted = unfinished(folder)
    todo = tuple(f"{one.file}: " for one in drafted)
    others = [each for each in problems if not each.startswith(todo)]
    return (*others, *(line for one in drafted for line in one.lines)) or _clashes(folder)


def _clashes(folder: Path) -> tuple[str, ...]:
    """What a hub would refuse of a folder that is sound by itself, beside the profiles that ship."""
    if folder.resolve() == Path(str(shipped_profiles())).resolve():
        return ()
    beside = load_profiles((shipped_profiles(), folder), samples=False)
    return tuple(str(each) for each in beside.refused if str(each).startswith(f"{folder}/"))


def unfinished(folder: Path) -> tuple[Unfinished, ...]:
    """Every profile file below the folder that holds a TODO."""
    found = []
    for path in sorted(folder.rglob("*.yaml"))[:_FILES_MAX]:
        with suppress(OSError, StrictYamlError):
            text = path.read_bytes()[: _FILE_BYTES_MAX + 1]
            if TODO.encode() in text and len(text) <= _FILE_BYTES_MAX:
                lines = _left(text, load_yaml(text), file=str(path))
                found += [Unfinished(str(path), tuple(lines))] if lines else []
    return tuple(found)


def _payload(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            payload = stream.read(_SAMPLE_BYTES_MAX + 1)
    except OSError as exc:
        raise ConfigurationError(f"{file}: cannot be read ({exc.strerror})") from exc
    if len(payload) > _SAMPLE_BYTES_MAX:
        raise ConfigurationError(f"{file}: larger than {_SAMPLE_BYTES_MAX} bytes: save one message only")
    return payload.removesuffix(b"\n")  # of the shell, or of an editor


def _encode(form: str, tree: Tree) -> bytes:
    """CBOR or MessagePack; both were read before, so what writes them is installed."""
    if form == "cbor":
        import cbor2  # noqa: PLC0415 - an extra of the hub

        return cbor2.dumps(tree)
    import msgpack  # noqa: PLC0415 - an extra of the hub

    return cast("bytes", msgpack.packb(tree))


def _left(text: bytes, tree: Any, *, file: str) -> list[str]:  # noqa: ANN401 - any YAML
    places = list(_todos(tree, ()))
    written = text.decode("utf-8", "replace").splitlines()
    only_samples = places and all(place[0] == "samples" and place[-1] == "expect" for place in places)
    if not only_samples:
        return [f"{file}: {_question(place, text, written)}" for place in places]
    try:
        profile = Profile.model_validate_json(json.dumps(_without_expectations(tree)))
        Registry([profile])
    except ValidationError as exc:
        return [f"{file}: {first_fault(exc, text, tree)}"]
    except ProfileError as exc:
        return [f"{file}: {exc}"]
    return [f"{file}: {_proposal(place, profile, text)}" for place in places]


def _todos(tree: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401
    """Where a TODO stands, as a value or as the beginning of a key."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key.startswith(TODO):
                yield (*place, key)
            yield from _todos(value, (*place, key))
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            yield from _todos(value, (*place, at))
    elif tree == TODO:
        yield place


def _question(place: tuple[str | int, ...], text: bytes, written: Sequence[str]) -> str:
    """Line, place, and what the draft asked there, as far as its comment still stands."""
    key = place[-1]
    if isinstance(key, str) and key.startswith(TODO):
        number = next((at for at, line in enumerate(written, 1) if line.lstrip().startswith(f"{key}:")), 0)
    else:
        number = int(locate(text, place).partition(",")[0].removeprefix("line ") or 0)
    asked = written[number - 1].partition(" # ")[2] if 0 < number <= len(written) else ""
    where = ".".join(str(step) for step in place)
    return f"line {number}: {where}: {TODO}{f': {asked}' if asked else ''}"


def _without_expectations(tree: dict[str, Any]) -> dict[str, Any]:
    samples = [each | {"expect": {}} if each.get("expect") == TODO else each for each in tree["samples"]]
    return tree | {"samples": samples}


def _proposal(place: tuple[str | int, ...], profile: Profile, text: bytes) -> str:
    """What the sample gives now, as lines to copy; whether it is right only a person can say."""
    sample = profile.samples[int(place[1])]
    rows = "\n".join(f"    {row}" for row in _given(profile, sample))
    said = f"{locate(text, place).partition(',')[0]}: {'.'.join(map(str, place))}: {TODO}: this is what comes out now."
    return f"{said} Compare it with the device; if it is right, put it there:\n{rows}"


def _given(profile: Profile, sample: Sample) -> list[str]:
    birth = Birth(DeviceId("sample"), profile.profile, "sample", "boot-1", _AT)
    decoder = Decoder(Registry([profile]), home="sample", limits=Limits(), birth_of=lambda _: birth)
    for message in (sample, *sample.then):
        topic = message.topic or sample.topic or topic_of(profile)
        raw = RawMessage(topic, body_of(message), retained=False, duplicate=False, received_at=_AT, receipt=0)
        outcome = decoder.decode(raw, now=_AT)
    if isinstance(outcome, Quarantined):
        return [f"quarantine: {outcome.reason} # {outcome.detail}"]
    if not isinstance(outcome, Decoded):
        return ["# nothing: the message is no reading"]
    rows = [f"  {reading.signal}: {_expected(reading)}" for reading in outcome.readings]
    return ["expect:", *rows, *(f"  # {fault}" for fault in outcome.faults)]


def _expected(reading: Reading) -> str:
    if reading.presence is not Presence.VALUE or reading.value is None:
        return str(reading.presence)
    value = reading.value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    unit = f", unit: {scalar(reading.unit)}" if reading.unit else ""
    return f"{{value: {scalar(value)}{unit}}}"
