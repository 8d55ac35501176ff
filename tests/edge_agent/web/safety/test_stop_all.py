"""Stopping all orders is kept at once, whatever the order service does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from edge_agent.core.intent import IntentState
from edge_agent.core.messages import IntentId
from edge_agent.core.overview import CancelResult
from edge_agent.errors import FailClosedError
from tests.edge_agent.web.house import House, field


def _three_held(house: House) -> set[str]:
    first = next(iter(house.home.all_intents.values()))
    for number in range(3):
        ident = IntentId(f"i-held-{number}")
        house.home.all_intents[ident] = replace(first, id=ident, state=IntentState.HELD)
    return {f"i-held-{number}" for number in range(3)}


async def test_every_wish_is_noted_before_the_first_answer(
    owner: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that says nothing takes all the time that an answer has: the last order must not be sent for that."""
    held, wished, hangs = _three_held(house), list[str](), asyncio.Event()

    async def cancel(intent: IntentId, *, by: str) -> CancelResult:
        del by
        wished.append(intent)
        await hangs.wait()
        return CancelResult(cancelled=True, state=IntentState.CANCELLED)

    monkeypatch.setattr(house.answers, "cancel", cancel)
    csrf = field((await owner.get("/account")).text, "csrf")
    stop = asyncio.create_task(owner.post("/household/stop", data={"csrf": csrf}))
    for _ in range(200):
        await asyncio.sleep(0)
    noted = set(wished)
    hangs.set()
    await stop
    assert held <= noted


async def test_a_mandate_that_cannot_be_paused_keeps_no_order_going(
    owner: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub cannot check its own records: orders are asked back all the same, and the person is told."""
    held, wished = _three_held(house), list[str]()

    async def cancel(intent: IntentId, *, by: str) -> CancelResult:
        del by
        wished.append(intent)
        return CancelResult(cancelled=True, state=IntentState.CANCELLED)

    def pause(*_: object, **__: object) -> None:
        raise FailClosedError("a mandate is not the one that was signed")

    monkeypatch.setattr(house.answers, "cancel", cancel)
    monkeypatch.setattr(house.mandates, "pause", pause)
    csrf = field((await owner.get("/account")).text, "csrf")
    await owner.post("/household/stop", data={"csrf": csrf})
    assert held <= set(wished)
