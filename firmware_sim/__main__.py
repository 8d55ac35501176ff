"""`restock-sim`: arguments, signals, and the only exit of the simulator."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from firmware_sim import tools
from firmware_sim.crowd.arguments import whole

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2

T = TypeVar("T")

_SPEED_MAX = 36_000.0  # above it the hub's and the bridge's own periods would be too long
_DAYS_MAX = 365
_SEED = 7
_DAYS = 30


class Interrupted(Exception):  # noqa: N818 - a person's wish, not an error
    """Ctrl-C, or another signal that ends the program; everything has been stopped."""


class _Parser(argparse.ArgumentParser):
    """Wrong usage is one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "demo":
        _check(parser, arguments)
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # aiomqtt: a device that loses its power is no news here
    try:
        if arguments.command != "demo":
            return tools.run(arguments, guard=_until_signalled)
        return _count(arguments) if arguments.headless else _show(arguments)
    except (Interrupted, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is stopped; an impatient Ctrl-C must not look like a crash
        print("stopped", file=sys.stderr)
        undone = arguments.command in {"conform", "fleet", "hubs"} or getattr(arguments, "headless", False)
        return EXIT_FAILED if undone else EXIT_DONE


def _show(arguments: argparse.Namespace) -> int:
    from firmware_sim import demo  # noqa: PLC0415 - help and usage errors need none of it
    from firmware_sim.processes import DemoError  # noqa: PLC0415
    from firmware_sim.stack import Plan  # noqa: PLC0415

    plan = Plan(speed=arguments.speed or demo.SPEED, seed=arguments.seed)
    try:
        asyncio.run(_until_signalled(demo.show(plan, say=lambda line: print(line, flush=True))))
    except DemoError as exc:
        print(f"restock-sim: {exc}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_DONE


def _count(arguments: argparse.Namespace) -> int:
    from firmware_sim import demo, report  # noqa: PLC0415
    from firmware_sim.processes import DemoError  # noqa: PLC0415
    from firmware_sim.stack import Plan  # noqa: PLC0415

    plan = Plan(speed=arguments.speed or demo.HEADLESS_SPEED, seed=arguments.seed, days=arguments.days or _DAYS)
    work = demo.count(plan, keep=arguments.keep, say=lambda line: print(line, file=sys.stderr, flush=True))
    try:
        summary = asyncio.run(_until_signalled(work))
    except DemoError as exc:
        print(f"restock-sim: {exc}", file=sys.stderr)
        return EXIT_FAILED
    if arguments.json:
        print(json.dumps(summary))
    else:
        for name, value in summary.items():
            print(f"{name}: {json.dumps(value)}")
    return report.exit_code(summary)


async def _until_signalled(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which a signal cancels once; while it cleans up, further signals change nothing.

    Raises: Interrupted.
    """
    task = asyncio.create_task(work)
    caught: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not caught:
            caught.append(number)
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        raise Interrupted from None


def _check(parser: _Parser, arguments: argparse.Namespace) -> None:
    """What argparse cannot say about arguments together; ends the program with one line."""
    if not arguments.headless:
        for name in ("days", "json", "keep"):
            if getattr(arguments, name):
                parser.error(f"--{name} needs --headless")
    keep: Path | None = arguments.keep
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        parser.error(f"--keep {keep}: an empty folder, or one that does not exist yet, is wanted")


def _parser() -> _Parser:
    parser = _Parser(prog="restock-sim", description="A simulated home for Restock.")
    parser.add_argument("--version", action="version", version=f"restock-sim {version('restock')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="run broker, merchant, bridge, hub and a simulated home on this machine")
    demo.add_argument("--speed", type=_speed, help="virtual seconds a second (1440; headless 25920)")
    demo.add_argument("--seed", type=whole(0, 2**31 - 1), default=_SEED, help=f"seed of everything random ({_SEED})")
    demo.add_argument("--headless", action="store_true", help="let a simulated household answer, then count")
    demo.add_argument("--days", type=whole(1, _DAYS_MAX), help=f"virtual days of a headless run ({_DAYS})")
    demo.add_argument("--json", action="store_true", help="print the counts as one JSON object")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="leave stores and logs in this folder")
    tools.add_commands(commands)
    return parser


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= _SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to {_SPEED_MAX:.0f} is wanted")
    return speed


if __name__ == "__main__":
    sys.exit(main())
