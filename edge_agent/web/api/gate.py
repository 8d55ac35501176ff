"""What a request of a program has to pass, in this order: origin, token, pace, scope, role, body.

A token comes in the header and nowhere else: not in an address, where logs keep it. A cookie is taken for the stream of
changes only, which changes nothing. Before the token is known to hold, an answer says nothing of the home.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import re
from dataclasses import dataclass

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.people import Session
from edge_agent.core.token_bucket import TokenBucket
from edge_agent.web import forms
from edge_agent.web.api.call import Act, Body, Call, Caller
from edge_agent.web.api.problems import NOTHING_CHANGED, Refusal, WrongField
from edge_agent.web.api.streams import Streams
from edge_agent.web.rules import ROLES
from edge_agent.web.visit import Site

TOKEN_MARK = "rstk_"  # noqa: S105 - what every token begins with, so that scanners for leaked secrets know it
BURST = 60
EVERY_MS = 100

_BEARER = re.compile(rf"[Bb]earer {TOKEN_MARK}[A-Za-z0-9_-]{{43}}")
_BUCKETS_MAX = 200
_FIELDS_MAX = 20
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def hash_of(token: str) -> str:
    """What is kept of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("ascii", "replace")).hexdigest()


class Gate:
    """Answers every act; one for the whole site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._streams = Streams(site.parts.changes)
        self._pace = _Pace()

    async def answer(self, act: Act, request: Request) -> Response:
        """One request.

        Raises: Refusal, HTTPException, HubError; the site's handlers make problem details of them.
        """
        if not forms.same_origin(request):
            raise _alien()
        caller = self._caller(act, request)
        if caller is None and not self._answers_locally(act, request):
            raise _no_token()
        if caller is not None:
            self._pace.check(caller.credential)
            if caller.role not in ROLES[act.rule]:
                raise _wrong_role()
        body = await _read_body(act.body, request) if act.body is not None else None
        if caller is not None and act.body is not None and not caller.still_holds():
            raise _no_token()
        return await act.handler(Call(request, self._site, caller, body, self._streams))

    def _caller(self, act: Act, request: Request) -> Caller | None:
        if request.headers.getlist("authorization"):
            return self._by_token(act, request)
        session = self._site.sign_in.current(request) if act.takes_cookie else None
        return None if session is None else self._by_session(session, request)

    def _by_token(self, act: Act, request: Request) -> Caller:
        given = request.headers.getlist("authorization")
        if len(given) != 1 or _BEARER.fullmatch(given[0]) is None:
            raise _no_token()
        tokens, now = self._site.parts.tokens, self._site.parts.clock.now
        token_hash = hash_of(given[0].split(" ", 1)[1])
        bearer = tokens.find(token_hash, now=now())
        if bearer is None:
            raise _no_token()
        token, role = bearer.token, bearer.role
        tokens.note_use(token.id, at=now())
        if act.scope not in token.scopes:
            raise _wrong_scope(act.scope)

        def still_holds() -> bool:
            found = tokens.find(token_hash, now=now())
            return found is not None and found.role is role

        return Caller(token.account, role, credential=f"token {token.id}", token=token.id, still_holds=still_holds)

    def _by_session(self, session: Session, request: Request) -> Caller:
        def still_holds() -> bool:
            current = self._site.sign_in.current(request)
            return current is not None and current.role is session.role

        credential = f"session {session.token_hash}"
        return Caller(session.account, session.role, credential=credential, token=None, still_holds=still_holds)

    def _answers_locally(self, act: Act, request: Request) -> bool:
        """Only where it is switched on, for a program on this machine; what a proxy passes on comes from elsewhere."""
        if not (act.answers_locally and self._site.web.local_metrics):
            return False
        if any(name in request.headers for name in _PASSED_ON) or request.url.hostname not in _LOOPBACK_NAMES:
            return False
        return request.client is not None and _is_loopback(request.client.host)


@dataclass(slots=True)
class _Pace:
    """How often each client may ask: ten times a second, sixty at once."""

    buckets: dict[str, TokenBucket]

    def __init__(self) -> None:
        self.buckets = {}

    def check(self, credential: str) -> None:
        """Count one request. Raises: Refusal 429."""
        if len(self.buckets) >= _BUCKETS_MAX:
            self.buckets.clear()
        bucket = self.buckets.setdefault(credential, TokenBucket(burst=BURST, every_ms=EVERY_MS))
        if not bucket.take(at_ms=int(asyncio.get_running_loop().time() * 1_000)):
            raise Refusal(
                429,
                "too_fast",
                title="Too many requests",
                what=f"This client asks more than {1_000 // EVERY_MS} times a second. {NOTHING_CHANGED}",
                what_to_do="Wait a second, and listen to /api/v1/events instead of asking again and again.",
                headers={"Retry-After": "1"},
            )


async def _read_body(kind: type[Body], request: Request) -> Body:
    """The body as its model: JSON in UTF-8, each field once."""
    content = await forms.read_body(request)
    if not content:
        content = b"{}"
    elif request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refusal(
            415,
            "wrong_media",
            title="Not JSON",
            what=f"The body is not said to be JSON. {NOTHING_CHANGED}",
            what_to_do="Send Content-Type: application/json.",
        )
    try:
        body = kind.model_validate_json(content)
    except ValidationError as exc:
        raise _wrong_body(exc) from None  # its own words would repeat what was sent, a PIN too
    if _has_a_field_twice(content):
        raise _unusable((WrongField(field="(body)", what="A field stands twice."),))
    return body


def _has_a_field_twice(content: bytes) -> bool:
    """Of a body that its model has taken, so it is flat and small."""
    names: list[str] = []
    json.loads(content, object_pairs_hook=lambda pairs: names.extend(name for name, _ in pairs))
    return len(names) > len(set(names))


def _wrong_body(exc: ValidationError) -> Refusal:
    errors = exc.errors(include_url=False, include_input=False, include_context=False)[:_FIELDS_MAX]
    return _unusable(
        tuple(
            WrongField(field=".".join(str(part) for part in error["loc"]) or "(body)", what=error["msg"])
            for error in errors
        )
    )


def _unusable(fields: tuple[WrongField, ...]) -> Refusal:
    return Refusal(
        422,
        "wrong_body",
        title="The body cannot be taken",
        what=f"The body is not what this address takes. {NOTHING_CHANGED}",
        what_to_do="Mend the fields that are named; /api/v1/openapi.json says what each may be.",
        fields=fields,
    )


def _no_token() -> Refusal:
    return Refusal(
        401,
        "no_token",
        title="A token is needed",
        what=f"No token came that holds. {NOTHING_CHANGED}",
        what_to_do="Send Authorization: Bearer with a token. An owner makes one on the page Tokens.",
        headers={"WWW-Authenticate": 'Bearer realm="restock"'},
    )


def _alien() -> Refusal:
    return Refusal(
        403,
        "alien_origin",
        title="From another site",
        what=f"A page of another site sent this. {NOTHING_CHANGED}",
        what_to_do="Ask from a program, or from a page of this hub.",
    )


def _wrong_scope(scope: str) -> Refusal:
    return Refusal(
        403,
        "wrong_scope",
        title="Not with this token",
        what=f"This token may not {scope}. {NOTHING_CHANGED}",
        what_to_do="Ask the owner of this home for a token that may.",
    )


def _wrong_role() -> Refusal:
    return Refusal(
        403,
        "not_allowed",
        title="Not allowed",
        what=f"The account of this token may not do this. {NOTHING_CHANGED}",
        what_to_do="Ask the owner of this home.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
