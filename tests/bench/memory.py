"""What a hub takes of memory, in the form in which others tell it: `python -m tests.bench.memory`.

The simulated home with its broker, merchant and bridge, each a process, and a hub that starts as a household's does.
Once a second its memory and that of its children is read: RSS (what is mapped and present), PSS (shared pages counted
in parts) and USS (what would be free without it), in MB of 10^6 bytes. Told are

- **forecasting**: all that was read while the model's process was there; the bar is for the hub,
- **quiet**: the last minute before ten minutes after a warm-up of five have passed, without that process (Greengrass
  Lite gives its PSS in this form), and nobody with a page open,
- **walked**: after a person has signed in, kept three streams of events open, and walked every page that can be
  reached by a link, in both languages, so many times,
- **rested**: a minute later, when the hub has given back what is free (`adapters.allocator`).

With `--channels` the hub tells two people's channels, too; what composes the messages counts among the children.
Modules are compiled before, as where a hub is installed: to compile them at start leaves some MB behind. A short run:
`--warm-up 0.5 --quiet 1`. `--speed` is virtual seconds a second: at 144 a day takes ten minutes, and about as often the
model is asked; in a home it is asked once or twice a day.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx
import psutil

from firmware_sim import services
from firmware_sim.demo import plain_errors
from firmware_sim.folders import make_stores, private_folder
from firmware_sim.processes import Crew
from firmware_sim.services import HUB, OWNER
from firmware_sim.stack import STOP_ORDER, Plan, Stack, new_stack, running
from tests import loopback
from tests.bench.figures import Bar, Figure, machine, tell

_BENCH = "memory"
_LANGUAGES = ("en", "zh-CN")
_PAGES_MAX = 80
_SPEED = 144.0
_STREAMS = 3
_REST_S = 65.0
_LAST_S = 60.0  # of the quiet time, what is told
_BAR = Bar("at_most", 130.0, goal=95.0)
_HUB = "import edge_agent.__main__, edge_agent.app, edge_agent.wiring.household, edge_agent.adapters.model_session"
_LINK = re.compile(r'href="(/[^"#]*)')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_NO_PAGES = ("/static", "/manifest", "/api", "/data/export", "/sw.js", "/metrics", "/health")


@dataclass(frozen=True, slots=True)
class Taken:
    """Memory of one process or several, in MB of 10^6 bytes."""

    rss: float = 0.0
    pss: float = 0.0
    uss: float = 0.0

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.rss + other.rss, self.pss + other.pss, self.uss + other.uss)


@dataclass(frozen=True, slots=True)
class Read:
    """One reading: the hub, and its children where it has any."""

    hub: Taken
    children: Taken | None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each part of a run."""

    warm_up: float
    quiet: float


