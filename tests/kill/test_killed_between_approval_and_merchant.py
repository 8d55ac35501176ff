"""One approval, one order at the merchant, whichever process dies at whichever step on the way.

The merchant's own database is the judge; hub, bridge and merchant must name the same order in the end.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.cloud_bridge.sample_merchant import SampleMerchant
from tests.kill.conftest import HomeMaker
from tests.kill.deaths import (
    APPROVE,
    COMPLETE,
    CREATE,
    EVENTS,
    FOLLOW,
    INTENT,
    LOOK_UP,
    PROFILE,
    UPDATE,
    Death,
    bridge,
    hub,
)
from tests.kill.home import BRIDGE, HUB, Home
from tests.kill.oracle import order_faults
from tests.kill.waiting import comes_true
from tests.kill.wiretap import Moment, Trap

pytestmark = [pytest.mark.merchant, pytest.mark.demo]

BEFORE, AFTER, PASSED = Moment
DONE, ANSWERED_ALREADY, NO_ANSWER = 303, 409, 502
SPRUNG_WITHIN_S = 30.0
SAID_WITHIN_S = 10.0

DEATHS = {
    "hub, approval answered": (hub(APPROVE, PASSED),),
    "hub, intent not sent": (hub(INTENT, BEFORE),),
    "hub, receipt not seen": (hub(INTENT, AFTER),),
    "hub, events not asked": (hub(EVENTS, BEFORE),),
    "hub, events not seen": (hub(EVENTS, AFTER),),
    "bridge, intent not taken": (bridge(INTENT, BEFORE),),
    "bridge, receipt not given": (bridge(INTENT, AFTER),),
    "bridge, receipt given": (bridge(INTENT, PASSED),),
    "bridge, profile not asked": (bridge(PROFILE, BEFORE),),
    "bridge, profile not seen": (bridge(PROFILE, AFTER),),
    "bridge, session not opened": (bridge(CREATE, BEFORE),),
    "bridge, session not seen": (bridge(CREATE, AFTER),),
    "bridge, delivery not selected": (bridge(UPDATE, BEFORE),),
    "bridge, price not seen": (bridge(UPDATE, AFTER),),
    "bridge, order not sent": (bridge(COMPLETE, BEFORE),),
    "bridge, order not seen": (bridge(COMPLETE, AFTER),),
    "bridge, order not followed": (bridge(FOLLOW, BEFORE),),
    "bridge, progress not seen": (bridge(FOLLOW, AFTER),),
    "both, order not seen": (Death(COMPLETE, AFTER, (HUB, BRIDGE)),),
    "bridge, order not seen, then not looked up": (bridge(COMPLETE, AFTER), bridge(LOOK_UP, BEFORE)),
    "bridge, order not seen, look-up not seen": (bridge(COMPLETE, AFTER), bridge(LOOK_UP, AFTER)),
    "bridge, order not sent, then sent and not seen": (bridge(COMPLETE, BEFORE), bridge(COMPLETE, AFTER)),
    "hub and bridge in turn": (hub(INTENT, AFTER), bridge(CREATE, AFTER), bridge(COMPLETE, AFTER), hub(EVENTS, AFTER)),
}


@pytest.mark.parametrize("deaths", DEATHS.values(), ids=DEATHS.keys())
async def test_a_death_on_the_way_leaves_one_order(make_home: HomeMaker, deaths: tuple[Death, ...]) -> None:
    """After the restart the order comes to be placed, once."""
    async with make_home() as home:
        form = await home.form()
        trap = _set(home, deaths[0])
        assert await home.approve(form) == DONE
        for death, following in zip(deaths, (*deaths[1:], None), strict=True):
            await _sprung(trap, death)
            trap = _set(home, following) if following else trap
            await home.start(*death.victims, answering=following is None)
        await _is_placed_once(home)


@pytest.mark.parametrize(("moment", "pressed_again"), [(BEFORE, DONE), (AFTER, ANSWERED_ALREADY)])
async def test_a_button_pressed_again_after_a_death_orders_once(
    make_home: HomeMaker, moment: Moment, pressed_again: int
) -> None:
    """No answer came, so the person presses again: taken once, whether or not the first press had counted."""
    async with make_home() as home:
        form = await home.form()
        death = hub(APPROVE, moment)
        trap = _set(home, death)
        assert await home.approve(form) == NO_ANSWER
        await _sprung(trap, death)
        await home.start(HUB)
        assert await home.approve(form) == pressed_again
        await _is_placed_once(home)


async def test_a_bridge_that_dies_while_it_holds_an_order_sends_it_later(make_home: HomeMaker) -> None:
    """The hold outlives the process."""
    async with make_home(hold_s=800) as home:
        form = await home.form()
        death = bridge(EVENTS, BEFORE)
        trap = _set(home, death)
        assert await home.approve(form) == DONE
        await _sprung(trap, death)
        assert home.to_merchant.requests == [], "the bridge did not hold the order"
        await home.start(BRIDGE)
        await _is_placed_once(home)


async def test_an_order_approved_while_the_merchant_is_down_waits_and_says_so(
    make_home: HomeMaker, merchant: SampleMerchant
) -> None:
    """The prompt's page says that the merchant cannot be reached; when it is back the order is placed, once."""
    async with make_home(direct=True) as home:
        merchant.stop()
        try:
            assert await home.approve(await home.form()) == DONE
            said = await home.page_says("the merchant could not be reached", within_s=SAID_WITHIN_S)
        finally:
            await asyncio.to_thread(merchant.start)
        await _is_placed_once(home)
        assert said, "the page did not say that the order waits for the merchant"


def _set(home: Home, death: Death) -> Trap:
    wiretap = {APPROVE: home.to_hub, INTENT: home.to_bridge, EVENTS: home.to_bridge}.get(
        death.request, home.to_merchant
    )
    wiretap.trap = Trap(death.request, death.moment, spring=lambda: home.kill(*death.victims))
    return wiretap.trap


async def _sprung(trap: Trap, death: Death) -> None:
    assert await comes_true(trap.sprung.is_set, within_s=SPRUNG_WITHIN_S), f"{death} did not happen"


async def _is_placed_once(home: Home) -> None:
    placed = await home.placed()
    faults = order_faults(await home.books())
    assert not faults, f"{faults}; asked of the merchant: {home.to_merchant.requests}"
    assert placed
