"""Takes many new orders in one transaction.

Each household's row is locked first, so that its numbers are given out in the order in which they are committed, and
two bridges never take the same intent twice. What stands already is read in a statement of its own, after the lock:
one statement would see what was committed before it began to wait.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Insert,
    Select,
    String,
    Table,
    TableValuedAlias,
    Update,
    and_,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from cloud_bridge.core.order import OrderRecord
from cloud_bridge.errors import WithdrawnError
from cloud_bridge.store.handovers import Numbers, refuse
from cloud_bridge.store.rows import new_order, to_order
from cloud_bridge.store.tables import events, households, in_milliseconds, orders, withdrawals

_LOCK = (
    select(households.c.id, households.c.last_seq, households.c.frozen_at)
    .where(households.c.id.in_(bindparam("names", expanding=True)))
    .order_by(households.c.id)
    .with_for_update()
)
_KNOWN = select(orders).where(
    orders.c.household.in_(bindparam("households", expanding=True)),
    orders.c.intent_id.in_(bindparam("intents", expanding=True)),
)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """An order that is to be taken, and the highest number of its own that its hub knows to be here, if it says so."""

    order: OrderRecord
    head: int | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the store has already: orders by their ids, what was taken back before it came, and the hubs' numbers."""

    known: Mapping[Key, OrderRecord]
    gone: Collection[Key]
    numbers: Numbers


def take(connection: Connection, asked: Sequence[Asked]) -> list[OrderRecord | Exception]:
    """Write what is new, tell each household of its own, and answer each with what stands under its id, or why not."""
    wanted: dict[Key, OrderRecord] = {}
    for each in asked:
        wanted.setdefault(_key(each.order), each.order)
    heads = {_key(each.order): each.head for each in reversed(asked) if each.head is not None}
    locked = _lock_households(connection, {household for household, _ in wanted})
    standing = _read_standing(connection, wanted)
    refused: dict[Key, Exception] = {key: _withdrawn_error(key) for key in standing.gone if key not in standing.known}
    fresh = {key: order for key, order in wanted.items() if key not in standing.known and key not in refused}
    frozen = {row.id for row in locked if row.frozen_at is not None}
    refused |= refuse(connection, fresh.values(), heads=heads, frozen=frozen, numbers=standing.numbers)
    added = [fresh[key] for key in sorted(fresh) if key not in refused]
    if added:
        _write(connection, added, last_seqs={row.id: row.last_seq for row in locked})
    answers: dict[Key, OrderRecord | Exception] = {**wanted, **refused, **standing.known}
    return [answers[_key(each.order)] for each in asked]


def lock_household(connection: Connection, household: str) -> None:
    """Lock one household's row, made where it is missing, until the commit."""
    _lock_households(connection, [household])


def _key(order: OrderRecord) -> Key:
    return order.household, order.intent_id


def _withdrawn_error(key: Key) -> WithdrawnError:
    return WithdrawnError(f"intent {key[1]} was taken back before it arrived")


def _lock_households(connection: Connection, names: Iterable[str]) -> Sequence[Any]:
    """The households' rows, made where they are missing, locked until the commit."""
    wanted = sorted(names)
    found = connection.execute(_LOCK, {"names": wanted}).all()
    missing = set(wanted) - {row.id for row in found}
    if not missing:
        return found
    connection.execute(_insert_once(connection), [{"id": name, "last_seq": 0} for name in sorted(missing)])
    return connection.execute(_LOCK, {"names": wanted}).all()


def _insert_once(connection: Connection) -> Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(households).on_conflict_do_nothing()
    return sqlite.insert(households).on_conflict_do_nothing()


def _given(name: str, **types: TypeEngine[Any]) -> TableValuedAlias:
    """Rows that come to PostgreSQL in one parameter, so that the server is asked once."""
    text = cast(bindparam(name, type_=String), postgresql.JSONB)
    columns = [column(name, of_type) for name, of_type in types.items()]
    return func.jsonb_to_recordset(text).table_valued(*columns).render_derived(with_types=True)


def _given_to_sqlite(name: str, *columns: str) -> FromClause:
    """The same for SQLite."""
    given = func.json_each(bindparam(name)).table_valued("value")
    return select(*(func.json_extract(given.c.value, f"$.{each}").label(each) for each in columns)).subquery()


