"""Text from outside on the pages of tokens, channels, scanning and the household; and no way out by a redirect."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlsplit

import httpx
import pytest

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.core.api_token import TokenId
from edge_agent.web import routes
from edge_agent.web.factory import create_site
from tests.edge_agent.web.fake_tokens import sample_token
from tests.edge_agent.web.house import House, field
from tests.edge_agent.web.test_escaping import ATTACKS, poison, tags
from tests.edge_agent.web.test_routes import FORMS, ready_for

PAGES = ("/household", "/data", "/report", "/tokens", "/channels", "/new-item", "/devices", "/account")
TYPED = (
    "/scan?code={}",
    "/new-item?gtin={}",
    "/login?next={}",
    "/data?gone={}",
    "/nothing/{}",
    "/sent?before={}",
)
ELSEWHERE = ("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)")


@pytest.mark.parametrize("attack", ATTACKS)
async def test_markup_from_outside_stays_text(owner: httpx.AsyncClient, house: House, attack: str) -> None:
    """A poisoned page has the very tags and attributes of one with a harmless word."""
    found: dict[str, list[list[str]]] = {}
    for word in ("harmless", attack):
        poison(house, word)
        house.tokens.put(replace(sample_token(house.parts.clock.now()), id=TokenId("t"), token_hash="t", label=word))
        for path in PAGES:
            found.setdefault(path, []).append(tags((await owner.get(path)).text))
        house.tokens.revoke(TokenId("t"), by="the-owner")
        for address in TYPED:
            found.setdefault(address, []).append(tags((await owner.get(address.format(quote(word, safe="")))).text))
    for path, (harmless, attacked) in found.items():
        assert attacked == harmless, path


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
async def test_no_answer_sends_a_browser_to_another_site(
    owner: httpx.AsyncClient, house: House, elsewhere: str
) -> None:
    """Whatever an address, a form or a header names: every Location is a path of this hub (HA 2023, open redirect)."""
    site = create_site(house.parts, web=WebConfig(), home=HomeConfig())
    csrf = field((await owner.get("/account")).text, "csrf")
    names = ("next", "url", "return_to", "redirect", "take", "after", "item")
    told = dict.fromkeys(names, elsewhere)
    for route in routes.build(site):
        if route.path in {"/api/v1/events", "/logout"} or "{link}" in route.path:
            continue  # the first never ends, after the second everything is the sign-in
        for method in set(route.methods or ()) - {"HEAD"}:
            address = ready_for(house, route.path) if "{" in route.path and route.path in FORMS else _filled(route.path)
            form = {"csrf": csrf, **told, **FORMS.get(route.path, {})} if method == "POST" else None
            headers = {"referer": f"http://127.0.0.1:8480/{elsewhere}", "x-forwarded-host": "evil.example"}
            answer = await owner.request(method, address, params=told, data=form, headers=headers)
            location = answer.headers.get("location", "/")
            parts = urlsplit(location)
            assert not parts.scheme, (method, address, location)
            assert not parts.netloc, (method, address, location)
            assert location.startswith("/"), (method, address, location)
            assert "\\" not in location, (method, address, location)
            assert "refresh" not in answer.headers
    assert (await owner.get("/account")).status_code == 200, "somebody was signed in all the time"


def _filled(path: str) -> str:
    return path.format_map(_Any())


class _Any(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return name
