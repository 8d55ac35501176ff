"""People: who belongs to the home, what each may do, and the household's rules about money. For owners only.

Every change asks for the owner's own password, so that a browser left open gives nobody a second account.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Account, Role
from edge_agent.core.said import Said, say
from edge_agent.errors import FailClosedError, RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.proof import read_password, read_pin
from edge_agent.web.sign_in import NAME_MAX
from edge_agent.web.told import not_taken
from edge_agent.web.visit import Visit
from edge_agent.web.wording import ROLES

_ROLES = {role.value: role for role in Role}
_PEOPLE = "/people"
LIMITS: Mapping[Role, Said] = {
    Role.OWNER: say("Owners may approve up to"),
    Role.MEMBER: say("Members may approve up to"),
    Role.GUEST: say("Guests may approve up to"),
    Role.CHILD: say("Children may approve up to"),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was not taken: which one, for whom, what was typed, and what is wrong beside each field."""

    form: str
    name: str
    typed: Mapping[str, str]
    errors: Mapping[str, str]


async def show(visit: Visit) -> Response:
    """Everybody, and the rules."""
    return _page(visit, refused=None)


async def add(visit: Visit) -> Response:
    """One person more."""
    entries = Entries(visit.form)
    name = entries.text("name", length_max=NAME_MAX, wanted=say("A name"))
    role = entries.one_of("role", _ROLES)
    password = read_password(entries)

    async def change() -> None:
        password_hash = await visit.site.parts.passwords.make(password or "")
        visit.site.parts.people.add(
            name or "", role=role or Role.CHILD, password_hash=password_hash, by=visit.person.account
        )

    return await _change(visit, "add", entries, change)


async def set_role(visit: Visit) -> Response:
    """Another role."""
    entries, person = Entries(visit.form), _person(visit)
    role = entries.one_of("role", _ROLES)

    async def change() -> None:
        visit.site.parts.people.set_role(person.name, role=role or person.role, by=visit.person.account)

    return await _change(visit, "role", entries, change)


async def set_password(visit: Visit) -> Response:
    """Another password for somebody; that person is signed out everywhere."""
    entries, person = Entries(visit.form), _person(visit)
    password = read_password(entries)
    keep = visit.person.token_hash if person.name == visit.person.account else None

    async def change() -> None:
        password_hash = await visit.site.parts.passwords.make(password or "")
        visit.site.parts.people.set_password(
            person.name, password_hash=password_hash, by=visit.person.account, keep_session=keep
        )

    return await _change(visit, "password", entries, change)


async def set_pin(visit: Visit) -> Response:
    """Another PIN for somebody, or none."""
    entries, person = Entries(visit.form), _person(visit)
    pin = read_pin(entries)

    async def change() -> None:
        pin_hash = await visit.site.parts.passwords.make(pin) if pin else None
        visit.site.parts.people.set_pin(person.name, pin_hash=pin_hash, by=visit.person.account)

    return await _change(visit, "pin", entries, change)


async def remove(visit: Visit) -> Response:
    """One person less."""
    entries, person = Entries(visit.form), _person(visit)

    async def change() -> None:
        visit.site.parts.people.remove(person.name, by=visit.person.account)

    return await _change(visit, "remove", entries, change)


async def set_rules(visit: Visit) -> Response:
    """Who may approve how much, from now on."""
    entries = Entries(visit.form)
    policy = _policy(entries)

    async def change() -> None:
        if policy is not None:
            visit.site.parts.policies.set(policy, by=visit.person.account)

    return await _change(visit, "rules", entries, change)


async def _change(visit: Visit, form: str, entries: Entries, change: Callable[[], Awaitable[None]]) -> Response:
    """Make a change if nothing was typed wrong and the owner's own password is right; else say beside what is not."""
    if not entries.errors and (wrong := await visit.wrong_password()) is not None:
        entries.wrong("own_password", wrong)
    if not entries.errors:
        try:
            await change()
        except RefusedError as exc:
            entries.wrong("whole", not_taken(exc))
    if not entries.errors:
        return RedirectResponse(_PEOPLE, status_code=303)
    return _page(visit, refused=Refused(form, visit.form.get("name", ""), visit.form, entries.errors))


def _page(visit: Visit, *, refused: Refused | None) -> Response:
    try:
        policy, is_believed = visit.site.parts.policies.get(), True
    except FailClosedError:
        policy, is_believed = Policy(), False
    return visit.page(
        "people.html",
        status=422 if refused else 200,
        people=visit.site.parts.people.all(),
        roles=[(role, name, words, LIMITS[role]) for role, (name, _, words) in ROLES.items()],
        role_names={role: words[0] for role, words in ROLES.items()},
        policy=policy,
        is_believed=is_believed,
        refused=refused,
    )


def _person(visit: Visit) -> Account:
    """The person whom the form names."""
    person = visit.site.parts.accounts.account(visit.form.get("name", ""))
    if person is None:
        raise HTTPException(404)
    return person


def _policy(entries: Entries) -> Policy | None:
    """The rules as they were typed; an empty limit is no limit."""
    currency = entries.currency("currency")
    if currency is None:
        return None
    limits = {role: entries.money(f"limit_{role}", currency=currency, low_minor=0, optional=True) for role in Role}
    two_above = entries.money("two_people_above", currency=currency, low_minor=0, optional=True)
    pin_above = entries.money("pin_above", currency=currency, low_minor=0, optional=True)
    if entries.errors:
        return None
    return Policy(currency=currency, limit_minor=limits, two_people_above_minor=two_above, pin_above_minor=pin_above)
