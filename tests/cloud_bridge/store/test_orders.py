"""Claims, fences and cursors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from cloud_bridge.core.order import FOLLOWING, PLACING, OrderRecord, advance, note
from cloud_bridge.core.outcome import Hint
from cloud_bridge.errors import StaleClaimError
from cloud_bridge.merchants.simulated import SimulatedMerchant
from cloud_bridge.store.database import Database
from cloud_bridge.store.hints import KEPT_FOR, PER_ORDER_MAX
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.wire import OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MERCHANT, START, Rig, accept

LEASE = START + timedelta(minutes=5)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """A store with one order that is due at once."""
    rig = make_rig(simulated)
    await accept(rig, rig.signer.intent(intent_id="i-1", hold_s=0))
    return rig


async def claim(rig: Rig) -> tuple[OrderRecord, ...]:
    """Claim what is due."""
    now = rig.clock.now()
    return await rig.store.claim(PLACING, now=now, lease_until=now + timedelta(minutes=5), limit=10)


async def test_a_claimed_order_is_nobody_elses_until_the_lease_ends(rig: Rig, store: SqlOrderStore) -> None:
    """The next claim comes with a higher epoch, and the first holder can write no more."""
    (first,) = await claim(rig)
    rig.clock.pass_(minutes=4)
    assert await claim(rig) == ()
    rig.clock.pass_(minutes=1)
    (second,) = await claim(rig)
    assert second.epoch == first.epoch + 1
    with pytest.raises(StaleClaimError):
        await store.apply(advance(first, OrderState.SENDING, now=START))
    await store.apply(advance(second, OrderState.SENDING, now=START))


async def test_a_change_is_made_once(rig: Rig, store: SqlOrderStore) -> None:
    """The same change again finds another version, and tells nobody twice."""
    (order,) = await claim(rig)
    change = advance(order, OrderState.SENDING, now=START)
    await store.apply(change)
    with pytest.raises(StaleClaimError):
        await store.apply(change)
    assert await rig.states() == [OrderState.HELD, OrderState.SENDING]


async def test_a_row_comes_back_as_it_was_written(rig: Rig, store: SqlOrderStore) -> None:
    """Nothing is lost between record and row."""
    (order,) = await claim(rig)
    written = await store.apply(note(order, now=START, detail="merchant_away", due_at=LEASE, tries=3, misses=2))
    assert await store.find(HOUSEHOLD, "i-1") == written


async def test_next_due_is_when_something_can_be_claimed(rig: Rig, store: SqlOrderStore) -> None:
    """A lease that still runs counts; an order that is done does not."""
    assert await store.next_due(PLACING) == START
    (order,) = await claim(rig)
    assert await store.next_due(PLACING) == LEASE
    await store.apply(advance(order, OrderState.REJECTED, now=START))
    assert await store.next_due(PLACING) is None


async def test_a_restart_ends_its_own_leases_only(rig: Rig, store: SqlOrderStore, database: Database) -> None:
    """Nobody waits for the lease of a process that died, unless others may hold leases in the same store."""
    await claim(rig)
    await store.resume(now=START)
    assert len(await claim(rig)) == (0 if database.shared else 1)


async def test_a_restart_looks_at_all_followed_orders(rig: Rig, store: SqlOrderStore) -> None:
    """Whatever a lost webhook would have told is asked for."""
    await rig.place()
    await rig.following.run_once()
    assert await store.claim(FOLLOWING, now=rig.clock.now(), lease_until=LEASE, limit=1) == ()
    await store.resume(now=rig.clock.now())
    assert len(await store.claim(FOLLOWING, now=rig.clock.now(), lease_until=LEASE, limit=1)) == 1


async def test_a_hint_takes_the_claim_of_a_look_that_began_before_it(rig: Rig, store: SqlOrderStore) -> None:
    """What the older look saw is dropped, so that nothing new is slept over."""
    await rig.place()
    (looking,) = await store.claim(FOLLOWING, now=rig.clock.now(), lease_until=LEASE, limit=1)
    assert await store.take_hint(MERCHANT, Hint(None, "order-1"), digest="d", now=rig.clock.now())
    with pytest.raises(StaleClaimError):
        await store.apply(note(looking, now=rig.clock.now(), detail=None, due_at=LEASE))
    assert len(await store.claim(FOLLOWING, now=rig.clock.now(), lease_until=LEASE, limit=1)) == 1


async def test_a_hint_leaves_an_order_alone_that_is_being_placed(rig: Rig, store: SqlOrderStore) -> None:
    """A webhook that overtakes the merchant's own answer must not disturb whoever waits for that answer."""
    (order,) = await claim(rig)
    held = await store.apply(note(order, now=START, detail=None, session_id="s-1", due_at=START))
    (claimed,) = await claim(rig)
    assert await store.take_hint(MERCHANT, Hint("s-1", None), digest="d", now=START)
    assert not await store.take_hint("another", Hint("s-1", None), digest="e", now=START)
    await store.apply(advance(claimed, OrderState.SENDING, now=START))
    assert held.session_id == "s-1"


