"""System calls that fail on demand: `strace` takes hold of one life and lets its Nth call on certain files fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.disk.orders import Order

ROOT = Path(__file__).parents[3]
CALLS = ("fsync", "fdatasync", "pwrite64", "write", "ftruncate", "rename", "link", "unlink")
ERRORS = ("EIO", "ENOSPC")


@dataclass(frozen=True, slots=True)
class Failure:
    """The `number`th call of this name fails, and with `for_ever` every later one too."""

    call: str
    error: str
    number: int
    for_ever: bool = False

    def __str__(self) -> str:
        return (
            f"{self.call} {self.error} from call {self.number} on"
            if self.for_ever
            else (f"{self.call} {self.error} at call {self.number}")
        )

    def option(self) -> str:
        """As strace takes it."""
        return f"inject={self.call}:error={self.error}:when={self.number}{'+' if self.for_ever else ''}"


NOTHING = Failure("fsync", "EIO", 65_535)  # there is no such call: everything is traced, and nothing fails


def has_strace() -> bool:
    """Whether Debian's `strace` is installed."""
    return shutil.which("strace") is not None


class Child:
    """The program that forks lives."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._answer() == "ready"

    def live(self, order: Order, *, failure: Failure | None, trace: Path) -> str:
        """Let one life be lived to its end; returns the trace of its calls, empty where no failure is asked for."""
        pid = self._ask(order.to_json())
        if failure is None:
            self._ask("go")
            return ""
        with _held(int(pid), failure, order=order, trace=trace):
            self._ask("go")
        return trace.read_text(errors="replace")

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def child() -> Iterator[Child]:
    """One that lives for the block."""
    command = [sys.executable, "-m", "tests.campaign.disk.child"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Child(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


@contextmanager
def _held(pid: int, failure: Failure, *, order: Order, trace: Path) -> Iterator[None]:
    """Strace holds the process until it ends; only calls on the files of the order's folder are seen."""
    paths = [option for path in _paths(order) for option in ("-P", path)]
    command = ["strace", "-p", str(pid), "-o", str(trace), *paths, "-f", "-e", f"trace={','.join(CALLS)}"]
    with subprocess.Popen([*command, "-e", failure.option()], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        yield
        tracer.stderr.read()
        tracer.wait(30)


def _paths(order: Order) -> list[str]:
    folder = Path(order.folder)
    names = (
        "hub.sqlite3",
        "hub.sqlite3-wal",
        "hub.sqlite3-journal",
        "household.json",
        "household.new",
        "household.last",
    )
    return [str(folder), *(str(folder / name) for name in names)]
