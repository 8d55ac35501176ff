"""The merchant's courier: takes each new order to the home, after a lead time from the seed.

It learns of orders from the merchant's own database, ships and reports through the merchant's own routes, and puts the
goods into the simulated home. Each step is taken once: a merchant that is away is told later, the home is never
restocked twice.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from firmware_sim.clock import MappedClock
from firmware_sim.merchant import MerchantError, MerchantOrder

_LOOK_EVERY_S = 1800.0  # virtual
_TO_SHIPPING_D = (1.0, 2.0)
_TO_DOOR_D = (0.5, 1.0)


class Stage(StrEnum):
    """How far a parcel is."""

    PLACED = "placed"
    SHIPPED = "shipped"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"


class Desk(Protocol):
    """The merchant's side of a parcel. Both raise MerchantError when the merchant did not take it."""

    async def ship(self, order_id: str) -> None:
        """Hand the goods to the carrier."""

    async def deliver(self, order_id: str, *, at: datetime) -> None:
        """Write down that everything has arrived."""


@dataclass(slots=True)
class Parcel:
    """One order on its way. Times are virtual."""

    order: MerchantOrder
    ships_at: datetime
    arrives_at: datetime
    stage: Stage = Stage.PLACED


class Courier:
    """Watches for orders and carries them. `restock` puts packs of an item into the home, and says what had no room."""

    def __init__(
        self,
        desk: Desk,
        *,
        orders: Callable[[], list[MerchantOrder]],
        restock: Callable[[str, int], float],
        item_of_sku: Mapping[str, str],
        clock: MappedClock,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._orders = orders
        self._restock = restock
        self._item_of_sku = dict(item_of_sku)
        self._clock = clock
        self._seed = seed
        self._say = say
        self._parcels: dict[str, Parcel] = {}
        self._seen: Counter[str] = Counter()

    async def run(self) -> None:
        """Carry parcels for ever."""
        while True:
            await self.round()
            await self._clock.sleep(_LOOK_EVERY_S)

    async def round(self) -> None:
        """Take up new orders, and move every parcel that is due."""
        for order in self._orders():
            if order.id not in self._parcels:
                self._take_up(order)
        for parcel in self._parcels.values():
            try:
                await self._move(parcel)
            except MerchantError as exc:
                self._say(f"courier: {exc}; trying again")

    def stages(self) -> dict[str, Stage]:
        """Every order's stage by its id."""
        return {order_id: parcel.stage for order_id, parcel in self._parcels.items()}

    def _take_up(self, order: MerchantOrder) -> None:
        """The lead times depend on the seed, the product and how often it was ordered, not on who was first."""
        self._seen[order.sku] += 1
        chance = random.Random(f"{self._seed}/{order.sku}/{self._seen[order.sku]}")
        ships_at = self._clock.now() + timedelta(days=chance.uniform(*_TO_SHIPPING_D))
        arrives_at = ships_at + timedelta(days=chance.uniform(*_TO_DOOR_D))
        self._parcels[order.id] = Parcel(order=order, ships_at=ships_at, arrives_at=arrives_at)
        self._say(f"order: {order.packs} x {order.sku}, merchant's number {order.id}")

    async def _move(self, parcel: Parcel) -> None:
        order = parcel.order
        if parcel.stage is Stage.PLACED and self._clock.now() >= parcel.ships_at:
            await self._desk.ship(order.id)
            parcel.stage = Stage.SHIPPED
            self._say(f"shipped: {order.packs} x {order.sku}")
        if parcel.stage is Stage.SHIPPED and self._clock.now() >= parcel.arrives_at:
            left_over = self._restock(self._item_of_sku[order.sku], order.packs)
            parcel.stage = Stage.HANDED_OVER
            if left_over > 0:
                self._say(f"no room at home for {left_over:.0f} of {order.sku}")
        if parcel.stage is Stage.HANDED_OVER:
            await self._desk.deliver(order.id, at=self._clock.now())
            parcel.stage = Stage.DELIVERED
            self._say(f"delivered: {order.packs} x {order.sku}")
