"""What a hub loses when it is killed in a burst: `python -m tests.bench.killed [--rounds 5] [--brokers ...]`.

Each round: a broker, a hub with its usual settings, and `restock-sim fleet` as the sender of 20,000 readings with QoS 1
by 400 devices, as fast as the broker takes them. With 15 % or more stored the hub gets `kill -9`, a second and a half
later it is started again, and when the fleet hears nothing new any more the fleet judges: what the broker had
acknowledged to the devices against the rows of the hub's store. Each acknowledgement that the hub gave a device is
held against the store, too, in the moment of the kill and at the end. In `bridge_away` the order service takes
connections and never answers, from before the hub's start; else a real one answers.

A round in which the kill struck before 15 % were stored, or after all were, is no round: it is done again with another
moment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt

from firmware_sim.processes import Child, Command, free_ports, script, wait_http
from tests.bench.figures import Bar, Figure, machine, tell
from tests.conftest import SESSIONS_IN_MEMORY, Broker, mosquitto, nats
from tests.kill.fleet import HOME, first_subscription
from tests.kill.hub import Hub
from tests.kill.oracle import Key
from tests.kill.waiting import comes_true

READINGS = 20_000
DEVICES = 400
STORED_FIRST = 0.15
BROKERS: Mapping[str, tuple[Callable[[Path], AbstractContextManager[Broker]], str]] = {
    "mosquitto": (partial(mosquitto, settings=SESSIONS_IN_MEMORY), "5"),
    "nats": (nats, "3.1.1"),
}
_DOWN_S = 1.5  # as the peers were measured
_TRIES = 8
_WITHIN_S = 600.0
_AT_WORK_WITHIN_S = 240.0
_STOP_NOW = b"stop the hub now"
_NO_LOSS = Bar("at_most", 0)


@dataclass
class Acks:
    """What the hub has said to the devices: the highest seq up to which everything is stored, by device and boot."""

    highest: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many readings these stand for."""
        return sum(self.highest.values())

    def hear(self, payload: bytes) -> None:
        """One acknowledgement."""
        said = json.loads(payload)
        key = said["device"], said["boot"]
        self.highest[key] = max(said["seq"], self.highest.get(key, 0))

    def keys(self) -> set[Key]:
        """All of them one by one."""
        return {(*key, seq) for key, last in self.highest.items() for seq in range(1, last + 1)}


@dataclass
class Moment:
    """At which share of acknowledged readings the kill strikes: these words come some time after the commits."""

    share: float = 0.03


@dataclass(frozen=True, slots=True)
class Round:
    """What one kill came to."""

    sent: int
    stored_at_kill: int
    lost: int
    doubled: int
    broken_acks: int
    kept_apart: int
    redelivered_s: float
    cpu_s: float  # of the second life, from its start to its end
    ended: str

    @property
    def struck(self) -> bool:
        """Whether the kill came in the middle."""
        return STORED_FIRST * self.sent <= self.stored_at_kill < self.sent


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m tests.bench.killed", description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--brokers", nargs="+", choices=list(BROKERS), default=list(BROKERS))
    arguments.add_argument("--readings", type=int, default=READINGS, help="of the burst (default 20000)")
    given = arguments.parse_args()
    _allow_connections()
    for broker in given.brokers:
        for bridge_away in (False, True):
            name, moment = f"{broker}{'_bridge_away' if bridge_away else ''}", Moment()
            rounds = [
                asyncio.run(
                    _struck_round(broker, bridge_away=bridge_away, readings=given.readings, name=name, moment=moment)
                )
                for _ in range(given.rounds)
            ]
            _tell(name, rounds)


def _tell(name: str, rounds: list[Round]) -> None:
    more = {
        "sent": [each.sent for each in rounds],
        "stored_at_kill": [each.stored_at_kill for each in rounds],
        "kept_apart": sum(each.kept_apart for each in rounds),
        "ended": Counter(each.ended for each in rounds),
        **machine(),
    }
    cpu_s = sorted(each.cpu_s for each in rounds)[len(rounds) // 2]
    lost = [each.lost for each in rounds]
    tell(
        Figure("killed", f"lost_{name}", "readings", lost, bar=_NO_LOSS, cpu_s=cpu_s, more=more),
        Figure("killed", f"doubled_{name}", "rows", [each.doubled for each in rounds], bar=_NO_LOSS),
        Figure("killed", f"acked_not_stored_{name}", "readings", [each.broken_acks for each in rounds], bar=_NO_LOSS),
        Figure("killed", f"rest_taken_in_{name}", "s", [each.redelivered_s for each in rounds]),
    )
    if any(each.lost or each.doubled or each.broken_acks or each.ended != "done" for each in rounds):
        raise SystemExit(f"{name}: readings were lost or doubled, or the fleet did not settle: {rounds}")


async def _struck_round(broker: str, *, bridge_away: bool, readings: int, name: str, moment: Moment) -> Round:
    for _ in range(_TRIES):
        done = await _round(broker, bridge_away=bridge_away, readings=readings, acked_first=moment.share * readings)
        sys.stderr.write(f"{name}: {done}\n")
        if done.struck:
            return done
        moment.share *= 0.5 if done.stored_at_kill >= done.sent else 1.5
    raise SystemExit(f"{name}: the kill did not strike in the middle, {_TRIES} times")


async def _round(name: str, *, bridge_away: bool, readings: int, acked_first: float) -> Round:
    start, version = BROKERS[name]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="restock-bench-", dir=Path.cwd())))
        broker = stack.enter_context(start(folder))
        [bridge_port] = free_ports(1)
        if bridge_away:
            stack.enter_context(_silent(bridge_port))
        hub = Hub(folder, broker.url, mqtt="", bridge=f'url = "http://127.0.0.1:{bridge_port}"')
        async with hub, _bridge(None if bridge_away else hub, port=bridge_port), _acks(broker.port) as acks:
            await first_subscription(broker.port)
            acks.highest.clear()  # of the scout
            return await _burst(hub, broker, acks, version=version, readings=readings, acked_first=acked_first)


