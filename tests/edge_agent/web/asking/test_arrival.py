"""What a question says of days: none that has passed is given as one that is still to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx

from edge_agent.core.intent import IntentState
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_intent, sample_prompt


def grown_old(house: House, *, days: int) -> None:
    """The question about milk has stood for so many days."""
    asked = sample_prompt()
    aged = replace(
        asked,
        offer=replace(asked.offer, deliver_by=asked.offer.deliver_by - timedelta(days=days)),
        created_at=asked.created_at - timedelta(days=days),
        order_by=asked.order_by - timedelta(days=days),
    )
    house.home.add(aged)


async def test_a_day_to_order_by_that_has_passed_is_said_as_passed(owner: httpx.AsyncClient, house: House) -> None:
    """On Home and beside the terms, with what follows from it."""
    grown_old(house, days=2)
    home, asked = (await owner.get("/")).text, (await owner.get("/prompts/p-milk")).text
    for page in (home, asked):
        assert "should have been ordered by yesterday" in page.lower()
        assert "may come after it runs out" in page
    assert "Order by yesterday" not in home


async def test_a_day_that_is_still_to_come_is_said_as_before(owner: httpx.AsyncClient) -> None:
    """No more words than needed."""
    assert "Order by tomorrow" in (await owner.get("/")).text
    assert "should have been" not in (await owner.get("/prompts/p-milk")).text.lower()


async def test_nothing_ordered_now_is_here_before_a_delivery_takes(owner: httpx.AsyncClient, house: House) -> None:
    """The terms keep the day that would be agreed to; what is expected counts from today."""
    grown_old(house, days=2)
    house.settings.stands = house.settings.stands.model_copy(update={"lead_time_d": 3})
    house.home.all_intents.clear()
    assert "here by Thu 5 Mar" in (await owner.get("/")).text
    page = (await owner.get("/prompts/p-milk")).text
    assert 'data-term="deliver_by">today' in page
    assert "ordered now, rather by Thu 5 Mar" in page
    assert "Ordered now, it is here by Thu 5 Mar." in page


async def test_what_a_merchant_took_so_far_counts(owner: httpx.AsyncClient, house: House) -> None:
    """Orders that took long make the next one expected later."""
    for number in range(6):
        ident = house.home.add(replace(sample_prompt(f"p-past-{number}"), created_at=NOW - timedelta(days=20)))
        came = replace(
            sample_intent(ident, state=IntentState.DELIVERED, at=NOW - timedelta(days=20)),
            changed_at=NOW - timedelta(days=10),
        )
        house.home.all_intents[came.id] = came
    assert "here by Mon 9 Mar" in (await owner.get("/")).text


async def test_an_order_is_expected_as_much_later_as_its_question_stood(owner: httpx.AsyncClient, house: House) -> None:
    """A delivery takes as long as was offered, from the day it was ordered."""
    asked = sample_prompt("p-late")
    waited = replace(asked, created_at=asked.created_at - timedelta(days=2))
    intent = sample_intent(house.home.add(waited), state=IntentState.PLACED, at=NOW)
    house.home.all_intents.clear()
    house.home.all_intents[intent.id] = intent
    assert "By Fri 6 Mar" in (await owner.get("/")).text
    assert "Expected Fri 6 Mar." in (await owner.get("/prompts/p-late")).text
