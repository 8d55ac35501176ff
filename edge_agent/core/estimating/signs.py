"""What a level's track shows of its sensor: its noise, and whether it sticks, settles, creeps or lost its goods.

Nothing here changes a track: the fold (`level`) and the estimate (`fusing`) both ask.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import inf

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.state import Track
from edge_agent.core.quantity import unit_of

LIFTED_FOR = timedelta(hours=6)
STUCK_TIMES = 8.0  # longer than it mostly stands, by this factor
ZERO_FOR = timedelta(days=3)  # a full stock that is gone at a stroke is doubted for so long
SCATTER_MIN_PACKS = 0.001
QUIET_SLACK_D = 0.1
GONE_PACKS = 0.75  # a drop of this much to exactly nothing may be a jar that was taken away, or a part never set up
PLAIN_JUNK = 0.1

_JUMPY_JUNK, _NOISY_PACKS = 0.1, 0.3
_OF_MEDIAN = 1 / 0.954  # standard deviation of a value, from the median of the differences of two
_CREPT_PACKS, _CREPT_TIMES = 0.08, 4.0
_PLAIN_USE_PACKS = (0.25, 0.5)
_DAY_S = 86_400.0


def noise_of(track: Track, *, pack: float) -> float:
    """One standard deviation of a value, in the item's unit."""
    return 0.0 if track.scatter is None or track.scatter <= SCATTER_MIN_PACKS * pack else track.scatter * _OF_MEDIAN


def quiet_limit_d(track: Track) -> float | None:
    """Days after which a value that stands still is not believed any more; None: not known yet."""
    return None if track.quiet_d is None else STUCK_TIMES * (track.quiet_d + QUIET_SLACK_D)


def stands_d(track: Track, now: datetime) -> float:
    """For how many days the value has stood still."""
    return 0.0 if track.moved_at is None else max(0.0, (now - track.moved_at).total_seconds() / _DAY_S)


def is_stuck(track: Track, now: datetime) -> bool:
    """Whether the value has stood still for much longer than it mostly does."""
    limit_d = quiet_limit_d(track)
    return limit_d is not None and stands_d(track, now) > limit_d


def is_settling(track: Track, *, pack: float) -> bool:
    """Whether a change waits for a second reading, what was taken away may be put back, or the values jump about."""
    lifted, as_of = track.lifted, track.as_of
    if track.junk >= _JUMPY_JUNK or noise_of(track, pack=pack) >= _NOISY_PACKS * pack:
        return True
    return track.pending is not None or (lifted is not None and as_of is not None and as_of - lifted.at <= LIFTED_FOR)


def is_gone(track: Track, *, pack: float, now: datetime) -> bool:
    """Whether a good part of a pack went to exactly nothing at a stroke, and not long ago."""
    lifted = track.lifted
    return (
        lifted is not None
        and track.raw == 0.0
        and lifted.level >= GONE_PACKS * pack
        and now - lifted.at <= ZERO_FOR
        and (track.level is None or track.level < SCATTER_MIN_PACKS * pack + noise_of(track, pack=pack))
    )


def is_plain_use(track: Track, *, item: Item) -> bool:
    """Whether the change that waits is a cup or a wash, told by a sensor that is rarely outvoted."""
    fall = (track.level or 0.0) - (track.pending.level if track.pending is not None else inf)
    return 0 < fall <= plain_use(item) and track.junk < PLAIN_JUNK


def plain_use(item: Item) -> float:
    """The most that is used at once, mostly."""
    pack = item.product.pack_amount
    return min(max(_PLAIN_USE_PACKS[0] * pack, item.prior_use_per_day), _PLAIN_USE_PACKS[1] * pack)


def has_crept(track: Track, *, item: Item) -> bool:
    """Whether the value of a scale has risen little by little for more than its zero wanders."""
    pack, unit = item.product.pack_amount, unit_of(item.unit)
    if unit is None or unit.dimension != "mass":
        return False  # what sloshes goes up and down by more
    return track.crept > max(_CREPT_PACKS * pack, _CREPT_TIMES * noise_of(track, pack=pack))
