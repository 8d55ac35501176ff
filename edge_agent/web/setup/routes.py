"""Every address of the first run with the rule of who may use it; what is not in this table does not exist.

The application ends with the set-up, and the household's own has none of these addresses. Order of the checks: origin
(POST), who is inside, form, form token. A GET changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, ExceptionHandler

from edge_agent.config import WebConfig
from edge_agent.errors import HubError
from edge_agent.web import forms
from edge_agent.web.guard import HostCheck, SecurityHeaders
from edge_agent.web.setup import entrance, item, steps
from edge_agent.web.setup.problem import SetupProblems
from edge_agent.web.setup.visit import SetupHandler, SetupSite, SetupVisit
from edge_agent.web.sign_in import same


class SetupRule(StrEnum):
    """Who may use an address while the hub has no home."""

    PUBLIC = "public"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True)
class SetupPage:
    """An address of the first run."""

    method: Literal["GET", "POST"]
    path: str
    rule: SetupRule
    handler: SetupHandler


PAGES = (
    SetupPage("GET", "/static/{name}", SetupRule.PUBLIC, entrance.show_static),
    SetupPage("GET", "/healthz", SetupRule.PUBLIC, entrance.show_health),
    SetupPage("GET", "/", SetupRule.PUBLIC, entrance.show),
    SetupPage("POST", "/setup/code", SetupRule.PUBLIC, entrance.try_code),
    SetupPage("GET", "/setup/owner", SetupRule.INSIDE, steps.show_owner),
    SetupPage("POST", "/setup/owner", SetupRule.INSIDE, steps.set_owner),
    SetupPage("GET", "/setup/broker", SetupRule.INSIDE, steps.show_broker),
    SetupPage("POST", "/setup/broker", SetupRule.INSIDE, steps.try_broker),
    SetupPage("POST", "/setup/broker/search", SetupRule.INSIDE, steps.search),
    SetupPage("GET", "/setup/devices", SetupRule.INSIDE, steps.show_devices),
    SetupPage("GET", "/setup/devices/news", SetupRule.INSIDE, steps.show_news),
    SetupPage("POST", "/setup/devices/listen", SetupRule.INSIDE, steps.listen),
    SetupPage("GET", "/setup/item", SetupRule.INSIDE, item.show),
    SetupPage("POST", "/setup/item", SetupRule.INSIDE, item.keep),
    SetupPage("POST", "/setup/item/drop", SetupRule.INSIDE, item.drop),
    SetupPage("POST", "/setup/finish", SetupRule.INSIDE, steps.finish),
)


def create_setup_app(site: SetupSite, *, web: WebConfig) -> ASGIApp:
    """The application of the first run, ready for any ASGI server."""
    problems = SetupProblems(site.renderer)
    handlers: dict[type[Exception], ExceptionHandler] = {
        HTTPException: problems.for_http,
        HubError: problems.for_hub,
        Exception: problems.for_fault,
    }
    pages = Starlette(debug=False, routes=build(site), exception_handlers=handlers)
    pages.router.redirect_slashes = False
    return SecurityHeaders(HostCheck(pages, allowed=web.allowed_hosts, refusal=problems.misdirected()))


def build(site: SetupSite) -> list[Route]:
    """The routes of all setup pages."""
    return [_route(page, site) for page in PAGES]


def _route(page: SetupPage, site: SetupSite) -> Route:
    async def endpoint(request: Request) -> Response:
        return await _answer(page, site, request)

    return Route(page.path, endpoint, methods=[page.method], name=f"{page.method} {page.path}")


async def _answer(page: SetupPage, site: SetupSite, request: Request) -> Response:
    changes = page.method == "POST"
    if changes and not forms.same_origin(request):
        raise HTTPException(403)
    is_inside = site.door.is_inside(request)
    if page.rule is SetupRule.INSIDE and not is_inside:
        if changes or site.door.is_taken:
            raise HTTPException(403)
        return RedirectResponse("/", status_code=303)
    form = await forms.read(request) if changes else {}
    if changes and not _token_fits(page, site, request, token=form.get("csrf", "")):
        raise HTTPException(403)
    return await page.handler(SetupVisit(request, site, form))


def _token_fits(page: SetupPage, site: SetupSite, request: Request, *, token: str) -> bool:
    if page.rule is SetupRule.PUBLIC:
        return site.door.form_fits(request, token)
    return same(token, site.door.csrf)
