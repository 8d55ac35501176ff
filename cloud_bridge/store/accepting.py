"""Takes many new orders in one transaction.

Each household's row is locked first, so that its numbers are given out in the order in which they are committed, and
two bridges never take the same intent twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Insert, bindparam, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud_bridge.core.order import OrderRecord
from cloud_bridge.store.handovers import refuse
from cloud_bridge.store.rows import new_order, to_order
from cloud_bridge.store.tables import events, households, orders

_RAISE = update(households).where(households.c.id == bindparam("household")).values(last_seq=bindparam("seq"))

Key = tuple[str, str]


def take(connection: Connection, wanted: Sequence[OrderRecord]) -> list[OrderRecord | Exception]:
    """Write what is new, tell each household of its own, and answer each with what stands under its id, or why not."""
    last_seqs = lock_households(connection, {order.household for order in wanted})
    standing = _read_known(connection, [_key(order) for order in wanted])
    fresh = {_key(order): order for order in reversed(wanted) if _key(order) not in standing}
    refused = refuse(connection, list(reversed(fresh.values()))) if fresh else {}
    added = [fresh[key] for key in sorted(fresh) if key not in refused]
    if added:
        connection.execute(insert(orders), [new_order(order) for order in added])
        _tell(connection, added, last_seqs=last_seqs)
    return [standing.get(_key(order)) or refused.get(_key(order)) or fresh[_key(order)] for order in wanted]


def lock_households(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The households' rows, made where they are missing, locked until the commit; each with its last seq."""
    wanted = sorted(names)
    query = select(households.c.id, households.c.last_seq).where(households.c.id.in_(wanted)).order_by(households.c.id)
    locked = query.with_for_update()
    found = {row.id: row.last_seq for row in connection.execute(locked)}
    missing = [name for name in wanted if name not in found]
    if not missing:
        return found
    connection.execute(_insert_once(connection), [{"id": name, "last_seq": 0} for name in missing])
    return {row.id: row.last_seq for row in connection.execute(locked)}


def _insert_once(connection: Connection) -> Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(households).on_conflict_do_nothing()
    return sqlite.insert(households).on_conflict_do_nothing()


def _key(order: OrderRecord) -> Key:
    return order.household, order.intent_id


def _read_known(connection: Connection, keys: Sequence[Key]) -> dict[Key, OrderRecord]:
    query = select(orders).where(tuple_(orders.c.household, orders.c.intent_id).in_(keys))
    return {_key(order): order for order in map(to_order, connection.execute(query))}


def _tell(connection: Connection, added: Sequence[OrderRecord], *, last_seqs: dict[str, int]) -> None:
    rows = []
    for order in added:
        last_seqs[order.household] += 1
        rows.append(
            {
                "household": order.household,
                "seq": last_seqs[order.household],
                "intent_id": order.intent_id,
                "state": order.state.value,
                "at": order.changed_at,
            }
        )
    connection.execute(insert(events), rows)
    raised = {row["household"]: row["seq"] for row in rows}
    connection.execute(_RAISE, [{"household": name, "seq": seq} for name, seq in sorted(raised.items())])
