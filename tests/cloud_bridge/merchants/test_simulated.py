"""The model merchant is as hostile as it says, and its ledger is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.core.order import Detail
from cloud_bridge.core.outcome import Open, Outcome, Placed, Rejected, Standing, Unknown
from cloud_bridge.core.quote import Wanted
from cloud_bridge.errors import MerchantAwayError, MerchantRefusedError, MerchantUnclearError
from cloud_bridge.merchants.capabilities import SIMULATED
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import LOST_ANSWERS, MEETS, Mode, seeded_plan
from tests.cloud_bridge.rig import MILK, HandClock

WANTED = Wanted(MILK, 2, "home")
MINE = Placed("order-1", 858, "USD", "key", MILK, 2)


def _merchant(clock: HandClock, kind: MerchantClass = MerchantClass.A) -> SimulatedMerchant:
    capability = replace(SIMULATED, merchant_class=kind)
    return SimulatedMerchant({MILK: Shelf("Milk", 179, 50)}, capability=capability, now=clock.now)


async def _opened(merchant: SimulatedMerchant) -> str:
    return (await merchant.quote(WANTED, key="open")).session_id


@pytest.mark.parametrize(
    ("mode", "outcome", "sold"),
    [
        (None, MINE, 1),
        (Mode.AWAY, Unknown(Detail.MERCHANT_AWAY), 0),
        *((mode, Unknown(Detail.NO_ANSWER), 1) for mode in sorted(LOST_ANSWERS)),
        (Mode.REDIRECT, Unknown(Detail.NO_ANSWER), 0),
        (Mode.CACHED_500, Unknown(Detail.NO_ANSWER), 0),
        (Mode.PENDING, Unknown(Detail.IN_PROGRESS), 1),
        (Mode.REFUSED, Rejected(Detail.MERCHANT_REFUSED), 0),
        (Mode.LYING_LOOK_UP, MINE, 1),  # not a way to treat an order: nothing happens, and nothing is counted
    ],
)
async def test_an_order_meets_its_mode(clock: HandClock, mode: Mode | None, outcome: Outcome, sold: int) -> None:
    """What is answered, and what is in the ledger."""
    merchant = _merchant(clock)
    session_id = await _opened(merchant)
    merchant.faults = lambda _: mode
    assert await merchant.place(session_id, key="key") == outcome
    assert [each.reference for each in merchant.ledger] == ["key"] * sold
    met = {mode: 1} if mode in MEETS["place"] else {}
    assert merchant.met == Counter(met)


@pytest.mark.parametrize(
    ("mode", "total_minor", "quantity", "currency"),
    [
        (None, 858, 2, "USD"),
        (Mode.PRICE_UP_CENT, 859, 2, "USD"),
        (Mode.PRICE_UP_300, 858 * 4, 2, "USD"),
        (Mode.CURRENCY_SWAP, 858, 2, "EUR"),
        (Mode.QUANTITY_ADJUSTED, 679, 1, "USD"),
    ],
)
async def test_a_quote_meets_its_mode_and_an_order_costs_that(
    clock: HandClock, mode: Mode | None, total_minor: int, quantity: int, currency: str
) -> None:
    """Whoever pays without comparing pays what the ledger says."""
    merchant = _merchant(clock)
    merchant.faults = lambda _: mode
    quote = await merchant.quote(WANTED, key="open")
    merchant.faults = lambda _: None
    assert (quote.total_minor, quote.quantity, quote.currency) == (total_minor, quantity, currency)
    assert quote.unit_price_minor * quote.quantity + quote.delivery_minor == quote.total_minor
    await merchant.place(quote.session_id, key="key")
    sold = merchant.ledger[0]
    assert (sold.total_minor, sold.quantity, sold.currency) == (total_minor, quantity, currency)


async def test_a_look_up_lags_and_lies(clock: HandClock) -> None:
    """Late by less than the declared lag; and another household's order for ours."""
    merchant = _merchant(clock)
    session_id = await _opened(merchant)
    await merchant.place(session_id, key="key")
    merchant.faults = lambda _: Mode.LAGGING_LOOK_UP
    assert await merchant.get(session_id) == Open(858, "USD")
    clock.pass_(seconds=90)
    assert await merchant.get(session_id) == MINE
    merchant.faults = lambda _: Mode.LYING_LOOK_UP
    assert await merchant.get(session_id) != MINE
    assert merchant.met == Counter({Mode.LAGGING_LOOK_UP: 1, Mode.LYING_LOOK_UP: 1})


