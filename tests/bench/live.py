"""From a reading to the open page that shows it: `python -m tests.bench.live [--readings 20] [--steady 40]`.

A whole hub in a process of its own, a real broker, Chromium on an item's page, and a listener of the events beside it.
The hub's settings are the usual ones: a review each quarter of an hour, so none falls into the measurement but the
first. Single readings come when nothing else happens; the steady ones come five a second. What is told of each reading
is how long after it was published the page says a state as of it, or of a later one: the amount itself may stand, as a
step that no second value confirms changes none. `steady_hub_cpu` is the hub's share of one core meanwhile. Each reading
is a round. Figures as lines of JSON (`tests.bench.figures`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import httpx
from playwright.async_api import async_playwright

from edge_agent.commands.commission import set_up
from edge_agent.config import load
from tests import loopback
from tests.bench.figures import Figure, tell
from tests.browser.looking import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.conftest import mosquitto

_HOUSEHOLD = """
[[items]]
id = "oats"
name = "Oats"
category = "oats"
unit = "g"
room_packs = 6
prior_use_per_day = 50.0
[items.product]
title = "Rolled oats, 1 kg"
merchant = "grocer"
sku = "oats-1"
pack_amount = 1000.0
[items.binding]
device = "pantry_scale"
signal = "weight"
"""
_PASSWORD = "a password of the bench"
_TOPIC = "restock/v1/home/pantry_scale"
_AS_OF = "[...document.querySelectorAll('[data-live=now] dt')].find(term => term.innerText === 'As of')"
_WATCH = f"""() => {{
  const asOf = () => {_AS_OF}?.nextElementSibling.innerText;
  let last = asOf();
  new MutationObserver(() => {{
    const now = asOf();
    if (now !== last) window.shown(now, Date.now() / 1000);
    last = now;
  }}).observe(document.body, {{ subtree: true, childList: true, characterData: true }});
}}"""
_WITHIN_S = 4.0
_STEADY_EVERY_S = 0.2
_WARM_UP = 6
_APART = timedelta(minutes=10)  # closer, and the hub takes the steps for somebody who leans on the scale
_BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=22)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--readings", type=int, default=20)
    arguments.add_argument("--steady", type=int, default=40)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder)) as broker:
        figures = asyncio.run(_measure(Path(folder), broker.port, readings=given.readings, steady=given.steady))
    tell(*figures)


@dataclass
class Scale:
    """The device; `sent_s` is when each reading was published."""

    client: aiomqtt.Client
    grams: int = 5_980
    sent_s: list[float] = field(default_factory=list)

    async def announce(self) -> None:
        """Its birth."""
        birth = {
            "device": "pantry_scale",
            "profile": "restock.scale",
            "firmware": "1",
            "boot": "b1",
            "at": _measured_at(0),
        }
        await self.client.publish(f"{_TOPIC}/birth", json.dumps(birth), qos=1, retain=True)

    async def weigh(self) -> None:
        """Another amount."""
        seq, self.grams = len(self.sent_s) + 1, self.grams - 40
        values = {"weight": {"value": self.grams, "unit": "g"}, "stable": {"value": True, "unit": ""}}
        reading = {"device": "pantry_scale", "boot": "b1", "seq": seq, "at": _measured_at(seq), "values": values}
        self.sent_s.append(time.time())
        await self.client.publish(f"{_TOPIC}/reading", json.dumps(reading), qos=1)


@dataclass
class Shown:
    """What the page said, and when: the number of the last reading in it."""

    news: list[tuple[int, float]] = field(default_factory=list)

    def hear(self, as_of: str, at_s: float) -> None:
        """The page changed."""
        at = datetime.strptime(as_of.split(", ")[1], "%H:%M").replace(tzinfo=UTC)
        self.news.append((int((at - _BEGAN) % timedelta(days=1) / _APART + 0.5), at_s))

    def since(self, seq: int) -> float | None:
        """When the page first showed this reading or a later one."""
        return next((at_s for shown, at_s in self.news if shown >= seq), None)

    async def wait_for(self, seq: int) -> None:
        """Until it does.

        Raises: SystemExit when it does not in time.
        """
        for _ in range(int(_WITHIN_S / 0.01)):
            if self.since(seq) is not None:
                return
            await asyncio.sleep(0.01)
        raise SystemExit(f"the open page did not show reading {seq}")


async def _measure(folder: Path, port: int, *, readings: int, steady: int) -> list[Figure]:
    shown = Shown()
    async with (
        _hub(folder, port) as (hub, address),
        aiomqtt.Client("127.0.0.1", port, identifier="pantry_scale") as client,
        _page(address, shown),
        _listening(address) as heard_s,
    ):
        scale = Scale(client)
        await scale.announce()
        for _ in range(_WARM_UP):
            await scale.weigh()
            await asyncio.sleep(1.5)
        single = [await _one(scale, shown, heard_s) for _ in range(readings)]
        busy_s, began_s = hub.busy_s(), time.time()
        for number in range(steady):
            await scale.weigh()
            await asyncio.sleep(max(0.0, began_s + (number + 1) * _STEADY_EVERY_S - time.time()))
        busy = (hub.busy_s() - busy_s) / (time.time() - began_s)
        await shown.wait_for(len(scale.sent_s))
    first = len(scale.sent_s) - steady
    ages_s = [(shown.since(first + place + 1) or 0.0) - at_s for place, at_s in enumerate(scale.sent_s[first:])]
    changes_a_s = sum(at_s > began_s for _, at_s in shown.news) / (steady * _STEADY_EVERY_S)
    return [
        _times("single_to_event", [event_s for event_s, _ in single]),
        _times("single_to_page", [page_s for _, page_s in single]),
        _times("steady_to_page", ages_s),
        Figure("live", "steady_page_changes", "1/s", [changes_a_s]),
        Figure("live", "steady_hub_cpu", "% of a core", [100 * busy]),
    ]


async def _one(scale: Scale, shown: Shown, heard_s: list[float]) -> tuple[float, float]:
    """How long a reading takes to the next event, and to the page."""
    await asyncio.sleep(1.5 + 0.037 * (len(scale.sent_s) % 13))  # at no fixed place between two looks of the hub
    heard_s.clear()
    await scale.weigh()
    seq, sent_s = len(scale.sent_s), scale.sent_s[-1]
    await shown.wait_for(seq)
    shown_s = shown.since(seq) or 0.0
    return (heard_s[0] if heard_s else shown_s) - sent_s, shown_s - sent_s


@dataclass(frozen=True, slots=True)
class Hub:
    """The process."""

    pid: int

    def busy_s(self) -> float:
        """Its processor time until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def _hub(folder: Path, port: int) -> AsyncIterator[tuple[Hub, str]]:
    settings, household = folder / "hub.toml", folder / "household.toml"
    settings.write_text(
        f"[home]\ndata_dir = {json.dumps(str(folder / 'data'))}\n[mqtt]\nurl = 'mqtt://127.0.0.1:{port}'\n"
        "[web]\nport = 0\n[bridge]\nurl = 'http://127.0.0.1:9'\n",
        encoding="utf-8",
    )
    household.write_text(_HOUSEHOLD, encoding="utf-8")
    set_up(load(settings), household_file=household, owner="anna", password=_PASSWORD)
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge_agent", "run", "--config", str(settings),
        stderr=asyncio.subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert hub.stderr is not None
    try:
        said: list[str] = []
        async for raw in hub.stderr:
            said.append(raw.decode())
            if "Running on " in said[-1]:
                break
        else:
            raise SystemExit("".join(said))
        reading_on = asyncio.create_task(hub.stderr.read(), name="log")
        yield Hub(hub.pid), said[-1].split("Running on ")[1].split()[0]
        reading_on.cancel()
    finally:
        hub.terminate()
        await hub.wait()


