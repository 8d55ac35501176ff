"""Sample payloads from files to a drafted profile, and what is still to be answered in one.

The draft itself is made in `core.drafting.draft`. A file that holds a TODO is refused by the loader like any wrong
value; this module says which are left, with line and question, and what a sample gives once only that is left to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from edge_agent.adapters.profile_faults import first_fault
from edge_agent.adapters.profile_tools import sample_problems
from edge_agent.adapters.profiles import load_profiles, shipped_profiles
from edge_agent.adapters.sample_runs import run_sample
from edge_agent.adapters.strict_yaml import StrictYamlError, load_yaml, locate
from edge_agent.adapters.unanswered import question, todos
from edge_agent.core.decoding.payload import Tree
from edge_agent.core.drafting.draft import Draft, Format, draft
from edge_agent.core.drafting.text import TODO
from edge_agent.core.drafting.yaml import scalar
from edge_agent.core.messages import Decoded, Presence, Quarantined, Reading
from edge_agent.core.profile import Profile, Sample
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError

_FILE_BYTES_MAX = 262_144
_SAMPLE_BYTES_MAX = 65_536
_FILES_MAX = 2_000


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
    except FileExistsError as exc:
        raise ConfigurationError(
            f"{path}: is there already, and what was answered in it would be lost. To draft again, delete it first; "
            "two drafts of one device are refused, so do not keep both"
        ) from exc
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


def is_shipped(folder: Path) -> bool:
    """Whether it is the folder of profiles that comes with Restock."""
    return folder.resolve() == Path(str(shipped_profiles())).resolve()


def _clashes(folder: Path) -> tuple[str, ...]:
    """What a hub would refuse of a folder that is sound by itself, beside the profiles that ship."""
    if is_shipped(folder):
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
    places = todos(tree)
    only_samples = places and all(place[0] == "samples" and place[-1] == "expect" for place in places)
    if not only_samples:
        return [f"{file}: {question(place, text)}" for place in places]
    try:
        profile = Profile.model_validate_json(json.dumps(_with_samples(tree, lambda sample: sample | {"expect": {}})))
        Registry([profile])
    except ValidationError as exc:
        return [f"{file}: {first_fault(exc, text, tree)}"]
    except ProfileError as exc:
        return [f"{file}: {exc}"]
    return [
        *(f"{file}: {_proposal(place, profile, text)}" for place in places),
        *_answered_wrong(text, tree, file=file),
    ]


def _answered_wrong(text: bytes, tree: dict[str, Any], *, file: str) -> list[str]:
    """What is wrong with the samples that are answered already, while others wait."""
    answered = {each.get("name") for each in tree["samples"] if each.get("expect") != TODO}
    try:
        profile = Profile.model_validate_json(
            json.dumps(_with_samples(tree, lambda each: each | {"expect": {}} if each.get("expect") == TODO else each))
        )
    except ValidationError as exc:
        return [f"{file}: {first_fault(exc, text, tree)}"]
    done = profile.model_copy(update={"samples": tuple(each for each in profile.samples if each.name in answered)})
    return [f"{file}: {each}" for each in sample_problems(done)]


def _with_samples(tree: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The file with each sample that expects something changed."""
    return tree | {"samples": [change(each) if "expect" in each else each for each in tree["samples"]]}


def _proposal(place: tuple[str | int, ...], profile: Profile, text: bytes) -> str:
    """What the sample gives now, as lines to copy; whether it is right only a person can say."""
    sample = profile.samples[int(place[1])]
    rows = "\n".join(f"    {row}" for row in _given(profile, sample))
    said = f"{locate(text, place).partition(',')[0]}: {'.'.join(map(str, place))}: {TODO}: this is what comes out now."
    return f"{said} Compare it with the device; if it is right, put it there:\n{rows}"


def _given(profile: Profile, sample: Sample) -> list[str]:
    ran = run_sample(profile, sample)
    if isinstance(ran.outcome, Quarantined):
        return [f"quarantine: {ran.outcome.reason} # {ran.outcome.detail}"]
    if not isinstance(ran.outcome, Decoded):
        return ["# nothing: the message is no reading"]
    whys = {name: f" # {why}" for name, why in ran.why.items()}
    return ["expect:", *(f"  {each.signal}: {_expected(each)}{whys.get(each.signal, '')}" for each in ran.told)]


def _expected(reading: Reading) -> str:
    if reading.presence is not Presence.VALUE or reading.value is None:
        return str(reading.presence)
    value = reading.value
    if isinstance(value, float):
        value = float(f"{value:.12g}")  # 18.4, for what a step of `transform` made 18.400000000000002
        value = int(value) if value.is_integer() and abs(value) < 1e15 else value
    unit = f", unit: {scalar(reading.unit)}" if reading.unit else ""
    return f"{{value: {scalar(value)}{unit}}}"