async def test_a_pending_order_is_shown_later(clock: HandClock) -> None:
    """It is in the ledger all the time."""
    merchant = _merchant(clock)
    session_id = await _opened(merchant)
    merchant.faults = lambda _: Mode.PENDING
    await merchant.place(session_id, key="key")
    merchant.faults = lambda _: None
    assert await merchant.get(session_id) is Standing.BUSY
    clock.pass_(minutes=10)
    assert await merchant.get(session_id) == MINE


async def test_class_a_sells_again_once_the_key_is_pruned(clock: HandClock) -> None:
    """Until then the same key is answered with the same order, and the session sells nothing more."""
    merchant = _merchant(clock)
    session_id = await _opened(merchant)
    for _ in range(2):
        assert await merchant.place(session_id, key="key") == MINE
    assert await merchant.place(session_id, key="another") == Unknown(Detail.NO_ANSWER)
    with pytest.raises(MerchantRefusedError) as ended:
        await merchant.quote(WANTED, key="open")
    assert ended.value.session_id == session_id
    clock.pass_(hours=24)
    await merchant.place(session_id, key="key")
    assert (len(merchant.ledger), merchant.met[Mode.KEY_PRUNED]) == (2, 1)


@pytest.mark.parametrize("kind", [MerchantClass.B, MerchantClass.C])
async def test_the_other_classes_sell_whatever_they_are_asked_to(clock: HandClock, kind: MerchantClass) -> None:
    """B can be asked by our reference, C by nothing."""
    merchant = _merchant(clock, kind)
    session_id = await _opened(merchant)
    for _ in range(2):
        assert isinstance(await merchant.place(session_id, key="key"), Placed)
    assert len(merchant.ledger) == 2
    if kind is MerchantClass.B:
        assert await merchant.get("another", reference="key") == MINE
        assert await merchant.get(session_id, reference="none") is Standing.MISSING
    else:
        with pytest.raises(MerchantUnclearError):
            await merchant.get(session_id, reference="key")


@pytest.mark.parametrize("mode", sorted({*LOST_ANSWERS, Mode.REDIRECT, Mode.AWAY}))
async def test_other_requests_meet_theirs(clock: HandClock, mode: Mode) -> None:
    """A close is done or not, a look-up is unclear, a quote can be asked again under its key."""
    merchant = _merchant(clock)
    session_id = await _opened(merchant)
    merchant.faults = lambda _: mode
    with pytest.raises((MerchantAwayError, MerchantUnclearError)):
        await merchant.get(session_id)
    with pytest.raises((MerchantAwayError, MerchantUnclearError)):
        await merchant.events("order-1")
    with pytest.raises(MerchantAwayError):
        await merchant.quote(WANTED, key="open")
    with pytest.raises(MerchantAwayError):
        await merchant.cancel(session_id)
    assert (merchant.open_sessions() == set()) == (mode in LOST_ANSWERS)


def test_a_plan_is_the_same_from_the_same_seed_and_draws_every_mode() -> None:
    """Each request meets its own modes, and no other."""
    plans = [seeded_plan(Random(7), share=0.5) for _ in range(2)]
    for request, modes in MEETS.items():
        drawn = [plans[0](request) for _ in range(400)]
        assert drawn == [plans[1](request) for _ in range(400)]
        assert set(drawn) == {None, *modes}
