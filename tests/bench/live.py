"""From a reading to the open page that shows it: `python -m tests.bench.live [--readings 20] [--steady 40]`.

A whole hub in a process of its own, a real broker, Chromium on an item's page, and a listener of the events beside it.
The hub's settings are the usual ones: a review each quarter of an hour, so none falls into the measurement but the
first. Single readings come when nothing else happens; the steady ones come five a second, and what is told of them is
how old the newest reading is that the page shows whenever it changes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import httpx
from playwright.async_api import Page, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from edge_agent.commission import set_up
from edge_agent.config import load
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
_LEFT = "[data-live=now] strong"
_WITHIN_S = 4.0
_STEADY_EVERY_S = 0.2
_WARM_UP = 6
_BEGAN = datetime.now(UTC) - timedelta(hours=22)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--readings", type=int, default=20)
    arguments.add_argument("--steady", type=int, default=40)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, mosquitto(Path(folder)) as broker:
        figures = asyncio.run(_measure(Path(folder), broker.port, readings=given.readings, steady=given.steady))
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


@dataclass
class Scale:
    """The device; `sent_s` is when each amount was published."""

    client: aiomqtt.Client
    seq: int = 0
    grams: int = 5_980
    sent_s: dict[str, float] = field(default_factory=dict)

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

    async def weigh(self) -> float:
        """Another amount; returns when it was published."""
        self.seq, self.grams = self.seq + 1, self.grams - 80
        values = {"weight": {"value": self.grams, "unit": "g"}, "stable": {"value": True, "unit": ""}}
        reading = {
            "device": "pantry_scale",
            "boot": "b1",
            "seq": self.seq,
            "at": _measured_at(self.seq),
            "values": values,
        }
        self.sent_s[f"{self.grams / 1_000:.3g} kg"] = at_s = time.perf_counter()
        await self.client.publish(f"{_TOPIC}/reading", json.dumps(reading), qos=1)
        return at_s


async def _measure(folder: Path, port: int, *, readings: int, steady: int) -> dict[str, object]:
    async with (
        _hub(folder, port) as address,
        aiomqtt.Client("127.0.0.1", port, identifier="pantry_scale") as client,
        _page(address) as page,
        _listening(address) as heard_s,
    ):
        scale = Scale(client)
        await scale.announce()
        for _ in range(_WARM_UP):
            await scale.weigh()
            await asyncio.sleep(1.5)
        tried = [await _one(scale, page, heard_s) for _ in range(readings)]
        single = [took for took in tried if took is not None]
        ages_s = await _steadily(scale, page, readings=steady)
    return {
        "event_ms": _summary([event_s for event_s, _ in single]),
        "page_ms": _summary([page_s for _, page_s in single]),
        "same_estimate": len(tried) - len(single),
        "steady_age_ms": _summary(ages_s),
    }


async def _one(scale: Scale, page: Page, heard_s: list[float]) -> tuple[float, float] | None:
    """How long a reading takes to the next event, and to the page; None: the estimate is the same after it."""
    await asyncio.sleep(1.5 + 0.037 * (scale.seq % 13))  # at no fixed place between two looks of the hub
    before = await page.inner_text(_LEFT)
    heard_s.clear()
    sent_s = await scale.weigh()
    try:
        await page.wait_for_function(
            "([place, before]) => document.querySelector(place)?.innerText !== before",
            arg=[_LEFT, before],
            timeout=1_000 * _WITHIN_S,
        )
    except PlaywrightTimeoutError:
        await page.reload()
        if await page.inner_text(_LEFT) != before:
            raise SystemExit(f"the open page did not show reading {scale.seq}") from None
        return None
    shown_s = time.perf_counter()
    return (heard_s[0] if heard_s else shown_s) - sent_s, shown_s - sent_s


async def _steadily(scale: Scale, page: Page, *, readings: int) -> list[float]:
    ages_s: list[float] = []
    sending = asyncio.create_task(_send(scale, readings), name="sending")
    shown = await page.inner_text(_LEFT)
    while not sending.done():
        with suppress(PlaywrightTimeoutError):
            handle = await page.wait_for_function(
                "([place, before]) => { const now = document.querySelector(place)?.innerText; "
                "return now !== before && now; }",
                arg=[_LEFT, shown],
                timeout=3_000,
            )
            shown = str(await handle.json_value())
            if shown in scale.sent_s:
                ages_s.append(time.perf_counter() - scale.sent_s[shown])
    await sending
    return ages_s


async def _send(scale: Scale, readings: int) -> None:
    for _ in range(readings):
        await scale.weigh()
        await asyncio.sleep(_STEADY_EVERY_S)


@asynccontextmanager
async def _hub(folder: Path, port: int) -> AsyncIterator[str]:
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
        yield said[-1].split("Running on ")[1].split()[0]
        reading_on.cancel()
    finally:
        hub.terminate()
        await hub.wait()


@asynccontextmanager
async def _page(address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        page = await browser.new_page()
        await page.goto(f"{address}/login")
        await page.get_by_label("Name").fill("anna")
        await page.get_by_label("Password").fill(_PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{address}/")
        await page.goto(f"{address}/items/oats")
        yield page
        await browser.close()


@asynccontextmanager
async def _listening(address: str) -> AsyncIterator[list[float]]:
    """When each event came, on a connection of its own."""
    heard_s: list[float] = []
    async with httpx.AsyncClient(base_url=address, timeout=httpx.Timeout(10.0, read=60.0)) as client:
        form = await client.get("/login")
        csrf = form.text.split('name="csrf" value="')[1].split('"')[0]
        await client.post("/login", data={"name": "anna", "password": _PASSWORD, "csrf": csrf})

        async def listen() -> None:
            async with client.stream("GET", "/api/v1/events") as stream:
                async for line in stream.aiter_lines():
                    heard_s.extend([time.perf_counter()] * (line == "event: changed"))

        task = asyncio.create_task(listen(), name="listener")
        yield heard_s
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _summary(took_s: list[float]) -> dict[str, float]:
    if not took_s:
        return {"count": 0}
    return {
        "count": len(took_s),
        "median": round(1_000 * statistics.median(took_s)),
        "worst": round(1_000 * max(took_s)),
    }


def _measured_at(seq: int) -> str:
    """Ten minutes between two readings, or the hub takes the steps for somebody who leans on the scale."""
    at = _BEGAN + seq * timedelta(minutes=10)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    main()
