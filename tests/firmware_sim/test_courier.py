"""The courier: each order is shipped, carried and reported once, in time that follows the seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from firmware_sim.clock import MappedClock
from firmware_sim.courier import Courier, Stage
from firmware_sim.merchant import MerchantError, MerchantOrder

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
SKUS = {"milk-whole-1l": "milk", "detergent-liquid-500ml": "detergent"}


def order(number: str, *, sku: str = "milk-whole-1l") -> MerchantOrder:
    """An order as the merchant's database has it."""
    return MerchantOrder(id=number, sku=sku, packs=3, events=())


@dataclass
class Town:
    """Merchant, home and time around a courier. `acts` is everything that the courier did, in order."""

    orders: list[MerchantOrder]
    now: datetime = START
    away: bool = False
    acts: list[str] = field(default_factory=list)

    async def ship(self, order_id: str) -> None:
        """The merchant's shipping route."""
        self._act(f"ship {order_id}")

    async def deliver(self, order_id: str, *, at: datetime) -> None:
        """The merchant's update route."""
        assert at == self.now
        self._act(f"deliver {order_id}")

    def restock(self, item: str, packs: int) -> float:
        """The home's door."""
        self.acts.append(f"restock {packs} {item}")
        return 0.0

    def courier(self, *, seed: int = 7) -> Courier:
        """A courier in this town."""
        return Courier(
            self,
            orders=lambda: list(self.orders),
            restock=self.restock,
            item_of_sku=SKUS,
            clock=MappedClock(speed=1.0, real_epoch=START, virtual_epoch=START, real_now=lambda: self.now),
            seed=seed,
            say=lambda _: None,
        )

    def _act(self, act: str) -> None:
        if self.away:
            raise MerchantError("away")
        self.acts.append(act)


async def carry(courier: Courier, town: Town, *, hours: int) -> list[float]:
    """Let the hours pass; after how many days each act came."""
    days: list[float] = []
    for _ in range(hours):
        known = len(town.acts)
        await courier.round()
        days += [(town.now - START) / timedelta(days=1)] * (len(town.acts) - known)
        town.now += timedelta(hours=1)
    return days


async def test_one_order_is_carried_once() -> None:
    """Shipped after one to two days, at the door half a day to a day later, restocked before it is reported."""
    town = Town([order("m1")])
    courier = town.courier()
    shipped_d, restocked_d, reported_d = await carry(courier, town, hours=120)
    assert town.acts == ["ship m1", "restock 3 milk", "deliver m1"]
    assert 1 <= shipped_d <= 2 + 1 / 24
    assert 0.4 <= restocked_d - shipped_d <= 1 + 1 / 24
    assert restocked_d == reported_d
    assert courier.stages() == {"m1": Stage.DELIVERED}


async def test_a_merchant_that_is_away_never_means_a_second_restock() -> None:
    """What the merchant did not take is tried again; what the home got is not given again."""
    town = Town([order("m1")])
    courier = town.courier()
    while not town.acts:
        await carry(courier, town, hours=1)
    town.away = True
    await carry(courier, town, hours=48)
    assert town.acts == ["ship m1", "restock 3 milk"]
    assert courier.stages() == {"m1": Stage.HANDED_OVER}
    town.away = False
    await carry(courier, town, hours=1)
    assert town.acts == ["ship m1", "restock 3 milk", "deliver m1"]


async def test_lead_times_follow_the_seed_and_the_product() -> None:
    """The same seed takes the same time for an order, whatever else was ordered before; another seed another time."""

    async def days(numbers: list[MerchantOrder], *, seed: int) -> list[float]:
        town = Town(numbers)
        done = await carry(town.courier(seed=seed), town, hours=120)
        return [day for day, act in zip(done, town.acts, strict=True) if "milk" in act or "m1" in act]

    alone = await days([order("m1")], seed=7)
    assert await days([order("d1", sku="detergent-liquid-500ml"), order("m1")], seed=7) == alone
    assert any([await days([order("m1")], seed=seed) != alone for seed in (8, 9, 10)])
