"""Takes many new orders in one transaction.

Each household's row is locked first, so that its numbers are given out in the order in which they are committed, and
two bridges never take the same intent twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    FromClause,
    Insert,
    Select,
    String,
    Table,
    TableValuedAlias,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from cloud_bridge.core.order import OrderRecord
from cloud_bridge.errors import WithdrawnError
from cloud_bridge.store.handovers import Number, refuse
from cloud_bridge.store.rows import new_order, to_order
from cloud_bridge.store.tables import events, households, in_milliseconds, orders
from cloud_bridge.store.withdrawals import withdrawn

_LOCK = (
    select(households.c.id, households.c.last_seq, households.c.frozen_at)
    .where(households.c.id.in_(bindparam("names", expanding=True)))
    .order_by(households.c.id)
    .with_for_update()
)

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """An order that is to be taken, and the highest number of its own that its hub knows to be here, if it says so."""

    order: OrderRecord
    head: int | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the store has already: orders by their ids, which intent has which number, and each hub's highest."""

    known: dict[Key, OrderRecord]
    taken: dict[Number, str]


def take(connection: Connection, asked: Sequence[Asked]) -> list[OrderRecord | Exception]:
    """Write what is new, tell each household of its own, and answer each with what stands under its id, or why not."""
    wanted = [each.order for each in asked]
    heads = {_key(each.order): each.head for each in reversed(asked) if each.head is not None}
    locked = _lock_households(connection, {order.household for order in wanted})
    standing = _read_standing(connection, wanted)
    fresh = {_key(order): order for order in reversed(wanted) if _key(order) not in standing.known}
    frozen = {row.id for row in locked if row.frozen_at is not None}
    gone = withdrawn(connection, fresh.values())
    wanted_still = [order for key, order in reversed(fresh.items()) if key not in gone]
    refused: dict[Key, Exception] = {key: _withdrawn_error(key) for key in gone & fresh.keys()}
    refused |= refuse(connection, wanted_still, heads=heads, frozen=frozen, taken=standing.taken)
    added = [fresh[key] for key in sorted(fresh) if key not in refused]
    if added:
        _write(connection, added, last_seqs={row.id: row.last_seq for row in locked})
    return [standing.known.get(_key(order)) or refused.get(_key(order)) or fresh[_key(order)] for order in wanted]


def lock_household(connection: Connection, household: str) -> None:
    """Lock one household's row, made where it is missing, until the commit."""
    _lock_households(connection, [household])


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


def _key(order: OrderRecord) -> Key:
    return order.household, order.intent_id


def _looks(
    asked: FromClause,
    household: Any,  # noqa: ANN401  these are expressions
    intent_id: Any,  # noqa: ANN401
    hub: Any,  # noqa: ANN401
    handover: Any,  # noqa: ANN401
) -> list[Select[Any]]:
    """By id, by number, and the hub's highest number: three looks, each by an index of its own."""
    of_it = orders.c.household == household
    others = orders.alias()
    last = (
        select(func.max(others.c.handover)).where(others.c.household == household, others.c.hub == hub).correlate(asked)
    )
    return [
        select(orders).where(of_it, orders.c.intent_id == intent_id),
        select(orders).where(of_it, orders.c.hub == hub, orders.c.handover == handover),
        select(orders).where(of_it, orders.c.hub == hub, orders.c.handover == last.scalar_subquery()),
    ]


def _standing_in_sqlite() -> CompoundSelect[Any]:
    """A join with what is asked for: for a list of pairs SQLite would read the whole table."""
    asked = func.json_each(bindparam("asked")).table_valued("value")
    return union_all(*_looks(asked, *(func.json_extract(asked.c.value, f"$[{n}]") for n in range(4))))


def _standing_in_postgresql() -> CompoundSelect[Any]:
    """One look after the other, since the server would read the whole table for a list whose length it cannot see."""
    text = cast(bindparam("asked", type_=String), postgresql.JSONB)
    asked = func.jsonb_array_elements(text).table_valued("value").render_derived()
    household, intent_id, hub, handover = (asked.c.value.op("->>")(n) for n in range(4))
    looks = _looks(asked, household, intent_id, hub, cast(handover, BigInteger))
    found = [look.correlate(asked).limit(1).lateral() for look in looks]
    return union_all(*(select(each).select_from(asked.join(each, true())) for each in found))


_STANDING = MappingProxyType({"sqlite": _standing_in_sqlite(), "postgresql": _standing_in_postgresql()})


def _read_standing(connection: Connection, wanted: Sequence[OrderRecord]) -> _Standing:
    asked = [(order.household, order.intent_id, order.terms.hub, order.terms.handover) for order in wanted]
    rows = connection.execute(_STANDING[connection.dialect.name], {"asked": json.dumps(asked)}).all()
    keys = {_key(order) for order in wanted}
    return _Standing(
        known={(row.household, row.intent_id): to_order(row) for row in rows if (row.household, row.intent_id) in keys},
        taken={(row.household, row.hub, row.handover): row.intent_id for row in rows},
    )


def _write(connection: Connection, added: Sequence[OrderRecord], *, last_seqs: dict[str, int]) -> None:
    """The orders, their first events and the last seq of each household: a statement each, however many there are."""
    told = []
    for order in added:
        last_seqs[order.household] += 1
        told.append(_first_event(order, seq=last_seqs[order.household]))
    raised = {event["household"]: event["seq"] for event in told}
    put = _put_in_postgresql if connection.dialect.name == "postgresql" else _put
    put(connection, _ORDERS, [new_order(order) for order in added])
    put(connection, _EVENTS, told)
    put(connection, _SEQS, [{"household": name, "seq": seq} for name, seq in sorted(raised.items())])


def _first_event(order: OrderRecord, *, seq: int) -> dict[str, Any]:
    return {
        "household": order.household,
        "seq": seq,
        "intent_id": order.intent_id,
        "state": order.state.value,
        "at": order.changed_at,
    }


@dataclass(frozen=True, slots=True)
class _Write:
    """One statement for many rows: row by row, or all of them in one parameter, so that a server is asked once."""

    by_row: Insert | Update
    at_once: Insert | Update


def _put(connection: Connection, write: _Write, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(write.by_row, rows)


def _put_in_postgresql(connection: Connection, write: _Write, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(write.at_once, {"rows": json.dumps(rows, default=in_milliseconds)})


def _given(**types: TypeEngine[Any]) -> TableValuedAlias:
    text = cast(bindparam("rows", type_=String), postgresql.JSONB)
    columns = [column(name, of_type) for name, of_type in types.items()]
    return func.jsonb_to_recordset(text).table_valued(*columns).render_derived(with_types=True)


def _adding(table: Table, *names: str) -> _Write:
    given = _given(**{name: table.c[name].type for name in names})
    chosen = select(*(given.c[name] for name in names))
    return _Write(insert(table), insert(table).from_select(names, chosen, include_defaults=False))


def _raising() -> _Write:
    given = _given(household=String(), seq=BigInteger())
    return _Write(
        update(households).where(households.c.id == bindparam("household")).values(last_seq=bindparam("seq")),
        update(households).where(households.c.id == given.c.household).values(last_seq=given.c.seq),
    )


_ORDERS = _adding(orders, *(each.name for each in orders.columns))
_EVENTS = _adding(events, "household", "seq", "intent_id", "state", "at")
_SEQS = _raising()
