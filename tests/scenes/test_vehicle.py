"""A vehicle whose washer fluid, AdBlue, oil and wipers are foreseen from distance and season."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.catalogue import Binding, Item, Preferences, Product
from edge_agent.core.forecast import demand_within
from tests.scenes.stage import home, kept, staged

ADBLUE_L_PER_KM, FLUID_ML_PER_KM = 0.0011, 2.7


def by_distance(ident: str, *, unit: str, pack: float, per_km: float, guess_per_day: float) -> Item:
    """Something that a car uses up by the kilometre, and that no sensor of its own tells."""
    return Item(
        id=ident,
        name=ident.replace("_", " "),
        category="unknown",
        unit=unit,
        product=Product(title=ident, merchant="garage", sku=ident, pack_amount=pack),
        binding=Binding(device="car", signal="odometer", kind="counter", amount_per_count=per_km),
        prior_use_per_day=guess_per_day,
    )


CAR = (
    by_distance("adblue", unit="L", pack=5.0, per_km=ADBLUE_L_PER_KM, guess_per_day=0.05),
    by_distance("oil", unit="km", pack=15_000.0, per_km=1.0, guess_per_day=50.0),
    by_distance("wipers", unit="km", pack=20_000.0, per_km=1.0, guess_per_day=50.0),
)


def test_what_a_car_uses_is_reckoned_from_the_distance(tmp_path: Path) -> None:
    """AdBlue, oil and wipers: what is left is what was counted once, less what the kilometres since have used."""
    with staged(tmp_path, home(kept("washer_fluid", packs=1.5)), more=CAR) as scene:
        scene.buys = False
        scene.pass_days(0.5)
        car = scene.stock("washer_fluid").physics
        begun_km, counted = car.counters["odometer_km"], {"adblue": 7.0, "oil": 4_000.0, "wipers": 9_000.0}
        for item, amount in counted.items():
            scene.count(item, amount)
        scene.pass_days(20)
        driven_km = car.counters["odometer_km"] - begun_km
        assert driven_km > 600
        per_km = {"adblue": ADBLUE_L_PER_KM, "oil": 1.0, "wipers": 1.0}
        for item, amount in counted.items():
            found = scene.found(item).estimate.amount
            assert found is not None
            left, used = amount - driven_km * per_km[item], driven_km * per_km[item]
            assert found.value == pytest.approx(left, abs=0.05 * used), item


def test_washer_fluid_is_foreseen_by_the_season(tmp_path: Path) -> None:
    """The same car and the same weeks of March: towards summer less fluid is foreseen than towards winter."""
    ahead = {}
    for hemisphere in ("north", "south", None):
        told = Preferences(hemisphere=hemisphere)  # type: ignore[arg-type]
        with staged(tmp_path / str(hemisphere), home(kept("washer_fluid", packs=1.5)), preferences=told,
                    change=lambda item: item.model_copy(update={"category": "washer_fluid"})) as scene:  # fmt: skip
            scene.buys = False
            scene.pass_days(15)
            case = scene.found("washer_fluid").case
            ahead[hemisphere] = case.season * demand_within(case.forecast, 14, probability=0.5)
    assert ahead["north"] < ahead[None] < ahead["south"]
