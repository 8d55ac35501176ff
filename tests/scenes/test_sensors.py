"""A sensor that sticks, two washers on one shelf, and a filter that wears by run time and by dust."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.forecast import days_until_used
from firmware_sim.faults_settings import Contradictory, Stuck
from tests.scenes.stage import Stage, home, kept, staged


def amount_packs(scene: Stage, ware: str) -> tuple[float, float, float]:
    """Low, value and high of what the hub believes, in packs."""
    found, pack = scene.found(ware).estimate.amount, scene.stock(ware).kept.ware.pack
    assert found is not None
    return found.low / pack, found.value / pack, found.high / pack


def test_a_sensor_that_sticks_is_not_believed_for_ever(tmp_path: Path) -> None:
    """Four packs stand on the tray, says the scale, day after day: trust falls, and the household is told to look."""
    stuck = Stuck(kind="stuck", channel="milk_g", from_h=24 * 8)
    with staged(tmp_path, home(kept("milk", packs=5), faults={"fridge": [stuck]})) as scene:
        scene.pass_days(7.75)
        assert scene.found("milk").estimate.trust > 0.9
        scene.buys = False
        scene.pass_days(4)
        found = scene.found("milk").estimate
        low, _, _ = amount_packs(scene, "milk")
        assert found.trust < 0.6
        assert {"stuck"} <= {doubt.code for doubt in found.doubts}
        assert low <= scene.stock("milk").packs + 0.05


def test_two_washers_draw_from_one_shelf(tmp_path: Path) -> None:
    """Counters in the kitchen and in the cellar, one kind of powder: what is left is what both of them leave."""
    both = home(kept("powder", packs=1), kept("cellar_powder", packs=1))
    shelf_ml = 4_000.0

    def shared(item: Item) -> Item:
        cellar = Binding(device="cellar_washer", signal="cycle.count", kind="counter", amount_per_count=49.5)
        return item.model_copy(update={"more_bindings": (cellar,), "room_packs": 6})

    with staged(tmp_path, both, change=shared, only=("powder",)) as scene:
        scene.buys = False
        scene.pass_days(0.5)
        drawn_before = _drawn(scene)
        scene.count("powder", shelf_ml)
        scene.pass_days(12)
        left_ml = shelf_ml - (_drawn(scene) - drawn_before)
        found = scene.found("powder").estimate.amount
        assert found is not None
        assert shelf_ml - left_ml > 700  # both were busy: one alone draws about half of it
        assert abs(found.value - left_ml) < 0.2 * (shelf_ml - left_ml)
        assert found.low <= left_ml <= found.high


def _drawn(scene: Stage) -> float:
    """What both machines have taken, in mL, had there always been some."""
    vessels = [scene.stock(name).physics.vessels["detergent"] for name in ("powder", "cellar_powder")]
    return sum(vessel.used + vessel.unmet for vessel in vessels)


def test_a_filter_wears_by_the_hours_that_it_runs(tmp_path: Path) -> None:
    """The same filter in two homes: where the air conditioner runs twice as long it lasts half as long."""
    lasts_d = {}
    for busy in (0.6, 1.2):
        home_of = home(kept("dust_filter", packs=0.5, busy=busy), busy={"aircon": busy})
        with staged(tmp_path / f"{busy}", home_of) as scene:
            scene.pass_days(14)
            found, truth = scene.found("dust_filter"), scene.stock("dust_filter")
            _, value, _ = amount_packs(scene, "dust_filter")
            assert abs(value - truth.packs) < 0.02
            lasts_d[busy] = days_until_used(found.forecast, value, probability=0.5)
            assert lasts_d[busy] == pytest.approx(truth.amount / truth.kept.use_per_day, rel=0.35)
    assert lasts_d[0.6] > 1.6 * lasts_d[1.2]


def test_a_filter_that_dust_has_clogged_before_its_time(tmp_path: Path) -> None:
    """The hours say half of it is left, the filter says it is clogged: nobody takes the hours for the truth."""
    dust = Contradictory(kind="contradictory", from_h=24 * 5)

    def flagged(item: Item) -> Item:
        flag = Binding(device="aircon", signal="dust_filter.state", kind="flag", low_amount=36.0)
        return item.model_copy(update={"more_bindings": (flag,)})

    with staged(tmp_path, home(kept("dust_filter", packs=0.6), faults={"aircon": [dust]}), change=flagged) as scene:
        scene.buys = False
        scene.pass_days(4.75)
        before = scene.found("dust_filter").estimate
        assert before.trust > 0.9
        scene.pass_days(2)
        found, (low, _, _) = scene.found("dust_filter").estimate, amount_packs(scene, "dust_filter")
        assert low <= 0.06
        assert found.trust < before.trust
        assert found.doubts
