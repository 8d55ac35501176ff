"""One home day by day: packs are finished, goods arrive, and in the evening a rule says what is ordered.

The same arithmetic for every rule. A pack that is finished on an empty shelf was bought elsewhere. A delivery is a day
on which anything was ordered, however many items; it arrives on the third morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.campaign.homes.public_data import LEAD_D, RUN_IN_D, START, Home, Series


class Rule(Protocol):
    """How a home orders."""

    def orders(self, day: int, positions: Sequence[int | None]) -> Sequence[int]:
        """Orders of each item made in the evening of `day`; a position is packs at home and coming, None: not known."""


@dataclass(slots=True)
class Kept:
    """What was counted of one item."""

    days: int = 0
    out_days: int = 0
    pack_days: float = 0.0
    orders: int = 0
    elsewhere_packs: int = 0
    used_packs: int = 0
    packs_after_use: int = 0
    left_packs: int = 0


@dataclass(slots=True)
class Tally:
    """What was counted of one home."""

    items: list[Kept]
    days: int = 0
    deliveries: int = 0
    first_orders: list[tuple[int, int]] = field(default_factory=list)


def replay(home: Home, rule: Rule) -> Tally:
    """The home under a rule, from day START until nothing is known of its last item."""
    shelves = [_Shelf(item) for item in home]
    tally = Tally([shelf.kept for shelf in shelves])
    last = max(item.end for item in home)
    for day in range(START, last):
        for shelf in shelves:
            if day < shelf.item.end:
                shelf.live(day)
        positions = [shelf.position if day < shelf.item.end else None for shelf in shelves]
        ordered = rule.orders(day, positions)
        for shelf, orders in zip(shelves, ordered, strict=True):
            if orders:
                shelf.order(day, orders)
        if day >= START + RUN_IN_D and any(ordered):
            tally.deliveries += 1
    tally.days = last - START - RUN_IN_D
    for shelf in shelves:
        shelf.kept.left_packs = shelf.position
    return tally


class _Shelf:
    """One item at home: what stands there, what is coming, what was counted."""

    def __init__(self, item: Series) -> None:
        self.item = item
        self.kept = Kept()
        self.position = item.order_packs
        self._at_home = item.order_packs
        self._coming: dict[int, int] = {}
        self._finished: list[int] = item.finished.tolist()

    def live(self, day: int) -> None:
        """A day: goods arrive in the morning, then packs are finished."""
        self._at_home += self._coming.pop(day, 0)
        finished = self._finished[day]
        used = min(self._at_home, finished)
        if day >= START + RUN_IN_D and day < self.item.last_bought:
            self._count(finished, used=used)
        self._at_home -= used
        self.position -= used

    def order(self, day: int, orders: int) -> None:
        """An order in the evening of `day`."""
        packs = orders * self.item.order_packs
        arrives = day + 1 + LEAD_D
        self.position += packs
        self._coming[arrives] = self._coming.get(arrives, 0) + packs
        if day >= START + RUN_IN_D:
            self.kept.orders += 1
        if self.item.last_used is not None and day >= self.item.last_used:
            self.kept.packs_after_use += packs

    def _count(self, finished: int, *, used: int) -> None:
        """Of the pack in use half is there, and half of what is finished today."""
        kept, at_home = self.kept, self._at_home
        kept.days += 1
        kept.out_days += at_home <= 0
        kept.pack_days += max(at_home - 0.5 * (at_home > 0) - 0.5 * used, 0.0)
        kept.elsewhere_packs += finished - used
        kept.used_packs += finished
