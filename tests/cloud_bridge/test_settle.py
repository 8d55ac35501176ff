"""A person's word about an order in doubt: who may say it, when it counts, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.errors import ConflictError, MandateRefusedError, NotAuthenticError, UnknownOrderError
from cloud_bridge.merchants.capabilities import SIMULATED
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.ports import CrashPoint
from cloud_bridge.wire import OrderState, Settlement
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, HandClock, Killed, Rig, Signer, accept

S = OrderState


@pytest.fixture
def corner(clock: HandClock) -> SimulatedMerchant:
    """A merchant that can tell nothing afterwards."""
    shelves = {MILK: Shelf("Whole milk 1 L", 179, 50)}
    return SimulatedMerchant(shelves, capability=replace(SIMULATED, merchant_class=MerchantClass.C), now=clock.now)


@pytest.fixture
def rig(make_rig: Callable[..., Rig], corner: SimulatedMerchant) -> Rig:
    """Worker and tracker over it."""
    return make_rig(corner)


async def _parked(rig: Rig, merchant: SimulatedMerchant, mode: Mode) -> str:
    """An order whose answer got lost."""
    merchant.faults = lambda request: mode if request == "place" else None
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    merchant.faults = lambda _: None
    assert (await _found(rig, intent_id)).state is S.PARKED
    return intent_id


async def _found(rig: Rig, intent_id: str) -> OrderRecord:
    order = await rig.store.find(HOUSEHOLD, intent_id)
    assert order is not None
    return order


async def _say(rig: Rig, intent_id: str, *, found: bool, order_id: str | None = None) -> tuple[bool, S]:
    said_at = rig.clock.now()
    signed = rig.signer.settlement(intent_id, said_at=said_at, found=found, merchant_order_id=order_id)
    receipt = await rig.intake.settle(signed, intent_id=intent_id, caller=HOUSEHOLD)
    return receipt.settled, receipt.state


async def test_an_order_that_a_person_found_is_placed_and_followed(rig: Rig, corner: SimulatedMerchant) -> None:
    """With the merchant's id it is followed like any other."""
    intent_id = await _parked(rig, corner, Mode.RESET)
    assert await _say(rig, intent_id, found=True, order_id="order-1") == (True, S.PLACED)
    last = (await rig.events())[-1]
    told = (last.state, last.detail, last.merchant_order_id, last.total_minor)
    assert told == (S.PLACED, Detail.SETTLED_BY_HOUSEHOLD, "order-1", None)
    assert await _say(rig, intent_id, found=False) == (False, S.PLACED)
    assert (await _found(rig, intent_id)).due_at == rig.clock.now()


async def test_an_order_that_a_person_found_without_an_id_is_not_asked_about(
    rig: Rig, corner: SimulatedMerchant
) -> None:
    """It is a person who says when it came; after long silence it counts as lost."""
    intent_id = await _parked(rig, corner, Mode.RESET)
    assert await _say(rig, intent_id, found=True) == (True, S.PLACED)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.PLACED
    rig.clock.pass_(days=60)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEVER_ARRIVED


async def test_an_order_that_a_person_did_not_find_is_rejected_and_never_sent_again(
    rig: Rig, corner: SimulatedMerchant
) -> None:
    """Its session is closed, so that no order can come of it later."""
    intent_id = await _parked(rig, corner, Mode.REDIRECT)
    assert await _say(rig, intent_id, found=False) == (True, S.REJECTED)
    await rig.place()
    assert (corner.ledger, corner.open_sessions()) == ([], set())
    assert (await rig.states())[-2:] == [S.NOT_PLACED, S.REJECTED]
    assert (await rig.events())[-1].detail == Detail.SETTLED_BY_HOUSEHOLD


async def test_what_is_not_in_doubt_is_not_settled(rig: Rig, corner: SimulatedMerchant) -> None:
    """Neither an order in the hold nor one that is placed."""
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    assert await _say(rig, intent_id, found=False) == (False, S.HELD)
    await rig.place()
    assert await _say(rig, intent_id, found=False) == (False, S.PLACED)
    assert len(corner.ledger) == 1


async def test_not_there_does_not_count_when_it_was_said_before_the_last_attempt(
    rig: Rig, corner: SimulatedMerchant
) -> None:
    """A verdict that lay in an outbox says nothing about what was sent since."""
    early = rig.clock.now()
    intent_id = await _parked(rig, corner, Mode.RESET)
    signed = rig.signer.settlement(intent_id, said_at=early, found=False)
    receipt = await rig.intake.settle(signed, intent_id=intent_id, caller=HOUSEHOLD)
    assert (receipt.settled, receipt.state) == (False, S.PARKED)


