"""The two demos: one for a person at the page, one that runs by itself and counts.

Both run the same home. Times in lines for people are virtual.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from firmware_sim import services
from firmware_sim.courier import Courier
from firmware_sim.folders import make_stores, private_folder
from firmware_sim.home import SimulatedHome
from firmware_sim.household import Answer, Habits, Household
from firmware_sim.merchant import MerchantClient, read_orders
from firmware_sim.page_client import PageClient, PageError
from firmware_sim.processes import Crew, DemoError, Resident
from firmware_sim.report import BootCount, Outcome, summarise
from firmware_sim.services import BRIDGE, HUB, ITEM_OF_SKU, OWNER
from firmware_sim.stack import STOP_ORDER, Plan, Running, Stack, new_stack, running

SPEED = 1_440.0  # a virtual day a minute
HEADLESS_SPEED = 25_920.0  # thirty virtual days in 100 s

_PATIENT_ITEMS = ("washer_fluid",)  # lasts for weeks, while the courier needs days
_SETTLE_HABITS_D = 20  # virtual
_SETTLE_S = 6 * 3600.0  # virtual: what was approved last gets to the merchant, and the news back
_DRAIN_S = 10.0  # real
_HEARTBEAT_S = 15.0  # real
_WATCH_PROMPTS_S = 1.0  # real

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known at the end of a run, before the processes stop."""

    running: Running
    answers: list[Answer]
    resident: dict[str, Resident | None]


async def show(plan: Plan, *, say: Say) -> None:
    """Run the home for a person until this task is cancelled.

    Raises: DemoError when a part fails.
    """
    with plain_errors(), private_folder() as private:
        say("starting broker, merchant, bridge, simulated home and hub ...")
        stack = new_stack(plan, private=private, stores=make_stores(None, inside=private))
        async with Crew(STOP_ORDER) as crew, _watched(crew), running(crew, stack) as home, _person(stack) as page:
            say(_welcome(stack))
            stamped = _stamped(home, say)
            async with _courier(home, say=stamped) as courier, asyncio.TaskGroup() as life:
                life.create_task(courier.run(), name="courier")
                life.create_task(_tell_prompts(page, say=stamped), name="prompts")
                life.create_task(_heartbeat(home, say=stamped), name="heartbeat")


async def count(plan: Plan, *, keep: Path | None, say: Say) -> dict[str, Any]:
    """Run the home for its days with a simulated household; what it amounted to, ready for JSON.

    Raises: DemoError when a part fails.
    """
    started_s = time.monotonic()
    with plain_errors(), private_folder() as private:
        stack = new_stack(plan, private=private, stores=make_stores(keep, inside=private))
        async with Crew(STOP_ORDER) as crew:
            async with _watched(crew), running(crew, stack) as home:
                say(f"ready after {time.monotonic() - started_s:.1f} s")
                ended = await _live(crew, home, say=_stamped(home, say))
            summary = await _account(crew, ended)
    return {**summary, "wall_s": round(time.monotonic() - started_s, 1)}


@contextmanager
def plain_errors() -> Iterator[None]:
    """One error that says what failed, instead of the group that carried it."""
    try:
        yield
    except BaseExceptionGroup as group:
        failures, others = group.split(DemoError)
        if failures is None or others is not None:
            raise
        raise _first_leaf(failures) from None


def _first_leaf(error: BaseException) -> BaseException:
    return _first_leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


@asynccontextmanager
async def _watched(crew: Crew) -> AsyncIterator[None]:
    """End the block when a child ends by itself."""
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(crew.watch(), name="watch")
        yield
        watch.cancel()


@asynccontextmanager
async def _courier(home: Running, *, say: Say) -> AsyncIterator[Courier]:
    stack = home.stack
    async with MerchantClient(port=stack.places.merchant_port, secret=stack.merchant_secret) as desk:
        yield Courier(
            desk,
            orders=lambda: read_orders(stack.merchant_files),
            restock=home.home.restock,
            item_of_sku=ITEM_OF_SKU,
            clock=home.clock,
            seed=stack.plan.seed,
            say=say,
        )


def _person(stack: Stack) -> PageClient:
    return PageClient(stack.places.page_url, name=OWNER, password=stack.owner_password)


