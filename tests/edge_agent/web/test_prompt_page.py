"""What is shown equals what is approved; stale terms buy nothing; the state is told afterwards."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from edge_agent.core.intent import IntentState
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.people import Role
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.errors import (
    BugError,
    ConfigurationError,
    DecodeError,
    FailClosedError,
    HubError,
    NotAllowedError,
    RefusedError,
    RetryLaterError,
    StaleTermsError,
    StoreCorruptError,
)
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House, field, sign_in
from tests.edge_agent.web.samples import sample_intent, sample_offer, sample_prices, sample_prompt

PAGE = "/prompts/p-milk"


def term(page: str, name: str) -> str:
    """What the page says a term is."""
    found = re.search(rf'data-term="{name}">(?:<bdi>)?([^<]+)<', page)
    assert found is not None, f"the page does not say {name}"
    return found[1].strip()


async def form_of(client: httpx.AsyncClient, path: str = PAGE) -> dict[str, str]:
    """The approve form of a prompt's page."""
    page = (await client.get(path)).text
    return {name: field(page, name) for name in ("csrf", "terms_hash")}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, {"unit_price": "$4.29", "delivery": "$2.99", "total": "$20.15", "total_max": "$21.15"}),
        ({"delivery_minor": 0}, {"delivery": "free ($0.00)"}),
        (
            {"currency": "JPY", "total_minor": 2_015, "total_max_minor": 1_234_567, "unit_price_minor": 429},
            {"unit_price": "JPY 429", "total": "JPY 2,015", "total_max": "JPY 1,234,567", "currency": "JPY"},
        ),
        ({"currency": "TND", "total_minor": 20_150}, {"total": "TND 20.150", "currency": "TND"}),
        ({"quantity": 1}, {"quantity": "1 pack"}),
        ({"title": "Oat drink", "instead_of": "Milk, 1 L"}, {"title": "Oat drink", "instead_of": "Milk, 1 L"}),
        ({"merchant": "other_shop", "sku": "X:1.5-b"}, {"merchant": "other_shop", "sku": "X:1.5-b"}),
    ],
)
async def test_the_page_shows_the_offer_whose_hash_it_carries(
    owner: httpx.AsyncClient, house: House, changes: dict[str, object], shown: dict[str, str]
) -> None:
    """Every amount is formatted from the very fields that the hash covers."""
    offer = sample_offer(**changes)  # type: ignore[arg-type]
    house.home.add(sample_prompt("p-other", offer=offer))
    page = (await owner.get("/prompts/p-other")).text
    assert {name: term(page, name) for name in shown} == shown
    assert field(page, "terms_hash") == terms_hash(offer)
    assert f"Order and pay {term(page, 'total')}" in page


async def test_the_terms_stand_before_the_button(owner: httpx.AsyncClient) -> None:
    """Nobody can approve what he has not passed."""
    page = (await owner.get(PAGE)).text
    names = ("quantity", "unit_price", "delivery", "total", "currency", "total_max", "merchant", "deliver_by")
    positions = [page.index(f'data-term="{name}"') for name in (*names, "expires_at")]
    assert max(positions) < page.index("Order and pay")
    assert "Whole milk 3.5 %, 1 L" in page
    assert "1,035 g" in page
    assert "about 6 days" in page
    assert "Milk: about 1.2 packs left, used 0.6 packs a day; runs out between Tue 3 Mar and Thu 5 Mar." in page


async def test_the_unit_price_stands_beside_the_last_three(owner: httpx.AsyncClient) -> None:
    """Newest first, without the one that the offer was made from."""
    page = (await owner.get(PAGE)).text
    assert "4 % more than lately: $4.19, $4.19, $4.05" in page


async def test_a_day_without_the_product_is_no_price(owner: httpx.AsyncClient, house: House) -> None:
    """A line that says "not available" carries no price to compare with."""
    gone = [replace(line, available=False) for line in sample_prices("milk", minor=(0, 0, 0))]
    sold = sample_prices("milk", minor=(429, 419, 405))
    house.home.known["milk"] = replace(house.home.known["milk"], prices=(*gone, *sold))
    page = (await owner.get(PAGE)).text
    assert "4 % more than lately: $4.19, $4.05<" in page
    assert "$0.00" not in page


