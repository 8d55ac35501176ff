"""How long to wait before trying again: bounded, growing, jittered."""

from __future__ import annotations

from datetime import timedelta

_DOUBLINGS_MAX = 20


def delay(tries: int, *, first_s: float, longest_s: float, jitter: float, asked_s: float | None = None) -> timedelta:
    """The wait after `tries` failures in a row; `jitter` in [0, 1) takes away up to half of it.

    `asked_s` is what the other side asked for: it is not shortened, and never makes the wait longer than `longest_s`.
    Units: seconds.
    """
    full_s = min(longest_s, first_s * 2.0 ** min(tries, _DOUBLINGS_MAX))
    return timedelta(seconds=max(full_s * (1 - jitter / 2), min(longest_s, asked_s or 0.0)))
