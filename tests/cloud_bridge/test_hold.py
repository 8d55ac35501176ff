"""The hold: what ends in it leaves nothing open, and what was kept in it too long is looked up and not sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from cloud_bridge.core.order import PLACING, Change, Detail, OrderRecord, keep
from cloud_bridge.core.outcome import Lookup, Outcome, Placed, Standing
from cloud_bridge.core.quote import Quote, Wanted
from cloud_bridge.errors import ForkedError, MerchantAwayError, StaleClaimError
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from cloud_bridge.wire import Intent, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, START, Killed, Rig, accept, restore

S = OrderState


@pytest.fixture
def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """Worker and tracker over the model merchant."""
    return make_rig(simulated)


async def _found(rig: Rig, intent_id: str) -> OrderRecord:
    order = await rig.store.find(HOUSEHOLD, intent_id)
    assert order is not None
    return order


async def _stop_after_quote(rig: Rig, **terms: object) -> str:
    """An order in the hold whose session is open, as a death right after the quote leaves it."""

    def die(point: CrashPoint) -> None:
        if point is CrashPoint.SESSION_SAVED:
            raise Killed(point)

    intent_id = (await accept(rig, rig.signer.intent(**terms))).terms.intent_id
    rig.clock.pass_(seconds=120)
    rig.crash = die
    with pytest.raises(BaseExceptionGroup):
        await rig.placing.run_once()
    rig.crash = lambda _point: None
    await rig.store.resume(now=rig.clock.now())
    return intent_id


@pytest.mark.parametrize("away", [0, 3])
async def test_a_session_that_was_opened_in_the_hold_is_closed_when_it_is_cancelled(
    rig: Rig, simulated: SimulatedMerchant, away: int
) -> None:
    """Also by a merchant that is away for a while."""
    intent_id = await _stop_after_quote(rig)
    assert (await rig.intake.cancel(intent_id, caller=HOUSEHOLD)).cancelled
    failures = iter([Mode.AWAY] * away)
    simulated.faults = lambda _: next(failures, None)
    assert simulated.open_sessions() == {"session-1"}
    await rig.place()
    order = await _found(rig, intent_id)
    assert (simulated.open_sessions(), order.state, order.due_at) == (set(), S.CANCELLED, None)
    assert await rig.states() == [S.HELD, S.CANCELLED]


async def test_a_session_that_cannot_be_closed_is_given_up(rig: Rig, simulated: SimulatedMerchant) -> None:
    """It ends by itself, too; nothing is tried for ever."""
    intent_id = await _stop_after_quote(rig)
    await rig.intake.cancel(intent_id, caller=HOUSEHOLD)
    simulated.faults = lambda _: Mode.AWAY
    await rig.place()
    assert (await _found(rig, intent_id)).due_at is None
    assert simulated.met[Mode.AWAY] == 8


async def test_a_session_is_closed_when_the_offer_ends_in_the_hold(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The merchant was away from the quote on, until after the offer's end."""
    intent_id = await _stop_after_quote(rig, offer_expires_at=START + timedelta(hours=1))
    rig.clock.pass_(hours=2)
    await rig.place()
    assert (await _found(rig, intent_id)).detail == Detail.OFFER_EXPIRED
    assert (simulated.open_sessions(), simulated.ledger) == (set(), [])


