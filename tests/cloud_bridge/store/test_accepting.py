"""Accepting in groups: what a group finds, and that it finds it by an index."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from cloud_bridge.errors import BehindError, ForkedError, HouseholdFrozenError
from cloud_bridge.store.accepting import Asked, take
from cloud_bridge.store.database import Database
from tests.cloud_bridge.rig import START, Signer, new_order

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)

_EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


async def test_what_is_known_is_found_by_an_index(database: Database, signer: Signer) -> None:
    """A group must not read the whole table: then an accept would take longer with every order there is."""
    wanted = [Asked(new_order(signer.intent(), now=START)) for _ in range(20)]

    def work(connection: Connection) -> list[str]:
        said: list[tuple[str, Any]] = []

        def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            said.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        take(connection, wanted)
        take(connection, wanted)  # these are known
        event.remove(connection, "before_cursor_execute", note)
        explain = _EXPLAIN[connection.dialect.name]
        looks = [each for each in said if "FROM orders" in each[0] or "JOIN orders" in each[0] or ", orders" in each[0]]
        return [
            str(row) for statement, given in looks for row in connection.exec_driver_sql(explain + statement, given)
        ]

    plan = await database.transact(work)
    assert sum("orders_handover" in line for line in plan) >= 2  # the number, and the hub's highest
    assert not [line for line in plan if "SCAN orders" in line or "Seq Scan on orders" in line]


async def test_one_group_answers_each_in_its_place(database: Database, signer: Signer) -> None:
    """New ones, a repeat within the group, a fork and what comes after it, and a repeat of what stood before."""
    first, second, fork, late = (
        new_order(signer.intent(handover=number, intent_id=f"i-{n}"), now=START)
        for n, number in enumerate((1, 2, 2, 3))
    )
    other = new_order(Signer(household="home-2").intent(handover=2), now=START)
    await database.transact(lambda connection: take(connection, [Asked(first)]))
    asked = [Asked(each) for each in (first, second, second, fork, late, other)]
    answers = await database.transact(lambda connection: take(connection, asked))
    assert answers[:3] == [first, second, second]
    assert [type(answer) for answer in answers[3:5]] == [ForkedError, HouseholdFrozenError]
    assert answers[5] == other


async def test_what_a_group_writes_is_read_back(database: Database, signer: Signer) -> None:
    """Every column of it, whichever way the rows went to the store."""
    wanted = [new_order(signer.intent(), now=START) for _ in range(3)]
    asked = [Asked(each) for each in wanted]
    await database.transact(lambda connection: take(connection, asked))
    again = await database.transact(lambda connection: take(connection, asked))
    assert again == wanted
    assert all(stands is not given for stands, given in zip(again, wanted, strict=True))


async def test_a_hub_that_does_not_know_of_its_own_orders_is_refused(database: Database, signer: Signer) -> None:
    """Only by a number above what it says, of its own hub; a repeat is answered as before, and nothing is frozen."""
    early, late = (new_order(signer.intent(handover=number), now=START) for number in (18, 22))
    elsewhere = new_order(signer.intent(handover=3, hub="hub-2"), now=START)

    async def answers(*asked: Asked) -> list[object]:
        return list(await database.transact(lambda connection: take(connection, asked)))

    assert await answers(Asked(late, head=17), Asked(elsewhere, head=0)) == [late, elsewhere]
    [refused, again] = await answers(Asked(early, head=17), Asked(late, head=17))
    assert (type(refused), again) == (BehindError, late)
    assert await answers(Asked(early, head=22)) == [early]


async def test_within_one_group_the_highest_number_moves_on(database: Database, signer: Signer) -> None:
    """The second of two that came at once is told, too."""
    first, second = (new_order(signer.intent(handover=number), now=START) for number in (4, 5))
    answers = await database.transact(lambda connection: take(connection, [Asked(first, 3), Asked(second, 3)]))
    assert [type(answer) for answer in answers] == [type(first), BehindError]


async def test_a_repeat_within_one_group_does_not_put_the_first_one_back(database: Database, signer: Signer) -> None:
    """Each has its turn when it came first: one that came before another has a lower number, and knows of less."""
    first, second = (new_order(signer.intent(handover=number), now=START) for number in (4, 5))
    asked = [Asked(first, 3), Asked(second, 4), Asked(first, 3)]
    answers = await database.transact(lambda connection: take(connection, asked))
    assert answers == [first, second, first]
