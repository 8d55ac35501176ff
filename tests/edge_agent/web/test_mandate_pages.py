"""Mandates: what they allow and drew, making one within strict entries, and the words that stop one."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import date

import httpx
import pytest

from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.leave.period import Frequency
from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Role
from edge_agent.errors import RefusedError
from tests.edge_agent.web.house import House, field, sign_in

FORM = "/new-mandate/milk"
FILLED = {
    "instead:grocer:oat-3": "yes",
    "instead:grocer:oat-2": "yes",
    "quantity_max": "4",
    "order_max": "25.50",
    "budget": "60",
    "frequency": "MONTHLY",
    "orders_max": "",
    "not_before": "",
    "not_after": "2026-08-31",
}


async def fill_in(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
    """Send the form of a new mandate."""
    csrf = field((await client.get(FORM)).text, "csrf")
    return await client.post(FORM, data={"csrf": csrf, **FILLED, **changes})


async def say(client: httpx.AsyncClient, mandate: str, act: str, **fields: str) -> httpx.Response:
    """Send one of a mandate's forms."""
    csrf = field((await client.get(f"/mandates/{mandate}")).text, "csrf")
    return await client.post(f"/mandates/{mandate}/{act}", data={"csrf": csrf, **fields})


def state(house: House, mandate: str) -> MandateState:
    """Where a mandate stands."""
    return house.mandates.kept[mandate].record.state


async def test_the_list_says_what_is_left(owner: httpx.AsyncClient) -> None:
    """Those in force first, with what this period still allows."""
    page = (await owner.get("/mandates")).text
    assert "<strong>$20.12</strong> left of $60.00" in page
    assert page.index('data-mandate="m-paused"') < page.index('id="over"') < page.index('data-mandate="m-over"')


async def test_a_mandate_shows_its_limits_and_its_ledger(owner: httpx.AsyncClient) -> None:
    """Reserved, spent and released apart, each with its order and what it bought instead of what."""
    page = (await owner.get("/mandates/m-milk")).text
    for words in (
        "at most $25.00",
        "$60.00",
        "for a month",
        "or instead, where that cannot be had or is too dear, the first one first:",
        "<li><bdi>Oat drink, 1 L</bdi></li>",
        "Whole milk 3.5 %, 1 L",
    ):
        assert words in page
    for amount, words in (("$21.15", "set aside"), ("$18.73", "spent"), ("$0.00", "given back: not bought")):
        assert re.search(rf"<strong>{re.escape(amount)}</strong> <span class=\"fine\">{words}", page)
    assert '<a href="/prompts/p-fluid">' in page
    assert "<bdi>Oat drink, 1 L</bdi> instead of <bdi>Whole milk 3.5 %, 1 L</bdi>" in page


async def test_what_was_taken_over_is_told_where_it_counts(owner: httpx.AsyncClient, house: House) -> None:
    """A restored hub does not know who gave leave: its page says what that takes from the budget, and what to do."""
    assert "data-unclear" not in (await owner.get("/mandates/m-paused")).text
    house.mandates.keep(house.mandates.kept["m-paused"].record, unclear_minor=1_200)
    page = (await owner.get("/mandates/m-paused")).text
    assert re.search(r'data-term="unclear">\$12\.00', page)
    assert "a new mandate starts afresh" in page


async def test_the_ap2_document_is_there_for_who_wants_it(owner: httpx.AsyncClient) -> None:
    """Collapsed, whole, and with the budget in major units as AP2 has it."""
    page = (await owner.get("/mandates/m-milk")).text
    found = re.search(
        r"<details[^>]*>\s*<summary>[^<]*AP2[^<]*</summary>\s*<pre><code><bdi>(.*?)</bdi>", page, re.DOTALL
    )
    assert found is not None
    document = json.loads(html.unescape(found[1]))
    budget = next(c for c in document["open_payment_mandate"]["constraints"] if c["type"] == "payment.budget")
    assert budget["max"] == 60.0


