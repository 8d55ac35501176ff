"""`restock-sim run`: a scenario's appliances on a broker of the user's own."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path
from typing import TextIO

from firmware_sim import listening
from firmware_sim.clock import MappedClock, utc_now
from firmware_sim.fleet import play
from firmware_sim.fleet_run import run as run_fleet
from firmware_sim.listening import LinkError, WrongArgumentsError, broker_of, connected, new_client
from firmware_sim.scenario import Scenario, ScenarioError, load_scenario

_SPEED_MAX = 36_000.0
_HERE = Path(__file__).with_name("scenarios")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it can be told."""
    shipped = ", ".join(sorted(path.stem for path in _HERE.glob("*.toml")))
    parser.add_argument(
        "--scenario", type=Path, required=True, metavar="FILE", help=f"a TOML file, or one that ships: {shipped}"
    )
    listening.add_arguments(parser)
    parser.add_argument("--speed", type=_speed, default=1.0, help="virtual seconds a second (1)")
    parser.add_argument("--seed", type=int, metavar="N", help="instead of the scenario's seed")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write the truth log here, one JSON object a line")


async def run(arguments: argparse.Namespace) -> bool:
    """Play the scenario to its end, and say how many messages the broker took.

    Raises: LinkError when the broker cannot be used, or the arguments are wrong.
    """
    scenario = _scenario(arguments.scenario)
    seed = scenario.run.seed if arguments.seed is None else _seed(arguments.seed)
    broker = broker_of(arguments)
    async with connected(new_client(broker), broker):  # a wrong address or password is said at once
        pass
    with ExitStack() as stack:
        truth = None if arguments.truth is None else stack.enter_context(_new_file(arguments.truth))
        now = utc_now()
        start = (scenario.run.start or now.replace(microsecond=0)).astimezone(UTC)
        clock = MappedClock(speed=arguments.speed, real_epoch=now, virtual_epoch=start)
        events = play(scenario.appliances, start=start, lasts=scenario.run.lasts, seed=seed, home=scenario.home.id)
        names = [appliance.name for appliance in scenario.appliances]
        _say(f"seed {seed}, from {start:%Y-%m-%dT%H:%M:%SZ}, {scenario.run.days:g} days, {len(names)} appliances")
        full: list[Exception] = []
        try:
            sent = await run_fleet(events, names, connect=lambda: new_client(broker), clock=clock, truth=truth)
        except* OSError as lost:  # the disk; what becomes of connections is the link's own business
            full += lost.exceptions
        if full:
            raise LinkError(f"--truth {arguments.truth}: cannot be written: {full[0]}")
    for name in names:
        _say(f"{name}: {sent[name]} messages")
    return True


def _scenario(path: Path) -> Scenario:
    """The scenario of that file, or of the shipped one of that name."""
    shipped = _HERE / f"{path}.toml"
    try:
        scenario = load_scenario(shipped if not path.exists() and len(path.parts) == 1 and shipped.exists() else path)
    except ScenarioError as exc:
        raise WrongArgumentsError(f"--scenario {exc}") from exc
    if not scenario.appliances:
        raise WrongArgumentsError(f"--scenario {path}: appliances: none; the home in it is for `restock-sim demo`")
    return scenario


def _seed(seed: int) -> int:
    if not 0 <= seed <= 2**31 - 1:
        raise WrongArgumentsError(f"--seed {seed}: a whole number from 0 to {2**31 - 1} is wanted")
    return seed


def _new_file(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8", buffering=1)
    except FileExistsError:
        raise WrongArgumentsError(f"--truth {path}: exists already; name a new file") from None
    except OSError as exc:
        raise WrongArgumentsError(f"--truth {path}: cannot be written ({exc.strerror})") from exc


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= _SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to {_SPEED_MAX:.0f} is wanted")
    return speed


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
