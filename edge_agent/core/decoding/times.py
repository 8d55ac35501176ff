"""When a payload was true, by its own word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_agent.core.decoding.payload import Tree, select
from edge_agent.core.profile import Freshness

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER_S = float("inf")
_SECONDS_MAX = 4e9
_DAY_S = 86_400.0
_AHEAD_MAX_S = _DAY_S


def age_s(tree: Tree, rule: Freshness, *, now: datetime) -> float:
    """Seconds since the payload's own time; 0 where it tells none.

    Without end where that cannot be read, or lies so far ahead that the device's clock must be wrong.
    """
    found = select(tree, rule.steps)
    if found is None or not isinstance(found, (str, int, float)) or isinstance(found, bool):
        return _FOREVER_S if isinstance(found, (bool, list, dict)) else 0.0
    at = _instant(found, form=rule.form)
    age_s = _FOREVER_S if at is None else (now - at).total_seconds()
    return _FOREVER_S if age_s < -_AHEAD_MAX_S else max(0.0, age_s)


def event_time(tree: Tree, rule: Freshness | None, *, received_at: datetime, now: datetime) -> datetime:
    """When what a payload tells was measured: its own time where that is told and fresh enough, else `received_at`.

    Never later than `received_at`: a device's clock that is ahead does not make a reading newer than its message.
    """
    if rule is None:
        return received_at
    found = select(tree, rule.steps)
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        return received_at
    at = _instant(found, form=rule.form)
    if at is None or (now - at).total_seconds() > rule.max_age_s:
        return received_at
    return min(at, received_at)


def too_old(tree: Tree, rule: Freshness, *, now: datetime) -> str:
    """Why a payload is too old to be believed, in words; nothing where it is not."""
    age = age_s(tree, rule, now=now)
    if age <= rule.max_age_s:
        return ""
    found = select(tree, rule.steps)
    at = _instant(found, form=rule.form) if isinstance(found, (str, int, float)) else None
    if at is None:
        return f"freshness: what stands at {rule.path} is no time of the form {rule.form}"
    said = f"freshness: {rule.path} says {at:%Y-%m-%d %H:%M:%S} UTC"
    if age == _FOREVER_S:
        return f"{said}, more than a day ahead of the hub's clock"
    ago = f"{age:.0f} s" if age < 2 * _DAY_S else f"{age / _DAY_S:.0f} days"
    return f"{said}, {ago} ago, and max_age_s is {rule.max_age_s}"


def _instant(found: str | float, *, form: str) -> datetime | None:
    if form == "rfc3339":
        try:
            at = datetime.fromisoformat(found) if isinstance(found, str) else None
            return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
        except (ValueError, OverflowError):  # no time, or one at the edge of the calendar
            return None
    if isinstance(found, str):
        return None
    seconds = found / 1_000 if form == "epoch_ms" else found
    return _EPOCH + timedelta(seconds=seconds) if 0 <= seconds <= _SECONDS_MAX else None
