"""Planted: each process of the bridge mints its own key for an order, instead of the one made from what was signed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import NAMESPACE_URL, uuid5

from cloud_bridge.core.order import OrderRecord
from cloud_bridge.ports import Merchant
from cloud_bridge.sending import Request, Sender


class _Minted:
    """A merchant that is asked under another key."""

    def __init__(self, merchant: Merchant, key: str) -> None:
        self._merchant = merchant
        self._key = key

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever it is there
        return getattr(self._merchant, name)

    async def place(self, session_id: str, **asked: Any) -> Any:  # noqa: ANN401  as the port has it
        return await self._merchant.place(session_id, **{**asked, "key": self._key})


@contextmanager
def planted() -> Iterator[None]:
    """Every sender is a process with a secret of its own."""
    secrets, minted = itertools.count(1), {}
    send = Sender.send

    async def sends(self: Sender, order: OrderRecord, merchant: Merchant, request: Request) -> None:
        secret = minted.setdefault(self, next(secrets))
        key = str(uuid5(NAMESPACE_URL, f"process:{secret}:{order.body_sha256}"))
        await send(self, order, _Minted(merchant, key), request)  # type: ignore[arg-type]

    with patch.object(Sender, "send", sends):
        yield
