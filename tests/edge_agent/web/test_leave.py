"""Who may approve is said before the button; a PIN guards it; two people agree one after the other."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from edge_agent.core.leave.policy import Policy
from edge_agent.core.leave.terms import terms_hash
from edge_agent.core.people import DISABLED_MARK, Role
from edge_agent.core.prompt import PromptState
from edge_agent.errors import PolicyTamperedError
from edge_agent.web.sign_in import FAILURES_MAX
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import House, field, sign_in
from tests.edge_agent.web.samples import sample_offer, sample_prompt

PAGE = "/prompts/p-milk"
PIN = "271828"
LIMITS = {Role.OWNER: None, Role.MEMBER: None, Role.GUEST: 0, Role.CHILD: 0}


async def approve(client: httpx.AsyncClient, **more: str) -> httpx.Response:
    """Fill in the approve form as its page holds it."""
    page = (await client.get(PAGE)).text
    form = {name: field(page, name) for name in ("csrf", "terms_hash")}
    return await client.post(f"{PAGE}/approve", data={**form, **more})


async def post_anyway(client: httpx.AsyncClient, house: House, **more: str) -> httpx.Response:
    """Send what the form would hold, whether or not the page has one."""
    csrf = field((await client.get("/account")).text, "csrf")
    stands = house.home.all_prompts["p-milk"].terms_hash
    return await client.post(f"{PAGE}/approve", data={"csrf": csrf, "terms_hash": stands, **more})


def state(house: House) -> PromptState:
    """Where the question stands."""
    return house.home.all_prompts["p-milk"].state


async def test_without_a_pin_nobody_is_asked_for_one(owner: httpx.AsyncClient, house: House) -> None:
    """A field that guards nothing would teach people to type anything."""
    assert 'name="pin"' not in (await owner.get(PAGE)).text
    assert (await approve(owner, pin="anything")).status_code == 303
    assert state(house) is PromptState.APPROVED


async def test_the_right_pin_approves(owner: httpx.AsyncClient, house: House) -> None:
    """The field stands before the button, and the person's own PIN opens it."""
    house.give_pin("the-owner", PIN)
    page = (await owner.get(PAGE)).text
    assert page.index('name="pin"') < page.index("Order and pay")
    assert (await approve(owner, pin=PIN)).status_code == 303
    assert state(house) is PromptState.APPROVED


@pytest.mark.parametrize(
    "typed", [None, "", "271829", "2718280", "\uff12\uff17\uff11\uff18\uff12\uff18", "x" * 2_000, PIN + " "]
)
async def test_without_the_right_pin_nothing_is_changed(
    owner: httpx.AsyncClient, house: House, typed: str | None
) -> None:
    """Said beside the field, with the terms still there; nothing reached the hub."""
    house.give_pin("the-owner", PIN)
    answer = await (approve(owner) if typed is None else approve(owner, pin=typed))
    assert answer.status_code == 403
    assert "Nothing was changed." in answer.text
    assert 'aria-describedby="pin-error"' in answer.text
    assert 'data-term="total"' in answer.text
    assert typed is None or len(typed) < 6 or typed not in answer.text
    assert (state(house), house.calls) == (PromptState.OPEN, [])


async def test_the_pin_of_somebody_else_is_wrong(owner: httpx.AsyncClient, house: House) -> None:
    """A PIN belongs to one person."""
    house.give_pin("the-owner", PIN)
    house.give_pin("the-member", "314159")
    assert (await approve(owner, pin="314159")).status_code == 403
    assert state(house) is PromptState.OPEN


async def test_wrong_pins_lock_the_pin_and_nobody_out(
    owner: httpx.AsyncClient, house: House, clock: ManualClock
) -> None:
    """After five, even the right one is not checked for a quarter of an hour; sign-in and the others go on."""
    house.give_pin("the-owner", PIN)
    house.give_pin("the-member", PIN)
    for _ in range(FAILURES_MAX):
        await approve(owner, pin="000000")
    locked = await approve(owner, pin=PIN)
    assert locked.status_code == 403
    assert "was not checked" in locked.text
    async with house.client() as again, house.client() as member:
        assert (await sign_in(again)).status_code == 303
        assert "was not checked" in (await approve(again, pin=PIN)).text
        assert (await again.get("/account")).status_code == 200
        clock.advance(minutes=15, seconds=1)
        await sign_in(member, role=Role.MEMBER)
        assert (await approve(owner, pin=PIN)).status_code == 303
    assert state(house) is PromptState.APPROVED


async def test_nobody_can_lock_a_pin_from_the_sign_in_page(anyone: httpx.AsyncClient, house: House) -> None:
    """Failures at sign-in count for a name that no PIN is counted under, however the name is written."""
    house.give_pin("the-owner", PIN)
    for name in (" pin of the-owner", "pin of the-owner"):
        for _ in range(FAILURES_MAX):
            csrf = field((await anyone.get("/login")).text, "csrf")
            await anyone.post("/login", data={"name": name, "password": "x", "csrf": csrf})
    await sign_in(anyone)
    assert (await approve(anyone, pin=PIN)).status_code == 303


