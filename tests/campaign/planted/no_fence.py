"""Planted: a change of an order holds whoever makes it, and an attempt is sent although its lease has run out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from cloud_bridge.sending import Sender
from cloud_bridge.store import orders
from tests.campaign.simulation import memory_orders


@contextmanager
def planted() -> Iterator[None]:
    """Neither store looks at epoch, version or lease; the worker does not look at its lease."""
    with (
        patch.object(memory_orders, "fence_holds", lambda *_, **__: True),
        patch.object(Sender, "_check_lease", lambda *_: None),
        patch.object(orders, "_fences", lambda *_, **__: ()),
    ):
        yield
