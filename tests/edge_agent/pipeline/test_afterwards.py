"""What a person says of an order after it was approved."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.wire import CancelReceipt, OrderState
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.terms import canonical
from edge_agent.core.messages import IntentId
from edge_agent.errors import BridgeUnreachableError, NotAllowedError, RefusedError
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import MILK, prompt


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A home with one order for milk in its outbox."""
    with open_desk(tmp_path) as opened:
        opened.orders.add_prompt(prompt())
        opened.leave.answering.approve(prompt().id, terms_hash=prompt().terms_hash, by="anna", pin_checked=False)
        yield opened


def order(desk: Desk) -> IntentRecord:
    """The order."""
    [record] = desk.orders.intents(live=False, limit=5)
    return record


def with_the_bridge(desk: Desk, state: IntentState = IntentState.HELD) -> IntentId:
    """The bridge took the order, and it stands there."""
    [row] = desk.orders.outbox(limit=5)
    desk.orders.claim(row, at=desk.clock.now())
    desk.orders.record_answer(row, intents.step(order(desk), state, at=desk.clock.now()))
    return order(desk).id


def answer(desk: Desk, state: OrderState, *, cancelled: bool) -> None:
    """What the bridge says to the wish."""
    ident = order(desk).id
    desk.bridge.cancels[ident] = CancelReceipt(intent_id=ident, cancelled=cancelled, state=state)


async def test_before_it_was_taken_an_order_is_cancelled_at_home(desk: Desk) -> None:
    """The bridge is not even asked."""
    result = await desk.leave.answering.cancel(order(desk).id, by="ben")
    assert (result.cancelled, result.state) == (True, IntentState.CANCELLED)
    assert desk.orders.outbox(limit=5) == []


async def test_a_held_order_is_taken_back_by_the_bridge(desk: Desk) -> None:
    """Its word ends the order here too."""
    ident = with_the_bridge(desk)
    answer(desk, OrderState.CANCELLED, cancelled=True)
    result = await desk.leave.answering.cancel(ident, by="anna")
    assert (result.cancelled, order(desk).state, order(desk).detail) == (
        True,
        IntentState.CANCELLED,
        "cancelled_by_household",
    )
    assert desk.orders.cancel_wishes(limit=5) == []


async def test_too_late_is_told(desk: Desk) -> None:
    """An attempt was dispatched: the order stands, at the state the bridge names."""
    ident = with_the_bridge(desk)
    answer(desk, OrderState.SENDING, cancelled=False)
    result = await desk.leave.answering.cancel(ident, by="anna")
    assert (result.cancelled, result.state, order(desk).state) == (False, IntentState.SENDING, IntentState.SENDING)
    assert desk.orders.cancel_wishes(limit=5) == []
    with pytest.raises(RefusedError, match="taken back"):
        await desk.leave.answering.cancel(ident, by="anna")


async def test_a_wish_outlives_a_bridge_that_is_away(desk: Desk) -> None:
    """The person is told that nobody could be asked; the next turns ask until there is an answer."""
    ident = with_the_bridge(desk)
    with pytest.raises(BridgeUnreachableError):
        await desk.leave.answering.cancel(ident, by="anna")
    with pytest.raises(BridgeUnreachableError):
        await desk.leave.afterwards.run_once()
    desk.bridge.cancels[ident] = None  # it has not taken it yet
    assert await desk.leave.afterwards.run_once() == 0
    answer(desk, OrderState.CANCELLED, cancelled=True)
    assert await desk.leave.afterwards.run_once() == 1
    assert await desk.leave.afterwards.run_once() == 0
    assert order(desk).state is IntentState.CANCELLED


