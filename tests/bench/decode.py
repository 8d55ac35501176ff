"""Decoding and validating with the right profile among 200, against `orjson.loads` and pydantic alone, in the same run.

The messages are the samples of the shipped profiles that are 0.2 to 3 kB long and are understood; each is decoded by
the same `Decoder` that the hub runs. Beside it, block by block, so that a busy machine hits all three alike:
`orjson.loads`, which checks nothing, and a pydantic model made from the structure of that very message. Profiles that
change nothing but their name and topic fill the registry up to 200. Times are processor time of the thread, less what
reading that clock takes; of each message the median, and of those the median. Also: how long the look-up of a new topic
takes with the shipped profiles and with 200, how long 200 files take to load, and how much memory; a profile is made
ready when its first device is heard, so that both are also given for all in use.

    python -m tests.bench.decode [--rounds 400]

Prints one JSON object on standard output, and a table on standard error.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, create_model

from edge_agent.adapters.profiles import load_profiles, profile_folders, shipped_profiles
from edge_agent.adapters.sample_runs import body_of, topic_of
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import Birth, Decoded, DeviceId, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry

_PROFILES = 200
_SIZES = (200, 3_072)
_BLOCK = 25  # calls in a row, as messages come in a row; each is timed alone
_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_HOME = "sample"


@dataclass(frozen=True, slots=True)
class Case:
    """One message: what is sent, and a model of exactly its structure."""

    profile: str
    message: RawMessage
    model: type[BaseModel] | None


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=400)
    rounds = arguments.parse_args().rounds
    shipped = load_profiles(profile_folders()).registry.profiles()
    registry = Registry(_filled(shipped))
    cases = _cases(shipped, registry)
    rows = [_row(case, registry, rounds=rounds) for case in cases]
    small = [_lookup_us(Registry(_filled(shipped)[:count]), cases) for count in (len(shipped), _PROFILES)]
    report = {
        "messages": len(rows),
        "profiles": len(registry.profiles()),
        "ours_us_median": _middle(rows, "ours_us"),
        "orjson_us_median": _middle(rows, "orjson_us"),
        "pydantic_us_median": _middle(rows, "pydantic_us"),
        "ratio_to_orjson": round(statistics.median(row["ours_us"] / row["orjson_us"] for row in rows), 2),
        "ratio_to_pydantic": round(statistics.median(row["ours_us"] / row["pydantic_us"] for row in rows), 2),
        "slowest_us": max(row["ours_us"] for row in rows),
        "topic_lookup_us": {str(count): each for count, each in zip((len(shipped), _PROFILES), small, strict=True)},
        "load": _load_cost(),
    }
    _table(rows, report)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


def _middle(rows: Sequence[dict[str, Any]], name: str) -> float:
    return round(statistics.median(row[name] for row in rows), 2)


def _filled(shipped: Sequence[Profile]) -> list[Profile]:
    """The shipped profiles, and copies of them under other names and topics up to 200."""
    foreign = [each for each in shipped if each.match.patterns]
    more = (_renamed(foreign[number % len(foreign)], number) for number in range(_PROFILES - len(shipped)))
    return [*shipped, *more]


def _renamed(profile: Profile, number: int) -> Profile:
    match = profile.match.model_copy(
        update={"topics": tuple(f"$more{number}/{each}" for each in profile.match.patterns), "topic": None}
    )
    fresh = type(match).model_validate(match.model_dump(exclude_unset=True, by_alias=True) | {"topics": match.topics})
    return profile.model_copy(update={"profile": f"more.copy_{number}", "match": fresh})


def _cases(shipped: Sequence[Profile], registry: Registry) -> list[Case]:
    cases = []
    for profile in shipped:
        decoder = _decoder(registry, profile)
        for sample in profile.samples:
            body = body_of(sample)
            message = RawMessage(
                sample.topic or topic_of(profile), body, retained=False, duplicate=False, received_at=_NOW, receipt=0
            )
            is_right = isinstance(decoder.decode(message, now=_NOW), Decoded) and profile.decode.format == "json"
            if is_right and _SIZES[0] <= len(body) <= _SIZES[1]:
                cases.append(Case(profile.profile, message, _model(orjson.loads(body))))
    return cases


def _decoder(registry: Registry, profile: Profile) -> Decoder:
    birth = Birth(DeviceId("sample"), profile.profile, "1", "boot-1", _NOW)
    return Decoder(registry, home=_HOME, limits=Limits(), birth_of=lambda _: birth)


def _row(case: Case, registry: Registry, *, rounds: int) -> dict[str, Any]:
    birth = Birth(DeviceId("sample"), case.profile, "1", "boot-1", _NOW)
    decoder = Decoder(registry, home=_HOME, limits=Limits(), birth_of=lambda _: birth)
    payload, model = case.message.payload, case.model
    sides: dict[str, Callable[[], object]] = {
        "ours_us": lambda: decoder.decode(case.message, now=_NOW),
        "orjson_us": lambda: orjson.loads(payload),
        "pydantic_us": lambda: model.model_validate_json(payload) if model else None,
    }
    times: dict[str, list[int]] = {name: [] for name in [*sides, "nothing"]}
    for _ in range(-(-rounds // _BLOCK)):
        for name, call in [*sides.items(), ("nothing", lambda: None)]:
            for _ in range(_BLOCK):
                begun = time.thread_time_ns()
                call()
                times[name].append(time.thread_time_ns() - begun)
    clock_ns = statistics.median(times.pop("nothing"))
    return {
        "profile": case.profile,
        "bytes": len(payload),
        **{name: round((statistics.median(each) - clock_ns) / 1_000, 2) for name, each in times.items()},
    }


def _model(tree: object) -> type[BaseModel] | None:
    return _type_of(tree, "Message") if isinstance(tree, dict) else None


def _type_of(tree: object, name: str) -> Any:  # noqa: ANN401 - a type that is made from a value
    """A strict type of exactly this structure."""
    if isinstance(tree, dict):
        fields: dict[str, Any] = {
            f"field_{place}": (_type_of(value, f"{name}_{place}"), Field(alias=key))
            for place, (key, value) in enumerate(tree.items())
        }
        return create_model(name, __config__=ConfigDict(strict=True), **fields)
    if isinstance(tree, list):
        return tuple[tuple(_type_of(each, f"{name}_{place}") for place, each in enumerate(tree))] if tree else list[Any]
    return type(tree) if tree is not None else None


def _lookup_us(registry: Registry, cases: Sequence[Case]) -> float:
    """A topic that was never seen, found among all patterns."""
    times = []
    for case in list(cases) * 20:
        registry.forget_topics()
        begun = time.thread_time_ns()
        registry.candidates(case.message.topic)
        times.append((time.thread_time_ns() - begun) / 1_000)
    return round(statistics.median(times), 2)


_LOADER = """
import json, resource, sys, time
from pathlib import Path
import edge_agent.adapters.profiles as profiles
from edge_agent.core.decoding.extract import reader
def kib():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
before, begun = kib(), time.process_time()
loaded = profiles.load_profiles([Path(sys.argv[1])], cache=Path(sys.argv[2]))
took = time.process_time() - begun
for refusal in loaded.refused:
    print(refusal, file=sys.stderr)
