"""The pages' door: the listening socket, how many connections may stand in it, and for how long.

The server bounds the time for headers and the size of what it parses. It bounds neither how many connections there
are, nor the time that a body or a slow reader takes: that is done here. The rule of the file: who has sent a whole
request is never shut out for it; while the door is full, the address with most connections that only wait loses the
one that has waited longest. So a hundred half-open connections cost their owner a place, and nobody else (RELIABILITY
E6), also where all come through one proxy.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from hypercorn.config import Config, Sockets
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.config import WebConfig
from edge_agent.errors import ConfigurationError

log = logging.getLogger(__name__)

CONNECTIONS_MAX = 640  # with those that are leaving, below the usual 1,024 open files of a process
TIME_TO_ASK_S = 2.0  # a connection that is younger may be about to ask
HEADERS_S = 10.0  # the whole time for the headers, and between two requests
BODY_S = 15.0  # the whole time for a body, which is a small form
ANSWER_S = 60.0  # for an answer, or its next piece; a stream of events excepted
UNREAD_S = 20.0  # how long what was sent may wait for its reader
HEADERS_BYTES_MAX = 16_384  # with the address; the server lets pass what comes whole in one piece of 64 KiB
HEADERS_MAX = 100
_LEAVING_MAX = 256
_BACKLOG = 1_024  # what the kernel keeps: a connection over it waits a second before it is tried again
_ACCEPTS_AT_ONCE = 32  # then the others have their turn
_SAYS_EVERY_S = 60.0
_STEPS = 64
_TIMED_OUT = 408
_HEAD_TOO_LARGE = 431
_VERSION_NOT_SPOKEN = 505

Peer = tuple[str, int]


class Guests:
    """Who stands in the door. Not for several threads: the loop that serves the pages has it."""

    def __init__(self, *, room: int = CONNECTIONS_MAX, elapsed_s: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._elapsed_s = elapsed_s
        self._waiting: dict[Peer, _Waiting] = {}  # in the order in which they began to wait
        self._served: dict[Peer, Guest] = {}
        self._of_host: Counter[str] = Counter()  # how many of each address wait
        self._requests: Counter[Peer] = Counter()
        self._leaving: set[Guest] = set()
        self._turned_away = 0
        self._said_at_s = -_SAYS_EVERY_S

    def __len__(self) -> int:
        return len(self._waiting) + len(self._served)

    def come(self, guest: Guest, peer: Peer) -> bool:
        """Let it in, in the place of another where the door is full; False: nobody's place can be had for it."""
        if len(self) >= self._room and not self._make_room(peer[0]):
            return False
        self._wait(peer, guest)
        return True

    def asks(self, peer: Peer) -> None:
        """A whole request came from there: it is served, and not sent away."""
        self._requests[peer] += 1
        if peer in self._waiting:
            self._served[peer] = self._go(peer)

    def is_answered(self, peer: Peer) -> None:
        """One request less; after the last it waits again, behind all others."""
        self._requests[peer] -= 1
        if self._requests[peer] > 0:
            return
        del self._requests[peer]
        if peer in self._served:
            self._wait(peer, self._served.pop(peer))

    def left(self, guest: Guest, peer: Peer) -> None:
        """Its connection is closed."""
        self._leaving.discard(guest)
        if self._served.get(peer) is guest:
            del self._served[peer]
        elif peer in self._waiting and self._waiting[peer].guest is guest:
            self._go(peer)

    def _wait(self, peer: Peer, guest: Guest) -> None:
        self._waiting[peer] = _Waiting(guest, self._elapsed_s())
        self._of_host[peer[0]] += 1

    def _go(self, peer: Peer) -> Guest:
        self._of_host[peer[0]] -= 1
        if not self._of_host[peer[0]]:
            del self._of_host[peer[0]]
        return self._waiting.pop(peer).guest

    def _make_room(self, host: str) -> bool:
        """Send one of the greediest address away; of the newcomer's own address only one that had time to ask."""
        self._turned_away += 1
        self._say_full()
        if not self._waiting or len(self._leaving) >= _LEAVING_MAX:
            return False
        most = max(self._of_host, key=self._of_host.__getitem__)
        peer = next(peer for peer in self._waiting if peer[0] == most)
        if most == host and self._elapsed_s() - self._waiting[peer].since_s < TIME_TO_ASK_S:
            return False
        guest = self._go(peer)
        self._leaving.add(guest)
        with suppress(OSError):  # it is gone already
            guest.shutdown(socket.SHUT_RDWR)  # the server reads the end, and closes
        return True

    def _say_full(self) -> None:
        """At most one line a minute, however many knock."""
        if self._elapsed_s() - self._said_at_s >= _SAYS_EVERY_S:
            self._said_at_s = self._elapsed_s()
            log.warning("door_full connections=%d turned_away=%d", len(self), self._turned_away)


