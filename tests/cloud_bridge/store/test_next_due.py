"""When the next order is due: found by the index, and the same as if every order had been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Connection, insert, select

from cloud_bridge.core.order import FOLLOWING, PLACING
from cloud_bridge.store import claiming
from cloud_bridge.store.database import Database
from cloud_bridge.store.rows import from_order
from cloud_bridge.store.tables import households, orders
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, START, Signer, new_order

STATES = sorted(PLACING | FOLLOWING)
MERCHANTS = ("grocer", "bakery", "chemist")


def rows(rng: Random, count: int) -> list[dict[str, object]]:
    """Orders of all states and three merchants; some are never due, some under a lease that runs or has ended."""
    signer, made = Signer(), []
    for number in range(count):
        intent = signer.intent(intent_id=f"i-{number}", merchant=rng.choice(MERCHANTS))
        due_at = rng.choice([None, START + timedelta(minutes=rng.randrange(60))])
        lease_until = rng.choice([None, START + timedelta(minutes=rng.randrange(90))])
        order = replace(new_order(intent, now=START), state=rng.choice(STATES), due_at=due_at, lease_until=lease_until)
        made.append({**from_order(order), "household": HOUSEHOLD, "intent_id": intent.terms.intent_id})
    return made


def waiting(count: int) -> list[dict[str, object]]:
    """Orders that came, each to be asked about on a later day."""
    signer, made = Signer(), []
    for number in range(count):
        intent = signer.intent(intent_id=f"i-{number}")
        due_at = START + timedelta(days=1, minutes=number)
        order = replace(new_order(intent, now=START), state=OrderState.DELIVERED, due_at=due_at)
        made.append({**from_order(order), "household": HOUSEHOLD, "intent_id": intent.terms.intent_id})
    return made


def by_reading_all(connection: Connection, states: Sequence[OrderState], full: Sequence[str]) -> object:
    """The same answer, from every row."""
    found = connection.execute(select(orders)).all()
    at = [
        max(row.due_at, row.lease_until or row.due_at)
        for row in found
        if row.due_at is not None and row.state in {state.value for state in states} and row.merchant not in full
    ]
    return min(at, default=None)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_it_is_the_earliest_of_all(database: Database) -> None:
    """Leases that run, leases that have ended, merchants without room: whatever there is."""
    rng = Random(11)

    def compare(connection: Connection) -> int:
        connection.execute(insert(households), [{"id": HOUSEHOLD, "last_seq": 0}])
        compared = 0
        for count in (0, 1, 2, 3, 5, 8, 20, 60):
            for _ in range(6):
                connection.execute(orders.delete())
                if count:
                    connection.execute(insert(orders), rows(rng, count))
                for states in (sorted(PLACING), sorted(FOLLOWING), [OrderState.HELD]):
                    for full in ((), ("grocer",), ("grocer", "bakery"), MERCHANTS):
                        wanted = by_reading_all(connection, states, full)
                        assert claiming.next_due(connection, states, full=full) == wanted
                        compared += wanted is not None
        return compared

    assert await database.transact(compare) > 100


async def test_it_costs_as_much_however_many_orders_wait(database: Database) -> None:
    """Every order is followed for two months after it came, so a look at all of them would grow with the homes."""

    def costs(connection: Connection) -> list[int]:
        connection.execute(insert(households), [{"id": HOUSEHOLD, "last_seq": 0}])
        made, found, sqlite = waiting(2_000), [], connection.connection.dbapi_connection
        for part in (made[:20], made[20:]):
            connection.execute(insert(orders), part)
            steps = [0]

            def step(steps: list[int] = steps) -> None:
                steps[0] += 1

            claiming.next_due(connection, FOLLOWING, full=[])  # builds the statement
            sqlite.set_progress_handler(step, 1)  # type: ignore[union-attr]
            claiming.next_due(connection, FOLLOWING, full=[])
            sqlite.set_progress_handler(None, 0)  # type: ignore[union-attr]
            found.append(steps[0])
        return found

    few, many = await database.transact(costs)
    assert few > 0
    assert many < 2 * few
