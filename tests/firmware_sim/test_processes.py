"""Child processes: readiness, failure with the tail of the log, order of stopping, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_sim.processes import (
    ChildFailedError,
    Command,
    Crew,
    DemoError,
    NotReadyError,
    free_ports,
    listens,
    resident_mb,
    run_to_end,
    script,
    wait_ready,
)

SLEEPER = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
SWEEPER = Path(__file__).parents[2] / "firmware_sim" / "sweeper.py"


def python(name: str, code: str, *, folder: Path, **environment: str) -> Command:
    """A child that runs a line of Python."""
    return Command(name=name, argv=[sys.executable, "-c", code], log=folder / f"{name}.log", environment=environment)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(pid: int, *, within_s: float = 10.0) -> bool:
    """Whether a process that is not our child ends in time."""
    deadline_s = time.monotonic() + within_s
    while alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return not alive(pid)


async def wait_for_text(log: Path, text: str) -> None:
    """Wait until a log has the text."""
    async with asyncio.timeout(10):
        while text not in content(log):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


def content(log: Path) -> str:
    """What a log has so far."""
    return log.read_text() if log.exists() else ""


async def test_crew_stops_children_in_its_order(tmp_path: Path) -> None:
    """Whatever was started first, children end in the stated order, and all of them end."""
    tell = "import signal, sys, time; signal.signal(15, lambda *a: (print('bye', time.monotonic()), sys.exit())); "
    tell += "print('up', flush=True); time.sleep(60)"
    async with Crew(["hub", "bridge"]) as crew:
        pids = [crew.start(python(name, tell, folder=tmp_path)).pid for name in ("bridge", "hub")]
        for name in ("bridge", "hub"):
            await wait_for_text(tmp_path / f"{name}.log", "up")
    ended = {name: float((tmp_path / f"{name}.log").read_text().split()[-1]) for name in ("hub", "bridge")}
    assert ended["hub"] < ended["bridge"]
    assert not any(alive(pid) for pid in pids)


async def test_crew_stops_children_when_the_start_is_interrupted(tmp_path: Path) -> None:
    """An error between two starts leaves no child."""
    pids: list[int] = []

    async def interrupted() -> None:
        async with Crew(["hub"]) as crew:
            pids.append(crew.start(python("hub", SLEEPER, folder=tmp_path)).pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()
    assert not alive(pids[0])


async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    """SIGTERM first, SIGKILL after the grace."""
    crew = Crew(["hub"])
    child = crew.start(python("hub", STUBBORN, folder=tmp_path))
    await wait_for_text(tmp_path / "hub.log", "deaf")
    await child.stop(grace_s=0.1)
    assert not alive(child.pid)


async def test_grandchildren_go_with_their_child(tmp_path: Path) -> None:
    """What a child started in its session does not outlive it."""
    code = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    async with Crew(["hub"]) as crew:
        crew.start(python("hub", code, folder=tmp_path))
        await wait_for_text(tmp_path / "hub.log", "\n")
        grandchild = int((tmp_path / "hub.log").read_text())
        assert alive(grandchild)
    assert wait_gone(grandchild)


async def test_watch_names_the_child_that_ended(tmp_path: Path) -> None:
    """A child that ends by itself is an error with its name, its code and the end of its log."""
    async with Crew(["hub", "bridge"]) as crew:
        crew.start(python("hub", SLEEPER, folder=tmp_path))
        crew.start(python("bridge", "print('what went wrong'); raise SystemExit(3)", folder=tmp_path))
        with pytest.raises(ChildFailedError, match=r"bridge ended with code 3(.|\n)*what went wrong"):
            async with asyncio.timeout(10):
                await crew.watch()


async def test_wait_ready_fails_at_once_when_the_child_ends(tmp_path: Path) -> None:
    """There is no waiting for the dead."""

    async def never() -> bool:
        return False

    async with Crew(["hub"]) as crew:
        child = crew.start(python("hub", "raise SystemExit(2)", folder=tmp_path))
        with pytest.raises(ChildFailedError, match="hub ended with code 2"):
            async with asyncio.timeout(10):
                await wait_ready(child, never, timeout_s=60)


async def test_wait_ready_gives_up(tmp_path: Path) -> None:
    """A child that never gets ready is an error too."""

    async def never() -> bool:
        return False

    async with Crew(["hub"]) as crew:
        child = crew.start(python("hub", SLEEPER, folder=tmp_path))
        with pytest.raises(NotReadyError, match="hub was not ready"):
            await wait_ready(child, never, timeout_s=0.1)


async def test_run_to_end_passes_input_and_output(tmp_path: Path) -> None:
    """Standard input goes in, standard output comes out, standard error goes to the log."""
    code = "import sys; print(sys.stdin.readline().upper(), end=''); print('note', file=sys.stderr)"
    assert await run_to_end(python("setup", code, folder=tmp_path), stdin="secret\n") == "SECRET\n"
    assert (tmp_path / "setup.log").read_text() == "note\n"


@pytest.mark.parametrize(
    ("code", "timeout_s", "error"),
    [("raise SystemExit('no')", 30.0, ChildFailedError), (SLEEPER, 0.2, NotReadyError)],
)
async def test_run_to_end_fails(tmp_path: Path, code: str, timeout_s: float, error: type[DemoError]) -> None:
    """A failure and a command that hangs are errors."""
    with pytest.raises(error, match="setup"):
        await run_to_end(python("setup", code, folder=tmp_path), timeout_s=timeout_s)


async def test_children_do_not_inherit_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RESTOCK_ variables of the caller stay with the caller; a child gets those that are meant for it."""
    monkeypatch.setenv("RESTOCK_MQTT_PASSWORD", "the caller's")
    code = "import os; print(sorted(name for name in os.environ if name.startswith('RESTOCK_')))"
    assert await run_to_end(python("setup", code, folder=tmp_path, RESTOCK_GIVEN="x")) == "['RESTOCK_GIVEN']\n"


