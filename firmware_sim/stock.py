"""The true amount of one item and the bookkeeping around it. Amounts are in the item's unit, durations in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class StockTruth:
    """What happened to one item until `as_of`. Amounts in `unit`; `mean_amount` is the average over time.

    `demand` is `served` + `unmet`. `days_of_supply_held` is the mean stock over the mean daily demand.
    `returned` is what was delivered and found no room.
    """

    item: str
    unit: str
    as_of: datetime
    amount: float
    capacity: float
    demand: float
    served: float
    unmet: float
    restocked: float
    returned: float
    stock_outs: int
    stock_out_days: float
    mean_amount: float
    days_of_supply_held: float


class Stock:
    """One item in the home. Calls must come in the order of time."""

    def __init__(self, item: str, unit: str, *, capacity: float, amount: float, at: datetime) -> None:
        self._item = item
        self._unit = unit
        self._capacity = capacity
        self._amount = amount
        self._began = at
        self._settled = at
        self._integral = 0.0  # amount * seconds
        self._empty_s = 0.0
        self._served = 0.0
        self._unmet = 0.0
        self._restocked = 0.0
        self._returned = 0.0
        self._stock_outs = 0

    @property
    def amount(self) -> float:
        """What is there now."""
        return self._amount

    def draw(self, amount: float, *, at: datetime) -> float:
        """Take `amount`, or what is left of it; returns what was given."""
        self._settle(at)
        given = min(amount, self._amount)
        if 0 < self._amount <= amount:
            self._stock_outs += 1
        self._amount -= given
        self._served += given
        self._unmet += amount - given
        return given

    def add(self, amount: float, *, at: datetime) -> float:
        """Put `amount` in as far as there is room; returns what is left over."""
        self._settle(at)
        fits = min(amount, self._capacity - self._amount)
        self._amount += fits
        self._restocked += fits
        self._returned += amount - fits
        return amount - fits

    def truth(self, at: datetime) -> StockTruth:
        """The books as they stand at `at`."""
        self._settle(at)
        elapsed_s = (at - self._began).total_seconds()
        demand = self._served + self._unmet
        mean = self._integral / elapsed_s if elapsed_s > 0 else self._amount
        return StockTruth(
            item=self._item,
            unit=self._unit,
            as_of=at,
            amount=self._amount,
            capacity=self._capacity,
            demand=demand,
            served=self._served,
            unmet=self._unmet,
            restocked=self._restocked,
            returned=self._returned,
            stock_outs=self._stock_outs,
            stock_out_days=self._empty_s / _DAY_S,
            mean_amount=mean,
            days_of_supply_held=mean * elapsed_s / _DAY_S / demand if demand > 0 else 0.0,
        )

    def _settle(self, at: datetime) -> None:
        """Account for the time since the last change."""
        passed_s = (at - self._settled).total_seconds()
        if passed_s < 0:
            raise ValueError(f"{self._item}: {at} lies before {self._settled}")
        self._integral += self._amount * passed_s
        if self._amount <= 0:
            self._empty_s += passed_s
        self._settled = at
