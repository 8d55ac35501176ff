"""Planted: a change of an order holds whoever makes it, and an attempt is sent although its lease has run out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from sqlalchemy import bindparam, or_, update

from cloud_bridge.sending import Sender
from cloud_bridge.store import orders
from tests.campaign.simulation import memory_orders

_COLUMNS = orders.orders.c
_ALWAYS = _COLUMNS.epoch >= 0
_UNFENCED = update(orders.orders).where(
    *orders._THIS_ORDER,
    or_(_COLUMNS.epoch == bindparam("seen_epoch"), _COLUMNS.version == bindparam("seen_version"), _ALWAYS),
)
_UNFENCED_UNDER_LEASE = _UNFENCED.where(or_(_COLUMNS.lease_until > bindparam("lease_now"), _ALWAYS))


@contextmanager
def planted() -> Iterator[None]:
    """Neither store looks at epoch, version or lease; the worker does not look at its lease."""
    with (
        patch.object(memory_orders, "fence_holds", lambda *_, **__: True),
        patch.object(Sender, "_check_lease", lambda *_: None),
        patch.object(orders, "_CHANGE", _UNFENCED),
        patch.object(orders, "_CHANGE_UNDER_LEASE", _UNFENCED_UNDER_LEASE),
    ):
        yield
