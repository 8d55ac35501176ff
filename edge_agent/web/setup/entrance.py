"""The one page that everybody sees before the code was given, and what every page is made of."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from edge_agent.core.said import say
from edge_agent.core.setup.code import Claim
from edge_agent.web.render import STATIC_FILES
from edge_agent.web.setup.door import FORM_COOKIE, INSIDE_COOKIE
from edge_agent.web.setup.visit import SetupVisit
from edge_agent.web.sign_in import new_token

_SAID = {
    Claim.WRONG: (403, say("That is not the code. Look at the hub's last lines: it is in the newest of them.")),
    Claim.TOO_MANY_TRIES: (429, say("There were too many tries, so this one was not checked. Wait half a minute.")),
    Claim.OVER: (403, say("The code was valid for half an hour, which is over. Restart the hub: it prints a new one.")),
}


async def show(visit: SetupVisit) -> Response:
    """The form for the code; who is inside goes to the step that comes next."""
    if visit.site.door.is_inside(visit.request):
        return RedirectResponse(next_step(visit), status_code=303)
    if visit.site.door.is_taken:
        raise HTTPException(403)
    return _form(visit, status=200, message=None)


async def try_code(visit: SetupVisit) -> Response:
    """Let this browser in, once; another one that has the code too comes too late."""
    client = visit.request.client
    claim, token = visit.site.door.knock(visit.form.get("code", ""), visitor=client.host if client else "")
    if claim is Claim.TAKEN:
        raise HTTPException(403)
    if claim is not Claim.FITS:
        status, message = _SAID[claim]
        return _form(visit, status=status, message=message)
    response = RedirectResponse(next_step(visit), status_code=303)
    visit.site.door.give_cookie(response, INSIDE_COOKIE, token, request=visit.request)
    return response


async def show_static(visit: SetupVisit) -> Response:
    """One of the files that belong to the pages; no other file can be named."""
    name = visit.request.path_params["name"]
    if name not in STATIC_FILES:
        raise HTTPException(404)
    return Response(visit.site.renderer.static[name], media_type=STATIC_FILES[name])


async def show_health(_visit: SetupVisit) -> Response:
    """The pages are being served; says nothing about the home."""
    return JSONResponse({"status": "ok"})


def next_step(visit: SetupVisit) -> str:
    """The first step that is not done."""
    work = visit.site.work
    if work.draft.owner is None:
        return "/setup/owner"
    return "/setup/devices" if work.is_connected else "/setup/broker"


def _form(visit: SetupVisit, *, status: int, message: str | None) -> Response:
    nonce = new_token()
    response = visit.site.renderer.page(
        "setup/code.html",
        language=visit.site.renderer.language(visit.request),
        session=None,
        status=status,
        csrf=visit.site.door.form_token(nonce),
        message=message,
    )
    visit.site.door.give_cookie(response, FORM_COOKIE, nonce, request=visit.request)
    return response