@asynccontextmanager
async def _page(address: str, shown: Shown) -> AsyncIterator[None]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        page = await browser.new_page()
        await page.goto(f"{address}/login")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(_PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{address}/")
        await page.goto(f"{address}/items/oats")
        await page.expose_function("shown", shown.hear)
        await page.evaluate(_WATCH)
        yield
        await browser.close()


@asynccontextmanager
async def _listening(address: str) -> AsyncIterator[list[float]]:
    """When each event came, on a connection of its own."""
    heard_s: list[float] = []
    async with httpx.AsyncClient(
        verify=loopback.NOBODY, base_url=address, timeout=httpx.Timeout(10.0, read=60.0)
    ) as client:
        form = await client.get("/login")
        csrf = form.text.split('name="csrf" value="')[1].split('"')[0]
        await client.post("/login", data={"name": "anna", "password": _PASSWORD, "csrf": csrf})

        async def listen() -> None:
            async with client.stream("GET", "/api/v1/events") as stream:
                async for line in stream.aiter_lines():
                    heard_s.extend([time.time()] * (line == "event: changed"))

        task = asyncio.create_task(listen(), name="listener")
        yield heard_s
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _times(name: str, took_s: Sequence[float]) -> Figure:
    took_ms = [1_000 * each for each in took_s]
    return Figure("live", name, "ms", took_ms, more={"worst": round(max(took_ms))})


def _measured_at(seq: int) -> str:
    at = _BEGAN + seq * _APART
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    main()
