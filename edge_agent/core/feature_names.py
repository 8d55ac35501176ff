"""The names of what the models see of an item, in order, and the sizes that go with them.

`features` draws the numbers. The names stand apart from them, so that who only compares names loads no numpy.
"""

from __future__ import annotations

from typing import Final

HISTORY_DAYS: Final = 364
WINDOWS_D: Final = (7, 14, 28, 56, 84)
UNKNOWN_CATEGORY: Final = 0
GAPS_KEPT: Final = 8
EVENT_PACKS_KEPT: Final = 4
GAP_WITHIN_D: Final = (3, 7, 14, 28, 42)
TRIP_WINDOWS_D: Final = (7, 14, 28, 84)

_AMOUNTS_OF_USE: Final = (
    "rate",
    *(f"rate_{days}" for days in WINDOWS_D),
    "dispersion",
    "used_share",
    "days_since_pack",
    "peak_day",
    "history_days",
    "prior_rate",
)
_AMOUNTS_OF_EVENTS: Final = (
    "gaps",
    "gap_mean",
    "gap_slow",
    "gap_middle",
    "gap_fast",
    "gap_median",
    "gap_deviation",
    "gap_min",
    "gap_max",
    *(f"gap_{number}" for number in range(1, GAPS_KEPT + 1)),
    *(f"packs_{number}" for number in range(1, EVENT_PACKS_KEPT + 1)),
    "packs_mean",
    "days_per_pack",
    *(f"events_in_{days}" for days in WINDOWS_D),
    *(f"packs_in_{days}" for days in WINDOWS_D),
    "longer_gaps",
)
_AMOUNTS_OF_TRIPS: Final = (
    "days_since_trip",
    *(f"trips_in_{days}" for days in TRIP_WINDOWS_D),
    "trips_since",
    "trip_gap",
    "basket_mean",
    "basket_14",
    "basket_last",
)
AMOUNTS: Final = (*_AMOUNTS_OF_USE, *_AMOUNTS_OF_EVENTS, *_AMOUNTS_OF_TRIPS)  # the model takes their logs
SHARES: Final = (
    *(f"weekday_{day}" for day in range(7)),
    "longer_share",
    *(f"ends_within_{days}" for days in GAP_WITHIN_D),
    *(f"event_after_{day}" for day in range(7)),
    "context",
    *(f"trip_after_{day}" for day in range(7)),
)
FEATURES: Final = (*AMOUNTS, *SHARES, "category")
