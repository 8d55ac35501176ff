"""Programmes and personal days from the store: page by page, and nothing said before all was read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from edge_agent.core.forecast import built_in
from edge_agent.core.messages import DeviceId, ItemId, Presence, Reading
from edge_agent.core.overview import DeviceOverview
from edge_agent.pipeline import personal, programmes
from edge_agent.pipeline.personal import ACTIVE, ASLEEP, PersonalDays
from edge_agent.pipeline.programmes import Programmes
from tests.edge_agent.consumables import DETERGENT, MILK, START, stock_estimate

PAGE = 50
Stored = tuple[int, datetime, Reading]


class Readings:
    """Fulfils the part of `ports.ReadingStore` that is read, and counts how often it was."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], list[Stored]] = {}
        self.asked = 0
        self._rows = 0

    def put(self, device: str, signal: str, value: float | str | None, *, at: datetime, unit: str = "") -> None:
        """One reading; None: it does not apply."""
        self._rows += 1
        presence = Presence.NOT_APPLICABLE if value is None else Presence.VALUE
        reading = Reading(signal, presence, value, unit)
        self.stored.setdefault((device, signal), []).append((self._rows, at, reading))

    def readings_after(self, device: DeviceId, signal: str, *, after_id: int, limit: int) -> list[Stored]:
        """The next ones."""
        self.asked += 1
        return [row for row in self.stored.get((device, signal), []) if row[0] > after_id][:limit]


def washer_life(washes: int) -> Readings:
    """A wash a day, of 70 mL and 25 mL in turn."""
    readings, level = Readings(), 100_000.0
    for day in range(washes):
        at = START + timedelta(days=day)
        takes = 25.0 if day % 2 else 70.0
        for hour, programme in ((0, None), (1, "wool" if day % 2 else "cotton"), (2, None)):
            level -= takes if hour == 2 else 0.0
            readings.put("samsung.washer", "cycle.programme", programme, at=at + timedelta(hours=hour))
            readings.put("samsung.washer", "detergent.remaining", level, at=at + timedelta(hours=hour), unit="mL")
    return readings


def looked(readings: Readings, *, times: int) -> Programmes:
    """After so many reviews."""
    found = Programmes(readings)  # type: ignore[arg-type]  # the part that is read
    stocks = [(item, stock_estimate(item)) for item in (DETERGENT, MILK)]
    for _ in range(times):
        forecasts = [built_in(*stock) for stock in stocks]
        assert found.shifted(stocks, forecasts, now=START + timedelta(days=60)) == forecasts
    return found


def test_nothing_is_said_before_all_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long history is read in turns; half of it says nothing, all of it the same as in one."""
    readings, item = washer_life(60), ItemId(DETERGENT.id)
    whole = looked(readings, times=1)
    monkeypatch.setattr(programmes, "_READINGS_MAX", PAGE)
    half, done = looked(readings, times=2), looked(readings, times=5)
    assert (half.told(item), half.washes(item)) == ((), ())
    assert len(done.washes(item)) == 60
    assert done.washes(item) == whole.washes(item)
    [said] = done.told(item)
    assert said == whole.told(item)[0]
    told = {name: float(amount) for name, amount in re.findall(r"(\w+) ([\d.]+) mL", said.text)}
    assert told == pytest.approx({"cotton": 70.0, "wool": 25.0}, rel=0.1)


def test_a_device_without_programmes_costs_one_look() -> None:
    """Most have none: the rest of their signals is not read for it."""
    readings = Readings()
    looked(readings, times=1)
    assert readings.asked == 2


def test_an_item_that_is_gone_is_forgotten() -> None:
    """So is what was learned in another unit."""
    found = looked(washer_life(20), times=1)
    other = DETERGENT.model_copy(update={"unit": "L"})
    assert found.told(ItemId(DETERGENT.id))
    found.shifted([(other, stock_estimate(other))], [built_in(other, stock_estimate(other))], now=START)
    assert found.told(ItemId(DETERGENT.id)) == ()
    found.shifted([], [], now=START)
    assert found.washes(ItemId(DETERGENT.id)) == ()


def test_personal_days_are_whole_days_of_wearables(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many readings there are; not those of today, of long ago, or of anything that is no wearable."""
    monkeypatch.setattr(personal, "_READINGS_MAX", PAGE)
    readings, now = Readings(), START + timedelta(days=40, hours=12)
    for hour in range(24 * 40 + 12):
        at = START + timedelta(hours=hour)
        readings.put("band", ACTIVE, float(hour % 24), at=at, unit="min")
        readings.put("band", ASLEEP, 300.0, at=at, unit="min")
        readings.put("fridge", ACTIVE, 999.0, at=at, unit="min")
    devices: Sequence[DeviceOverview] = [
        DeviceOverview(DeviceId(name), profile, "1", online=True, seen_at=now)
        for name, profile in (("band", personal.PROFILE), ("fridge", "restock.fridge"), ("new", None))
    ]
    days = PersonalDays(readings=readings, devices=lambda: devices).days(now=now)  # type: ignore[arg-type]
    assert [day.day for day in days] == [(START + timedelta(days=day)).date() for day in range(12, 40)]
    assert {(day.active_min, day.asleep_h) for day in days} == {(23.0, 5.0)}
    assert PersonalDays().days(now=now) == []
