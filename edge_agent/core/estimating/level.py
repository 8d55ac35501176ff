"""The fold of one sensor that tells how much is there.

The rules:

- A late value (its event time is not after the last one) changes nothing.
- A change larger than the sensor's noise waits for a second value on the same side, at least `CONFIRMED_AFTER` later;
  the one nearer to the old level is taken. One junk value (an item lifted, a hand on the tray, one radio message heard
  by two gateways) is so outvoted.
- A confirmed rise that only puts back what was lifted shortly before is no rise. Goods that were told since then
  explain it first.
- Noise is learned from the differences between values, so that a sensor that begins to shake is averaged for longer.
- A value that stands still for much longer than it mostly does may be stuck: what it says is then no evidence of
  "nothing used", and a change after it is spread over the whole time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.estimating.signs import (
    GONE_PACKS,
    LIFTED_FOR,
    PLAIN_JUNK,
    QUIET_SLACK_D,
    SCATTER_MIN_PACKS,
    ZERO_FOR,
    has_crept,
    is_plain_use,
    is_stuck,
    noise_of,
    plain_use,
    quiet_limit_d,
    stands_d,
)
from edge_agent.core.estimating.state import LevelAt, Track, changed

CONFIRMED_AFTER = timedelta(seconds=15)
_POURED_FOR = timedelta(hours=1)

_NOISE_SHARE_OF_PACK = 0.015  # a change below this is noise, not use
_NOISE_SHARE_OF_FULL = 0.012  # a percentage mostly comes in whole steps
_SCATTER_MAX_PACKS = 2.0
_SCATTER_STEP = 1.15  # a median is followed in steps of this factor
_BEYOND_NOISE = 2.5
_GAIN = 0.3
_GAIN_MOVED = 0.8
_CALM_MAX = 10
_JUNK_SMOOTHING = 0.05
_LIFTED_PACKS = 0.25  # a drop of this much may be an item that is put back
_WHAT_CAME_PACKS = 0.3  # a rise this near to what was told to have come is that
_CREPT_AT_ONCE_PACKS = 0.15  # a smaller rise is no refill, of a sensor that wanders
_CREPT_SLACK = 0.3
EMPTY_PACKS = 0.04  # next to nothing, and within what a sensor wanders
_DOSE_SMOOTHING = 0.2
_QUIET_SMOOTHING = 0.15
_STILL_TIMES = 2.0
_QUIET_FIRST_D = (0.25, 7.0)
_DAY_S = 86_400.0


class Moved(NamedTuple):
    """What a value told beyond itself: signed use since `since`, or a rise that puts nothing back.

    `empty_since`: the appliance had stood empty since then, before the rise; `lifted`: so much was taken away shortly
    before. `step` is what one count uses, of a counter.
    """

    since: datetime | None
    until: datetime
    used: float = 0.0
    rise: float = 0.0
    rise_seen_at: datetime | None = None
    before_seen_at: datetime | None = None
    empty_since: datetime | None = None
    lifted: float = 0.0
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Came:
    """What people said of the time since the last big drop: goods that came, and the use to be expected meanwhile."""

    amount: float = 0.0
    used: float = 0.0


NOTHING_CAME = Came()


def fold_level(
    track: Track, seen: LevelAt, *, item: Item, binding: Binding, came: Came = NOTHING_CAME
) -> tuple[Track, Moved | None]:
    """One value later than all before. The second part says what it means for the stock, None: nothing."""
    empty_since = track.empty_at
    track, told = _folded(track, seen, item=item, binding=binding, came=came)
    is_empty = track.level is not None and track.level <= EMPTY_PACKS * item.product.pack_amount
    empty_at = (empty_since or seen.at) if is_empty else None
    crept = min(track.crept, track.level or 0.0)  # no less than nothing was there
    if (empty_at, crept) != (empty_since, track.crept):
        track = changed(track, empty_at=empty_at, crept=crept)
    return track, told._replace(empty_since=empty_since) if told is not None and told.rise > 0.0 else told


def _folded(track: Track, seen: LevelAt, *, item: Item, binding: Binding, came: Came) -> tuple[Track, Moved | None]:
    pack = item.product.pack_amount
    track = _note_value(track, seen, item=item)
    if track.offset != 0.0:
        seen = LevelAt(max(0.0, seen.level + track.offset), seen.at)
    level, pending = track.level, track.pending
    if level is None:
        return changed(track, level=seen.level, settled_at=seen.at, seen_at=seen.at), None
    change, margin = seen.level - level, _margin(track, item=item, binding=binding)
    if abs(change) <= margin:
        track, moved = _smooth(track, seen, change=change, pack=pack)
        if pending is not None or track.dip is not None:
            track = changed(track, pending=None, dip=None)
        return _with_junk(track, outvoted=pending is not None), moved
    if pending is None or (pending.level > level) != (change > 0):
        dip = pending if is_plain_use(track, item=item) else None
        return _with_junk(changed(track, pending=seen, dip=dip), outvoted=pending is not None and dip is None), None
    if seen.at - pending.at < CONFIRMED_AFTER:
        return track, None
    nearer = min(pending.level, seen.level) if change > 0 else max(pending.level, seen.level)
    settled, moved = _settle(track, LevelAt(nearer, seen.at), first=pending, margin=margin, item=item, came=came)
    still_away = abs(seen.level - nearer) > margin
    seen_at = pending.at if still_away and change > 0 else seen.at
    settled = changed(settled, pending=seen if still_away else None, dip=None, seen_at=seen_at, calm=0)
    return _with_junk(settled, outvoted=False), moved


def _margin(track: Track, *, item: Item, binding: Binding) -> float:
    """Differences up to this are the sensor's."""
    pack = item.product.pack_amount
    least = _NOISE_SHARE_OF_PACK * pack
    if binding.kind == "level":
        least = max(least, _NOISE_SHARE_OF_FULL * (binding.full_amount or 0.0))
    return max(least, _BEYOND_NOISE * noise_of(track, pack=pack))