async def test_one_delivery_is_one_hint_for_as_long_as_it_is_kept(rig: Rig, store: SqlOrderStore) -> None:
    """By its id or by its body, also after a restart: what was kept stands in the store. After a month it is gone."""
    await rig.place()
    hint, now = Hint(None, "order-1"), rig.clock.now()
    assert await store.take_hint(MERCHANT, hint, digest="d-1", delivery="id-1", now=now)
    assert not await store.take_hint(MERCHANT, hint, digest="d-2", delivery="id-1", now=now)
    assert not await store.take_hint(MERCHANT, hint, digest="d-1", delivery="id-2", now=now)
    assert await store.take_hint(MERCHANT, hint, digest="d-3", now=now)
    assert await store.take_hint(MERCHANT, hint, digest="d-4", now=now)  # no id is not one id
    month = now + KEPT_FOR
    assert not await store.take_hint(MERCHANT, hint, digest="d-5", delivery="id-1", now=month)
    assert await store.take_hint(MERCHANT, hint, digest="d-2", delivery="id-1", now=month + timedelta(seconds=1))


async def test_an_order_keeps_so_many_hints_and_no_more(rig: Rig, store: SqlOrderStore) -> None:
    """Whoever has a merchant's key cannot fill the store with one order; polls find what is left out."""
    await rig.place()
    hint, now = Hint(None, "order-1"), rig.clock.now()
    kept = [await store.take_hint(MERCHANT, hint, digest=f"d-{n}", now=now) for n in range(PER_ORDER_MAX + 2)]
    assert kept == [True] * PER_ORDER_MAX + [False] * 2
    assert await store.take_hint(MERCHANT, hint, digest="d", now=now + KEPT_FOR + timedelta(seconds=1))


async def test_a_delivery_that_wakes_nothing_is_not_kept(rig: Rig, store: SqlOrderStore) -> None:
    """An order that nobody knows yet may be known when the delivery comes again."""
    hint = Hint(None, "order-1")
    assert not await store.take_hint(MERCHANT, hint, digest="d-1", delivery="id-1", now=rig.clock.now())
    await rig.place()
    assert await store.take_hint(MERCHANT, hint, digest="d-1", delivery="id-1", now=rig.clock.now())


async def test_each_merchant_has_room_for_so_many_orders(rig: Rig, store: SqlOrderStore) -> None:
    """One with many due orders leaves the others theirs; what has no room is left free, and is not counted as due."""
    for n in range(5):
        await accept(rig, rig.signer.intent(intent_id=f"a-{n}", hold_s=0))
    await accept(rig, rig.signer.intent(intent_id="b-1", merchant="bakery", hold_s=1))
    now = rig.clock.now() + timedelta(seconds=1)

    async def take(**busy: int) -> Counter[str]:
        claimed = await store.claim(PLACING, now=now, lease_until=LEASE, limit=2, busy=busy)
        return Counter(order.merchant for order in claimed)

    assert await take() == {MERCHANT: 2, "bakery": 1}
    assert await take(**{MERCHANT: 2}) == {}
    freed_at = await store.next_due(PLACING, full=[MERCHANT])
    assert freed_at is not None
    assert freed_at > now
    assert await store.next_due(PLACING) == START
    assert await take(**{MERCHANT: 1}) == {MERCHANT: 1}
    assert await take() == {MERCHANT: 2}


async def test_an_order_that_cannot_be_read_stands_in_nobodys_way(rig: Rig, database: Database) -> None:
    """An edited row stays where it is, under a lease, and the others are worked on."""
    await accept(rig, rig.signer.intent(intent_id="i-2", hold_s=0))
    edited = text("UPDATE orders SET terms = '{}' WHERE intent_id = 'i-1'")
    await database.transact(lambda connection: connection.execute(edited))
    assert [order.intent_id for order in await claim(rig)] == ["i-2"]
    assert await claim(rig) == ()
