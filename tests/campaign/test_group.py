"""A command that is ended takes everything with it that it has started, however it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from select import select
from threading import Thread
from typing import IO

import psutil
import pytest

from tests.campaign.conduct import ROOT
from tests.campaign.group import Ended, Groups

_KILLED_WITHIN_S = 10.0  # a limit, so that a test fails instead of waiting
# A parent whose child ignores requests and holds a named pipe open, into which it has said its number.
_PARENT = 'exec 9> "$0"; (trap "" TERM; exec sleep 60) & echo $! >&9; '


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Where a child says its number; reading ends when the last of them has gone."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.mark.parametrize(
    ("then", "within_s", "code"), [("wait", 2.0, None), ("exit 3", 60.0, 3), ("kill -SEGV $$", 60.0, -signal.SIGSEGV)]
)
def test_what_a_command_has_started_ends_with_it(pipe: Path, then: str, within_s: float, code: int | None) -> None:
    """After a deadline, an end of its own, and a death, nobody holds the pipe open any more."""
    ended: list[Ended] = []
    thread = Thread(target=lambda: ended.append(_run(Groups(within_s=within_s), pipe, then=then)))
    thread.start()
    with pipe.open() as said:
        assert int(said.readline())
        thread.join()
        assert _nobody_holds(said)
    assert ended[0].code == code


def test_a_stop_ends_what_runs_and_starts_nothing_more(pipe: Path) -> None:
    """Lanes that are stopped leave nothing behind."""
    groups = Groups(within_s=60.0)
    thread = Thread(target=_run, args=(groups, pipe), kwargs={"then": "wait"})
    thread.start()
    with pipe.open() as said:
        assert int(said.readline())
        groups.stop()
        thread.join()
        assert _nobody_holds(said)
    assert _run(groups, pipe, then="exit") == Ended(None)


def test_what_a_command_says_is_kept(pipe: Path) -> None:
    """Both of its outputs, to the last byte."""
    ended = Groups(within_s=60.0).run(["sh", "-c", "echo good; echo bad >&2; exit 1"], folder=pipe.parent)
    assert ended == Ended(1, "good\n", "bad\n")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_tier_that_is_ended_by_a_signal_leaves_nothing_running(tmp_path: Path, how: signal.Signals) -> None:
    """The pieces under way, end with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # where it is ignored, what is started ignores it, too
    record = tmp_path / "deep.jsonl"
    command = [sys.executable, "-m", "tests.campaign", "deep", "--record", str(record), "--lanes", "2"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as tier:
        assert tier.stderr is not None
        assert "on record" in tier.stderr.readline()
        started = _until(lambda: psutil.Process(tier.pid).children(recursive=True))
        tier.send_signal(how)
        assert tier.wait() != 0
    gone, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
    assert gone


def _until(look: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """The first that is there to be seen."""
    while not (seen := look()):
        os.sched_yield()
    return seen


def _nobody_holds(pipe: IO[str]) -> bool:
    """Whether its other end is closed; what is being killed closes it soon."""
    ready, _, _ = select([pipe], [], [], _KILLED_WITHIN_S)
    return bool(ready) and pipe.read() == ""


def _run(groups: Groups, pipe: Path, *, then: str) -> Ended:
    return groups.run(["sh", "-c", _PARENT + then, str(pipe)], folder=ROOT)
