"""The pages' door: who goes when it is full, how long a request may take, and what is too large to be parsed."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypercorn.asyncio import serve
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.adapters import doorway
from edge_agent.adapters.doorway import Bounded, DoorConfig, Guest, Guests, open_door
from edge_agent.config import WebConfig
from edge_agent.errors import ConfigurationError
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.web.house import opened

_SHORT_S = 0.2
_POST = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
_BOMB = gzip.compress(b"a" * 10_000_000)
_GREEDY = {
    "64 KB address": (b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 431),
    "10,000 headers": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n", 431),
    "60 kB address in one piece": (b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 431),
    "endless chunks": (
        _POST + b"Transfer-Encoding: chunked\r\n\r\n" + 64 * (b"4000\r\n" + b"a" * 0x4000 + b"\r\n"),
        413,
    ),
    "announced too large": (_POST + b"Content-Length: 1000000000\r\n\r\n", 413),
    "packed": (_POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB) + _BOMB, 400),
}


class Caller(Guest):
    """A connection to nobody, which remembers that it was sent away."""

    sent_away = False

    def shutdown(self, how: int, /) -> None:
        """Nothing is connected."""
        self.sent_away = True


@pytest.fixture
def call(request: pytest.FixtureRequest) -> Callable[..., Caller]:
    """Lets a caller come from a host; closes it in the end."""

    def come(guests: Guests, host: str, port: int) -> Caller:
        caller = Caller()
        request.addfinalizer(caller.close)
        caller.guests, caller.peer = guests, (host, port)
        assert guests.come(caller, caller.peer)
        return caller

    return come


def test_a_full_door_costs_the_address_that_holds_most(call: Callable[..., Caller]) -> None:
    """Its longest waiting connection goes; who came earlier from elsewhere stays."""
    guests = Guests(room=4)
    lone = call(guests, "10.0.0.2", 1)
    crowd = [call(guests, "10.0.0.9", port) for port in range(3)]
    late = call(guests, "10.0.0.3", 1)
    assert [each.sent_away for each in (lone, *crowd, late)] == [False, True, False, False, False]
    assert len(guests) == 4


def test_an_address_does_not_push_out_its_own_that_just_came(call: Callable[..., Caller]) -> None:
    """Else a flood would cut everybody off before they have asked; later it does."""
    now_s = 100.0
    guests = Guests(room=2, elapsed_s=lambda: now_s)
    first = call(guests, "10.0.0.9", 1)
    call(guests, "10.0.0.9", 2)
    with Caller() as refused:
        refused.guests, refused.peer = guests, ("10.0.0.9", 3)
        assert not guests.come(refused, refused.peer)
    assert not first.sent_away
    now_s += 2
    call(guests, "10.0.0.9", 4)
    assert first.sent_away


def test_who_is_served_is_not_sent_away(call: Callable[..., Caller]) -> None:
    """Not even by a newcomer; once answered it waits behind the others, and may go."""
    guests = Guests(room=2)
    first, second = (call(guests, "10.0.0.9", port) for port in (1, 2))
    for caller in (first, second):
        guests.asks(caller.peer)
    with Caller() as stranger:
        stranger.guests, stranger.peer = guests, ("10.0.0.3", 1)
        assert not guests.come(stranger, stranger.peer)
    guests.is_answered(second.peer)
    third = call(guests, "10.0.0.3", 1)
    assert (first.sent_away, second.sent_away, third.sent_away) == (False, True, False)


def test_a_place_is_given_back(call: Callable[..., Caller]) -> None:
    """By closing, whether it waited, was served or was sent away."""
    guests = Guests(room=2)
    callers = [call(guests, "10.0.0.9", port) for port in range(2)]
    guests.asks(callers[0].peer)
    for caller in callers:
        caller.close()
    assert len(guests) == 0
    assert guests._leaving == set()


def test_a_flood_is_told_once_a_minute(call: Callable[..., Caller], caplog: pytest.LogCaptureFixture) -> None:
    """However many knock."""
    now_s = 100.0
    guests = Guests(room=1, elapsed_s=lambda: now_s)
    hosts = (f"10.0.0.{number}" for number in range(100))
    with caplog.at_level(logging.WARNING):
        held = call(guests, next(hosts), 1)
        for _ in range(50):
            held, gone = call(guests, next(hosts), 1), held
            gone.close()
        assert [record.getMessage() for record in caplog.records] == ["door_full connections=1 turned_away=1"]
        now_s += 60
        call(guests, next(hosts), 1)
    assert len(caplog.records) == 2


async def test_a_slow_body_ends_with_408(call: Callable[..., Caller]) -> None:
    """Its connection counts as waiting the whole time, so that it may be sent away."""
    guests = Guests(room=2)
    caller = call(guests, "10.0.0.9", 1)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    await Bounded(_echo, guests=guests, body_s=0)(_post(caller), never, send)
    assert sent[0]["status"] == 408
    assert list(guests._waiting) == [caller.peer]


async def test_who_hangs_up_in_a_body_leaves_no_trace(call: Callable[..., Caller]) -> None:
    """The page is not told of half a form: it would take that for a fault, and log it."""
    guests = Guests(room=2)
    caller = call(guests, "10.0.0.9", 1)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    await Bounded(_echo, guests=guests)(_post(caller), gone, send)
    assert sent == []
    assert list(guests._waiting) == [caller.peer]


async def test_a_stream_of_events_may_last(call: Callable[..., Caller]) -> None:
    """The time for an answer ends what is no stream of events, and only that."""
    guests = Guests(room=2)
    caller = call(guests, "10.0.0.9", 1)
    ended: list[bytes] = []

    async def send(_message: Message) -> None:
        """Nobody reads."""

    for kind in (b"text/html", b"text/event-stream; charset=utf-8"):
        app = Bounded(_lasting(kind, ended), guests=guests, answer_s=0)
        await app({**_post(caller), "headers": []}, _nothing, send)
    assert ended == [b"text/event-stream; charset=utf-8"]


@pytest.mark.parametrize("begun", [True, False])
async def test_nothing_outlasts_the_door(call: Callable[..., Caller], begun: bool) -> None:
    """An answer that is under way when it closes, or is asked for later, has so long and no longer."""
    guests = Guests(room=2)
    caller = call(guests, "10.0.0.9", 1)
    sent: list[Message] = []
    has_come = asyncio.Event()

    async def send(message: Message) -> None:
        sent.append(message)

    async def stuck(_scope: Scope, _receive: Receive, _send: Send) -> None:
        has_come.set()
        await asyncio.Event().wait()

    app = Bounded(stuck, guests=guests)
    if not begun:
        app.close(within_s=0)
    asked = asyncio.create_task(app({**_post(caller), "headers": []}, _nothing, send))
    await has_come.wait()
    if begun:
        app.close(within_s=0)
    await asked
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("kind", _GREEDY)
async def test_what_is_too_large_is_refused(tmp_path: Path, kind: str) -> None:
    """By its status, and the connection ends there."""
    request, status = _GREEDY[kind]
    async with _served(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        line = await reader.readline()
        writer.close()
    assert int(line.split()[1]) == status


async def test_silent_connections_take_no_place_from_a_page(tmp_path: Path) -> None:
    """As many as there is room for, of another address: the first one is cut off, and a page comes."""
    async with _served(tmp_path, room=8) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)) for _ in range(8)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert await silent[0][0].read() == b""
        for _, each in (*silent, (reader, writer)):
            each.close()


async def test_a_listener_outlives_every_deadline_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real server, with all of them short: beats go on past each, while silence and half a body end."""
    monkeypatch.setattr(doorway, "HEADERS_S", _SHORT_S)
    async with _listening(body_s=_SHORT_S, answer_s=_SHORT_S) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        silent, half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        half[1].write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nno")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        began_s = asyncio.get_running_loop().time()
        assert b"408" in await half[0].readline()
        assert await silent[0].read() == b""
        while asyncio.get_running_loop().time() < began_s + 4 * _SHORT_S:
            assert await reader.readline() != b""
        for _, each in ((reader, writer), silent, half):
            each.close()


