"""The plain page for what did not work during the first run. It tells a stranger nothing about the home."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.core.said import say
from edge_agent.errors import ConfigurationError, RefusedError, RetryLaterError
from edge_agent.web.pages.problem import BUSY, FAULT, MISDIRECTED, UNREAD, Problem
from edge_agent.web.render import Renderer
from edge_agent.web.told import not_taken

log = logging.getLogger(__name__)

_CLOSED = Problem(
    403,
    say("This hub is being set up"),
    say("One browser sets it up, and this one is not it. Nothing was changed."),
    say(
        "If that was you, and you cannot go on there, restart the hub: it prints a new code, and what you told is kept."
    ),
)
_MISSING = Problem(
    404, say("Nothing here"), say("There is no such page while this hub is being set up."), say("Start from Home.")
)
_BY_STATUS = {403: _CLOSED, 404: _MISSING, 405: _MISSING, 400: UNREAD, 413: UNREAD, 415: UNREAD}


class SetupProblems:
    """Turns a failure into its page."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    async def for_http(self, request: Request, error: Exception) -> Response:
        """A refusal by status; any other status is a fault of ours."""
        status = error.status_code if isinstance(error, HTTPException) else FAULT.status
        return self._page(_BY_STATUS.get(status, FAULT), request, status=status)

    async def for_hub(self, request: Request, error: Exception) -> Response:
        """An error of the hub; one that a person can act on in its own words."""
        if isinstance(error, RefusedError | ConfigurationError):
            problem = Problem(409, say("That was not taken"), not_taken(error), say("Start again from Home."))
            return self._page(problem, request)
        if isinstance(error, RetryLaterError):
            return self._page(BUSY, request)
        log.error("setup_failed error=%s", type(error).__name__)
        return self._page(FAULT, request)

    async def for_fault(self, request: Request, _error: Exception) -> Response:
        """Our own fault; the server logs it."""
        return self._page(FAULT, request)

    def misdirected(self) -> ASGIApp:
        """Answers a request under a name that is not ours."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._page(MISDIRECTED, Request(scope))(scope, receive, send)

        return answer

    def _page(self, problem: Problem, request: Request, *, status: int | None = None) -> Response:
        return self._renderer.page(
            "problem.html",
            language=self._renderer.language(request),
            session=None,
            status=status or problem.status,
            problem=problem,
            back=None,
        )
