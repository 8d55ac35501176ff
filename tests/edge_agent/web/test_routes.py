"""Every address has a rule, and the rule holds for every person and every spelling."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pytest
from starlette.routing import Route

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.catalogue import Preferences
from edge_agent.core.household_edit import products_mark, sensors_mark
from edge_agent.core.intent import IntentState
from edge_agent.core.people import Role
from edge_agent.web import routes
from edge_agent.web.factory import create_site
from edge_agent.web.preferences_form import seen_mark
from edge_agent.web.routes import PAGES, RuledRoute
from edge_agent.web.sign_in import SESSION_COOKIE
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.api.expected import API
from tests.edge_agent.web.fake_channels import subscription, token_of
from tests.edge_agent.web.house import PASSWORD, House, ask, field, sign_in
from tests.edge_agent.web.sample_home import sample_home

# What each page promises to whom, written down once more: a new route fails here until somebody decides.
EXPECTED = {
    ("GET", "/healthz"): "public",
    ("GET", "/static/{name}"): "public",
    ("GET", "/sw.js"): "public",
    ("GET", "/n/{link}"): "public",
    ("POST", "/n/{link}"): "public",
    ("GET", "/look"): "public",
    ("GET", "/login"): "public",
    ("POST", "/login"): "public",
    ("POST", "/logout"): "signed_in",
    ("GET", "/"): "signed_in",
    ("GET", "/items/{item}"): "signed_in",
    ("GET", "/items/{item}/decision.json"): "member",
    ("POST", "/items/{item}/stock"): "member",
    ("POST", "/items/{item}/mode"): "owner",
    ("POST", "/presence"): "member",
    ("GET", "/prompts/{prompt}"): "signed_in",
    ("GET", "/prompts/{prompt}/decision.json"): "member",
    ("POST", "/prompts/{prompt}/approve"): "signed_in",
    ("POST", "/prompts/{prompt}/snooze"): "member",
    ("POST", "/prompts/{prompt}/decline"): "member",
    ("POST", "/prompts/{prompt}/bring"): "member",
    ("GET", "/car"): "signed_in",
    ("POST", "/car/this"): "signed_in",
    ("POST", "/car/other"): "signed_in",
    ("POST", "/car/passenger"): "signed_in",
    ("POST", "/car/{prompt}/approve"): "signed_in",
    ("POST", "/car/{prompt}/later"): "member",
    ("POST", "/car/{prompt}/bring"): "member",
    ("GET", "/orders"): "signed_in",
    ("GET", "/merchants"): "signed_in",
    ("GET", "/orders/{intent}/record.json"): "member",
    ("POST", "/orders/{intent}/cancel"): "member",
    ("POST", "/orders/{intent}/settle"): "member",
    ("POST", "/orders/{intent}/arrived"): "member",
    ("POST", "/orders/{intent}/never-came"): "member",
    ("POST", "/orders/{intent}/see-to"): "member",
    ("POST", "/orders/{intent}/want"): "member",
    ("GET", "/mandates"): "member",
    ("GET", "/mandates/{mandate}"): "member",
    ("POST", "/mandates/{mandate}/confirm"): "member",
    ("POST", "/mandates/{mandate}/decline"): "member",
    ("POST", "/mandates/{mandate}/pause"): "member",
    ("POST", "/mandates/{mandate}/resume"): "owner",
    ("POST", "/mandates/{mandate}/revoke"): "member",
    ("GET", "/new-mandate"): "owner",
    ("GET", "/new-mandate/{item}"): "owner",
    ("POST", "/new-mandate/{item}"): "owner",
    ("GET", "/devices"): "signed_in",
    ("GET", "/devices/{device}"): "signed_in",
    ("GET", "/devices/{device}/{signal}"): "owner",
    ("POST", "/devices/{device}/{signal}"): "owner",
    ("GET", "/new-item"): "owner",
    ("POST", "/new-item"): "owner",
    ("GET", "/scan"): "member",
    ("POST", "/scan"): "owner",
    ("GET", "/recalls"): "member",
    ("POST", "/recalls"): "owner",
    ("POST", "/recalls/{recall}/done"): "member",
    ("POST", "/scan/ask"): "member",
    ("GET", "/sent"): "member",
    ("GET", "/sent/{row}"): "member",
    ("GET", "/household"): "member",
    ("POST", "/household"): "owner",
    ("POST", "/household/days"): "member",
    ("POST", "/household/stop"): "member",
    ("GET", "/data"): "member",
    ("GET", "/data/export.jsonl"): "owner",
    ("POST", "/data/forget"): "owner",
    ("GET", "/report"): "member",
    ("GET", "/account"): "signed_in",
    ("POST", "/account/password"): "signed_in",
    ("POST", "/account/pin"): "signed_in",
    ("POST", "/account/language"): "signed_in",
    ("GET", "/channels"): "member",
    ("POST", "/channels/add"): "member",
    ("POST", "/channels/push"): "member",
    ("POST", "/channels/{channel}/test"): "member",
    ("POST", "/channels/{channel}/earlier"): "member",
    ("POST", "/channels/{channel}/pause"): "member",
    ("POST", "/channels/{channel}/resume"): "member",
    ("POST", "/channels/{channel}/remove"): "member",
    ("GET", "/people"): "owner",
    ("POST", "/people/add"): "owner",
    ("POST", "/people/role"): "owner",
    ("POST", "/people/password"): "owner",
    ("POST", "/people/pin"): "owner",
    ("POST", "/people/remove"): "owner",
    ("POST", "/people/rules"): "owner",
    ("GET", "/tokens"): "owner",
    ("POST", "/tokens/add"): "owner",
    ("POST", "/tokens/{token}/revoke"): "owner",
    ("POST", "/safety/clock"): "owner",
    ("POST", "/safety/bridge"): "owner",
}
MAY = {
    "public": frozenset(Role),
    "signed_in": frozenset(Role),
    "member": frozenset({Role.OWNER, Role.MEMBER}),
    "owner": frozenset({Role.OWNER}),
}
# Signed in, and refused all the same: by the household's policy, which allows guests and children nothing.
TOLD_AT_ONCE = {"/tokens/add", "/household/stop"}  # the answer is the page itself
NOTED_HERE = {"/logout", "/car/this", "/car/other", "/car/passenger"}  # nothing behind the pages hears of it
REFUSED_BY_POLICY = {
    ("POST", path): frozenset({Role.GUEST, Role.CHILD})
    for path in ("/prompts/{prompt}/approve", "/car/{prompt}/approve")
}
NEW_PASSWORD = {"new_password": "another battery", "new_password_again": "another battery", "own_password": PASSWORD}
NEW_PIN = {"new_pin": "123456", "new_pin_again": "123456", "own_password": PASSWORD}
ITEMS = [known.item for known in sample_home(ManualClock()).known.values()]
FORMS: dict[str, dict[str, str]] = {
    "/items/{item}/stock": {"what": "counted", "packs": "2"},
    "/items/{item}/mode": {"mode": "shadow"},
    "/presence": {"said": "as_usual"},
    "/household": {
        "seen": seen_mark(Preferences()),
        "prompt_gap_h": "6",
        "stock": "balanced",
        "budget_period": "MONTHLY",
    },
    "/household/days": {"act": "add", "kind": "away", "first": "2026-03-10", "last": "2026-03-12"},
    "/devices/{device}/{signal}": {
        "act": "bind",
        "item": "coffee",
        "how": "instead",
        "full_amount": "1500",
        "seen": sensors_mark(ITEMS),
    },
    "/new-item": {
        "name": "Vinegar",
        "unit": "mL",
        "title": "Vinegar, 750 mL",
        "pack_amount": "750",
        "pack_days": "60",
        "merchant": "grocer",
        "sku": "vinegar-1",
    },
    "/recalls": {"gtin": "4006381333931", "text": "Do not eat it.", "source": "the maker"},
    "/recalls/{recall}/done": {"item": "milk", "what": "thrown_away", "packs": "1"},
    "/scan/ask": {"code": "4006381333931"},
    "/scan": {"code": "4006381333931", "item": "coffee", "seen": products_mark(ITEMS)},
    "/data/forget": {"which": "device", "device": "fridge-scale", "own_password": PASSWORD},
    "/prompts/{prompt}/snooze": {"hours": "6"},
    "/prompts/{prompt}/decline": {"reason": "not_now"},
    "/orders/{intent}/settle": {"found": "there"},
    "/orders/{intent}/see-to": {"word": "mended"},
    "/new-mandate/{item}": {
        "quantity_max": "4",
        "order_max": "25",
        "budget": "60",
        "frequency": "MONTHLY",
        "not_after": "2026-06-30",
    },
    "/car/this": {"car": "tesla.1"},
    "/account/password": NEW_PASSWORD,
    "/account/pin": NEW_PIN,
    "/account/language": {"language": "zh-Hans"},
    "/channels/add": {"address": "ntfys://ntfy.example/another-topic"},
    "/channels/push": {"subscription": subscription()},
    "/people/add": {"name": "robin", "role": "member", **NEW_PASSWORD},
    "/people/role": {"name": "the-guest", "role": "member", "own_password": PASSWORD},
    "/people/password": {"name": "the-guest", **NEW_PASSWORD},
    "/people/pin": {"name": "the-guest", **NEW_PIN},
    "/people/remove": {"name": "the-guest", "own_password": PASSWORD},
    "/tokens/add": {
        "label": "Phone",
        "account": "the-owner",
        "scope": "read",
        "days": "30",
        "own_password": PASSWORD,
    },
    "/people/rules": {"currency": "USD", "limit_guest": "0", "limit_child": "0", "own_password": PASSWORD},
}


def address(path: str, *, intent: str = "i-p-fluid", mandate: str = "m-milk") -> str:
    """A path with something real in its place holders."""
    return path.format(
        name="style.css", item="milk", prompt="p-milk", intent=intent, mandate=mandate, row="3", token="t-wall",
        link=token_of(), channel="c-the-owner", recall="r1", device="washer", signal="softener.remaining",
    )  # fmt: skip


def ready_for(house: House, path: str) -> str:
    """A path whose order or mandate stands where the act is possible."""
    act = path.rsplit("/", 1)[-1]
    stands = {
        "cancel": IntentState.HELD,
        "settle": IntentState.PARKED,
        "see-to": IntentState.REJECTED,
        "want": IntentState.REJECTED,
    }
    state, known = stands.get(act, IntentState.SHIPPED), house.home.all_intents["i-p-fluid"]
    house.home.all_intents["i-p-fluid"] = replace(known, state=state, detail="payment_failed", changed_at=NOW)
    view = house.mandates.kept["m-waits"]
    house.mandates.kept["m-waits"] = replace(view, record=replace(view.record, proposed_by="robin"))
    mandate = {"confirm": "m-waits", "decline": "m-waits", "resume": "m-paused"}.get(act, "m-milk")
    return address(path, mandate=mandate)


def test_every_route_of_the_router_declares_its_rule(house: House) -> None:
    """The router itself is asked, so a route added around the table is found."""
    site = create_site(house.parts, web=WebConfig(), home=HomeConfig())
    found = {}
    for route in routes.build(site):
        assert isinstance(route, RuledRoute)
        assert route.methods is not None
        found[route.methods.difference({"HEAD"}).pop(), route.path] = str(route.rule)
    assert found == EXPECTED | {key: rule for key, (rule, _) in API.items()}


def test_the_application_serves_nothing_but_ruled_routes(house: House) -> None:
    """Default deny: mounts, docs and debug routes do not exist."""
    app = house.app
    while not hasattr(app, "routes"):
        app = app._app  # type: ignore[attr-defined]
    assert all(isinstance(route, Route) and isinstance(route, RuledRoute) for route in app.routes)
    assert len(app.routes) == len(PAGES) + len(API)


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
    """Who may, gets the page or is taken to it; who may not, gets 403 and sets nothing off."""
    async with house.client() as client:
        await sign_in(client, role=role)
        page = (await client.get("/prompts/p-milk")).text
        data = {"csrf": field(page, "csrf"), **FORMS.get(path, {})}
        if path.endswith("/approve"):
            data["terms_hash"] = house.home.all_prompts["p-milk"].terms_hash
        if path.endswith("/bring"):
            house.road.goes_to = "Work"
            data["terms_hash"] = house.road.redirections(house.home.all_prompts["p-milk"].id)[0].terms_hash
        if path.startswith("/car/{prompt}"):
            await client.post("/car/passenger", data={"csrf": data["csrf"]})
        ready = ready_for(house, path).replace("c-the-owner", f"c-the-{role}")
        answer = await client.request(method, ready, data=data if method == "POST" else None)
    rule, policy = MAY[EXPECTED[method, path]], REFUSED_BY_POLICY.get((method, path), frozenset())
    if method == "POST" and path in {"/login", "/n/{link}"}:  # their forms carry a token of their own
        assert answer.status_code == 403
    elif role in rule - policy:
        assert answer.status_code == (303 if method == "POST" and path not in TOLD_AT_ONCE else 200)
        assert bool(house.calls) is (method == "POST" and path not in NOTED_HERE)
    else:
        assert answer.status_code == 403
        assert house.home.intent_of(house.home.all_prompts["p-milk"].id) is None
        assert house.calls == ([] if role not in rule else [("approve", "p-milk", f"the-{role}")])


async def test_no_get_changes_anything(house: House) -> None:
    """Every page is read by every role, with odd queries too; store and home are the same to the byte afterwards."""
    pages = [path for method, path in EXPECTED if method == "GET"]
    for role in Role:
        async with house.client() as client:
            await sign_in(client, role=role)
            before = everything(house)
            for path in pages:
                for query in ("", "?before=2", "?hours=6&reason=not_now&csrf=x&terms_hash=x&found=there"):
                    await client.get(address(path) + query)
                    await client.head(address(path) + query)
            assert everything(house) == before
            assert house.calls == []


def everything(house: House) -> str:
    """All that the house keeps, as text: the rows of every table, and what stands in memory."""
    db = house.connection.db
    tables = [str(row[0]) for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    rows = [f"{table}: {list(db.execute(f'SELECT * FROM {table}'))}" for table in tables]  # noqa: S608
    home = house.home
    memory = (home.all_prompts, home.all_intents, home.all_endorsements, house.mandates.kept, house.policies.policy)
    return "\n".join([*rows, repr(memory), repr(house.ledger.sent), repr(house.safety.found)])


@pytest.mark.parametrize("path", [path for method, path in EXPECTED if method == "POST" and path != "/login"])
@pytest.mark.parametrize("headers", [{}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}])
async def test_every_form_needs_its_token_and_its_own_page(
    owner: httpx.AsyncClient, house: House, path: str, headers: dict[str, str]
) -> None:
    """Without the token, or from another site with it: 403, and nothing is set off."""
    csrf = field((await owner.get("/account")).text, "csrf") if headers else "x"
    data = {"csrf": csrf, **FORMS.get(path, {})}
    ready = ready_for(house, path)
    before = everything(house)
    answer = await owner.post(ready, data=data, headers=headers)
    assert answer.status_code == 403
    assert house.calls == []
    assert everything(house) == before


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