@pytest.mark.parametrize(
    ("policy", "role", "told"),
    [
        (Policy(), Role.GUEST, "a guest may approve nothing"),
        (Policy(), Role.CHILD, "a child may approve nothing"),
        (Policy(limit_minor={**LIMITS, Role.MEMBER: 2_114}), Role.MEMBER, "a member may approve up to $21.14"),
        (Policy(pin_above_minor=2_114), Role.MEMBER, "above $21.14 a PIN is needed: the-member has none"),
        (Policy(currency="EUR", two_people_above_minor=1), Role.MEMBER, "limits are in EUR, this is in USD"),
    ],
)
async def test_who_may_not_is_told_before_the_button(house: House, policy: Policy, role: Role, told: str) -> None:
    """No button, the reason, and who may instead; an approval sent all the same changes nothing."""
    house.policies.policy = policy
    async with house.client() as client:
        await sign_in(client, role=role)
        page = (await client.get(PAGE)).text
        assert told in page
        assert "Order and pay" not in page
        assert "terms_hash" not in page
        refused = await post_anyway(client, house, pin=PIN)
    assert refused.status_code == 403
    assert "Nothing was changed." in refused.text
    assert state(house) is PromptState.OPEN


async def test_a_guest_approves_up_to_the_limit(house: House) -> None:
    """The ceiling counts, not the total; a guest still neither declines nor puts off."""
    house.policies.policy = Policy(limit_minor={**LIMITS, Role.GUEST: 2_115})
    async with house.client() as client:
        await sign_in(client, role=Role.GUEST)
        page = (await client.get(PAGE)).text
        assert "Do not buy" not in page
        assert (await approve(client)).status_code == 303
    assert state(house) is PromptState.APPROVED


async def test_two_people_agree_one_after_the_other(owner: httpx.AsyncClient, house: House) -> None:
    """The first word orders nothing and is no second one; the second person orders."""
    house.policies.policy = Policy(two_people_above_minor=2_000)
    page = (await owner.get(PAGE)).text
    assert "two people of the home must agree" in page
    assert "Agree to $20.15" in page
    assert (await approve(owner)).status_code == 303
    assert state(house) is PromptState.OPEN
    waits = (await owner.get(PAGE)).text
    assert 'data-waits="second"' in waits
    assert "terms_hash" not in waits
    assert "These may: <bdi>the-member</bdi>" in waits
    assert (await post_anyway(owner, house)).status_code == 403
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        page = (await member.get(PAGE)).text
        assert "<bdi>the-owner</bdi> agreed" in page
        assert "Order and pay $20.15" in page
        assert (await approve(member)).status_code == 303
    assert state(house) is PromptState.APPROVED


async def test_a_word_that_no_longer_counts_is_not_shown_as_one(owner: httpx.AsyncClient, house: House) -> None:
    """The page says what an approval will do: after the first person's leave was taken away, it is the first word."""
    house.policies.policy = Policy(two_people_above_minor=2_000)
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        await approve(member)
    house.policies.policy = Policy(two_people_above_minor=2_000, limit_minor={**LIMITS, Role.MEMBER: 100})
    page = (await owner.get(PAGE)).text
    assert "Yours is the first word" in page
    assert "Agree to $20.15" in page
    assert 'data-waits="second"' not in page


async def test_the_word_of_a_disabled_person_is_not_shown_as_one(owner: httpx.AsyncClient, house: House) -> None:
    """It does not count at the approval, and nobody waits for somebody who cannot sign in."""
    house.policies.policy = Policy(two_people_above_minor=2_000)
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        await approve(member)
    account = house.accounts.account("the-member")
    assert account is not None
    house.accounts.put_account(replace(account, password_hash=f"{DISABLED_MARK}{account.password_hash}"))
    page = (await owner.get(PAGE)).text
    assert "Yours is the first word" in page
    await approve(owner)
    assert "These may:" not in (await owner.get(PAGE)).text


async def test_nobody_waits_for_a_second_person_who_is_not_needed(owner: httpx.AsyncClient, house: House) -> None:
    """The rule was let go of meanwhile."""
    house.policies.policy = Policy(two_people_above_minor=2_000)
    await approve(owner)
    house.policies.policy = Policy()
    page = (await owner.get(PAGE)).text
    assert 'data-waits="second"' not in page
    assert "Order and pay $20.15" in page


async def test_a_word_for_other_terms_is_no_word(owner: httpx.AsyncClient, house: House) -> None:
    """After a change of price the first person must agree again."""
    house.policies.policy = Policy(two_people_above_minor=2_000)
    await approve(owner)
    offer = sample_offer(unit_price_minor=499)
    house.home.add(replace(sample_prompt(), offer=offer, terms_hash=terms_hash(offer)))
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        assert "agreed" not in (await member.get(PAGE)).text
        assert (await approve(member)).status_code == 303
    assert state(house) is PromptState.OPEN


async def test_rules_that_cannot_be_believed_approve_nothing(owner: httpx.AsyncClient, house: House) -> None:
    """The terms are shown, the button is not, and the other pages go on."""
    house.policies.broken = PolicyTamperedError("the policy is not the one that was signed")
    page = (await owner.get(PAGE)).text
    assert "an owner must set them again" in page
    assert "Order and pay" not in page
    assert (await post_anyway(owner, house)).status_code == 503
    assert state(house) is PromptState.OPEN
    for path in ("/", "/orders", "/account", "/people", "/mandates"):
        assert (await owner.get(path)).status_code == 200, path


async def test_the_terms_are_the_offers_own(owner: httpx.AsyncClient, house: House) -> None:
    """A product that was edited after the question changes nothing in what the page says would be bought."""
    known = house.home.known["milk"]
    edited = known.item.product.model_copy(update={"title": "Caviar", "pack_amount": 5.0})
    house.home.known["milk"] = replace(known, item=known.item.model_copy(update={"product": edited, "unit": "kg"}))
    for path in (PAGE, "/"):
        page = (await owner.get(path)).text
        assert "Whole milk 3.5 %, 1 L" in page
        assert "Caviar" not in page
    assert 'data-term="pack">1,035 g<' in (await owner.get(PAGE)).text
