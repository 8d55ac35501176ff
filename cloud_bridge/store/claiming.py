"""Which orders are worked on next: claims under a lease, when the next one is due, and what a start looks at again.

Nothing here waits for a row that somebody else holds: it is stepped over, so no two bridges wait for each other.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from cloud_bridge.core.order import ON_ITS_WAY, OrderRecord
from cloud_bridge.store.rows import to_order
from cloud_bridge.store.tables import Instant, orders
from cloud_bridge.wire import OrderState

log = logging.getLogger(__name__)

WOKEN_AT_ONCE = 500
_TAKE = update(orders).where(
    orders.c.household == bindparam("its_household"), orders.c.intent_id == bindparam("its_intent")
)  # built once: to build it takes longer than to run it
_NEVER = datetime.max.replace(tzinfo=UTC)
_IS_HELD = orders.c.lease_until > orders.c.due_at
_IS_FREE = or_(orders.c.lease_until.is_(None), orders.c.lease_until <= orders.c.due_at)
_CLAIMED_AT_ONCE = 64  # or a few more: a claim is one transaction, and must stay a short one


@dataclass(frozen=True, slots=True)
class Lease:
    """From `now` to `until` by the claimer's clock; `row_now` is the same moment by the clock that the rows keep."""

    now: datetime
    until: datetime
    row_now: datetime

    @property
    def row_until(self) -> datetime:
        """Its end as the row keeps it."""
        return self.row_now + (self.until - self.now)


def claim(
    connection: Connection, states: Collection[OrderState], lease: Lease, *, limit: int, busy: Mapping[str, int]
) -> tuple[OrderRecord, ...]:
    """Take due orders that nobody holds, up to `limit` of each merchant, less those that `busy` counts there."""
    held = Counter(busy)
    claimed: list[OrderRecord] = []
    while len(claimed) < _CLAIMED_AT_ONCE:
        full = [merchant for merchant, count in held.items() if count >= limit]
        rows = connection.execute(_claimable(states, lease, full=full).limit(limit)).all()
        for row in rows:
            if held[row.merchant] < limit:
                held[row.merchant] += 1
                claimed += _take(connection, row, lease)
        if len(rows) < limit:
            break
    return tuple(claimed)


def next_due(connection: Connection, states: Collection[OrderState], *, full: Collection[str]) -> datetime | None:
    """When the next order in these states, of a merchant that is not `full`, is due or its lease ends.

    Of each state it looks for the first that nobody holds, by the index, and then among those before it for a lease
    that ends: one that is due later and held ends later still. So it reads few rows, however many wait for their day.
    """
    first_free, first_freed = _next_due(frozenset(states), any_full=bool(full))
    named = {"full": list(full)} if full else {}
    free_at: datetime | None = connection.execute(first_free, named).scalar()
    before = {**named, "free_at": _NEVER if free_at is None else free_at}
    freed_at: datetime | None = connection.execute(first_freed, before).scalar()
    return min((at for at in (free_at, freed_at) if at is not None), default=None)


def end_leases(connection: Connection) -> None:
    """End all leases: for a bridge that has the store to itself."""
    connection.execute(update(orders).values(lease_until=None))


def wake_followed(connection: Connection, *, now: datetime) -> int:
    """Make some of the orders on their way due, and say how many: `WOKEN_AT_ONCE` where there may be more.

    One that somebody is at is left out: he is looking at it, or has just made it due.
    """
    key = (orders.c.household, orders.c.intent_id)
    asleep = select(*key).where(_is_in(ON_ITS_WAY), orders.c.due_at > now).order_by(*key).limit(WOKEN_AT_ONCE)
    found = [tuple(row) for row in connection.execute(asleep.with_for_update(skip_locked=True))]
    if found:
        connection.execute(update(orders).where(tuple_(*key).in_(found)).values(due_at=now))
    return len(found)


@cache
def _next_due(states: frozenset[OrderState], *, any_full: bool) -> tuple[Select[Any], Select[Any]]:
    """The first order under no lease, a look for each state; and the first lease that ends of those due before it.

    Built once for the few questions that there are: to build them takes longer than to run them.
    """
    counts = [orders.c.due_at.is_not(None)]
    if any_full:
        counts.append(orders.c.merchant.not_in(bindparam("full", expanding=True)))
    wanted = union_all(*(select(literal(state.value).label("state")) for state in sorted(states))).subquery("wanted")
    free = select(orders.c.due_at).where(orders.c.state == wanted.c.state, *counts, _IS_FREE)
    first = free.order_by(orders.c.due_at).limit(1).correlate(wanted).scalar_subquery()
    firsts = select(first.label("due_at")).select_from(wanted).subquery("firsts")
    held = select(func.min(orders.c.lease_until)).where(
        _is_in(sorted(states)), *counts, _IS_HELD, orders.c.due_at <= bindparam("free_at", type_=Instant())
    )
    return select(func.min(firsts.c.due_at, type_=Instant())), held


def _claimable(states: Collection[OrderState], lease: Lease, *, full: Collection[str]) -> Select[Any]:
    query = (
        select(orders)
        .where(
            _is_in(states),
            orders.c.due_at <= lease.now,
            or_(orders.c.lease_until.is_(None), orders.c.lease_until <= lease.row_now),
        )
        .order_by(orders.c.due_at)
    )
    return _without(query, full).with_for_update(skip_locked=True)


def _is_in(states: Collection[OrderState]) -> Any:  # noqa: ANN401  a condition on a row
    return orders.c.state.in_([state.value for state in states])


def _without(query: Select[Any], merchants: Collection[str]) -> Select[Any]:
    return query.where(orders.c.merchant.not_in(merchants)) if merchants else query


def _take(connection: Connection, row: Row[Any], lease: Lease) -> list[OrderRecord]:
    """The order, under the lease; one that cannot be read any more stays claimed, and stands in nobody's way."""
    this = {"its_household": row.household, "its_intent": row.intent_id}
    connection.execute(_TAKE, {**this, "epoch": row.epoch + 1, "lease_until": lease.row_until})
    try:
        return [replace(to_order(row), epoch=row.epoch + 1, lease_until=lease.until)]
    except ValueError as exc:  # its text would tell what the order is about
        log.error("order_unreadable household=%s intent=%s error=%s", row.household, row.intent_id, type(exc).__name__)  # noqa: TRY400
        return []
