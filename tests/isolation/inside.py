"""Run a hub inside a network namespace that has a loopback and nothing else, with every connect() written down.

Run as `unshare --net python -m tests.isolation.inside FOLDER`. A broker and a bridge that never say anything useful
listen on the two ports that the hub is told; standard output says which, and how often each was called.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.commands.commission import set_up
from edge_agent.config import load
from firmware_sim.services import HOUSEHOLD_FILE

CALLS_WANTED = 4
DEADLINE_S = 40.0
TRACE = "trace"
_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Listener:
    """Takes connections on a port of its own, reads a little, answers once."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.calls = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65_536)
                connection.sendall(self._answer)
            self.calls += 1


def main(folder: Path) -> None:
    """Trace a hub until it has called both often enough."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    broker, bridge = Listener(b""), Listener(_AWAY)
    config = folder / "hub.toml"
    config.write_text(_settings(folder, broker=broker.port, bridge=bridge.port), encoding="utf-8")
    set_up(load(config), household_file=HOUSEHOLD_FILE, owner="owner", password="a password of the test")
    calls = "connect,sendto,sendmsg,sendmmsg,getsockname"
    trace = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={calls}", "-o", str(folder / TRACE)]
    hub = [sys.executable, "-m", "edge_agent", "run", "--config", str(config)]
    with (
        (folder / "hub.log").open("wb") as log,
        subprocess.Popen([*trace, *hub], stdout=log, stderr=log, start_new_session=True) as running,
    ):
        try:
            _wait(lambda: min(broker.calls, bridge.calls) >= CALLS_WANTED or running.poll() is not None)
        finally:
            os.killpg(running.pid, signal.SIGKILL)  # the tracer alone would leave the hub running
    said = {"broker": broker.port, "bridge": bridge.port, "calls": [broker.calls, bridge.calls]}
    sys.stdout.write(json.dumps(said))


def _wait(done: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not done() and time.monotonic() < deadline_s:
        time.sleep(0.1)


def _settings(folder: Path, *, broker: int, bridge: int) -> str:
    return f"""[home]
id = "home"
data_dir = {json.dumps(str(folder / "data"))}
[mqtt]
url = "mqtt://127.0.0.1:{broker}"
[web]
port = 0
[bridge]
url = "http://127.0.0.1:{bridge}"
[clock]
speed = 1000.0
real_epoch = {datetime.now(UTC).isoformat()}
virtual_epoch = 2026-03-02T08:00:00Z
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
