"""Signing in and out."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.web.sign_in import (
    NAME_MAX,
    PASSWORD_MAX,
    Refusal,
    forget_cookie,
    give_form_cookie,
    new_token,
)
from edge_agent.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The sign-in form."""
    return _form(visit, status=200, message=None, name="")


async def sign_in(visit: Visit) -> Response:
    """Check name and password; a session that the browser already had ends, so none can be planted on it."""
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    if not 0 < len(name) <= NAME_MAX or not 0 < len(password) <= PASSWORD_MAX:
        return _form(visit, status=401, message="Give your name and your password.", name=name[:NAME_MAX])
    outcome = await visit.site.sign_in.sign_in(name, password)
    if outcome is Refusal.TOO_MANY_FAILURES:
        raise HTTPException(429)
    if outcome is Refusal.WRONG:
        return _form(visit, status=401, message="Name or password is wrong.", name=name)
    if visit.session is not None:
        visit.site.sign_in.end(visit.session)
    response = RedirectResponse("/", status_code=303)
    visit.site.sign_in.give_cookie(response, outcome, secure=visit.secure)
    return response


async def sign_out(visit: Visit) -> Response:
    """End the session here, not only in the browser."""
    visit.site.sign_in.end(visit.person)
    response = RedirectResponse("/login", status_code=303)
    forget_cookie(response, secure=visit.secure)
    return response


def _form(visit: Visit, *, status: int, message: str | None, name: str) -> Response:
    nonce = new_token()
    token = visit.site.sign_in.form_token(nonce)
    response = visit.site.renderer.page(
        "sign_in.html",
        session=None,
        status=status,
        tells_everybody=not visit.site.parts.people.all(),
        csrf=token,
        message=message,
        name=name,
    )
    give_form_cookie(response, nonce, secure=visit.secure)
    return response
