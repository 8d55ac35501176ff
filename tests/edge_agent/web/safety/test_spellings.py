"""Every address of the router, in every spelling that proxies and servers have been fooled by: one decision, or none.

The list of addresses is the router's own, so a route that is added is held to it without a word here.
"""

from __future__ import annotations

import asyncio
from itertools import cycle
from urllib.parse import quote, unquote

import pytest
from starlette.types import Message

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.web import routes
from edge_agent.web.factory import create_site
from edge_agent.web.routes import RuledRoute
from edge_agent.web.sign_in import SESSION_COOKIE
from tests.edge_agent.web.api.programs import give_token
from tests.edge_agent.web.house import House, sign_in

_ENDLESS = "/api/v1/events"
_TOKENS = 20  # with one there are more requests at once than it may make
_HOST = (b"host", b"127.0.0.1:8480")
# What may stand in the place of a path: nothing is found there, whoever asks.
_NOWHERE = {
    "doubled slash": lambda path: "/" + path,
    "doubled inner slash": lambda path: path.replace("/", "//"),
    "slash behind": lambda path: path + "/",
    "dot": lambda path: "/." + path,
    "dots": lambda path: "/x/.." + path,
    "coded dots": lambda path: "/x/%2e%2e" + path,
    "parameter": lambda path: path + ";a=b",
    "coded backslash": lambda path: path + "%5c",
    "backslash": lambda path: path.replace("/", "\\"),
    "null": lambda path: path + "%00",
    "line": lambda path: path + "%0a",
    "space": lambda path: path + "%20",
    "coded twice": lambda path: path[:-1] + f"%25{ord(path[-1]):02x}",
    "large": lambda path: path.upper(),
    "suffix": lambda path: path + ".json",
}


def every_route(house: House) -> list[RuledRoute]:
    """As the router has them."""
    return routes.build(create_site(house.parts, web=WebConfig(), home=HomeConfig()))


async def status(house: House, method: str, path: str, *, headers: list[tuple[bytes, bytes]]) -> int:
    """What a request gets whose path is exactly this; the server takes percent signs for what they stand for."""
    sent: list[Message] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": [_HOST, *headers],
        "server": ("127.0.0.1", 8480),
        "client": ("127.0.0.1", 50_000),
    }

    asked: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not asked:
            await asyncio.Event().wait()  # nobody hangs up
        return asked.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    await house.app(scope, receive, send)
    return int(sent[0]["status"])


async def _owner(house: House, *, tokens: int = 1) -> list[tuple[bytes, bytes]]:
    """May do everything, with each of so many tokens: whatever is refused is refused for its spelling."""
    async with house.client() as client:
        await sign_in(client)
        session = (b"cookie", f"{SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}".encode())
    return [session, *((b"authorization", f"Bearer {give_token(house)}".encode()) for _ in range(tokens))]


@pytest.mark.parametrize("kind", _NOWHERE)
async def test_another_spelling_of_an_address_is_none(house: House, kind: str) -> None:
    """404, or 405 where it is another address; nothing is set off and nobody is let in."""
    owner = await _owner(house)
    for route in every_route(house):
        path = route.path.format_map(_Any())
        spelled = _NOWHERE[kind](path)
        for method in set(route.methods or ()) - {"HEAD"} if spelled != path else ():
            found = await status(house, method, spelled, headers=owner)
            assert found in _refusals(route.path, spelled), (method, spelled, found)
    assert house.calls == []


async def test_a_coded_letter_is_the_same_address(house: House) -> None:
    """What is decoded before the router sees it is judged as what it stands for, a coded slash too."""
    session, *tokens = await _owner(house, tokens=_TOKENS)
    for route, token in zip(every_route(house), cycle(tokens)):
        path, owner = route.path.format_map(_Any()), [session, token]
        if path in {"/", _ENDLESS}:
            continue
        coded = "/" + path[1:-1].replace("/", "%2f") + f"%{ord(path[-1]):02X}"
        for method in set(route.methods or ()) - {"HEAD"}:
            for headers in ([], owner):
                plain = await status(house, method, path, headers=headers)
                assert await status(house, method, coded, headers=headers) == plain, (method, coded)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "post"])
async def test_another_method_is_none(house: House, method: str) -> None:
    """405 for everybody, also where a header claims that it stands for another one."""
    claimed = [*await _owner(house), (b"x-http-method-override", b"POST"), (b"x-original-url", b"/people")]
    for path in {route.path.format_map(_Any()) for route in every_route(house)}:
        assert await status(house, method, path, headers=claimed) == 405
    assert house.calls == []


class _Any(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return quote(name)


def _refusals(path: str, spelled: str) -> set[int]:
    """A word behind the last place holder may be an id by itself: it is looked for, and not there."""
    open_end = path.endswith("}") and unquote(spelled).count("/") == path.count("/")
    return {404, 405, 303, 403, 401, 410, 415, 429} if open_end else {404, 405}
