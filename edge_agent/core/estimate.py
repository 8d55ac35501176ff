"""What is left of an item: a fold over its level readings, and the estimate that can be drawn from it at any time.

The rules of the fold:

- Readings are folded in the order in which they were stored, each once: an id that was folded before is skipped.
- A late reading (its event time is not after the last folded value) changes nothing but the id. Folding a set sorted
  by event time therefore gives the same as folding it as it came, apart from the readings that came late.
- A reading counts as level only in the item's own unit, or in % with `full_amount`. Everything else, and what is
  absurd, freezes the level: unknown is never zero.
- A change larger than the sensor's noise waits for a second reading on the same side; the one nearer to the old level
  is taken. One junk reading (an item lifted, a hand on the tray) is so outvoted.
- A confirmed rise of `REFILL_PACKS` or more is a refill hint, unless it only puts back what was lifted shortly before.
- Use is the signed difference of levels between readings, spread over the days that it spans, so noise cancels out.

Counters, run times and flags are not folded yet: their items stay unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import exp, isfinite, sqrt

from pydantic import TypeAdapter, ValidationError

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import ItemId, Presence, Range, Reading, Refill, StockEstimate
from edge_agent.errors import BugError

HISTORY_DAYS = 120
REFILL_PACKS = 0.4
REFILLS_KEPT = 16

_NOISE_SHARE_OF_PACK = 0.015  # a change below this is noise, not use
_NOISE_SHARE_OF_FULL = 0.012  # a percentage mostly comes in whole steps
_PERCENT_STEP_SHARE = 0.004  # 80 % of the half step that a whole percentage hides
_NEGATIVE_PACKS_MAX = 0.1  # tare drift; below that the reading is no level
_LEVEL_PACKS_MAX = 1_000.0
_SMOOTHING = 0.3
_NOISE_SMOOTHING = 0.1
_JUNK_SMOOTHING = 0.05
_LIFTED_PACKS = 0.25  # a drop of this much may be an item that is put back
_LIFTED_FOR = timedelta(hours=6)
_GAP_MAX = timedelta(days=14)  # over a longer silence nobody knows when the use was
_REFILL_GAP_MAX = timedelta(hours=6)  # over a longer one the use before the refill cannot be told
_DAY_S = 86_400.0
_DAY_SEEN_SHARE_MIN = 0.8
_DAY_USE_PACKS_MIN = 0.005
_PRIOR_DAYS = 4.0
_PRIOR_SPREAD = 0.6  # of the guess; after _PRIOR_DAYS its mean is known to a third or so
_USE_HALF_LIFE_D = 28.0
_Z80 = 1.2816  # standard normal quantile at 0.9
_FRESH_FOR_S = 12 * 3_600.0
_TRUST_HALF_LIFE_S = 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class DayUse:
    """Use booked on one UTC day, signed, in the item's unit, and how much of the day was watched."""

    day: date
    used: float
    seen_s: float


@dataclass(frozen=True, slots=True)
class LevelAt:
    """A level in the item's unit, and when it was seen."""

    level: float
    at: datetime


