"""Use of one container by UTC day: booked as it is seen, read as complete days and as a rate, and reckoned on by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import exp, sqrt

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.state import Container, DayUse, changed
from edge_agent.core.messages import Range

HISTORY_DAYS = 364
GAP_MAX = timedelta(days=14)  # over a longer silence nobody knows when the use was
BY_HAND_GAP_MAX = timedelta(days=120)

_DAY_S = 86_400.0
_DAY_SEEN_SHARE_MIN = 0.8
_DAY_USE_PACKS_MIN = 0.005
_CARRIED_PACKS_MAX = 0.015
_PRIOR_DAYS = 4.0
_PRIOR_SPREAD = 0.6  # of the guess; after _PRIOR_DAYS its mean is known to a third or so
_USE_HALF_LIFE_D = 28.0
_Z80 = 1.2816  # standard normal quantile at 0.9
_ROUNDED_TO = 6  # digits of a day that is over, so that a year of days stays small


def book(box: Container, *, since: datetime | None, until: datetime, used: float, gap_max: timedelta) -> Container:
    """Book signed use, evenly over the days in between; what another sensor has booked already is not booked again."""
    booked = box.booked_until
    start = since if booked is None or since is None else max(since, booked)
    if since is None or start is None or until <= start or until - since > gap_max:
        return changed(box, booked_until=until if booked is None else max(booked, until))
    used *= (until - start) / (until - since)
    days, span_s = list(box.days), (until - start).total_seconds()
    while start < until:
        day = start.toordinal()
        end = until if until.toordinal() == day else datetime.combine(date.fromordinal(day + 1), time.min, tzinfo=UTC)
        part_s = (end - start).total_seconds()
        _add(days, DayUse(day, used * part_s / span_s, part_s))
        start = end
    return changed(box, booked_until=until, days=tuple(days[-HISTORY_DAYS - 1 :]))


def take_back(box: Container, amount: float) -> Container:
    """Of what was booked last, so much was not used: it was thrown away."""
    if not box.days:
        return box
    last = box.days[-1]
    return changed(box, days=(*box.days[:-1], last._replace(used=last.used - amount)))


def complete_days(boxes: Sequence[Container], *, item: Item, today: date) -> tuple[tuple[date, float], ...]:
    """Use of the days on which every container was watched nearly whole, never negative, the oldest first.

    What is too small to tell is carried on to the next day.
    """
    least = _DAY_USE_PACKS_MIN * item.product.pack_amount
    summed: dict[int, tuple[int, float]] = {}
    watched = [box for box in boxes if box.days]
    for box in watched:
        for day in box.days:
            if day.ordinal < today.toordinal() and day.seen_s >= _DAY_SEEN_SHARE_MIN * _DAY_S:
                times, used = summed.get(day.ordinal, (0, 0.0))
                summed[day.ordinal] = times + 1, used + day.used * _DAY_S / day.seen_s
    carried, days = 0.0, []
    for ordinal, (times, used) in sorted(summed.items()):
        if times < len(watched):
            continue
        known = used + carried
        carried = 0.0 if known >= least else max(known, -_CARRIED_PACKS_MAX * item.product.pack_amount)
        days.append((date.fromordinal(ordinal), known if known >= least else 0.0))
    return tuple(days[-HISTORY_DAYS:])


def use_per_day(days: Sequence[tuple[date, float]], *, item: Item) -> Range:
    """Recent mean use, shrunk to the household's own guess; the guess weighs as much as `_PRIOR_DAYS` days.

    The interval is log-normal, from the spread of the days and of the guess (`_PRIOR_SPREAD`).
    """
    prior = item.prior_use_per_day
    weight, total = _PRIOR_DAYS, _PRIOR_DAYS * prior
    squares = _PRIOR_DAYS * (1 + _PRIOR_SPREAD**2) * prior**2
    last = days[-1][0] if days else date.min
    for day, used in days:
        share = 0.5 ** ((last - day).days / _USE_HALF_LIFE_D)
        weight += share
        total += share * used
        squares += share * used**2
    mean = total / weight
    spread = sqrt(max(squares / weight - mean**2, 0.0)) / mean / sqrt(weight)
    return Range(value=mean, low=mean * exp(-_Z80 * spread), high=mean * exp(_Z80 * spread))


def reckoned_use(boxes: tuple[Container, ...], *, since: datetime, until: datetime, item: Item) -> tuple[float, float]:
    """Use by the rate over a time, and its variance."""
    rate = use_per_day(complete_days(boxes, item=item, today=until.date()), item=item)
    days = max(0.0, (until - since).total_seconds() / _DAY_S)
    spread = (rate.high - rate.low) / 2.56 * days
    return rate.value * days, spread**2 + 0.25 * rate.value * days * item.product.pack_amount * 0.2


def reckoned(box: Container, *, at: datetime, item: Item) -> Container:
    """A container without a level as it would stand at `at` by the rate of use; what counters tell is in it already."""
    if box.amount is None or box.amount_at is None or at <= box.amount_at:
        return box
    if any(track.counted for track in box.tracks):
        return changed(box, amount_at=at)
    used, variance = reckoned_use((box,), since=box.amount_at, until=at, item=item)
    left = max(0.0, box.amount - used)
    booked = book(box, since=box.amount_at, until=at, used=box.amount - left, gap_max=timedelta(0))
    return changed(booked, amount=left, amount_at=at, variance=box.variance + variance)


def _add(days: list[DayUse], part: DayUse) -> None:
    if days and days[-1].ordinal == part.ordinal:
        days[-1] = part._replace(used=days[-1].used + part.used, seen_s=days[-1].seen_s + part.seen_s)
        return
    if days:
        days[-1] = days[-1]._replace(used=round(days[-1].used, _ROUNDED_TO), seen_s=round(days[-1].seen_s))
    days.append(part)