async def _burst(hub: Hub, broker: Broker, acks: Acks, *, version: str, readings: int, acked_first: float) -> Round:
    fleet = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firmware_sim", "fleet", "--broker", broker.url, "--mqtt", version, "--json"),
        *("--homes", "1", "--home", HOME, "--devices", str(DEVICES), "--consumer", "hub", "--store", str(hub.store)),
        *("--rate", str(readings), "--duration", "1", "--settle", "30", "--hold", "10000"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    asked = asyncio.create_task(_until_asked(fleet), name="fleet")
    try:
        async with asyncio.timeout(_WITHIN_S):
            if not await comes_true(lambda: acks.count >= acked_first, within_s=_AT_WORK_WITHIN_S):
                raise SystemExit(f"only {acks.count} readings were acknowledged in {_AT_WORK_WITHIN_S:.0f} s")
            await hub.kill()
            stored = hub.stored()
            broken = len(acks.keys() - set(stored))
            await asyncio.sleep(_DOWN_S)
            hub.start()
            began_s = time.monotonic()
            await asked
            taken_in_s, cpu_s = time.monotonic() - began_s, _cpu_s(hub.pid)
            await hub.stop()
            out, _ = await fleet.communicate()
    finally:
        asked.cancel()
        if fleet.returncode is None:
            fleet.kill()
            await fleet.wait()
    return _judged(json.loads(out), acks, hub, stored_at_kill=_of(acks, stored), broken=broken, s=(taken_in_s, cpu_s))


def _judged(
    said: dict[str, Any], acks: Acks, hub: Hub, *, stored_at_kill: int, broken: int, s: tuple[float, float]
) -> Round:
    taken_in_s, cpu_s = s
    consumer = said["consumer"]
    return Round(
        sent=said["readings"]["acknowledged"],
        stored_at_kill=stored_at_kill,
        lost=consumer["lost"] + said["readings"]["dropped"],
        doubled=consumer["duplicates"],
        broken_acks=broken + len(acks.keys() - set(hub.stored())),
        kept_apart=sum(consumer["kept_apart"].values()),
        redelivered_s=taken_in_s,
        cpu_s=cpu_s,
        ended=said["ended"],
    )


def _of(acks: Acks, stored: list[Key]) -> int:
    """How many of these rows are of the burst: its boots are those that were acknowledged."""
    runs = {boot.rsplit("-", 1)[0] for _, boot in acks.highest}
    return sum(boot.rsplit("-", 1)[0] in runs for _, boot, _ in stored)


async def _until_asked(fleet: asyncio.subprocess.Process) -> None:
    """Until the fleet wants to read the store; what it says after that is read, too, so that it never waits for us."""
    assert fleet.stderr is not None
    said = b""
    async for said in fleet.stderr:
        if _STOP_NOW in said:
            return
    raise SystemExit(f"the fleet ended before it had looked at the store: {said.decode()}")


@asynccontextmanager
async def _acks(port: int) -> AsyncIterator[Acks]:
    """Whoever listens on the devices' `ack` topics."""
    acks = Acks()
    async with aiomqtt.Client("127.0.0.1", port, identifier="bench-ear") as client:
        await client.subscribe(f"restock/v1/{HOME}/+/ack", qos=1)

        async def listen() -> None:
            async for message in client.messages:
                acks.hear(bytes(message.payload))  # type: ignore[arg-type]  # only the hub speaks here

        task = asyncio.create_task(listen(), name="ear")
        try:
            yield acks
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def _bridge(hub: Hub | None, *, port: int) -> AsyncIterator[None]:
    """A real order service that knows the hub's household; none without a hub."""
    if hub is None:
        yield
        return
    config = hub.folder / "bridge.toml"
    config.write_text(
        f'[server]\nport = {port}\n[store]\nurl = "sqlite:///{hub.folder / "bridge.sqlite3"}"\n'
        f'[[households]]\nid = "{HOME}"\npublic_key = "{hub.public_key}"\n',
        encoding="utf-8",
    )
    argv = [script("restock-bridge"), "run", "--config", str(config)]
    child = Child(Command(name="bridge", argv=argv, log=hub.folder / "bridge.log"))
    try:
        await wait_http(child, f"http://127.0.0.1:{port}/healthz")
        yield
    finally:
        await child.stop()


@contextmanager
def _silent(port: int) -> Iterator[None]:
    """The system takes connections here, and nobody ever reads them."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        yield


def _allow_connections() -> None:
    """The broker's and the fleet's, which are as many as devices."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