@dataclass(frozen=True, slots=True)
class StockState:
    """Folded state of one item. Levels are in the item's unit.

    `reading_id` is the last folded reading, `as_of` the event time of the last folded value. `level` is settled up to
    `settled_at` and was last seen at `seen_at`, which is earlier where the second reading of a rise was higher still;
    `pending` is a change that waits for a second reading; `lifted` is the level before the last big drop.
    `noise` is the mean absolute deviation of readings, `junk` the recent share of readings that were outvoted.
    """

    item: ItemId
    binding: str
    reading_id: int = 0
    as_of: datetime | None = None
    level: float | None = None
    settled_at: datetime | None = None
    seen_at: datetime | None = None
    pending: LevelAt | None = None
    lifted: LevelAt | None = None
    noise: float = 0.0
    junk: float = 0.0
    values: int = 0
    days: tuple[DayUse, ...] = ()
    refills: tuple[Refill, ...] = ()

    def to_json(self) -> str:
        """The state as JSON text, for the store."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> StockState:
        """The state from what `to_json` wrote.

        Raises: BugError when the text is no such state; it can be folded anew from the stored readings.
        """
        try:
            return _adapter().validate_json(text)
        except ValidationError as exc:
            raise BugError(f"stored stock state is unreadable: {exc.errors(include_url=False)[0]['msg']}") from exc


def fold(state: StockState | None, readings: Iterable[tuple[int, datetime, Reading]], *, item: Item) -> StockState:
    """The state after more stored readings (id, event time, reading) of the item's signal; None starts anew.

    A state that was folded under another binding or pack keeps its reading id and starts anew otherwise.
    """
    binding = _binding(item)
    if state is None or state.binding != binding:
        state = StockState(ItemId(item.id), binding, reading_id=state.reading_id if state is not None else 0)
    for reading_id, event_at, reading in readings:
        if reading_id <= state.reading_id:
            continue
        level = _level_of(reading, item=item)
        if level is not None and (state.as_of is None or event_at > state.as_of):
            state = _fold_level(state, LevelAt(level, event_at), item=item)
        state = replace(state, reading_id=reading_id)
    return state


def estimate(state: StockState | None, *, item: Item, now: datetime) -> StockEstimate:
    """What is known of an item at `now`. `as_of` of the result is the last value's event time, `now` if there is none.

    The amount stands still after the last value; its lower bound goes on falling with the use.
    """
    days = _complete_days(state, item=item) if state is not None else ()
    use_per_day = _use_per_day(days, item=item)
    as_of = state.as_of if state is not None else None
    return StockEstimate(
        item=ItemId(item.id),
        unit=item.unit,
        as_of=as_of or now,
        amount=_amount(state, use_per_day, item=item, now=now) if state is not None else None,
        use_per_day=use_per_day,
        trust=_trust(state, now=now) if state is not None else 0.0,
        daily_use=days,
        refills=state.refills if state is not None else (),
    )


@cache
def _adapter() -> TypeAdapter[StockState]:
    return TypeAdapter(StockState)


def _binding(item: Item) -> str:
    bound = item.binding
    return f"{bound.device}/{bound.signal}/{bound.full_amount}/{item.unit}/{item.product.pack_amount}"


def _level_of(reading: Reading, *, item: Item) -> float | None:
    """The reading as a level in the item's unit, None where it does not say one."""
    value = reading.value
    if reading.presence is not Presence.VALUE or isinstance(value, str) or value is None or not isfinite(value):
        return None
    full = item.binding.full_amount
    if reading.unit == "%" and full is not None:
        value = value / 100.0 * full
    elif reading.unit != item.unit:
        return None
    packs = value / item.product.pack_amount
    if not -_NEGATIVE_PACKS_MAX <= packs <= _LEVEL_PACKS_MAX:
        return None
    return max(0.0, value)


def _noise_max(item: Item) -> float:
    """Differences up to this are the sensor's, in the item's unit."""
    return max(
        _NOISE_SHARE_OF_PACK * item.product.pack_amount, _NOISE_SHARE_OF_FULL * (item.binding.full_amount or 0.0)
    )


def _fold_level(state: StockState, seen: LevelAt, *, item: Item) -> StockState:
    """One value later than all before."""
    level, pending, noise_max = state.level, state.pending, _noise_max(item)
    state = replace(state, as_of=seen.at, values=state.values + 1)
    if level is None:
        return replace(state, level=seen.level, settled_at=seen.at, seen_at=seen.at)
    change = seen.level - level
    if abs(change) <= noise_max:
        state = _smooth(state, at=seen.at, level=level, change=change)
        return _with_junk(replace(state, pending=None), outvoted=pending is not None)
    if pending is None or (pending.level > level) != (change > 0):
        return _with_junk(replace(state, pending=seen), outvoted=pending is not None)
    nearer = min(pending.level, seen.level) if change > 0 else max(pending.level, seen.level)
    state = _settle(state, LevelAt(nearer, seen.at), before=level, first_at=pending.at, item=item)
    still_away = abs(seen.level - nearer) > noise_max
    seen_at = pending.at if still_away and change > 0 else seen.at
    return _with_junk(replace(state, pending=seen if still_away else None, seen_at=seen_at), outvoted=False)


def _smooth(state: StockState, *, at: datetime, level: float, change: float) -> StockState:
    """A reading within the noise: the level follows it slowly."""
    step = _SMOOTHING * change
    noise = state.noise + _NOISE_SMOOTHING * (abs(change) - state.noise)
    return replace(_book(state, until=at, used=-step), level=level + step, seen_at=at, noise=noise)


def _with_junk(state: StockState, *, outvoted: bool) -> StockState:
    return replace(state, junk=state.junk + _JUNK_SMOOTHING * (float(outvoted) - state.junk))


