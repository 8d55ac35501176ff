"""Exactly one entry on a real list, wherever the bridge dies, whichever answer gets lost, and whoever tidies it up.

The list, as the household's task app reads it, is the judge.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.errors import MerchantUnclearError
from cloud_bridge.merchants.http import Answer, MerchantHttp
from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.radicale import TaskList, connect
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, HandClock, Rig, Signer, accept
from tests.cloud_bridge.test_exactly_once import dies_at, until_quiet

pytestmark = pytest.mark.merchant
S = OrderState

# What a household agrees to at a list: it costs nothing there.
NOTHING = {"unit_price_minor": 0, "delivery_minor": 0, "total_minor": 0, "total_max_minor": 0}


class MeddledHttp(MerchantHttp):
    """The real client. The answers to the first requests of these methods are lost after the server has acted.

    `meanwhile` is what happens on the list right after such a loss.
    """

    def __init__(
        self, tasks: TaskList, *, lost: tuple[str, ...], meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__(tasks.url, deadline_s=10)
        self._lost = list(lost)
        self._meanwhile = meanwhile

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask, and lose the answer where a loss is due."""
        answer = await super().ask(method, path, headers=headers, body=body)
        if self._lost and method == self._lost[0]:
            self._lost.pop(0)
            self._meanwhile()
            raise MerchantUnclearError(f"lost: {method}")
        return answer


