"""The three items of the demo home, with readings and estimates of them, for tests of the hub's rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from edge_agent.core.catalogue import Binding, Item, Product
from edge_agent.core.messages import ItemId, Presence, Range, Reading, StockEstimate

START = datetime(2026, 3, 1, tzinfo=UTC)


def _product(sku: str, *, pack_amount: float) -> Product:
    return Product(title=sku, merchant="grocer", sku=sku, pack_amount=pack_amount)


MILK = Item(
    id="milk",
    name="Milk",
    category="milk",
    unit="g",
    product=_product("milk-whole-1l", pack_amount=1035.0),
    binding=Binding(device="fridge", signal="milk.amount"),
    room_packs=6,
    prior_use_per_day=828.0,
)
DETERGENT = Item(
    id="detergent",
    name="Detergent",
    category="laundry_detergent",
    unit="mL",
    product=_product("detergent-liquid-500ml", pack_amount=500.0),
    binding=Binding(device="samsung.washer", signal="detergent.remaining"),
    room_packs=2,
    prior_use_per_day=75.0,
)
WASHER_FLUID = Item(
    id="washer_fluid",
    name="Washer fluid",
    category="washer_fluid",
    unit="mL",
    product=_product("washer-fluid-2500ml", pack_amount=2500.0),
    binding=Binding(device="vehicle", signal="washer_fluid.remaining", full_amount=5000.0),
    room_packs=2,
    prior_use_per_day=200.0,
)
ITEMS = (MILK, DETERGENT, WASHER_FLUID)


def level(value: float, *, unit: str = "g") -> Reading:
    """A level that a sensor gave."""
    return Reading("milk.amount", Presence.VALUE, value, unit)


UNKNOWN = Reading("milk.amount", Presence.UNKNOWN, None, "g")


def stored(readings: Iterable[Reading | float], *, every_h: float = 1.0) -> list[tuple[int, datetime, Reading]]:
    """Readings as the store gives them, one every `every_h` hours from START; numbers are levels in g."""
    return [
        (number, START + timedelta(hours=every_h * number), one if isinstance(one, Reading) else level(one))
        for number, one in enumerate(readings, start=1)
    ]


def stock_estimate(
    item: Item, *, packs: float | None = 2.0, use_packs: Sequence[float] = (), trust: float = 0.95, at: datetime = START
) -> StockEstimate:
    """An estimate as `estimate` would give it, with `use_packs` on the days before `at`."""
    pack = item.product.pack_amount
    days = tuple(
        ((at - timedelta(days=len(use_packs) - number)).date(), used * pack) for number, used in enumerate(use_packs)
    )
    rate = sum(use_packs) / len(use_packs) * pack if use_packs else item.prior_use_per_day
    return StockEstimate(
        item=ItemId(item.id),
        unit=item.unit,
        as_of=at,
        amount=Range(packs * pack, packs * pack - 5, packs * pack + 5) if packs is not None else None,
        use_per_day=Range(rate, rate * 0.8, rate * 1.25),
        trust=trust,
        daily_use=days,
        refills=(),
    )
