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

from edge_agent.errors import (
    ConfigurationError,
    FailClosedError,
    HubError,
    NotAllowedError,
    RefusedError,
    RetryLaterError,
    StaleTermsError,
)
from edge_agent.web.visit import Site

log = logging.getLogger(__name__)

_MESSAGE_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person reads."""

    status: int
    title: str
    happened: str
    advice: str


_BY_STATUS = {
    400: Problem(400, "That form could not be read", "Nothing was changed.", "Go back, reload the page, try again."),
    403: Problem(
        403,
        "That is not allowed",
        "The page was too old, came from another site, or your account may not do this. Nothing was changed.",
        "Reload the page and try again. If it stays like this, ask the owner of this home.",
    ),
    404: Problem(404, "Nothing here", "There is no such page, item or question.", "Start again from Home."),
    405: Problem(405, "That does not work this way", "Nothing was changed.", "Start again from Home."),
    413: Problem(413, "That is too much", "The request was too large. Nothing was changed.", "Send less."),
    415: Problem(415, "That form could not be read", "Nothing was changed.", "Use the form on the page."),
    421: Problem(
        421,
        "Wrong address",
        "This hub does not answer to the name in your address bar.",
        "Use one of the names in the hub's setting web.allowed_hosts.",
    ),
    429: Problem(
        429,
        "Too many attempts",
        "There were too many wrong passwords. Yours was not checked this time.",
        "Wait 15 minutes, then sign in again.",
    ),
}
_STALE = Problem(
    409,
    "The terms have changed",
    "What you saw is not what the offer says now. Nothing was ordered.",
    "Look at the question again: it shows the terms that stand.",
)
_BUSY = Problem(
    503, "Not just now", "The hub is busy or waits for something. Nothing was changed.", "Try again in a minute."
)
_FAULT = Problem(
    500, "Something went wrong here", "That was the hub's fault.", "Try again. If it stays, look at the hub's log."
)
_BY_ERROR: dict[type[HubError], Problem] = {
    StaleTermsError: _STALE,
    RetryLaterError: _BUSY,
}


class Problems:
    """Turns a failure into its page."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def for_http(self, request: Request, error: Exception) -> Response:
        """A refusal by status; any other status is a fault of ours."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        response = self._page(_BY_STATUS.get(status, _FAULT), request)
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
        return self._page(_FAULT, request)

    def misdirected(self) -> ASGIApp:
        """Answers a request under a name that is not ours."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._page(_BY_STATUS[421], Request(scope))(scope, receive, send)

        return answer

    def _page(self, problem: Problem, request: Request) -> Response:
        back = _way_back(request.path_params) if problem.status in {403, 409, 500, 503} else None
        return self._site.renderer.page("problem.html", session=None, status=problem.status, problem=problem, back=back)


def _way_back(named: Mapping[str, str]) -> tuple[str, str] | None:
    """Address and words of the page that the person came from, as far as the address tells."""
    if "prompt" in named:
        return f"/prompts/{named['prompt']}", "Back to the question"
    if "mandate" in named:
        return f"/mandates/{named['mandate']}", "Back to the mandate"
    return ("/orders", "Back to the orders") if "intent" in named else None


def _of_hub(error: Exception) -> Problem:
    fixed = next((problem for kind, problem in _BY_ERROR.items() if isinstance(error, kind)), None)
    if fixed is not None:
        return fixed
    if isinstance(error, FailClosedError):
        return _stopped(str(error))
    if isinstance(error, NotAllowedError):
        return _not_allowed(str(error))
    if isinstance(error, RefusedError):
        return _refused(str(error))
    return _wrong_file(str(error)) if isinstance(error, ConfigurationError) else _FAULT


def _stopped(message: str) -> Problem:
    return Problem(
        503,
        "The hub has stopped itself",
        f"A check that guards your money failed. The hub says: {message[:_MESSAGE_CHARS_MAX]}. Nothing was sent.",
        "Ask the owner of this home to look at the hub's page and its log.",
    )


def _not_allowed(message: str) -> Problem:
    return Problem(
        403,
        "That is not allowed",
        f"The hub says: {message[:_MESSAGE_CHARS_MAX]}. Nothing was changed.",
        "Look at the page again: it says who may.",
    )


def _refused(message: str) -> Problem:
    return Problem(
        409,
        "Your answer was not taken",
        f"The hub says: {message[:_MESSAGE_CHARS_MAX]}. Your answer changed nothing.",
        "Look again: the page shows how it stands now.",
    )


def _wrong_file(message: str) -> Problem:
    return Problem(
        503,
        "A file of this hub needs mending",
        f"The hub says: {message[:_MESSAGE_CHARS_MAX]}. Nothing was changed.",
        "Ask whoever keeps the hub's files to mend this one, or to put the last good copy back.",
    )
