"""The demo's child processes: start, watch, stop, and leave nothing behind.

Each child runs in a session of its own, so that a Ctrl-C in the terminal reaches the demo alone and the demo stops its
children in order. Each is on a leash (`leash.py`): when the demo is killed, the kernel kills them. Starting is
synchronous on purpose: there is no moment at which a process exists and nobody holds it. Secrets go by environment,
never by argument.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import httpx

_POLL_S = 0.05  # real time between two looks at the children
_GRACE_S = 10.0
_TAIL_LINES = 15
_TAIL_BYTES = 16_384
_OUTPUT_BYTES_MAX = 16 * 1024 * 1024
_LEASH = Path(__file__).with_name("leash.py")
_PORTS = range(18_000, 32_000)  # below the range from which kernels take the ports of outgoing connections
_PORT_TRIES_MAX = 200


class DemoError(Exception):
    """The simulated home cannot go on; the message says what failed and what to look at."""


class ChildFailedError(DemoError):
    """A process ended that should not have, with the tail of its log."""

    def __init__(self, name: str, *, code: int, tail: str) -> None:
        super().__init__(f"{name} ended with code {code}; the end of its log:\n{tail}")
        self.name = name
        self.code = code


class NotReadyError(DemoError):
    """A process did not become ready in time."""


@dataclass(frozen=True, slots=True)
class Resident:
    """Resident set of a process, now and at its largest, in MB of 10^6 bytes."""

    now_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. `environment` is added to the demo's own, without its RESTOCK_ variables."""

    name: str
    argv: Sequence[str]
    log: Path
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """One running process of the demo."""

    def __init__(self, command: Command) -> None:
        self.name = command.name
        self.log = command.log
        self.started_s = time.monotonic()
        self._process = _popen(command, stdin=subprocess.DEVNULL, stdout=None)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def failure(self) -> ChildFailedError | None:
        """The error that its end means; None while it runs."""
        if not _ended(self._process):
            return None
        return ChildFailedError(self.name, code=_reap(self._process), tail=tail(self.log))

    def resident_mb(self) -> Resident | None:
        """Its resident set; None once it has ended."""
        return resident_mb(self.pid)

    async def stop(self, *, grace_s: float = _GRACE_S) -> None:
        """End it: SIGTERM, and SIGKILL to what is left of its session after `grace_s`."""
        if self._process.returncode is None:
            self._process.terminate()
        deadline_s = time.monotonic() + grace_s
        while not _ended(self._process) and time.monotonic() < deadline_s:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(_POLL_S)
        _reap(self._process)


class Crew:
    """All children, in the order in which they are stopped. Use as a context manager: leaving it stops the rest."""

    def __init__(self, stop_order: Sequence[str]) -> None:
        self._stop_order = tuple(stop_order)
        self._children: dict[str, Child] = {}

    async def __aenter__(self) -> Crew:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._stop_order:
            await self.stop(name)

    def start(self, command: Command) -> Child:
        """Start a child and keep it."""
        if command.name not in self._stop_order or command.name in self._children:
            raise ValueError(f"{command.name} has no place in the order of stopping, or runs already")
        child = Child(command)
        self._children[child.name] = child
        return child

    def child(self, name: str) -> Child:
        """A running child."""
        return self._children[name]

    async def stop(self, name: str) -> None:
        """Stop one child; nothing happens when it does not run."""
        child = self._children.pop(name, None)
        if child is not None:
            await child.stop()

    async def watch(self) -> NoReturn:
        """Wait until a child ends by itself.

        Raises: ChildFailedError with its name and the tail of its log.
        """
        while True:
            for child in tuple(self._children.values()):
                failure = child.failure()
                if failure is not None:
                    raise failure
            await asyncio.sleep(_POLL_S)