def test_the_server_itself_waits_for_a_listener_without_end() -> None:
    """Its own read deadline is in whole seconds, so the test above would not see one."""
    with open_door(WebConfig(port=0), guests=Guests()) as door:
        assert DoorConfig(door).read_timeout is None


def test_a_taken_address_is_told() -> None:
    """As what is to be mended in the configuration."""
    with open_door(WebConfig(port=0), guests=Guests()) as door:
        door.listen()
        with pytest.raises(ConfigurationError, match="a free address"):
            open_door(WebConfig(port=door.getsockname()[1]), guests=Guests())


@asynccontextmanager
async def _listening(*, body_s: float, answer_s: float) -> AsyncIterator[int]:
    guests, stop = Guests(), asyncio.Event()
    door = open_door(WebConfig(port=0), guests=guests)
    bounded = Bounded(_beating, guests=guests, body_s=body_s, answer_s=answer_s)
    server = asyncio.create_task(serve(bounded, DoorConfig(door), shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    door.listen()
    try:
        yield door.getsockname()[1]
    finally:
        stop.set()
        await server


async def _beating(scope: Scope, receive: Receive, send: Send) -> None:
    """A stream of events that beats more often than any deadline; what was asked is read whole first."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    gone = asyncio.ensure_future(receive())
    while not gone.done():
        await send({"type": "http.response.body", "body": b": beat\n", "more_body": True})
        await asyncio.wait((gone,), timeout=_SHORT_S / 4)


@asynccontextmanager
async def _served(folder: Path, *, room: int = 256) -> AsyncIterator[int]:
    guests, stop = Guests(room=room), asyncio.Event()
    with opened(folder, ManualClock()) as house:
        door = open_door(WebConfig(port=0), guests=guests)
        app = Bounded(house.app, guests=guests)
        server = asyncio.create_task(serve(app, DoorConfig(door), shutdown_trigger=stop.wait))  # type: ignore[arg-type]
        door.listen()
        try:
            yield door.getsockname()[1]
        finally:
            stop.set()
            await server


def _post(caller: Caller) -> Scope:
    head = {"raw_path": b"/", "query_string": b"", "headers": [(b"content-length", b"9")]}
    return {"type": "http", "http_version": "1.1", "client": caller.peer, **head}


async def _echo(_scope: Scope, receive: Receive, send: Send) -> None:
    await send(await receive())


async def _nothing() -> Message:
    return {"type": "http.request"}


def _lasting(kind: bytes, ended: list[bytes]) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        for _ in range(3):
            await asyncio.sleep(0)
        ended.append(kind)

    return app
