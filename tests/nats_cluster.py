"""A cluster of three nats-servers on loopback, started on the example that operators get (packaging/nats/node.conf).

Its own are the routes and the logins, which the hub's own code writes (`edge_agent.core.broker.acl`), and no TLS.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.core.broker.acl import Login, nats_users
from edge_agent.core.leave.grants import Grant

PASSWORD = "for-a-trial-on-loopback"
FLEET = Login(
    "fleet",
    Grant(tuple(f"restock/v1/+/+/{word}" for word in ("birth", "state", "reading")), ("restock/v1/+/+/reading",)),
    mosquitto="-",
    nats=PASSWORD,
)
_EXAMPLE = Path(__file__).parents[1] / "packaging/nats/node.conf"
_NODES = 3
_READY_WITHIN_S = 30.0
_ACKNOWLEDGED = re.compile(r"acknowledged (\d+)")
_LEADER = "metadata leader"  # what a node logs once it knows who leads


@dataclass
class Node:
    """One nats-server. `port` is that of MQTT, `env` what its configuration takes from the environment."""

    name: str
    port: int
    program: str
    folder: Path
    env: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it; it is of use when the others have answered."""
        with self.log.open("ab") as log:
            words = (self.program, "-c", str(self.folder / "node.conf"))
            self.process = subprocess.Popen(words, env=os.environ | self.env, stdout=log, stderr=log)

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in an orderly way."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(number)
            process.wait()


@contextmanager
def cluster(folder: Path, *, program: str, logins: Sequence[Login]) -> Iterator[list[Node]]:
    """Three nodes that know their leader, with their files in `folder`."""
    ports = _free_ports(2 * _NODES)
    mqtt, inner = ports[:_NODES], ports[_NODES:]
    texts = {
        "node.conf": _EXAMPLE.read_text(encoding="utf-8"),
        "routes.conf": f"routes: {json.dumps([f'nats://127.0.0.1:{port}' for port in inner])}\n",
        "mqtt-tls.conf": "",
        "homes.conf": nats_users(logins, store_mib_max=1_024, memory_mib_max=64),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    nodes = [
        Node(f"node-{number}", mqtt[number], program, folder, _environment(folder, number, mqtt=mqtt, inner=inner))
        for number in range(_NODES)
    ]
    with ExitStack() as ending:
        for node in nodes:
            node.start()
            ending.callback(node.stop)
        _wait_for_leader(nodes)
        yield nodes


def play_through_a_kill(nodes: Sequence[Node], words: Sequence[str], *, kill_at: int, start_at: int) -> dict[str, Any]:
    """A fleet on all nodes: the first one is killed at so many acknowledged readings, and started again at so many.

    Those between are acknowledged by the other two alone. The check subscriber begins on the first node, so that it is
    struck too. Gives the result of the run.
    """
    urls = [word for node in nodes for word in ("--broker", f"mqtt://127.0.0.1:{node.port}")]
    argv = [sys.executable, "-m", "firmware_sim", "fleet", *urls, "--mqtt", "3.1.1", "--json", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fleet:
        assert fleet.stderr is not None
        assert fleet.stdout is not None
        said, waiting = [], [(start_at, nodes[0].start), (kill_at, nodes[0].kill)]
        for line in fleet.stderr:
            said.append(line)
            acknowledged = _ACKNOWLEDGED.search(line)
            if waiting and acknowledged is not None and int(acknowledged[1]) >= waiting[-1][0]:
                waiting.pop()[1]()
        told = fleet.stdout.read()
    if not told:
        raise RuntimeError("".join(said))
    result: dict[str, Any] = json.loads(told)
    return result


def _environment(folder: Path, number: int, *, mqtt: Sequence[int], inner: Sequence[int]) -> dict[str, str]:
    return {
        "RESTOCK_NODE": f"node-{number}",
        "RESTOCK_MQTT": f'"127.0.0.1:{mqtt[number]}"',
        "RESTOCK_CLUSTER": f'"127.0.0.1:{inner[number]}"',
        "RESTOCK_STORE": f'"{folder}/store-{number}"',
    }


def _wait_for_leader(nodes: Sequence[Node]) -> None:
    until = time.monotonic() + _READY_WITHIN_S
    while not all(_LEADER in node.log.read_text(encoding="utf-8", errors="replace") for node in nodes):
        ended = [node.name for node in nodes if node.process is None or node.process.poll() is not None]
        if ended or time.monotonic() > until:
            raise RuntimeError("".join(node.log.read_text(errors="replace")[-2_000:] for node in nodes))
        time.sleep(0.02)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