async def test_a_cancel_while_the_session_is_opened_closes_it(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The worker finds its claim taken away, and cleans up."""
    intent = await accept(rig, rig.signer.intent())
    rig.clock.pass_(seconds=120)
    (claimed,) = await rig.store.claim(PLACING, now=rig.clock.now(), lease_until=rig.clock.after_real(300), limit=1)
    await rig.intake.cancel(intent.terms.intent_id, caller=HOUSEHOLD)
    with pytest.raises(StaleClaimError):
        await rig.worker.step(claimed)
    assert simulated.open_sessions() == set()


async def test_a_session_that_another_worker_uses_is_left_alone(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The same intent opens the same session everywhere, so the one who lost its claim must not close it."""
    await accept(rig, rig.signer.intent())
    rig.clock.pass_(seconds=120)
    (slept,) = await rig.store.claim(PLACING, now=rig.clock.now(), lease_until=rig.clock.now(), limit=1)
    (claimed,) = await rig.store.claim(PLACING, now=rig.clock.now(), lease_until=rig.clock.after_real(300), limit=1)
    with pytest.raises(StaleClaimError):
        await rig.worker.step(slept)
    assert simulated.open_sessions() == {"session-1"}
    await rig.worker.step(claimed)
    assert len(simulated.ledger) == 1


# frozen


async def test_nothing_is_sent_for_a_frozen_household_until_it_is_thawed(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """Orders in the hold stay there, and the household is told why."""
    first = await accept(rig, rig.signer.intent(handover=7))
    with pytest.raises(ForkedError):
        await accept(rig, rig.signer.intent(handover=7))
    await rig.place(rounds_max=5)
    order = await _found(rig, first.terms.intent_id)
    assert (order.state, order.detail, simulated.ledger) == (S.HELD, Detail.HOUSEHOLD_FROZEN, [])
    assert simulated.open_sessions() == set()
    await rig.store.thaw(HOUSEHOLD)
    await rig.place()
    assert len(simulated.ledger) == 1


async def test_a_freeze_after_the_quote_stops_the_attempt(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The attempt's own transaction looks at the household, so no race lets an order through."""
    first = await accept(rig, rig.signer.intent(handover=7))
    second = rig.signer.intent(handover=7)
    asked = simulated.faults

    class Forking(SimulatedMerchant):
        """A fork comes in while the price is asked."""

        async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
            with pytest.raises(ForkedError):
                await accept(rig, second)
            return await SimulatedMerchant.quote(self, wanted, key=key, session_id=session_id)

    merchant = Forking(simulated.shelves, faults=asked)
    forked = Rig(rig.store, rig.clock, rig.signer, merchant)
    forked.clock.pass_(seconds=120)
    await forked.placing.run_once()
    order = await _found(rig, first.terms.intent_id)
    assert (order.state, order.detail, merchant.ledger) == (S.HELD, Detail.HOUSEHOLD_FROZEN, [])
    assert await rig.store.attempts(order) == ()


async def test_a_doubt_is_looked_up_while_frozen_and_not_sent_again(rig: Rig, simulated: SimulatedMerchant) -> None:
    """What was sent before may be found; nothing new goes out, not even under the same key."""
    await accept(rig, rig.signer.intent(handover=7))
    simulated.faults = lambda request: Mode.AWAY if request == "place" else None
    rig.clock.pass_(seconds=120)
    await rig.placing.run_once()
    simulated.faults = lambda _: None
    with pytest.raises(ForkedError):
        await accept(rig, rig.signer.intent(handover=7))
    await rig.place(rounds_max=4)
    assert (simulated.ledger, (await rig.store.report()).attempts) == ([], 1)
    await rig.store.thaw(HOUSEHOLD)
    await rig.place()
    assert len(simulated.ledger) == 1


@pytest.mark.parametrize(
    ("point", "sold"),
    [
        (CrashPoint.CLAIMED, 0),
        (CrashPoint.QUOTED, 0),
        (CrashPoint.SESSION_SAVED, 0),
        (CrashPoint.ATTEMPT_SAVED, 1),
        (CrashPoint.ANSWERED, 1),
    ],
)
async def test_a_freeze_stops_whatever_has_no_attempt_yet(
    rig: Rig, simulated: SimulatedMerchant, database: Database, point: CrashPoint, sold: int
) -> None:
    """D13 at every wait of the way: at the most the one that is on the wire goes on, and its outcome is kept."""
    await accept(rig, rig.signer.intent(hold_s=0))
    freeze = text("UPDATE households SET frozen_at = 1")

    def freezes(reached: CrashPoint) -> None:
        if reached is point:
            with ThreadPoolExecutor(1) as other:  # the hook is no coroutine
                other.submit(asyncio.run, database.transact(lambda connection: connection.execute(freeze))).result()

    rig.crash = freezes
    await rig.placing.run_once()
    assert len(simulated.ledger) == (await rig.store.report()).attempts == sold
    assert (await rig.states())[-1] is (S.PLACED if sold else S.HELD)


# a bridge that was down, or was restored from a backup


async def test_an_order_that_waited_past_half_a_keys_life_is_not_sent(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The bridge was down for a day: it cannot know any more whether the merchant still knows the key."""
    intent = await accept(rig, rig.signer.intent(hold_s=0))
    rig.clock.pass_(hours=12)
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, simulated.ledger) == (S.EXPIRED, Detail.HELD_TOO_LONG, [])


@pytest.mark.parametrize(("hours", "state"), [(1, S.PLACED), (30, S.PLACED)])
async def test_an_order_that_a_restored_store_has_forgotten_is_found(
    rig: Rig, simulated: SimulatedMerchant, hours: int, state: S
) -> None:
    """The backup is of the time between quote and attempt; the order was placed after it."""
    intent_id = await _stop_after_quote(rig)
    backup = await _found(rig, intent_id)
    await rig.place()
    await restore(rig, backup)
    rig.clock.pass_(hours=hours)
    await rig.place()
    order = await _found(rig, intent_id)
    assert (order.state, order.detail, order.merchant_order_id) == (state, Detail.FOUND_AT_MERCHANT, "order-1")
    assert len(simulated.ledger) == 1


async def test_an_order_whose_session_a_restored_store_has_forgotten_is_found_by_the_same_key(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """The same key opens the same session; it has ended, so it is looked up before another one is opened."""
    intent = await accept(rig, rig.signer.intent())
    backup = await _found(rig, intent.terms.intent_id)
    await rig.place()
    await restore(rig, backup)
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, len(simulated.ledger)) == (S.PLACED, Detail.FOUND_AT_MERCHANT, 1)


# a merchant that mixes orders up


class Mixing(SimulatedMerchant):
    """Opens the same session for everybody, and shows the same order in each."""

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """A price in somebody's session."""
        return await SimulatedMerchant.quote(self, wanted, key=key[:0], session_id=session_id)

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """The first order, if there is one."""
        first = next(iter(self.ledger), None)
        return Placed(first.order_id, first.total_minor, first.currency) if first else Standing.MISSING


@pytest.fixture
def mixed(make_rig: Callable[..., Rig]) -> Rig:
    """Worker and tracker over such a merchant."""
    return make_rig(Mixing({MILK: Shelf("Whole milk 1 L", 179, 50)}))


@pytest.mark.parametrize("placed", [False, True])
async def test_a_session_that_is_another_orders_is_not_used(mixed: Rig, *, placed: bool) -> None:
    """The household is told that another order is shown, and in the end that this one was not sent."""
    first_id = await _stop_after_quote(mixed)
    if placed:
        await mixed.store.resume(now=mixed.clock.now())
        await mixed.placing.run_once()
    second = await accept(mixed, mixed.signer.intent(hold_s=0))
    await mixed.placing.run_once()
    order = await _found(mixed, second.terms.intent_id)
    assert (order.state, order.detail, order.session_id) == (S.HELD, Detail.ANOTHER_ORDER_SHOWN, None)
    await mixed.place(rounds_max=80)
    assert (await _found(mixed, first_id)).state is S.PLACED
    assert (await _found(mixed, second.terms.intent_id)).state is S.EXPIRED
    assert (await mixed.store.report()).attempts == 1


async def test_an_order_that_is_anothers_does_not_keep_a_late_one_in_the_hold(mixed: Rig) -> None:
    """A look-up that shows the same order to two intents is believed for the one that has it."""
    first_id = await _stop_after_quote(mixed)
    await mixed.store.resume(now=mixed.clock.now())
    await mixed.placing.run_once()
    second = await accept(mixed, mixed.signer.intent(hold_s=0))

    def lose(order: OrderRecord) -> Change:
        return keep(order, session_id="session-of-its-own")

    await mixed.store.amend(HOUSEHOLD, second.terms.intent_id, lose)
    mixed.clock.pass_(days=4)
    await mixed.place()
    order = await _found(mixed, second.terms.intent_id)
    assert (order.state, order.merchant_order_id) == (S.EXPIRED, None)
    assert (await _found(mixed, first_id)).state is S.PLACED


# waiting


@dataclass(slots=True)
class Busy(SimulatedMerchant):
    """Asks to be left alone for a while."""

    asks_s: float = 0.0

    async def quote(self, wanted: Wanted, *, key: str, session_id: str | None = None) -> Quote:
        """Not now."""
        raise MerchantAwayError("too many requests", retry_after_s=self.asks_s)


@pytest.mark.parametrize(("asks_s", "waits_s"), [(0.0, 30), (600.0, 600), (10.0**9, 3_600)])
async def test_what_a_merchant_asks_for_is_waited_within_bounds(
    make_rig: Callable[..., Rig], asks_s: float, waits_s: float
) -> None:
    """Retry-After makes a wait longer, up to the longest one."""
    rig = make_rig(Busy({MILK: Shelf("Milk", 179, 9)}, asks_s=asks_s))
    intent = await accept(rig, rig.signer.intent(hold_s=0))
    await rig.placing.run_once()
    order = await _found(rig, intent.terms.intent_id)
    assert order.due_at == rig.clock.now() + timedelta(seconds=waits_s)


async def test_a_worker_that_slept_past_its_lease_does_not_send(rig: Rig, simulated: SimulatedMerchant) -> None:
    """Right before the first byte the lease is looked at once more; the attempt is looked up by who comes next."""
    await accept(rig, rig.signer.intent())
    rig.clock.pass_(seconds=120)
    rig.crash = lambda point: rig.clock.pass_(minutes=6) if point is CrashPoint.ATTEMPT_SAVED else None
    await rig.placing.run_once()
    assert (simulated.ledger, await rig.states()) == ([], [S.HELD, S.SENDING])
    rig.crash = lambda _point: None
    await rig.place()
    assert (len(simulated.ledger), (await rig.states())[-1]) == (1, S.PLACED)


async def test_an_answer_that_comes_after_the_lease_is_not_lost_without_a_trace(
    rig: Rig, simulated: SimulatedMerchant, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else has gone on with the order, so it cannot be kept; the operator can read what it was."""
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    (claimed,) = await rig.store.claim(PLACING, now=START, lease_until=START + timedelta(minutes=5), limit=1)
    place = SimulatedMerchant.place

    class Slow(SimulatedMerchant):
        """Answers when the lease is over and another worker has looked."""

        async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
            answer = await place(self, session_id, key=key, leave=leave)
            rig.clock.pass_(minutes=6)
            await rig.placing.run_once()
            return answer

    slow = Rig(rig.store, rig.clock, rig.signer, Slow(simulated.shelves, ledger=simulated.ledger))
    with pytest.raises(StaleClaimError):
        await slow.worker.step(claimed)
    assert f"answer_not_kept intent={intent_id} outcome=placed order=order-1" in caplog.text
    assert (await _found(rig, intent_id)).state is S.UNKNOWN
