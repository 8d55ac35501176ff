"""Tokens of programs: which there are, when each was last used, one more, one less. For owners only.

A token is shown once, on the answer to the form that made it, and kept as a hash. Making one asks for the owner's own
password. A token that answers for somebody else is a second voice in the home, so it also asks for that person's
password: nobody agrees with themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from edge_agent.core.api_token import LABEL_LENGTH_MAX, LIFE_DAYS_MAX, ApiToken, Scope, TokenId
from edge_agent.core.people import Account
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.web.api.gate import TOKEN_MARK, hash_of
from edge_agent.web.entries import Entries
from edge_agent.web.proof import Proof, words
from edge_agent.web.sign_in import new_token
from edge_agent.web.told import not_taken
from edge_agent.web.visit import Visit

SCOPES: Mapping[str, frozenset[Scope]] = {
    "read": frozenset({Scope.READ}),
    "answer": frozenset({Scope.READ, Scope.ANSWER}),
}
SCOPE_WORDS = (
    ("read", say("Look"), say("reads what the pages show this person, and changes nothing.")),
    (
        "answer",
        say("Look and answer"),
        say("also approves, declines, cancels and corrects, as far as this person may."),
    ),
)
DISABLED = say("This person cannot sign in now.")


@dataclass(frozen=True, slots=True)
class Wish:
    """A token as it was asked for."""

    label: str
    account: Account
    scopes: frozenset[Scope]
    days: int


async def show(visit: Visit) -> Response:
    """Every token."""
    return _page(visit)


async def add(visit: Visit) -> Response:
    """One token more, shown this once."""
    entries = Entries(visit.form)
    wish = _wish(visit, entries)
    if wish is not None and not entries.errors:
        await _check_passwords(visit, wish, entries)
    if wish is None or entries.errors:
        return _page(visit, errors=entries.errors)
    token, now = TOKEN_MARK + new_token(), visit.site.moments.now()
    kept = ApiToken(
        id=TokenId(secrets.token_hex(8)),
        token_hash=hash_of(token),
        label=wish.label,
        account=wish.account.name,
        scopes=wish.scopes,
        made_by=visit.person.account,
        created_at=now,
        expires_at=now + timedelta(days=wish.days),
    )
    try:
        visit.site.parts.tokens.add(kept, by=visit.person.account)
    except RefusedError as exc:
        return _page(visit, errors={"whole": not_taken(exc)})
    return _page(visit, made=token)


async def revoke(visit: Visit) -> Response:
    """It is worth nothing from now on."""
    visit.site.parts.tokens.revoke(TokenId(visit.path_id("token")), by=visit.person.account)
    return RedirectResponse("/tokens", status_code=303)


def _wish(visit: Visit, entries: Entries) -> Wish | None:
    label = entries.text("label", length_max=LABEL_LENGTH_MAX, wanted=say("What the program is called"))
    account = entries.one_of("account", {one.name: one for one in visit.site.parts.people.all()})
    scopes = entries.one_of("scope", SCOPES)
    days = entries.whole("days", low=1, high=LIFE_DAYS_MAX)
    if account is not None and account.is_disabled:
        entries.wrong("account", DISABLED)
    if label is None or account is None or scopes is None or days is None:
        return None
    return Wish(label, account, scopes, days)


async def _check_passwords(visit: Visit, wish: Wish, entries: Entries) -> None:
    if (wrong := await visit.wrong_password()) is not None:
        entries.wrong("own_password", wrong)
        return
    if Scope.ANSWER not in wish.scopes or wish.account.name == visit.person.account:
        return
    proof = await visit.site.proofs.password(wish.account.name, entries.secret("their_password"))
    if proof is not Proof.RIGHT:
        entries.wrong("their_password", words(proof, what="password"))


def _page(visit: Visit, *, errors: Mapping[str, str] | None = None, made: str | None = None) -> Response:
    parts = visit.site.parts
    return visit.page(
        "tokens.html",
        status=422 if errors else 200,
        tokens=parts.tokens.all(),
        people=[(one.name, one.name) for one in parts.people.all() if not one.is_disabled],
        scopes=SCOPE_WORDS,
        answers=Scope.ANSWER,
        made=made,
        typed=visit.form if errors else {},
        errors=errors or {},
    )
