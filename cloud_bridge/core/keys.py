"""The keys under which an order is known at its merchant, made from what the household signed and nothing else.

The same intent has the same keys for ever: after a restart, on another replica, on a restored backup.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5


def open_key(body_sha256: str, session_n: int) -> str:
    """The key that opens the order's n-th session: a repeat opens the same one."""
    return str(uuid5(NAMESPACE_URL, f"restock:open:{body_sha256}:{session_n}"))


def order_key(body_sha256: str) -> str:
    """The one key under which this intent may become an order, which is also our reference at the merchant."""
    return str(uuid5(NAMESPACE_URL, f"restock:order:{body_sha256}"))