async def test_logs_are_closed_to_other_users(tmp_path: Path) -> None:
    """A log may hold what a household does."""
    await run_to_end(python("setup", "pass", folder=tmp_path))
    assert (tmp_path / "setup.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is a Linux call")
def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    """A demo that is killed takes its children with it."""
    code = (
        "import sys, time; from pathlib import Path; from firmware_sim.processes import Child, Command; "
        f"folder = Path({str(tmp_path)!r}); "
        "line = 'import time; print(1, flush=True); time.sleep(60)'; "
        "child = Child(Command(name='hub', argv=[sys.executable, '-c', line], log=folder / 'hub.log'))\n"
        "while not child.log.read_text(): time.sleep(0.02)\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert wait_gone(pid)


def test_sweeper_removes_the_folder_when_its_pipe_ends(tmp_path: Path) -> None:
    """The private folder goes when the demo is gone, and not before."""
    folder = tmp_path / "restock-demo"
    (folder / "hub").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-I", "-S", str(SWEEPER), str(folder)], stdin=subprocess.PIPE) as sweeper:
        os.kill(sweeper.pid, signal.SIGCONT)
        assert folder.exists()
        assert sweeper.stdin is not None
        sweeper.stdin.close()
        assert sweeper.wait(timeout=20) == 0
    assert not folder.exists()


async def test_free_ports() -> None:
    """Different ports, and nobody on them."""
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert not any([await listens(port) for port in ports])


def test_script_that_is_not_installed() -> None:
    """A missing program is named."""
    with pytest.raises(DemoError, match="restock-nothing is not installed"):
        script("restock-nothing")


def test_resident_set_of_a_process() -> None:
    """A plausible number of megabytes for us, never more than the peak, and nothing for nobody."""
    resident = resident_mb(os.getpid())
    assert resident is not None
    assert 5 < resident.now_mb <= resident.peak_mb < 5_000
    assert resident_mb(2**22 + 1) is None