async def test_a_verdict_does_not_overtake_a_request_that_is_on_its_way(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """While a replay is being sent nothing is settled, since its answer would be dropped."""
    rig = make_rig(simulated)
    failing = iter([Mode.AWAY])
    simulated.faults = lambda request: next(failing, None) if request == "place" else None
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    await rig.placing.run_once()
    verdicts: list[tuple[bool, S]] = []

    async def meanwhile() -> None:
        verdicts.append(await _say(rig, intent_id, found=False))

    class Interrupted(SimulatedMerchant):
        """A person speaks while the request is at the merchant."""

        async def place(self, session_id: str, **asked: object) -> object:  # type: ignore[override]
            await meanwhile()
            return await simulated.place(session_id, **asked)  # type: ignore[arg-type]

        async def get(self, session_id: str, *, reference: str | None = None) -> object:  # type: ignore[override]
            return await simulated.get(session_id, reference=reference)

    replaying = Rig(rig.store, rig.clock, rig.signer, Interrupted(simulated.shelves))
    await replaying.place()
    assert verdicts == [(False, S.UNKNOWN)]
    assert ((await rig.states())[-1], len(simulated.ledger)) == (S.PLACED, 1)


async def test_an_order_of_another_intent_cannot_be_named(rig: Rig, corner: SimulatedMerchant) -> None:
    """Two intents cannot be one order."""
    placed = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    intent_id = await _parked(rig, corner, Mode.REDIRECT)
    with pytest.raises(ConflictError, match="belongs to another intent"):
        await _say(rig, intent_id, found=True, order_id=(await _found(rig, placed)).merchant_order_id)
    assert (await _found(rig, intent_id)).state is S.PARKED


async def test_a_verdict_must_be_the_households_own(rig: Rig, corner: SimulatedMerchant) -> None:
    """Signed by its key, over this intent, by the one who calls."""
    intent_id = await _parked(rig, corner, Mode.REDIRECT)
    signed = rig.signer.settlement(intent_id, said_at=rig.clock.now(), found=False)
    forged = Signer().settlement(intent_id, said_at=rig.clock.now(), found=False)
    turned = Settlement(verdict=signed.verdict.model_copy(update={"found": True}), signature=signed.signature)
    for wrong, asked, caller in (
        (forged, intent_id, HOUSEHOLD),
        (turned, intent_id, HOUSEHOLD),
        (signed, "i-another", HOUSEHOLD),
        (signed, intent_id, "home-2"),
    ):
        with pytest.raises(NotAuthenticError):
            await rig.intake.settle(wrong, intent_id=asked, caller=caller)
    assert (await _found(rig, intent_id)).state is S.PARKED


async def test_a_verdict_on_an_unknown_intent_is_refused(rig: Rig) -> None:
    """There is nothing to settle."""
    signed = rig.signer.settlement("i-none", said_at=rig.clock.now(), found=False)
    with pytest.raises(UnknownOrderError):
        await rig.intake.settle(signed, intent_id="i-none", caller=HOUSEHOLD)


async def test_a_death_after_the_verdict_was_kept_changes_nothing(rig: Rig, corner: SimulatedMerchant) -> None:
    """The same verdict again is answered with the state that it led to."""
    intent_id = await _parked(rig, corner, Mode.RESET)

    def die(point: CrashPoint) -> None:
        raise Killed(point)

    rig.crash = die
    with pytest.raises(Killed):
        await _say(rig, intent_id, found=True, order_id="order-1")
    rig.crash = lambda _point: None
    assert await _say(rig, intent_id, found=True, order_id="order-1") == (False, S.PLACED)


async def test_a_mandate_may_not_draw_at_class_c(rig: Rig) -> None:
    """A lost answer there needs a person, so only a person's approval is taken."""
    with pytest.raises(MandateRefusedError):
        await rig.intake.accept(rig.signer.intent(leave="draw"), caller=HOUSEHOLD)
    receipt = await rig.intake.accept(rig.signer.intent(leave="approval"), caller=HOUSEHOLD)
    assert receipt.state is S.HELD


async def test_a_parked_order_of_class_a_that_a_person_settles_is_not_looked_up_any_more(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """The word of the person ends the doubt, and the session."""
    rig = make_rig(simulated)
    simulated.faults = lambda request: Mode.AWAY if request in {"place", "get"} else None
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    await rig.placing.run_once()
    rig.clock.at += timedelta(hours=73)
    await rig.place(rounds_max=2)
    assert await _say(rig, intent_id, found=False) == (True, S.REJECTED)
    simulated.faults = lambda _: None
    await rig.place()
    assert (simulated.ledger, simulated.open_sessions()) == ([], set())