async def test_waiting_is_described(owner: httpx.AsyncClient) -> None:
    """Until when, what comes later, and how likely it is too late."""
    page = (await owner.get(PAGE)).text
    assert "The offer ends Thu 5 Mar, 09:00." in page
    assert "an order would come Sat 7 Mar" in page
    assert "run out before that is more than 95 %" in page


async def test_approving_shows_the_state_and_the_way_of_the_order(owner: httpx.AsyncClient, house: House) -> None:
    """Approved by the person, and no second button."""
    answer = await owner.post(f"{PAGE}/approve", data=await form_of(owner))
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert house.answers.calls == [("approve", "p-milk", "the-owner")]
    page = (await owner.get(PAGE)).text
    assert 'data-prompt-state="approved"' in page
    assert 'data-state="approved"' in page
    assert "Order and pay" not in page
    assert re.search(r'class="now going" aria-current="step"><span>Approved', page)


@pytest.mark.parametrize("sent", ["", "0" * 64, "hash of another offer", "missing"])
async def test_stale_terms_buy_nothing(owner: httpx.AsyncClient, house: House, sent: str) -> None:
    """409, the way back, and the prompt stays open."""
    form = await form_of(owner)
    form["terms_hash"] = terms_hash(sample_offer(unit_price_minor=430)) if "other" in sent else sent
    if sent == "missing":
        del form["terms_hash"]
    answer = await owner.post(f"{PAGE}/approve", data=form)
    assert answer.status_code == 409
    assert "The terms have changed" in answer.text
    assert f'href="{PAGE}"' in answer.text
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN
    assert house.home.intent_of(house.home.all_prompts["p-milk"].id) is None


async def test_a_page_opened_before_a_change_cannot_approve(owner: httpx.AsyncClient, house: House) -> None:
    """The price moved while the page was open."""
    form = await form_of(owner)
    offer = sample_offer(unit_price_minor=499)
    house.home.add(replace(sample_prompt(), offer=offer, terms_hash=terms_hash(offer)))
    assert (await owner.post(f"{PAGE}/approve", data=form)).status_code == 409
    assert house.home.all_prompts["p-milk"].state is PromptState.OPEN


async def test_the_second_of_two_answers_is_told(owner: httpx.AsyncClient, house: House) -> None:
    """Two people, or a double click: one outcome."""
    form = await form_of(owner)
    assert (await owner.post(f"{PAGE}/approve", data=form)).status_code == 303
    second = await owner.post(f"{PAGE}/approve", data=form)
    assert second.status_code == 409
    assert "You have answered this already. This time nothing was changed." in second.text
    assert sum(intent.prompt == "p-milk" for intent in house.home.all_intents.values()) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StaleTermsError("x"), 409),
        (RefusedError("x"), 409),
        (NotAllowedError("x"), 403),
        (RetryLaterError("x"), 503),
        (StoreCorruptError("x"), 503),
        (ConfigurationError("x"), 503),
        (BugError("x"), 500),
    ],
)
async def test_each_refusal_has_its_status(house: House, error: HubError, status: int) -> None:
    """And a way back to the question."""
    house.answers.refusal = error
    async with house.client() as client:
        await sign_in(client)
        form = await form_of(client)
        answer = await client.post(f"{PAGE}/decline", data={"csrf": form["csrf"], "reason": "not_now"})
    assert answer.status_code == status
    assert f'href="{PAGE}"' in answer.text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RefusedError("snooze for 1 to 72 hours, not 99"), "snooze for 1 to 72 hours, not 99"),
        (RefusedError("no <b>milk</b>\u202e any more"), "no &lt;b&gt;milk&lt;/b&gt;\ufffd any more"),
        (ConfigurationError("household.json: items.0.name = 1: a text"), "household.json: items.0.name = 1: a text"),
        (ConfigurationError("household.json: x"), "needs mending"),
        (FailClosedError("the audit log is broken"), "A check that guards your money failed."),
        (BugError("a secret of the inside"), "Something went wrong here"),
        (DecodeError("malformed", "a secret of the inside"), "Something went wrong here"),
    ],
)
async def test_each_failure_is_told_as_what_it_is(
    owner: httpx.AsyncClient, house: House, error: HubError, told: str
) -> None:
    """A refusal and a wrong file in their own words; the inside of the hub in none."""
    house.answers.refusal = error
    form = await form_of(owner)
    answer = await owner.post(f"{PAGE}/decline", data={"csrf": form["csrf"], "reason": "not_now"})
    assert told in answer.text
    assert ("guards your money" in answer.text) is isinstance(error, FailClosedError)
    assert "secret of the inside" not in answer.text


