"""Merchants of class B and C, and look-ups that are not to be believed: never twice, and never silently lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.merchants.capabilities import SIMULATED
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.ports import CrashPoint
from cloud_bridge.wire import DeliveryOption, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, START, HandClock, Killed, Rig, accept, restore

S = OrderState


@pytest.fixture
def stage(make_rig: Callable[..., Rig], clock: HandClock) -> Callable[..., tuple[Rig, SimulatedMerchant]]:
    """Worker and tracker over a model merchant of some class, on the same clock."""

    def make(kind: MerchantClass, *, shows_orders: bool = False) -> tuple[Rig, SimulatedMerchant]:
        shelves = {MILK: Shelf("Whole milk 1 L", 179, 50)}
        capability = replace(SIMULATED, merchant_class=kind, shows_orders=shows_orders)
        merchant = SimulatedMerchant(shelves, capability=capability, now=clock.now)
        return make_rig(merchant), merchant

    return make


async def _found(rig: Rig, intent_id: str) -> OrderRecord:
    order = await rig.store.find(HOUSEHOLD, intent_id)
    assert order is not None
    return order


def _first(merchant: SimulatedMerchant, request: str, *modes: Mode) -> None:
    """Let the first requests of this kind meet these modes, one each."""
    left = iter(modes)
    merchant.faults = lambda asked: next(left, None) if asked == request else None


@pytest.mark.parametrize("lost", [Mode.SERVER_ERROR, Mode.RESET, Mode.SILENCE, Mode.GARBAGE, Mode.PENDING])
async def test_class_b_finds_an_order_by_our_reference_when_its_answer_got_lost(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], lost: Mode
) -> None:
    """It is asked once, whatever became of the answer."""
    rig, merchant = stage(MerchantClass.B)
    _first(merchant, "place", lost)
    await accept(rig, rig.signer.intent())
    await rig.place()
    assert (len(merchant.ledger), (await rig.store.report()).attempts) == (1, 1)
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]


async def test_class_b_is_sent_again_after_a_proof_and_under_the_same_reference(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """The household is told that the first one did not become an order."""
    rig, merchant = stage(MerchantClass.B)
    _first(merchant, "place", Mode.REDIRECT)
    intent = await accept(rig, rig.signer.intent())
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    first, second = await rig.store.attempts(order)
    assert (first.key, first.body_sha256) == (second.key, second.body_sha256)
    assert second.dispatched_at >= first.dispatched_at + 2 * SIMULATED.lookup_lag
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.NOT_PLACED, S.SENDING, S.PLACED]
    assert [sold.reference for sold in merchant.ledger] == [first.key]


async def test_class_b_with_a_lagging_look_up_is_not_sent_again_too_early(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """An order that shows up late was there all the time."""
    rig, merchant = stage(MerchantClass.B)
    merchant.faults = {"place": Mode.RESET, "get": Mode.LAGGING_LOOK_UP}.get
    await accept(rig, rig.signer.intent())
    await rig.place()
    assert (len(merchant.ledger), (await rig.states())[-1]) == (1, S.PLACED)
    assert merchant.met[Mode.LAGGING_LOOK_UP] >= 1


@pytest.mark.parametrize(
    ("shelf", "detail"),
    [
        (Shelf("Whole milk 1 L", 201, 50), Detail.TERMS_CHANGED),
        (Shelf("Whole milk 1 L", 179, 1), Detail.NOT_PLACED),
    ],
)
async def test_class_b_is_priced_again_before_it_is_sent_again(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], shelf: Shelf, detail: Detail
) -> None:
    """What got too dear or ran out meanwhile is not ordered."""
    rig, merchant = stage(MerchantClass.B)
    _first(merchant, "place", Mode.REDIRECT)
    intent = await accept(rig, rig.signer.intent(hold_s=0, total_max_minor=900))
    await rig.placing.run_once()
    merchant.shelves[MILK] = shelf
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, merchant.ledger) == (S.REJECTED, detail, [])
    assert merchant.open_sessions() == set()


@pytest.mark.parametrize("still_offered", [True, False])
async def test_class_b_is_sent_again_by_the_way_that_was_signed_or_not_at_all(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], *, still_offered: bool
) -> None:
    """What was proved not to be there is priced again by that way, and the household told where it is gone."""
    rig, merchant = stage(MerchantClass.B)
    std, fast = (DeliveryOption(id=name, price_minor=price) for name, price in (("std", 500), ("fast", 520)))
    merchant.deliveries = (std, fast)
    _first(merchant, "place", Mode.REDIRECT)
    signed = {"total_max_minor": 900, "delivery_option": fast.choice}
    intent = await accept(rig, rig.signer.intent(hold_s=0, **signed))
    await rig.placing.run_once()
    merchant.deliveries = (std, fast) if still_offered else (std,)
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    ends = (S.PLACED, None) if still_offered else (S.REJECTED, Detail.TERMS_CHANGED)
    assert (order.state, order.detail) == ends
    assert [sold.delivery for sold in merchant.ledger] == [fast.choice] * still_offered


async def test_class_b_is_asked_before_the_first_attempt_too(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """A store that was restored from before the hold's end knows of nothing; the merchant does."""
    rig, merchant = stage(MerchantClass.B)
    intent = await accept(rig, rig.signer.intent())
    backup = await _found(rig, intent.terms.intent_id)
    await rig.place()
    await restore(rig, backup)
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, len(merchant.ledger)) == (S.PLACED, Detail.FOUND_AT_MERCHANT, 1)


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.REDIRECT, Mode.AWAY, Mode.PENDING])
async def test_class_c_is_parked_at_once_and_never_sent_again(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], mode: Mode
) -> None:
    """Nobody can be asked, so a person has to look; time changes nothing."""
    rig, merchant = stage(MerchantClass.C)
    _first(merchant, "place", mode)
    intent = await accept(rig, rig.signer.intent(hold_s=0))
    await rig.placing.run_once()
    assert (await _found(rig, intent.terms.intent_id)).state is S.PARKED
    rig.clock.pass_(days=9)
    await rig.store.resume(now=rig.clock.now())
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.due_at, len(await rig.store.attempts(order))) == (S.PARKED, None, 1)
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PARKED]
    assert len(merchant.ledger) == (mode in {Mode.RESET, Mode.PENDING})