def _note_value(track: Track, seen: LevelAt, *, item: Item) -> Track:
    """How the values scatter, and how long one stands."""
    pack, before, values = item.product.pack_amount, track.raw, track.values + 1
    quiet_d, scatter, moved_at = track.quiet_d, track.scatter or 0.0, track.moved_at
    if before is None:
        least_d, most_d = _QUIET_FIRST_D
        quiet_d = min(max(0.1 * pack / item.prior_use_per_day, least_d), most_d)
        scatter, moved_at = _NOISE_SHARE_OF_PACK / 3 * pack, seen.at
    else:
        difference, stood_d = abs(seen.level - before), stands_d(track, seen.at)
        if difference == 0.0 and stood_d > _STILL_TIMES * ((quiet_d or 0.0) + QUIET_SLACK_D):
            # A sensor that sticks says nothing of its noise.
            return changed(track, as_of=seen.at, values=values, raw=seen.level)
        scatter *= _SCATTER_STEP if difference > scatter else 1 / _SCATTER_STEP
        scatter = min(max(scatter, SCATTER_MIN_PACKS * pack), _SCATTER_MAX_PACKS * pack)
        if difference != 0.0:
            longest_d, quiet_d = (quiet_limit_d(track) or 0.0) / 2, quiet_d or 0.0  # one long silence is no habit
            quiet_d += _QUIET_SMOOTHING * (min(stood_d, max(longest_d, quiet_d)) - quiet_d)
            moved_at = seen.at
    return changed(
        track, as_of=seen.at, values=values, raw=seen.level, scatter=scatter, quiet_d=quiet_d, moved_at=moved_at
    )


def _smooth(track: Track, seen: LevelAt, *, change: float, pack: float) -> tuple[Track, Moved | None]:
    """A value within the noise: the level follows it, slowly where it is noise and at once where it is not."""
    noise = noise_of(track, pack=pack)
    gain = 1.0 if noise == 0.0 else _GAIN if abs(change) <= _BEYOND_NOISE * noise else _GAIN_MOVED
    step = gain * change
    calm = min(_CALM_MAX, track.calm + 1)
    if change == 0.0 and is_stuck(track, seen.at):
        return changed(track, calm=calm), None  # no evidence of anything
    moved = Moved(since=track.settled_at, until=seen.at, used=-step)
    level = (track.level or 0.0) + step
    crept = max(0.0, track.crept + step) if noise > 0.0 else track.crept
    used_at = seen.at if noise == 0.0 and change != 0.0 else track.used_at or seen.at
    track = changed(track, level=level, settled_at=seen.at, seen_at=seen.at, calm=calm, used_at=used_at, crept=crept)
    return track, moved


def _with_junk(track: Track, *, outvoted: bool) -> Track:
    junk = track.junk + _JUNK_SMOOTHING * (float(outvoted) - track.junk)
    return track if junk == track.junk else changed(track, junk=junk)


