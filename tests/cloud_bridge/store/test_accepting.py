"""Accepting in groups: what a group finds, and that it finds it by an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from cloud_bridge.errors import ForkedError, HouseholdFrozenError
from cloud_bridge.store.accepting import take
from cloud_bridge.store.database import Database
from tests.cloud_bridge.rig import START, Signer, new_order

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)

_EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


async def test_what_is_known_is_found_by_an_index(database: Database, signer: Signer) -> None:
    """A group must not read the whole table: then an accept would take longer with every order there is."""
    wanted = [new_order(signer.intent(), now=START) for _ in range(20)]

    def work(connection: Connection) -> list[str]:
        said: list[tuple[str, Any]] = []

        def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            said.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        take(connection, wanted)
        event.remove(connection, "before_cursor_execute", note)
        explain = _EXPLAIN[connection.dialect.name]
        looks = [each for each in said if "FROM orders" in each[0] or "JOIN orders" in each[0] or ", orders" in each[0]]
        return [
            str(row) for statement, given in looks for row in connection.exec_driver_sql(explain + statement, given)
        ]

    plan = await database.transact(work)
    assert sum("orders_handover" in line for line in plan) == 1
    assert not [line for line in plan if "SCAN orders" in line or "Seq Scan on orders" in line]


async def test_one_group_answers_each_in_its_place(database: Database, signer: Signer) -> None:
    """New ones, a repeat within the group, a fork and what comes after it, and a repeat of what stood before."""
    first, second, fork, late = (
        new_order(signer.intent(handover=number, intent_id=f"i-{n}"), now=START)
        for n, number in enumerate((1, 2, 2, 3))
    )
    other = new_order(Signer(household="home-2").intent(handover=2), now=START)
    await database.transact(lambda connection: take(connection, [first]))
    answers = await database.transact(lambda connection: take(connection, [first, second, second, fork, late, other]))
    assert answers[:3] == [first, second, second]
    assert [type(answer) for answer in answers[3:5]] == [ForkedError, HouseholdFrozenError]
    assert answers[5] == other


async def test_what_a_group_writes_is_read_back(database: Database, signer: Signer) -> None:
    """Every column of it, whichever way the rows went to the store."""
    wanted = [new_order(signer.intent(), now=START) for _ in range(3)]
    await database.transact(lambda connection: take(connection, wanted))
    again = await database.transact(lambda connection: take(connection, wanted))
    assert again == wanted
    assert all(stands is not given for stands, given in zip(again, wanted, strict=True))
