"""What is true in one home: stock, door, wash cycles, car. The simulator knows it and nobody else does.

Appliances see it through `sensor` only. The world moves when `advance` is called, in exact order of time, and reads no
clock; the same settings and seed give the same acts. Deliveries come from outside through `restock`.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from firmware_sim.routine import Act, Planned, plan_driving, plan_meals, plan_washing
from firmware_sim.stock import Stock, StockTruth
from firmware_sim.usage import HouseholdUse

MILK = "milk"
DETERGENT = "detergent"
WASHER_FLUID = "washer_fluid"
ITEMS = (MILK, DETERGENT, WASHER_FLUID)

_LOG_MAX = 50_000
_PUT_AWAY_AFTER = timedelta(minutes=3)
_ITEM_OF = {Act.POURED: MILK, Act.DOSED: DETERGENT, Act.DROVE: WASHER_FLUID}


@dataclass(frozen=True, slots=True)
class ItemSettings:
    """One item of the home. Amounts in `unit`."""

    unit: str
    capacity: float
    initial: float
    pack_amount: float


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """The home at its start."""

    items: dict[str, ItemSettings]
    dose_ml: float
    odometer_km: float
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Happening:
    """One act that took place. `wanted` was asked for, `given` was there, `left` is the stock of `item` afterwards."""

    at: datetime
    act: Act
    item: str = ""
    wanted: float = 0.0
    given: float = 0.0
    left: float = 0.0


class World:
    """The home. `advance` moves it; everything else says how it stands at `now`."""

    def __init__(self, settings: WorldSettings, use: HouseholdUse, *, start: datetime, seed: int) -> None:
        self._settings = settings
        self._use = use
        self._rng = random.Random(f"{seed}:world")
        self._now = start.astimezone(UTC)
        self._first_midnight = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._days_planned = 0
        self._plan: list[tuple[datetime, int, Planned]] = []
        self._order = itertools.count()  # acts at the same moment keep the order in which they were planned
        self._laundry_ml = 0.0
        self._doors_open = 0
        self._bottles_out = 0
        self._driven_km = 0.0
        self._cycles_begun = 0
        self._cycles_done = 0
        self._arrived: list[Happening] = []
        self._log: deque[Happening] = deque(maxlen=_LOG_MAX)
        self._stocks = {
            name: Stock(name, item.unit, capacity=item.capacity, amount=item.initial, at=self._now)
            for name, item in settings.items.items()
        }
        self._plan_until(self._now)

    @property
    def now(self) -> datetime:
        """How far the world has moved."""
        return self._now

    @property
    def next_act_at(self) -> datetime:
        """When something happens next."""
        return self._plan[0][0]

    @property
    def door_open(self) -> bool:
        """Whether the fridge's door is open."""
        return self._doors_open > 0

    @property
    def milk_on_tray_g(self) -> float:
        """What presses on the load cell: all milk, without the open bottle while that is lifted."""
        amount = self._stocks[MILK].amount
        if not self._bottles_out or amount <= 0:
            return amount
        pack = self._settings.items[MILK].pack_amount
        return amount - (amount % pack or pack)

    @property
    def washing(self) -> bool:
        """Whether a wash cycle runs."""
        return self._cycles_begun > self._cycles_done

    @property
    def cycles(self) -> int:
        """Wash cycles ended since the start."""
        return self._cycles_done

    @property
    def odometer_km(self) -> float:
        """Kilometres on the clock of the car."""
        return self._settings.odometer_km + self._driven_km

    @property
    def location(self) -> tuple[float, float]:
        """Where the car is, as latitude and longitude: home, or some way east of it."""
        away_km = self._driven_km % 20.0 if self._driven_km else 0.0
        return self._settings.latitude, self._settings.longitude + away_km / 111.0

    def amount(self, item: str) -> float:
        """The true stock of an item, for a sensor to measure."""
        return self._stocks[item].amount

    def advance(self, to: datetime) -> tuple[Happening, ...]:
        """Let time pass until `to`; returns what happened, deliveries since the last call first."""
        if to < self._now:
            raise ValueError(f"the world cannot go back from {self._now} to {to}")
        self._plan_until(to)
        happened, self._arrived = self._arrived, []
        while self._plan[0][0] <= to:
            planned = heapq.heappop(self._plan)[2]
            self._now = max(self._now, planned.at)
            happened.append(self._take_place(planned))
        self._now = to
        return tuple(happened)

    def restock(self, item: str, amount: float) -> float:
        """The courier brings `amount` of an item; returns what found no room."""
        stock = self._stocks[item]
        left_over = stock.add(amount, at=self._now)
        self._arrived.append(self._note(Happening(self._now, Act.RESTOCKED, item, amount, amount - left_over)))
        if item == MILK:
            self._doors_open += 1
            self._add(Planned(self._now + _PUT_AWAY_AFTER - timedelta(minutes=1), Act.DOOR_CLOSED))
        self._add(Planned(self._now + _PUT_AWAY_AFTER, Act.PUT_AWAY, item=item))
        return left_over

    def truth(self) -> dict[str, StockTruth]:
        """The books of every item at `now`."""
        return {name: stock.truth(self._now) for name, stock in self._stocks.items()}

    def log(self) -> tuple[Happening, ...]:
        """Every act that moved stock, the latest 50,000."""
        return tuple(self._log)

    def _plan_until(self, to: datetime) -> None:
        """Plan whole days until the plan reaches beyond `to`."""
        while self._first_midnight + timedelta(days=self._days_planned) <= to + timedelta(days=1):
            self._plan_day(self._days_planned)
            self._days_planned += 1

    def _plan_day(self, index: int) -> None:
        midnight = self._first_midnight + timedelta(days=index)
        use = self._use.on(index)
        self._laundry_ml += use.detergent_ml
        washing = plan_washing(self._laundry_ml, midnight, dose_ml=self._settings.dose_ml, rng=self._rng)
        self._laundry_ml -= sum(act.amount for act in washing)
        for planned in (*plan_meals(use, midnight, self._rng), *washing, *plan_driving(use, midnight, self._rng)):
            if planned.at > self._now:
                self._add(planned)

    def _add(self, planned: Planned) -> None:
        heapq.heappush(self._plan, (planned.at, next(self._order), planned))

    def _take_place(self, planned: Planned) -> Happening:
        match planned.act:
            case Act.POURED | Act.DOSED | Act.DROVE:
                return self._use_up(planned)
            case Act.PUT_AWAY:
                return Happening(planned.at, planned.act, planned.item)
            case Act.DOOR_OPENED:
                self._doors_open += 1
            case Act.DOOR_CLOSED:
                self._doors_open = max(0, self._doors_open - 1)
            case Act.BOTTLE_OUT:
                self._bottles_out += 1
            case Act.BOTTLE_BACK:
                self._bottles_out = max(0, self._bottles_out - 1)
            case Act.CYCLE_STARTED:
                self._cycles_begun += 1
            case Act.CYCLE_ENDED:
                self._cycles_done += 1
            case _:
                pass
        return Happening(planned.at, planned.act)

    def _use_up(self, planned: Planned) -> Happening:
        """Take from the stock what the act asks for, as far as it is there."""
        item = _ITEM_OF[planned.act]
        self._driven_km += planned.km
        given = self._stocks[item].draw(planned.amount, at=planned.at)
        return self._note(Happening(planned.at, planned.act, item, planned.amount, given))

    def _note(self, happening: Happening) -> Happening:
        """The happening with what is left, kept in the log."""
        noted = Happening(
            happening.at,
            happening.act,
            happening.item,
            happening.wanted,
            happening.given,
            self._stocks[happening.item].amount,
        )
        self._log.append(noted)
        return noted
