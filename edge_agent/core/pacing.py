"""When a hub speaks to the order service: hubs that begin together must not go on together.

A power cut, an update and a bridge that was away make many hubs begin in the same moment. With fixed periods they would
ask in the same moment from then on, for ever. So what is asked again and again is drawn apart: `chance` is in [0, 1),
drawn anew for each question, and everything here is the household's to spare (prices hold for days, news for minutes).
"""

from __future__ import annotations

_SOONER = 0.1  # of a list's life at the most: a crowd that was made in a quarter of an hour is a day's in some weeks
_ASIDE = 1 / 24  # of its life: over how long the hubs ask that all find their list old in the same moment
_DOUBLINGS_MAX = 20


def first_pause_s(period_s: float, *, chance: float) -> float:
    """The pause after the first of periodic turns: anywhere in the period, which is where the hub stays then.

    Units: seconds.
    """
    return period_s * chance


def pause_in_doubt_s(period_s: float, *, failures: int, longest_s: float, chance: float) -> float:
    """The pause before the bridge is asked again, after so many turns in a row (one at least) that settled nothing.

    It doubles from `period_s` to `longest_s` (or stays at `period_s`, where that is longer), and chance takes up to
    half of it away. Units: seconds.
    """
    full_s = period_s * 2.0 ** min(max(failures - 1, 0), _DOUBLINGS_MAX)
    return min(full_s, max(longest_s, period_s)) * (1 - chance / 2)


def price_life_s(every_s: float, *, chance: float) -> float:
    """After how long a price list is old that is to be asked for every `every_s`. Units: seconds."""
    return every_s * (1 - _SOONER * chance)


def wait_aside_s(every_s: float, *, chance: float) -> float:
    """How long a hub that finds its list old waits before it asks, or asks again. Units: seconds."""
    return every_s * _ASIDE * chance
