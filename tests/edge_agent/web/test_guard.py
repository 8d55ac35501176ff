"""Names by which the hub may be called, and the headers on every answer."""

from __future__ import annotations

import re

import httpx
import pytest

from edge_agent.web.guard import HEADERS
from tests.edge_agent.web.house import House, ask

_OWN_SCRIPT = re.compile(r'<script src="/static/live\.js\?v=[0-9a-f]{12}" defer></script>')


@pytest.mark.parametrize("host", [b"127.0.0.1", b"127.0.0.1:8480", b"localhost", b"localhost:1"])
async def test_allowed_names_are_served_with_any_port(house: House, host: bytes) -> None:
    """The port is not part of the name."""
    assert await ask(house, headers=[(b"host", host)]) == 200


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"")],
        [(b"host", b"evil.example")],
        [(b"host", b"evil.example:8480")],
        [(b"host", b"localhost.evil.example")],
        [(b"host", b"localhost.")],
        [(b"host", b"LOCALHOST")],
        [(b"host", b"localhost:port")],
        [(b"host", b"localhost:8480:80")],
        [(b"host", b"user@localhost")],
        [(b"host", b"localhost/evil")],
        [(b"host", b"0.0.0.0")],
        [(b"host", b"[::1]")],
        [(b"host", b"2130706433")],
        [(b"host", b"127.1")],
        [(b"host", b"localhost, evil.example")],
        [(b"host", b"localhost"), (b"host", b"evil.example")],
        [(b"host", b"evil.example"), (b"x-forwarded-host", b"localhost")],
    ],
)
async def test_any_other_name_is_misdirected(house: House, headers: list[tuple[bytes, bytes]]) -> None:
    """DNS rebinding gets 421 whatever it tries."""
    assert await ask(house, headers=headers) == 421


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/login", 200),
        ("GET", "/static/style.css", 200),
        ("GET", "/", 303),
        ("GET", "/nothing", 404),
        ("PATCH", "/login", 405),
        ("POST", "/login", 403),
        ("POST", "/logout", 303),
    ],
)
async def test_every_answer_carries_the_headers(anyone: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    """Errors and redirects too."""
    answer = await anyone.request(method, path, data={"csrf": "x"} if method == "POST" else None)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == ("no-store" if "static" not in path else "public, max-age=86400")


async def test_the_misdirected_answer_carries_the_headers(house: House) -> None:
    """The refusal stands inside the same wrapping."""
    async with house.client() as client:
        answer = await client.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert "Wrong address" in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_the_policy_allows_nothing_inline_and_no_frame() -> None:
    """The words that clickjacking and injected script run into."""
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_no_page_needs_what_the_policy_forbids(owner: httpx.AsyncClient) -> None:
    """No inline style, script or handler, no script but our own file, and no address of another host."""
    for path in ("/", "/items/milk", "/prompts/p-milk", "/prompts/p-fluid", "/orders", "/devices", "/login"):
        page = _OWN_SCRIPT.sub("", (await owner.get(path)).text)
        for forbidden in (" style=", "<style", "<script", " onclick=", "javascript:", "http://", "https://"):
            assert forbidden not in page, (path, forbidden)
        assert len(page.encode()) < 60_000
    assert len((await owner.get("/static/style.css")).content) < 20_000
