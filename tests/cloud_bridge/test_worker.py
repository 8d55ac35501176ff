"""Placing: the rules between approval and order, with our model merchant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from cloud_bridge.core.order import PLACING, Detail
from cloud_bridge.core.outcome import Lookup, Outcome, Placed, Rejected, Standing
from cloud_bridge.intake import Intake
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.ports import CrashPoint
from cloud_bridge.wire import DeliveryOption, Intent, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, START, Rig, accept

S = OrderState


@pytest.fixture
def rig(make_rig: Callable[..., Rig], simulated: SimulatedMerchant) -> Rig:
    """Worker and tracker over the model merchant."""
    return make_rig(simulated)


async def test_an_order_is_placed_after_the_hold_and_not_before(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The hold is waited for, then there is one order, with the merchant's id and total."""
    await accept(rig, rig.signer.intent(hold_s=120))
    rig.clock.pass_(seconds=119)
    await rig.placing.run_once()
    assert simulated.ledger == []
    rig.clock.pass_(seconds=1)
    await rig.placing.run_once()
    assert [sold.total_minor for sold in simulated.ledger] == [858]
    last = (await rig.events())[-1]
    assert (last.state, last.merchant_order_id, last.total_minor, last.currency) == (S.PLACED, "order-1", 858, "USD")
    assert await rig.states() == [S.HELD, S.SENDING, S.PLACED]


@pytest.mark.parametrize(
    ("price_minor", "ends", "detail", "orders"),
    [
        (179, S.PLACED, None, 1),
        (200, S.PLACED, None, 1),  # 900: at the ceiling
        (201, S.REJECTED, Detail.TERMS_CHANGED, 0),  # 902
        (716, S.REJECTED, Detail.TERMS_CHANGED, 0),
        (100, S.PLACED, None, 1),
    ],
)
async def test_a_price_is_paid_up_to_the_ceiling_and_not_a_cent_more(
    rig: Rig, simulated: SimulatedMerchant, price_minor: int, ends: S, detail: str | None, orders: int
) -> None:
    """The price may move between approval and order, inside what the household signed."""
    await accept(rig, rig.signer.intent(total_max_minor=900))
    simulated.shelves[MILK] = Shelf("Whole milk 1 L", price_minor, 50)
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail, len(simulated.ledger)) == (ends, detail, orders)


