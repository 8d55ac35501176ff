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

from edge_agent.core.people import MAY_APPROVE, Role, Session
from edge_agent.web import forms
from edge_agent.web.pages import (
    account,
    assets,
    decisions,
    devices,
    home,
    item,
    ledger,
    mandate_form,
    mandates,
    order_acts,
    orders,
    people,
    prompt,
    safety,
    sign_in,
    stock,
)
from edge_agent.web.sign_in import same
from edge_agent.web.visit import Handler, Site, Visit


class Rule(StrEnum):
    """Who may use an address. How much a person may approve is the household's policy, not a rule of an address."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    MEMBER = "member"
    OWNER = "owner"


ROLES: Mapping[Rule, frozenset[Role]] = {
    Rule.SIGNED_IN: frozenset(Role),
    Rule.MEMBER: MAY_APPROVE,
    Rule.OWNER: frozenset({Role.OWNER}),
}


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
    Page("GET", "/items/{item}/decision.json", Rule.MEMBER, decisions.item_bundle),
    Page("POST", "/items/{item}/stock", Rule.MEMBER, stock.tell),
    Page("POST", "/presence", Rule.MEMBER, decisions.tell_presence),
    Page("GET", "/prompts/{prompt}", Rule.SIGNED_IN, prompt.show),
    Page("GET", "/prompts/{prompt}/decision.json", Rule.MEMBER, decisions.prompt_bundle),
    Page("POST", "/prompts/{prompt}/approve", Rule.SIGNED_IN, prompt.approve),
    Page("POST", "/prompts/{prompt}/snooze", Rule.MEMBER, prompt.snooze),
    Page("POST", "/prompts/{prompt}/decline", Rule.MEMBER, prompt.decline),
    Page("GET", "/orders", Rule.SIGNED_IN, orders.show),
    Page("POST", "/orders/{intent}/cancel", Rule.MEMBER, order_acts.cancel),
    Page("POST", "/orders/{intent}/settle", Rule.MEMBER, order_acts.settle),
    Page("POST", "/orders/{intent}/arrived", Rule.MEMBER, order_acts.arrived),
    Page("POST", "/orders/{intent}/never-came", Rule.MEMBER, order_acts.never_came),
    Page("GET", "/mandates", Rule.MEMBER, mandates.show_all),
    Page("GET", "/mandates/{mandate}", Rule.MEMBER, mandates.show),
    Page("POST", "/mandates/{mandate}/confirm", Rule.MEMBER, mandates.confirm),
    Page("POST", "/mandates/{mandate}/decline", Rule.MEMBER, mandates.decline),
    Page("POST", "/mandates/{mandate}/pause", Rule.MEMBER, mandates.pause),
    Page("POST", "/mandates/{mandate}/resume", Rule.OWNER, mandates.resume),
    Page("POST", "/mandates/{mandate}/revoke", Rule.MEMBER, mandates.revoke),
    Page("GET", "/new-mandate", Rule.OWNER, mandate_form.choose),
    Page("GET", "/new-mandate/{item}", Rule.OWNER, mandate_form.show),
    Page("POST", "/new-mandate/{item}", Rule.OWNER, mandate_form.create),
    Page("GET", "/devices", Rule.SIGNED_IN, devices.show),
    Page("GET", "/sent", Rule.MEMBER, ledger.show),
    Page("GET", "/sent/{row}", Rule.MEMBER, ledger.show_row),
    Page("GET", "/account", Rule.SIGNED_IN, account.show),
    Page("POST", "/account/password", Rule.SIGNED_IN, account.set_password),
    Page("POST", "/account/pin", Rule.SIGNED_IN, account.set_pin),
    Page("GET", "/people", Rule.OWNER, people.show),
    Page("POST", "/people/add", Rule.OWNER, people.add),
    Page("POST", "/people/role", Rule.OWNER, people.set_role),
    Page("POST", "/people/password", Rule.OWNER, people.set_password),
    Page("POST", "/people/pin", Rule.OWNER, people.set_pin),
    Page("POST", "/people/remove", Rule.OWNER, people.remove),
    Page("POST", "/people/rules", Rule.OWNER, people.set_rules),
    Page("POST", "/safety/clock", Rule.OWNER, safety.confirm_clock),
    Page("POST", "/safety/bridge", Rule.OWNER, safety.accept_bridge),
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
    if page.rule is not Rule.PUBLIC and (session is None or session.role not in ROLES[page.rule]):
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