def _settle(
    track: Track, seen: LevelAt, *, first: LevelAt, margin: float, item: Item, came: Came
) -> tuple[Track, Moved]:
    """A change that two values agree on: use, something put back, or more than there was."""
    before, pack = track.level or 0.0, item.product.pack_amount
    rise = seen.level - before
    settled = changed(track, level=seen.level, settled_at=seen.at, used_at=seen.at, peak=max(track.peak, seen.level))
    use = Moved(since=track.settled_at, until=seen.at, used=-rise)
    if rise < 0:
        if _is_zero_right(track, -rise, slack=margin, item=item):
            return changed(settled, crept=0.0, used_at=track.used_at), use._replace(used=0.0)  # its zero is right again
        lifted = LevelAt(before, seen.at) if -rise >= _LIFTED_PACKS * pack else track.lifted
        return changed(settled, lifted=lifted, dose=_dose(track, -rise, item=item)), use
    if _stands_beside(track.lifted, seen, before=before, slack=margin, pack=pack, came=came):
        beside = use._replace(used=before + came.amount - seen.level, rise=came.amount, rise_seen_at=first.at)
        return changed(settled, lifted=None), beside._replace(before_seen_at=track.seen_at or track.settled_at)
    back = LevelAt(max(first.level, seen.level), first.at)  # the next glass may have been poured already
    is_what_came = came.amount > 0.0 and abs(rise - came.amount) <= _WHAT_CAME_PACKS * pack
    if not is_what_came and _is_put_back(track.lifted, back, before=before, slack=margin, pack=pack):
        return changed(settled, lifted=None), use
    lowest = before if track.dip is None else min(before, track.dip.level)
    highest = first.level if 0 < first.level - seen.level <= plain_use(item) else seen.level
    highest = seen.level if track.junk >= PLAIN_JUNK else highest
    lifted = track.lifted if track.lifted is not None and seen.at - track.lifted.at <= LIFTED_FOR else None
    if rise < _CREPT_AT_ONCE_PACKS * pack and noise_of(track, pack=pack) > 0.0:
        settled = changed(settled, crept=track.crept + rise)
    told = Moved(
        since=track.settled_at,
        until=seen.at,
        used=(before - lowest) + (highest - seen.level),
        rise=highest - lowest,
        lifted=0.0 if lifted is None else lifted.level - before,
        rise_seen_at=first.at,
        before_seen_at=track.seen_at or track.settled_at,
    )
    return changed(settled, lifted=None), told


def _is_zero_right(track: Track, fall: float, *, slack: float, item: Item) -> bool:
    """Whether a fall, too large for use, takes back what the value had crept."""
    near = _CREPT_SLACK * track.crept + slack
    return has_crept(track, item=item) and fall > plain_use(item) and abs(fall - track.crept) <= near


def _dose(track: Track, used: float, *, item: Item) -> float | None:
    """What is mostly used at once, after one more time."""
    if used > plain_use(item):
        return track.dose
    return used if track.dose is None else track.dose + _DOSE_SMOOTHING * (used - track.dose)


def _stands_beside(
    lifted: LevelAt | None, seen: LevelAt, *, before: float, slack: float, pack: float, came: Came
) -> bool:
    """True where a sensor that had said nothing for a while now says what it said before, and what came meanwhile."""
    if lifted is None or came.amount <= 0.0 or not _is_from_nothing(lifted, before=before, pack=pack):
        return False
    least = max(lifted.level - came.used, 0.0) + came.amount / 2
    return seen.at - lifted.at <= ZERO_FOR and max(least, came.amount + _WHAT_CAME_PACKS * pack) <= seen.level <= (
        lifted.level + came.amount + slack
    )


def _is_from_nothing(lifted: LevelAt, *, before: float, pack: float) -> bool:
    return before < SCATTER_MIN_PACKS * pack and lifted.level >= GONE_PACKS * pack


def _is_put_back(lifted: LevelAt | None, seen: LevelAt, *, before: float, slack: float, pack: float) -> bool:
    """True where a rise returns most of a recent drop, or any of a very recent one, and nothing more."""
    if lifted is None:
        return False
    if seen.at - lifted.at > (ZERO_FOR if _is_from_nothing(lifted, before=before, pack=pack) else LIFTED_FOR):
        return False
    least = before if seen.at - lifted.at <= _POURED_FOR else (lifted.level + before) / 2
    return least <= seen.level <= lifted.level + slack