report = {"s": round(took, 3), "mb": round((kib() - before) / 1024, 1), "n": len(loaded.registry.profiles())}
readers = [reader(profile) for profile in loaded.registry.profiles()]
took, mb = time.process_time() - begun, (kib() - before) / 1024
print(json.dumps(report | {"all_in_use_s": round(took, 3), "all_in_use_mb": round(mb, 1)}))
"""


def _load_cost() -> dict[str, Any]:
    """200 files in a folder, read by a fresh process: the first time, and with the compiled cache."""
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "profiles", Path(name) / "profiles.cache"
        folder.mkdir()
        _write_copies(folder)
        command = [sys.executable, "-c", _LOADER, str(folder), str(cache)]
        runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in "123"]
    return {"first": runs[0], "cached": runs[-1]}


def _write_copies(folder: Path) -> None:
    """Files of the shipped profiles, under other names and topics, as long as they are."""
    files = [each.read_bytes() for each in sorted(Path(str(shipped_profiles())).rglob("*.yaml"))]
    files = [each for each in files if b"83e9" not in each]  # which this writer would leave without quotes
    for number in range(_PROFILES):
        tree = load_yaml(files[number % len(files)])
        tree["profile"] = f"more.copy_{number}"
        match = tree["match"]
        patterns = match.pop("topics", None) or [each for each in [match.pop("topic", None)] if each]
        if patterns:
            match["topics"] = [f"$more{number}/{each}" for each in patterns]
        for sample in tree["samples"]:
            if "topic" in sample:
                sample["topic"] = f"$more{number}/{sample['topic']}"
        (folder / f"{number:03}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")


def _table(rows: Sequence[dict[str, Any]], report: dict[str, Any]) -> None:
    for row in sorted(rows, key=lambda each: each["bytes"]):
        times = "  ".join(f"{name.removesuffix('_us')} {row[name]:7.2f}" for name in row if name.endswith("_us"))
        sys.stderr.write(f"{row['profile']:36} {row['bytes']:5} bytes  {times}\n")
    sys.stderr.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