class Guest(socket.socket):
    """A connection that says when it is closed."""

    guests: Guests
    peer: Peer

    def close(self) -> None:
        """Close it, and give its place back."""
        super().close()
        self.guests.left(self, self.peer)


@dataclass(frozen=True, slots=True)
class _Waiting:
    guest: Guest
    since_s: float


class Door(socket.socket):
    """A listening socket that asks `guests` about everybody who comes."""

    guests: Guests

    def dup(self) -> Door:
        """The same door for another server, with the same guests."""
        twin = super().dup()
        twin.guests = self.guests
        return twin

    def listen(self, _backlog: int = 0, /) -> None:
        """Keep more in the kernel than the server takes at once."""
        super().listen(_BACKLOG)

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection that may come in.

        Raises: BlockingIOError when nobody waits.
        """
        while True:
            connection, address = super().accept()
            guest = Guest(connection.family, connection.type, connection.proto, fileno=connection.detach())
            guest.guests, guest.peer = self.guests, (str(address[0]), int(address[1]))
            if self.guests.come(guest, guest.peer):
                return guest, address
            guest.close()


class Bounded:
    """Refuses a head that is too large, ends what takes too long, and tells `guests` who has sent a whole request."""

    def __init__(self, app: ASGIApp, *, guests: Guests, body_s: float = BODY_S, answer_s: float = ANSWER_S) -> None:
        self._app = app
        self._guests = guests
        self._body_s = body_s
        self._answer_s = answer_s
        self._turns: set[_Turn] = set()
        self._ends_s: float | None = None

    def close(self, *, within_s: float) -> None:
        """The server stops: a stream of events, which has no end of its own, ends now; all other answers `within_s`.

        So nobody is left for the server to cut off.
        """
        self._ends_s = asyncio.get_running_loop().time() + within_s
        for turn in self._turns:
            turn.hurry(self._ends_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not scope["http_version"].startswith("1."):  # no browser speaks it here, and its bodies need no length
            await _refuse(send, _VERSION_NOT_SPOKEN)
            return
        if _head_bytes(scope) > HEADERS_BYTES_MAX or len(scope["headers"]) > HEADERS_MAX:
            await _refuse(send, _HEAD_TOO_LARGE)
            return
        turn = _Turn(self._guests, scope, receive, send, answer_s=self._answer_s)
        try:
            limit_s = self._body_s * _spread(turn.peer[1]) if turn.awaits_body else self._answer_s
            async with asyncio.timeout(limit_s) as turn.limit:
                self._turns.add(turn)
                if self._ends_s is not None:
                    turn.hurry(self._ends_s)
                await self._app(scope, turn.receive, turn.send)
        except TimeoutError:
            if not turn.limit.expired():
                raise
            await turn.give_up()
        finally:
            self._turns.discard(turn)
            turn.end()


class _Turn:
    """One request on its way through: whether it is whole, and how long it may still take."""

    limit: asyncio.Timeout

    def __init__(self, guests: Guests, scope: Scope, receive: Receive, send: Send, *, answer_s: float) -> None:
        client = scope.get("client") or ("", 0)
        self.peer: Peer = (str(client[0]), int(client[1]))
        self._guests, self._receive, self._send, self._answer_s = guests, receive, send, answer_s
        self._is_whole = self._has_begun = self._is_stream = False
        self._ends_s: float | None = None
        self.awaits_body = _has_body(dict(scope["headers"]))
        if not self.awaits_body:
            self._whole()

    async def receive(self) -> Message:
        """The next piece of the body; after the last one the answer has its own time."""
        message = await self._receive()
        if not self.awaits_body or message.get("more_body", False):
            return message
        if message["type"] == "http.disconnect":  # half a request is worth no line in the log: the page ends here
            self._has_begun = True
            self._may_last(0)
            await asyncio.Event().wait()
        self.awaits_body = False
        self._may_last(self._answer_s)
        self._whole()
        return message

    async def send(self, message: Message) -> None:
        """Pass it on; an answer that goes on may last, and a stream of events may be silent."""
        if message["type"] == "http.response.start":
            self._has_begun = True
            headers = dict(message.get("headers", ()))
            self._is_stream = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        elif not message.get("more_body", False):
            self._is_stream = False  # it has ended by itself
        await self._send(message)
        if self._has_begun and not self.awaits_body:
            self._may_last(None if self._is_stream else self._answer_s)

    def hurry(self, ends_s: float) -> None:
        """The server stops at `ends_s` of the loop's time; what has no end of its own ends now."""
        self._ends_s = ends_s
        if not self.limit.expired():
            until_s = self.limit.when()
            self.limit.reschedule(0 if until_s is None else min(until_s, ends_s))

    async def give_up(self) -> None:
        """Say that it took too long, where nothing was said yet; the server closes what is half done.

        A stream of events is no half thing: it was whole after each event.
        """
        if self._is_stream:
            await self._send({"type": "http.response.body", "body": b""})
        elif not self._has_begun:
            await _refuse(self._send, _TIMED_OUT)

    def end(self) -> None:
        """It waits again."""
        if self._is_whole:
            self._guests.is_answered(self.peer)

    def _may_last(self, more_s: float | None) -> None:
        """From now on, but not beyond the server's end; None: without an end of its own."""
        now_s = asyncio.get_running_loop().time()
        if self._ends_s is None:
            self.limit.reschedule(None if more_s is None else now_s + more_s)
        else:
            self.limit.reschedule(now_s if more_s is None else min(now_s + more_s, self._ends_s))

    def _whole(self) -> None:
        self._is_whole = True
        self._guests.asks(self.peer)


