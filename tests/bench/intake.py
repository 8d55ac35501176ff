"""The hub's whole intake against a bare paho subscriber: same Mosquitto, same messages, same run.

The whole intake: decode, profile, validate, commit (SQLite, `synchronous=FULL`), the estimate's update, PUBACK after
the commit, and the word to the device. The hub is a process of its own, as a household starts it; for each round it is
started anew on the store of the round before, warmed up, and left alone until it is quiet. Rounds alternate. What the
estimates take after the burst is in the processor time.

`native`: readings of Restock-native scales (`restock/v1/home/<scale>/reading`, some 155 bytes, each scale with an
item), from the first packet until every scale was told that its last reading is stored without a gap. The bare
subscriber (`tests.bench.bare`) counts, from the same packet until it has the last.

`foreign`: `mqtt/mqblast.c` of the folder of baselines (200 devices below `home/`, 199 bytes each), which the hub reads
by a profile of this file, against `mqtt/sub.py paho none` of that folder, both as they stand. There is no sequence
number in it, so nobody is told; a scale's reading that is sent behind them is, and with that the hub's time ends.

`rss_growth`: how much larger the hub is at its largest in a burst of native readings than before it.

    python -m tests.bench.intake [--rounds 5] [--messages 20000] [--scales 40] [--burst 100000] [--baselines FOLDER]

Prints lines of JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.burst import Acknowledged, forget_session, listening, packets, publish
from tests.bench.figures import Bar, Figure, machine, tell
from tests.bench.scales import HUB_CLIENT, Hub, Scales, set_up_home, started, wait_for_pages
from tests.conftest import SESSIONS_IN_MEMORY, mosquitto

_ROOT = Path(__file__).parents[2]
_BASELINES = _ROOT.parent / "shared" / "benchmark"
_WARM_UP = 2_000
_WINDOW = 500
_LOOK_EVERY_S = 0.1
_SUBSCRIBED_AFTER_S = 1.0  # a subscriber that does not say when it is ready
_RATE = Bar("at_least", 0.6, goal=0.8)
_CPU = Bar("at_most", 0.035, goal=0.025)
_GROWTH = Bar("at_most", 10.0)
_PROFILE = """
profile: bench.blast
version: 1
title: A scale of mqblast
source: The folder of baselines
match: {topics: ['home/+/{device}/telemetry'], require: [{path: /sensor, eq: weight}]}
decode: {format: json}
signals:
  weight:
    select: /value
    guard: [{path: /quality, eq: good}]
    parse: number
    unit: {canonical: g}
    range: [0, 500000]
    class: level
    direction: down
  battery: {select: /battery, parse: number, unit: {canonical: '%'}, range: [0, 100], class: setting, direction: none}
consumables: {content: {model: level, signal: weight, degradation: down}}
samples:
  - name: at rest
    topic: home/h001/dev-0001/telemetry
    payload: {sensor: weight, value: 2310.5, quality: good, battery: 64}
    expect: {weight: {value: 2310.5, unit: g}, battery: {value: 64, unit: '%'}}
"""


@dataclass(frozen=True, slots=True)
class Took:
    """One side of one round."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rounds share: the broker's port, the hub's configuration, the devices, and what they were told."""

    port: int
    settings: Path
    scales: Scales
    told: Acknowledged
    messages: int


def main() -> None:
    """Measure and print."""
    given = _arguments()
    scales = Scales(given.scales)
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name), SESSIONS_IN_MEMORY) as broker:
        port = broker.port
        folder = Path(name)
        (folder / "profiles").mkdir()
        (folder / "profiles" / "blast.yaml").write_text(_PROFILE, encoding="utf-8")
        settings = set_up_home(folder, port, scales, profiles=folder / "profiles")
        publish(port, packets(scales.births(), retain=True))
        with listening(port) as told:
            bench = Bench(port, settings, scales, told, given.messages)
            _compare("native", bench, _bare_native, partial(_publish_native, bench), rounds=given.rounds)
            blast = _built(given.baselines, folder)
            if blast is None:
                sys.stderr.write("foreign: skipped, since there is no folder of baselines, or no C compiler\n")
            else:
                bare = partial(_bare_foreign, subscriber=given.baselines / "mqtt" / "sub.py", blast=blast)
                _compare("foreign", bench, bare, partial(_publish_foreign, bench, blast), rounds=given.rounds)
            tell(_growth(bench, burst=given.burst))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--scales", type=int, default=40)
    parser.add_argument("--burst", type=int, default=100_000)
    parser.add_argument("--baselines", type=Path, default=_BASELINES)
    return parser.parse_args()


def _compare(
    name: str, bench: Bench, bare: Callable[[Bench], Took], prepare: Callable[[], Callable[[], float]], *, rounds: int
) -> None:
    """Both sides in turn, and the figures."""
    pairs = []
    for number in range(rounds):
        pairs.append((bare(bench), _hub_round(bench, prepare)))
        lines = (f"{bench.messages / each.wall_s:.0f}/s, {each.cpu_s:.2f} s of processor" for each in pairs[-1])
        sys.stderr.write(f"{name} {number + 1}: bare {next(lines)}; hub {next(lines)}\n")
    tell(*_figures(name, pairs, messages=bench.messages, scales=bench.scales.count))


