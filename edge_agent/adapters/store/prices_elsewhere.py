"""What products cost where they are brought elsewhere than home: the newest word only, apart from the price history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.messages import Price, PriceElsewhere


class SqlitePricesElsewhere:
    """Fulfils `ports.PricesElsewhere`. Each call is one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, prices: Sequence[Price], *, merchants: Sequence[str], delivery_ref: str) -> None:
        """Keep these, and forget what those merchants said of this place before."""
        with self._connection.transaction() as db:
            db.executemany(
                "DELETE FROM price_elsewhere WHERE merchant = ? AND delivery_ref = ?",
                [(merchant, delivery_ref) for merchant in merchants],
            )
            db.executemany(
                "INSERT OR REPLACE INTO price_elsewhere (merchant, sku, delivery_ref, unit_price_minor, "
                "delivery_minor, currency, available, fetched_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (p.merchant, p.sku, delivery_ref, p.unit_price_minor, p.delivery_minor, p.currency, p.available,
                     to_ms(p.fetched_at))
                    for p in prices
                    if p.unit_price_minor is not None and p.delivery_minor is not None
                ],
            )  # fmt: skip

    def newest(self, merchant: str, sku: str, *, delivery_ref: str) -> PriceElsewhere | None:
        """What it costs there; None: nobody has said, or the merchant does not deliver there."""
        row = self._connection.db.execute(
            "SELECT unit_price_minor, delivery_minor, currency, available, fetched_ms FROM price_elsewhere "
            "WHERE merchant = ? AND sku = ? AND delivery_ref = ?",
            (merchant, sku, delivery_ref),
        ).fetchone()
        if row is None:
            return None
        unit_price_minor, delivery_minor, currency, available, fetched_ms = cast("tuple[int, int, str, int, int]", row)
        return PriceElsewhere(unit_price_minor, delivery_minor, currency, bool(available), from_ms(fetched_ms))
