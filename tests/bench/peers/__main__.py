"""Our hub beside other gateways on one stream: `python -m tests.bench.peers [--rounds 5] [--only NAME ...]`.

Node-RED (from npm) and the ThingsBoard IoT gateway (from PyPI) are installed into build/peers once. Each round does to
each gateway, one after the other and the next round in another order: start it, let it idle, give it a burst of 20,000
readings of 200 devices (QoS 1, about 200 bytes of JSON each, the same for all); kill it (`kill -9`) amid 300 readings a
second, 4,200 in all; kill it in a burst; kill ours and ThingsBoard's in a burst with the cloud away from the start.
Each time a Mosquitto of its own keeps what the gateway has not taken: every gateway has a session that outlives it.

What the gateways do differs, so read a ratio with that: ours knows each device, checks each value against a profile,
notes gaps and repetitions, keeps all three values of a reading, flushes each group to the disk before it acknowledges
it, and serves a household's pages meanwhile; ThingsBoard's converts three values and commits them without a flush;
Node-RED appends the line to a file.

Figures as JSON lines on standard output, progress on standard error; about four minutes a round.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from firmware_sim.processes import ChildFailedError
from tests.bench.figures import Bar, Figure, machine, tell
from tests.bench.peers import install
from tests.bench.peers.gateway import NotInstalledError
from tests.bench.peers.node_red import NodeRed
from tests.bench.peers.ours import Hub
from tests.bench.peers.stream import Stream
from tests.bench.peers.thingsboard import ThingsBoard
from tests.bench.peers.trial import (
    BURST,
    KILL_BURST_SHARE,
    STEADY,
    Life,
    Make,
    NotReadyError,
    killed_at_a_steady_rate,
    killed_in_a_burst,
    live,
)

OURS = "hub"
_CAN_MISS_A_CLOUD = (OURS, "thingsboard")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round showed of one gateway. `lost_away` is None where the gateway has no cloud."""

    life: Life
    lost_steady: int
    lost_burst: int
    lost_away: int | None


