"""`ports.OrderStore` over SQL: every public method is one transaction.

Two fences stand in every change of an order: the epoch it was claimed with, and the version it was read at. Events get
their seq from the household's own row, so that a household's events are committed in the order of their seq.

Leases of a store that bridges share are compared on one clock, the server's: the row keeps when the lease ends there,
and the claimer is told when it ends on its own clock, counted from before it asked, so that it stops first. An attempt
is recorded only while the lease runs. Rows are locked in one order, an order's row before its household's, so that no
two transactions wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    false,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from cloud_bridge.core.order import FOLLOWING, Attempt, Change, OrderRecord, Said
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import MerchantOrderTakenError, StaleClaimError
from cloud_bridge.ports import Report, ReportLine
from cloud_bridge.store import handovers
from cloud_bridge.store.accepting import take
from cloud_bridge.store.database import Database
from cloud_bridge.store.grouping import Grouped
from cloud_bridge.store.rows import from_order, to_attempt, to_event, to_order
from cloud_bridge.store.tables import Instant, attempts, events, households, orders, webhooks
from cloud_bridge.wire import Head, OrderEvent, OrderState

log = logging.getLogger(__name__)

_HINTS_PER_ORDER_MAX = 100
_SERVER_TIME = text("SELECT clock_timestamp()")


def as_it_is(real: datetime) -> datetime:
    """The server's time, where no virtual time is configured."""
    return real


