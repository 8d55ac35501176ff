"""PostgreSQL: durability checked at start, one migration at a time, secrets, and bridges that meet in one row.

Where two transactions meet, each step of each is taken by hand: one holds the row, the other is seen to wait for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, make_url, text

from cloud_bridge.core.order import FOLLOWING, PLACING, Attempt, OrderRecord, advance, dispatch, note
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import ForkedError, StaleClaimError, StoreError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.postgres import LOCKED_PASSWORD, LOCKED_ROLE, PostgresProcess
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, START, HandClock, Rig, accept, new_order

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

LOCK_HOUSEHOLD = "SELECT 1 FROM households FOR UPDATE"
_WAITS_MAX = 2_000


@pytest.fixture
def other(database_url: str, clock: HandClock) -> Iterator[SqlOrderStore]:
    """A second bridge's store on the same database, whose own clock is wrong by an hour."""
    with Database(database_url) as opened:
        yield SqlOrderStore(opened, shown=lambda _real: clock.now())


@pytest.fixture
async def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """A store with one order that is due at once."""
    rig = make_rig(simulated)
    await accept(rig, rig.signer.intent(intent_id="i-1", hold_s=0))
    return rig


class Meeting:
    """Holds a transaction of one store open after its first statement, until it is let go."""

    def __init__(self, database: Database, statement: str) -> None:
        self._database = database
        self._statement = statement
        self._entered, self._leave = threading.Event(), threading.Event()

    async def __aenter__(self) -> Meeting:
        self._task = asyncio.create_task(self._database.transact(self._hold))
        await asyncio.to_thread(self._entered.wait, 10)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._leave.set()
        await self._task

    def let_go(self) -> None:
        """Commit."""
        self._leave.set()

    def _hold(self, connection: Connection) -> None:
        connection.execute(text(self._statement))
        self._entered.set()
        self._leave.wait(10)


async def until_one_waits(database: Database) -> None:
    """Return when the server says that a transaction waits for a row."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(_WAITS_MAX):
        if await database.transact(lambda connection: connection.execute(waiting).scalar_one()):
            return
    raise AssertionError("nobody waits")


async def claim(store: SqlOrderStore, now: datetime) -> tuple[OrderRecord, ...]:
    """Claim what is due, for five minutes."""
    return await store.claim(PLACING, now=now, lease_until=now + timedelta(minutes=5), limit=10)


async def test_a_claim_steps_over_a_row_that_another_bridge_is_claiming(
    rig: Rig, database: Database, other: SqlOrderStore
) -> None:
    """It does not wait, and takes the next order instead."""
    await accept(rig, rig.signer.intent(intent_id="i-2", hold_s=0))
    async with Meeting(database, "SELECT 1 FROM orders WHERE intent_id = 'i-1' FOR UPDATE"):
        assert [order.intent_id for order in await claim(other, START)] == ["i-2"]


async def test_a_lease_runs_by_the_servers_clock(rig: Rig, store: SqlOrderStore, other: SqlOrderStore) -> None:
    """A bridge whose own clock is an hour ahead does not end it, and one whose clock is behind does not keep it."""
    (first,) = await claim(store, START)
    ahead, behind = START + timedelta(hours=1), START + timedelta(minutes=1)
    assert await claim(other, ahead) == ()
    rig.clock.pass_(minutes=5)
    (second,) = await claim(other, behind)
    assert second.epoch == first.epoch + 1


async def test_the_claimer_is_told_the_end_of_its_lease_by_its_own_clock(rig: Rig, store: SqlOrderStore) -> None:
    """So it can stop in time without asking the server; the row keeps the server's."""
    behind = START + timedelta(minutes=1)
    (claimed,) = await claim(store, behind)
    assert claimed.lease_until == behind + timedelta(minutes=5)
    kept = await store.find(HOUSEHOLD, "i-1")
    assert kept is not None
    assert kept.lease_until == START + timedelta(minutes=5)
    written = await store.apply(dispatch(claimed, an_attempt(), now=START))
    kept = await store.find(HOUSEHOLD, "i-1")
    assert kept is not None
    assert (written.state, kept.lease_until) == (OrderState.SENDING, START + timedelta(minutes=5))


def an_attempt() -> Attempt:
    """A first attempt."""
    return Attempt(n=1, key="k", body_sha256="00" * 32, dispatched_at=START)


async def test_no_attempt_is_recorded_after_the_lease(rig: Rig, store: SqlOrderStore) -> None:
    """A bridge that was paused past its lease sends nothing, though nobody has taken the order over yet."""
    (claimed,) = await claim(store, START)
    rig.clock.pass_(minutes=5)
    with pytest.raises(StaleClaimError):
        await store.apply(dispatch(claimed, an_attempt(), now=rig.clock.now()))
    assert await store.attempts(claimed) == ()
    await store.apply(note(claimed, now=rig.clock.now(), detail="merchant_away", due_at=rig.clock.now()))


