"""You: what this person may do, and the person's own password and PIN."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Account
from edge_agent.core.said import say
from edge_agent.errors import FailClosedError
from edge_agent.web.entries import Entries
from edge_agent.web.language import LANGUAGES
from edge_agent.web.proof import read_password, read_pin
from edge_agent.web.visit import Visit
from edge_agent.web.wording import ROLES

_AS_THE_BROWSER = say("As this browser asks")


async def show(visit: Visit) -> Response:
    """Role, limits, password, PIN."""
    return _page(visit, form="", errors={})


async def set_password(visit: Visit) -> Response:
    """Another password; every other browser of this person is signed out."""
    entries = Entries(visit.form)
    password = read_password(entries)
    if not await _may_change(visit, entries):
        return _page(visit, form="password", errors=entries.errors)
    password_hash = await visit.site.parts.passwords.make(password or "")
    person = visit.person
    visit.site.parts.people.set_password(
        person.account, password_hash=password_hash, by=person.account, keep_session=person.token_hash
    )
    return _done()


async def set_pin(visit: Visit) -> Response:
    """Another PIN, or none."""
    entries = Entries(visit.form)
    pin = read_pin(entries)
    if not await _may_change(visit, entries):
        return _page(visit, form="pin", errors=entries.errors)
    pin_hash = await visit.site.parts.passwords.make(pin) if pin else None
    visit.site.parts.people.set_pin(visit.person.account, pin_hash=pin_hash, by=visit.person.account)
    return _done()


async def set_language(visit: Visit) -> Response:
    """Another language for this person's pages and messages; empty: what each browser asks for."""
    code = visit.form.get("language", "")
    if code and code not in LANGUAGES:
        raise HTTPException(400)
    visit.site.parts.people.set_language(visit.person.account, code or None)
    return _done()


async def _may_change(visit: Visit, entries: Entries) -> bool:
    """Nothing was typed wrong, and the password is the person's own."""
    if not entries.errors and (wrong := await visit.wrong_password()) is not None:
        entries.wrong("own_password", wrong)
    return not entries.errors


def _page(visit: Visit, *, form: str, errors: Mapping[str, str]) -> Response:
    account = visit.site.parts.accounts.account(visit.person.account)
    if account is None:
        raise HTTPException(403)
    name, _, words = ROLES[account.role]
    return visit.page(
        "account.html",
        status=422 if errors else 200,
        role_name=name,
        role_words=words,
        has_pin=account.pin_hash is not None,
        policy=_policy(visit),
        limit_minor=_limit(visit, account),
        languages=(("", _AS_THE_BROWSER), *LANGUAGES.items()),
        form=form,
        errors=errors,
    )


def _policy(visit: Visit) -> Policy | None:
    try:
        return visit.site.parts.policies.get()
    except FailClosedError:
        return None


def _limit(visit: Visit, account: Account) -> int | None:
    policy = _policy(visit)
    return policy.limit_minor[account.role] if policy else 0


def _done() -> Response:
    return RedirectResponse("/account", status_code=303)
