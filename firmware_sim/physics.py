"""What is true in one appliance: vessels that are filled, drawn from and evaporate, counters, and what is done to it.

Pure and seeded: no clock is read, no file, no network. A kind of appliance is a plan of its days (`physics_kinds`);
this module lets the plan take place in exact order of time and keeps the books. The law of every vessel:
`initial + filled == left + used + evaporated`, and `0 <= left <= capacity`.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_DAY_S = 86_400.0

State = float | str | bool


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is used up. Amounts are in `unit`; `initial` and `refill_below` are shares of `capacity`.

    When less than `refill_below` is left the household fills up to the brim `refill_after_h` hours later, in whole
    packs of `pack`. `evaporates` is an amount a day.
    """

    name: str
    unit: str
    capacity: float
    initial: float
    pack: float
    refill_below: float = 0.1
    refill_after_h: float = 12.0
    evaporates: float = 0.0


class Vessel:
    """The amount of one part, and the books of what came and went. All amounts in the part's unit."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.initial = part.capacity * part.initial
        self.amount = self.initial
        self.filled = 0.0
        self.used = 0.0
        self.evaporated = 0.0
        self.overflowed = 0.0
        self.unmet = 0.0

    def draw(self, wanted: float) -> float:
        """Take `wanted` or what is left of it; returns what was given."""
        given = min(wanted, self.amount)
        self.amount -= given
        self.used += given
        self.unmet += wanted - given
        return given

    def fill(self, offered: float) -> float:
        """Put `offered` in as far as there is room; returns what went in."""
        fits = min(offered, self.part.capacity - self.amount)
        self.amount += fits
        self.filled += fits
        self.overflowed += offered - fits
        return fits

    def evaporate(self, days: float) -> float:
        """Lose what evaporates in so many days; returns how much that was."""
        lost = min(self.part.evaporates * days, self.amount)
        self.amount -= lost
        self.evaporated += lost
        return lost


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens. `uses` and `fills` are amounts by part, `counts` are added to counters.

    `sets` changes states such as a door. Where nothing could be used the counters stand still: no cup is brewed from an
    empty tank. `marks` begins a new day of use for these parts. `tells`: the appliance speaks without being asked.
    """

    at: datetime
    name: str
    uses: Mapping[str, float] = field(default_factory=dict)
    fills: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)
    sets: Mapping[str, State] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    tells: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """An act that took place: what was really given, what really went in, and what is left of the parts it touched."""

    at: datetime
    name: str
    used: Mapping[str, float]
    filled: Mapping[str, float]
    left: Mapping[str, float]
    tells: bool


Plan = Callable[[datetime, random.Random, float], Iterable[Act]]


class Physics:
    """One appliance's truth. `advance` moves it; everything else says how it stands at `now`.

    `plan(midnight, rng, busy)` gives the acts of one day; `busy` scales how much is used.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        plan: Plan,
        *,
        start: datetime,
        rng: random.Random,
        busy: float = 1.0,
        states: Mapping[str, State] | None = None,
        counters: Mapping[str, float] | None = None,
    ) -> None:
        self._now = start.astimezone(UTC)
        self._plan = plan
        self._rng = rng
        self._shop_rng = random.Random(rng.getrandbits(64))  # so that the plan does not depend on who is out shopping
        self._busy = busy
        self._midnight = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._acts: list[tuple[datetime, int, Act]] = []
        self._order = itertools.count()  # acts at the same moment keep the order in which they were planned
        self._shopping: set[str] = set()
        self.vessels = {part.name: Vessel(part) for part in parts}
        self.states: dict[str, State] = dict(states or {})
        self.counters: dict[str, float] = dict(counters or {})
        self._used_before = dict.fromkeys(self.vessels, 0.0)
        self._plan_until(self._now)

    @property
    def now(self) -> datetime:
        """How far time has passed."""
        return self._now

    @property
    def next_at(self) -> datetime:
        """When something may happen next; for an idle appliance the end of what is planned."""
        return self._acts[0][0] if self._acts else self._midnight

    def left(self, part: str) -> float:
        """What is left of a part."""
        return self.vessels[part].amount

    def share(self, part: str) -> float:
        """What is left of a part, in percent of its capacity."""
        vessel = self.vessels[part]
        return 100.0 * vessel.amount / vessel.part.capacity

    def used_today(self, part: str) -> float:
        """What was used of a part since its day began."""
        return self.vessels[part].used - self._used_before[part]

    def advance(self, to: datetime) -> tuple[Deed, ...]:
        """Let time pass until `to`; returns what happened, in order.

        Raises: ValueError for a time that is over.
        """
        if to < self._now:
            raise ValueError(f"time cannot go back from {self._now} to {to}")
        self._plan_until(to)
        deeds = []
        while self._acts and self._acts[0][0] <= to:
            act = heapq.heappop(self._acts)[2]
            self._pass_time(act.at)
            deeds.append(self._take_place(act))
        self._pass_time(to)
        return tuple(deeds)

    def _pass_time(self, to: datetime) -> None:
        days = (to - self._now).total_seconds() / _DAY_S
        for vessel in self.vessels.values():
            if vessel.part.evaporates:
                vessel.evaporate(days)
                self._go_shopping(vessel, at=to)
        self._now = to

    def _plan_until(self, to: datetime) -> None:
        """Plan whole days until the plan reaches a day beyond `to`."""
        while self._midnight <= to + timedelta(days=1):
            for act in self._plan(self._midnight, self._rng, self._busy):
                if act.at > self._now:
                    self._add(act)
            self._midnight += timedelta(days=1)

    def _add(self, act: Act) -> None:
        heapq.heappush(self._acts, (act.at, next(self._order), act))

    def _take_place(self, act: Act) -> Deed:
        used = {part: self.vessels[part].draw(amount) for part, amount in act.uses.items()}
        filled = {part: self.vessels[part].fill(amount) for part, amount in act.fills.items()}
        self._shopping -= filled.keys()
        if not act.uses or any(given > 0 for given in used.values()):
            for counter, amount in act.counts.items():
                self.counters[counter] = self.counters.get(counter, 0.0) + amount
        self.states.update(act.sets)
        self._used_before.update({part: self.vessels[part].used for part in act.marks})
        for part in used:
            self._go_shopping(self.vessels[part], at=act.at)
        left = {part: self.vessels[part].amount for part in (*used, *filled)}
        return Deed(act.at, act.name, used, filled, left, act.tells)

    def _go_shopping(self, vessel: Vessel, *, at: datetime) -> None:
        """Plan a refill where a part runs low, once until it has come."""
        part = vessel.part
        if part.name in self._shopping or vessel.amount >= part.refill_below * part.capacity:
            return
        self._shopping.add(part.name)
        packs = max(1, int((part.capacity - vessel.amount) / part.pack))
        after = timedelta(hours=part.refill_after_h * self._shop_rng.uniform(0.5, 1.5), seconds=1)
        self._add(Act(at + after, f"{part.name}_filled", fills={part.name: packs * part.pack}, tells=True))