@pytest.mark.parametrize("point", [CrashPoint.ATTEMPT_SAVED, CrashPoint.ANSWERED])
async def test_class_c_is_parked_when_the_bridge_died_while_it_was_sent(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], point: CrashPoint
) -> None:
    """Before the answer was kept, nobody knows."""
    rig, merchant = stage(MerchantClass.C)

    def die(reached: CrashPoint) -> None:
        if reached is point:
            raise Killed(point)

    await accept(rig, rig.signer.intent(hold_s=0))
    rig.crash = die
    with pytest.raises(BaseExceptionGroup):
        await rig.placing.run_once()
    rig.crash = lambda _point: None
    await rig.store.resume(now=rig.clock.now())
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.PARKED, Detail.INTERRUPTED)
    assert len(merchant.ledger) == (point is CrashPoint.ANSWERED)


@pytest.mark.parametrize("lost", [Mode.SERVER_ERROR, Mode.RESET, Mode.SILENCE, Mode.GARBAGE, Mode.PENDING])
async def test_class_c_is_settled_by_a_look_up_that_finds_it(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], lost: Mode
) -> None:
    """Where it can be found by our reference, a lost answer needs no person."""
    rig, merchant = stage(MerchantClass.C, shows_orders=True)
    _first(merchant, "place", lost)
    await accept(rig, rig.signer.intent())
    await rig.place()
    assert (len(merchant.ledger), (await rig.store.report()).attempts) == (1, 1)
    assert [state for state in await rig.states() if state is not S.PARKED] == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]


async def test_class_c_that_shows_nothing_is_parked_and_never_sent_again(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """However often it is not there, that proves nothing; it is looked for all the same, and a person may settle it."""
    rig, merchant = stage(MerchantClass.C, shows_orders=True)
    _first(merchant, "place", Mode.REDIRECT)
    intent = await accept(rig, rig.signer.intent(hold_s=0, offer_expires_at=START + timedelta(days=9)))
    await rig.placing.run_once()
    assert (await rig.states())[-1] is S.UNKNOWN
    await rig.place(rounds_max=12)
    rig.clock.pass_(days=9)
    await rig.place(rounds_max=4)
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, len(await rig.store.attempts(order))) == (S.PARKED, Detail.NO_ANSWER, 1)
    assert order.due_at is not None
    assert merchant.ledger == []