@pytest.mark.parametrize("error", [ConfigurationError("x"), FailClosedError("x"), BugError("x")])
async def test_what_the_page_calls_a_fault_is_in_the_log(
    owner: httpx.AsyncClient, house: House, caplog: pytest.LogCaptureFixture, error: HubError
) -> None:
    """The page sends its reader there."""
    house.answers.refusal = error
    form = await form_of(owner)
    await owner.post(f"{PAGE}/decline", data={"csrf": form["csrf"], "reason": "not_now"})
    assert [record.levelname for record in caplog.records if "path=/prompts/p-milk/decline" in record.message] == [
        "ERROR"
    ]


async def test_a_question_about_an_item_that_is_no_longer_kept_stands(owner: httpx.AsyncClient, house: House) -> None:
    """It is named by its id, shows its terms, says why it cannot be approved, and can be declined."""
    del house.home.known["milk"]
    page = (await owner.get(PAGE)).text
    assert "Buy <bdi>milk</bdi>?" in page
    assert (term(page, "total"), term(page, "quantity")) == ("$20.15", "4 packs")
    form = {name: field(page, name) for name in ("csrf", "terms_hash")}
    house.answers.refusal = RefusedError("the household no longer keeps milk: decline this question instead")
    refused = await owner.post(f"{PAGE}/approve", data=form)
    assert refused.status_code == 409
    assert "The hub says: the household no longer keeps milk: decline this question instead. Nothing" in refused.text
    house.answers.refusal = RefusedError("That is a sentence already.")
    assert (
        "<p>That is a sentence already. Nothing was changed.</p>"
        in (await owner.post(f"{PAGE}/approve", data=form)).text
    )
    house.answers.refusal = None
    await owner.post(f"{PAGE}/decline", data={"csrf": form["csrf"], "reason": "not_now"})
    assert "Declined by" in (await owner.get(PAGE)).text


@pytest.mark.parametrize("hours", [6, 24, 48])
async def test_snoozing_says_when_it_asks_again(owner: httpx.AsyncClient, house: House, hours: int) -> None:
    """Put off by so many hours of the hub's clock."""
    form = await form_of(owner)
    answer = await owner.post(f"{PAGE}/snooze", data={"csrf": form["csrf"], "hours": str(hours)})
    assert answer.status_code == 303
    assert house.home.all_prompts["p-milk"].wake_at == NOW + timedelta(hours=hours)
    page = (await owner.get(PAGE)).text
    assert "You are asked again" in page
    assert "Order and pay" not in page


@pytest.mark.parametrize("reason", DeclineReason)
async def test_declining_keeps_the_reason(owner: httpx.AsyncClient, house: House, reason: DeclineReason) -> None:
    """Nothing is ordered, and the page says why."""
    form = await form_of(owner)
    answer = await owner.post(f"{PAGE}/decline", data={"csrf": form["csrf"], "reason": reason.value})
    assert answer.status_code == 303
    assert house.home.all_prompts["p-milk"].decline_reason is reason
    page = (await owner.get(PAGE)).text
    assert "Declined by <bdi>the-owner</bdi>" in page
    assert "Nothing was ordered." in page


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        ("snooze", {"hours": "7"}),
        ("snooze", {"hours": "-6"}),
        ("snooze", {"hours": "6.0"}),
        ("snooze", {"hours": "٦"}),
        ("snooze", {}),
        ("decline", {"reason": "because"}),
        ("decline", {}),
    ],
)
async def test_an_answer_outside_the_list_is_refused(
    owner: httpx.AsyncClient, house: House, act: str, fields: dict[str, str]
) -> None:
    """Said beside the field, with the terms still there, and nothing reaches the hub."""
    form = await form_of(owner)
    answer = await owner.post(f"{PAGE}/{act}", data={"csrf": form["csrf"], **fields})
    assert answer.status_code == 422
    name, told = {"snooze": ("hours", "Choose one of these."), "decline": ("reason", "Choose why")}[act]
    assert f'<fieldset aria-describedby="{name}-error">' in answer.text
    assert re.search(rf'id="{name}-error" role="alert">{told}', answer.text)
    assert 'data-term="total"' in answer.text
    assert house.answers.calls == []


