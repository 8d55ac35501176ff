"""When turns are taken: at a time of the hub's own, and ever less often while the bridge is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from edge_agent.errors import BridgeUnreachableError
from edge_agent.wiring.turns import Turns


class _EnoughError(Exception):
    """So many pauses were to be seen."""


@dataclass
class Pauses:
    """A clock that waits for nothing and ends the task after `most` pauses."""

    most: int
    taken_s: list[float] = field(default_factory=list)

    async def sleep(self, duration_s: float) -> None:
        """Note it."""
        if len(self.taken_s) == self.most:
            raise _EnoughError
        self.taken_s.append(duration_s)
        await asyncio.sleep(0)


async def run_until(pauses: Pauses, work: Coroutine[None, None, None], turns: Callable[[], int]) -> None:
    """Run the task until it has paused as often as is to be seen, and count a turn before each pause."""
    with pytest.raises(_EnoughError):
        await work
    assert turns() == pauses.most + 1


async def test_hubs_that_start_together_do_not_go_on_together() -> None:
    """The first turn is at once, the second somewhere in the period, and the others a period apart."""
    pauses, taken = Pauses(4), list[int]()

    async def turn() -> None:
        taken.append(1)

    work = Turns(pauses, chance=lambda: 0.25).every_apart(300, turn)
    await run_until(pauses, work, lambda: len(taken))
    assert pauses.taken_s == [75, 300, 300, 300]


async def test_a_turn_that_fails_keeps_its_time() -> None:
    """So an outage of the bridge brings nobody together: each hub asks when it would have asked."""
    pauses, taken = Pauses(3), list[int]()

    async def turn() -> None:
        taken.append(1)
        raise BridgeUnreachableError("away")

    await run_until(pauses, Turns(pauses, chance=lambda: 0.5).every_apart(300, turn), lambda: len(taken))
    assert pauses.taken_s == [150, 300, 300]


@dataclass
class Doubtful:
    """A bridge that is away for some turns; `waits` for the pause that follows each, and is woken where it says so."""

    away: int
    stop_after: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    turns: int = 0
    slept_s: list[float] = field(default_factory=list)

    async def turn(self) -> None:
        """Ask it."""
        self.turns += 1
        if self.turns > self.stop_after:
            raise _EnoughError
        if self.turns <= self.away:
            raise BridgeUnreachableError("away")

    async def sleep(self, duration_s: float) -> None:
        """Note it, and end."""
        self.slept_s.append(duration_s)

    async def run(self) -> None:
        """Until enough was seen."""
        work = Turns(self, chance=lambda: 0.0).when_woken(
            self.turn,
            wake=self.wake,
            period_s=30,
            longest_s=300,
            in_doubt=lambda: self.turns <= self.away,
            name="drain",
        )
        with pytest.raises(_EnoughError):
            await work


async def test_a_bridge_in_doubt_is_asked_ever_less_often() -> None:
    """Up to the period of the polls; and as often as ever once it has answered."""
    bridge = Doubtful(away=6, stop_after=8)
    await bridge.run()
    assert bridge.slept_s == [30, 60, 120, 240, 300, 300, 30, 30]


async def test_an_approval_does_not_wait_for_the_end_of_a_pause() -> None:
    """Whatever the pause, somebody has just said yes."""

    @dataclass
    class Asleep(Doubtful):
        async def sleep(self, duration_s: float) -> None:
            """Never ends; somebody approves meanwhile."""
            self.slept_s.append(duration_s)
            self.wake.set()
            await asyncio.Event().wait()

    bridge = Asleep(away=9, stop_after=2)
    await bridge.run()
    assert bridge.slept_s == [30, 60]