class SqlOrderStore:
    """Orders in a `Database`. `shown` says what the bridge's clock shows at a real time of the database's server."""

    def __init__(self, database: Database, *, shown: Callable[[datetime], datetime] = as_it_is) -> None:
        self._transact = database.transact
        self._shared = database.shared
        self._shown = shown
        self._accept: Grouped[OrderRecord, OrderRecord] = Grouped(self._take)

    async def accept(self, order: OrderRecord) -> OrderRecord:
        """Take a new order and tell its household, or answer with the one that has this id already.

        Raises: ForkedError; HouseholdFrozenError.
        """
        return await self._accept(order)

    async def find(self, household: str, intent_id: str) -> OrderRecord | None:
        """One order."""
        return await self._transact(lambda connection: _read(connection, household, intent_id))

    async def attempts(self, order: OrderRecord) -> tuple[Attempt, ...]:
        """The order's attempts, oldest first."""
        return await self._transact(lambda connection: _attempts_of(connection, order))

    async def claim(
        self, states: Collection[OrderState], *, now: datetime, lease_until: datetime, limit: int
    ) -> tuple[OrderRecord, ...]:
        """Take up to `limit` due orders that nobody holds; each gets a new epoch.

        The lease lasts from `now` to `lease_until`; on a shared store that long by the server's clock.
        """

        def work(connection: Connection) -> tuple[OrderRecord, ...]:
            lease_now = self._lease_time(connection, own=now)
            query = _claimable(states, now=now, lease_now=lease_now).limit(limit)
            claimed = []
            for row in connection.execute(query).all():
                values = {"epoch": row.epoch + 1, "lease_until": lease_now + (lease_until - now)}
                connection.execute(update(orders).where(*_of(orders, row)).values(values))
                order = _readable(row)
                if order is not None:
                    claimed.append(replace(order, epoch=row.epoch + 1, lease_until=lease_until))
            return tuple(claimed)

        return await self._transact(work)

    async def next_due(self, states: Collection[OrderState]) -> datetime | None:
        """When the next order in these states is due or its lease ends."""
        later = case((orders.c.lease_until > orders.c.due_at, orders.c.lease_until), else_=orders.c.due_at)
        query = select(func.min(later, type_=Instant())).where(
            orders.c.state.in_([state.value for state in states]), orders.c.due_at.is_not(None)
        )
        return await self._transact(lambda connection: connection.execute(query).scalar())

    async def apply(self, change: Change) -> OrderRecord:
        """Make one change.

        Raises: StaleClaimError when the row is not the one that the change was made from, MerchantOrderTakenError when
        another order has this merchant order, HouseholdFrozenError when an attempt is to be recorded for a frozen
        household; nothing is written then.
        """

        def work(connection: Connection) -> OrderRecord:
            _write(connection, change, epoch=change.after.epoch, lease_now=self._fence(connection, change))
            return change.after

        return await self._transact(work)

    async def amend(
        self, household: str, intent_id: str, decide: Callable[[OrderRecord], Change | None]
    ) -> tuple[OrderRecord, bool] | None:
        """Read, decide and write in one transaction, taking any claim away; None where there is no such order."""

        def work(connection: Connection) -> tuple[OrderRecord, bool] | None:
            return _amend(connection, (household, intent_id), decide)

        return await self._transact(work)

    async def settle(
        self, household: str, intent_id: str, decide: Callable[[OrderRecord, Sequence[Attempt]], Change | None]
    ) -> tuple[OrderRecord, bool] | None:
        """As `amend`, for a decision that looks at the attempts, too.

        Raises: MerchantOrderTakenError.
        """

        def work(connection: Connection) -> tuple[OrderRecord, bool] | None:
            return _amend(
                connection, (household, intent_id), lambda order: decide(order, _attempts_of(connection, order))
            )

        return await self._transact(work)

    async def is_frozen(self, household: str) -> bool:
        """Whether nothing may be sent for this household."""
        return await self._transact(lambda connection: handovers.is_frozen(connection, household))

    async def thaw(self, household: str) -> bool:
        """Let a household order again; False where it was not frozen.

        Raises: UnknownOrderError.
        """
        return await self._transact(lambda connection: handovers.thaw(connection, household))

    async def head(self, household: str, *, after: int, now: datetime) -> Head:
        """How far the bridge has come with this household."""
        return await self._transact(lambda connection: handovers.head(connection, household, after=after, now=now))

    async def events_after(self, household: str, *, after: int, limit: int) -> tuple[OrderEvent, ...]:
        """This household's events with a higher seq, oldest first."""
        query = (
            select(events)
            .where(events.c.household == household, events.c.seq > after)
            .order_by(events.c.seq)
            .limit(limit)
        )
        return await self._transact(lambda connection: tuple(to_event(row) for row in connection.execute(query)))

    async def take_hint(self, merchant: str, hint: Hint, *, digest: str, now: datetime) -> bool:
        """Keep a webhook of a known order once, and make that order due; False where it changed nothing."""

        def work(connection: Connection) -> bool:
            row = connection.execute(_hinted(merchant, hint).with_for_update()).first()
            if row is None or row.due_at is None or _hint_is_spent(connection, row, digest):
                return False
            values = {"household": row.household, "intent_id": row.intent_id, "merchant": merchant}
            connection.execute(insert(webhooks).values(digest=digest, received_at=now, **values))
            connection.execute(update(orders).where(*_of(orders, row)).values(_woken(row, now=now)))
            return True

        return await self._transact(work)

    async def report(self) -> Report:
        """All orders."""
        query = select(orders.c.intent_id, orders.c.state, orders.c.merchant_order_id, orders.c.total_minor).order_by(
            orders.c.accepted_at, orders.c.household, orders.c.intent_id
        )

        def work(connection: Connection) -> Report:
            lines = tuple(
                ReportLine(row.intent_id, OrderState(row.state), row.merchant_order_id, row.total_minor)
                for row in connection.execute(query)
            )
            return Report(lines, connection.execute(select(func.count()).select_from(attempts)).scalar_one())

        return await self._transact(work)

    async def resume(self, *, now: datetime) -> None:
        """Look at every followed order, when a bridge starts; one that has the store to itself ends all leases, too."""
        followed = orders.c.state.in_([state.value for state in FOLLOWING])

        def work(connection: Connection) -> None:
            if not self._shared:
                connection.execute(update(orders).values(lease_until=None))
            connection.execute(update(orders).where(followed, orders.c.due_at > now).values(due_at=now))

        await self._transact(work)

    async def _take(self, wanted: Sequence[OrderRecord]) -> Sequence[OrderRecord | Exception]:
        return await self._transact(lambda connection: take(connection, wanted))

    def _lease_time(self, connection: Connection, *, own: datetime) -> datetime:
        if not self._shared:
            return own
        return self._shown(connection.execute(_SERVER_TIME).scalar_one())

    def _fence(self, connection: Connection, change: Change) -> datetime | None:
        """When the lease must still run for this change to be made: now, by the server, where others may claim."""
        dispatched = change.attempt is not None and change.attempt.finished_at is None
        if not (dispatched and self._shared):
            return None
        return self._shown(connection.execute(_SERVER_TIME).scalar_one())


def _claimable(states: Collection[OrderState], *, now: datetime, lease_now: datetime) -> Select[Any]:
    return (
        select(orders)
        .where(
            orders.c.state.in_([state.value for state in states]),
            orders.c.due_at <= now,
            or_(orders.c.lease_until.is_(None), orders.c.lease_until <= lease_now),
        )
        .order_by(orders.c.due_at)
        .with_for_update(skip_locked=True)
    )


def _readable(row: Row[Any]) -> OrderRecord | None:
    """An order to work on; one that cannot be read any more stays claimed, so that it stands in nobody's way."""
    try:
        return to_order(row)
    except ValueError as exc:  # its text would tell what the order is about
        log.error("order_unreadable household=%s intent=%s error=%s", row.household, row.intent_id, type(exc).__name__)  # noqa: TRY400
        return None


def _of(table: Any, key: Any) -> tuple[Any, Any]:  # noqa: ANN401  a table, and whatever carries the key
    return table.c.household == key.household, table.c.intent_id == key.intent_id


