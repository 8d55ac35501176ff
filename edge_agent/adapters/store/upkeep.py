"""What the store does for itself now and then: keep the time, and keep its tables bounded.

Rows go by how many came after them, never by age on a clock, and only what is settled goes: nothing that waits to be
sent, no order, no leave.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from edge_agent.adapters.store.chain import Chain
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.summaries import is_over, sum_up_old
from edge_agent.ports import HouseholdStore

_PRICES_MAX = 50_000
_MESSAGES_MAX = 500_000


class Upkeep:
    """Called about once a minute."""

    def __init__(
        self,
        connection: Connection,
        *,
        chain: Chain,
        household: HouseholdStore,
        prices_max: int = _PRICES_MAX,
        messages_max: int = _MESSAGES_MAX,
    ) -> None:
        self._connection = connection
        self._chain = chain
        self._household = household
        self._prices_max = prices_max
        self._messages_max = messages_max

    def run_once(self) -> None:
        """Keep the time (a part of every transaction, so of this one), and let old rows go.

        Raises: StoreFailedError when the disk is full or fails, which is how a hub that has nothing to write finds out.
        """
        with self._connection.transaction() as db:
            _prune_prices(db, self._prices_max)
            self._sum_up(db)
        self._chain.fold()

    def sum_up(self) -> Iterator[int]:
        """Sum up all that may be, after a backlog has come in: how many went with each part, kept at once.

        Raises: StoreFailedError.
        """
        count = 1
        while count:
            with self._connection.transaction() as db:
                count = self._sum_up(db)
            yield count

    @property
    def is_behind(self) -> bool:
        """Whether there are more messages than are kept one by one: the oldest wait for a review that counts them."""
        with self._connection.reading() as db:
            return is_over(db, messages_max=self._messages_max)

    def _sum_up(self, db: apsw.Connection) -> int:
        return sum_up_old(db, self._household.load().items, messages_max=self._messages_max)


def _prune_prices(db: apsw.Connection, rows_max: int) -> None:
    """The newest price of each product stays, however old."""
    db.execute(
        "DELETE FROM price WHERE id <= (SELECT max(id) FROM price) - ? "
        "AND id NOT IN (SELECT max(id) FROM price GROUP BY item, merchant, sku)",
        (rows_max,),
    )