async def test_a_mandate_is_what_was_typed(owner: httpx.AsyncClient, house: House) -> None:
    """The first product is the item's own, its substitutes follow in the household's order; days are the home's."""
    answer = await fill_in(owner, orders_max="12", not_before="2026-03-02", budget="60,5")
    assert answer.status_code == 303
    terms = house.mandates.kept[answer.headers["location"].removeprefix("/mandates/")].record.terms
    (entry,) = terms.items
    assert [(one.merchant, one.sku) for one in entry.acceptable] == [
        ("grocer", "milk-1"),
        ("grocer", "oat-2"),
        ("grocer", "oat-3"),
    ]
    assert (entry.item, entry.quantity_max) == ("milk", 4)
    assert (terms.amount_range.max_minor, terms.budget.max_minor, terms.budget.currency) == (2_550, 6_050, "USD")
    assert (terms.recurrence.frequency, terms.recurrence.max_occurrences) == (Frequency.MONTHLY, 12)
    assert (terms.execution_date.not_before, terms.execution_date.not_after) == (date(2026, 3, 2), date(2026, 8, 31))
    assert terms.timezone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("quantity_max", "0"),
        ("quantity_max", "100"),
        ("quantity_max", "4.0"),
        ("quantity_max", ""),
        ("order_max", "0"),
        ("order_max", "-5"),
        ("order_max", "1e3"),
        ("order_max", "12.345"),
        ("order_max", "1,234.50"),
        ("order_max", "61"),
        ("budget", ""),
        ("budget", "NaN"),
        ("budget", "99999999999"),
        ("frequency", "HOURLY"),
        ("frequency", ""),
        ("orders_max", "0"),
        ("orders_max", "many"),
        ("not_before", "2026-02-28"),
        ("not_before", "yesterday"),
        ("not_after", ""),
        ("not_after", "2026-02-30"),
        ("not_after", "2026-02-28"),
        ("not_after", "2028-03-10"),
        ("not_after", "20260831"),
    ],
)
async def test_a_wrong_entry_is_named_beside_its_field(
    owner: httpx.AsyncClient, house: House, name: str, typed: str
) -> None:
    """422, everything that was typed still there, nothing made."""
    answer = await fill_in(owner, **{name: typed})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert f'aria-describedby="{name}-error"' in answer.text
    assert answer.text.count('class="error"') == 1
    assert name == "quantity_max" or 'name="quantity_max" type="text" value="4"' in answer.text
    assert house.calls == []


async def test_only_what_was_ticked_may_be_bought_instead(owner: httpx.AsyncClient, house: House) -> None:
    """Nothing that the household does not list, and nothing at a merchant that cannot be drawn on."""
    page = (await owner.get(FORM)).text
    assert 'name="instead:grocer:oat-2"' in page
    assert 'name="instead:corner:oat-9"' not in page
    assert re.search(r"data-left-out>Not <bdi>Oat drink from round the corner</bdi>", page)
    csrf = field(page, "csrf")
    ticked = {"instead:corner:oat-9": "yes", "instead:grocer:rum": "yes", "instead:grocer:oat-3": "yes"}
    plain = {name: typed for name, typed in FILLED.items() if not name.startswith("instead:")}
    answer = await owner.post(FORM, data={"csrf": csrf, **plain, **ticked})
    (entry,) = house.mandates.kept[answer.headers["location"].removeprefix("/mandates/")].record.terms.items
    assert [one.sku for one in entry.acceptable] == ["milk-1", "oat-3"]
    wrong = await owner.post(FORM, data={"csrf": csrf, **plain, **ticked, "budget": ""})
    assert 'name="instead:grocer:oat-3" value="yes" checked' in wrong.text


@pytest.mark.parametrize(("merchant_class", "told"), [("C", "a person must approve each one"), (None, "not known")])
async def test_a_merchant_that_cannot_tell_gets_no_mandate(
    owner: httpx.AsyncClient, house: House, merchant_class: str | None, told: str
) -> None:
    """Class C, or nobody knows: said in the list and on the form, and refused when it is sent all the same."""
    csrf = field((await owner.get(FORM)).text, "csrf")
    house.merchants.classes = {} if merchant_class is None else {"grocer": merchant_class}
    assert told in (await owner.get("/new-mandate")).text
    page = (await owner.get(FORM)).text
    assert told in page
    assert "Give this mandate" not in page
    answer = await owner.post(FORM, data={"csrf": csrf, **FILLED})
    assert (answer.status_code, told in answer.text) == (422, True)
    assert house.calls == []


async def test_the_pin_guards_a_mandate(owner: httpx.AsyncClient, house: House) -> None:
    """It is asked for last and never shown again."""
    house.give_pin("the-owner", "271828")
    wrong = await fill_in(owner, pin="111111")
    assert (wrong.status_code, "That PIN is wrong" in wrong.text, "111111" in wrong.text) == (422, True, False)
    assert house.calls == []
    assert (await fill_in(owner, pin="271828")).status_code == 303
    assert house.calls == [("propose", "the-owner", True)]


async def test_what_the_hub_refuses_is_told_on_the_form(owner: httpx.AsyncClient, house: House) -> None:
    """With what was typed."""
    house.mandates.refusal = RefusedError("there are 50 mandates: end one first")
    answer = await fill_in(owner)
    assert (answer.status_code, "there are 50 mandates" in answer.text) == (422, True)
    assert 'value="25.50"' in answer.text


