"""From the click on "approve" to the durable intent: a real hub process, its page over HTTP, its store on the disk.

What a click waits for: the page's checks, the signature, the hand-over in one transaction with `synchronous=FULL`, the
answer. Figures are milliseconds from sending the form to having the answer, one click after the other, and the hub's
processor time for a click. Neither a broker nor a bridge is there: what was approved waits in the outbox. A round is a
fifth of the clicks.

    python -m tests.bench.approval [--approvals 300]

Prints its figures as lines of JSON (`tests.bench.figures`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.orders import Orders
from edge_agent.commands.commission import report, set_up
from edge_agent.config import load
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.folder import HOUSEHOLD_FILE as DOCUMENTS
from firmware_sim.page_client import PageClient, PageError
from firmware_sim.processes import Child, Command, script
from firmware_sim.services import HOUSEHOLD_FILE
from tests.bench.figures import Figure, tell
from tests.cloud_bridge.sample_merchant import free_port
from tests.edge_agent.samples import NOW, prompt

_OWNER, _PASSWORD = "owner", "a password of the bench"
_READY_WITHIN_S = 40.0
_WARM_UP = 10
_ROUNDS = 5


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.approval", description=__doc__.splitlines()[0])
    parser.add_argument("--approvals", type=int, default=300, help="clicks that are counted (default 300)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="restock-bench-", dir=Path.cwd()) as folder:
        clicks = asyncio.run(_measure(Path(folder), approvals=options.approvals))
    size = len(clicks) // _ROUNDS
    rounds = [clicks[first : first + size] for first in range(0, size * _ROUNDS, size)]
    tell(*_figures(rounds))
    return 0


@dataclass(frozen=True, slots=True)
class Click:
    """How long one took, and what it took of the hub's processor time."""

    wall_ms: float
    cpu_ms: float


def _figures(rounds: Sequence[Sequence[Click]]) -> Iterator[Figure]:
    walls_ms = [[click.wall_ms for click in clicks] for clicks in rounds]
    more = {"clicks": sum(map(len, rounds))}
    yield Figure("approval", "click_p50", "ms", [statistics.median(each) for each in walls_ms], more=more)
    p99_ms = [statistics.quantiles(each, n=100, method="inclusive")[98] for each in walls_ms]
    yield Figure("approval", "click_p99", "ms", p99_ms, more=more)
    yield Figure("approval", "click_longest", "ms", [max(each) for each in walls_ms], more=more)
    cpu_ms = [statistics.fmean(click.cpu_ms for click in clicks) for clicks in rounds]
    yield Figure("approval", "click_hub_cpu", "ms", cpu_ms, more=more)


async def _measure(folder: Path, *, approvals: int) -> list[Click]:
    config = _set_up(folder, count=approvals + _WARM_UP)
    hub = Child(Command(name="hub", argv=[script("restock-hub"), "run", "--config", str(config)], log=folder / "log"))
    try:
        url = f"http://127.0.0.1:{load(config).web.port}"
        clicks = await _click_all(url, count=approvals + _WARM_UP, hub=psutil.Process(hub.pid))
    finally:
        await hub.stop()
    kept = report(load(config))["intents"]
    assert isinstance(kept, list)
    assert len(kept) == approvals + _WARM_UP, "an approval that was answered with yes is not in the store"
    return clicks[_WARM_UP:]


def _set_up(folder: Path, *, count: int) -> Path:
    """A home with as many articles as there are clicks, each with an open prompt."""
    config = folder / "hub.toml"
    config.write_text(_settings(folder), encoding="utf-8")
    set_up(load(config), household_file=HOUSEHOLD_FILE, owner=_OWNER, password=_PASSWORD)
    documents = HouseholdFile(folder / "data" / DOCUMENTS)
    household = documents.load()
    items = tuple(household.items[0].model_copy(update={"id": f"item-{number}"}) for number in range(count))
    documents.save(Household(items=items, preferences=household.preferences))
    with open_store(folder / "data", load(config)) as store:
        for number in range(count):
            asked = replace(prompt(f"p{number}"), item=ItemId(f"item-{number}"))
            Orders(store.connection).add_prompt(asked)
    return config


async def _click_all(url: str, *, count: int, hub: psutil.Process) -> list[Click]:
    async with PageClient(url, name=_OWNER, password=_PASSWORD) as page:
        await _ready(page)
        clicks = []
        for number in range(count):
            form = await page.form(PromptId(f"p{number}"))
            assert form is not None, f"prompt p{number} cannot be answered"
            fields = {"csrf": form.csrf, "terms_hash": form.terms_hash}
            started_s, busy_s = time.perf_counter(), _busy_s(hub)
            status = await page.answer(f"p{number}", "approve", fields=fields)
            took_s = time.perf_counter() - started_s
            clicks.append(Click(1_000 * took_s, 1_000 * (_busy_s(hub) - busy_s)))
            assert status == httpx.codes.SEE_OTHER, f"prompt p{number}: {status}"
    return clicks


def _busy_s(hub: psutil.Process) -> float:
    """Its processor time until now, in steps of 10 ms: of many clicks the mean is right."""
    times = hub.cpu_times()
    return float(times.user + times.system)


async def _ready(page: PageClient) -> None:
    async with asyncio.timeout(_READY_WITHIN_S):
        while True:
            with suppress(PageError):
                await page.prompts()
                return
            await asyncio.sleep(0.1)


def _settings(folder: Path) -> str:
    return f"""[home]
id = "home"
data_dir = {json.dumps(str(folder / "data"))}
[mqtt]
url = "mqtt://127.0.0.1:9"
[web]
port = {free_port()}
[bridge]
url = "http://127.0.0.1:9"
[clock]
speed = 1.0
real_epoch = {_now_text()}
virtual_epoch = {NOW.isoformat()}
"""


def _now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    sys.exit(main())