async def test_a_bridge_that_was_wrongly_declared_dead_cannot_write(
    rig: Rig, store: SqlOrderStore, other: SqlOrderStore, database: Database
) -> None:
    """Its lease was cut and the order taken: whatever it brings is refused, an outcome, too."""
    (claimed,) = await claim(store, START)
    await database.transact(lambda connection: connection.execute(text("UPDATE orders SET lease_until = 0")))
    assert len(await claim(other, START)) == 1
    for change in (dispatch(claimed, an_attempt(), now=START), advance(claimed, OrderState.REJECTED, now=START)):
        with pytest.raises(StaleClaimError):
            await store.apply(change)


async def test_a_start_leaves_other_bridges_leases_alone(rig: Rig, store: SqlOrderStore, other: SqlOrderStore) -> None:
    """Only the end of the lease frees an order; a killed bridge's orders are taken over then."""
    await claim(store, START)
    await other.resume(now=START)
    assert await claim(other, START) == ()
    rig.clock.pass_(minutes=5)
    assert len(await claim(other, rig.clock.now())) == 1


async def test_a_start_waits_for_no_order_that_somebody_is_at(
    rig: Rig, database: Database, other: SqlOrderStore, simulated: SimulatedMerchant
) -> None:
    """Two that start at once cannot stop each other: the row is stepped over, and the others are woken."""
    await accept(rig, rig.signer.intent(intent_id="i-2", hold_s=0))
    await rig.place()
    await rig.following.run_once()
    async with Meeting(database, "SELECT 1 FROM orders WHERE intent_id = 'i-1' FOR UPDATE"):
        await other.resume(now=rig.clock.now())
        claimed = await other.claim(FOLLOWING, now=rig.clock.now(), lease_until=rig.clock.after_real(60), limit=9)
        assert [order.intent_id for order in claimed] == ["i-2"]


async def test_bridges_that_start_at_once_wake_each_order_and_never_deadlock(
    rig: Rig, database: Database, database_url: str, clock: HandClock
) -> None:
    """Six of them, over rows that lie in the table in another order than their keys."""
    await rig.place()
    spread = text(
        "INSERT INTO orders SELECT (json_populate_record(o, json_build_object("
        "'intent_id', 'n-' || md5(n::text), 'session_id', n, 'merchant_order_id', n, 'handover', n + 100))).* "
        "FROM orders o, generate_series(1, 1200) n"
    )
    await database.transact(lambda connection: connection.execute(spread))
    asleep = text("UPDATE orders SET due_at = due_at + 3600000")
    await database.transact(lambda connection: connection.execute(asleep))
    others = [Database(database_url, connections=2).open() for _ in range(6)]
    try:
        await asyncio.gather(*(SqlOrderStore(each).resume(now=clock.now()) for each in others))
    finally:
        for each in others:
            each.close()
    late = text("SELECT count(*) FROM orders WHERE due_at > (SELECT min(due_at) FROM orders)")
    assert await database.transact(lambda connection: connection.execute(late).scalar_one()) == 0


async def test_two_bridges_take_one_intent_once(
    rig: Rig, store: SqlOrderStore, other: SqlOrderStore, database: Database
) -> None:
    """The second waits for the first one's commit, and then answers with the first one's order."""
    order = new_order(rig.signer.intent(intent_id="i-2"), now=START)
    later = replace(order, accepted_at=START + timedelta(seconds=1))
    async with Meeting(database, LOCK_HOUSEHOLD) as meeting:
        first = asyncio.create_task(store.accept(order))
        await until_one_waits(database)
        second = asyncio.create_task(other.accept(later))
        meeting.let_go()
        answers = await asyncio.gather(first, second)
    assert answers[0] == answers[1]
    assert [event.intent_id for event in await rig.events()] == ["i-1", "i-2"]


async def test_a_number_that_comes_twice_at_two_bridges_freezes_the_household(
    rig: Rig, store: SqlOrderStore, other: SqlOrderStore, database: Database
) -> None:
    """Both are checked before either is committed, and still only one is taken."""
    orders = [new_order(rig.signer.intent(intent_id=f"i-{n}", handover=50), now=START) for n in (2, 3)]
    async with Meeting(database, LOCK_HOUSEHOLD) as meeting:
        tasks = [asyncio.create_task(each.accept(order)) for each, order in zip((store, other), orders, strict=True)]
        await until_one_waits(database)
        meeting.let_go()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == [ForkedError.__name__, OrderRecord.__name__]
    assert await store.is_frozen(HOUSEHOLD)


async def test_events_get_their_seq_in_the_order_of_their_commits(
    rig: Rig, store: SqlOrderStore, other: SqlOrderStore, database: Database
) -> None:
    """A reader by cursor misses none: a higher seq is never readable before a lower one."""
    (claimed,) = await claim(store, START)
    async with Meeting(database, "UPDATE households SET last_seq = last_seq + 1") as meeting:
        told = asyncio.create_task(store.apply(advance(claimed, OrderState.SENDING, now=START)))
        await until_one_waits(database)
        assert [event.seq for event in await other.events_after(HOUSEHOLD, after=0, limit=10)] == [1]
        meeting.let_go()
        await told
    assert [event.seq for event in await other.events_after(HOUSEHOLD, after=0, limit=10)] == [1, 3]