def _look(asked: FromClause) -> Select[Any]:
    """What stands of each that is asked for: four looks, each by an index, where a join might read the whole table."""
    of_it = orders.c.household == asked.c.household
    of_hub = and_(of_it, orders.c.hub == asked.c.hub)
    its_withdrawal = and_(withdrawals.c.household == asked.c.household, withdrawals.c.intent_id == asked.c.intent_id)
    looks = {
        "known": select(orders.c.intent_id).where(of_it, orders.c.intent_id == asked.c.intent_id),
        "taken": select(orders.c.intent_id).where(of_hub, orders.c.handover == asked.c.handover),
        "highest": select(func.max(orders.c.handover)).where(of_hub),
        "gone": select(withdrawals.c.intent_id).where(its_withdrawal),
    }
    return select(asked, *(look.scalar_subquery().label(name) for name, look in looks.items()))


_LOOK = MappingProxyType(
    {
        "sqlite": _look(_given_to_sqlite("asked", "household", "intent_id", "hub", "handover")),
        "postgresql": _look(
            _given("asked", household=String(), intent_id=String(), hub=String(), handover=BigInteger())
        ),
    }
)


def _read_standing(connection: Connection, wanted: Mapping[Key, OrderRecord]) -> _Standing:
    asked = [
        {"household": household, "intent_id": intent_id, "hub": order.terms.hub, "handover": order.terms.handover}
        for (household, intent_id), order in wanted.items()
    ]
    rows = connection.execute(_LOOK[connection.dialect.name], {"asked": json.dumps(asked)}).all()
    return _Standing(
        known=_read_known(connection, [(row.household, row.intent_id) for row in rows if row.known is not None]),
        gone=[(row.household, row.intent_id) for row in rows if row.gone is not None],
        numbers=Numbers(
            taken={(row.household, row.hub, row.handover): row.taken for row in rows if row.taken is not None},
            highest={(row.household, row.hub): row.highest for row in rows if row.highest is not None},
        ),
    )


def _read_known(connection: Connection, keys: Collection[Key]) -> dict[Key, OrderRecord]:
    if not keys:
        return {}
    named = {"households": sorted({key[0] for key in keys}), "intents": sorted({key[1] for key in keys})}
    found = ((row.household, row.intent_id, row) for row in connection.execute(_KNOWN, named))
    return {(household, intent): to_order(row) for household, intent, row in found if (household, intent) in keys}


def _write(connection: Connection, added: Sequence[OrderRecord], *, last_seqs: dict[str, int]) -> None:
    """The orders, their first events and the last seq of each household."""
    told = []
    for order in added:
        last_seqs[order.household] += 1
        told.append(_first_event(order, seq=last_seqs[order.household]))
    raised = {event["household"]: event["seq"] for event in told}
    seqs = [{"its_household": name, "seq": seq} for name, seq in sorted(raised.items())]
    if connection.dialect.name == "postgresql":
        rows = {"orders": [new_order(order) for order in added], "events": told, "seqs": seqs}
        connection.execute(_WRITE, {name: json.dumps(each, default=in_milliseconds) for name, each in rows.items()})
        return
    connection.execute(insert(orders), [new_order(order) for order in added])
    connection.execute(insert(events), told)
    connection.execute(_RAISE, seqs)


def _first_event(order: OrderRecord, *, seq: int) -> dict[str, Any]:
    return {
        "household": order.household,
        "seq": seq,
        "intent_id": order.intent_id,
        "state": order.state.value,
        "at": order.changed_at,
    }


def _adding(table: Table, *names: str) -> Insert:
    given = _given(table.name, **{name: table.c[name].type for name in names})
    chosen = select(*(given.c[name] for name in names))
    return insert(table).from_select(names, chosen, include_defaults=False)


def _write_at_once() -> Update:
    """All of it in one statement, however many rows there are."""
    seqs = _given("seqs", its_household=String(), seq=BigInteger())
    return (
        update(households)
        .where(households.c.id == seqs.c.its_household)
        .values(last_seq=seqs.c.seq)
        .add_cte(
            _adding(orders, *(each.name for each in orders.columns)).cte("added"),
            _adding(events, "household", "seq", "intent_id", "state", "at").cte("told"),
        )
    )


_RAISE = update(households).where(households.c.id == bindparam("its_household")).values(last_seq=bindparam("seq"))
_WRITE = _write_at_once()
