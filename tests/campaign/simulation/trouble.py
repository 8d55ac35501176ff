"""What befalls whole hubs: an old backup is put back, a card is cloned and both hubs order; and who puts that right.

What a hub that was put back had promised since the backup is gone with it, and nobody holds it to that, unless the
bridge has heard of it: then it must come back from there before anything is sent. A clone and its hub use one number
sooner or later: then the bridge sends nothing more for them, until the clone is off and the operator has looked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud_bridge.wire import OrderState
from edge_agent.core.leave.mandate import MandateState
from tests.campaign.simulation.home import Home
from tests.campaign.simulation.hub import Disk
from tests.campaign.simulation.judge import Judge, Need
from tests.campaign.simulation.memory_orders import Books
from tests.campaign.simulation.purse import Leave
from tests.campaign.simulation.robot import Robot
from tests.campaign.simulation.weather import Weather

_LOOKS = 4
_ARRIVED = frozenset({OrderState.DELIVERED, OrderState.PARTLY_DELIVERED})


@dataclass(slots=True)
class Trouble:
    """The owner, and the operator of the bridge. `hubs` are the robots of each household, one for each of its hubs."""

    weather: Weather
    judge: Judge
    books: Books
    hubs: dict[str, list[Robot]]
    needs: dict[str, Need]
    clone: Callable[[Home, Disk], Home]
    under_way: list[asyncio.Task[None]] = field(default_factory=list)

    async def restore(self, household: str, *, busy_s: float) -> None:
        """Make a backup, live on, and put it back."""
        [robot, *_], weather = self.hubs[household], self.weather
        await asyncio.sleep(weather.between(0.05, 0.7) * busy_s)
        backup = robot.home.disk.copy()
        await asyncio.sleep(weather.between(300, 5_400))
        self._undo_cancels(household, backup)
        lost = robot.home.put_back(backup)
        forgotten = self._forget(household, lost)
        self._follow_backup(robot)
        weather.tally["restored"] += 1
        for leave in forgotten:
            if leave.seen and weather.rng.random() < 0.5:
                self._start(self._need_again(robot, leave))
        await self._look_at_mandates(robot)

    async def fork(self, household: str, *, busy_s: float) -> None:
        """Clone the card, and let both hubs order; then switch the clone off, and start the hub anew."""
        [robot, *_], weather = self.hubs[household], self.weather
        await asyncio.sleep(weather.between(0.05, 0.7) * busy_s)
        home = self.clone(robot.home, robot.home.disk.copy())
        home.knows = set(robot.home.knows)
        home.task = asyncio.get_running_loop().create_task(home.run())
        self.under_way.append(home.task)
        self.hubs[household].append(Robot(home, robot.class_of, robot.mandates))
        weather.tally["cloned"] += 1
        await asyncio.sleep(weather.between(900, 5_400))
        home.is_retired = True
        home.kill()
        self.hubs[household] = [robot]
        self._forget(household, home.gave)
        self._thaw(household)
        robot.home.kill()
        await self._look_at_mandates(robot)

    async def operate(self) -> None:
        """The operator ends a freeze once there is one hub again."""
        while True:
            await asyncio.sleep(self.weather.between(300, 900))
            for household in sorted(self.books.frozen):
                if len(self.hubs[household]) == 1:
                    self._thaw(household)

    async def _look_at_mandates(self, robot: Robot) -> None:
        """Their owner lets them draw again, now and then, since the hub pauses them whenever the bridge knows more."""
        for _ in range(_LOOKS):
            await asyncio.sleep(self.weather.between(60, 1_800))
            for mandate in robot.mandates:
                known = robot.home.disk.mandates.get(mandate)
                if known is not None and known.state is MandateState.PAUSED:
                    await robot.resume(mandate)

    def _thaw(self, household: str) -> None:
        self.judge.thawed(household)
        self.weather.tally["thawed"] += self.books.thaw(household)

    def _forget(self, household: str, lost: list[str]) -> list[Leave]:
        """What is gone with a hub."""
        orders = self.books.orders
        kept = self.judge.forget(lost, known_to_bridge=lambda intent: (household, intent) in orders)
        self.weather.tally["to_take_over"] += len(kept)
        return [leave for intent in lost if (leave := self.judge.leaves.get(intent)) is not None]

    def _follow_backup(self, robot: Robot) -> None:
        """A mandate is stopped as it was when the backup was made; what it has paid since is not forgiven."""
        for mandate in robot.mandates:
            purse, known = self.judge.purses.purses[mandate], robot.home.disk.mandates.get(mandate)
            is_revoked = known is not None and known.state is MandateState.REVOKED
            self.judge.forgiven["revocation_forgotten"] += purse.is_revoked and not is_revoked
            purse.is_revoked = is_revoked
            purse.is_active = known is not None and known.state is MandateState.ACTIVE

    def _undo_cancels(self, household: str, backup: Disk) -> None:
        """What was cancelled at home since the backup, and never told the bridge, is not cancelled in it."""
        for intent in backup.rows:
            if (household, intent) not in self.books.orders:
                leave = self.judge.leaves[intent]
                leave.is_cancel_forgotten, leave.cancelled = leave.cancelled, False

    async def _need_again(self, robot: Robot, leave: Leave) -> None:
        await asyncio.sleep(self.weather.between(30, 3_600))

        def has_arrived() -> bool:
            order = self.books.orders.get((leave.household, leave.intent))
            return order is not None and order.state in _ARRIVED

        await robot.answer_again(self.needs[leave.sku], has_arrived=has_arrived)

    def _start(self, work: object) -> None:
        self.under_way.append(asyncio.get_running_loop().create_task(work))  # type: ignore[arg-type]