async def test_what_is_wanted_back_does_not_leave_again(desk: Desk) -> None:
    """Its body may or may not have arrived: the bridge's word ends it, and nothing else does."""
    [row] = desk.orders.outbox(limit=5)
    assert desk.orders.claim(row, at=desk.clock.now())
    desk.orders.record_attempt(row, error="away")
    with pytest.raises(BridgeUnreachableError):
        await desk.leave.answering.cancel(row.intent, by="anna")
    assert not desk.orders.claim(row, at=desk.clock.now()), "a person wants it back"
    answer(desk, OrderState.CANCELLED, cancelled=True)
    assert await desk.leave.afterwards.run_once() == 1
    assert (order(desk).state, order(desk).detail) == (IntentState.CANCELLED, "cancelled_by_household")
    assert desk.orders.outbox(limit=5) == []
    assert desk.connection.db.execute("SELECT state FROM ledger").get == "released"


@pytest.mark.parametrize("state", [IntentState.APPROVED, IntentState.HELD])
async def test_what_the_bridge_cannot_confirm_is_never_called_cancelled(desk: Desk, state: IntentState) -> None:
    """It has forgotten the order, or cannot note that it is wanted back: no clock says that it will not be bought."""
    [row] = desk.orders.outbox(limit=5)
    assert desk.orders.claim(row, at=desk.clock.now())
    if state is IntentState.HELD:
        held = intents.step(order(desk), state, at=desk.clock.now())
        assert held is not None
        desk.orders.change_intents([held], cursor=1)
    desk.bridge.cancels[row.intent] = None
    result = await desk.leave.answering.cancel(row.intent, by="anna")
    assert (result.cancelled, result.state) == (False, state)
    desk.clock.advance(hours=24 * 400)
    assert await desk.leave.afterwards.run_once() == 0
    assert (order(desk).state, desk.orders.cancel_wishes(limit=5)) == (state, [row.intent])
    assert not desk.orders.claim(row, at=desk.clock.now())
    assert desk.connection.db.execute("SELECT state FROM ledger").get == "reserved"
    answer(desk, OrderState.CANCELLED, cancelled=True)
    assert await desk.leave.afterwards.run_once() == 1
    assert order(desk).state is IntentState.CANCELLED


async def test_a_wish_without_an_answer_does_not_hold_the_others_up(desk: Desk) -> None:
    """The bridge answers for the second one only; that the first one was missed is still told."""
    asked = prompt("p2", item="oats")
    desk.household.household = Household(items=(MILK, MILK.model_copy(update={"id": "oats"})))
    desk.orders.add_prompt(asked)
    desk.leave.answering.approve(asked.id, terms_hash=asked.terms_hash, by="anna", pin_checked=False)
    first, second = desk.orders.outbox(limit=5)
    for row in (first, second):
        assert desk.orders.claim(row, at=desk.clock.now())
        desk.orders.wish_cancel(row.intent, by="anna", at=desk.clock.now())
    told = CancelReceipt(intent_id=second.intent, cancelled=True, state=OrderState.CANCELLED)
    desk.bridge.cancels[second.intent] = told
    with pytest.raises(BridgeUnreachableError):
        await desk.leave.afterwards.run_once()
    assert desk.orders.cancel_wishes(limit=5) == [first.intent]


@pytest.mark.parametrize(
    ("found", "said", "state"),
    [(True, OrderState.PLACED, IntentState.PLACED), (False, OrderState.REJECTED, IntentState.REJECTED)],
)
@pytest.mark.parametrize("doubt", [IntentState.UNKNOWN, IntentState.PARKED])
async def test_a_person_ends_a_doubt(
    desk: Desk, doubt: IntentState, said: OrderState, state: IntentState, *, found: bool
) -> None:
    """Signed by the household, settled by the bridge, followed here; its money follows too."""
    ident = with_the_bridge(desk, IntentState.UNKNOWN)
    if doubt is IntentState.PARKED:
        change = intents.step(order(desk), doubt, at=desk.clock.now())
        assert change is not None
        desk.orders.change_intents([change], cursor=None)
    desk.bridge.settled[ident] = said
    after = await desk.leave.answering.settle(ident, found=found, merchant_order_id="o-7" if found else None, by="anna")
    assert (after.state, after.detail) == (state, "settled_by_household")
    assert after.merchant_order_id == ("o-7" if found else None)
    [settlement] = desk.bridge.heard
    assert desk.key.verify(canonical(settlement.verdict), base64.b64decode(settlement.signature))
    assert (settlement.verdict.found, settlement.verdict.household) == (found, "home-1")
    money = desk.connection.db.execute("SELECT state FROM ledger").get
    assert money == ("spent" if found else "released")


