"""A hand on a merchant's real answers: the merchant acts as it does, and what it says is changed on its way to us.

`Tampering` stands between our client and the real transport. While it is armed with a fault, one answer of those that
are counted from then on is changed; it counts what was read of every body, and who else was asked (nobody may be).
A fault takes an answer and gives another one; one that cannot be made of an answer (no JSON in it, nothing to rename)
gives the answer itself back, so that a test can tell that nothing was tried.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

ELSEWHERE = "https://elsewhere.example/"
_CHUNK = 65_536
_CHUNKS = 16_384  # a gigabyte

Fault = Callable[[httpx.Response], httpx.Response]
Json = Any


class _Counted(httpx.AsyncByteStream):
    """A body that counts what is read of it."""

    def __init__(self, chunks: Iterator[bytes], count: Callable[[int], None]) -> None:
        self._chunks = chunks
        self._count = count

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self._count(len(chunk))
            yield chunk


@dataclass
class Tampering(httpx.AsyncBaseTransport):
    """`home` is the merchant's host. `read_max` is the most that was read of one body; `strays` are other hosts."""

    real: httpx.AsyncBaseTransport
    home: str
    read_max: int = 0
    strays: list[str] = field(default_factory=list)
    exchanges: int = 0
    changed: int = 0
    said: list[httpx.Response] = field(default_factory=list)
    _fault: Fault | None = None
    _only: int | None = None

    def arm(self, fault: Fault | None, *, only: int | None = None) -> None:
        """Change answers from now on: all, or only the one with this number, counted from 0."""
        self._fault, self._only = fault, only
        self.exchanges = self.changed = 0
        self.said = []

    def disarm(self) -> None:
        """Let every answer through as it is."""
        self._fault = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the merchant, and let the answer through the hand."""
        if request.url.host != self.home:
            self.strays.append(request.url.host)
        answer = await self.real.handle_async_request(request)
        whole = httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
        await answer.aclose()
        number, self.exchanges = self.exchanges, self.exchanges + 1
        self.said.append(whole)
        if self._fault is None or self._only not in {None, number}:
            return self._sent(whole)
        arrives = self._fault(whole)
        self.changed += arrives is not whole
        return self._sent(arrives)

    async def aclose(self) -> None:
        """Close the real connections."""
        await self.real.aclose()

    def _sent(self, answer: httpx.Response) -> httpx.Response:
        chunks = answer.extensions.get("chunks") or _in_pieces(answer.content)
        read = 0

        def count(size: int) -> None:
            nonlocal read
            read += size
            self.read_max = max(self.read_max, read)

        headers = [(name, value) for name, value in answer.headers.multi_items() if name not in _HOP]
        return httpx.Response(answer.status_code, headers=headers, stream=_Counted(iter(chunks), count))


def _in_pieces(body: bytes) -> Iterator[bytes]:
    return (body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK))


_HOP = frozenset({"content-length", "transfer-encoding", "connection"})


def raw(status: int, body: bytes, **headers: str) -> Fault:
    """Another answer altogether; `_` in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def fault(answer: httpx.Response) -> httpx.Response:
        kept = {name: value for name, value in answer.headers.items() if name == "vendure-auth-token"}
        return httpx.Response(status, headers={**kept, **named}, extensions={"chunks": _in_pieces(body)})

    return fault


def endless(answer: httpx.Response) -> httpx.Response:
    """The answer's own beginning, and then a gigabyte of spaces."""
    chunks = _endlessly(answer.content)
    return httpx.Response(answer.status_code, headers=answer.headers, extensions={"chunks": chunks})


def _endlessly(first: bytes) -> Iterator[bytes]:
    yield first
    for _ in range(_CHUNKS):
        yield b" " * _CHUNK


def packed(answer: httpx.Response) -> httpx.Response:
    """The answer, gzipped, with a gigabyte of spaces behind it: a few kilobytes that become too many."""
    body = gzip.compress(answer.content) + _bomb()
    headers = {**answer.headers, "content-encoding": "gzip"}
    return httpx.Response(answer.status_code, headers=headers, extensions={"chunks": _in_pieces(body)})


@cache
def _bomb() -> bytes:
    """Many members of a megabyte each: what unpacks one goes on with the next (RFC 1952 section 2.2)."""
    return gzip.compress(b" " * 1_048_576) * 1_000


def relabelled(answer: httpx.Response) -> httpx.Response:
    """The same body, said to be an image."""
    return _with(answer, answer.content, content_type="image/png")


def swapped(pattern: str, new: str) -> Fault:
    """Whatever matches, written otherwise, wherever it stands in the body."""

    def fault(answer: httpx.Response) -> httpx.Response:
        text = answer.content.decode()
        changed = re.sub(pattern, new, text)
        return answer if changed == text else _with(answer, changed.encode())

    return fault


def renamed(name: str) -> Fault:
    """A field of JSON, an element of XML or a property of iCalendar, by another name."""
    quoted = re.escape(name)
    return swapped(rf'(?<=")({quoted})(?="\s*:)|(?<=[<:/])({quoted})(?=[\s>/])|(?m:^)({quoted})(?=[;:])', f"{name}Two")


def edited(edit: Callable[[Json], object]) -> Fault:
    """The JSON document, changed in place; an answer without one stays as it is."""

    def fault(answer: httpx.Response) -> httpx.Response:
        document = _json(answer)
        before = json.dumps(document)
        if document is None:
            return answer
        edit(document)
        after = json.dumps(document)
        return answer if after == before else _with(answer, after.encode())

    return fault


def numbers(name: str, change: Callable[[int], object]) -> Fault:
    """Every number in a field of this name, changed."""

    def edit(document: Json) -> None:
        for each in _objects(document):
            if isinstance(each.get(name), int) and not isinstance(each[name], bool):
                each[name] = change(each[name])

    return edited(edit)


def doubled(answer: httpx.Response) -> httpx.Response:
    """Every object says its first member twice: first what is not so, and then what is."""
    if _json(answer) is None:
        return answer
    text = re.sub(r'\{\s*("[^"]+")\s*:', r'{\1:{"nothing":"of this is so"},\1:', answer.content.decode())
    return _with(answer, text.encode())


def deepened(answer: httpx.Response) -> httpx.Response:
    """One member more, a hundred thousand lists deep; for XML, as deep as the bound of a body lets it be."""
    depth = 100_000
    if not answer.content.startswith(b"{"):
        return _with(answer, b"<a>" * (depth // 3) + b"</a>" * (depth // 3))
    return _with(answer, b'{"deep":' + b"[" * depth + b"]" * depth + b"," + answer.content[1:])


def not_a_number(answer: httpx.Response) -> httpx.Response:
    """Every whole number is none any more."""
    return answer if _json(answer) is None else swapped(r"(?<=: )\d+|(?<=:)\d+", "NaN")(answer)


def _json(answer: httpx.Response) -> Json:
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


def _objects(document: Json) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from _objects(value)
    if isinstance(document, list):
        for value in document:
            yield from _objects(value)


def _with(answer: httpx.Response, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        answer.status_code, headers={**answer.headers, **named}, extensions={"chunks": _in_pieces(body)}
    )
