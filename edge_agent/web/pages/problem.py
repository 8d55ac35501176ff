"""The plain page for everything that did not work: what happened, and what to do.

A refusal and a wrong file are told in the error's own words, which are written for people; of a fault the page tells
nothing, and the log all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.core.said import say
from edge_agent.errors import (
    ConfigurationError,
    FailClosedError,
    HubError,
    NotAllowedError,
    RefusedError,
    RetryLaterError,
    StaleTermsError,
)
from edge_agent.web.told import not_taken, reason
from edge_agent.web.visit import Site

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person reads."""

    status: int
    title: str
    happened: str
    advice: str


UNREAD = Problem(
    400, say("That form could not be read"), say("Nothing was changed."), say("Go back, reload the page, try again.")
)
MISDIRECTED = Problem(
    421,
    say("Wrong address"),
    say("This hub does not answer to the name in your address bar."),
    say("Use one of the names in the hub's setting web.allowed_hosts."),
)
BUSY = Problem(
    503,
    say("Not just now"),
    say("The hub is busy or waits for something. Nothing was changed."),
    say("Try again in a minute."),
)
FAULT = Problem(
    500,
    say("Something went wrong here"),
    say("That was the hub's fault."),
    say("Try again. If it stays, look at the hub's log."),
)
_BY_STATUS = {
    400: UNREAD,
    403: Problem(
        403,
        say("That is not allowed"),
        say("The page was too old, came from another site, or your account may not do this. Nothing was changed."),
        say("Reload the page and try again. If it stays like this, ask the owner of this home."),
    ),
    404: Problem(
        404, say("Nothing here"), say("There is no such page, item or question."), say("Start again from Home.")
    ),
    405: Problem(405, say("That does not work this way"), say("Nothing was changed."), say("Start again from Home.")),
    413: Problem(
        413, say("That is too much"), say("The request was too large. Nothing was changed."), say("Send less.")
    ),
    415: Problem(
        415, say("That form could not be read"), say("Nothing was changed."), say("Use the form on the page.")
    ),
    421: MISDIRECTED,
    429: Problem(
        429,
        say("Too many attempts"),
        say("There were too many wrong passwords. Yours was not checked this time."),
        say("Wait 15 minutes, then sign in again."),
    ),
}
_STALE = Problem(
    409,
    say("The terms have changed"),
    say("What you saw is not what the offer says now. Nothing was ordered."),
    say("Look at the question again: it shows the terms that stand."),
)
_BY_ERROR: dict[type[HubError], Problem] = {
    StaleTermsError: _STALE,
    RetryLaterError: BUSY,
}


class Problems:
    """Turns a failure into its page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def for_http(self, request: Request, error: Exception) -> Response:
        """A refusal by status; any other status is a fault of ours."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        response = self._page(_BY_STATUS.get(status, FAULT), request)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        return response

    async def for_hub(self, request: Request, error: Exception) -> Response:
        """An error of the hub, in words for a person; what the page sends its reader to the log for is logged."""
        if not isinstance(error, RefusedError | RetryLaterError):
            log.error("page_failed path=%s error=%s", quote(request.url.path), error)
        return self._page(_of_hub(error), request)

    async def for_fault(self, request: Request, _error: Exception) -> Response:
        """Our own fault; the server logs it."""
        return self._page(FAULT, request)

    def misdirected(self) -> ASGIApp:
        """Answers a request under a name that is not ours."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._page(MISDIRECTED, Request(scope))(scope, receive, send)

        return answer

    def _page(self, problem: Problem, request: Request) -> Response:
        back = _way_back(request.path_params) if problem.status in {403, 409, 500, 503} else None
        return self._site.renderer.page(
            "problem.html",
            language=self._site.renderer.language(request, session=getattr(request.state, "session", None)),
            session=None,
            status=problem.status,
            problem=problem,
            back=back,
        )


def _way_back(named: Mapping[str, str]) -> tuple[str, str] | None:
    """Address and words of the page that the person came from, as far as the address tells."""
    if "prompt" in named:
        return f"/prompts/{named['prompt']}", say("Back to the question")
    if "mandate" in named:
        return f"/mandates/{named['mandate']}", say("Back to the mandate")
    return ("/orders", say("Back to the orders")) if "intent" in named else None


def _of_hub(error: Exception) -> Problem:
    fixed = next((problem for kind, problem in _BY_ERROR.items() if isinstance(error, kind)), None)
    if fixed is not None:
        return fixed
    if isinstance(error, FailClosedError):
        return _stopped(reason(error))
    if isinstance(error, NotAllowedError):
        return _not_allowed(error)
    if isinstance(error, RefusedError):
        return _refused(error)
    return _wrong_file(error) if isinstance(error, ConfigurationError) else FAULT


def _stopped(message: str) -> Problem:
    return Problem(
        503,
        say("The hub has stopped itself"),
        say("A check that guards your money failed. The hub says: {message}. Nothing was sent.", message=message),
        say("Ask the owner of this home to look at the hub's page and its log."),
    )


def _not_allowed(error: Exception) -> Problem:
    return Problem(
        403,
        say("That is not allowed"),
        not_taken(error),
        say("Look at the page again: it says who may."),
    )


def _refused(error: Exception) -> Problem:
    return Problem(
        409,
        say("Your answer was not taken"),
        not_taken(error),
        say("Look again: the page shows how it stands now."),
    )


def _wrong_file(error: Exception) -> Problem:
    return Problem(
        503,
        say("A file of this hub needs mending"),
        not_taken(error),
        say("Ask whoever keeps the hub's files to mend this one, or to put the last good copy back."),
    )
