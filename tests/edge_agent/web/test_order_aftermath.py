"""What an order's card says of the time after it was placed, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import httpx
import pytest

from edge_agent.core.intent import IntentState
from edge_agent.core.order_facts import OrderFacts
from edge_agent.web.timeline import tracking
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_intent, sample_prompt

PAGE = "/prompts/p-fluid"
S = IntentState


def stand(house: House, state: IntentState, facts: OrderFacts, **changes: object) -> None:
    """Put the order of the sample home, for two packs, at a state with these facts."""
    order = replace(
        house.home.all_intents["i-p-fluid"], state=state, created_at=NOW, quantity=2, facts=facts, **changes
    )  # type: ignore[arg-type]
    house.home.all_intents["i-p-fluid"] = order


@pytest.mark.parametrize(
    ("state", "facts", "said"),
    [
        (S.PARTLY_DELIVERED, OrderFacts(delivered_quantity=1), "Packs that came: 1 of 2."),
        (S.DELIVERED, OrderFacts(delivered_quantity=2, returned_quantity=1), "Packs that went back: 1 of 2."),
        (S.DELIVERED, OrderFacts(refunded_minor=1250), "Paid back by the merchant: $12.50."),
        (S.SHIPPED, OrderFacts(expected_on=date(2026, 3, 27)), "Expected Fri 27 Mar"),
        (S.SHIPPED, OrderFacts(substitute_sku="oat-drink"), "its number: oat-drink"),
    ],
)
async def test_each_fact_is_said(
    owner: httpx.AsyncClient, house: House, state: IntentState, facts: OrderFacts, said: str
) -> None:
    """As the merchant told it, and no more."""
    stand(house, state, facts)
    assert said in (await owner.get(PAGE)).text


async def test_what_nobody_told_is_not_said(owner: httpx.AsyncClient, house: House) -> None:
    """Unknown is not zero: no count, no sum, no link."""
    stand(house, S.SHIPPED, OrderFacts(delivered_quantity=0))
    page = (await owner.get(PAGE)).text
    assert not any(word in page for word in ("data-told", "data-must-count", "data-tracking"))


async def test_another_product_that_came_has_to_be_counted(owner: httpx.AsyncClient, house: House) -> None:
    """The page says that nothing was added, and leads to where it is counted."""
    stand(house, S.DELIVERED, OrderFacts(delivered_quantity=2, substitute_sku="oat-drink"))
    page = (await owner.get(PAGE)).text
    assert "data-must-count" in page
    item = house.home.all_intents["i-p-fluid"].item
    assert f'<a href="/items/{item}">Count now</a>' in page


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example/orders/1", "shop.example"),
        ("http://shop.example/orders/1", None),
        ("https://shop.example@evil.example/", None),
        (None, None),
    ],
)
def test_a_person_is_sent_to_a_safe_address_only(url: str | None, host: str | None) -> None:
    """The rules are those of a page that an order is finished at."""
    shipped = sample_intent(sample_prompt(), state=S.SHIPPED, at=NOW, facts=OrderFacts(tracking_url=url))
    assert tracking(shipped) == (None if host is None else (url, host))


@pytest.mark.parametrize(
    ("state", "told"), [(S.HELD, False), (S.SENDING, True), (S.PLACED, True), (S.DELIVERED, False)]
)
async def test_after_the_hold_the_page_says_what_restock_cannot_do(
    owner: httpx.AsyncClient, house: House, state: IntentState, told: bool
) -> None:
    """And where it may still be done: on the merchant's own page, where there is one."""
    stand(house, state, OrderFacts(tracking_url="https://shop.example/orders/1"))
    page = (await owner.get(PAGE)).text
    assert ("data-after-hold" in page) == told
    assert "https://shop.example/orders/1" in page


async def test_an_order_that_the_hub_took_back_says_why_and_how_to_undo_it(
    owner: httpx.AsyncClient, house: House
) -> None:
    """On its page and first of all, for a day; not as a cancellation of the household's."""
    withdrawn = {"detail": "cancelled_by_household", "withdrawn_for": "bought_elsewhere", "changed_at": NOW}
    stand(house, S.CANCELLED, OrderFacts(), **withdrawn)
    page = (await owner.get(PAGE)).text
    assert "this hub took it back by itself: the goods were bought elsewhere meanwhile" in page
    assert "you are asked again" in page
    assert "you cancelled it" not in page
    assert "bought elsewhere meanwhile" in (await owner.get("/")).text
