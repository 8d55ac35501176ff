"""Following: no state is kept for ever that the merchant says nothing about any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.core.outcome import Followed, Lookup, NeedsBuyer, Outcome, Placed, Progress, Standing
from cloud_bridge.errors import MerchantAwayError
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.wire import Intent, OrderState
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, Rig, accept

S = OrderState


@dataclass(slots=True)
class Forgetful(SimulatedMerchant):
    """Hands every order over to a person, and may forget the session."""

    forgot: bool = True

    async def place(self, session_id: str, *, key: str, leave: Intent | None = None) -> Outcome:
        """A person has to finish."""
        return NeedsBuyer("https://shop.example/finish")

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Nothing is known of the session, or it still waits."""
        return Standing.MISSING if self.forgot else NeedsBuyer("https://shop.example/finish")


async def _found(rig: Rig, intent_id: str) -> OrderRecord:
    order = await rig.store.find(HOUSEHOLD, intent_id)
    assert order is not None
    return order


async def test_a_session_that_is_gone_while_a_buyer_is_waited_for_expires(make_rig: Callable[..., Rig]) -> None:
    """Not before the buyer's time is over, and not before it was missed several times in a row."""
    merchant = Forgetful({MILK: Shelf("Whole milk 1 L", 179, 50)})
    rig = make_rig(merchant)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    for _ in range(5):
        await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEEDS_BUYER
    merchant.forgot = False
    rig.clock.pass_(hours=71)
    await rig.follow()
    merchant.forgot = True
    rig.clock.pass_(hours=2)
    for _ in range(2):
        await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEEDS_BUYER
    await rig.follow()
    order = await _found(rig, intent_id)
    assert (order.state, order.detail) == (S.EXPIRED, Detail.BUYER_DID_NOT_FINISH)


@pytest.mark.parametrize("before", [Progress.SHIPPED, Progress.PARTLY_DELIVERED])
async def test_an_order_on_its_way_can_be_cancelled_by_the_merchant(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant, before: Progress
) -> None:
    """A parcel that was called back ends the order."""
    rig = make_rig(simulated)
    await accept(rig, rig.signer.intent())
    await rig.place()
    for progress in (before, Progress.CANCELLED):
        simulated.progress["order-1"] = progress
        await rig.follow()
    last = (await rig.events())[-1]
    assert (last.state, last.detail) == (S.CANCELLED, Detail.CANCELLED_BY_MERCHANT)


@pytest.mark.parametrize("progress", [Progress.PREPARING, Progress.SHIPPED])
async def test_an_order_without_a_word_for_thirty_days_never_arrived(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant, progress: Progress
) -> None:
    """Counted from the end of the day by which it was due."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id  # due by 2026-03-09
    await rig.place()
    simulated.progress["order-1"] = progress
    await rig.follow()
    seen = (await _found(rig, intent_id)).state
    rig.clock.at = rig.clock.at.replace(month=4, day=8, hour=23)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is seen
    rig.clock.pass_(hours=1)
    await rig.follow()
    order = await _found(rig, intent_id)
    assert order.state is S.NEVER_ARRIVED
    assert (await rig.states())[-2:] == [seen, S.NEVER_ARRIVED]


async def test_a_merchant_that_is_gone_counts_as_silent_after_several_failures(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """One failed look after a long night proves nothing."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    rig.clock.pass_(days=60)
    simulated.faults = lambda _: Mode.AWAY
    for _ in range(2):
        await rig.follow()
    assert (await _found(rig, intent_id)).state is S.PLACED
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEVER_ARRIVED