async def test_an_offer_that_has_ended_has_no_button(owner: httpx.AsyncClient, clock: ManualClock) -> None:
    """Even before the hub has noticed that it expired."""
    clock.advance(days=3)
    page = (await owner.get(PAGE)).text
    assert "Order and pay" not in page
    assert "The offer ended" in page


async def test_a_guest_sees_the_terms_and_no_button(house: House) -> None:
    """The page says whom to ask."""
    async with house.client() as client:
        await sign_in(client, role=Role.GUEST)
        page = (await client.get(PAGE)).text
    assert term(page, "total") == "$20.15"
    assert "Order and pay" not in page
    assert "terms_hash" not in page
    assert "You cannot approve this: a guest may approve nothing" in page
    assert "These may: <bdi>the-member and the-owner</bdi>" in page
    assert "Do not buy" not in page


async def test_a_merchant_out_of_reach_is_said(owner: httpx.AsyncClient, house: House) -> None:
    """Approving still works; the order waits, and the page says what becomes of it after the offer's end."""
    house.home.bridge_status = BridgeStatus(reachable=False, waiting_since=NOW, last_error="connection refused")
    page = (await owner.get(PAGE)).text
    assert "The order service cannot be reached just now." in page
    assert "It stays “Approved” until the order service is back." in page
    assert "If that is after Thu 5 Mar, 09:00, nothing is bought." in page
    assert "at the latest" not in page
    assert "Nothing answers at its address" in page
    assert "connection refused" not in page
    assert (await owner.post(f"{PAGE}/approve", data=await form_of(owner))).status_code == 303


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://shop.example/finish?id=1", True),
        ("http://shop.example/finish", False),
        ("HTTPS://shop.example/finish", True),
        ("http://127.0.0.1:8183/finish", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//shop.example/finish", False),
        ("https://bank.example@evil.example/", False),
        ("https://[broken", False),
    ],
)
async def test_only_a_web_address_becomes_a_link(
    owner: httpx.AsyncClient, house: House, url: str, linked: bool
) -> None:
    """What the merchant sends as its page for the buyer is not trusted."""
    prompt = house.home.add(replace(sample_prompt(), state=PromptState.APPROVED))
    intent = sample_intent(prompt, state=IntentState.NEEDS_BUYER, at=NOW, handoff_url=url)
    house.home.all_intents[intent.id] = intent
    page = (await owner.get(PAGE)).text
    assert ("Finish at" in page) is linked
    assert ("evil.example" in page or "javascript:" in page) is False


async def test_an_unknown_prompt_is_missing(owner: httpx.AsyncClient) -> None:
    """404 for reading, 409 for answering."""
    assert (await owner.get("/prompts/p-none")).status_code == 404
    form = await form_of(owner)
    assert (await owner.post("/prompts/p-none/approve", data=form)).status_code == 409


async def test_the_page_says_by_which_way_it_comes(owner: httpx.AsyncClient, house: House) -> None:
    """The merchant's words, what kind it is, where it is fetched and the days promised, all before the button."""
    way = {"delivery_option": "hub/1", "delivery_kind": "pick_up_point", "delivery_title": "Locker <1>"}
    days = {"delivery_earliest": NOW.date(), "delivery_latest": NOW.date() + timedelta(days=2)}
    offer = sample_offer(**way, **days, delivery_place="Central station")  # type: ignore[arg-type]
    house.home.add(sample_prompt("p-other", offer=offer))
    page = (await owner.get("/prompts/p-other")).text
    assert (term(page, "delivery_option"), term(page, "place")) == ("Locker &lt;1&gt;", "Central station")
    for said in ("you fetch it at a pick-up point", "promised between", "Ready by"):
        assert page.index(said) < page.index("Order and pay")
    assert "Delivered by" not in page


async def test_a_question_whose_merchant_chooses_says_nothing_of_ways(owner: httpx.AsyncClient) -> None:
    """As before ways were told."""
    assert "Comes by" not in (await owner.get(PAGE)).text