async def test_delivery_that_got_dearer_counts_against_the_ceiling(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The ceiling is for the total, delivery included."""
    await accept(rig, rig.signer.intent(total_max_minor=900))
    simulated.delivery_minor = 543
    await rig.place()
    assert (await rig.events())[-1].detail == Detail.TERMS_CHANGED
    assert simulated.ledger == []


_STD = DeliveryOption(id="std", kind="standard", price_minor=500)
_FAST = DeliveryOption(id="fast", kind="same_day", price_minor=520)


async def test_an_order_comes_by_the_way_that_was_signed(rig: Rig, simulated: SimulatedMerchant) -> None:
    """Not by the one that the merchant would choose."""
    simulated.deliveries = (_STD, _FAST)
    await accept(rig, rig.signer.intent(delivery_option=_FAST.choice))
    await rig.place()
    assert [(sold.delivery, sold.total_minor) for sold in simulated.ledger] == [(_FAST.choice, 878)]


@pytest.mark.parametrize(
    "today",
    [
        (),
        (_STD,),
        (_STD, _FAST.model_copy(update={"kind": "pick_up_point"})),
        (_STD, _FAST.model_copy(update={"kind": None})),
        (_STD, _FAST.model_copy(update={"price_minor": 543})),
    ],
)
async def test_a_way_that_is_gone_or_too_dear_buys_nothing(
    rig: Rig, simulated: SimulatedMerchant, today: tuple[DeliveryOption, ...]
) -> None:
    """The household is asked again; a cheaper way that it did not agree to is never taken in its place."""
    simulated.deliveries = (_STD, _FAST)
    await accept(rig, rig.signer.intent(total_max_minor=900, delivery_option=_FAST.choice))
    simulated.deliveries = today
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail, simulated.ledger) == (S.REJECTED, Detail.TERMS_CHANGED, [])
    assert simulated.open_sessions() == set()


async def test_another_currency_is_other_terms(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The same number in another currency is not what was signed."""
    await accept(rig, rig.signer.intent())
    simulated.currency = "EUR"
    await rig.place()
    assert (await rig.events())[-1].detail == Detail.TERMS_CHANGED
    assert simulated.ledger == []


async def test_out_of_stock_and_failed_payment_are_rejected_with_their_reason(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """A clear no of the merchant ends the order."""
    simulated.shelves[MILK] = Shelf("Whole milk 1 L", 179, 1)
    await accept(rig, rig.signer.intent())
    await rig.place()
    assert (await rig.events())[-1].detail == Detail.OUT_OF_STOCK
    simulated.shelves[MILK] = Shelf("Whole milk 1 L", 179, 50)
    simulated.pays = False
    await accept(rig, rig.signer.intent())
    await rig.place()
    assert (await rig.events())[-1].detail == Detail.PAYMENT_FAILED
    assert simulated.ledger == []


async def test_a_merchant_that_is_away_keeps_the_order_held_and_is_told_once(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """Nothing was sent, so the order waits; the household sees why; later it is placed."""
    await accept(rig, rig.signer.intent())
    simulated.faults = lambda _: Mode.AWAY
    await rig.place(rounds_max=4)
    assert [(event.state, event.detail) for event in await rig.events()] == [(S.HELD, None), (S.HELD, "merchant_away")]
    simulated.faults = lambda _: None
    await rig.place()
    assert await rig.states() == [S.HELD, S.HELD, S.SENDING, S.PLACED]
    assert len(simulated.ledger) == 1


async def test_an_order_whose_offer_ends_before_anything_was_sent_expires(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """A merchant that comes back after the offer's end gets nothing."""
    await accept(rig, rig.signer.intent(offer_expires_at=START + timedelta(hours=1)))
    simulated.faults = lambda _: Mode.AWAY
    await rig.place()
    simulated.faults = lambda _: None
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail, simulated.ledger) == (S.EXPIRED, Detail.OFFER_EXPIRED, [])


async def test_a_lost_answer_is_looked_up_and_not_asked_again(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The merchant sold and its answer got lost: unknown, then placed by the look-up, with one attempt."""
    await accept(rig, rig.signer.intent())
    simulated.faults = lambda request: Mode.RESET if request == "place" else None
    await rig.place()
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]
    assert len(simulated.ledger) == 1
    assert (await rig.store.report()).attempts == 1


async def test_a_request_that_never_arrived_is_sent_again_under_the_same_key(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """The session is still open, so the same attempt is repeated, and nothing is doubled."""
    intent = await accept(rig, rig.signer.intent())
    faults = iter([Mode.AWAY])
    simulated.faults = lambda request: next(faults, None) if request == "place" else None
    await rig.place()
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    attempts = await rig.store.attempts(order)
    assert (order.state, len(simulated.ledger), len(attempts)) == (S.PLACED, 1, 2)
    assert len({(attempt.key, attempt.body_sha256) for attempt in attempts}) == 1


async def test_no_key_is_used_past_half_its_life(rig: Rig, simulated: SimulatedMerchant) -> None:
    """Half a day after the first try the session is closed for good instead, and only then given up."""
    intent = await accept(rig, rig.signer.intent())
    simulated.faults = lambda request: Mode.AWAY if request == "place" else None
    rig.clock.pass_(seconds=120)
    await rig.placing.run_once()
    rig.clock.pass_(hours=12)
    simulated.faults = lambda _: None
    await rig.place()
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert order.session_id is not None
    assert (order.state, order.detail, simulated.ledger) == (S.REJECTED, Detail.NOT_PLACED, [])
    assert await simulated.get(order.session_id) is Standing.CLOSED
    assert len(await rig.store.attempts(order)) == 1
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.NOT_PLACED, S.REJECTED]


async def test_a_refused_replay_is_not_believed_before_the_session_is_closed(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """A no to the second request says nothing about the first one, which may still be on its way."""
    await accept(rig, rig.signer.intent())
    faults = iter([Mode.AWAY])
    simulated.faults = lambda request: next(faults, None) if request == "place" else None
    simulated.pays = False
    await rig.place()
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.NOT_PLACED, S.REJECTED]
    assert (await rig.events())[-1].detail == Detail.PAYMENT_FAILED


async def test_what_nobody_can_tell_for_days_is_parked_and_still_looked_up(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """Unknown stays unknown until the merchant speaks; the household sees it."""
    await accept(rig, rig.signer.intent())
    simulated.faults = {"place": Mode.RESET, "get": Mode.AWAY}.get
    rig.clock.pass_(seconds=120)
    await rig.placing.run_once()
    rig.clock.pass_(hours=73)
    await rig.place(rounds_max=3)
    assert (await rig.states())[-1] is S.PARKED
    simulated.faults = lambda _: None
    await rig.place()
    assert (await rig.states())[-1] is S.PLACED
    assert len(simulated.ledger) == 1


async def test_a_session_that_was_lost_before_any_attempt_is_replaced(rig: Rig, simulated: SimulatedMerchant) -> None:
    """Nothing was asked of the old session, so a new one cannot double anything."""

    def stop(point: CrashPoint) -> None:
        if point is CrashPoint.SESSION_SAVED:
            raise RuntimeError(point)

    intent = await accept(rig, rig.signer.intent())
    dying = Rig(rig.store, rig.clock, rig.signer, simulated, stop)
    dying.clock.pass_(seconds=120)
    await dying.placing.run_once()
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert (order.state, order.detail) == (S.HELD, Detail.INTERNAL)
    await simulated.cancel(order.session_id or "")
    await rig.place()
    assert (await rig.states())[-1] is S.PLACED
    assert len(simulated.ledger) == 1


async def test_a_cancel_in_the_hold_is_free_and_one_after_the_attempt_is_refused(
    rig: Rig, simulated: SimulatedMerchant, intake: Intake
) -> None:
    """The attempt's record is the line between the two."""
    held, placed = rig.signer.intent(), rig.signer.intent()
    await intake.accept(held, caller=HOUSEHOLD)
    receipt = await intake.cancel(held.terms.intent_id, caller=HOUSEHOLD)
    assert (receipt.cancelled, receipt.state) == (True, S.CANCELLED)
    await intake.accept(placed, caller=HOUSEHOLD)
    await rig.place()
    receipt = await intake.cancel(placed.terms.intent_id, caller=HOUSEHOLD)
    assert (receipt.cancelled, receipt.state) == (False, S.PLACED)
    assert len(simulated.ledger) == 1


async def test_a_cancel_while_the_worker_prices_the_order_stops_it(
    rig: Rig, simulated: SimulatedMerchant, intake: Intake
) -> None:
    """The cancel takes the worker's claim away, so no attempt can be recorded any more."""
    intent = rig.signer.intent()
    await intake.accept(intent, caller=HOUSEHOLD)
    rig.clock.pass_(seconds=120)
    (claimed,) = await rig.store.claim(PLACING, now=rig.clock.now(), lease_until=rig.clock.after_real(300), limit=1)
    assert (await intake.cancel(intent.terms.intent_id, caller=HOUSEHOLD)).cancelled
    with pytest.raises(Exception, match="changed by somebody else"):
        await rig.worker.step(claimed)
    assert simulated.ledger == []


async def test_an_order_whose_leave_does_not_hold_is_not_sent(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The signature is checked again right before the attempt: a row that was tampered with buys nothing."""
    signed = rig.signer.intent()
    dearer = signed.terms.model_copy(update={"total_max_minor": 5_000})
    await accept(rig, Intent(terms=dearer, signature=signed.signature))
    await rig.place()
    assert (await rig.events())[-1].detail == Detail.LEAVE_INVALID
    assert simulated.ledger == []


async def test_a_session_that_got_dearer_after_a_lost_attempt_is_closed_and_not_paid(
    rig: Rig, simulated: SimulatedMerchant
) -> None:
    """A replay pays today's price, so it is compared with the ceiling once more."""
    await accept(rig, rig.signer.intent(total_max_minor=900))
    simulated.reprices = True
    faults = iter([Mode.AWAY])
    simulated.faults = lambda request: next(faults, None) if request == "place" else None
    rig.clock.pass_(seconds=120)
    await rig.placing.run_once()
    simulated.shelves[MILK] = Shelf("Whole milk 1 L", 201, 50)
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail, simulated.ledger) == (S.REJECTED, Detail.TERMS_CHANGED, [])


async def test_a_pack_that_was_halved_since_is_not_bought(rig: Rig, simulated: SimulatedMerchant) -> None:
    """The same article at the same price, with another number in its title: the household is asked again."""
    await accept(rig, rig.signer.intent(title_figures="1"))
    simulated.shelves[MILK] = Shelf("Whole milk 500 mL", 179, 50)
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, last.detail, simulated.ledger) == (S.REJECTED, Detail.TERMS_CHANGED, [])


@dataclass(slots=True)
class Charging(SimulatedMerchant):
    """Charges something else than it quoted."""

    charged: Placed = field(default_factory=lambda: Placed("order-1", 858, "USD"))

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """The order, with another charge."""
        await SimulatedMerchant.place(self, session_id, key=key)
        return self.charged


@pytest.mark.parametrize(
    ("charged", "told"),
    [
        (Placed("order-1", 900, "USD"), (900, "USD", None)),
        (Placed("order-1", 901, "USD"), (901, "USD", Detail.CHARGED_ABOVE_LIMIT)),
        (Placed("order-1", 858, "EUR"), (858, "EUR", Detail.CHARGED_ABOVE_LIMIT)),
        (Placed("order-1", 858, "usd"), (858, None, Detail.CHARGED_ABOVE_LIMIT)),
        (Placed("order-1", 10**12 + 1, "USD"), (None, "USD", Detail.CHARGED_ABOVE_LIMIT)),
    ],
)
async def test_a_charge_above_the_limit_is_told_and_stops_no_news(
    make_rig: Callable[..., Rig], charged: Placed, told: tuple[int | None, str | None, str | None]
) -> None:
    """What the wire cannot tell is left out; that it was too much is said."""
    merchant = Charging({MILK: Shelf("Whole milk 1 L", 179, 50)}, charged=charged)
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent(total_max_minor=900))
    await rig.place()
    last = (await rig.events())[-1]
    assert (last.state, (last.total_minor, last.currency, last.detail)) == (S.PLACED, told)


@pytest.mark.parametrize(
    "told", [{"sku": "eggs"}, {"quantity": 3}, {"reference": "somebody-elses"}], ids=["product", "number", "reference"]
)
async def test_an_answer_that_tells_of_another_order_is_no_order_of_ours(
    make_rig: Callable[..., Rig], told: dict[str, Any]
) -> None:
    """It is in doubt, with its reason, until a look-up or a person says what became of ours."""
    merchant = Charging({MILK: Shelf("Whole milk 1 L", 179, 50)}, charged=Placed("x-1", 858, "USD", **told))
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    await rig.place()
    events = await rig.events()
    assert [event.state for event in events] == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]
    assert (events[2].detail, events[3].merchant_order_id) == (Detail.ANOTHER_ORDER_SHOWN, "order-1")


@dataclass(slots=True)
class Denying(SimulatedMerchant):
    """Sells, and says that it is sold out."""

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """The order, and a refusal of it."""
        await SimulatedMerchant.place(self, session_id, key=key)
        return Rejected(Detail.OUT_OF_STOCK)


async def test_a_refusal_of_what_was_sold_all_the_same_is_not_believed(make_rig: Callable[..., Rig]) -> None:
    """A household that is told "sold out" would buy it a second time elsewhere."""
    merchant = Denying({MILK: Shelf("Whole milk 1 L", 179, 50)})
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    await rig.place()
    assert await rig.states() == [S.HELD, S.SENDING, S.UNKNOWN, S.PLACED]
    assert len(merchant.ledger) == 1


@dataclass(slots=True)
class Repeating(SimulatedMerchant):
    """Gives every order the same id."""

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """The order, under the one id."""
        outcome = await SimulatedMerchant.place(self, session_id, key=key)
        return replace(outcome, merchant_order_id="X") if isinstance(outcome, Placed) else outcome

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """The session, its order under the one id."""
        found = await SimulatedMerchant.get(self, session_id, reference=reference)
        return replace(found, merchant_order_id="X") if isinstance(found, Placed) else found


async def test_an_order_id_that_another_order_has_is_an_unclear_answer(make_rig: Callable[..., Rig]) -> None:
    """Two intents cannot be one order, so the second is looked up until a person sees it."""
    merchant = Repeating({MILK: Shelf("Whole milk 1 L", 179, 50)})
    rig = make_rig(merchant)
    await accept(rig, rig.signer.intent())
    await rig.place()
    second = await accept(rig, rig.signer.intent(offer_expires_at=START + timedelta(days=9)))
    await rig.place(rounds_max=2)
    order = await rig.store.find(HOUSEHOLD, second.terms.intent_id)
    assert order is not None
    assert (order.state, order.merchant_order_id) == (S.UNKNOWN, None)
    rig.clock.pass_(hours=73)
    await rig.place(rounds_max=2)
    assert (await rig.states())[-1] is S.PARKED
    assert len(await rig.store.attempts(order)) == 1
