"""What was just stored is told once to who waits, and nobody waits for what was told before."""

from __future__ import annotations

import asyncio

from edge_agent.core.messages import DeviceId
from edge_agent.pipeline.fresh import Fresh

FRIDGE, SCALE = DeviceId("fridge"), DeviceId("scale")


async def test_all_that_came_is_taken_at_once() -> None:
    """Twice the same device is one; what is taken is gone."""
    fresh = Fresh()
    fresh.note([FRIDGE])
    fresh.note([SCALE, FRIDGE])
    assert await fresh.take() == {FRIDGE, SCALE}
    waiting = asyncio.create_task(fresh.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    fresh.note([])
    await asyncio.sleep(0)
    assert not waiting.done()
    fresh.note([SCALE])
    assert await waiting == {SCALE}


async def test_a_home_of_very_many_devices_is_not_kept_twice() -> None:
    """While nobody takes them, no more are noted than there is room for; the next review sees all."""
    fresh = Fresh()
    for number in range(10_050):
        fresh.note([DeviceId(f"d{number}")])
    assert len(await fresh.take()) == 10_000
