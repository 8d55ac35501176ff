"""`restock-sim conform`: arguments and outcome."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from firmware_sim import listening

_ID = re.compile(r"[a-z0-9_-]{1,64}")
_FOR_S, _FOR_S_MAX = 60.0, 86_400.0
_MESSAGES_MAX = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    listening.add_arguments(parser)
    parser.add_argument("--device", required=True, type=_id, metavar="ID", help="the device to listen to")
    parser.add_argument("--home", default="home", type=_id, metavar="ID", help="its home (home)")
    parser.add_argument("--for", dest="for_s", type=_seconds, default=_FOR_S, metavar="SECONDS", help="how long (60)")
    parser.add_argument("--messages", type=_count, metavar="N", help="end after so many of the device's messages")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="the device's profile, where it does not ship")
    parser.add_argument("--rebirth", action="store_true", help="ask the device for its birth once, as a hub does")
    parser.add_argument("--strict", action="store_true", help="fail too for what was not seen")
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")


async def run(arguments: argparse.Namespace, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> bool:
    """Check a device and print what came of it; returns whether it passes.

    Raises: LinkError, ProfileFileError.
    """
    from firmware_sim.conform import live, words  # noqa: PLC0415 - help needs none of it
    from firmware_sim.conform.declared import Values, load_profile, shipped_profile  # noqa: PLC0415

    broker = listening.broker_of(arguments)
    own = () if arguments.profile is None else (load_profile(arguments.profile),)

    def profile_of(profile: str) -> Values | None:
        return next((values for name, values in own if name == profile), None) or shipped_profile(profile)

    outcome = await live.observe(
        live.Subject(arguments.home, arguments.device),
        broker,
        span=live.Span(arguments.for_s, arguments.messages, ask_rebirth=arguments.rebirth),
        profile_of=profile_of,
        now=now,
        on_ready=lambda: print(f"listening to {arguments.device} ...", file=sys.stderr),  # noqa: T201 - progress
    )
    if arguments.json:
        sys.stdout.write(json.dumps(words.document(outcome, strict=arguments.strict)) + "\n")
    else:
        sys.stdout.write("\n".join(words.lines(outcome, strict=arguments.strict)) + "\n")
    return words.verdict(outcome, strict=arguments.strict) is words.Verdict.SOUND


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r}: 1 to 64 of a-z, 0-9, _ and - are wanted")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _FOR_S_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: seconds, up to {_FOR_S_MAX:.0f}, are wanted")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MESSAGES_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 to {_MESSAGES_MAX} is wanted")
    return int(text)
