"""`restock-sim record`: arguments, file and summary."""

from __future__ import annotations

import argparse
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from firmware_sim import listening
from firmware_sim.listening import WrongArgumentsError

_MESSAGES, _MESSAGES_MAX = 100_000, 10_000_000
_MIB, _MIB_MAX = 64, 4_096
_FOR_S_MAX = 30 * 86_400.0
_FILTER = re.compile(r"(?:[^+#\0/]*|\+)(?:/(?:[^+#\0/]*|\+))*(?:/#)?|#")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    listening.add_arguments(parser)
    parser.add_argument("--topic", action="append", required=True, metavar="FILTER", help="what to record; repeatable")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the recording, a new file")
    hide = parser.add_mutually_exclusive_group()
    hide.add_argument("--redact", type=Path, metavar="FILE", help="more to take out, beside the list that ships (TOML)")
    hide.add_argument("--no-redaction", action="store_true", help="write everything as it stands")
    parser.add_argument("--allow-unreadable", action="store_true", help="record what cannot be searched, as it stands")
    parser.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="how long (until Ctrl-C)")
    parser.add_argument(
        "--limit-messages", type=_number(_MESSAGES_MAX), default=_MESSAGES, metavar="N", help=f"at most ({_MESSAGES})"
    )
    parser.add_argument("--limit-mib", type=_number(_MIB_MAX), default=_MIB, metavar="N", help=f"at most ({_MIB})")


async def run(arguments: argparse.Namespace) -> bool:
    """Record, and say what came of it; True unless the connection was lost.

    Raises: LinkError, RecordingError.
    """
    from firmware_sim import record  # noqa: PLC0415 - help needs none of it
    from firmware_sim.record_format import Header  # noqa: PLC0415
    from firmware_sim.record_redaction import Redactor, Rules, load_rules  # noqa: PLC0415

    for each in arguments.topic:
        if not _FILTER.fullmatch(each) or not each:
            raise WrongArgumentsError(f"--topic {each!r}: not a topic filter; + stands for one level, # for the rest")
    broker = listening.broker_of(arguments)
    rules = Rules() if arguments.redact is None else load_rules(arguments.redact)
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    redactor = None if arguments.no_redaction else Redactor(rules)
    limits = record.Limits(arguments.limit_messages, arguments.limit_mib * 1024 * 1024, arguments.for_s)
    filters = tuple(each if redactor is None else redactor.topic(each) for each in arguments.topic)
    recorder = record.Recorder(
        arguments.out,
        Header(started, filters, redacted=redactor is not None),
        limits=limits,
        redactor=redactor,
        unreadable=arguments.allow_unreadable,
    )
    try:
        with recorder:
            await record.record(
                broker,
                arguments.topic,
                recorder,
                limits=limits,
                monotonic=time.monotonic,
                on_ready=lambda: _say("recording; Ctrl-C ends it"),
            )
    finally:
        _tell(recorder.summary(), arguments.out)
    return True


def _tell(summary: object, path: Path) -> None:
    from firmware_sim.record import Summary  # noqa: PLC0415

    if not isinstance(summary, Summary) or not summary.bytes:
        return
    _say(f"{path}: {summary.messages} messages, {summary.bytes} bytes; ended by: {summary.why}")
    if summary.left_out:
        _say(f"{summary.left_out} messages left out: too large, or not to be searched (--allow-unreadable)")
    _say("read it before you pass it on: no list knows everything that is private")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _FOR_S_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: seconds, up to {_FOR_S_MAX:.0f}, are wanted")
    return seconds


class _number:  # noqa: N801 - used as a function
    """A whole number from 1."""

    def __init__(self, high: int) -> None:
        self._high = high

    def __call__(self, text: str) -> int:
        """The number that the text says."""
        if not text.isdecimal() or not 1 <= int(text) <= self._high:
            raise argparse.ArgumentTypeError(f"{text!r}: a whole number from 1 to {self._high} is wanted")
        return int(text)
