"""How far the hub believes its own clock.

The effective time never goes back, over restarts too: it is the greatest time that was ever reached, or the wall clock
where that is later. While the wall clock is in doubt it is not followed at all; the effective time then goes on by how
much time has passed, so that a clock that jumped fifty years ahead does not drag it along for ever.

Doubt ends when a second source agrees with the wall clock, or when a person says that it is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

RELEASED_AT = datetime(2026, 1, 1, tzinfo=UTC)  # no hub ran before this
APART_MAX = timedelta(minutes=10)  # between this hub's clock and the bridge's, neither of them doubted
_LIFE_MAX = timedelta(days=365 * 20)


class ClockDoubt(StrEnum):
    """Why the wall clock is not believed."""

    BEFORE_RELEASE = "before_release"
    BEHIND = "behind"
    AHEAD = "ahead"
    DISAGREES = "disagrees"


class Backing(StrEnum):
    """Who agreed with the wall clock. A person's word stands against another source's."""

    SOURCE = "source"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class ClockBounds:
    """How far clocks may differ. In virtual time a request alone takes hours, so the bounds grow with the speed."""

    behind_max: timedelta
    ahead_max: timedelta
    apart_max: timedelta


def bounds_for(*, speed: float, timeout_s: float) -> ClockBounds:
    """Five minutes behind, thirty days ahead, ten minutes apart; plus what a pause or a request is at this speed."""
    real_pause_s = 3_600.0 if speed > 1 else 0.0
    return ClockBounds(
        behind_max=timedelta(minutes=5) * speed,
        ahead_max=timedelta(days=30) + timedelta(seconds=real_pause_s) * speed,
        apart_max=APART_MAX + 2 * timedelta(seconds=timeout_s) * speed,
    )


@dataclass(frozen=True, slots=True)
class ClockState:
    """The effective time, the wall clock that it was read from, the doubt about it, and who has backed it.

    What backs a wall clock counts until that clock is set again.
    """

    effective: datetime
    wall: datetime
    doubt: ClockDoubt | None
    backed_by: Backing | None = None


def start(wall: datetime, *, high_water: datetime | None, bounds: ClockBounds) -> ClockState:
    """The state at start, from the greatest time that is known from before."""
    doubt = _doubt_at_start(wall, high_water=high_water, bounds=bounds)
    known = wall if high_water is None else high_water
    return ClockState(effective=known if doubt else max(known, wall), wall=wall, doubt=doubt)


def advance(state: ClockState, *, wall: datetime, elapsed: timedelta, bounds: ClockBounds) -> ClockState:
    """The state after `elapsed` by a clock that nobody sets, when the wall clock shows `wall`."""
    jumped = wall - state.wall - elapsed
    backed_by = state.backed_by if abs(jumped) <= bounds.behind_max else None
    doubt = state.doubt
    if doubt is None and jumped > bounds.ahead_max:
        doubt = ClockDoubt.AHEAD
    elif doubt is None and backed_by is None and wall < state.effective - bounds.behind_max:
        doubt = ClockDoubt.BEHIND
    effective = max(state.effective, wall) if doubt is None else state.effective + max(elapsed, timedelta(0))
    return ClockState(effective=effective, wall=wall, doubt=doubt, backed_by=backed_by)


def compare(state: ClockState, *, other: datetime, bounds: ClockBounds) -> ClockState:
    """What a second source says of the wall clock: it agrees, and the doubt ends; or it does not."""
    if abs(state.wall - other) <= bounds.apart_max:
        return _believed(state, backed_by=state.backed_by or Backing.SOURCE)
    return state if state.backed_by is Backing.PERSON else replace(state, doubt=state.doubt or ClockDoubt.DISAGREES)


def vouch(state: ClockState) -> ClockState:
    """A person says that the wall clock is right."""
    return _believed(state, backed_by=Backing.PERSON)


def _believed(state: ClockState, *, backed_by: Backing) -> ClockState:
    """The doubt ends; the effective time still does not go back."""
    return replace(state, effective=max(state.effective, state.wall), doubt=None, backed_by=backed_by)


def _doubt_at_start(wall: datetime, *, high_water: datetime | None, bounds: ClockBounds) -> ClockDoubt | None:
    if wall < RELEASED_AT:
        return ClockDoubt.BEFORE_RELEASE
    if high_water is None:
        return ClockDoubt.AHEAD if wall > RELEASED_AT + _LIFE_MAX else None
    if wall < high_water - bounds.behind_max:
        return ClockDoubt.BEHIND
    return ClockDoubt.AHEAD if wall > high_water + bounds.ahead_max else None
