"""Waiting for a condition, never for a time: real seconds only bound it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_LOOK_EVERY_S = 0.01


async def comes_true(condition: Callable[[], object], *, within_s: float) -> bool:
    """Whether the condition came true before so many real seconds had passed."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(_LOOK_EVERY_S)
    return True