def _read(connection: Connection, household: str, intent_id: str, *, lock: bool = False) -> OrderRecord | None:
    query = select(orders).where(orders.c.household == household, orders.c.intent_id == intent_id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else to_order(row)


def _attempts_of(connection: Connection, order: OrderRecord) -> tuple[Attempt, ...]:
    query = select(attempts).where(*_of(attempts, order)).order_by(attempts.c.n)
    return tuple(to_attempt(row) for row in connection.execute(query))


def _amend(
    connection: Connection, key: tuple[str, str], decide: Callable[[OrderRecord], Change | None]
) -> tuple[OrderRecord, bool] | None:
    order = _read(connection, *key, lock=True)
    change = None if order is None else decide(order)
    if order is None or change is None:
        return None if order is None else (order, False)
    taken = replace(change, after=replace(change.after, epoch=order.epoch + 1))
    _write(connection, taken, epoch=order.epoch)
    return taken.after, True


def _write(connection: Connection, change: Change, *, epoch: int, lease_now: datetime | None = None) -> None:
    after = change.after
    seen = and_(*_of(orders, after), *_fences(after, epoch=epoch, lease_now=lease_now))
    values = from_order(after)
    if after.lease_until is not None:
        del values["lease_until"]  # the row's own is by the clock that all bridges share
    try:
        changed = connection.execute(update(orders).where(seen).values(values)).rowcount
    except IntegrityError as exc:  # the unique values that a change can bring in are the merchant's ids
        raise MerchantOrderTakenError(f"order {after.intent_id}: its merchant order belongs to another") from exc
    if changed != 1:
        raise StaleClaimError(f"order {after.intent_id} was changed by somebody else")
    if change.attempt is not None:
        if change.attempt.finished_at is None:  # about to be sent
            handovers.check_thawed(connection, after.household)
        _write_attempt(connection, after, change.attempt)
    _tell(connection, after, change.said)


def _fences(after: OrderRecord, *, epoch: int, lease_now: datetime | None) -> tuple[ColumnElement[bool], ...]:
    """What must hold of the row, beside its key, for a change to be made."""
    unchanged = (orders.c.epoch == epoch, orders.c.version == after.version - 1)
    return unchanged if lease_now is None else (*unchanged, orders.c.lease_until > lease_now)


def _write_attempt(connection: Connection, order: OrderRecord, attempt: Attempt) -> None:
    values = {
        "key": attempt.key,
        "body_sha256": attempt.body_sha256,
        "dispatched_at": attempt.dispatched_at,
        "total_minor": attempt.total_minor,
        "finished_at": attempt.finished_at,
        "outcome": attempt.outcome,
        "reason": attempt.reason,
    }
    same = and_(*_of(attempts, order), attempts.c.n == attempt.n)
    if connection.execute(update(attempts).where(same).values(values)).rowcount == 0:
        connection.execute(
            insert(attempts).values(household=order.household, intent_id=order.intent_id, n=attempt.n, **values)
        )


def _tell(connection: Connection, order: OrderRecord, said: tuple[Said, ...]) -> None:
    for each in said:
        raised = update(households).where(households.c.id == order.household)
        seq = connection.execute(
            raised.values(last_seq=households.c.last_seq + 1).returning(households.c.last_seq)
        ).scalar_one()
        connection.execute(
            insert(events).values(
                household=order.household,
                seq=seq,
                intent_id=order.intent_id,
                state=each.state.value,
                at=order.changed_at,
                merchant_order_id=order.merchant_order_id,
                total_minor=order.total_minor,
                currency=order.currency,
                detail=each.detail,
                handoff_url=order.handoff_url if each.state is order.state else None,
            )
        )


def _hinted(merchant: str, hint: Hint) -> Any:  # noqa: ANN401  a select of a few columns
    named = [
        column == value
        for column, value in (
            (orders.c.merchant_order_id, hint.merchant_order_id),
            (orders.c.session_id, hint.session_id),
        )
        if value is not None
    ]
    columns = [orders.c[name] for name in ("household", "intent_id", "due_at", "state", "epoch", "version")]
    return select(*columns).where(orders.c.merchant == merchant, or_(false(), *named)).limit(1)


def _woken(row: Any, *, now: datetime) -> dict[str, Any]:  # noqa: ANN401  a row of `_hinted`
    due_at = min(row.due_at, now)
    if OrderState(row.state) not in FOLLOWING:
        return {"due_at": due_at}  # the worker is at it, and what it does must not be taken away
    # A look that began before the hint may have missed what the hint is about: it is dropped, and the next one begins.
    return {"due_at": due_at, "lease_until": None, "epoch": row.epoch + 1, "version": row.version + 1}


def _hint_is_spent(connection: Connection, row: Any, digest: str) -> bool:  # noqa: ANN401  a row of `_hinted`
    known = select(webhooks.c.digest).where(webhooks.c.household == row.household, webhooks.c.digest == digest)
    kept = select(func.count()).select_from(webhooks).where(*_of(webhooks, row))
    return (
        connection.execute(known).first() is not None or connection.execute(kept).scalar_one() >= _HINTS_PER_ORDER_MAX
    )