async def test_class_c_that_shows_an_order_late_is_settled_late(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """It was parked, and the person need not say anything any more."""
    rig, merchant = stage(MerchantClass.C, shows_orders=True)
    _first(merchant, "place", Mode.RESET)
    intent = await accept(rig, rig.signer.intent(hold_s=0))
    await rig.placing.run_once()
    merchant.faults = {"get": Mode.AWAY}.get
    await rig.place(rounds_max=6)
    assert (await _found(rig, intent.terms.intent_id)).state is S.PARKED
    merchant.faults = lambda _: None
    await rig.place()
    assert (await _found(rig, intent.terms.intent_id)).state is S.PLACED
    assert len(merchant.ledger) == 1


@pytest.mark.parametrize("point", [CrashPoint.ATTEMPT_SAVED, CrashPoint.ANSWERED])
async def test_class_c_that_can_be_asked_is_asked_after_a_death(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], point: CrashPoint
) -> None:
    """What was sent is found; what was not is never sent."""
    rig, merchant = stage(MerchantClass.C, shows_orders=True)

    def die(reached: CrashPoint) -> None:
        if reached is point:
            raise Killed(point)

    await accept(rig, rig.signer.intent(hold_s=0))
    rig.crash = die
    with pytest.raises(BaseExceptionGroup):
        await rig.placing.run_once()
    rig.crash = lambda _point: None
    await rig.store.resume(now=rig.clock.now())
    await rig.place(rounds_max=12)
    was_sent = point is CrashPoint.ANSWERED
    assert ((await rig.states())[-1], len(merchant.ledger)) == (S.PLACED if was_sent else S.PARKED, was_sent)


async def test_class_c_that_can_be_asked_is_asked_before_the_first_attempt_too(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """A store that was restored from before the hold's end knows of nothing; what is there is taken up."""
    rig, merchant = stage(MerchantClass.C, shows_orders=True)
    intent = await accept(rig, rig.signer.intent())
    backup = await _found(rig, intent.terms.intent_id)
    await rig.place()
    await restore(rig, backup)
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, len(merchant.ledger)) == (S.PLACED, Detail.FOUND_AT_MERCHANT, 1)


@pytest.mark.parametrize("kind", [MerchantClass.A, MerchantClass.B])
async def test_another_households_order_is_not_believed(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]], kind: MerchantClass
) -> None:
    """It is parked and shown; once the merchant tells the truth, it is placed."""
    rig, merchant = stage(kind)
    merchant.faults = {"place": Mode.RESET, "get": Mode.LYING_LOOK_UP}.get
    intent = await accept(rig, rig.signer.intent(hold_s=0))
    if kind is MerchantClass.B:  # it is asked before the first attempt, too, and would wait
        merchant.faults = {"place": Mode.RESET}.get
        await rig.placing.run_once()
        merchant.faults = {"get": Mode.LYING_LOOK_UP}.get
    await rig.place(rounds_max=4)
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, order.merchant_order_id) == (S.PARKED, Detail.ANOTHER_ORDER_SHOWN, None)
    merchant.faults = lambda _: None
    await rig.place()
    assert (await _found(rig, intent.terms.intent_id)).merchant_order_id == "order-1"
    assert len(merchant.ledger) == 1


async def test_a_key_that_answers_500_for_ever_ends_without_an_order_and_without_another_key(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """After some tries the session is closed for good, which is the proof."""
    rig, merchant = stage(MerchantClass.A)
    _first(merchant, "place", Mode.CACHED_500)
    intent = await accept(rig, rig.signer.intent())
    await rig.place()
    order = await _found(rig, intent.terms.intent_id)
    assert (order.state, order.detail, merchant.ledger) == (S.REJECTED, Detail.NOT_PLACED, [])
    assert len({attempt.key for attempt in await rig.store.attempts(order)}) == 1


async def test_a_key_that_the_merchant_has_pruned_is_not_used_again(
    stage: Callable[..., tuple[Rig, SimulatedMerchant]],
) -> None:
    """The bridge was down for longer than the key lives: the merchant would sell again, so it is not asked to."""
    rig, merchant = stage(MerchantClass.A)
    _first(merchant, "place", Mode.RESET)
    merchant.ledger.clear()
    await accept(rig, rig.signer.intent(hold_s=0, offer_expires_at=START + timedelta(days=9)))
    await rig.placing.run_once()
    rig.clock.pass_(hours=25)
    await rig.place()
    assert (len(merchant.ledger), merchant.met[Mode.KEY_PRUNED], (await rig.states())[-1]) == (1, 1, S.PLACED)
    first = merchant.ledger[0]
    assert await merchant.place(first.session_id, key=first.reference) != first.placed()
    assert len(merchant.ledger) == 2  # it would have
