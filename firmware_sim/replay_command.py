"""`restock-sim replay`: arguments and summary."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from firmware_sim import listening

_SPEED_MIN, _SPEED_MAX = 0.001, 1_000_000.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording")
    listening.add_arguments(parser)
    parser.add_argument("--speed", type=_speed, default=1.0, metavar="N", help="times as fast as recorded, or max (1)")
    parser.add_argument("--prefix", default="", metavar="P", help="levels to put before each topic")
    parser.add_argument("--no-retain", action="store_true", help="leave nothing retained on the broker")
    parser.add_argument("--cut-off", action="store_true", help="play a recording that has no end line")


async def run(arguments: argparse.Namespace) -> bool:
    """Play, and say what came of it.

    Raises: LinkError, RecordingError.
    """
    from firmware_sim import replay  # noqa: PLC0415 - help needs none of it

    speed = None if arguments.speed == float("inf") else arguments.speed
    plan = replay.Plan(speed=speed, prefix=arguments.prefix, retain=not arguments.no_retain, cut_off=arguments.cut_off)
    broker = listening.broker_of(arguments)
    played = await replay.replay(arguments.file, broker, plan=plan, monotonic=time.monotonic, sleep=asyncio.sleep)
    sys.stderr.write(f"{played.messages} messages played, at most {played.behind_s:.3f} s late\n")
    return True


def _speed(text: str) -> float:
    if text == "max":
        return float("inf")
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not _SPEED_MIN <= speed <= _SPEED_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from {_SPEED_MIN} to {_SPEED_MAX:.0f}, or max, is wanted")
    return speed