class DroppedHttp(MerchantHttp):
    """The real client; the first PUTs never arrive, and nobody says so."""

    def __init__(self, tasks: TaskList, *, puts: int) -> None:
        super().__init__(tasks.url, deadline_s=10)
        self._left = puts

    async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Ask, or lose the request."""
        if method == "PUT" and self._left:
            self._left -= 1
            raise MerchantUnclearError("lost on the way there")
        return await super().ask(method, path, headers=headers, body=body)


def _statuses(tasks: TaskList) -> list[tuple[str, str]]:
    return [(entry.summary, entry.status) for entry in tasks.entries().values()]


ONE = [("2 x Whole milk 1 L", "NEEDS-ACTION")]


@pytest.mark.parametrize(
    "points",
    [
        (CrashPoint.CLAIMED,),
        (CrashPoint.QUOTED,),
        (CrashPoint.SESSION_SAVED,),
        (CrashPoint.ATTEMPT_SAVED,),
        (CrashPoint.ANSWERED,),
        (CrashPoint.OUTCOME_SAVED,),
        (CrashPoint.FOLLOWED,),
        (CrashPoint.ANSWERED, CrashPoint.LOOKED_UP),
        (CrashPoint.ATTEMPT_SAVED, CrashPoint.LOOKED_UP, CrashPoint.ATTEMPT_SAVED, CrashPoint.ANSWERED),
        (CrashPoint.QUOTED, CrashPoint.QUOTED, CrashPoint.SESSION_SAVED, CrashPoint.ANSWERED, CrashPoint.LOOKED_UP),
    ],
)
async def test_a_death_at_any_point_leaves_one_entry(
    make_rig: Callable[..., Rig], tasks: TaskList, points: tuple[CrashPoint, ...]
) -> None:
    """After the restart there is exactly one, and the bridge knows it."""
    async with connect(tasks) as merchant:
        rig = make_rig(merchant)
        intent = await accept(rig, rig.signer.intent(**NOTHING))
        await until_quiet(make_rig, merchant, dies_at(*points))
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert (order.state, [order.merchant_order_id], order.total_minor) == (S.PLACED, list(tasks.entries()), 0)
    assert _statuses(tasks) == ONE
    assert len({attempt.key for attempt in await rig.store.attempts(order)}) == 1


async def test_a_process_that_was_killed_right_after_the_put_leaves_one_entry(tmp_path: Path, tasks: TaskList) -> None:
    """Kill -9: nothing of the answer was kept, and the next process finds the entry."""
    store_url, clock, signer = f"sqlite:///{tmp_path / 'bridge.sqlite3'}", HandClock(), Signer()
    with Database(store_url) as database:
        store = SqlOrderStore(database, shown=lambda _real: clock.now())
        async with connect(tasks) as merchant:
            await accept(Rig(store, clock, signer, merchant), signer.intent(**NOTHING))
    life = (sys.executable, "-m", "tests.cloud_bridge.list_life", store_url, tasks.url)
    process = await asyncio.create_subprocess_exec(*life, signer.key.private_bytes_raw().hex())
    assert await asyncio.wait_for(process.wait(), timeout=120) == -signal.SIGKILL
    assert _statuses(tasks) == ONE
    with Database(store_url) as database:
        store = SqlOrderStore(database, shown=lambda _real: clock.now())
        async with connect(tasks) as merchant:
            rig = Rig(store, clock, signer, merchant)
            clock.pass_(minutes=10)
            await store.resume(now=clock.now())
            await rig.place()
            assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]
    assert _statuses(tasks) == ONE


@pytest.mark.parametrize("lost", [("GET",), ("PROPFIND",), ("PUT",), ("PUT", "GET"), ("PUT", "GET", "GET")])
async def test_a_lost_answer_leaves_one_entry(
    make_rig: Callable[..., Rig], tasks: TaskList, lost: tuple[str, ...]
) -> None:
    """The server acted and its answer never came: the entry is found, not made again."""
    async with connect(tasks, http=MeddledHttp(tasks, lost=lost)) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        assert (await rig.states())[-1] is S.PLACED
    assert _statuses(tasks) == ONE


@pytest.mark.parametrize("puts", [1, 3])
async def test_a_request_that_never_arrived_is_made_again(
    make_rig: Callable[..., Rig], tasks: TaskList, puts: int
) -> None:
    """The server says that nothing was there since, so nothing is doubled."""
    async with connect(tasks, http=DroppedHttp(tasks, puts=puts)) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        assert (await rig.states())[-1] is S.PLACED
    assert _statuses(tasks) == ONE


async def test_what_somebody_cleared_away_after_a_lost_answer_is_not_put_there_again(
    make_rig: Callable[..., Rig], tasks: TaskList
) -> None:
    """The server tells that it was there, so it was placed, and the household has ended it."""

    def clear_away() -> None:
        [uid] = tasks.entries()
        tasks.tick(uid)
        tasks.remove(uid)

    async with connect(tasks, http=MeddledHttp(tasks, lost=("PUT",), meanwhile=clear_away)) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        await rig.follow()
    told = [(event.state, event.detail) for event in await rig.events()]
    assert told[-2:] == [(S.PLACED, None), (S.CANCELLED, Detail.CANCELLED_BY_HOUSEHOLD)]
    assert tasks.entries() == {}


async def test_where_the_server_remembers_nothing_a_lost_answer_stays_unknown(
    make_rig: Callable[..., Rig], tasks: TaskList
) -> None:
    """Not sent again, not given up: a person is shown it, and says what became of it."""

    class Forgetful(MeddledHttp):
        """The server keeps no marks."""

        async def ask(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
            """Ask, and take the mark out of the answer."""
            answer = await super().ask(method, path, headers=headers, body=body)
            return Answer(answer.status, answer.body.replace(b"sync-token", b"no-token"), answer.headers)

    def clear_away() -> None:
        tasks.remove(next(iter(tasks.entries())))

    async with connect(tasks, http=Forgetful(tasks, lost=("PUT",), meanwhile=clear_away)) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place(rounds_max=12)
        assert (await rig.states())[-1] is S.UNKNOWN
        rig.clock.pass_(hours=73)
        await rig.place(rounds_max=3)
        assert (await rig.states())[-1] is S.PARKED
    assert tasks.entries() == {}


async def test_an_order_whose_time_is_over_is_kept_from_coming_late(
    make_rig: Callable[..., Rig], tasks: TaskList
) -> None:
    """Nothing arrived, and nothing may any more: a cancelled entry stands in its place."""
    async with connect(tasks, http=DroppedHttp(tasks, puts=1)) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place(rounds_max=1)
        assert (await rig.states())[-1] is S.UNKNOWN
        rig.clock.pass_(days=4)
        await rig.place()
        last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.EXPIRED, Detail.OFFER_EXPIRED)
    assert _statuses(tasks) == [("2 x Whole milk 1 L", "CANCELLED")]


async def test_an_entry_is_never_overdue(make_rig: Callable[..., Rig], tasks: TaskList) -> None:
    """A household may take its time, and nothing "never arrived" from a list; ticked off, it is delivered."""
    async with connect(tasks) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        for _ in range(3):
            rig.clock.pass_(days=100)
            await rig.follow()
        assert (await rig.states())[-1] is S.PLACED
        tasks.tick(next(iter(tasks.entries())))
        await rig.follow()
        assert (await rig.states())[-1] is S.DELIVERED


Hand = Callable[[TaskList, str], object]


@pytest.mark.parametrize(
    "hand", [TaskList.remove, lambda tasks, uid: tasks.change(uid, STATUS="CANCELLED")], ids=["removed", "cancelled"]
)
async def test_what_the_household_takes_off_the_list_is_its_own_cancel(
    make_rig: Callable[..., Rig], tasks: TaskList, hand: Hand
) -> None:
    """Nobody blames a merchant for it."""
    async with connect(tasks) as merchant:
        rig = make_rig(merchant)
        await accept(rig, rig.signer.intent(**NOTHING))
        await rig.place()
        hand(tasks, next(iter(tasks.entries())))
        await rig.follow()
        last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.CANCELLED, Detail.CANCELLED_BY_HOUSEHOLD)


async def test_a_leave_that_costs_nothing_comes_in_by_the_door(make_rig: Callable[..., Rig], tasks: TaskList) -> None:
    """Its sums are checked like any other's; what a mandate draws there is taken, since a list is of class A."""
    async with connect(tasks) as merchant:
        rig = make_rig(merchant)
        await rig.intake.accept(rig.signer.intent(**NOTHING, leave="draw"), caller=HOUSEHOLD)
        await rig.place()
        assert (await rig.states())[-1] is S.PLACED
    assert _statuses(tasks) == ONE


async def test_two_orders_of_one_article_are_two_entries(make_rig: Callable[..., Rig], tasks: TaskList) -> None:
    """Each leave of the household is one."""
    async with connect(tasks) as merchant:
        rig = make_rig(merchant)
        for _ in range(2):
            await accept(rig, rig.signer.intent(**NOTHING, sku=MILK))
        await rig.place()
    assert _statuses(tasks) == ONE * 2
