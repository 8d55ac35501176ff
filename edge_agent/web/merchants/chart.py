"""The last orders of a merchant as bars: days until each came, with a line at the day that was agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil

from edge_agent.core.choosing.dealing import Dealing, came_on, days_late
from edge_agent.core.said import Said, say_many
from edge_agent.web.items.charts import DayName, Frame, Tick, anchor_of, step_of
from edge_agent.web.moments import Moments

SHOWN_MAX = 10
_DAYS_MAX = 60
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 350, 14, 112
_BAR_MAX = 22.0


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """One order: the day it was made, the one agreed to, and the one on which it came; None: it is not here.

    `until` is that day, or the one up to which it is late: today, or when it was given up.
    """

    ordered_on: date
    due_on: date
    came_on: date | None
    until: date
    days_late: int

    @property
    def days(self) -> int:
        """Days until it came, or so far."""
        return min(_DAYS_MAX, max(0, (self.until - self.ordered_on).days))

    @property
    def due_days(self) -> int:
        """Days that were agreed to."""
        return min(_DAYS_MAX, max(0, (self.due_on - self.ordered_on).days))


@dataclass(frozen=True, slots=True)
class ArrivalBar:
    """One bar; `due_y` is where the line of the day agreed to lies. `open`: it is not here yet."""

    x: float
    y: float
    width: float
    due_y: float
    late: bool
    open: bool


@dataclass(frozen=True, slots=True)
class ArrivalChart:
    """The bars, oldest first."""

    frame: Frame
    bars: tuple[ArrivalBar, ...]


def arrival_rows(dealings: Sequence[Dealing], moments: Moments) -> list[ArrivalRow]:
    """The last orders that came, or are late by now, oldest first; what is still in time is no row yet."""
    rows = [row for one in dealings if (row := _row(one, moments)) is not None]
    return rows[:SHOWN_MAX][::-1]


def arrival_chart(rows: Sequence[ArrivalRow], *, name: DayName) -> ArrivalChart | None:
    """The bars of these rows; None of none."""
    if not rows:
        return None
    high = max(1, *(max(row.days, row.due_days) for row in rows))
    step = max(1, ceil(step_of(high)))
    top = step * ceil(high / step)
    pitch = (_RIGHT - _LEFT) / len(rows)
    width = min(_BAR_MAX, pitch * 0.6)

    def x(place: int) -> float:
        return _LEFT + (place + 0.5) * pitch

    def y(days: int) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * days / top

    return ArrivalChart(
        frame=Frame(
            height=_BOTTOM + 28,
            bottom=_BOTTOM,
            across=tuple(Tick(x(at), name(rows[at].ordered_on), anchor_of(x(at))) for at in sorted({0, len(rows) - 1})),
            up=tuple(Tick(y(days), _days(days)) for days in range(0, top + 1, step)),
        ),
        bars=tuple(
            ArrivalBar(
                x=x(at) - width / 2,
                y=min(y(row.days), _BOTTOM - 2),
                width=width,
                due_y=y(row.due_days),
                late=row.days_late > 0,
                open=row.came_on is None,
            )
            for at, row in enumerate(rows)
        ),
    )


def _row(dealing: Dealing, moments: Moments) -> ArrivalRow | None:
    late = days_late(dealing, now=moments.now(), zone=moments.zone)
    if dealing.due_on is None or late is None:
        return None
    came = came_on(dealing.order, zone=moments.zone)
    until = came or dealing.due_on + timedelta(days=late)
    return ArrivalRow(moments.day_of(dealing.order.created_at), dealing.due_on, came, until, late)


def _days(number: int) -> Said:
    return say_many("{number} day", "{number} days", number)
