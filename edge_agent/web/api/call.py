"""One request of a program that has passed its address's rule, and the acts that the API knows."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.core.api_token import Scope
from edge_agent.core.people import MAY_APPROVE, Role
from edge_agent.errors import BugError
from edge_agent.web.api.problems import unknown
from edge_agent.web.api.streams import Streams
from edge_agent.web.rules import Rule
from edge_agent.web.visit import Site

PREFIX = "/api/v1"

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Body(BaseModel):
    """What a program sends: strict and closed. Built when it is first needed, which saves memory where it never is."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class Told(BaseModel):
    """What a program is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


AnyBody = TypeVar("AnyBody", bound=Body)


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a request acts. `credential` names the token or session and is no secret; `still_holds` asks again."""

    account: str
    role: Role
    credential: str
    token: str | None
    still_holds: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Call:
    """A request that has passed; `caller` is None only where an address answers this machine without a token."""

    request: Request
    site: Site
    caller: Caller | None
    body: Body | None
    streams: Streams

    @property
    def by(self) -> Caller:
        """The caller of an address that needs one."""
        if self.caller is None:
            raise BugError(f"{self.request.url.path} was reached without a token")
        return self.caller

    @property
    def is_member(self) -> bool:
        """Whether the person runs the home."""
        return self.by.role in MAY_APPROVE

    def said(self, kind: type[AnyBody]) -> AnyBody:
        """The body, which is of the kind that the act declares."""
        if not isinstance(self.body, kind):
            raise BugError(f"{self.request.url.path} was reached without its body")
        return self.body

    def path_id(self, name: str) -> str:
        """An id from the path.

        Raises: Refusal 404 when it cannot be one.
        """
        value: str = self.request.path_params[name]
        if _ID.fullmatch(value) is None:
            raise unknown(name)
        return value


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Act:
    """One address, one method, one rule, one scope, one handler, and what the document says of it.

    `takes_cookie`: a page of this hub may use it with its session. `answers_locally`: it needs no token on loopback
    where the configuration says so.
    """

    method: Literal["GET", "POST"]
    path: str
    rule: Rule
    scope: Scope
    handler: Handler
    summary: str
    body: type[Body] | None = None
    answer: type[BaseModel] | None = None
    media: str = "application/json"
    takes_cookie: bool = False
    answers_locally: bool = False


def told(answer: BaseModel) -> Response:
    """An answer as JSON."""
    return Response(answer.model_dump_json(), media_type="application/json")
