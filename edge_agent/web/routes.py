"""Every address of the pages with the rule of who may use it. What is not in this table does not exist.

Order of the checks on a request: origin (POST), session, role, form, form token. A GET changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge_agent.core.people import Session
from edge_agent.web import forms
from edge_agent.web.api.acts import ACTS
from edge_agent.web.api.call import Act
from edge_agent.web.api.gate import Gate
from edge_agent.web.pages import (
    account,
    assets,
    bind,
    car,
    channels,
    data,
    decisions,
    device,
    devices,
    home,
    household,
    item,
    item_acts,
    ledger,
    links,
    mandate_form,
    mandates,
    merchants,
    new_item,
    order_acts,
    orders,
    people,
    prompt,
    recalls,
    report,
    safety,
    scan,
    sign_in,
    stock,
    tokens,
)
from edge_agent.web.rules import ROLES, Rule
from edge_agent.web.sign_in import same
from edge_agent.web.visit import Handler, Site, Visit


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
    Page("GET", "/sw.js", Rule.PUBLIC, assets.show_worker),
    Page("GET", "/n/{link}", Rule.PUBLIC, links.show),
    Page("POST", "/n/{link}", Rule.PUBLIC, links.use),
    Page("GET", "/look", Rule.PUBLIC, links.show_look),
    Page("GET", "/login", Rule.PUBLIC, sign_in.show),
    Page("POST", "/login", Rule.PUBLIC, sign_in.sign_in),
    Page("POST", "/logout", Rule.SIGNED_IN, sign_in.sign_out),
    Page("GET", "/", Rule.SIGNED_IN, home.show),
    Page("GET", "/items/{item}", Rule.SIGNED_IN, item.show),
    Page("GET", "/items/{item}/decision.json", Rule.MEMBER, decisions.item_bundle),
    Page("POST", "/items/{item}/stock", Rule.MEMBER, stock.tell),
    Page("POST", "/items/{item}/mode", Rule.OWNER, item_acts.set_mode),
    Page("POST", "/presence", Rule.MEMBER, decisions.tell_presence),
    Page("GET", "/prompts/{prompt}", Rule.SIGNED_IN, prompt.show),
    Page("GET", "/prompts/{prompt}/decision.json", Rule.MEMBER, decisions.prompt_bundle),
    Page("POST", "/prompts/{prompt}/approve", Rule.SIGNED_IN, prompt.approve),
    Page("POST", "/prompts/{prompt}/snooze", Rule.MEMBER, prompt.snooze),
    Page("POST", "/prompts/{prompt}/decline", Rule.MEMBER, prompt.decline),
    Page("POST", "/prompts/{prompt}/bring", Rule.MEMBER, prompt.bring),
    Page("GET", "/car", Rule.SIGNED_IN, car.show),
    Page("POST", "/car/this", Rule.SIGNED_IN, car.choose),
    Page("POST", "/car/other", Rule.SIGNED_IN, car.forget),
    Page("POST", "/car/passenger", Rule.SIGNED_IN, car.sit_beside),
    Page("POST", "/car/{prompt}/approve", Rule.SIGNED_IN, car.approve),
    Page("POST", "/car/{prompt}/later", Rule.MEMBER, car.later),
    Page("POST", "/car/{prompt}/bring", Rule.MEMBER, car.bring),
    Page("GET", "/orders", Rule.SIGNED_IN, orders.show),
    Page("GET", "/merchants", Rule.SIGNED_IN, merchants.show),
    Page("POST", "/orders/{intent}/cancel", Rule.MEMBER, order_acts.cancel),
    Page("POST", "/orders/{intent}/settle", Rule.MEMBER, order_acts.settle),
    Page("POST", "/orders/{intent}/arrived", Rule.MEMBER, order_acts.arrived),
    Page("POST", "/orders/{intent}/never-came", Rule.MEMBER, order_acts.never_came),
    Page("POST", "/orders/{intent}/see-to", Rule.MEMBER, order_acts.see_to),
    Page("POST", "/orders/{intent}/want", Rule.MEMBER, order_acts.want),
    Page("GET", "/orders/{intent}/record.json", Rule.MEMBER, order_acts.record),
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
    Page("GET", "/devices/{device}", Rule.SIGNED_IN, device.show),
    Page("GET", "/devices/{device}/{signal}", Rule.OWNER, bind.show),
    Page("POST", "/devices/{device}/{signal}", Rule.OWNER, bind.change),
    Page("GET", "/new-item", Rule.OWNER, new_item.show),
    Page("POST", "/new-item", Rule.OWNER, new_item.keep),
    Page("GET", "/scan", Rule.MEMBER, scan.show),
    Page("POST", "/scan", Rule.OWNER, scan.bind),
    Page("GET", "/recalls", Rule.MEMBER, recalls.show),
    Page("POST", "/recalls", Rule.OWNER, recalls.file),
    Page("POST", "/recalls/{recall}/done", Rule.MEMBER, recalls.settle),
    Page("POST", "/scan/ask", Rule.MEMBER, scan.ask),
    Page("GET", "/sent", Rule.MEMBER, ledger.show),
    Page("GET", "/sent/{row}", Rule.MEMBER, ledger.show_row),
    Page("GET", "/household", Rule.MEMBER, household.show),
    Page("POST", "/household", Rule.OWNER, household.set_preferences),
    Page("POST", "/household/days", Rule.MEMBER, household.set_days),
    Page("POST", "/household/stop", Rule.MEMBER, household.stop),
    Page("GET", "/data", Rule.MEMBER, data.show),
    Page("GET", "/data/export.jsonl", Rule.OWNER, data.export),
    Page("POST", "/data/forget", Rule.OWNER, data.forget),
    Page("GET", "/report", Rule.MEMBER, report.show),
    Page("GET", "/account", Rule.SIGNED_IN, account.show),
    Page("POST", "/account/password", Rule.SIGNED_IN, account.set_password),
    Page("POST", "/account/pin", Rule.SIGNED_IN, account.set_pin),
    Page("POST", "/account/language", Rule.SIGNED_IN, account.set_language),
    Page("GET", "/channels", Rule.MEMBER, channels.show),
    Page("POST", "/channels/add", Rule.MEMBER, channels.add),
    Page("POST", "/channels/push", Rule.MEMBER, channels.subscribe),
    Page("POST", "/channels/{channel}/test", Rule.MEMBER, channels.test),
    Page("POST", "/channels/{channel}/earlier", Rule.MEMBER, channels.use_earlier),
    Page("POST", "/channels/{channel}/pause", Rule.MEMBER, channels.pause),
    Page("POST", "/channels/{channel}/resume", Rule.MEMBER, channels.resume),
    Page("POST", "/channels/{channel}/remove", Rule.MEMBER, channels.remove),
    Page("GET", "/people", Rule.OWNER, people.show),
    Page("POST", "/people/add", Rule.OWNER, people.add),
    Page("POST", "/people/role", Rule.OWNER, people.set_role),
    Page("POST", "/people/password", Rule.OWNER, people.set_password),
    Page("POST", "/people/pin", Rule.OWNER, people.set_pin),
    Page("POST", "/people/remove", Rule.OWNER, people.remove),
    Page("POST", "/people/rules", Rule.OWNER, people.set_rules),
    Page("GET", "/tokens", Rule.OWNER, tokens.show),
    Page("POST", "/tokens/add", Rule.OWNER, tokens.add),
    Page("POST", "/tokens/{token}/revoke", Rule.OWNER, tokens.revoke),
    Page("POST", "/safety/clock", Rule.OWNER, safety.confirm_clock),
    Page("POST", "/safety/bridge", Rule.OWNER, safety.accept_bridge),
)


Endpoint = Callable[[Request], Awaitable[Response]]


class RuledRoute(Route):
    """A route that carries its rule, and its scope where programs use it, and cannot be reached around them."""

    def __init__(self, declared: Page | Act, endpoint: Endpoint) -> None:
        named = f"{declared.method} {declared.path}"
        super().__init__(declared.path, endpoint, methods=[declared.method], name=named)
        self.rule = declared.rule
        self.scope_needed = declared.scope if isinstance(declared, Act) else None


def build(site: Site) -> list[RuledRoute]:
    """The routes of all pages, and of all acts for programs."""
    gate = Gate(site)
    pages = [RuledRoute(page, partial(_answer, page, site)) for page in PAGES]
    return [*pages, *(RuledRoute(act, partial(gate.answer, act)) for act in ACTS)]


async def _answer(page: Page, site: Site, request: Request) -> Response:
    changes = page.method == "POST"
    if changes and not forms.same_origin(request):
        raise HTTPException(403)
    session = request.state.session = site.sign_in.current(request)  # a problem's page is told in its language
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
