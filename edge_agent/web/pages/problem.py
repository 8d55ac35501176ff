"""The plain page for everything that did not work: what happened, and what to do. Never a detail of the inside."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.errors import NotAllowedError, RefusedError, RetryLaterError, StaleTermsError
from edge_agent.web.visit import Site


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
_ANSWERED = Problem(
    409,
    "This can no longer be answered",
    "It was answered already, or the offer has ended. Your answer changed nothing.",
    "Look at the question again: it shows what became of it.",
)
_BUSY = Problem(
    503, "Not just now", "The hub is busy or waits for something. Nothing was changed.", "Try again in a minute."
)
_STOPPED = Problem(
    503,
    "The hub has stopped itself",
    "A check that guards your money failed. Nothing was sent.",
    "Ask the owner of this home to look at the hub's log.",
)
_FAULT = Problem(
    500, "Something went wrong here", "That was the hub's fault.", "Try again. If it stays, look at the hub's log."
)


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
        """A refusal of the core, in words for a person."""
        match error:
            case StaleTermsError():
                problem = _STALE
            case NotAllowedError():
                problem = _BY_STATUS[403]
            case RefusedError():
                problem = _ANSWERED
            case RetryLaterError():
                problem = _BUSY
            case _:
                problem = _STOPPED
        return self._page(problem, request)

    async def for_fault(self, request: Request, _error: Exception) -> Response:
        """Our own fault; the server logs it."""
        return self._page(_FAULT, request)

    def misdirected(self) -> ASGIApp:
        """Answers a request under a name that is not ours."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await self._page(_BY_STATUS[421], Request(scope))(scope, receive, send)

        return answer

    def _page(self, problem: Problem, request: Request) -> Response:
        prompt = request.path_params.get("prompt") if problem.status in {403, 409, 503} else None
        return self._site.renderer.page(
            "problem.html", session=None, status=problem.status, problem=problem, prompt=prompt
        )
