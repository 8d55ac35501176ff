"""The whole bridge at a merchant that answers badly: an order ends in truth or stays in doubt, and others go on."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import httpx
import pytest

from cloud_bridge.core.order import Detail
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.ports import CrashPoint, Merchant, no_crash
from cloud_bridge.wire import Intent, OrderState, figures
from tests.cloud_bridge.contract.bad_answers import KINDS, WANTED, Shop, is_bounded
from tests.cloud_bridge.rig import HOUSEHOLD, MILK, Rig, accept
from tests.cloud_bridge.tampering import ELSEWHERE, Fault, doubled, endless, raw, renamed, swapped

S = OrderState
pytestmark = [pytest.mark.merchant, pytest.mark.timeout(300)]

_FIELDS = ("status", "currency", "currencyCode", "multistatus", "BEGIN")


def _renamed(answer: httpx.Response) -> httpx.Response:
    """One field that is read by whichever kind, by another name."""
    for name in _FIELDS:
        answer = renamed(name)(answer)
    return answer


FAULTS: dict[str, Fault] = {
    "renames a field": _renamed,
    "changes the currency": swapped("(?i)usd", "EUR"),
    "halves the pack": swapped("Whole milk 1 L", "Whole milk 500 mL"),
    "halves the number": swapped(r'("(?:quantity|original|total|ordered|current)"\s*:\s*)2', r"\g<1>1"),
    "sends a gigabyte": endless,
    "redirects": raw(307, b"", location=ELSEWHERE),
    "says all twice": doubled,
    "sends a page": raw(200, b"<html>", content_type="text/html"),
}
# What a list does not tell cannot be told wrongly: it has no currency, no prices, and the operator's own titles.
_NOT_TOLD = {"caldav": {"changes the currency", "halves the pack", "halves the number", "says all twice"}}
_OTHER_TERMS = {"changes the currency", "halves the pack", "halves the number"}


@pytest.fixture(params=list(KINDS))
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """Each kind in turn."""
    async with KINDS[request.param](request) as opened:
        opened.kind = request.param
        opened.reset()
        yield opened


async def _intent(rig: Rig, merchant: Merchant) -> Intent:
    """What the household agreed to at the honest merchant's price and title."""
    quote = await merchant.quote(WANTED, key=str(uuid4()))
    return rig.signer.intent(
        unit_price_minor=quote.unit_price_minor,
        delivery_minor=quote.delivery_minor,
        total_minor=quote.total_minor,
        total_max_minor=quote.total_minor,
        title_figures=figures(quote.title),
    )


@pytest.mark.parametrize("name", FAULTS)
async def test_nothing_is_bought_of_a_merchant_that_answers_badly_from_the_first_word(
    shop: Shop, make_rig: Callable[..., Rig], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """The order waits or is refused, with its reason; another merchant's is placed meanwhile, at once."""
    other = SimulatedMerchant({MILK: Shelf("Whole milk 1 L", 179, 50)})
    rig = make_rig(await shop.connect(), others={"other": other})
    intent, before = await _intent(rig, await shop.connect()), shop.count()
    await accept(rig, rig.signer.intent(merchant="other", hold_s=intent.terms.hold_s))
    await accept(rig, intent)
    shop.wire.arm(FAULTS[name])
    with caplog.at_level(logging.INFO):
        await rig.place(rounds_max=2)
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    assert (len(other.ledger), is_bounded(shop)) == (1, True)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    if name in _NOT_TOLD.get(shop.kind, set()):
        assert (order.state, shop.wire.changed) == (S.PLACED, 0)
        return
    refused, waits = (S.REJECTED, Detail.TERMS_CHANGED), (S.HELD, Detail.MERCHANT_AWAY)
    assert (order.state, order.detail) == (refused if name in _OTHER_TERMS else waits)
    assert (shop.count() - before, shop.wire.changed > 0) == (0, True)


@pytest.mark.parametrize("name", FAULTS)
async def test_an_order_whose_answers_are_bad_is_found_or_shown_and_never_made_twice(
    shop: Shop, make_rig: Callable[..., Rig], name: str
) -> None:
    """The merchant is honest before and after: what it sold is told, once, and what it did not sell is not."""
    rig = make_rig(await shop.connect())
    intent, before = await _intent(rig, rig.merchant), shop.count()
    await accept(rig, intent)

    def at(point: CrashPoint) -> None:
        if point is CrashPoint.ATTEMPT_SAVED:
            shop.wire.arm(FAULTS[name])
        elif point is CrashPoint.ANSWERED:
            shop.wire.disarm()

    rig.crash = at
    await rig.place(rounds_max=1)
    rig.crash = no_crash
    assert shop.wire.changed or shop.kind == "caldav"  # whose answer to a PUT has nothing to be changed in it
    await rig.place(rounds_max=12)
    order = await rig.store.find(HOUSEHOLD, intent.terms.intent_id)
    assert order is not None
    sold = shop.count() - before
    assert (sold <= 1, is_bounded(shop), order.detail != Detail.INTERNAL) == (True, True, True)
    assert order.state is S.PLACED if sold else order.state in {S.REJECTED, S.EXPIRED, S.UNKNOWN, S.PARKED}
    if sold:
        is_told = order.currency == intent.terms.currency or order.detail == Detail.CHARGED_ABOVE_LIMIT
        assert (order.total_minor, is_told) == (intent.terms.total_minor, True)
