"""How the pages' server stops: who listens is told the end at once, and nobody has to be cut off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from edge_agent.config import WebConfig
from edge_agent.wiring.page import PageListener

_ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_LAST_PIECE = b"0\r\n\r\n"


async def _news() -> AsyncIterator[bytes]:
    """One word, and then silence for ever."""
    yield b": first\n\n"
    await asyncio.Event().wait()


async def _pages(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await StreamingResponse(_news(), media_type="text/event-stream")(scope, receive, send)


async def test_a_stream_of_events_ends_whole_when_the_hub_stops(caplog: pytest.LogCaptureFixture) -> None:
    """Its last piece comes, so nobody waits for the server's patience, and the log says nothing of it."""
    stop = asyncio.Event()
    with PageListener(WebConfig(port=0)) as listener, caplog.at_level(logging.WARNING):
        listener.hold()
        serving = asyncio.create_task(listener.serve(_pages, stop=stop.wait))
        reader, writer = await asyncio.open_connection(*listener.address)
        late = await asyncio.open_connection(*listener.address)
        writer.write(_ASK)
        await reader.readuntil(b": first")
        stop.set()
        assert (await reader.read()).endswith(_LAST_PIECE)
        await serving
        for each in (writer, late[1]):
            each.close()
    assert caplog.messages == []


async def test_a_stream_that_is_asked_for_while_the_hub_stops_ends_too(caplog: pytest.LogCaptureFixture) -> None:
    """What was under way then is answered; what would never end is not begun."""
    stop, has_come, may_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            has_come.set()
            await may_go.wait()
        await _pages(scope, receive, send)

    async def stopping() -> None:
        await stop.wait()
        asyncio.get_running_loop().call_soon(may_go.set)

    with PageListener(WebConfig(port=0)) as listener, caplog.at_level(logging.WARNING):
        listener.hold()
        serving = asyncio.create_task(listener.serve(slow, stop=stopping))
        reader, writer = await asyncio.open_connection(*listener.address)
        writer.write(_ASK)
        await has_come.wait()
        stop.set()
        assert (await reader.read()).endswith(_LAST_PIECE)
        await serving
        writer.close()
    assert caplog.messages == []
