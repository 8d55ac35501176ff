"""What the model is asked about an item, before any feature is drawn: numbers of one fixed count, without numpy.

A row is the item's complete days and what stands beside them. It is all that the features are drawn from, so two rows
that are alike have one answer.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from datetime import date
from typing import Final

from edge_agent.core.feature_names import HISTORY_DAYS

ROW_NUMBERS: Final = HISTORY_DAYS + 3  # the days, oldest first; weekday of the origin, prior packs a day, category
ROWS_MAX: Final = 1_000
NUMBER_BYTES: Final = 8
_UNKNOWN = array("d", [math.nan]) * HISTORY_DAYS


def history(daily_use: Sequence[tuple[date, float]], *, origin: date, pack_amount: float) -> array[float]:
    """Complete days before `origin`, oldest first, from the item's unit to packs; NaN where nothing is known.

    Negative, infinite and misplaced days are left out, as days that nobody watched.
    """
    row, today = _UNKNOWN[:], origin.toordinal()
    for day, used in daily_use:
        age = today - day.toordinal()
        if 1 <= age <= HISTORY_DAYS and math.isfinite(used) and used >= 0:
            row[-age] = used / pack_amount
    return row


def model_row(days: array[float], *, weekday: int, prior_rate: float, category: int) -> bytes:
    """One row of `ROW_NUMBERS` float64. `prior_rate` in packs a day; `category` is an index of the model's list."""
    return array("d", (*days, weekday, prior_rate, category)).tobytes()
