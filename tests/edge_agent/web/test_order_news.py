"""What an order's card says to do next: the time to cancel, the merchant's own page, a merchant that is gone."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from markupsafe import escape

from edge_agent.core.intent import IntentState
from edge_agent.web.timeline import handoff, next_step
from edge_agent.web.wording import INTENT_DETAILS
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_intent, sample_prompt

PAGE = "/prompts/p-fluid"
S = IntentState


def stand(house: House, state: IntentState, **changes: object) -> None:
    """Put the order of the sample home at a state."""
    order = replace(house.home.all_intents["i-p-fluid"], state=state, created_at=NOW, **changes)  # type: ignore[arg-type]
    house.home.all_intents["i-p-fluid"] = order


@pytest.mark.parametrize(("gone_s", "left", "told"), [(0, "120", "2:00"), (35, "85", "1:25"), (119, "1", "0:01")])
async def test_the_time_to_cancel_counts_down(
    owner: httpx.AsyncClient, house: House, clock: ManualClock, gone_s: int, left: str, told: str
) -> None:
    """The server says what is left, so it is right without a script; a timer speaks only when it is asked."""
    stand(house, S.HELD)
    clock.advance(seconds=gone_s)
    for path in (PAGE, "/orders"):
        page = (await owner.get(path)).text
        assert f'role="timer" data-left-s="{left}">{told}<' in page
        assert "aria-live" not in page


async def test_after_the_hold_nothing_counts(owner: httpx.AsyncClient, house: House, clock: ManualClock) -> None:
    """Nor where the order waits for another reason."""
    stand(house, S.HELD)
    clock.advance(seconds=120)
    page = (await owner.get(PAGE)).text
    assert "data-left-s" not in page
    assert "It may be sent at any moment." in page


def order(state: IntentState = S.NEEDS_BUYER, **changes: object) -> object:
    """An order that stands somewhere."""
    return sample_intent(sample_prompt(), state=state, at=NOW, **changes)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/finish?id=1", "shop.example"),
        ("https://SHOP.example:8443/finish", "shop.example"),
        ("https://evil.example\\.shop.example/", None),
        ("https://shop.example\\@evil.example/", None),
        ("https://sh\u043ep.example/", None),
        ("https://shop.example%2eevil.example/", None),
        ("https://[::1]/finish", None),
        ("https:///finish", None),
        ("https://" + "a" * 300 + ".example/", None),
    ],
)
def test_the_host_in_sight_is_where_a_browser_goes(url: str, host: str | None) -> None:
    """A host that browsers read in another way, or that only looks like one, is no link."""
    found = handoff(order(handoff_url=url))  # type: ignore[arg-type]
    assert found == (None if host is None else (url, host))


async def test_the_way_to_the_merchant_says_what_to_do_when_it_has_ended(
    owner: httpx.AsyncClient, house: House
) -> None:
    """The link opens the merchant's own page; an expired one is left alone."""
    stand(house, S.NEEDS_BUYER, handoff_url="https://shop.example/finish?id=1")
    page = (await owner.get(PAGE)).text
    assert "Does that page say that it has expired? Then leave it" in page
    assert len(re.findall(r'<a class="button" href="https://shop.example[^"]*" rel="noopener noreferrer">', page)) == 1


@pytest.mark.parametrize("url", [None, "http://shop.example/finish", "javascript:alert(1)"])
async def test_without_a_safe_address_the_page_says_where_to_go(
    owner: httpx.AsyncClient, house: House, url: str | None
) -> None:
    """Nobody is left with "finish it there" and no there."""
    stand(house, S.NEEDS_BUYER, handoff_url=url)
    page = (await owner.get(PAGE)).text
    assert 'data-handoff="none"' in page
    assert "Go to its page or app by yourself" in page


@pytest.mark.parametrize(
    ("state", "detail", "told"),
    [
        (S.HELD, "merchant_away", "The order service tries again by itself until the offer ends"),
        (S.EXPIRED, "merchant_away", "you are asked again with a new offer"),
        (S.REJECTED, "out_of_stock", "Buy it elsewhere this time"),
        (S.REJECTED, "item_unavailable", "bind the item to another product"),
        (S.REJECTED, "terms_changed", "you are asked again with a new offer"),
        (S.EXPIRED, "buyer_did_not_finish", "you are asked again with a new offer"),
    ],
)
async def test_a_merchant_that_is_gone_is_said_with_the_next_step(
    owner: httpx.AsyncClient, house: House, state: IntentState, detail: str, told: str
) -> None:
    """Why, then what to do; on the order's page and in the list."""
    stand(house, state, detail=detail)
    for path in (PAGE, "/orders"):
        page = (await owner.get(path)).text
        assert escape(INTENT_DETAILS[detail]) in page
        assert told in page[page.index("data-next-step") :]


def test_what_a_person_has_to_look_up_has_no_second_advice() -> None:
    """An order in doubt says itself what to do: buying elsewhere would be wrong there."""
    for state in (S.PARKED, S.UNKNOWN, S.NEEDS_BUYER, S.DELIVERED):
        assert next_step(order(state, detail="out_of_stock")) is None  # type: ignore[arg-type]
