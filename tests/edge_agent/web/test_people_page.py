"""People and rules: every change needs the owner's own password, an owner always remains, secrets never come back."""

from __future__ import annotations

import httpx
import pytest

from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Role
from edge_agent.errors import PolicyTamperedError
from edge_agent.web.sign_in import FAILURES_MAX
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import PASSWORD, House, field, sign_in

NEW = "a quite new battery"
OWN = {"own_password": PASSWORD}
PASSWORDS = {"new_password": NEW, "new_password_again": NEW}
PINS = {"new_pin": "271828", "new_pin_again": "271828"}
RULES = {
    "currency": "EUR",
    "limit_owner": "",
    "limit_member": "50",
    "limit_guest": "0",
    "limit_child": "2,5",
    "two_people_above": "100",
    "pin_above": "20.00",
}


async def send(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Send a form of the people's or the own page."""
    csrf = field((await client.get("/account")).text, "csrf")
    return await client.post(path, data={"csrf": csrf, **fields})


def role_of(house: House, name: str) -> Role | None:
    """What somebody is."""
    account = house.accounts.account(name)
    return account.role if account else None


async def test_a_new_person_can_sign_in(owner: httpx.AsyncClient, house: House) -> None:
    """With the role and the first password that the owner gave."""
    answer = await send(owner, "/people/add", name=" Robin ", role="child", **PASSWORDS, **OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/people")
    assert role_of(house, "Robin") is Role.CHILD
    async with house.client() as robin:
        csrf = field((await robin.get("/login")).text, "csrf")
        signed_in = await robin.post("/login", data={"name": "Robin", "password": NEW, "csrf": csrf})
    assert signed_in.status_code == 303


@pytest.mark.parametrize(
    ("path", "fields", "wrong"),
    [
        ("/people/add", {"name": "", "role": "member", **PASSWORDS, **OWN}, "name"),
        ("/people/add", {"name": "x" * 65, "role": "member", **PASSWORDS, **OWN}, "name"),
        ("/people/add", {"name": "a\u202eb", "role": "member", **PASSWORDS, **OWN}, "name"),
        ("/people/add", {"name": "robin", "role": "god", **PASSWORDS, **OWN}, None),
        ("/people/add", {"name": "robin", "role": "member", **OWN}, "new_password"),
        ("/people/add", {"name": "robin", "role": "member", "new_password": "x" * 11, **OWN}, "new_password"),
        (
            "/people/add",
            {"name": "robin", "role": "member", **PASSWORDS, "new_password_again": "x", **OWN},
            "new_password_again",
        ),
        ("/people/add", {"name": "robin", "role": "member", **PASSWORDS}, "own_password"),
        ("/people/add", {"name": "robin", "role": "member", **PASSWORDS, "own_password": "wrong"}, "own_password"),
        ("/people/role", {"name": "the-guest", "role": "owner"}, "own_password"),
        ("/people/role", {"name": "the-guest", "role": "owner", "own_password": "x" * 2_000}, "own_password"),
        ("/people/password", {"name": "the-guest", **PASSWORDS, "own_password": "wrong"}, "own_password"),
        ("/people/pin", {"name": "the-guest", "new_pin": "12345", "new_pin_again": "12345", **OWN}, "new_pin"),
        ("/people/pin", {"name": "the-guest", **PINS, "new_pin_again": "271829", **OWN}, "new_pin_again"),
        ("/people/remove", {"name": "the-guest"}, "own_password"),
        ("/people/rules", {**RULES, "currency": "euro", **OWN}, "currency"),
        ("/people/rules", {**RULES, "limit_guest": "-1", **OWN}, "limit_guest"),
        ("/people/rules", {**RULES, "two_people_above": "all", **OWN}, "two_people_above"),
        ("/people/rules", RULES, "own_password"),
        ("/account/password", {**PASSWORDS, "own_password": "wrong"}, "own_password"),
        ("/account/password", {**OWN, "new_password": "short"}, "new_password"),
        ("/account/pin", {**PINS, "own_password": ""}, "own_password"),
        ("/account/pin", {"new_pin": "abcdef", "new_pin_again": "abcdef", **OWN}, "new_pin"),
    ],
)
async def test_a_wrong_entry_changes_nothing(
    owner: httpx.AsyncClient, house: House, path: str, fields: dict[str, str], wrong: str | None
) -> None:
    """422 with the word beside its field, and no secret sent back."""
    before = house.accounts.accounts()
    answer = await send(owner, path, **fields)
    assert answer.status_code == 422
    assert wrong is None or f'{wrong}-error"' in answer.text
    assert "Nothing was changed" in answer.text
    assert house.accounts.accounts() == before
    assert house.policies.policy == Policy()
    assert house.calls == []
    for secret in (NEW, PASSWORD, "271828"):
        assert secret not in answer.text


async def test_the_last_owner_stays(owner: httpx.AsyncClient, house: House) -> None:
    """Neither removed nor made less; with a second owner either may go."""
    for path, more in (("/people/role", {"role": "member"}), ("/people/remove", {})):
        answer = await send(owner, path, name="the-owner", **more, **OWN)
        assert (answer.status_code, "is the only owner" in answer.text) == (422, True)
    await send(owner, "/people/role", name="the-member", role="owner", **OWN)
    assert (await send(owner, "/people/remove", name="the-owner", **OWN)).status_code == 303
    assert role_of(house, "the-owner") is None
    assert (await owner.get("/")).headers["location"] == "/login"


async def test_who_is_removed_is_out_at_once(owner: httpx.AsyncClient, house: House) -> None:
    """Every session ends, and the name signs in no more."""
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        assert (await send(owner, "/people/remove", name="the-member", **OWN)).status_code == 303
        assert (await member.get("/")).headers["location"] == "/login"
        assert (await sign_in(member, role=Role.MEMBER)).status_code == 401


async def test_a_password_given_by_an_owner_signs_the_person_out(owner: httpx.AsyncClient, house: House) -> None:
    """Whoever sat there with the old one is gone."""
    async with house.client() as member:
        await sign_in(member, role=Role.MEMBER)
        assert (await send(owner, "/people/password", name="the-member", **PASSWORDS, **OWN)).status_code == 303
        assert (await member.get("/")).headers["location"] == "/login"
        assert (await sign_in(member, role=Role.MEMBER, password=NEW)).status_code == 303


@pytest.mark.parametrize("role", Role)
async def test_everybody_changes_the_own_password(house: House, role: Role) -> None:
    """This browser stays signed in, the others are out."""
    async with house.client() as here, house.client() as elsewhere:
        await sign_in(here, role=role)
        await sign_in(elsewhere, role=role)
        assert (await send(here, "/account/password", **PASSWORDS, **OWN)).status_code == 303
        assert (await here.get("/account")).status_code == 200
        assert (await elsewhere.get("/account")).headers["location"] == "/login"
        assert (await sign_in(elsewhere, role=role)).status_code == 401


@pytest.mark.parametrize("role", Role)
async def test_everybody_sets_and_drops_the_own_pin(house: House, role: Role) -> None:
    """Kept as a hash of its own, never as digits."""
    async with house.client() as client:
        await sign_in(client, role=role)
        assert (await send(client, "/account/pin", **PINS, **OWN)).status_code == 303
        kept = house.accounts.account(f"the-{role}")
        assert kept is not None
        assert kept.pin_hash is not None
        assert kept.pin_hash.startswith("$argon2id$")
        assert "You are asked for it at every approval." in (await client.get("/account")).text
        await send(client, "/account/pin", new_pin="", new_pin_again="", **OWN)
    dropped = house.accounts.account(f"the-{role}")
    assert dropped is not None
    assert dropped.pin_hash is None


async def test_the_rules_are_what_was_typed(owner: httpx.AsyncClient, house: House) -> None:
    """Nothing in a field is no limit; nought allows nothing; the page shows them again as typed."""
    assert (await send(owner, "/people/rules", **RULES, **OWN)).status_code == 303
    assert house.policies.policy == Policy(
        currency="EUR",
        limit_minor={Role.OWNER: None, Role.MEMBER: 5_000, Role.GUEST: 0, Role.CHILD: 250},
        two_people_above_minor=10_000,
        pin_above_minor=2_000,
    )
    page = (await owner.get("/people")).text
    for shown in ('name="limit_owner" type="text" value=""', 'name="limit_child" type="text" value="2.50"'):
        assert shown in page


async def test_rules_that_cannot_be_believed_are_set_anew(owner: httpx.AsyncClient, house: House) -> None:
    """The page says so, and is the way out."""
    house.policies.broken = PolicyTamperedError("not the one that was signed")
    assert "not the ones that an owner signed" in (await owner.get("/people")).text
    assert (await send(owner, "/people/rules", **RULES, **OWN)).status_code == 303
    assert "not the ones that an owner signed" not in (await owner.get("/people")).text


async def test_a_role_that_was_taken_meanwhile_changes_nothing(owner: httpx.AsyncClient, house: House) -> None:
    """The form was open when another owner made this one a member."""
    csrf = field((await owner.get("/people")).text, "csrf")
    house.people.set_role("the-member", role=Role.OWNER, by="the-owner")
    house.people.set_role("the-owner", role=Role.MEMBER, by="the-member")
    answer = await owner.post("/people/remove", data={"csrf": csrf, "name": "the-guest", **OWN})
    assert answer.status_code == 403
    assert role_of(house, "the-guest") is Role.GUEST


async def test_guesses_at_the_own_password_are_limited(
    owner: httpx.AsyncClient, house: House, clock: ManualClock
) -> None:
    """A browser left open is no place to try passwords; signing in is not locked by it."""
    for _ in range(FAILURES_MAX):
        await send(owner, "/people/remove", name="the-guest", own_password="wrong")
    locked = await send(owner, "/people/remove", name="the-guest", **OWN)
    assert (locked.status_code, "was not checked" in locked.text) == (422, True)
    async with house.client() as again:
        assert (await sign_in(again)).status_code == 303
    clock.advance(minutes=15, seconds=1)
    assert (await send(owner, "/people/remove", name="the-guest", **OWN)).status_code == 303


async def test_an_unknown_person_is_missing(owner: httpx.AsyncClient, house: House) -> None:
    """404 for every act."""
    for act in ("role", "password", "pin", "remove"):
        answer = await send(owner, f"/people/{act}", name="nobody", role="member", **PASSWORDS, **PINS, **OWN)
        assert answer.status_code == 404
    assert house.calls == []


@pytest.mark.parametrize(
    ("policy", "role", "told"),
    [
        (Policy(), Role.OWNER, "You may approve any amount."),
        (Policy(), Role.CHILD, "You may not approve orders."),
        (Policy(limit_minor=dict.fromkeys(Role, 1_250)), Role.GUEST, "You may approve up to $12.50 an order."),
        (Policy(two_people_above_minor=9_900), Role.MEMBER, "Above $99.00 two people must agree."),
        (Policy(pin_above_minor=500), Role.MEMBER, "Above $5.00 you need a PIN, and have none yet."),
    ],
)
async def test_everybody_reads_what_they_may(house: House, policy: Policy, role: Role, told: str) -> None:
    """On the own page, in words."""
    house.policies.policy = policy
    async with house.client() as client:
        await sign_in(client, role=role)
        page = (await client.get("/account")).text
    assert told in page
    assert ('href="/people"' in page) is (role is Role.OWNER)
    assert ('href="/sent"' in page) is (role in {Role.OWNER, Role.MEMBER})
