"""Planted: an order is asked for again, however old its key has become."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

from cloud_bridge.core import recovery
from cloud_bridge.core.recovery import Doubt

_FOR_EVER = timedelta(days=3_650)


@contextmanager
def planted() -> Iterator[None]:
    """The rule believes that every merchant keeps its keys for ever."""
    may_replay = recovery.may_replay

    def always(doubt: Doubt) -> bool:
        return may_replay(replace(doubt, capability=replace(doubt.capability, key_life=_FOR_EVER)))

    with patch.object(recovery, "may_replay", always):
        yield
