"""A page grown stale approves nothing, and shows what it said beside what stands now."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest

from edge_agent.core.leave.terms import Offer, terms_hash
from edge_agent.core.prompt import PromptState
from edge_agent.web.asking.seen_terms import carried, seen
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field
from tests.edge_agent.web.samples import sample_offer, sample_prompt

PAGE = "/prompts/p-milk"


def change(house: House, **changes: object) -> Offer:
    """Other terms stand from now on."""
    offer = sample_offer(**changes)  # type: ignore[arg-type]
    house.home.add(replace(sample_prompt(), offer=offer, terms_hash=terms_hash(offer)))
    return offer


async def form_of(client: httpx.AsyncClient) -> dict[str, str]:
    """The approve form as the page holds it, what it showed included."""
    page = (await client.get(PAGE)).text
    names = ("csrf", "terms_hash", "terms_seen")
    return {name: field(page, name).replace("&#34;", '"') for name in names}


def sides(page: str, name: str) -> tuple[str, str]:
    """What a line says of before and of now."""
    found = [re.search(rf'data-{side}="{name}">(?:<strong>|<bdi>)*([^<]+)<', page) for side in ("before", "now")]
    assert all(found), name
    return tuple(each[1].strip() for each in found if each)  # type: ignore[return-value]


async def test_old_and_new_terms_stand_side_by_side(owner: httpx.AsyncClient, house: House) -> None:
    """Each line says both; those that differ are marked for every reader; nothing was ordered, nothing can be here."""
    form = await form_of(owner)
    change(house, unit_price_minor=499, merchant="corner")
    answer = await owner.post(f"{PAGE}/approve", data=form)
    assert answer.status_code == 409
    assert sides(answer.text, "unit_price") == ("$4.29", "$4.99")
    assert sides(answer.text, "total") == ("$20.15", "$22.95")
    assert sides(answer.text, "merchant") == ("grocer", "corner")
    assert sides(answer.text, "delivery") == ("$2.99", "$2.99")
    assert answer.text.count('data-changed="yes"') == answer.text.count("(changed)") == 4
    assert f'class="button" href="{PAGE}"' in answer.text
    assert "<form" not in answer.text.split("<main")[1]
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN


@pytest.mark.parametrize("brought", ["", "{}", "not json", '{"merchant":"grocer"}', "x" * 9_000, "another offer"])
async def test_terms_that_do_not_fit_the_hash_are_not_shown(
    owner: httpx.AsyncClient, house: House, brought: str
) -> None:
    """Nobody is told that a page said what it did not."""
    form = await form_of(owner)
    change(house, unit_price_minor=499)
    form["terms_seen"] = carried(sample_offer(unit_price_minor=1)) if brought == "another offer" else brought
    answer = await owner.post(f"{PAGE}/approve", data=form)
    assert answer.status_code == 409
    assert "The terms have changed" in answer.text
    assert "data-before" not in answer.text
    assert f'href="{PAGE}"' in answer.text


@pytest.mark.parametrize(
    "changes",
    [{}, {"instead_of": "Whole milk"}, {"title": "<b>1 \u00d7 </b>&amp; \u202e", "pack_amount": 0.1}, {"hold_s": 0}],
)
def test_what_a_form_carries_comes_back_as_it_was(changes: dict[str, object]) -> None:
    """Letter for letter, or not at all."""
    offer = sample_offer(**changes)  # type: ignore[arg-type]
    assert seen(carried(offer), by_hash=terms_hash(offer)) == offer
    assert seen(carried(offer), by_hash="0" * 64) is None


async def test_another_way_of_delivery_is_laid_beside_the_one_that_was_seen(
    owner: httpx.AsyncClient, house: House
) -> None:
    """A form carries the way with its days and place, and a page of another way approves nothing."""
    post = {"delivery_option": "std", "delivery_kind": "standard", "delivery_title": "By post"}
    first = change(house, **post, delivery_latest=NOW.date())
    assert seen(carried(first), by_hash=terms_hash(first)) == first
    form = await form_of(owner)
    locker = {"delivery_option": "hub/1", "delivery_kind": "pick_up_point", "delivery_title": "Locker"}
    change(house, **locker, delivery_place="Central station")
    answer = await owner.post(f"{PAGE}/approve", data=form)
    assert answer.status_code == 409
    assert sides(answer.text, "delivery_option") == ("By post", "Locker")
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN
