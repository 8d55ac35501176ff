"""The household id is the shard key: of every table, and of every statement that serves one household.

What the tables are is read from a migrated database, so an index that only a migration made counts, too. What is asked
of them is heard from SQLAlchemy while a store does everything that it can do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Executable, Inspector, Table, event, inspect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.selectable import CTE, Select

from cloud_bridge.core.order import FOLLOWING, PLACING, Attempt, Change, OrderRecord, dispatch, note
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import UnknownOrderError
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.store.tables import metadata
from tests.cloud_bridge.rig import MERCHANT, START, Signer, new_order

NOT_OF_A_HOUSEHOLD = MappingProxyType({"alembic_version": "which step of the migrations the tables are at"})
KEY = MappingProxyType({"households": "id"})
ACROSS_INDEXES = MappingProxyType(
    {
        "orders_due": "which order of whom is due next: the worker serves all households",
        "orders_session": "a webhook names a merchant's session and no household; and no two orders share one",
        "orders_merchant_order": "a webhook names a merchant's order and no household; and no two intents share one",
    }
)
ACROSS = MappingProxyType(
    {
        "claim": "the worker takes what is due, of whomever it is",
        "next_due": "when that is",
        "resume": "a start looks at all that is on its way",
        "take_hint": "a webhook names no household: it is found by the merchant's own ids",
        "report": "the operator's list of all orders",
        "figures": "how much there is to do, for whoever watches",
    }
)
HERE, THERE = "home-1", "home-2"
Heard = list[Executable]

both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def key_of(table: str) -> str:
    """The column that holds the household's id."""
    return KEY.get(table, "household")


@both
async def test_the_household_is_the_first_part_of_every_key(database: Database) -> None:
    """Primary keys, unique indexes, other indexes and foreign keys begin with it; the exceptions are all needed."""
    faults: set[str] = set()

    def look(connection: Connection) -> None:
        found = inspect(connection)
        tables = set(found.get_table_names())
        assert tables - metadata.tables.keys() == NOT_OF_A_HOUSEHOLD.keys()
        for table in tables - NOT_OF_A_HOUSEHOLD.keys():
            faults.update(_faults(found, table))

    await database.transact(look)
    assert faults == ACROSS_INDEXES.keys()


def _faults(found: Inspector, table: str) -> Iterator[str]:
    wanted = key_of(table)
    if found.get_pk_constraint(table)["constrained_columns"][:1] != [wanted]:
        yield f"primary key of {table}"
    yield from (str(each["name"]) for each in found.get_indexes(table) if each["column_names"][:1] != [wanted])
    for each in found.get_foreign_keys(table):
        referred = key_of(each["referred_table"])
        if each["constrained_columns"][:1] != [wanted] or each["referred_columns"][:1] != [referred]:
            yield f"foreign key of {table} to {each['referred_table']}"


@both
async def test_no_statement_for_one_household_is_without_its_id(
    database: Database, store: SqlOrderStore, signer: Signer
) -> None:
    """Everything that a store can do is done once; what reads or writes without the id is the worker's, and listed."""
    without: dict[str, list[str]] = {}
    acts = _acts(store, signer)
    public = {name for name in vars(SqlOrderStore) if not name.startswith("_")}
    assert public == set(acts), "a new operation is wanted here, too"
    for name, act in acts.items():
        with _heard(database) as statements:
            await act()
        assert statements, f"{name} asked the store nothing"
        found = [str(one) for one in statements if _is_without_key(one)]
        without |= {name: found} if found else {}
    assert without.keys() == ACROSS.keys(), without


@both
async def test_two_households_with_one_intent_id_never_meet(store: SqlOrderStore) -> None:
    """Each reads, changes and takes back its own, and is told of its own."""
    ids = "i-1"
    for name in (HERE, THERE):
        await store.accept(new_order(Signer(household=name).intent(intent_id=ids), now=START))

    def later(order: OrderRecord) -> Change:
        return note(order, now=START, detail="merchant_away", due_at=START)

    amended = await store.amend(HERE, ids, later)
    assert amended is not None
    assert amended[0].household == HERE
    untouched = await store.find(THERE, ids)
    assert untouched is not None
    assert (untouched.household, untouched.detail, untouched.version) == (THERE, None, amended[0].version - 1)
    assert [each.seq for each in await store.events_after(THERE, after=0, limit=10)] == [1]
    assert not await store.withdraw(HERE, ids, now=START)
    assert await store.withdraw("home-3", ids, now=START)
    assert await store.find("home-3", ids) is None
    with pytest.raises(UnknownOrderError):
        await store.thaw("home-4")
    assert (await store.head(THERE, after=0, now=START)).intents[0].intent_id == ids


