"""Away or guests: a shift of the whole home's use that its sensors show, and the one question that comes of it.

Each item's recent use is held against its own usual one; together they say how many times the usual the home lives on.
One item alone proves nothing, and neither does a home whose days are that different anyway. Until the question is
answered nothing is bought for a home that seems empty, and use is expected to go on higher where guests seem to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt

from edge_agent.core.deciding.presence import Presence, Shift, ShiftKind
from edge_agent.core.messages import Reason, StockEstimate
from edge_agent.core.said import Day, say

_KINDS: tuple[ShiftKind, ...] = ("away", "guests")
_WINDOWS_D = (3, 5)
_AWAY_BELOW = 0.2
_GUESTS_ABOVE = 1.5
_PACE_MAX = 3.0
_SCORE_MIN = 3.5  # standard deviations
_ITEMS_MIN = 2
_USUAL_DAYS_MIN = 14
_USUAL_DAYS_MAX = 56
_DAYS_ALIKE = 1.5  # days in a row are a little alike, so their sum varies by more than if they were not
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Compared:
    """Recent use of one item as a share of its usual one, and the variance of that share by chance."""

    share: float
    variance: float


def seen_shift(estimates: Iterable[StockEstimate], *, presence: Presence, now: datetime) -> Shift | None:
    """The shift that the last days show, with its first day; None where they are like the others."""
    known = [estimate for estimate in estimates if estimate.daily_use]
    for kind in _KINDS:
        for days in _WINDOWS_D:
            pace = _pace(known, days=days, kind=kind, presence=presence, now=now)
            if pace is not None:
                return Shift(kind, since=presence.day(now) - days * _DAY, pace=pace)
    return None


def question(shift: Shift | None, *, presence: Presence, now: datetime) -> Reason | None:
    """What to ask the household; None where it has told already, or there is nothing to ask."""
    today = presence.day(now)
    told = presence.preferences
    if shift is None or any(stay.covers(today) for stay in (*told.away, *told.guests, *told.as_usual)):
        return None
    since = Day(shift.since)
    if shift.kind == "away":
        return Reason("seems_away", say("Hardly anything has been used since {day}. Are you away?", day=since))
    text = say(
        "About {times} times the usual is used since {day}. Do you have guests?", times=f"{shift.pace:.1f}", day=since
    )
    return Reason("seems_guests", text)


def _pace(
    estimates: Sequence[StockEstimate], *, days: int, kind: ShiftKind, presence: Presence, now: datetime
) -> float | None:
    """How many times the usual the home has lived on for the last `days`, if that is a shift of this kind."""
    compared = [found for one in estimates if (found := _compare(one, days=days, presence=presence, now=now))]
    if len(compared) < _ITEMS_MIN:
        return None
    weights = [1.0 / one.variance for one in compared]
    pace = sum(weight * one.share for weight, one in zip(weights, compared, strict=True)) / sum(weights)
    score = (pace - 1.0) * sqrt(sum(weights))
    if kind == "away":
        return pace if pace < _AWAY_BELOW and score < -_SCORE_MIN else None
    risen = sum(1 for one in compared if one.share > 1.0)
    is_shift = pace > _GUESTS_ABOVE and score > _SCORE_MIN and risen >= _ITEMS_MIN
    return min(pace, _PACE_MAX) if is_shift else None


def _compare(estimate: StockEstimate, *, days: int, presence: Presence, now: datetime) -> _Compared | None:
    """None where the item's last days were not all seen, or too little is known of the usual ones."""
    last = now.date() - _DAY
    recent = [used for day, used in estimate.daily_use if last - days * _DAY < day <= last]
    usual = [used for day, used in estimate.daily_use if _is_usual(day, until=last - days * _DAY, presence=presence)]
    mean = sum(usual) / len(usual) if usual else 0.0
    if len(recent) < days or len(usual) < _USUAL_DAYS_MIN or mean <= 0:
        return None
    varied = sum((used - mean) ** 2 for used in usual) / (len(usual) - 1) / mean**2
    variance = _DAYS_ALIKE * varied * (1 / days + 1 / len(usual))
    return _Compared(share=sum(recent) / days / mean, variance=max(variance, 0.01 / days))


def _is_usual(day: date, *, until: date, presence: Presence) -> bool:
    """Whether a day tells what is usual: not long ago, and nobody was away or had guests as far as is known."""
    told = presence.preferences
    is_told = any(stay.covers(day) for stay in (*told.away, *told.guests))
    return until - _USUAL_DAYS_MAX * _DAY < day <= until and not is_told
