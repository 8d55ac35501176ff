"""Every address of the pages with the rule of who may use it. What is not in this table does not exist.

Order of the checks on a request: origin (POST), session, role, form, form token. A GET changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge_agent.core.people import MAY_APPROVE, Session
from edge_agent.web import forms
from edge_agent.web.pages import assets, devices, home, item, orders, prompt, sign_in
from edge_agent.web.sign_in import same
from edge_agent.web.visit import Handler, Site, Visit


class Rule(StrEnum):
    """Who may use an address."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    MAY_APPROVE = "may_approve"


@dataclass(frozen=True, slots=True)
class Page:
    """One address, one method, one rule, one handler."""

    method: Literal["GET", "POST"]
    path: str
    rule: Rule
    handler: Handler


PAGES = (
    Page("GET", "/healthz", Rule.PUBLIC, assets.show_health),
    Page("GET", "/static/{name}", Rule.PUBLIC, assets.show_static),
    Page("GET", "/login", Rule.PUBLIC, sign_in.show),
    Page("POST", "/login", Rule.PUBLIC, sign_in.sign_in),
    Page("POST", "/logout", Rule.SIGNED_IN, sign_in.sign_out),
    Page("GET", "/", Rule.SIGNED_IN, home.show),
    Page("GET", "/items/{item}", Rule.SIGNED_IN, item.show),
    Page("GET", "/prompts/{prompt}", Rule.SIGNED_IN, prompt.show),
    Page("POST", "/prompts/{prompt}/approve", Rule.MAY_APPROVE, prompt.approve),
    Page("POST", "/prompts/{prompt}/snooze", Rule.MAY_APPROVE, prompt.snooze),
    Page("POST", "/prompts/{prompt}/decline", Rule.MAY_APPROVE, prompt.decline),
    Page("GET", "/orders", Rule.SIGNED_IN, orders.show),
    Page("GET", "/devices", Rule.SIGNED_IN, devices.show),
)


class RuledRoute(Route):
    """A route that carries its rule and cannot be reached around it."""

    def __init__(self, page: Page, site: Site) -> None:
        async def endpoint(request: Request) -> Response:
            return await _answer(page, site, request)

        super().__init__(page.path, endpoint, methods=[page.method], name=f"{page.method} {page.path}")
        self.rule = page.rule


def build(site: Site) -> list[RuledRoute]:
    """The routes of all pages."""
    return [RuledRoute(page, site) for page in PAGES]


async def _answer(page: Page, site: Site, request: Request) -> Response:
    changes = page.method == "POST"
    if changes and not forms.same_origin(request):
        raise HTTPException(403)
    session = site.sign_in.current(request)
    if page.rule is not Rule.PUBLIC and session is None:
        return RedirectResponse("/login", status_code=303)
    if page.rule is Rule.MAY_APPROVE and (session is None or session.role not in MAY_APPROVE):
        raise HTTPException(403)
    form = await forms.read(request) if changes else {}
    if changes and not _token_fits(page, site, request, session=session, form=form):
        raise HTTPException(403)
    return await page.handler(Visit(request, site, session, form))


def _token_fits(page: Page, site: Site, request: Request, *, session: Session | None, form: Mapping[str, str]) -> bool:
    """The session's token; on a public page, where there may be none, the token bound to the form's cookie."""
    token = form.get("csrf", "")
    if page.rule is Rule.PUBLIC or session is None:
        return site.sign_in.form_fits(request, token)
    return same(token, session.csrf)