async def _live(crew: Crew, home: Running, *, say: Say) -> Ended:
    """The days of a run: courier and household at work, then a while to settle, then the devices leave."""
    stack = home.stack
    async with _person(stack) as page, _courier(home, say=say) as courier:
        person = Household(page, clock=home.clock, habits=_habits(home), say=say)
        async with asyncio.TaskGroup() as life:
            tasks = [life.create_task(work) for work in (courier.run(), _heartbeat(home, say=say))]
            visits = life.create_task(person.run(), name="household")
            await home.home.finished()
            visits.cancel()
            await home.clock.sleep(_SETTLE_S)
            for task in tasks:
                task.cancel()
    if not await home.home.stop(within_s=_DRAIN_S):
        say("not every reading was acknowledged before the end")
    resident = {name: crew.child(name).resident_mb() for name in (HUB, BRIDGE)}
    return Ended(running=home, answers=person.answers, resident=resident)


def _habits(home: Running) -> Habits:
    plan = home.stack.plan
    settle_by = home.clock.virtual_epoch + timedelta(days=_SETTLE_HABITS_D)
    return Habits(seed=plan.seed, patient_items=_PATIENT_ITEMS, settle_by=settle_by)


async def _account(crew: Crew, ended: Ended) -> dict[str, Any]:
    """Stop hub and bridge, ask everybody what they have, and do the sums."""
    stack = ended.running.stack
    home = ended.running.home
    for name in (HUB, BRIDGE):
        await crew.stop(name)
    hub, bridge = await asyncio.gather(*(services.read_report(stack.places, name) for name in (HUB, BRIDGE)))
    outcome = Outcome(
        hub=hub,
        bridge=bridge,
        merchant_orders=read_orders(stack.merchant_files),
        answers=ended.answers,
        owner=OWNER,
        boots=_boots(home),
        published_unsequenced=home.counters().vendor.pubacked,
    )
    return {**summarise(outcome), **_circumstances(ended)}


def _boots(home: SimulatedHome) -> list[BootCount]:
    return [
        BootCount(device=name, boot=boot.boot, published=boot.published, promised_up_to=boot.promised_up_to)
        for name, device in home.counters().devices.items()
        for boot in device.boots
    ]


def _circumstances(ended: Ended) -> dict[str, Any]:
    """How it went for the home, and under which conditions."""
    home, plan = ended.running.home, ended.running.stack.plan
    truth, counters = home.truth(), home.counters()
    return {
        "stock_out_days": {item: round(stock.stock_out_days, 2) for item, stock in truth.items()},
        "days_of_supply_held": {item: round(stock.days_of_supply_held, 2) for item, stock in truth.items()},
        "restarts": counters.faults.get("device_restart", 0),
        "faults": dict(counters.faults),
        "readings_dropped_in_restarts": sum(device.dropped for device in counters.devices.values()),
        "first_reading_stored_s": ended.running.first_reading_stored_s,
        **_resident("hub", ended.resident[HUB]),
        **_resident("bridge", ended.resident[BRIDGE]),
        "usage_source": counters.usage_source,
        "virtual_days": plan.days,
        "seed": plan.seed,
        "speed": plan.speed,
    }


def _resident(name: str, resident: Resident | None) -> dict[str, float | None]:
    return {
        f"{name}_rss_mb": resident.now_mb if resident else None,
        f"{name}_peak_rss_mb": resident.peak_mb if resident else None,
    }


async def _tell_prompts(page: PageClient, *, say: Say) -> None:
    """Say once that there is a new prompt, for ever."""
    known: set[str] = set()
    while True:
        try:
            prompts = await page.prompts()
        except PageError as exc:
            say(f"page: {exc}")
            prompts = []
        for prompt in prompts:
            if prompt.id not in known:
                say(f"prompt: restock {prompt.item}? Answer on the page.")
        known |= {prompt.id for prompt in prompts}
        await asyncio.sleep(_WATCH_PROMPTS_S)


async def _heartbeat(home: Running, *, say: Say) -> None:
    """Say that it lives, for ever."""
    while True:
        await asyncio.sleep(_HEARTBEAT_S)
        counters = home.home.counters()
        say(f"{counters.promised} of {counters.published} readings are stored")


def _stamped(home: Running, say: Say) -> Say:
    """Lines with the virtual time before them."""
    return lambda line: say(f"{home.clock.now():%a %d %b %H:%M}  {line}")


def _welcome(stack: Stack) -> str:
    per_minute_d = stack.plan.speed * 60 / 86_400
    return (
        "\n"
        f"  The household's page:  {stack.places.page_url}\n"
        f"  Sign in as:            {OWNER}\n"
        f"  Password:              {stack.owner_password}\n"
        f"  Command line:          restock-hub items --config {stack.places.config(HUB)}  (docs/api.md)\n"
        "\n"
        f"  Time runs at {per_minute_d:.3g} virtual days a minute. Ctrl-C stops everything and removes it.\n"
    )
