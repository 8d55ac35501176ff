"""One household's connection to the bridge: signs each request, sends it once, and may lose the answer.

An outage is here: while it lasts nothing leaves, and an answer that was under way when it began never comes. Nothing is
sent again by itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import httpx
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms
from pydantic import ValidationError

from firmware_sim.crowd.delays import Delays
from firmware_sim.hubs.words import Problem, Signatory, Word

CONNECTIONS = 2  # of one hub: its orders beside its news
_ANSWER_BYTES_MAX = 1_048_576
_COVERED = ("@method", "@target-uri")
_OK = 200

W = TypeVar("W", bound=Word)


class Kind(StrEnum):
    """What is asked for."""

    INTENT = "intent"
    HEAD = "head"
    EVENTS = "events"
    PRICES = "prices"


class NoAnswerError(Exception):
    """Nobody knows what became of the request; the message is the reason, in the words of the counts."""


class RefusedError(Exception):
    """The bridge has said no, with a code."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code


@dataclass(slots=True)
class Books:
    """Requests of all households, by kind: sent, answered, and how long that took; why there was no answer."""

    sent: Counter[Kind] = field(default_factory=Counter)
    answered: Counter[Kind] = field(default_factory=Counter)
    dropped: Counter[Kind] = field(default_factory=Counter)  # answers, by the plan
    refused: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    took: dict[Kind, Delays] = field(default_factory=lambda: {kind: Delays() for kind in Kind})
    recent: Delays = field(default_factory=Delays)


@dataclass(frozen=True, slots=True)
class Bridge:
    """Where the bridge is, and how it is spoken to."""

    url: str
    tls: ssl.SSLContext
    answer_s: float


class Link(HTTPSignatureKeyResolver):
    """Use `aclose` at the end. `is_lost` says of the n-th request whether its answer is dropped."""

    def __init__(
        self,
        bridge: Bridge,
        *,
        household: Signatory,
        books: Books,
        is_lost: Callable[[int], bool],
        now_s: Callable[[], float],
    ) -> None:
        self._bridge = bridge
        self._household = household
        self._books = books
        self._is_lost = is_lost
        self._now_s = now_s
        self._signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=self)
        self._client = self._new_client()
        self._outages = 0
        self._number = 0
        self.is_out = False

    def resolve_private_key(self, key_id: str) -> object:  # noqa: ARG002 - the port's signature; there is one key
        """For the signature library."""
        return self._household.key

    def go_out(self) -> None:
        """Lose the bridge: what is under way is not answered."""
        self.is_out = True
        self._outages += 1

    async def come_back(self) -> None:
        """Have the bridge again, over new connections."""
        self.is_out = False
        old, self._client = self._client, self._new_client()
        await old.aclose()

    async def aclose(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()

    async def ask(self, kind: Kind, target: str, word: type[W], *, body: bytes = b"") -> W:
        """Send one request; the answer, read strictly.

        Raises: NoAnswerError; RefusedError.
        """
        try:
            status, answer = await self._exchange(kind, target, body)
            if status == _OK:
                return word.model_validate_json(answer)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            field_ = ".".join(str(part) for part in first["loc"]) or "body"
            raise self._unanswered(f"a wrong answer to {kind}: {field_}: {first['msg']}") from exc
        problem = _problem(answer)
        if problem is None:
            raise self._unanswered(f"a wrong answer to {kind}: {status} without a code")
        self._books.refused[problem.code] += 1
        raise RefusedError(status, problem.code, problem.detail)

    async def _exchange(self, kind: Kind, target: str, body: bytes) -> tuple[int, bytes]:
        if self.is_out:
            raise NoAnswerError("outage")  # nothing was sent: it counts nowhere
        outages, self._number = self._outages, self._number + 1
        number, began_s = self._number, self._now_s()
        self._books.sent[kind] += 1
        try:
            async with asyncio.timeout(self._bridge.answer_s):
                response = await self._client.send(self._signed(kind, target, body))
        except TimeoutError as exc:
            raise self._unanswered(f"no answer within {self._bridge.answer_s:g} s") from exc
        except httpx.HTTPError as exc:
            raise self._unanswered(_plain(exc)) from exc
        if outages != self._outages:
            self._books.dropped[kind] += 1
            raise NoAnswerError("outage")
        if self._is_lost(number):
            self._books.dropped[kind] += 1
            raise NoAnswerError("lost by the plan")
        if len(response.content) > _ANSWER_BYTES_MAX:
            raise self._unanswered(f"a wrong answer to {kind}: larger than {_ANSWER_BYTES_MAX} bytes")
        took_s = self._now_s() - began_s
        self._books.answered[kind] += 1
        self._books.took[kind].add(took_s)
        self._books.recent.add(took_s)
        return response.status_code, response.content

    def _signed(self, kind: Kind, target: str, body: bytes) -> httpx.Request:
        method = "POST" if kind in {Kind.INTENT, Kind.PRICES} else "GET"
        headers = {"content-type": "application/json"} if body else {}
        request = self._client.build_request(method, target, content=body or None, headers=headers)
        self._signer.sign(
            request,
            key_id=self._household.household,
            label="restock",
            covered_component_ids=_COVERED,
            body=body or None,
        )
        return request

    def _unanswered(self, reason: str) -> NoAnswerError:
        self._books.unanswered[reason] += 1
        return NoAnswerError(reason)

    def _new_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._bridge.url,
            verify=self._bridge.tls,
            timeout=self._bridge.answer_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=CONNECTIONS),
        )


def _problem(answer: bytes) -> Problem | None:
    try:
        return Problem.model_validate_json(answer)
    except ValidationError:
        return None


def _plain(exc: BaseException) -> str:
    """Why, in the system's own words where it has some."""
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
