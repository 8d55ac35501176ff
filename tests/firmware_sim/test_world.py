"""What is true in a home."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from firmware_sim.routine import MILK_G_PER_ML, Act
from firmware_sim.scenario import load_scenario
from firmware_sim.usage import DayUse, HouseholdUse, household_use
from firmware_sim.world import DETERGENT, ITEMS, MILK, WASHER_FLUID, Happening, World

START = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 30


def world(seed: int = 7, use: HouseholdUse | None = None) -> World:
    """The demo's home on the built-in usage model."""
    use = use or household_use(seed=seed, days=DAYS, first_day=date(2025, 3, 1), data=None)
    return World(load_scenario().world_settings(), use, start=START, seed=seed)


def after(hours: float) -> datetime:
    """So many hours after the start."""
    return START + timedelta(hours=hours)


def live(home: World, *, step_h: float, packs: dict[str, float]) -> list[Happening]:
    """Thirty days in steps, with a delivery of so much of each item every third day."""
    happened: list[Happening] = []
    for step in range(1, int(DAYS * 24 / step_h) + 1):
        happened += home.advance(after(step * step_h))
        if (step * step_h) % 72 == 0:
            for item, amount in packs.items():
                home.restock(item, amount)
    return happened


PLENTY = {MILK: 4_140.0, DETERGENT: 500.0, WASHER_FLUID: 500.0}


def test_steps_do_not_change_what_happens() -> None:
    """Four hours at a time or a whole day: the same acts at the same moments, the same books."""
    fine, coarse = world(), world()
    assert live(fine, step_h=4, packs=PLENTY) == live(coarse, step_h=24, packs=PLENTY)
    assert fine.truth() == coarse.truth()


def test_seeds_differ() -> None:
    """Another seed is another home."""
    assert live(world(1), step_h=24, packs={}) != live(world(2), step_h=24, packs={})


def test_the_books_balance() -> None:
    """Initial stock + deliveries - what was served = what is there; the log adds up to the same."""
    home = world()
    live(home, step_h=24, packs=PLENTY)
    scenario = load_scenario()
    for name, truth in home.truth().items():
        assert truth.amount == pytest.approx(scenario.item(name).initial + truth.restocked - truth.served)
        given = sum(entry.given for entry in home.log() if entry.item == name and entry.act is not Act.RESTOCKED)
        assert given == pytest.approx(truth.served)
        assert 0 <= truth.amount <= truth.capacity


def test_demand_is_what_the_household_uses() -> None:
    """What is asked for over a month is the usage series, up to laundry that waits and a trip past midnight."""
    use = household_use(seed=7, days=DAYS, first_day=date(2025, 3, 1), data=None)
    home = world(use=use)
    live(home, step_h=24, packs=PLENTY)
    truth = home.truth()
    assert truth[MILK].demand == pytest.approx(sum(d.milk_ml for d in use.days) * MILK_G_PER_ML, rel=0.02)
    assert truth[DETERGENT].demand == pytest.approx(sum(d.detergent_ml for d in use.days), rel=0.05)
    assert truth[WASHER_FLUID].demand == pytest.approx(sum(d.washer_fluid_ml for d in use.days), rel=0.02)
    assert home.odometer_km == pytest.approx(48_210 + sum(d.drive_km for d in use.days), rel=0.001)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_home_without_deliveries_runs_out_of_everything(seed: int) -> None:
    """Initial stocks are low enough that each item must be ordered, and eight deliveries of a pack are not enough."""
    home = world(seed)
    live(home, step_h=24, packs={})
    scenario = load_scenario()
    short = {name: truth.unmet / scenario.item(name).pack_amount for name, truth in home.truth().items()}
    assert all(truth.stock_out_days > 5 and truth.stock_outs == 1 for truth in home.truth().values())
    assert sum(short.values()) > 8


def test_a_delivery_is_heard_and_put_away() -> None:
    """The next step tells of the delivery first, then of the moment when it stands where it belongs."""
    home = world()
    home.advance(after(3))
    left_over = home.restock(WASHER_FLUID, 5_000)
    happened = home.advance(after(3.1))
    assert left_over == pytest.approx(1_750)
    assert [(entry.act, entry.item) for entry in happened] == [
        (Act.RESTOCKED, WASHER_FLUID),
        (Act.PUT_AWAY, WASHER_FLUID),
    ]
    assert happened[0].given == pytest.approx(3_250)


def test_putting_milk_away_opens_the_door() -> None:
    """While the courier's bottles go in, the load cell cannot be believed."""
    home = world()
    home.advance(after(3))
    home.restock(MILK, 1_035)
    assert home.door_open
    home.advance(after(3) + timedelta(minutes=5))
    assert not home.door_open


def test_a_meal_opens_the_door_and_lifts_the_bottle() -> None:
    """Every opening is followed by a closing; the open bottle does not press on the tray while it is lifted."""
    home, lifted = world(), 0
    acts: Counter[Act] = Counter()
    while home.now < after(24):
        acts.update(entry.act for entry in home.advance(home.next_act_at))
        lifted += home.milk_on_tray_g < home.amount(MILK)
        assert home.amount(MILK) - home.milk_on_tray_g <= 1_035
    assert acts[Act.POURED] >= 3
    assert lifted > 0
    assert abs(acts[Act.DOOR_OPENED] - acts[Act.DOOR_CLOSED]) <= 1
    assert abs(acts[Act.BOTTLE_OUT] - acts[Act.BOTTLE_BACK]) <= 1


def test_each_cycle_takes_one_dose_and_is_counted_at_its_end() -> None:
    """Started, dosed and ended cycles agree once none is running."""
    home = world()
    acts = Counter(entry.act for entry in live(home, step_h=24, packs=PLENTY))
    assert acts[Act.CYCLE_STARTED] == acts[Act.DOSED] == acts[Act.CYCLE_ENDED] == home.cycles > 25
    assert not home.washing


def test_a_day_without_use_is_quiet() -> None:
    """No milk, laundry or trip is invented."""
    use = HouseholdUse("nothing", (DayUse(0, 0, 0, 0),))
    home = world(use=use)
    home.advance(after(48))
    assert all(home.truth()[name].demand == 0 for name in ITEMS)


def test_the_world_cannot_go_back() -> None:
    """Time that has passed cannot be played again."""
    home = world()
    home.advance(after(2))
    with pytest.raises(ValueError, match="go back"):
        home.advance(after(1))
