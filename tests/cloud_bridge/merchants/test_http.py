"""The client for merchants against sockets that misbehave: an error says whether the merchant can have acted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from cloud_bridge.errors import MerchantAwayError, MerchantUnclearError
from cloud_bridge.merchants.http import (
    BODY_BYTES_MAX,
    RETRY_AFTER_MAX_S,
    RETRY_AFTER_MIN_S,
    Answer,
    MerchantHttp,
    retry_after_s,
)
from tests.cloud_bridge.sample_merchant import free_port

Behave = Callable[[asyncio.StreamWriter], None]


@asynccontextmanager
async def server(behave: Behave) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads one request and then behaves as told; the connection stays open unless it is closed."""
    requests: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        requests.append(await reader.read(65_536))
        behave(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        for writer in writers:
            writer.transport.abort()
        listening.close()
        await listening.wait_closed()


def _say_nothing(writer: asyncio.StreamWriter) -> None:
    """Keep the connection, and wait."""


def _huge(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * (BODY_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "behave",
    [
        lambda writer: writer.transport.abort(),
        _say_nothing,
        lambda writer: writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"),
        lambda writer: writer.write(b"not http at all\r\n\r\n"),
        _huge,
    ],
    ids=["reset", "silence", "truncated", "garbage", "huge"],
)
async def test_what_was_sent_and_not_answered_well_is_unclear_and_not_sent_again(behave: Behave) -> None:
    """Reset, silence, half a body, garbage and a body without end: one request each, and doubt."""
    async with server(behave) as (url, requests), MerchantHttp(url, deadline_s=0.3) as http:
        with pytest.raises(MerchantUnclearError):
            await http.ask("POST", "/complete", headers={}, body=b"{}")
        assert len(requests) == 1


async def test_nobody_there_is_away() -> None:
    """No connection came about, so nothing can have happened."""
    async with MerchantHttp(f"http://127.0.0.1:{free_port()}", deadline_s=1) as http:
        with pytest.raises(MerchantAwayError):
            await http.ask("POST", "/complete", headers={}, body=b"{}")


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """An order goes to the configured merchant or nowhere."""
    reply = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with server(lambda writer: writer.write(reply)) as (url, _), MerchantHttp(url, deadline_s=1) as http:
        assert (await http.ask("POST", "/complete", headers={}, body=b"{}")).status == 307


def _packed(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")


async def test_a_packed_answer_is_not_unpacked() -> None:
    """We ask for plain bytes, so a small answer cannot grow, and a digest is of what came."""
    async with server(_packed) as (url, requests), MerchantHttp(url, deadline_s=0.5) as http:
        with pytest.raises(MerchantUnclearError):
            await http.ask("GET", "/x", headers={})
    assert b"accept-encoding: identity" in requests[0].lower()


async def test_a_path_in_the_address_is_not_put_before_ours() -> None:
    """A merchant is its origin; where its endpoint begins stands in its profile."""

    def fine(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n{}")

    async with server(fine) as (url, requests), MerchantHttp(f"{url}/shop", deadline_s=0.5) as http:
        answer = await http.ask("GET", "/.well-known/ucp", headers={})
    assert requests[0].startswith(b"GET /.well-known/ucp HTTP/1.1")
    assert (answer.headers["retry-after"], answer.retry_after_s) == ("7", 7.0)


DAY = "Mon, 02 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "wait_s"),
    [
        ("120", None, 120.0),
        (" 30 ", None, 30.0),
        ("0", None, RETRY_AFTER_MIN_S),
        ("1000000000", None, RETRY_AFTER_MAX_S),
        ("9" * 20, None, RETRY_AFTER_MAX_S),
        ("9" * 400, None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("\u0661\u0662", None, None),
        ("nan", None, None),
        ("soon", None, None),
        ("", None, None),
        (None, None, None),
        ("Mon, 02 Nov 2026 12:02:00 GMT", DAY, 120.0),
        ("Mon, 02 Nov 2026 11:00:00 GMT", DAY, RETRY_AFTER_MIN_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY, RETRY_AFTER_MAX_S),
        ("Mon, 02 Nov 2026 12:02:00 GMT", None, None),
        ("Mon, 02 Nov 2026 12:02:00 GMT", "today", None),
        ("Mon, 99 Nov 2026 12:02:00 GMT", DAY, None),
    ],
)
def test_a_pause_that_is_asked_for_is_kept_within_bounds(
    value: str | None, date: str | None, wait_s: float | None
) -> None:
    """RELIABILITY C14: negative, a date, far too long, or nothing that can be read."""
    assert retry_after_s(value, date=date) == wait_s


def test_an_answer_without_a_pause_asks_for_none() -> None:
    """Unknown is not zero."""
    assert Answer(503, b"").retry_after_s is None
