"""Decoding and validating with the right profile among 200, against `orjson.loads` and pydantic alone, in the same run.

The messages are the samples of the shipped profiles that are 0.2 to 3 kB long and are understood; each is decoded by
the same `Decoder` that the hub runs. Beside it, block by block, so that a busy machine hits all three alike:
`orjson.loads`, which checks nothing, and a pydantic model made from the structure of that very message. Profiles that
change nothing but their name and topic fill the registry up to 200. Times are processor time of the thread, less what
reading that clock takes; of each message the median, and of those the median. Also: how long the look-up of a new topic
takes with the shipped profiles and with 200, how long 200 files take to load, and how much memory; a profile is made
ready when its first device is heard, so that both are also given for all in use. All of it five times over.

    python -m tests.bench.decode [--calls 100]

Prints its figures as lines of JSON (`tests.bench.figures`), and a table on standard error.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml
from pydantic import ConfigDict, Field, TypeAdapter, create_model

from edge_agent.adapters.profiles import load_profiles, profile_folders, shipped_profiles
from edge_agent.adapters.sample_runs import body_of, topic_of
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.messages import Birth, Decoded, DeviceId, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from tests.bench.figures import Figure, tell

_PROFILES = 200
_SIZES = (200, 3_072)
_BLOCK = 25  # calls in a row, as messages come in a row; each is timed alone
_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_HOME = "sample"
_ROUNDS = 5
_LOADED = {
    "s": ("cpu", "s"),
    "mb": ("resident", "MB"),
    "all_in_use_s": ("all_in_use_cpu", "s"),
    "all_in_use_mb": ("all_in_use_resident", "MB"),
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One message: what is sent, and what checks exactly its structure."""

    profile: str
    message: RawMessage
    validate: Callable[[bytes], object]


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--calls", type=int, default=100, help="of each message in each of five rounds (default 100)"
    )
    calls = arguments.parse_args().calls
    shipped = load_profiles(profile_folders()).registry.profiles()
    registry = Registry(_filled(shipped))
    cases = _cases(shipped, registry)
    rounds = [[_row(case, registry, calls=calls) for case in cases] for _ in range(_ROUNDS)]
    _table(rounds[-1])
    tell(*_of_messages(rounds, profiles=len(registry.profiles())))
    for count in (len(shipped), _PROFILES):
        looked_up_us = [_lookup_us(Registry(_filled(shipped)[:count]), cases) for _ in range(_ROUNDS)]
        tell(Figure("decode", f"new_topic_among_{count}", "us", looked_up_us))
    tell(*_of_loading([_load_cost() for _ in range(_ROUNDS)]))
    return 0


def _of_messages(rounds: Sequence[Sequence[Row]], *, profiles: int) -> Iterator[Figure]:
    more = {"messages": len(rounds[0]), "profiles": profiles}
    for side in ("ours", "orjson", "pydantic"):
        medians = [statistics.median(row[f"{side}_us"] for row in rows) for rows in rounds]
        yield Figure("decode", f"{side}_cpu", "us", medians, more=more)
    yield Figure(
        "decode", "ours_slowest_cpu", "us", [max(row["ours_us"] for row in rows) for rows in rounds], more=more
    )
    for other, against in {
        "orjson": "orjson.loads, which checks nothing",
        "pydantic": "a model of that message",
    }.items():
        ratios = [statistics.median(row["ours_us"] / row[f"{other}_us"] for row in rows) for rows in rounds]
        yield Figure("decode", f"cpu_of_{other}", "ratio", ratios, against=against, more=more)


def _of_loading(rounds: Sequence[dict[str, dict[str, float]]]) -> Iterator[Figure]:
    for when in ("first", "cached"):
        for key, (name, unit) in _LOADED.items():
            values = [each[when][key] for each in rounds]
            yield Figure("decode", f"load_{when}_{name}", unit, values, more={"profiles": _PROFILES})


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


def _row(case: Case, registry: Registry, *, calls: int) -> Row:
    birth = Birth(DeviceId("sample"), case.profile, "1", "boot-1", _NOW)
    decoder = Decoder(registry, home=_HOME, limits=Limits(), birth_of=lambda _: birth)
    payload = case.message.payload
    sides: dict[str, Callable[[], object]] = {
        "ours_us": lambda: decoder.decode(case.message, now=_NOW),
        "orjson_us": lambda: orjson.loads(payload),
        "pydantic_us": lambda: case.validate(payload),
    }
    times: dict[str, list[int]] = {name: [] for name in [*sides, "nothing"]}
    for _ in range(-(-calls // _BLOCK)):
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


def _model(tree: object) -> Callable[[bytes], object]:
    found = _type_of(tree, "Message")
    if isinstance(tree, dict):
        return found.model_validate_json  # type: ignore[no-any-return]
    return TypeAdapter(found, config=ConfigDict(strict=True)).validate_json


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
report = {"s": round(took, 3), "mb": round((kib() - before) * 1024 / 1e6, 1), "n": len(loaded.registry.profiles())}
readers = [reader(profile) for profile in loaded.registry.profiles()]
took, mb = time.process_time() - begun, (kib() - before) * 1024 / 1e6
print(json.dumps(report | {"all_in_use_s": round(took, 3), "all_in_use_mb": round(mb, 1)}))
"""


def _load_cost() -> dict[str, dict[str, float]]:
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


def _table(rows: Sequence[Row]) -> None:
    for row in sorted(rows, key=lambda each: each["bytes"]):
        times = "  ".join(f"{name.removesuffix('_us')} {row[name]:7.2f}" for name in row if name.endswith("_us"))
        sys.stderr.write(f"{row['profile']:36} {row['bytes']:5} bytes  {times}\n")


if __name__ == "__main__":
    sys.exit(main())
