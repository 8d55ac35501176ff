"""What is known of merchants: whether one can tell after a lost answer what became of an order."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from edge_agent.adapters.store.connection import Connection, to_ms


class Merchants:
    """The class of each merchant, as the bridge last said it. Fulfils `ports.MerchantStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, merchant: str, merchant_class: str, *, at: datetime) -> None:
        """Remember what the bridge says of a merchant."""
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO merchant (merchant, class, told_ms) VALUES (?, ?, ?) ON CONFLICT (merchant) DO UPDATE SET "
                "class = excluded.class, told_ms = excluded.told_ms",
                (merchant, merchant_class, to_ms(at)),
            )

    def any_known(self) -> bool:
        """Whether a bridge has ever told of one."""
        return bool(self._connection.db.execute("SELECT EXISTS (SELECT 1 FROM merchant)").get)

    def merchant_class(self, merchant: str) -> str | None:
        """A, B or C; None while the bridge has not said."""
        found = self._connection.db.execute("SELECT class FROM merchant WHERE merchant = ?", (merchant,)).get
        return cast("str | None", found)
