"""One household's hub: a process that dies and comes back over its disk, which may be put back from a backup.

Real: the hand-over, the outbox's client, the comparison with the bridge's head, the recorder of statuses, what follows
an order, the desk of mandates, and the rules of prompts, intents, mandates and draws. `drain` is in the order in which
`wiring.household` has it: compare where that is due, then send, and compare again after every failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

from edge_agent.adapters.bridge import BridgeClient
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.leave.draw import DrawRequest
from edge_agent.core.leave.terms import Terms
from edge_agent.core.prompt import PromptChange
from edge_agent.errors import FailClosedError, RetryLaterError, SendsStoppedError
from edge_agent.pipeline.afterwards import Afterwards
from edge_agent.pipeline.hand_over import HandOver
from edge_agent.pipeline.hand_over import Home as Names
from edge_agent.pipeline.mandates import MandateDesk
from edge_agent.pipeline.restore import Restore
from edge_agent.pipeline.status import StatusRecorder
from edge_agent.ports import CrashPoint, Signer
from tests.campaign.simulation.bridge import Front
from tests.campaign.simulation.hub import Disk, Tables
from tests.campaign.simulation.judge import Judge
from tests.campaign.simulation.leave import HandoverTables, HubClock, Larder, MandateTables, People
from tests.campaign.simulation.purse import Leave, View
from tests.campaign.simulation.virtual import Died, JumpyClock, Life, VirtualLoop, wait
from tests.campaign.simulation.weather import Weather
from tests.campaign.simulation.wire import Wire

HUB = "hub"
# What of `edge_agent.ports.CrashPoint` a simulated hub passes; the other points lie in sensors, disks and files.
POINTS = (
    CrashPoint.PROMPTED,
    CrashPoint.ANSWER_RECEIVED,
    CrashPoint.ANSWER_CHECKED,
    CrashPoint.ANSWER_STORED,
    CrashPoint.OUTBOX_CLAIMED,
    CrashPoint.SENT,
    CrashPoint.REPLY_READ,
    CrashPoint.REPLY_STORED,
    CrashPoint.REVOKE_RECEIVED,
    CrashPoint.PERIOD_ROLLED,
)
_CHANCES = {CrashPoint.REVOKE_RECEIVED: 0.3, CrashPoint.PERIOD_ROLLED: 0.3}  # of dying there: passed seldom
_DOWN_MAX_S = 600.0


@dataclass(slots=True)
class Home:
    """The hub of one household. `reckon` is how the household itself counts what is about to be signed for it.

    `gave` are intents of this hub, in the order in which leave was given; `knows` are those that it has not forgotten,
    with those of the hub that it is a copy of. `compared_s` is when the answer to its last comparison was made at the
    bridge, infinite until there was one. `asked_s` is when each question was put, by true time.
    """

    name: str
    loop: VirtualLoop
    weather: Weather
    wall: JumpyClock
    judge: Judge
    front: Front
    signer: Signer
    new_id: Callable[[], str]
    larder: Larder
    reckon: Callable[[Terms], Leave]
    disk: Disk = field(default_factory=Disk)
    life: Life = field(default_factory=Life)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    clock: HubClock = field(init=False)
    tables: Tables = field(init=False)
    wire: Wire = field(init=False)
    bridge: BridgeClient = field(init=False)
    restore: Restore = field(init=False)
    status: StatusRecorder = field(init=False)
    hand_over: HandOver = field(init=False)
    afterwards: Afterwards = field(init=False)
    mandates: MandateTables = field(init=False)
    desk: MandateDesk = field(init=False)
    follow_at_s: float = 0.0
    is_up: bool = False
    is_retired: bool = False
    is_clone: bool = False
    gave: list[str] = field(default_factory=list)
    knows: set[str] = field(default_factory=set)
    compared_s: float = inf
    asked_s: dict[str, float] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.clock = HubClock(self.wall, self.loop)
        self._boot()

    async def run(self) -> None:
        """Live, die, be started again, until the world ends."""
        while not self.is_retired:
            self._boot()
            try:
                await self._serve()
            except Died:
                pass
            except asyncio.CancelledError:
                if not self.life.is_over:
                    raise  # the world ends
            self.is_up = False
            self.weather.tally["hub_deaths"] += 1
            await asyncio.sleep(self.weather.between(1, _DOWN_MAX_S if self.weather.is_rough() else 10))

    def kill(self) -> None:
        """Pull the plug, wherever it is."""
        if self.is_up and self.task is not None:
            self.is_up, self.life.is_over = False, True
            self.task.cancel()

    def ask_for_news(self) -> None:
        """Now, and not when it would be time."""
        self.follow_at_s = 0.0
        self.wake.set()

    def put_back(self, disk: Disk) -> list[str]:
        """Pull the plug, and start from this disk; answers with the intents that it does not know."""
        self.kill()
        self.disk, self.compared_s = disk, inf
        self.knows &= disk.records.keys()
        return [intent for intent in self.gave if intent not in disk.records]

    def crash(self, point: CrashPoint) -> None:
        """A named place between two durable steps."""
        self.life.check()
        self.weather.tally[f"passed:hub_{point}"] += 1
        if self.weather.strikes(_CHANCES.get(point, 0.02), f"crash:hub_{point}"):
            self.life.end()

    def _boot(self) -> None:
        self.life, self.wake, self.compared_s = Life(), asyncio.Event(), inf
        self.clock.resume(self.disk.high_water)
        self.tables = Tables(self.disk, self._gate, self.crash, self._hands_over)
        self.mandates = MandateTables(self.disk, self._gate, self.crash)
        orders: Any = self.tables
        handovers = HandoverTables(self.disk, self._gate)
        names, people = Names(household=self.name, hub=HUB), cast("Any", People())
        self.wire = Wire(self.loop, self.weather, self.front, self.name, self.life, self.crash, self._leaves)
        self.bridge = BridgeClient(
            egress=cast("Egress", self.wire),
            orders=cast("Orders", orders),
            merchants=cast("Merchants", None),  # nothing here asks for prices
            clock=self.clock,
            hear_time=self.clock.hear,
            crash_hook=self.crash,
        )
        self.status = StatusRecorder(bridge=self.bridge, orders=orders)
        self.restore = Restore(
            hub=HUB,
            bridge=self.bridge,
            handovers=handovers,
            mandates=self.mandates,
            household=cast("Any", self.larder),
            status=self.status,
            clock=self.clock,
        )
        self.hand_over = HandOver(home=names, orders=orders, signer=self.signer, new_id=self.new_id, wake=self.wake.set)
        self.afterwards = Afterwards(
            household=self.name,
            clock=self.clock,
            orders=orders,
            accounts=people,
            bridge=self.bridge,
            signer=self.signer,
            new_id=self.new_id,
        )
        self.desk = MandateDesk(
            home=names,
            clock=self.clock,
            mandates=self.mandates,
            accounts=people,
            policies=people,
            signer=self.signer,
            new_id=self.new_id,
        )
        self.is_up = not self.is_retired

    def _gate(self) -> None:
        """Before and after each transaction."""
        self.life.check()
        self.disk.high_water = self.clock.now()
        if self.weather.strikes(0.002, "crash:hub_store"):
            self.life.end()

    def _hands_over(self, terms: Terms, change: PromptChange, draw: DrawRequest | None) -> None:
        """The household's log comes first: what it gives leave for, by its own reckoning."""
        leave = self.reckon(terms)
        leave.mandate, leave.is_cloned = None if draw is None else draw.mandate, self.is_clone
        leave.asked_s = self.asked_s.get(change.after.id, self.loop.at_s)
        self.judge.gave(leave, ceiling_minor=terms.total_max_minor, hub_now=self.clock.now(), view=self._view())
        self.gave.append(leave.intent)
        self.knows.add(leave.intent)

    def _leaves(self, intent: str, body: bytes) -> None:
        self.judge.left_home(intent, body, by_clone=self.is_clone, view=self._view())

    def _view(self) -> View:
        return View(own=self.knows, compared_s=self.compared_s)

    async def _serve(self) -> None:
        """Drain when an approval wakes it, and now and then; ask for news in a time of its own."""
        self.follow_at_s = 0.0
        while True:
            self.wake.clear()
            await self._take_turn(self._drain)
            if self.loop.at_s >= self.follow_at_s:
                await self._take_turn(self._follow)
                self.follow_at_s = self.loop.at_s + self._pause_s()
            pause_s = self.follow_at_s - self.loop.at_s
            await wait(
                self.wake, min(pause_s, self.weather.between(30, 240)) if self.disk.rows else pause_s, loop=self.loop
            )

    async def _take_turn(self, turn: Callable[[], Awaitable[None]]) -> None:
        try:
            await turn()
        except RetryLaterError:
            self.weather.tally["hub:bridge_unreachable"] += 1
        except FailClosedError as exc:
            self.weather.tally[f"hub:{type(exc).__name__}"] += 1

    async def _drain(self) -> None:
        try:
            if self.restore.is_due or self.clock.is_in_doubt():
                self.wire.head_s = inf
                await self.restore.run_once()
                self.compared_s = self.wire.head_s
            if self.disk.rows:
                await self.bridge.drain(check=self._check)
        except (RetryLaterError, FailClosedError):
            self.restore.doubt()
            raise

    def _check(self) -> None:
        """What the guard asks of clock and comparison. Chain and signatures are good here, and tested elsewhere.

        Raises: SendsStoppedError.
        """
        if self.clock.is_in_doubt():
            raise SendsStoppedError("the clock is not believed")
        problem = self.restore.problem()
        if problem is not None or self.restore.is_due:
            raise SendsStoppedError("the bridge has not said that it knows what this hub knows")

    async def _follow(self) -> None:
        try:
            if self.disk.wishes:
                await self.afterwards.run_once()
        finally:
            await self.status.run_once()

    def _pause_s(self) -> float:
        """How long until news are asked for again: seldom where nothing is open."""
        is_open = self.disk.unsettled or self.disk.wishes
        return self.weather.between(240, 1_200) if is_open else self.weather.between(3_600, 10_800)
