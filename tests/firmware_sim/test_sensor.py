"""What can be seen of the true stock."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from statistics import mean, stdev

import pytest

from firmware_sim.sensor import DosingCounter, LevelSensor, LevelSpec, LoadCell, LoadCellSpec

AT = datetime(2025, 3, 1, tzinfo=UTC)


def readings(cell: LoadCell, true_g: float, *, disturbed: bool = False) -> list[float]:
    """A reading every half hour over 30 days."""
    return [cell.read_g(true_g, at=AT + timedelta(minutes=30 * i), disturbed=disturbed) for i in range(1_440)]


def test_a_load_cell_is_off_by_a_few_grams() -> None:
    """Noise and drift stay small, readings are whole grams."""
    seen = readings(LoadCell(LoadCellSpec(), random.Random(1)), 3_000.0)
    assert mean(seen) == pytest.approx(3_000, abs=3)
    assert 4 < stdev(seen) < 9
    assert max(abs(value - 3_000) for value in seen) < 25
    assert all(value == int(value) for value in seen)


def test_a_load_cell_drifts() -> None:
    """Without noise the readings of one day still differ from those of another."""
    cell = LoadCell(LoadCellSpec(noise_g=0.0), random.Random(1))
    assert len(set(readings(cell, 3_000.0))) > 8


def test_a_disturbed_load_cell_says_nothing() -> None:
    """While the door is open the reading does not follow the weight, and stays within the cell's range."""
    seen = readings(LoadCell(LoadCellSpec(), random.Random(1)), 3_000.0, disturbed=True)
    assert stdev(seen) > 1_000
    assert 0 <= min(seen) <= max(seen) <= 8_000


def test_an_empty_tray_never_weighs_less_than_nothing() -> None:
    """Firmware clamps noise around zero."""
    assert min(readings(LoadCell(LoadCellSpec(), random.Random(1)), 0.0)) == 0


@pytest.mark.parametrize(("moving", "spread_pct"), [(False, 1.0), (True, 6.0)])
def test_a_level_sensor_reads_whole_percent(moving: bool, spread_pct: float) -> None:
    """One percent of resolution; a tank that moves sloshes."""
    level = LevelSensor(LevelSpec(full_amount=5_000.0), random.Random(1))
    seen = [level.read_pct(1_750.0, moving=moving) for _ in range(500)]
    assert mean(seen) == pytest.approx(35, abs=0.5)
    assert max(abs(value - 35) for value in seen) <= spread_pct + 1
    assert all(value == int(value) for value in seen)
    assert (stdev(seen) > 1.5) is moving


@pytest.mark.parametrize(("amount", "bounds"), [(0.0, (0, 2)), (5_000.0, (98, 100))])
def test_a_level_stays_between_empty_and_full(amount: float, bounds: tuple[float, float]) -> None:
    """No noise makes it negative or more than full."""
    level = LevelSensor(LevelSpec(full_amount=5_000.0), random.Random(2))
    assert all(bounds[0] <= level.read_pct(amount, moving=False) <= bounds[1] for _ in range(200))


def counter(error: float = 0.0) -> DosingCounter:
    """A tank of a litre, half full."""
    return DosingCounter(capacity_ml=1_000, initial_ml=500, error=error, rng=random.Random(3))


def test_a_dosing_counter_counts_down_and_up() -> None:
    """Doses are taken off, a filling is added up to the capacity."""
    tank = counter()
    tank.dosed(60, 60)
    assert (tank.remaining_ml, tank.last_dose_ml) == (440, 60)
    tank.filled(500)
    assert tank.remaining_ml == 940
    tank.filled(500)
    assert tank.remaining_ml == 1_000


def test_a_dosing_counter_drifts_and_a_dry_run_sets_it_right() -> None:
    """The pump's own error adds up; air in the pump means empty."""
    tank = counter(error=0.05)
    for _ in range(5):
        tank.dosed(60, 60)
    assert tank.remaining_ml != 200
    assert tank.remaining_ml == pytest.approx(200, abs=15)
    tank.dosed(60, 10)
    assert tank.remaining_ml == 0
