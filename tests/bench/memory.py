"""What a hub takes of memory with pages open: `python -m tests.bench.memory [--channels] [--walks 3]`.

The simulated home with its broker, merchant and bridge, each a process, and a hub that starts as a household's does.
After a while a person signs in, keeps three streams of events open, and walks every page that can be reached by a
link, in both languages, so many times. With `--channels` the hub tells two people's channels, too; what composes the
messages is a process of its own and is not counted. Modules are compiled before, as where a hub is installed: to
compile them at start leaves some MB behind. One JSON object on standard output: MB (10^6 bytes) of VmRSS, after each
walk and at rest, when the hub has had its minute to give back what is free (`adapters.allocator`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx

from firmware_sim import services
from firmware_sim.demo import plain_errors
from firmware_sim.folders import make_stores, private_folder
from firmware_sim.processes import Crew
from firmware_sim.services import HUB, OWNER
from firmware_sim.stack import STOP_ORDER, Plan, Stack, new_stack, running
from tests import loopback

_LANGUAGES = ("en", "zh-CN")
_PAGES_MAX = 80
_SPEED = 1_440.0  # virtual seconds a second, as the demo
_STREAMS = 3
_REST_S = 65.0
_HUB = "import edge_agent.__main__, edge_agent.app, edge_agent.wiring.household, onnxruntime"
_LINK = re.compile(r'href="(/[^"#]*)')
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_NO_PAGES = ("/static", "/manifest", "/api", "/data/export", "/sw.js", "/metrics", "/health")


def main() -> None:
    """Start a home, walk, say."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--channels", action="store_true")
    arguments.add_argument("--walks", type=int, default=3)
    arguments.add_argument("--settle", type=float, default=30.0)
    given = arguments.parse_args()
    figures = asyncio.run(_measure(channels=given.channels, walks=given.walks, settle_s=given.settle))
    sys.stdout.write(json.dumps(figures) + "\n")


async def _measure(*, channels: bool, walks: int, settle_s: float) -> dict[str, Any]:
    with plain_errors(), private_folder() as private:
        _compile(private / "compiled")
        stack = new_stack(Plan(speed=_SPEED, seed=7), private=private, stores=make_stores(None, inside=private))
        async with AsyncExitStack() as parts:
            sink = await parts.enter_async_context(_sink()) if channels else None
            parts.enter_context(_told_to(sink))
            crew = await parts.enter_async_context(Crew(STOP_ORDER))
            await parts.enter_async_context(running(crew, stack))
            await asyncio.sleep(settle_s)
            return await _walked(crew, stack, walks=walks, sink=sink)


async def _walked(crew: Crew, stack: Stack, *, walks: int, sink: str | None) -> dict[str, Any]:
    figures: dict[str, Any] = {"channels": sink is not None, "quiet": _resident(crew)}
    async with AsyncExitStack() as open_pages:
        client = await open_pages.enter_async_context(
            httpx.AsyncClient(verify=loopback.NOBODY, base_url=stack.places.page_url, timeout=60)
        )
        await _post(client, "/login", name=OWNER, password=stack.owner_password)
        for _ in range(_STREAMS):
            await open_pages.enter_async_context(client.stream("GET", "/api/v1/events"))
        if sink is not None:
            for each in "ab":
                await _post(client, "/channels/add", at="/channels", address=f"json://{sink}/{each}")
            for test in set(re.findall(r'action="(/channels/[^"/]+/test)"', (await client.get("/channels")).text)):
                await _post(client, test, at="/channels")
        for walk in range(walks):
            figures["pages"] = [len(await _walk(client, language=each)) for each in _LANGUAGES]
            figures[f"after walk {walk + 1}"] = _resident(crew)
        await asyncio.sleep(_REST_S)
        figures["at rest"] = _resident(crew)
        figures["peak"] = _resident(crew, peak=True)
    return figures


def _compile(folder: Path) -> None:
    """The hub's modules, into `folder`, where every process of the demo finds them."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    subprocess.run([sys.executable, "-c", _HUB], check=True)


async def _walk(client: httpx.AsyncClient, *, language: str) -> set[str]:
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


async def _post(client: httpx.AsyncClient, path: str, *, at: str = "", **fields: str) -> None:
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


def _resident(crew: Crew, *, peak: bool = False) -> float | None:
    found = crew.child(HUB).resident_mb()
    return None if found is None else found.peak_mb if peak else found.now_mb


if __name__ == "__main__":
    main()