async def test_a_large_one_waits_for_a_second_person(owner: httpx.AsyncClient, house: House) -> None:
    """Who proposed it cannot confirm it; another person can, with the own PIN."""
    house.policies.policy = Policy(two_people_above_minor=5_000)
    assert "above $50.00 it begins only when a second person agrees" in (await owner.get(FORM)).text
    path = (await fill_in(owner)).headers["location"]
    mandate = path.removeprefix("/mandates/")
    page = (await owner.get(path)).text
    assert "You proposed it." in page
    assert f'action="{path}/confirm"' not in page
    assert (await say(owner, mandate, "confirm")).status_code == 403
    house.give_pin("the-member", "271828")
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        assert (await say(member, mandate, "confirm", pin="000000")).status_code == 403
        assert state(house, mandate) is MandateState.PROPOSED
        assert (await say(member, mandate, "confirm", pin="271828")).status_code == 303
    assert state(house, mandate) is MandateState.ACTIVE


async def test_the_second_person_may_say_no(house: House) -> None:
    """Then it never begins."""
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        assert (await say(member, "m-waits", "decline")).status_code == 303
    assert state(house, "m-waits") is MandateState.DECLINED


async def test_a_second_person_below_the_limit_is_told(house: House) -> None:
    """Who cannot approve so much cannot confirm it."""
    house.policies.policy = Policy(limit_minor={Role.OWNER: None, Role.MEMBER: 100, Role.GUEST: 0, Role.CHILD: 0})
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        page = (await member.get("/mandates/m-waits")).text
    assert "You cannot agree to this: a member may approve up to $1.00" in page
    assert 'action="/mandates/m-waits/confirm"' not in page


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
async def test_revoking_is_one_form_away_and_final(house: House, role: Role) -> None:
    """Whoever runs the home may stop it at once; afterwards no form is left."""
    async with house.client() as client:
        await sign_in(client, role=role)
        assert "Revoke at once" in (await client.get("/mandates/m-milk")).text
        assert (await say(client, "m-milk", "revoke")).status_code == 303
        page = (await client.get("/mandates/m-milk")).text
        assert "/mandates/m-milk/" not in page
        assert (await say(client, "m-milk", "resume")).status_code in {403, 409}
    assert state(house, "m-milk") is MandateState.REVOKED


async def test_pausing_and_resuming(owner: httpx.AsyncClient, house: House) -> None:
    """A member may pause; only an owner lets it draw again."""
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        await say(member, "m-milk", "pause")
        assert state(house, "m-milk") is MandateState.PAUSED
        assert "Resume" not in (await member.get("/mandates/m-milk")).text
        assert (await say(member, "m-milk", "resume")).status_code == 403
    assert (await say(owner, "m-milk", "resume")).status_code == 303
    assert state(house, "m-milk") is MandateState.ACTIVE


async def test_a_browser_left_open_resumes_nothing(owner: httpx.AsyncClient, house: House) -> None:
    """To resume is to give leave, so whoever has a PIN gives it."""
    await say(owner, "m-milk", "pause")
    house.give_pin("the-owner", "271828")
    page = (await owner.get("/mandates/m-milk")).text
    assert page.index('name="pin"') < page.index("Resume</button>")
    wrong = await say(owner, "m-milk", "resume")
    assert (wrong.status_code, state(house, "m-milk")) == (403, MandateState.PAUSED)
    assert "Give your PIN. Nothing was changed." in wrong.text
    csrf = field(page, "csrf")
    assert (await owner.post("/mandates/m-milk/resume", data={"csrf": csrf, "pin": "271828"})).status_code == 303
    assert state(house, "m-milk") is MandateState.ACTIVE
    assert ("pin", True) in house.mandates.calls


async def test_an_act_out_of_place_is_refused_with_the_way_back(owner: httpx.AsyncClient, house: House) -> None:
    """409, and nothing moved."""
    view = house.mandates.kept["m-over"]
    answer = await owner.post(
        "/mandates/m-over/pause", data={"csrf": field((await owner.get("/mandates")).text, "csrf")}
    )
    assert answer.status_code == 409
    assert 'href="/mandates/m-over"' in answer.text
    assert house.mandates.kept["m-over"] == replace(view)


async def test_an_unknown_mandate_or_item_is_missing(owner: httpx.AsyncClient) -> None:
    """404."""
    for path in ("/mandates/m-none", "/new-mandate/tea"):
        assert (await owner.get(path)).status_code == 404