def main() -> None:
    """Start a home, walk, say."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--channels", action="store_true")
    arguments.add_argument("--walks", type=int, default=3)
    arguments.add_argument("--warm-up", type=float, default=5.0, metavar="MINUTES")
    arguments.add_argument("--quiet", type=float, default=10.0, metavar="MINUTES")
    arguments.add_argument("--speed", type=float, default=_SPEED)
    given = arguments.parse_args()
    times = Times(warm_up=60 * given.warm_up, quiet=60 * given.quiet)
    asyncio.run(_measure(times, channels=given.channels, walks=given.walks, speed=given.speed))


async def _measure(times: Times, *, channels: bool, walks: int, speed: float) -> None:
    with plain_errors(), private_folder() as private:
        compile_modules(private / "compiled")
        stack = new_stack(Plan(speed=speed, seed=7), private=private, stores=make_stores(None, inside=private))
        async with AsyncExitStack() as parts:
            sink = await parts.enter_async_context(_sink()) if channels else None
            parts.enter_context(_told_to(sink))
            crew = await parts.enter_async_context(Crew(STOP_ORDER))
            await parts.enter_async_context(running(crew, stack))
            hub = psutil.Process(crew.child(HUB).pid)
            reads = [*await _watch(hub, for_s=times.warm_up), *await _watch(hub, for_s=times.quiet)]
            forecasting = [each for each in reads if each.children is not None]
            if forecasting:
                tell(*_figures("forecasting", forecasting))
            last = [each for each in reads[-round(_LAST_S) :] if each.children is None]
            tell(*_figures("quiet", last or reads[-5:]))
            await _walked(hub, stack, walks=walks, sink=sink)


async def _walked(hub: psutil.Process, stack: Stack, *, walks: int, sink: str | None) -> None:
    async with AsyncExitStack() as open_pages:
        client = await open_pages.enter_async_context(
            httpx.AsyncClient(verify=loopback.NOBODY, base_url=stack.places.page_url, timeout=60)
        )
        await post_form(client, "/login", name=OWNER, password=stack.owner_password)
        for _ in range(_STREAMS):
            await open_pages.enter_async_context(client.stream("GET", "/api/v1/events"))
        if sink is not None:
            for each in "ab":
                await post_form(client, "/channels/add", at="/channels", address=f"json://{sink}/{each}")
            for test in set(re.findall(r'action="(/channels/[^"/]+/test)"', (await client.get("/channels")).text)):
                await post_form(client, test, at="/channels")
        for _ in range(walks):
            pages = [len(await walk_pages(client, language=each)) for each in _LANGUAGES]
        tell(*_figures("walked", await _watch(hub, for_s=5.0), walks=walks, pages=pages))
        await asyncio.sleep(_REST_S)
        tell(*_figures("rested", await _watch(hub, for_s=5.0)))


async def _watch(hub: psutil.Process, *, for_s: float) -> list[Read]:
    """A reading a second; at least one."""
    reads = [_read(hub)]
    for _ in range(round(for_s)):
        await asyncio.sleep(1.0)
        reads.append(_read(hub))
    return reads


def _read(hub: psutil.Process) -> Read:
    children: Taken | None = None
    for child in hub.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            taken = memory_of(child)
            if taken.rss:  # one that ends has none
                children = taken + (children or Taken())
    return Read(hub=memory_of(hub), children=children)


def memory_of(process: psutil.Process) -> Taken:
    """What it takes now. Raises: psutil.NoSuchProcess."""
    found = process.memory_full_info()
    return Taken(found.rss / 1e6, found.pss / 1e6, found.uss / 1e6)


def _figures(name: str, reads: Sequence[Read], **more: object) -> Iterator[Figure]:
    """RSS, PSS and USS of the hub, with the sum over its children where it has any."""
    for kind in ("rss", "pss", "uss"):
        sums = [getattr(each.hub + each.children, kind) for each in reads if each.children is not None]
        hub = [getattr(each.hub, kind) for each in reads]
        beside = {} if not sums else {"with_children": round(statistics.median(sums), 1)}
        yield Figure(
            bench=_BENCH,
            name=f"hub {name}, {kind.upper()}",
            unit="MB",
            rounds=spread(hub),
            bar=_BAR if kind == "rss" else None,
            more={"reads": len(hub), **beside, **more, **machine()},
        )


def spread(values: Sequence[float]) -> list[float]:
    """Five of many, from the least to the largest with the same median."""
    rising = sorted(values)
    return [rising[(len(rising) - 1) * part // 4] for part in range(5)]


def compile_modules(folder: Path) -> None:
    """The hub's modules, into `folder`, where every process of the demo finds them."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    subprocess.run([sys.executable, "-c", _HUB], check=True)


async def walk_pages(client: httpx.AsyncClient, *, language: str) -> set[str]:
    """Every page that can be reached, in one language."""
    seen: set[str] = set()
    ahead = ["/"]
    while ahead and len(seen) < _PAGES_MAX:
        path = ahead.pop(0)
        if path in seen or path.startswith(_NO_PAGES):
            continue
        answer = await client.get(path, headers={"Accept-Language": language})
        if answer.is_success:
            seen.add(path)
            ahead += map(unescape, _LINK.findall(answer.text))
    return seen


async def post_form(client: httpx.AsyncClient, path: str, *, at: str = "", **fields: str) -> None:
    """Send the form of a page with its token. Raises: SystemExit when it is not taken."""
    found = _CSRF.search((await client.get(at or path)).text)
    if found is None:
        raise SystemExit(f"{at or path} shows no form")
    answer = await client.post(path, data={**fields, "csrf": found[1]})
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise SystemExit(f"{path} answers {answer.status_code}")


@contextmanager
def _told_to(sink: str | None) -> Iterator[None]:
    """The demo's hub, which has no setting for it, may send messages to `sink`."""
    plain = services.hub_config
    more = "" if sink is None else f'\n[notify]\norigins = ["http://{sink}"]\nweb_push = true\nevery_s = 5\n'
    services.hub_config = lambda *args, **named: plain(*args, **named) + more
    try:
        yield
    finally:
        services.hub_config = plain


@asynccontextmanager
async def _sink() -> AsyncIterator[str]:
    """A service on loopback that takes every message; yields its host and port."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{host}:{port}"


if __name__ == "__main__":
    main()
