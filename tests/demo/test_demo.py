"""The whole demo as separate processes: it counts right, and leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.demo, pytest.mark.broker, pytest.mark.merchant]

SIMULATOR = str(Path(sys.executable).with_name("restock-sim"))
READY_WITHIN_S = 60.0
GONE_WITHIN_S = 20.0


@dataclass
class Demo:
    """A running `restock-sim`, whose private folder lies in a folder of the test."""

    process: subprocess.Popen[str]
    folder: Path
    output: Path

    def printed(self) -> str:
        """What it has said so far."""
        return self.output.read_text()

    def wait_for(self, text: str) -> str:
        """Wait until it has said something that matches; the match."""
        return self._wait(lambda: (found := re.search(text, self.printed())) and found.group(), what=text)

    def wait_for_log(self, part: str) -> None:
        """Wait until a part of the home has been started."""
        self._wait(lambda: str(*self.folder.glob(f"restock-demo-*/stores/logs/{part}.log")), what=f"log of {part}")

    def stop(self, number: signal.Signals) -> int:
        """Send a signal to the demo alone; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def leftovers(self) -> list[str]:
        """Files in its private folder, and processes that name it in their arguments."""
        return [str(path) for path in self.folder.glob("restock-demo-*")] + self.processes()

    def processes(self, having: str = "") -> list[str]:
        """Processes of this demo, apart from the demo itself."""
        found = []
        for entry in Path("/proc").iterdir():
            arguments = _arguments(entry) if entry.name.isdecimal() else ""
            if f"{self.folder}/restock-demo-" in arguments and having in arguments:
                found.append(f"{entry.name} {arguments}")
        return found

    def _wait(self, look: object, *, what: str) -> str:
        deadline_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline_s and self.process.poll() is None:
            if callable(look) and (seen := look()):
                return str(seen)
            time.sleep(0.02)
        raise AssertionError(f"no {what} in {READY_WITHIN_S} s; it said: {self.printed()}")


def _arguments(process: Path) -> str:
    try:
        return process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def wait_nothing_left(demo: Demo) -> None:
    """Wait until nothing of a demo that was killed is left."""
    deadline_s = time.monotonic() + GONE_WITHIN_S
    while demo.leftovers() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert demo.leftovers() == []


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """An interactive demo."""
    output = folder / "output.txt"
    with output.open("w") as sink:
        process = subprocess.Popen(
            [SIMULATOR, "demo"], stdout=sink, stderr=sink, text=True, env={**os.environ, "TMPDIR": str(folder)}
        )
    with process:
        try:
            yield Demo(process=process, folder=folder, output=output)
        finally:
            process.kill()


def listens(url: str) -> bool:
    """Whether somebody listens at a loopback address."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def test_short_headless_run_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """A few virtual days end with 0, one JSON object, and stores that others can count again."""
    kept = tmp_path / "kept"
    argv = [SIMULATOR, "demo", "--headless", "--days", "2", "--speed", "17280", "--json", "--keep", str(kept)]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=120, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert (counted["lost"], counted["doubled"], counted["unauthorised"]) == (0, 0, 0)
    assert counted["readings_acknowledged"] > 20
    assert counted["readings_stored"] >= counted["readings_acknowledged"]
    assert counted["merchant_orders"] >= 1
    assert (counted["seed"], counted["virtual_days"]) == (7, 2)
    with closing(sqlite3.connect(kept / "merchant" / "transactions.db")) as merchant:
        assert merchant.execute("SELECT count(*) FROM orders").fetchone() == (counted["merchant_orders"],)
    assert {"hub", "bridge", "merchant", "logs"} == {path.name for path in kept.iterdir()}
    assert list(tmp_path.glob("restock-demo-*")) == []


@pytest.mark.parametrize("part", ["broker", "merchant", "bridge", "hub"])
def test_ctrl_c_while_starting_leaves_nothing(tmp_path: Path, part: str) -> None:
    """Whichever part has just been started, all of it goes."""
    with running_demo(tmp_path) as demo:
        demo.wait_for_log(part)
        assert demo.stop(signal.SIGINT) == 0
        assert demo.leftovers() == []


def test_stopping_a_running_demo_leaves_nothing(tmp_path: Path) -> None:
    """It says where the page is; after SIGTERM no process, port or file is left. By Ctrl-C: the next test."""
    with running_demo(tmp_path) as demo:
        page = demo.wait_for(r"http://127\.0\.0\.1:\d+")
        assert listens(page)
        assert len(demo.processes()) >= 4
        assert demo.stop(signal.SIGTERM) == 0
        assert demo.leftovers() == []
        assert not listens(page)


def test_secrets_stand_in_no_argument_and_no_log(tmp_path: Path) -> None:
    """The owner's password and the broker's are known to those who need them, and to nobody who looks around.

    And by Ctrl-C no process, port or file is left.
    """
    with running_demo(tmp_path) as demo:
        owner_password = demo.wait_for(r"Password: +\S+").split()[-1]
        (private,) = tmp_path.glob("restock-demo-*")
        secrets = [owner_password, *re.findall(r'password: "(\w+)"', (private / "broker" / "nats.conf").read_text())]
        logs = [path.read_text(errors="replace") for path in private.glob("stores/logs/*.log")]
        assert len(secrets) == 3
        assert len(logs) == 4
        assert private.stat().st_mode & 0o777 == 0o700
        for secret in secrets:
            assert not demo.processes(having=secret)
            assert not any(secret in log for log in logs)
        page = demo.wait_for(r"http://127\.0\.0\.1:\d+")
        assert listens(page)
        assert demo.stop(signal.SIGINT) == 0
        assert demo.leftovers() == []
        assert not listens(page)


def test_a_killed_demo_leaves_nothing(tmp_path: Path) -> None:
    """Even kill -9 takes everything along."""
    with running_demo(tmp_path) as demo:
        page = demo.wait_for(r"http://127\.0\.0\.1:\d+")
        demo.stop(signal.SIGKILL)
        wait_nothing_left(demo)
        assert not listens(page)


@pytest.mark.parametrize(("part", "program"), [("broker", "nats-server"), ("hub", "restock-hub")])
def test_a_part_that_dies_is_named(tmp_path: Path, part: str, program: str) -> None:
    """The demo says which part ended, stops the others and fails."""
    with running_demo(tmp_path) as demo:
        demo.wait_for(r"http://127\.0\.0\.1:\d+")
        (found,) = demo.processes(having=program)
        os.kill(int(found.split()[0]), signal.SIGKILL)
        assert demo.process.wait(timeout=60) == 1
        assert f"{part} ended with code -9; the end of its log:" in demo.printed()
        assert demo.leftovers() == []
