"""`restock-sim`: help, version, one line for wrong usage, and signals that let the work clean up."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from firmware_sim.__main__ import Interrupted, _until_signalled, main


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--help"], ["demo", "--version"]),
        (["demo", "--help"], ["--headless", "--days", "--seed", "--speed", "--keep", "--json"]),
        (["--version"], ["restock-sim 0."]),
    ],
)
def test_help_and_version(argv: list[str], words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Both end with 0 and print on standard output."""
    with pytest.raises(SystemExit) as left:
        main(argv)
    printed = capsys.readouterr()
    assert left.value.code == 0
    assert all(word in printed.out for word in words)


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["demo", "--fast"], "--fast"),
        (["demo", "--speed", "0"], "'0': a number from 1 to"),
        (["demo", "--speed", "1e9"], "a number from 1 to"),
        (["demo", "--speed", "nan"], "a number from 1 to"),
        (["demo", "--seed", "-1"], "seed"),
        (["demo", "--seed", "1.5"], "whole number"),
        (["demo", "--headless", "--days", "0"], "a whole number from 1 to 365"),
        (["demo", "--days", "3"], "--days needs --headless"),
        (["demo", "--json"], "--json needs --headless"),
        (["demo", "--keep", "x"], "--keep needs --headless"),
        (["demo", "--headless", "--keep", __file__], "an empty folder"),
        (["demo", "--headless", "--keep", str(Path(__file__).parent)], "an empty folder"),
    ],
)
def test_wrong_usage_is_one_line(argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line on standard error that says what is wrong."""
    with pytest.raises(SystemExit) as left:
        main(argv)
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert complaint in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_once_and_lets_the_work_clean_up(number: signal.Signals) -> None:
    """A second signal during the clean-up does not cut it short."""
    steps: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(3):
                await asyncio.sleep(0)
            steps.append("cleaned up")

    with pytest.raises(Interrupted):
        await _until_signalled(work())
    assert steps == ["cleaned up"]


async def test_work_that_ends_gives_its_result() -> None:
    """Without a signal the result comes through, and an error as itself."""

    async def work() -> int:
        return 7

    async def fail() -> None:
        raise LookupError

    assert await _until_signalled(work()) == 7
    with pytest.raises(LookupError):
        await _until_signalled(fail())
