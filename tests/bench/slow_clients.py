"""What slow and greedy clients cost the others: `python -m tests.bench.slow_clients [--seconds 20] [--plain]`.

Serves the sample home in a process of its own, as the hub serves its pages; `--plain` without the door, to compare.
For each kind of bad client, 150 and 500 of them at once; each comes back as soon as it is cut off. Meanwhile somebody
else opens a page on a new connection twenty times a second; a fifth of that time is a round. Everything stays on
loopback and ends by itself. Figures as lines of JSON (`tests.bench.figures`).
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from edge_agent.adapters.doorway import Bounded, DoorConfig, Guests, open_door
from edge_agent.config import WebConfig
from tests.bench.figures import Bar, Figure, tell
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import opened

Bad = Callable[[int], Awaitable[None]]
_DRIP_EVERY_S = 10.0
_ASK_EVERY_S = 0.05
_ASK_WITHIN_S = 30.0
_POST = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
_CHUNK = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
_HOUR_S = 3_600
_ROUNDS = 5
_LOG = Bar("at_most", 1_000.0)  # kB an hour: a log that fills the disk is one more way to be shut out


def main() -> None:
    """Measure, or serve for who measures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--counts", type=int, nargs="*", default=[150, 500])
    arguments.add_argument("--plain", action="store_true")
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve:
        asyncio.run(_serve(plain=given.plain))
        return
    _allow_many_files()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as out:
            server = subprocess.Popen(
                [sys.executable, "-m", __spec__.name, "--serve", *(["--plain"] if given.plain else [])],
                stdout=subprocess.PIPE,
                stderr=out,
            )
        try:
            said = server.stdout.readline() if server.stdout else b""
            asyncio.run(_measure(int(said), server.pid, log, seconds=given.seconds, counts=given.counts))
        finally:
            server.terminate()
            server.wait()


async def _measure(port: int, pid: int, log: Path, *, seconds: float, counts: list[int]) -> None:
    for name, bad in {"no_bad": None, "silent": _silent, "header_drip": _headers, "body_drip": _body}.items():
        for count in counts if bad else [0]:
            sys.stderr.write(f"{name}, {count} at once\n")
            tell(*await _crowded(name, bad, count, port=port, pid=pid, log=log, seconds=seconds))
    for name, answer in {
        "long_address": _shout(port, b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        "many_headers": _shout(port, b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n"),
        "endless_chunks": _shout(port, _POST + b"Transfer-Encoding: chunked\r\n\r\n", _CHUNK, times=4_000),
        "gzip_bomb": _shout(port, _bomb()),
    }.items():
        status = await answer
        tell(Figure("slow_clients", f"after_{name}_resident", "MB", [_resident_mb(pid)], more={"status": status}))


async def _crowded(
    name: str, bad: Bad | None, count: int, *, port: int, pid: int, log: Path, seconds: float
) -> list[Figure]:
    """What somebody else sees of so many bad clients."""
    before, cpu_s = _bytes(log), _cpu_s(pid)
    crowd = [asyncio.create_task(_again(bad, port)) for _ in range(count)] if bad else []
    await asyncio.sleep(1.0 if crowd else 0.0)
    started, peak_mb = time.perf_counter(), 0.0
    asking: list[asyncio.Task[float | None]] = []
    while time.perf_counter() - started < seconds:
        asking.append(asyncio.create_task(_ask(port)))
        await asyncio.sleep(_ASK_EVERY_S)
        peak_mb = max(peak_mb, _resident_mb(pid))
    answers = await asyncio.gather(*asking)
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    who = f"{name}_{count}" if count else name
    told = {"asked": len(answers), "lost": answers.count(None), "cpu": round(_cpu_s(pid) - cpu_s, 2)}
    log_kb = (_bytes(log) - before) / 1_000 * _HOUR_S / seconds
    return [
        *_waits(who, answers, more=told),
        Figure("slow_clients", f"{who}_resident", "MB", [peak_mb]),
        Figure("slow_clients", f"{who}_log", "kB/h", [log_kb], bar=_LOG),
    ]


def _waits(name: str, answers: Sequence[float | None], *, more: Mapping[str, object]) -> Iterator[Figure]:
    """How long the pages took, in rounds as they were asked; a page that never came counts as the longest wait."""
    took_ms = [1_000 * (_ASK_WITHIN_S if each is None else each) for each in answers]
    size = max(1, len(took_ms) // _ROUNDS)
    rounds = [sorted(took_ms[first : first + size]) for first in range(0, len(took_ms) - size + 1, size)]
    for told, share in {"p50": 0.5, "p99": 0.99, "worst": 1.0}.items():
        values = [each[min(len(each) - 1, int(len(each) * share))] for each in rounds]
        yield Figure("slow_clients", f"{name}_page_{told}", "ms", values, more=more)


async def _ask(port: int) -> float | None:
    """Seconds to a whole page on a new connection; None: there was none."""
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(_ASK_WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = await reader.read(-1)
            writer.close()
    except (OSError, TimeoutError):
        return None
    return time.perf_counter() - begun if answer.startswith(b"HTTP/1.1 200") else None


async def _again(bad: Bad, port: int) -> None:
    while True:
        with suppress(OSError):
            await bad(port)
        await asyncio.sleep(0.1)


async def _silent(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.read()
    finally:
        writer.close()


async def _headers(port: int) -> None:
    await _drip(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")


async def _body(port: int) -> None:
    await _drip(port, _POST + b"Content-Length: 9000\r\n\r\n")


async def _drip(port: int, start: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(start)
        while not reader.at_eof():
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRIP_EVERY_S):
                    await reader.read()
            writer.write(b"a")
            await writer.drain()
    finally:
        writer.close()


async def _shout(port: int, start: bytes, more: bytes = b"", *, times: int = 0) -> int:
    """The status that such a request gets; 0: none, it was cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(OSError):
        writer.write(start)
        for _ in range(times):
            writer.write(more)
            await writer.drain()
    line = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_ASK_WITHIN_S):
            line = await reader.readline()
    writer.close()
    return int(line.split()[1]) if line else 0


def _bomb() -> bytes:
    packed = gzip.compress(b"a" * 10_000_000)
    return _POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


async def _serve(*, plain: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), ManualClock()) as house:
        if plain:
            listener = socket.create_server(("127.0.0.1", 0), backlog=64)
            config = Config()
            config.bind = [f"fd://{listener.fileno()}"]
            config.backlog, config.keep_alive_timeout, config.read_timeout = 64, 10, 15
            app, address = house.app, listener.getsockname()
        else:
            guests = Guests()
            door = open_door(WebConfig(port=0), guests=guests)
            config = DoorConfig(door)
            door.listen()
            app, address = Bounded(house.app, guests=guests), door.getsockname()
        sys.stdout.write(f"{address[1]}\n")
        sys.stdout.flush()
        await serve(app, config)  # type: ignore[arg-type]


def _bytes(log: Path) -> int:
    return log.stat().st_size


def _resident_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, most), most))


if __name__ == "__main__":
    main()
