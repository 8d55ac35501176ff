"""The merchants of a world: every class, each with its line, its hostile ways and its true ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from cloud_bridge.core.capability import Capability, MerchantClass
from cloud_bridge.core.outcome import Progress
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant, Sold
from cloud_bridge.merchants.simulated_modes import MEETS, Mode, Plan
from tests.campaign.simulation.judge import Need, Sale
from tests.campaign.simulation.merchants import Line
from tests.campaign.simulation.virtual import JumpyClock, VirtualLoop
from tests.campaign.simulation.weather import Weather

# A merchant charges what it quoted last: against one that charges more within a request nothing helps but telling.
HOSTILITY = 0.12
_LAG = timedelta(seconds=90)
_DAY = timedelta(hours=24)
_KINDS = (
    ("grocer", Capability(MerchantClass.A, key_life=_DAY, lookup_lag=_LAG)),
    ("baker", Capability(MerchantClass.A, key_life=_DAY, lookup_lag=_LAG)),
    ("chemist", Capability(MerchantClass.A, key_life=timedelta(hours=6), lookup_lag=_LAG)),
    ("florist", Capability(MerchantClass.B, key_life=_DAY, lookup_lag=_LAG)),
    ("vintner", Capability(MerchantClass.B, key_life=_DAY, lookup_lag=timedelta(minutes=10))),
    ("corner-shop", Capability(MerchantClass.C, key_life=_DAY, lookup_lag=_LAG)),
)


class PromptMerchant(SimulatedMerchant):
    """Delivers most of what it sells before anybody asks, so that a world is not full of orders to follow.

    `tell` hears of each order, and of how far it has come.
    """

    tell: Callable[[str], None]

    def _enter(self, *args: object, **named: object) -> Sold:
        sold = super()._enter(*args, **named)  # type: ignore[arg-type]
        self.progress[sold.order_id] = Progress.PREPARING if sold.order_id.endswith("7") else Progress.DELIVERED
        self.tell(sold.order_id)
        return sold

    def _prune_keys(self) -> None:
        """As it is there, but the oldest first and no further, since its clock goes forward only."""
        for sold in self._keys.values():
            if self.now() < sold.at + self.capability.key_life:
                return
            break
        super()._prune_keys()


@dataclass(slots=True)
class Stall:
    """One merchant of the world."""

    name: str
    merchant: PromptMerchant
    line: Line
    weather: Weather

    @property
    def can_say(self) -> bool:
        """Whether a mandate may be drawn on here."""
        return self.merchant.capability.merchant_class is not MerchantClass.C

    @property
    def delivery_minor(self) -> int:
        """What delivery costs here."""
        return self.merchant.delivery_minor

    def stock(self, need: Need) -> None:
        """Have what a household will want, at the price that it will be shown."""
        self.merchant.shelves[need.sku] = Shelf(need.sku, need.price_minor, stock=50)

    def sales(self) -> list[Sale]:
        """The true ledger."""
        return [
            Sale(
                sold.order_id,
                self.name,
                sold.reference,
                sold.sku,
                sold.quantity,
                sold.total_minor,
                sold.currency,
                self.can_say,
            )
            for sold in self.merchant.ledger
        ]

    def move_prices(self) -> None:
        """Now and then a product gets dearer by a cent, by 300 %, cheaper, or runs out."""
        if not self.merchant.shelves or not self.weather.strikes(0.3, "price_moved"):
            return
        rng = self.weather.rng
        sku = rng.choice(list(self.merchant.shelves))
        shelf = self.merchant.shelves[sku]
        price_minor = rng.choice([shelf.price_minor + 1, shelf.price_minor * 4, max(1, shelf.price_minor - 7)])
        stock = 0 if rng.random() < 0.2 else shelf.stock
        self.merchant.shelves[sku] = replace(shelf, price_minor=price_minor, stock=stock)


def open_market(loop: VirtualLoop, weather: Weather, *, clock: JumpyClock) -> list[Stall]:
    """All kinds of merchants, whose own clock is right."""
    return [
        Stall(
            name,
            PromptMerchant(
                {},
                delivery_minor=199,
                faults=_plan(weather),
                capability=capability,
                now=clock.now,
            ),
            Line(loop, weather, repeats_orders=capability.merchant_class is MerchantClass.A),
            weather,
        )
        for name, capability in _KINDS
    ]


def _plan(weather: Weather) -> Plan:
    def plan(request: str) -> Mode | None:
        if not weather.strikes(HOSTILITY, "hostile"):
            return None
        return weather.rng.choice(MEETS[request])

    return plan
