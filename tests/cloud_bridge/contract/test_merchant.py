"""The contract that every merchant passes: our model, the UCP sample server, UCP as each version has it, Vendure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open, Placed, Progress, Rejected, Standing
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantFailingError, MerchantRefusedError
from tests.cloud_bridge.contract.stages import STAGES, WANTED, Stage
from tests.cloud_bridge.rig import MILK

_MARKED = {
    "sample": [pytest.mark.merchant],
    "caldav": [pytest.mark.merchant],
    "ha_todo for real": [pytest.mark.merchant, pytest.mark.timeout(300)],
    "ha_todo for real without descriptions": [pytest.mark.merchant, pytest.mark.timeout(300)],
    "medusa acp": [pytest.mark.medusa, pytest.mark.timeout(900)],
    "medusa ucp": [pytest.mark.medusa, pytest.mark.timeout(900)],
}


@pytest.fixture(params=[pytest.param(name, marks=_MARKED.get(name, [])) for name in STAGES])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """Each merchant in turn."""
    async with STAGES[request.param](request) as played:
        yield played


def _key() -> str:
    return str(uuid4())


async def test_a_quote_is_of_what_was_wanted_with_delivery_in_the_total(stage: Stage) -> None:
    """Unit price, delivery, total and currency come from the merchant, and the total has all of them."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    assert (quote.sku, quote.quantity) == (MILK, 2)
    assert (quote.unit_price_minor, quote.delivery_minor) == (stage.unit_price_minor, stage.delivery_minor)
    assert (quote.total_minor, quote.currency, quote.title) == (stage.total_minor(), stage.currency, stage.title)


async def test_the_same_key_opens_the_same_session_at_todays_price(stage: Stage) -> None:
    """A repeated quote neither opens a second session nor repeats an old price."""
    key = _key()
    first = await stage.merchant.quote(WANTED, key=key)
    stage.set_price(MILK, 200)
    again = await stage.merchant.quote(WANTED, key=key)
    reopened = await stage.merchant.quote(WANTED, key=_key(), session_id=first.session_id)
    assert first.session_id == again.session_id == reopened.session_id
    assert again.total_minor == reopened.total_minor == stage.total_minor(200 if stage.ways.reprices else None)
    assert (await stage.merchant.quote(WANTED, key=_key())).total_minor == stage.total_minor(200)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (Wanted("no-such-thing", 1, "home"), Detail.ITEM_UNAVAILABLE),
        (Wanted(MILK, 60, "home"), Detail.OUT_OF_STOCK),
        (Wanted(MILK, 1, "nowhere"), Detail.ADDRESS_UNDELIVERABLE),
    ],
)
async def test_a_quote_that_cannot_be_is_refused_with_its_reason(stage: Stage, wanted: Wanted, code: Detail) -> None:
    """Unknown product, too little stock and unknown address each have their own code; a list has none of these."""
    stage.set_stock(MILK, 50)
    if not stage.sells:
        assert (await stage.merchant.quote(wanted, key=_key())).quantity == wanted.quantity
        return
    told = {Detail.OUT_OF_STOCK: stage.ways.too_few, Detail.ITEM_UNAVAILABLE: stage.ways.unknown_item}
    reason = told.get(code, code)
    with pytest.raises(MerchantFailingError if reason is None else MerchantRefusedError) as refused:
        await stage.merchant.quote(wanted, key=_key())
    assert getattr(refused.value, "code", None) == reason


