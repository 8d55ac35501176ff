"""Every address has a rule, and the rule holds for every person and every spelling."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.routing import Route

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.people import Role
from edge_agent.web import routes
from edge_agent.web.factory import create_site
from edge_agent.web.parts import WebParts
from edge_agent.web.routes import PAGES, RuledRoute
from edge_agent.web.sign_in import SESSION_COOKIE
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import House, ask, field, sign_in

# What each page promises to whom, written down once more: a new route fails here until somebody decides.
EXPECTED = {
    ("GET", "/healthz"): "public",
    ("GET", "/static/{name}"): "public",
    ("GET", "/login"): "public",
    ("POST", "/login"): "public",
    ("POST", "/logout"): "signed_in",
    ("GET", "/"): "signed_in",
    ("GET", "/items/{item}"): "signed_in",
    ("GET", "/prompts/{prompt}"): "signed_in",
    ("POST", "/prompts/{prompt}/approve"): "may_approve",
    ("POST", "/prompts/{prompt}/snooze"): "may_approve",
    ("POST", "/prompts/{prompt}/decline"): "may_approve",
    ("GET", "/orders"): "signed_in",
    ("GET", "/devices"): "signed_in",
}
FORMS = {"approve": {"terms_hash": "0" * 64}, "snooze": {"hours": "6"}, "decline": {"reason": "not_now"}}


def address(path: str) -> str:
    """A path with something real in its place holders."""
    return path.format(name="style.css", item="milk", prompt="p-milk")


def test_every_route_of_the_router_declares_its_rule(house: House, clock: ManualClock) -> None:
    """The router itself is asked, so a route added around the table is found."""
    parts = WebParts(clock, house.accounts, passwords=None, overview=house.home, answers=house.answers)  # type: ignore[arg-type]
    site = create_site(parts, web=WebConfig(), home=HomeConfig())
    found = {}
    for route in routes.build(site):
        assert isinstance(route, RuledRoute)
        assert route.methods is not None
        found[route.methods.difference({"HEAD"}).pop(), route.path] = str(route.rule)
    assert found == EXPECTED


def test_the_application_serves_nothing_but_ruled_routes(house: House) -> None:
    """Default deny: mounts, docs and debug routes do not exist."""
    app = house.app
    while not hasattr(app, "routes"):
        app = app._app  # type: ignore[attr-defined]
    assert all(isinstance(route, Route) and isinstance(route, RuledRoute) for route in app.routes)
    assert len(app.routes) == len(PAGES)


@pytest.mark.parametrize(("method", "path"), EXPECTED)
async def test_without_a_session_only_public_pages_answer(anyone: httpx.AsyncClient, method: str, path: str) -> None:
    """Everything else sends to the sign-in, and nothing but a status."""
    answer = await anyone.request(method, address(path), data={"csrf": "x"} if method == "POST" else None)
    if EXPECTED[method, path] == "public":
        assert answer.status_code == (403 if method == "POST" else 200)
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("method", "path"), EXPECTED)
async def test_each_role_gets_what_its_rule_says(house: House, role: Role, method: str, path: str) -> None:
    """A guest may look and not answer."""
    async with house.client() as client:
        await sign_in(client, role=role)
        csrf = field((await client.get("/orders")).text, "csrf")
        data = {"csrf": csrf, **FORMS.get(path.rsplit("/", 1)[-1], {})}
        answer = await client.request(method, address(path), data=data if method == "POST" else None)
    forbidden = role is Role.GUEST and EXPECTED[method, path] == "may_approve"
    assert (answer.status_code == 403) is (forbidden or (method, path) == ("POST", "/login"))
    assert bool(house.answers.calls) is (EXPECTED[method, path] == "may_approve" and not forbidden)


@pytest.mark.parametrize(
    "path",
    [
        "/Orders",
        "/orders/",
        "//orders",
        "/orders/..",
        "/%2e%2e/orders",
        "/orders;a=b",
        "/orders%00",
        "/static/../factory.py",
        "/static/%2e%2e%2ffactory.py",
        "/static/base.html",
        "/items/..%2f..",
        "/items/" + "a" * 65,
        "/docs",
        "/openapi.json",
        "/metrics",
        "/debug",
        "/healthz/",
    ],
)
async def test_no_other_spelling_is_a_page(owner: httpx.AsyncClient, house: House, path: str) -> None:
    """One spelling a page, signed in or not; sent as it stands here, past a client that would tidy it up."""
    session = f"{SESSION_COOKIE}={owner.cookies[SESSION_COOKIE]}".encode()
    name = (b"host", b"127.0.0.1:8480")
    assert await ask(house, path=path, headers=[name, (b"cookie", session)]) == 404
    assert await ask(house, path=path, headers=[name]) in {404, 303}


async def test_a_missing_page_says_nothing_of_the_inside(owner: httpx.AsyncClient) -> None:
    """A plain page."""
    answer = await owner.get("/nothing")
    assert "There is no such page" in answer.text
    assert not re.search(r"Traceback|starlette|jinja|edge_agent", answer.text, re.IGNORECASE)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/logout"), ("POST", "/"), ("PUT", "/login"), ("DELETE", "/orders"), ("TRACE", "/")]
)
async def test_another_method_is_refused_without_detail(owner: httpx.AsyncClient, method: str, path: str) -> None:
    """405 and a plain page."""
    answer = await owner.request(method, path)
    assert answer.status_code == 405
    assert "That does not work this way" in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("act", ["approve", "snooze", "decline"])
async def test_a_get_never_answers_a_prompt(owner: httpx.AsyncClient, house: House, method: str, act: str) -> None:
    """Mail scanners and prefetching browsers change nothing."""
    answer = await owner.request(method, f"/prompts/p-milk/{act}?terms_hash=x&hours=6&reason=not_now")
    assert answer.status_code == 405
    assert house.answers.calls == []


async def test_a_fault_of_ours_shows_nothing_of_the_inside(house: House) -> None:
    """500 is a plain page with the usual headers."""
    async with house.client(raise_faults=False) as client:
        await sign_in(client)
        house.home.all_devices = [object()]  # type: ignore[list-item]
        answer = await client.get("/devices")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "Traceback" not in answer.text
    assert "AttributeError" not in answer.text
