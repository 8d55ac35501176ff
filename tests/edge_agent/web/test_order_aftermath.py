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
        (S.SHIPPED, OrderFacts(ordered_quantity=1), "Packs that the merchant cancelled: 1 of 2."),
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
        ("https://track.carrier.example:443/p/9", "track.carrier.example"),
        ("https://xn--pst-ula.example/p/9", "xn--pst-ula.example"),
        ("https://CARRIER.example/p/9", "carrier.example"),
        ("http://shop.example/orders/1", None),
        ("https://shop.example@evil.example/", None),
        ("https://shop.example\\@evil.example/", None),
        ("https://carrier.example:8443/p/9", None),
        ("https://carrier.example:port/p/9", None),
        ("https://carrier.example:0/p/9", None),
        ("https://carrier.ex%61mple/p/9", None),
        ("https://192.168.1.1/reboot", None),
        ("https://[::1]/", None),
        ("https://router/", None),
        (None, None),
    ],
)
def test_a_person_is_sent_to_a_safe_address_only(url: str | None, host: str | None) -> None:
    """Any host that is named in full, by https; what the order service let through is looked at once more."""
    shipped = sample_intent(sample_prompt(), state=S.SHIPPED, at=NOW, facts=OrderFacts(tracking_url=url))
    assert tracking(shipped) == (None if host is None else (url, host))


async def test_a_link_to_look_says_where_it_leads_and_whose_word_it_is(owner: httpx.AsyncClient, house: House) -> None:
    """Before it is opened, which only a person's own click does, and without telling where they come from."""
    stand(house, S.SHIPPED, OrderFacts(tracking_url="https://xn--pst-ula.example/p/9?id=1&x=2"))
    page = (await owner.get(PAGE)).text
    line = page.split("data-tracking")[0].rsplit("<p", 1)[1] + page.split("data-tracking")[1].split("</p>")[0]
    assert 'href="https://xn--pst-ula.example/p/9?id=1&amp;x=2" rel="noopener noreferrer"' in line
    assert "<bdi>xn--pst-ula.example</bdi>" in line
    assert "told by <bdi>grocer</bdi>" in line


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