@pytest.mark.parametrize("state", [IntentState.HELD, IntentState.PLACED, IntentState.REJECTED])
async def test_what_is_not_in_doubt_is_not_settled(desk: Desk, state: IntentState) -> None:
    """A person's word never overrules the merchant's."""
    ident = with_the_bridge(desk, state)
    with pytest.raises(RefusedError, match="doubt"):
        await desk.leave.answering.settle(ident, found=True, merchant_order_id="o-1", by="anna")
    assert desk.bridge.heard == []


async def test_a_doubt_that_was_not_settled_stays_one(desk: Desk) -> None:
    """Without the bridge's answer, or when it changed nothing there."""
    ident = with_the_bridge(desk, IntentState.UNKNOWN)
    with pytest.raises(BridgeUnreachableError):
        await desk.leave.answering.settle(ident, found=False, merchant_order_id=None, by="anna")
    desk.bridge.settled[ident] = OrderState.UNKNOWN
    after = await desk.leave.answering.settle(ident, found=False, merchant_order_id=None, by="anna")
    assert after.state is IntentState.UNKNOWN


def test_a_person_says_whether_it_came(desk: Desk) -> None:
    """Both words are kept with who may say them."""
    ident = with_the_bridge(desk, IntentState.PLACED)
    assert desk.leave.answering.never_came(ident, by="ben").state is IntentState.NEVER_ARRIVED
    after = desk.leave.answering.arrived(ident, by="anna")
    assert (after.state, after.detail) == (IntentState.DELIVERED, "said_by_household")


@pytest.mark.parametrize("by", ["gus", "kim", "nobody"])
async def test_only_who_runs_the_home_has_a_say(desk: Desk, by: str) -> None:
    """A guest or a child stops, settles and closes nothing."""
    ident = order(desk).id
    with pytest.raises(NotAllowedError):
        await desk.leave.answering.cancel(ident, by=by)
    with pytest.raises(NotAllowedError):
        await desk.leave.answering.settle(ident, found=True, merchant_order_id=None, by=by)
    for say in (desk.leave.answering.arrived, desk.leave.answering.never_came):
        with pytest.raises(NotAllowedError):
            say(ident, by=by)
    assert order(desk).state is IntentState.APPROVED


async def test_wishes_that_are_never_answered_for_starve_no_newer_one(desk: Desk) -> None:
    """A turn asks for twenty; more than that, forgotten by the bridge, do not keep the newest from its turn."""
    items = [f"item-{number}" for number in range(45)]
    desk.household.household = Household(items=(MILK, *(MILK.model_copy(update={"id": item}) for item in items)))
    for item in items:
        asked = prompt(f"p-{item}", item=item)
        desk.orders.add_prompt(asked)
        desk.leave.answering.approve(asked.id, terms_hash=asked.terms_hash, by="anna", pin_checked=False)
    rows = desk.orders.outbox(limit=50)
    for row in rows:
        assert desk.orders.claim(row, at=desk.clock.now())
        desk.orders.wish_cancel(row.intent, by="anna", at=desk.clock.now())
        desk.bridge.cancels[row.intent] = None
    newest = desk.orders.cancel_wishes(limit=50)[-1]
    desk.bridge.cancels[newest] = CancelReceipt(intent_id=newest, cancelled=True, state=OrderState.CANCELLED)
    assert [await desk.leave.afterwards.run_once() for _ in range(3)] == [0, 0, 1]
    desk.bridge.cancels.clear()
    oldest = desk.orders.cancel_wishes(limit=1)[0]
    desk.bridge.cancels[oldest] = CancelReceipt(intent_id=oldest, cancelled=True, state=OrderState.CANCELLED)
    for _ in range(3):
        with pytest.raises(BridgeUnreachableError):
            await desk.leave.afterwards.run_once()
    assert oldest not in desk.orders.cancel_wishes(limit=50)