async def run_to_end(command: Command, *, stdin: str = "", timeout_s: float = 60.0) -> str:
    """Run a command that ends by itself; its standard output.

    Raises: ChildFailedError when it fails, NotReadyError when it takes longer than `timeout_s`.
    """
    with _popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            async with asyncio.timeout(timeout_s):
                output = await _talk(process, stdin)
        except TimeoutError as exc:
            raise NotReadyError(f"{command.name} took longer than {timeout_s:.0f} s") from exc
        finally:
            code = _reap(process)
    if code != 0:
        raise ChildFailedError(command.name, code=code, tail=tail(command.log))
    return output


async def wait_ready(child: Child, ready: Callable[[], Awaitable[bool]], *, timeout_s: float = 30.0) -> None:
    """Wait until `ready()` says so.

    Raises: ChildFailedError when the child ends first, NotReadyError after `timeout_s`.
    """
    deadline_s = time.monotonic() + timeout_s
    while not await ready():
        failure = child.failure()
        if failure is not None:
            raise failure
        if time.monotonic() > deadline_s:
            raise NotReadyError(f"{child.name} was not ready in {timeout_s:.0f} s; its log:\n{tail(child.log)}")
        await asyncio.sleep(_POLL_S)


async def wait_http(child: Child, url: str, *, timeout_s: float = 30.0) -> None:
    """Wait until `url` answers 200. Raises as `wait_ready`."""
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        await wait_ready(child, lambda: _answers(client, url), timeout_s=timeout_s)


async def listens(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nothing listens on now.

    Raises: DemoError when there are not enough.
    """
    chooser = random.SystemRandom()
    ports: set[int] = set()
    for _ in range(_PORT_TRIES_MAX):
        if len(ports) == count:
            return list(ports)
        port = chooser.choice(_PORTS)
        if _can_bind(port):
            ports.add(port)
    raise DemoError(f"found no {count} free ports on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}")


def script(name: str) -> str:
    """The path of a program that is installed beside this Python.

    Raises: DemoError when it is missing.
    """
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DemoError(f"{name} is not installed beside {sys.executable}; run make install")
    return str(path)


def tail(log: Path) -> str:
    """The last lines of a log, for a message."""
    try:
        content = log.read_bytes()[-_TAIL_BYTES:].decode("utf-8", errors="replace")
    except OSError:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in content.splitlines()[-_TAIL_LINES:]) or "  (empty)"


def resident_mb(pid: int) -> Resident | None:
    """VmRSS and VmHWM of a process, from /proc; None where they cannot be read."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmRSS:", "VmHWM:")))
    if len(fields) < 2:
        return None
    now_mb, peak_mb = (round(int(fields[name].split()[0]) * 1024 / 1e6, 1) for name in ("VmRSS", "VmHWM"))
    return Resident(now_mb=now_mb, peak_mb=peak_mb)


def _popen(command: Command, *, stdin: int, stdout: int | None) -> subprocess.Popen[bytes]:
    log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command.argv],
            stdin=stdin,
            stdout=log if stdout is None else stdout,
            stderr=log,
            cwd=command.cwd,
            env=_environment(command.environment),
            start_new_session=True,
        )
    finally:
        os.close(log)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The demo's environment without its own secrets, and with no proxy between the parts of one machine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RESTOCK_")}
    return {**inherited, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1", **extra}


async def _talk(process: subprocess.Popen[bytes], stdin: str) -> str:
    """Give a short standard input, and read the standard output to its end without blocking the loop."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the command was started without pipes")
    with suppress(BrokenPipeError):  # it ended before it read; its exit code says why
        process.stdin.write(stdin.encode())
        process.stdin.close()
    os.set_blocking(process.stdout.fileno(), False)
    output = bytearray()
    while not _ended(process):
        output += process.stdout.read(_OUTPUT_BYTES_MAX) or b""
        await asyncio.sleep(_POLL_S / 5)
    output += process.stdout.read(_OUTPUT_BYTES_MAX) or b""
    return output.decode("utf-8", errors="replace")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is not reaped yet, so its id cannot belong to another process."""
    if process.returncode is not None:
        return True
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reap(process: subprocess.Popen[bytes]) -> int:
    """Kill whatever is left of the child's session, then reap the child; its exit code."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # nothing is left
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False