async def test_a_parcel_that_comes_after_it_was_given_up_is_noticed(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """A lost order is asked about once a day for a while."""
    rig = make_rig(simulated)
    await accept(rig, rig.signer.intent())
    await rig.place()
    rig.clock.pass_(days=60)
    await rig.follow()
    assert (await rig.states())[-1] is S.NEVER_ARRIVED
    simulated.progress["order-1"] = Progress.SHIPPED
    rig.clock.pass_(days=1)
    await rig.following.run_once()
    assert (await rig.states())[-1] is S.NEVER_ARRIVED
    simulated.progress["order-1"] = Progress.DELIVERED
    rig.clock.pass_(days=1)
    await rig.following.run_once()
    assert (await rig.states())[-1] is S.DELIVERED


@pytest.mark.parametrize("mode", [None, Mode.AWAY])
@pytest.mark.parametrize(
    ("progress", "wait_days", "state"),
    [(Progress.PREPARING, 60, S.NEVER_ARRIVED), (Progress.PARTLY_DELIVERED, 1, S.PARTLY_DELIVERED)],
)
async def test_nothing_is_followed_for_ever(
    make_rig: Callable[..., Rig],
    simulated: SimulatedMerchant,
    progress: Progress,
    wait_days: int,
    state: S,
    mode: Mode | None,
) -> None:
    """After ninety more days a lost order, or the rest of one, is left as it is, also when nobody answers."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent())).terms.intent_id
    await rig.place()
    simulated.progress["order-1"] = progress
    rig.clock.pass_(days=wait_days)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is state
    simulated.faults = lambda _: mode
    rig.clock.pass_(days=89)
    for _ in range(3):
        await rig.follow()
    assert (await _found(rig, intent_id)).due_at is not None
    rig.clock.pass_(days=2)
    for _ in range(3):
        await rig.follow()
    order = await _found(rig, intent_id)
    assert (order.state, order.due_at) == (state, None)


async def test_a_buyer_is_not_waited_for_at_a_merchant_that_is_gone(make_rig: Callable[..., Rig]) -> None:
    """After the buyer's time and thirty days more the order ends; until then nobody knows, and it stays."""
    merchant = Forgetful({MILK: Shelf("Whole milk 1 L", 179, 50)}, forgot=False)
    rig = make_rig(merchant)
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    await rig.place()
    following = Rig(rig.store, rig.clock, rig.signer, Away(merchant.shelves))
    rig.clock.pass_(days=32)
    for _ in range(5):
        await following.follow()
    assert (await _found(rig, intent_id)).state is S.NEEDS_BUYER
    rig.clock.pass_(days=2)
    await following.follow()
    order = await _found(rig, intent_id)
    assert (order.state, order.detail) == (S.EXPIRED, Detail.MERCHANT_AWAY)


@dataclass(slots=True)
class Away(SimulatedMerchant):
    """Nobody answers, but for a word on when to come back."""

    asks_s: float | None = None

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """Not now."""
        raise MerchantAwayError("gone", retry_after_s=self.asks_s)


async def test_what_a_merchant_asks_for_is_waited_when_an_order_is_followed(make_rig: Callable[..., Rig]) -> None:
    """Retry-After counts here, too."""
    merchant = Forgetful({MILK: Shelf("Whole milk 1 L", 179, 50)}, forgot=False)
    rig = make_rig(merchant)
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    await rig.place()
    await Rig(rig.store, rig.clock, rig.signer, Away(merchant.shelves, asks_s=900.0)).follow()
    assert (await _found(rig, intent_id)).due_at == rig.clock.now() + timedelta(seconds=900)


async def test_a_finished_session_that_tells_of_another_order_is_not_believed(make_rig: Callable[..., Rig]) -> None:
    """The buyer finished something, and it was not ours; more of ours is still ours."""
    merchant = Forgetful({MILK: Shelf("Whole milk 1 L", 179, 50)}, forgot=False)
    rig = make_rig(merchant)
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    await rig.place()
    finished = (Placed("x-1", 858, "USD", sku="eggs"), Placed("x-2", 1037, "USD", sku=MILK, quantity=3))
    for found, state in zip(finished, (S.NEEDS_BUYER, S.PLACED), strict=True):
        await Rig(rig.store, rig.clock, rig.signer, Showing(merchant.shelves, found=found)).follow()
        assert (await _found(rig, intent_id)).state is state


@dataclass(slots=True)
class Showing(SimulatedMerchant):
    """Shows one order, whatever it is asked."""

    found: Lookup = Standing.MISSING

    async def get(self, session_id: str, *, reference: str | None = None) -> Lookup:
        """That one."""
        return self.found


async def test_an_order_without_a_last_day_is_followed_all_the_same(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """The last day that there is plus a wait is no day: nothing is counted beyond it."""
    rig = make_rig(simulated)
    intent_id = (await accept(rig, rig.signer.intent(deliver_by=date.max))).terms.intent_id
    await rig.place()
    await rig.follow()
    rig.clock.pass_(days=400)
    await rig.follow()
    order = await _found(rig, intent_id)
    assert (order.state, order.detail, order.tries) == (S.PLACED, None, 0)


TWO_DAYS_LATE = date(2026, 3, 11)


async def _placed(rig: Rig) -> str:
    intent_id = (await accept(rig, rig.signer.intent(hold_s=0))).terms.intent_id
    await rig.place()
    return intent_id


async def test_what_a_merchant_tells_of_an_order_is_told_once_each_time_it_changes(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """Each event carries what is known by then; the same picture again is no event."""
    rig = make_rig(simulated)
    await _placed(rig)
    before = len(await rig.events())
    for told in (
        Followed(Progress.PREPARING, ordered=2, delivered=0, expected_on=TWO_DAYS_LATE),
        Followed(Progress.SHIPPED, delivered=0, substitute_sku="milk-organic", tracking_url="https://shop.example/1"),
        Followed(Progress.PARTLY_DELIVERED, delivered=1),
        Followed(Progress.PARTLY_DELIVERED, delivered=1),
        Followed(Progress.DELIVERED, delivered=2),
    ):
        simulated.told["order-1"] = told
        await rig.follow()
    events = (await rig.events())[before:]
    assert [(event.state, event.delivered_quantity) for event in events] == [
        (S.PLACED, 0),
        (S.SHIPPED, 0),
        (S.PARTLY_DELIVERED, 1),
        (S.DELIVERED, 2),
    ]
    last = events[-1]
    assert (last.expected_on, last.substitute_sku) == (TWO_DAYS_LATE, "milk-organic")
    assert (last.tracking_url, last.returned_quantity, last.refunded_minor) == ("https://shop.example/1", None, None)


async def test_goods_and_money_that_go_back_are_looked_for_once_a_day(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """A delivered order is asked about for a while: first a part goes back, then all of it, then the money."""
    rig = make_rig(simulated)
    intent_id = await _placed(rig)
    for told in (
        Followed(Progress.DELIVERED, delivered=2),
        Followed(Progress.DELIVERED, delivered=2, returned=1),
        Followed(Progress.DELIVERED, delivered=2, returned=2, refunded_minor=400),
        Followed(Progress.DELIVERED, delivered=2, returned=2, refunded_minor=858),
    ):
        simulated.told["order-1"] = told
        rig.clock.pass_(days=1)
        await rig.following.run_once()
    said = [(event.state, event.detail, event.refunded_minor) for event in (await rig.events())[-4:]]
    assert said == [
        (S.DELIVERED, None, None),
        (S.DELIVERED, Detail.PARTLY_RETURNED, None),
        (S.RETURNED, Detail.PARTLY_REFUNDED, 400),
        (S.REFUNDED, None, 858),
    ]
    assert (await _found(rig, intent_id)).due_at is None


async def test_a_cancelled_order_is_still_asked_about_its_money(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """The merchant cancels today and pays back next week."""
    rig = make_rig(simulated)
    intent_id = await _placed(rig)
    simulated.progress["order-1"] = Progress.CANCELLED
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.CANCELLED
    simulated.told["order-1"] = Followed(Progress.CANCELLED, refunded_minor=858)
    rig.clock.pass_(days=1)
    await rig.placing.run_once()
    assert (await rig.states())[-2:] == [S.CANCELLED, S.REFUNDED]


@pytest.mark.parametrize("mode", [None, Mode.AWAY])
@pytest.mark.parametrize("progress", [Progress.DELIVERED, Progress.CANCELLED])
async def test_after_sixty_days_without_news_nothing_more_goes_back(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant, progress: Progress, mode: Mode | None
) -> None:
    """Then the order is left as it is, also where nobody answers."""
    rig = make_rig(simulated)
    intent_id = await _placed(rig)
    simulated.progress["order-1"] = progress
    await rig.follow()
    state = (await _found(rig, intent_id)).state
    simulated.faults = lambda _: mode
    for days, is_over in ((59, False), (2, True)):
        rig.clock.pass_(days=days)
        for _ in range(3):
            await rig.placing.run_once()
            await rig.following.run_once()
            rig.clock.pass_(hours=1)
        order = await _found(rig, intent_id)
        assert (order.state, order.due_at is None) == (state, is_over)


async def test_an_order_that_was_promised_for_later_is_not_lost_before(
    make_rig: Callable[..., Rig], simulated: SimulatedMerchant
) -> None:
    """Silence counts from the day that the merchant named last."""
    rig = make_rig(simulated)
    intent_id = await _placed(rig)
    simulated.told["order-1"] = Followed(Progress.PREPARING, expected_on=date(2026, 4, 20))
    await rig.follow()
    rig.clock.at = rig.clock.at.replace(month=5, day=20)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.PLACED
    rig.clock.pass_(days=1)
    await rig.follow()
    assert (await _found(rig, intent_id)).state is S.NEVER_ARRIVED