def _acts(store: SqlOrderStore, signer: Signer) -> Mapping[str, Callable[[], Awaitable[object]]]:
    """Every public operation, in an order in which each finds something to do."""
    household, lease = signer.household, START + timedelta(minutes=5)
    claimed: list[OrderRecord] = []

    async def claim() -> None:
        claimed.extend(await store.claim(PLACING | FOLLOWING, now=START, lease_until=lease, limit=4))
        assert claimed

    async def send() -> None:
        attempt = Attempt(n=1, key="k", body_sha256="0" * 64, dispatched_at=START)
        claimed.append(await store.apply(dispatch(claimed.pop(), attempt, now=START)))

    def take_session(order: OrderRecord) -> Change:
        return note(order, now=START, detail=None, due_at=START, session_id="s-1")

    return {
        "accept": lambda: _accept_twice(store, signer, now=START),
        "find": lambda: store.find(household, "i-1"),
        "next_due": lambda: store.next_due(PLACING),
        "claim": claim,
        "apply": send,
        "attempts": lambda: store.attempts(claimed[0]),
        "amend": lambda: store.amend(household, "i-1", take_session),
        "settle": lambda: store.settle(household, "i-1", _nothing),
        "withdraw": lambda: store.withdraw(household, "i-2", now=START),
        "is_frozen": lambda: store.is_frozen(household),
        "thaw": lambda: store.thaw(household),
        "head": lambda: store.head(household, after=0, now=START),
        "events_after": lambda: store.events_after(household, after=0, limit=10),
        "take_hint": lambda: store.take_hint(MERCHANT, Hint("s-1", None), digest="d", now=START),
        "report": store.report,
        "figures": store.figures,
        "resume": lambda: store.resume(now=START),
    }


def _nothing(order: OrderRecord, attempts: object) -> Change | None:
    return None


async def _accept_twice(store: SqlOrderStore, signer: Signer, *, now: datetime) -> None:
    order = new_order(signer.intent(intent_id="i-1", hold_s=0), now=now)
    assert await store.accept(order) == await store.accept(order)


@contextmanager
def _heard(database: Database) -> Iterator[Heard]:
    """The statements that are run meanwhile, as SQLAlchemy has them."""
    statements: Heard = []

    def hear(_connection: Connection, statement: Executable, *_rest: object) -> None:
        statements.append(statement)

    engine = database._engine
    assert isinstance(engine, Engine)
    event.listen(engine, "before_execute", hear)
    try:
        yield statements
    finally:
        event.remove(engine, "before_execute", hear)


def _is_without_key(statement: Executable) -> bool:
    """Whether any part of it reads or changes rows of a table without asking for a household.

    An insert names one by the table's primary key, which is checked above.
    """
    return any(
        not _names_key(part, table) for part in _parts(statement) for table in _tables(part) if not _is_insert(part)
    )


def _is_insert(part: object) -> bool:
    return isinstance(part, Insert)


def _parts(statement: Any) -> Iterator[Any]:  # noqa: ANN401  any element of SQLAlchemy
    for each in visitors.iterate(statement):
        if isinstance(each, Select | Update | Delete | Insert):
            yield each
            for apart in each._independent_ctes:
                assert isinstance(apart, CTE)
                yield from _parts(apart.element)


def _tables(part: Any) -> list[Table]:  # noqa: ANN401  one of `_parts`
    found = part.get_final_froms() if isinstance(part, Select) else [part.table]
    return [each for each in found if isinstance(each, Table)]


def _names_key(part: Any, table: Table) -> bool:  # noqa: ANN401  one of `_parts`
    where = part.whereclause
    named = [] if where is None else visitors.iterate(where)
    return any(each is table.c[key_of(table.name)] for each in named)