Shown = Mapping[str, Mapping[int, Round]]  # by gateway, by number of the round


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of every gateway: how it is read off a round, what ours has to reach, and of how many it is.

    `is_worst`: no median, but the most of any round.
    """

    name: str
    unit: str
    value: Callable[[Round], float | None]
    bar: Bar | None = None
    of: int | None = None
    is_worst: bool = False


_NO_LOSS = Bar("at_most", 0)
_MEASURES = (
    Measure("drain", "readings/s", lambda each: each.life.drain_per_s, of=BURST),
    Measure("cpu_per_1000", "s", lambda each: each.life.cpu_s * 1_000 / BURST, Bar("at_most", 0.035, goal=0.012)),
    Measure("resident_idle", "MB", lambda each: each.life.idle_mb, Bar("at_most", 95, goal=60)),
    Measure("resident_peak", "MB", lambda each: each.life.peak_mb),
    Measure("cpu_idle", "% of a core", lambda each: each.life.idle_cpu_percent),
    Measure("first_output", "s", lambda each: each.life.start_s, Bar("at_most", 1.0)),
    Measure("most_lost_without_kill", "readings", lambda each: each.life.lost, _NO_LOSS, is_worst=True, of=BURST),
    Measure("most_lost_killed_steady", "readings", lambda each: each.lost_steady, _NO_LOSS, is_worst=True, of=STEADY),
    Measure("most_lost_killed_burst", "readings", lambda each: each.lost_burst, _NO_LOSS, is_worst=True, of=BURST),
    Measure("most_lost_killed_cloud_away", "readings", lambda each: each.lost_away, _NO_LOSS, is_worst=True, of=BURST),
)
_CPU_RATIO_MOST = {"node-red": 1 / 6, "thingsboard": 1 / 12}


def main() -> int:
    """Install, measure, tell; 1 where a gateway could not be measured."""
    given = _options()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # by every block that is open
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where a gateway is installed, its modules are compiled
    _say(str(machine()))
    makes = _installed(given.only)
    is_whole = len(makes) == len(given.only)
    stream = Stream(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    shown: dict[str, dict[int, Round]] = {name: {} for name in makes}
    for number in range(given.rounds):
        for name in turned(list(makes), number):
            try:
                shown[name][number] = asyncio.run(_round(name, makes[name], stream=stream))
            except (NotReadyError, ChildFailedError) as exc:
                is_whole = False
                _say(f"round {number + 1}, {name}: not measured: {exc}")
            else:
                _say(f"round {number + 1}, {name}: {shown[name][number]}")
    tell(*figures(shown))
    return 0 if is_whole else 1


def turned(names: Sequence[str], number: int) -> list[str]:
    """The same names in another order each round: who comes first changes."""
    first = number % len(names) if names else 0
    return [*names[first:], *names[:first]]


def figures(shown: Shown) -> Iterator[Figure]:
    """Every measure of every gateway; bars are for ours alone. Then ours against theirs, round by round."""
    for measure in _MEASURES:
        for name, rounds in shown.items():
            values = [value for each in rounds.values() if (value := measure.value(each)) is not None]
            if values:
                yield _figure(measure, name, values)
    for name, rounds in shown.items():
        if name != OURS:
            yield from _ratios(shown.get(OURS, {}), rounds, name=name)


def _figure(measure: Measure, name: str, values: Sequence[float]) -> Figure:
    more: dict[str, object] = {} if measure.of is None else {"of": measure.of}
    return Figure(
        bench="peers",
        name=f"{_word(name)}_{measure.name}",
        unit=measure.unit,
        rounds=[max(values)] if measure.is_worst else values,
        bar=measure.bar if name == OURS else None,
        more=more | ({"each_round": values} if measure.is_worst else {}),
    )


def _ratios(ours: Mapping[int, Round], theirs: Mapping[int, Round], *, name: str) -> Iterator[Figure]:
    pairs = [(ours[number].life, theirs[number].life) for number in ours if number in theirs]
    if not pairs:
        return
    cpu = [our.cpu_s / their.cpu_s for our, their in pairs]
    drain = [our.drain_per_s / their.drain_per_s for our, their in pairs]
    bar = Bar("at_most", round(_CPU_RATIO_MOST[name], 3))
    yield Figure("peers", f"hub_cpu_of_{_word(name)}", "ratio", cpu, bar=bar, against=f"{name}, same run")
    yield Figure("peers", f"hub_drain_of_{_word(name)}", "ratio", drain, against=f"{name}, same run")


def _word(name: str) -> str:
    return name.replace("-", "_")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each gateway (default 5)")
    parser.add_argument("--only", nargs="+", choices=_WAYS, default=list(_WAYS), metavar="NAME", help=", ".join(_WAYS))
    return parser.parse_args()


def _hub() -> Make:
    return Hub


def _node_red() -> Make:
    return partial(NodeRed, installed=install.node_red())


def _thingsboard() -> Make:
    return partial(ThingsBoard, python=install.thingsboard())


_WAYS: Mapping[str, Callable[[], Make]] = {OURS: _hub, "node-red": _node_red, "thingsboard": _thingsboard}


def _installed(names: Sequence[str]) -> dict[str, Make]:
    """How each gateway is made, without those that cannot be had here."""
    makes = {}
    for name in names:
        try:
            makes[name] = _WAYS[name]()
        except NotInstalledError as exc:
            _say(f"{name}: cannot be installed; the others go on: {exc}")
    return makes


async def _round(name: str, make: Make, *, stream: Stream) -> Round:
    life = await live(make, stream)
    after_s = KILL_BURST_SHARE * life.drain_s
    lost_steady = await killed_at_a_steady_rate(make, stream)
    lost_burst = await killed_in_a_burst(make, stream, after_s=after_s, has_cloud=True)
    lost_away = None
    if name in _CAN_MISS_A_CLOUD:
        lost_away = await killed_in_a_burst(make, stream, after_s=after_s, has_cloud=False)
    return Round(life, lost_steady, lost_burst, lost_away)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
