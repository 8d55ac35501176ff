"""The C allocator, told to stay small: one arena for all threads, and what is freed given back.

glibc otherwise keeps an arena for every thread and raises its thresholds after the first large block (a password
check), which costs this process several megabytes for no speed. On another C library nothing happens.
Source: mallopt(3).
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 131_072


def stay_small() -> None:
    """Call before any thread starts."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)


def give_back() -> None:
    """What is free between what is in use goes back to the system: of itself the C library gives back the end only.

    Takes a few milliseconds. Source: malloc_trim(3).
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
