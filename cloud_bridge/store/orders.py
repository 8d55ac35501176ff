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
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.core.following import FACTS
from cloud_bridge.core.order import Attempt, Change, OrderRecord, Said
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import MerchantOrderTakenError, StaleClaimError
from cloud_bridge.ports import NOBODY, Report, ReportLine
from cloud_bridge.store import claiming, handovers, hints, withdrawals
from cloud_bridge.store.accepting import Asked, lock_household, take
from cloud_bridge.store.claiming import WOKEN_AT_ONCE, Lease
from cloud_bridge.store.database import Database
from cloud_bridge.store.grouping import Grouped
from cloud_bridge.store.hints import Webhook
from cloud_bridge.store.rows import from_order, to_attempt, to_event, to_order
from cloud_bridge.store.tables import attempts, events, households, orders
from cloud_bridge.wire import Head, OrderEvent, OrderState

log = logging.getLogger(__name__)

_SERVER_TIME = text("SELECT clock_timestamp()")

# Built once: to build a statement for each change takes longer than to run it. What is to be set is named by the
# values that go with it.
_THIS_ORDER = (orders.c.household == bindparam("its_household"), orders.c.intent_id == bindparam("its_intent"))
_READ = select(orders).where(*_THIS_ORDER)
_CHANGE = update(orders).where(
    *_THIS_ORDER, orders.c.epoch == bindparam("seen_epoch"), orders.c.version == bindparam("seen_version")
)
_CHANGE_UNDER_LEASE = _CHANGE.where(orders.c.lease_until > bindparam("lease_now"))
_OF_ORDER = (attempts.c.household == bindparam("its_household"), attempts.c.intent_id == bindparam("its_intent"))
_READ_ATTEMPTS = select(attempts).where(*_OF_ORDER).order_by(attempts.c.n)
_CHANGE_ATTEMPT = update(attempts).where(*_OF_ORDER, attempts.c.n == bindparam("its_n"))
_ADD_ATTEMPT, _ADD_EVENT = insert(attempts), insert(events)
_RAISE = (
    update(households)
    .where(households.c.id == bindparam("its_household"))
    .values(last_seq=households.c.last_seq + 1)
    .returning(households.c.last_seq)
)