async def test_no_plan_is_kept_from_when_the_tables_were_small(
    rig: Rig, store: SqlOrderStore, database: Database
) -> None:
    """A plan that was made over few orders reads all of a household's orders for each new one, once they are many."""
    for _ in range(12):  # the server would keep a plan after five
        await accept(rig, rig.signer.intent())
    kept = text("SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements")
    [(generic, custom)] = await database.transact(lambda connection: connection.execute(kept).all())
    assert (generic, custom > 12) == (0, True)


async def test_a_cancel_waits_for_a_change_under_way_and_sees_it(
    rig: Rig, store: SqlOrderStore, other: SqlOrderStore, database: Database
) -> None:
    """It decides on the row as it is then, so an order whose attempt was just recorded is not cancelled."""
    decided: list[OrderState] = []

    def decide(order: OrderRecord) -> None:
        decided.append(order.state)

    sending = "UPDATE orders SET state = 'sending', version = version + 1"
    async with Meeting(database, sending) as meeting:
        cancelled = asyncio.create_task(other.amend(HOUSEHOLD, "i-1", decide))
        await until_one_waits(database)
        meeting.let_go()
        await cancelled
    assert decided == [OrderState.SENDING]


async def test_one_webhook_at_two_bridges_is_one_hint(
    rig: Rig, store: SqlOrderStore, other: SqlOrderStore, database: Database
) -> None:
    """The order's row is locked before the hint is counted."""
    await rig.place()
    hint = Hint(None, "order-1")
    async with Meeting(database, "SELECT 1 FROM orders FOR UPDATE") as meeting:
        tasks = [
            asyncio.create_task(each.take_hint(MERCHANT, hint, digest="d", now=rig.clock.now()))
            for each in (store, other)
        ]
        await until_one_waits(database)
        meeting.let_go()
        assert sorted(await asyncio.gather(*tasks)) == [False, True]


def test_bridges_that_start_at_once_migrate_once(postgres: PostgresProcess, database_url: str) -> None:
    """Each waits for the other; none fails, and the tables are there."""
    name = f"t{uuid4().hex[:12]}"
    url = postgres.create(name)

    def start(_: int) -> None:
        Database(url).open().close()

    try:
        with ThreadPoolExecutor(max_workers=4) as threads:
            list(threads.map(start, range(4)))
        with postgres.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    finally:
        postgres.drop(name)


@pytest.mark.parametrize("value", ["off", "local"])
def test_a_database_whose_commits_do_not_last_is_refused(
    postgres: PostgresProcess, database_url: str, value: str
) -> None:
    """One line names the setting, what it is, and what is wanted."""
    name = make_url(database_url).database
    postgres.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {value}')
    with pytest.raises(StoreError, match=f"synchronous_commit is {value}, and on or remote_apply is wanted") as refused:
        Database(database_url).open()
    assert "\n" not in str(refused.value)


def test_a_server_that_does_not_flush_is_refused(postgres: PostgresProcess, database_url: str) -> None:
    """It is a setting of the server, fsync."""
    postgres.execute("ALTER SYSTEM SET fsync = off")
    postgres.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(StoreError, match="fsync is off, and on is wanted"):
            Database(database_url).open()
    finally:
        postgres.execute("ALTER SYSTEM RESET fsync")
        postgres.execute("SELECT pg_reload_conf()")


def test_the_password_comes_from_outside_and_is_never_told(postgres: PostgresProcess, database_url: str) -> None:
    """The right one opens; a wrong one is refused in one line that does not name it."""
    name = make_url(database_url).database
    postgres.execute(
        f"DO $$ BEGIN CREATE ROLE {LOCKED_ROLE} LOGIN SUPERUSER PASSWORD '{LOCKED_PASSWORD}'; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    url = postgres.tcp_url(name or "", role=LOCKED_ROLE)
    Database(url, password=SecretStr(LOCKED_PASSWORD)).open().close()
    with pytest.raises(StoreError, match="cannot be used") as refused:
        Database(url, password=SecretStr("wrong horse")).open()
    assert "horse" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_server_that_is_away_is_one_line(postgres: PostgresProcess, database_url: str) -> None:
    """Which store, and why."""
    with pytest.raises(StoreError, match="cannot be used") as refused:
        Database("postgresql+psycopg://postgres@127.0.0.1:1/nothing").open()
    assert "\n" not in str(refused.value)


async def test_a_look_is_one_question_and_the_next_change_a_transaction_again(database: Database) -> None:
    """A connection that looked without a transaction goes back as it was; else a change would be made half."""

    def is_without(connection: Connection) -> bool:
        connection.execute(text("SELECT 1"))
        return bool(connection.connection.dbapi_connection.autocommit)  # type: ignore[union-attr]

    for _ in range(10):  # more than there are connections
        assert await database.look(is_without)
        assert not await database.transact(is_without)
    with pytest.raises(StoreError):
        await database.look(lambda connection: connection.execute(text("SELECT 1 / 0")))
    assert not await database.transact(is_without)