class DoorConfig(Config):
    """The server's settings, with a door in place of an address."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door
        self._turn = 0
        self.backlog = _ACCEPTS_AT_ONCE
        self.read_timeout = None  # it would end each answer that lasts longer: headers and bodies have their own time
        self.h11_max_incomplete_size = HEADERS_BYTES_MAX
        self.h2_max_header_list_size = HEADERS_BYTES_MAX
        self.h2_max_concurrent_streams = 16
        self.include_server_header = False
        self.errorlog = logging.getLogger("hypercorn.error")  # else it writes every line a second time, by itself

    @property
    def keep_alive_timeout(self) -> float:  # type: ignore[override]
        """The server asks for each connection anew."""
        self._turn += 1
        return HEADERS_S * _spread(self._turn)

    def create_sockets(self) -> Sockets:
        """The door alone; it is the server's from now on, which closes it."""
        return Sockets(secure_sockets=[], insecure_sockets=[self._door], quic_sockets=[])


def open_door(web: WebConfig, *, guests: Guests) -> Door:
    """The pages' socket, bound.

    Raises: ConfigurationError when the address is not this machine's, or taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0]
        door = Door(family, kind, protocol)
        door.guests = guests
        try:
            _prepare(door)
            door.bind(address)
        except OSError:
            door.close()
            raise
    except OSError as exc:
        wanted = "a free address of this machine is wanted"
        raise ConfigurationError(f"web = {web.host}:{web.port}: {wanted} ({exc.strerror})") from exc
    return door


def _prepare(door: Door) -> None:
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: those that come have it too
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1_000 * UNREAD_S))
    door.settimeout(0)


def _spread(number: int) -> float:
    """From 0.5 to 1: what came in one moment does not end, and come back, in one moment."""
    return 1 - (number % _STEPS) / (2 * _STEPS)


def _has_body(headers: Mapping[bytes, bytes]) -> bool:
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _head_bytes(scope: Scope) -> int:
    address = len(scope["raw_path"]) + len(scope["query_string"])
    return address + sum(len(name) + len(value) for name, value in scope["headers"])


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