_NEWS = (
    select(events)
    .where(events.c.household == bindparam("household"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)

News = tuple[OrderEvent, ...]
Seen = TypeVar("Seen")


def as_it_is(real: datetime) -> datetime:
    """The server's time, where no virtual time is configured."""
    return real


class SqlOrderStore:
    """Orders in a `Database`. `shown` says what the bridge's clock shows at a real time of the database's server."""

    def __init__(self, database: Database, *, shown: Callable[[datetime], datetime] = as_it_is) -> None:
        self._transact = database.transact
        self._shared = database.shared
        self._shown = shown
        self._accept: Grouped[Asked, OrderRecord] = Grouped(self._take)
        self._heads: Grouped[Callable[[Connection], Head], Head] = Grouped(self._look)
        self._news: Grouped[Callable[[Connection], tuple[OrderEvent, ...]], tuple[OrderEvent, ...]] = Grouped(
            self._look
        )

    async def accept(self, order: OrderRecord, *, head: int | None = None) -> OrderRecord:
        """Take a new order and tell its household, or answer with the one that has this id already.

        Raises: ForkedError; BehindError; HouseholdFrozenError; WithdrawnError.
        """
        return await self._accept(Asked(order, head))

    async def find(self, household: str, intent_id: str) -> OrderRecord | None:
        """One order."""
        return await self._transact(lambda connection: _read(connection, household, intent_id))

    async def attempts(self, order: OrderRecord) -> tuple[Attempt, ...]:
        """The order's attempts, oldest first."""
        return await self._transact(lambda connection: _attempts_of(connection, order))

    async def claim(
        self,
        states: Collection[OrderState],
        *,
        now: datetime,
        lease_until: datetime,
        limit: int,
        busy: Mapping[str, int] = NOBODY,
    ) -> tuple[OrderRecord, ...]:
        """Take due orders that nobody holds, up to `limit` of each merchant less those that `busy` counts there.

        Each gets a new epoch. The lease lasts from `now` to `lease_until`; on a shared store that long by the server's
        clock.
        """

        def work(connection: Connection) -> tuple[OrderRecord, ...]:
            lease = Lease(now=now, until=lease_until, row_now=self._lease_time(connection, own=now))
            return claiming.claim(connection, states, lease, limit=limit, busy=busy)

        return await self._transact(work)

    async def next_due(self, states: Collection[OrderState], *, full: Collection[str] = ()) -> datetime | None:
        """When the next order in these states is due or its lease ends; orders of merchants in `full` do not count."""
        return await self._transact(lambda connection: claiming.next_due(connection, states, full=full))

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

    async def withdraw(self, household: str, intent_id: str, *, now: datetime) -> bool:
        """Note that an intent which is not here shall never be taken; False where it is here, or too many are noted."""

        def work(connection: Connection) -> bool:
            lock_household(connection, household)
            return withdrawals.withdraw(connection, household, intent_id, now=now)

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
        return await self._heads(lambda connection: handovers.head(connection, household, after=after, now=now))

    async def events_after(self, household: str, *, after: int, limit: int) -> tuple[OrderEvent, ...]:
        """This household's events with a higher seq, oldest first."""
        asked = {"household": household, "after": after, "limit": limit}
        return await self._news(lambda connection: tuple(to_event(row) for row in connection.execute(_NEWS, asked)))

    async def take_hint(
        self, merchant: str, hint: Hint, *, digest: str, now: datetime, delivery: str | None = None
    ) -> bool:
        """Keep a webhook of a known order once, and make that order due; False where it changed nothing.

        `delivery` is SHA-256 in hex of the delivery's id, where it has one.
        """
        webhook = Webhook(merchant, hint, digest, delivery, received_at=now)
        return await self._transact(lambda connection: hints.take(connection, webhook))

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
        if not self._shared:
            await self._transact(claiming.end_leases)
        while await self._transact(lambda connection: claiming.wake_followed(connection, now=now)) == WOKEN_AT_ONCE:
            pass

    async def _look(self, looks: Sequence[Callable[[Connection], Seen]]) -> Sequence[Seen]:
        """What many callers want to see, in one transaction: thousands of hubs may ask in the same second."""
        return await self._transact(lambda connection: [look(connection) for look in looks])

    async def _take(self, wanted: Sequence[Asked]) -> Sequence[OrderRecord | Exception]:
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


def _this(household: str, intent_id: str) -> dict[str, object]:
    return {"its_household": household, "its_intent": intent_id}


def _read(connection: Connection, household: str, intent_id: str, *, lock: bool = False) -> OrderRecord | None:
    row = connection.execute(_READ.with_for_update() if lock else _READ, _this(household, intent_id)).first()
    return None if row is None else to_order(row)


def _attempts_of(connection: Connection, order: OrderRecord) -> tuple[Attempt, ...]:
    rows = connection.execute(_READ_ATTEMPTS, _this(order.household, order.intent_id))
    return tuple(to_attempt(row) for row in rows)


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
    values = {**from_order(after), **_this(after.household, after.intent_id)}
    values |= {"seen_epoch": epoch, "seen_version": after.version - 1}
    if after.lease_until is not None:
        del values["lease_until"]  # the row's own is by the clock that all bridges share
    statement = _CHANGE
    if lease_now is not None:
        statement, values["lease_now"] = _CHANGE_UNDER_LEASE, lease_now
    try:
        changed = connection.execute(statement, values).rowcount
    except IntegrityError as exc:  # the unique values that a change can bring in are the merchant's ids
        raise MerchantOrderTakenError(f"order {after.intent_id}: its merchant order belongs to another") from exc
    if changed != 1:
        raise StaleClaimError(f"order {after.intent_id} was changed by somebody else")
    if change.attempt is not None:
        if change.attempt.finished_at is None:  # about to be sent
            handovers.check_thawed(connection, after.household)
        _write_attempt(connection, after, change.attempt)
    _tell(connection, after, change.said)


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
    same = {**_this(order.household, order.intent_id), "its_n": attempt.n}
    if connection.execute(_CHANGE_ATTEMPT, {**values, **same}).rowcount == 0:
        key = {"household": order.household, "intent_id": order.intent_id, "n": attempt.n}
        connection.execute(_ADD_ATTEMPT, {**key, **values})


def _tell(connection: Connection, order: OrderRecord, said: tuple[Said, ...]) -> None:
    for each in said:
        event = {
            "household": order.household,
            "seq": connection.execute(_RAISE, {"its_household": order.household}).scalar_one(),
            "intent_id": order.intent_id,
            "state": each.state.value,
            "at": order.changed_at,
            "merchant_order_id": order.merchant_order_id,
            "total_minor": order.total_minor,
            "currency": order.currency,
            "detail": each.detail,
            "handoff_url": order.handoff_url if each.state is order.state else None,
            **{name: getattr(order, name) for name in FACTS},
        }
        connection.execute(_ADD_EVENT, event)
