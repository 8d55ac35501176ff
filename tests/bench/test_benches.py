"""The list of benches, and how one is run: every module is known, a failure is told, nothing is left running."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from tests.bench.__main__ import BENCHES, PARTS, Run, figure_of, table
from tests.bench.figures import Bar, Figure
from tests.kill.waiting import comes_true

FOLDER = Path(__file__).parent


def test_every_module_is_a_bench_or_a_part_of_one() -> None:
    """A new file in the folder is named in one of the two lists."""
    there = {each.stem for each in FOLDER.glob("*.py") if not each.stem.startswith(("_", "test_"))}
    there |= {each.parent.name for each in FOLDER.glob("*/__main__.py")}
    benches = [each.name for each in BENCHES]
    assert sorted([*benches, *PARTS]) == sorted(there)


def test_the_makefile_and_the_page_name_the_commands() -> None:
    """What a person types is what is there."""
    makefile = (FOLDER.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "-m tests.bench $(BENCH)\n" in makefile
    assert "-m tests.bench.peers" in makefile


def ran(program: str, *, within_s: float = 60.0) -> tuple[Run, list[str]]:
    """A program in Python, run to its end, and its lines."""
    run = Run([sys.executable, "-c", program], within_s=within_s)
    return run, list(run.lines())


def test_lines_come_as_they_are_said_and_the_exit_code_counts() -> None:
    """All that a bench says is handed on, whether it fails or not."""
    run, lines = ran("print('a'); print('b'); raise SystemExit(3)")
    assert lines == ["a", "b"]
    assert (run.is_well, run.said) == (False, "code 3")
    assert ran("print('a')")[0].is_well


def test_one_that_hangs_is_ended() -> None:
    """It counts as failed, with what it had said before."""
    run, lines = ran("import time; print('a', flush=True); time.sleep(60)", within_s=1.0)
    assert lines == ["a"]
    assert not run.is_well
    assert run.said == "ended after 1 s"


async def test_nothing_of_a_bench_outlives_it() -> None:
    """A process that it forgot ends with it."""
    program = (
        "import subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL)\n"
        "print(left.pid)"
    )
    _, [pid] = ran(program)
    assert await comes_true(lambda: not runs(int(pid)), within_s=10.0)


def runs(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("said", ["", "not JSON", "[1]", "3", '{"bench": "x", "skipped": "why"}'])
def test_what_is_no_figure_is_not_kept(said: str) -> None:
    """A bench may say other things."""
    assert figure_of(said) == []


def test_figures_are_told_in_a_table() -> None:
    """With their bars, and whether they are kept."""
    words = Figure("hub", "cpu", "ms", [1.0, 2.0, 3.0], bar=Bar("at_most", 1.0)).words()
    assert figure_of(json.dumps(words)) == [words]
    assert table([words]).splitlines()[1].split() == ["hub", "cpu", "2", "ms", "at", "most", "1", "NO"]
