"""What passes the door lasts as long as it may, and what waits there takes nobody's place, in every form of HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypercorn.asyncio import serve
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.adapters.doorway import ANSWER_S, BODY_S, Bounded, DoorConfig, Guests, open_door
from edge_agent.config import WebConfig

_ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def test_a_stream_is_not_cut_because_its_listener_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who listens has nothing more to say: the time for half a request is not theirs."""
    ahead_s, has_first = _clock_of_the_loop(monkeypatch), asyncio.Event()

    async def said() -> AsyncIterator[bytes]:
        yield b"first."
        await has_first.wait()
        ahead_s(2 * BODY_S)
        await _turns()
        yield b"second."

    async with _served(StreamingResponse(said(), media_type="text/event-stream"), room=8) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_ASK)
        await reader.readuntil(b"first.")
        has_first.set()
        rest = await reader.read()
        writer.close()
    assert b"second." in rest


async def test_a_long_answer_that_goes_on_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of everything takes more than the time for one answer: what is measured is how long nothing is taken."""
    ahead_s = _clock_of_the_loop(monkeypatch)
    sent: list[bytes] = []

    async def export(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(_start(b"application/x-ndjson"))
        for _ in range(5):
            await send({"type": "http.response.body", "body": b"{}\n", "more_body": True})
            ahead_s(ANSWER_S / 2)
            await _turns()
        await send({"type": "http.response.body", "body": b"end", "more_body": False})

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    async def nothing() -> Message:
        return {"type": "http.request"}

    head = {"raw_path": b"/", "query_string": b"", "headers": [], "client": ("10.0.0.9", 1)}
    await Bounded(export, guests=Guests())(
        {"type": "http", "http_version": "1.1", "method": "GET", **head}, nothing, send
    )
    assert sent[-1] == b"end"


async def test_half_a_request_in_http_2_takes_no_place_from_a_page() -> None:
    """A POST there needs no announced length: until its body has ended it waits, like any other half a request."""
    async with _served(_page, room=8) as port:
        greedy = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)) for _ in range(8)]
        for reader, writer in greedy:
            writer.write(_half_a_post())
            assert await reader.read(9)  # the server has read it
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_ASK)
        answered = await reader.readline()
        for _, each in (*greedy, (reader, writer)):
            each.close()
    assert answered.startswith(b"HTTP/1.1 200")


async def test_half_a_request_in_http_2_does_not_keep_the_hub_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever left it open: a stop ends it within the time that a stop may take."""
    ahead_s = _clock_of_the_loop(monkeypatch)
    guests, stop = Guests(room=8), asyncio.Event()
    door = open_door(WebConfig(port=0), guests=guests)
    server = asyncio.create_task(serve(Bounded(_page, guests=guests), DoorConfig(door), shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    door.listen()
    reader, writer = await asyncio.open_connection("127.0.0.1", door.getsockname()[1])
    writer.write(_half_a_post())
    assert await reader.read(9)
    stop.set()
    for _ in range(5):
        await _turns()
        ahead_s(1.0)
    has_stopped = server.done()
    writer.close()
    server.cancel()
    assert has_stopped


async def _page(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body", False):
        pass
    await send(_start(b"text/plain"))
    await send({"type": "http.response.body", "body": b"here", "more_body": False})


def _half_a_post() -> bytes:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    named = [(":method", "POST"), (":path", "/login"), (":scheme", "http"), (":authority", "127.0.0.1")]
    client.send_headers(1, named, end_stream=False)
    client.ping(b"are-you?")
    return client.data_to_send()


async def _turns() -> None:
    """A timer that is over has its turn, and what it wakes has one too."""
    for _ in range(200):
        await asyncio.sleep(0)


def _start(kind: bytes) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}


def _clock_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the running loop's time on."""
    loop, ahead = asyncio.get_running_loop(), [0.0]
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])

    def move(seconds: float) -> None:
        ahead[0] += seconds

    return move


@asynccontextmanager
async def _served(app: ASGIApp, *, room: int) -> AsyncIterator[int]:
    guests, stop = Guests(room=room), asyncio.Event()
    door = open_door(WebConfig(port=0), guests=guests)
    bounded = Bounded(app, guests=guests)
    server = asyncio.create_task(serve(bounded, DoorConfig(door), shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    door.listen()
    try:
        yield door.getsockname()[1]
    finally:
        stop.set()
        await server
