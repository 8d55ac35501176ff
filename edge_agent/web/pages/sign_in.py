"""Signing in and out."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.said import say
from edge_agent.web.sign_in import (
    NAME_MAX,
    PASSWORD_MAX,
    Refusal,
    new_token,
)
from edge_agent.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The sign-in form."""
    return _form(visit, status=200, errors={}, name="")


async def sign_in(visit: Visit) -> Response:
    """Check name and password; a session that the browser already had ends, so none can be planted on it."""
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    errors = _unusable(name, password)
    if errors:
        return _form(visit, status=401, errors=errors, name=name[:NAME_MAX])
    client = visit.request.client
    outcome = await visit.site.sign_in.sign_in(name, password, address=client.host if client else "")
    if outcome is Refusal.TOO_MANY_FAILURES:
        raise HTTPException(429)
    if outcome is Refusal.WRONG:
        return _form(visit, status=401, errors={"whole": say("Name or password is wrong.")}, name=name)
    if visit.session is not None:
        visit.site.sign_in.end(visit.session)
    response = RedirectResponse("/", status_code=303)
    visit.site.sign_in.give_cookie(response, outcome, request=visit.request)
    return response


async def sign_out(visit: Visit) -> Response:
    """End the session here, not only in the browser."""
    visit.site.sign_in.end(visit.person)
    response = RedirectResponse("/login", status_code=303)
    visit.site.sign_in.forget_cookie(response, request=visit.request)
    return response


def _unusable(name: str, password: str) -> dict[str, str]:
    """What cannot be anybody's, beside its field: no name or password of this home is told by it."""
    errors: dict[str, str] = {}
    if not 0 < len(name) <= NAME_MAX:
        errors["name"] = say("Give your name.")
    if not 0 < len(password) <= PASSWORD_MAX:
        errors["password"] = say("Give your password.")
    return errors


def _form(visit: Visit, *, status: int, errors: Mapping[str, str], name: str) -> Response:
    nonce = new_token()
    token = visit.site.sign_in.form_token(nonce)
    response = visit.site.renderer.page(
        "sign_in.html",
        language=visit.site.renderer.language(visit.request),
        session=None,
        status=status,
        tells_everybody=not visit.site.parts.people.all(),
        csrf=token,
        errors=errors,
        name=name,
    )
    visit.site.sign_in.give_form_cookie(response, nonce, request=visit.request)
    return response
