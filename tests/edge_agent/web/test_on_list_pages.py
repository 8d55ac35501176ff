"""The pages of what goes on a list: nothing is bought, ordered, delivered or paid there, and no page says so."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import ItemId
from edge_agent.core.prompt import PromptState
from edge_agent.web import timeline
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_intent, sample_offer, sample_prices, sample_prompt

_NOTHING = {"unit_price_minor": 0, "delivery_minor": 0, "total_minor": 0, "total_max_minor": 0}


def listed_offer() -> Offer:
    """Milk, for a list."""
    return sample_offer(**_NOTHING | {"on_list": True, "merchant": "kitchen_list"})  # type: ignore[arg-type]


@pytest.fixture
def asked(house: House) -> House:
    """A home in which milk goes on a list."""
    house.home.add(sample_prompt(offer=listed_offer()))
    return house


async def test_the_question_is_whether_to_put_it_on_the_list(owner: httpx.AsyncClient, asked: House) -> None:
    """Number, pack and list stand there; a price does not, nor a day of delivery."""
    page = (await owner.get("/prompts/p-milk")).text
    assert "Put <bdi>Milk</bdi> on the list?" in page
    assert ">Put on the list</button>" in page
    assert "Nothing is ordered or paid." in page
    assert 'data-term="quantity">4 packs<' in page
    assert "1,035 g" in page
    assert 'data-term="merchant"><bdi>kitchen_list</bdi>' in page
    for untrue in ("$0.00", "Order and pay", "Delivered by", "Price of a pack", "an order would come"):
        assert untrue not in page


async def test_the_first_page_asks_the_same(owner: httpx.AsyncClient, asked: House) -> None:
    """Without a sum."""
    page = (await owner.get("/")).text
    assert "Put <bdi>Milk</bdi> on the list?" in page
    assert "on the list <bdi>kitchen_list</bdi>: nothing is ordered or paid" in page
    assert "$0.00" not in page


async def test_chinese_readers_are_asked_the_same(owner: httpx.AsyncClient, asked: House) -> None:
    """In their words."""
    page = (await owner.get("/prompts/p-milk", headers={"Accept-Language": "zh-CN"})).text
    assert "放上清单" in page
    assert "on the list" not in page


def _order(state: IntentState) -> IntentRecord:
    prompt = sample_prompt(offer=listed_offer())
    return sample_intent(prompt, state=state, at=NOW, charged_minor=0, merchant_order_id="e-1")


@pytest.mark.parametrize(("state", "words"), [(IntentState.PLACED, "On the list"), (IntentState.DELIVERED, "Bought")])
async def test_what_stands_on_the_list_is_not_under_way(
    owner: httpx.AsyncClient, house: House, state: IntentState, words: str
) -> None:
    """It is on the list, then bought; nobody sends it, and it cannot fail to arrive."""
    prompt = replace(sample_prompt(offer=listed_offer()), state=PromptState.APPROVED)
    house.home.add(prompt)
    house.home.all_intents["i-p-milk"] = _order(state)
    page = (await owner.get("/prompts/p-milk")).text
    assert f">{words}</span>" in page
    for untrue in ("$0.00", "Expected ", "It never came", "Shipped", "Order and pay"):
        assert untrue not in page


def test_every_state_has_its_steps_on_a_list() -> None:
    """Whatever the order service says, also what cannot be."""
    for state in IntentState:
        steps = timeline.steps(_order(state), is_listed=True)
        assert [step.position for step in steps].count("now") == 1


async def test_an_item_for_a_list_has_no_price_history(owner: httpx.AsyncClient, house: House) -> None:
    """It is told that none is known; what was paid at a shop before is not taken for it."""
    known = house.home.known["milk"]
    lines = sample_prices("milk", minor=(429, 419))
    newest = replace(lines[0], unit_price_minor=None, delivery_minor=None)
    house.home.known["milk"] = replace(known, prices=(newest, *lines[1:]))
    page = (await owner.get(f"/items/{ItemId('milk')}")).text
    assert "data-on-list" in page
    assert "$0.00" not in page
    assert "No price is known yet" not in page
