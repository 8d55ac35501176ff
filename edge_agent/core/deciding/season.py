"""Seasons, where they change how fast something is used: how the coming weeks differ from the weeks just seen.

What a sensor saw lately is the use of the weeks behind us; washer fluid goes faster when salt is on the roads, and an
air conditioner's filter in the heat. The table says how many times the yearly mean each category is used in its warm
and its cold half; nothing is assumed of a home that has not said on which hemisphere it is. The figures are round
judgements, not measurements, and small: what the sensors see corrects them within weeks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import cos, pi
from typing import Literal

Hemisphere = Literal["north", "south"]

_BEHIND = timedelta(days=14)  # the middle of what was seen lately
_AHEAD = timedelta(days=7)  # the middle of what is foreseen
_COLDEST_DAY = 20  # of January, north
_YEAR_D = 365.25
# Half the swing between the coldest and the warmest day, as a share of the mean; above 0: more in the cold.
_MORE_IN_COLD = {
    "washer_fluid": 0.5,
    "windscreen_fluid": 0.5,
    "wiper_blade": 0.3,
    "road_salt": 0.9,
    "heating_oil": 0.8,
    "wood_pellets": 0.8,
    "air_conditioner_filter": -0.6,
    "drinking_water": -0.2,
}
_FACTOR_MIN, _FACTOR_MAX = 0.5, 2.0


def factor(category: str, *, hemisphere: Hemisphere | None, now: datetime) -> float:
    """How many times the use seen lately the coming weeks have; 1 where nothing is known of a season."""
    swing = _MORE_IN_COLD.get(category)
    if swing is None or hemisphere is None:
        return 1.0
    behind, ahead = (_level(swing, hemisphere=hemisphere, at=at) for at in (now - _BEHIND, now + _AHEAD))
    return min(max(ahead / behind, _FACTOR_MIN), _FACTOR_MAX)


def is_cold(*, hemisphere: Hemisphere | None, now: datetime) -> bool:
    """Whether the colder half of the year has begun or is three weeks off: time for what does not freeze."""
    return hemisphere is not None and _cold(hemisphere, at=now + timedelta(days=21)) > 0


def _level(swing: float, *, hemisphere: Hemisphere, at: datetime) -> float:
    return 1.0 + swing * _cold(hemisphere, at=at)


def _cold(hemisphere: Hemisphere, *, at: datetime) -> float:
    """1 on the coldest day of the year, -1 on the warmest."""
    turned = cos(2 * pi * (at.timetuple().tm_yday - _COLDEST_DAY) / _YEAR_D)
    return turned if hemisphere == "north" else -turned