async def test_the_ways_of_delivery_are_told_with_the_one_that_is_priced(stage: Stage) -> None:
    """The merchant is left to choose the cheapest; its kind is as far as the merchant tells it."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    assert quote.delivery in {None, *(each.choice for each in quote.deliveries)}
    if not stage.sells:
        assert quote.deliveries == ()
    elif stage.ways.offers_ways:
        told = [(each.price_minor, each.kind) for each in quote.delivered()]
        assert told == [(stage.delivery_minor, stage.kind), (stage.fast_minor, stage.kind)]
        assert quote.delivery == quote.deliveries[0].choice


async def test_an_order_comes_by_the_way_that_was_agreed_to(stage: Stage) -> None:
    """A session that was priced by the cheapest one, too, and it is placed as it was priced."""
    if not (stage.sells and stage.ways.offers_ways):
        pytest.skip("there is one way at the most")
    first = await stage.merchant.quote(WANTED, key=_key())
    fast = replace(WANTED, delivery=first.deliveries[-1].choice)
    quote = await stage.merchant.quote(fast, key=_key(), session_id=first.session_id)
    assert (quote.session_id, quote.delivery) == (first.session_id, fast.delivery)
    assert quote.delivery_minor == stage.fast_minor
    placed = await stage.place(quote.session_id, key=_key())
    assert isinstance(placed, Placed)
    assert placed.total_minor == quote.total_minor == WANTED.quantity * stage.unit_price_minor + stage.fast_minor


@pytest.mark.parametrize("change", [{"id": "no-such-way"}, {"kind": "pick_up_point"}])
async def test_a_way_that_is_not_offered_is_refused_and_no_other_taken(stage: Stage, change: dict[str, str]) -> None:
    """Neither one that is gone, nor one that has become of another kind under the same name."""
    if not (stage.sells and stage.ways.offers_ways):
        pytest.skip("there is one way at the most")
    first = await stage.merchant.quote(WANTED, key=_key())
    other = first.deliveries[-1].choice.model_copy(update=change)
    for session_id in (None, first.session_id):
        with pytest.raises(MerchantRefusedError) as refused:
            await stage.merchant.quote(replace(WANTED, delivery=other), key=_key(), session_id=session_id)
        assert refused.value.code == Detail.TERMS_CHANGED


async def test_placing_twice_with_one_key_makes_one_order(stage: Stage) -> None:
    """The same key is answered with the same order, and a look-up finds it."""
    before, key = stage.count(), _key()
    quote = await stage.merchant.quote(WANTED, key=_key())
    first = await stage.place(quote.session_id, key=key)
    again = await stage.place(quote.session_id, key=key)
    assert isinstance(first, Placed)
    assert first == again
    assert await stage.merchant.get(quote.session_id) == stage.seen_again(first)
    assert (first.total_minor, first.currency, stage.count() - before) == (stage.total_minor(), stage.currency, 1)


async def test_a_session_that_was_sold_is_not_sold_again_under_another_key(stage: Stage) -> None:
    """Another key is no way to a second order, and no way to a new price."""
    before = stage.count()
    quote = await stage.merchant.quote(WANTED, key=_key())
    await stage.place(quote.session_id, key=_key())
    second = await stage.place(quote.session_id, key=_key())
    assert not isinstance(second, Placed | Rejected)
    assert stage.count() - before == 1
    with pytest.raises(MerchantRefusedError) as refused:
        await stage.merchant.quote(WANTED, key=_key(), session_id=quote.session_id)
    assert refused.value.code == Detail.SESSION_CLOSED


async def test_a_payment_that_fails_is_rejected_and_orders_nothing(stage: Stage) -> None:
    """A declined token is a clear no; a list asks for none."""
    if not stage.sells:
        assert not stage.merchant.capability.charges
        return
    if not stage.ways.declines:
        pytest.skip("every token pays here")
    before = stage.count()
    quote = await stage.broke.quote(WANTED, key=_key())
    assert await stage.place(quote.session_id, key=_key(), merchant=stage.broke) == Rejected(Detail.PAYMENT_FAILED)
    assert stage.count() == before


async def test_stock_that_ran_out_since_the_quote_is_rejected(stage: Stage) -> None:
    """The last pack may be gone between quote and order; a list has no packs."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    stage.set_stock(MILK, 1)
    if not stage.sells:
        assert isinstance(await stage.place(quote.session_id, key=_key()), Placed)
        return
    before = stage.count()
    assert await stage.place(quote.session_id, key=_key()) == stage.ways.sold_out
    assert stage.count() == before


async def test_a_session_goes_from_open_to_closed_by_a_cancel(stage: Stage) -> None:
    """After a cancel no order can come of the session; cancelling again changes nothing. Some lists close none."""
    before = stage.count()
    quote = await stage.merchant.quote(WANTED, key=_key())
    assert await stage.merchant.get(quote.session_id) == Open(quote.total_minor, quote.currency)
    await stage.merchant.cancel(quote.session_id)
    await stage.merchant.cancel(quote.session_id)
    if not stage.ways.closes:
        assert stage.merchant.capability.merchant_class is MerchantClass.C  # so nothing is ever sent a second time
        assert (await stage.merchant.get(quote.session_id), stage.count()) == (Open(0, quote.currency), before)
        return
    assert await stage.merchant.get(quote.session_id) is Standing.CLOSED
    assert not isinstance(await stage.place(quote.session_id, key=_key()), Placed)
    assert stage.count() == before


async def test_a_cancel_after_the_order_leaves_the_order(stage: Stage) -> None:
    """Cancelling is for sessions; what was ordered stands."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    placed = await stage.place(quote.session_id, key=_key())
    await stage.merchant.cancel(quote.session_id)
    assert isinstance(placed, Placed)
    assert await stage.merchant.get(quote.session_id) == stage.seen_again(placed)


async def test_a_session_that_never_was_is_missing(stage: Stage) -> None:
    """A look-up tells "not there" from "nobody answered"."""
    assert await stage.merchant.get("no-such-session") is Standing.MISSING


async def test_an_order_is_followed_from_shipped_to_delivered(stage: Stage) -> None:
    """Progress is what the merchant's own record of the order says; between the list and the bag nothing is told."""
    quote = await stage.merchant.quote(WANTED, key=_key())
    placed = await stage.place(quote.session_id, key=_key())
    assert isinstance(placed, Placed)
    order_id, seen = placed.merchant_order_id, []
    for happens in (lambda _: None, stage.ship, stage.deliver):
        happens(order_id)
        seen.append((await stage.merchant.events(order_id, session_id=quote.session_id)).progress)
    told = [Progress.PREPARING, Progress.SHIPPED if stage.sells else Progress.PREPARING, Progress.DELIVERED]
    assert seen == (told if stage.ways.tells_progress else [Progress.PREPARING] * 3)


async def test_an_order_is_followed_although_its_session_was_forgotten(stage: Stage) -> None:
    """A store that was restored from a backup knows it by what a look-up by our reference showed: class B and C."""
    if stage.merchant.capability.merchant_class is MerchantClass.A:
        pytest.skip("it is found by its session, so that is known")
    quote = await stage.merchant.quote(WANTED, key=_key())
    placed = await stage.place(quote.session_id, key=_key())
    assert isinstance(placed, Placed)
    assert (await stage.merchant.events(placed.merchant_order_id)).progress is Progress.PREPARING


async def test_an_order_that_never_was_is_no_progress(stage: Stage) -> None:
    """Nothing is made up about an unknown order."""
    with pytest.raises(MerchantAwayError):
        await stage.merchant.events("no-such-order")