# --- the load, and the bare side of it ---


def _bare_native(bench: Bench) -> Took:
    burst = packets(Scales(bench.scales.count).readings(bench.messages))
    program = [
        sys.executable,
        "-m",
        "tests.bench.bare",
        str(bench.port),
        str(bench.messages),
        "restock/v1/home/+/reading",
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        began_s = publish(bench.port, burst)
        said = json.loads(child.stdout.readline())
    return Took(said["ended_s"] - began_s, said["cpu_s"])


def _publish_native(bench: Bench) -> Callable[[], float]:
    burst = packets(bench.scales.readings(bench.messages))
    return lambda: publish(bench.port, burst)


def _bare_foreign(bench: Bench, *, subscriber: Path, blast: Path) -> Took:
    program = [sys.executable, str(subscriber), "paho", "none", str(bench.port), "1", str(bench.messages)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        time.sleep(_SUBSCRIBED_AFTER_S)
        _blast(bench, blast)
        said = json.loads(child.stdout.readline())
    return Took(said["wall"], said["us_cpu"] * said["n"] / 1e6)


def _publish_foreign(bench: Bench, blast: Path) -> Callable[[], float]:
    last = packets(bench.scales.readings(bench.scales.count))

    def publish_all() -> float:
        began_s = _blast(bench, blast)
        publish(bench.port, last)
        return began_s

    return publish_all


def _blast(bench: Bench, blast: Path) -> float:
    began_s = time.monotonic()
    program = [str(blast), "pub", str(bench.port), "1", str(bench.messages), str(_WINDOW), "0", "home"]
    subprocess.run(program, stdout=subprocess.DEVNULL, check=True)
    return began_s


def _built(baselines: Path, folder: Path) -> Path | None:
    source, compiler, program = baselines / "mqtt" / "mqblast.c", shutil.which("cc"), folder / "mqblast"
    if compiler is None or not source.exists():
        return None
    subprocess.run([compiler, "-O2", "-w", "-o", str(program), str(source)], check=True)
    return program


# --- the hub ---


def _hub_round(bench: Bench, prepare: Callable[[], Callable[[], float]]) -> Took:
    with started(bench.settings) as hub:
        _warm_up(hub, bench)
        send, before_s = prepare(), hub.wait_until_quiet()
        began_s = send()
        ended_s = bench.told.wait_for(bench.scales.seq)
        cpu_s = hub.wait_until_quiet() - before_s
    forget_session(bench.port, HUB_CLIENT)
    return Took(ended_s - began_s, cpu_s)


def _warm_up(hub: Hub, bench: Bench) -> None:
    wait_for_pages(hub)
    publish(bench.port, packets(bench.scales.readings(_WARM_UP)))
    bench.told.wait_for(bench.scales.seq)


def _growth(bench: Bench, *, burst: int) -> Figure:
    """How much larger the hub is at its largest in a burst than before it."""
    seen_mb, is_over = [0.0] * 0, threading.Event()
    with started(bench.settings) as hub:
        _warm_up(hub, bench)
        load = packets(bench.scales.readings(burst))
        hub.wait_until_quiet()
        before_mb = hub.rss_mb()

        def look() -> None:
            while not is_over.wait(_LOOK_EVERY_S):
                seen_mb.append(hub.rss_mb())

        looking = threading.Thread(target=look)
        looking.start()
        publish(bench.port, load)
        bench.told.wait_for(bench.scales.seq)
        hub.wait_until_quiet()
        is_over.set()
        looking.join()
    more = {"messages": burst, "before_mb": round(before_mb, 1), "after_mb": round(seen_mb[-1], 1)}
    return Figure("intake", "rss_growth", "MB", [max(seen_mb) - before_mb], bar=_GROWTH, more=more)


def _figures(name: str, pairs: Sequence[tuple[Took, Took]], *, messages: int, scales: int) -> list[Figure]:
    bare_s, hub_s = (statistics.median(each[side].wall_s for each in pairs) for side in (0, 1))
    bare_cpu_s, hub_cpu_s = (statistics.median(each[side].cpu_s for each in pairs) for side in (0, 1))
    size = {"messages": messages, "scales": scales}
    rates = {"hub_per_s": round(messages / hub_s), "bare_per_s": round(messages / bare_s)}
    cpu_ratios = [hub.cpu_s / bare.cpu_s for bare, hub in pairs]
    against = "paho that only counts, same broker, same messages"
    return [
        Figure(
            "intake", f"{name}_rate", "ratio", [bare.wall_s / hub.wall_s for bare, hub in pairs], bar=_RATE,
            cpu_s=hub_cpu_s, wall_s=hub_s, against=against, more=size | rates | machine(),
        ),
        Figure(
            "intake", f"{name}_cpu_per_1000", "s", [hub.cpu_s / messages * 1_000 for _, hub in pairs], bar=_CPU,
            more=size | {"bare_cpu_per_1000": round(bare_cpu_s / messages * 1_000, 4)},
        ),
        Figure("intake", f"{name}_cpu", "ratio", cpu_ratios, against=against, more=size),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