def _settle(state: StockState, seen: LevelAt, *, before: float, first_at: datetime, item: Item) -> StockState:
    """A change from `before` that two readings agree on: use, something put back, a refill, or a correction."""
    rise = seen.level - before
    pack_amount = item.product.pack_amount
    if rise < 0:
        lifted = LevelAt(before, seen.at) if -rise >= _LIFTED_PACKS * pack_amount else state.lifted
        return replace(_book(state, until=seen.at, used=-rise), level=seen.level, lifted=lifted)
    if _is_put_back(state.lifted, seen, before=before, slack=_noise_max(item)):
        return replace(_book(state, until=seen.at, used=-rise), level=seen.level, lifted=None)
    refills = state.refills
    if rise >= REFILL_PACKS * pack_amount and state.values > 3:  # the first readings may only correct each other
        since = state.seen_at or state.settled_at
        refills = (*refills, Refill(at=first_at, amount=rise, since=since))[-REFILLS_KEPT:]
    booked = _book(state, until=seen.at, used=0.0, gap_max=_REFILL_GAP_MAX)
    return replace(booked, level=seen.level, lifted=None, refills=refills)


def _is_put_back(lifted: LevelAt | None, seen: LevelAt, *, before: float, slack: float) -> bool:
    """True where a rise returns most of a recent drop, and nothing more."""
    if lifted is None or seen.at - lifted.at > _LIFTED_FOR:
        return False
    return (lifted.level + before) / 2 <= seen.level <= lifted.level + slack


def _book(state: StockState, *, until: datetime, used: float, gap_max: timedelta = _GAP_MAX) -> StockState:
    """Book signed use from `settled_at` until `until`, evenly over the days in between."""
    start = state.settled_at
    if start is None or until - start > gap_max:
        return replace(state, settled_at=until)
    days = list(state.days)
    span_s = (until - start).total_seconds()
    while start < until:
        midnight = datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=1)
        end = min(midnight, until)
        part_s = (end - start).total_seconds()
        part = DayUse(start.date(), used * part_s / span_s, part_s)
        if days and days[-1].day == part.day:
            days[-1] = DayUse(part.day, days[-1].used + part.used, days[-1].seen_s + part.seen_s)
        else:
            days.append(part)
        start = end
    return replace(state, settled_at=until, days=tuple(days[-HISTORY_DAYS - 1 :]))


def _complete_days(state: StockState, *, item: Item) -> tuple[tuple[date, float], ...]:
    """Use of the days that were watched nearly whole, never negative; what is too small to tell is carried on."""
    least = _DAY_USE_PACKS_MIN * item.product.pack_amount
    today = state.as_of.date() if state.as_of is not None else date.min
    carried, days = 0.0, []
    for day in state.days:
        if day.day >= today or day.seen_s < _DAY_SEEN_SHARE_MIN * _DAY_S:
            continue
        used = day.used * _DAY_S / day.seen_s + carried
        carried = 0.0 if used >= least else max(used, -_noise_max(item))
        days.append((day.day, used if used >= least else 0.0))
    return tuple(days[-HISTORY_DAYS:])


def _use_per_day(days: tuple[tuple[date, float], ...], *, item: Item) -> Range:
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


def _amount(state: StockState, use_per_day: Range, *, item: Item, now: datetime) -> Range | None:
    """The settled level; what is pending, what may be put back, and time without a value widen it."""
    if state.level is None or state.as_of is None:
        return None
    step = _PERCENT_STEP_SHARE * (item.binding.full_amount or 0.0)
    margin = max(_Z80 * max(1.25 * state.noise, _NOISE_SHARE_OF_PACK / 5 * item.product.pack_amount), step)
    pending = state.pending.level if state.pending is not None else state.level
    most = max(state.level, pending)
    if state.lifted is not None and state.as_of - state.lifted.at <= _LIFTED_FOR:
        most = max(most, state.lifted.level)
    age_d = max(0.0, (now - state.as_of).total_seconds()) / _DAY_S
    low = min(state.level, pending) - margin - use_per_day.high * age_d
    return Range(value=state.level, low=max(0.0, low), high=most + margin)


def _trust(state: StockState, *, now: datetime) -> float:
    """0 to 1: how many readings there are, how fresh the last one is, how many were outvoted lately."""
    if state.as_of is None:
        return 0.0
    age_s = max(0.0, (now - state.as_of).total_seconds() - _FRESH_FOR_S)
    freshness: float = 0.5 ** (age_s / _TRUST_HALF_LIFE_S)
    return state.values / (state.values + 1) * freshness * (1.0 - state.junk)
