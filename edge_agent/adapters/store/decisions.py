"""What is kept of decisions: what shadow would have ordered, what each question rested on. Nothing costs money here.

Both tables are bounded: the newest rows stay.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from pydantic import TypeAdapter, ValidationError

from edge_agent.adapters.store.connection import Connection, to_ms
from edge_agent.core.deciding.shadow import ShadowOrder
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.errors import BugError

SHADOW_ORDERS_MAX = 200  # of one item
BUNDLES_MAX = 500


class Decisions:
    """Fulfils `ports.ShadowStore` and `ports.BundleStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def shadow_orders(self, item: ItemId, *, limit: int) -> list[ShadowOrder]:
        """The shadow orders of one item, newest first."""
        rows = self._connection.db.execute(
            "SELECT said FROM shadow_order WHERE item = ? ORDER BY at_ms DESC LIMIT ?", (item, limit)
        )
        return [_order(str(said)) for (said,) in rows]

    def put_shadow_order(self, order: ShadowOrder) -> None:
        """Keep a new one, or the newer state of one that was made at the same moment."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO shadow_order (item, at_ms, said) VALUES (?, ?, ?) "
                "ON CONFLICT (item, at_ms) DO UPDATE SET said = excluded.said",
                (order.item, to_ms(order.at), _adapter().dump_json(order).decode()),
            )
            db.execute(
                "DELETE FROM shadow_order WHERE item = ?1 AND at_ms <= (SELECT at_ms FROM shadow_order "
                "WHERE item = ?1 ORDER BY at_ms DESC LIMIT 1 OFFSET ?2)",
                (order.item, SHADOW_ORDERS_MAX),
            )

    def put_bundle(self, prompt: PromptId, bundle: bytes, *, at: datetime) -> None:
        """Keep what a question rested on."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO decision_bundle (prompt, at_ms, bundle) VALUES (?, ?, ?)",
                (prompt, to_ms(at), bundle),
            )
            db.execute(
                "DELETE FROM decision_bundle WHERE at_ms < (SELECT at_ms FROM decision_bundle "
                "ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
                (BUNDLES_MAX,),
            )

    def bundle(self, prompt: PromptId) -> bytes | None:
        """What a question rested on; None where that is no longer kept."""
        found = self._connection.db.execute("SELECT bundle FROM decision_bundle WHERE prompt = ?", (prompt,)).get
        return found if isinstance(found, bytes) else None


@cache
def _adapter() -> TypeAdapter[ShadowOrder]:
    return TypeAdapter(ShadowOrder)


def _order(said: str) -> ShadowOrder:
    try:
        return _adapter().validate_json(said)
    except ValidationError as exc:
        detail = exc.errors(include_url=False)[0]["msg"]
        raise BugError(f"a stored shadow order is unreadable: {detail}") from exc
