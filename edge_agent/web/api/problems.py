"""Everything that did not work, as problem details: what happened, where, and what to do.

Source: RFC 9457. `code` is the closed word that a program goes by; the sentences are for people.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.errors import (
    ConfigurationError,
    FailClosedError,
    HubError,
    NotAllowedError,
    PinNeededError,
    RefusedError,
    RetryLaterError,
    StaleTermsError,
)

log = logging.getLogger(__name__)

MEDIA = "application/problem+json"
NOTHING_CHANGED = "Nothing was changed."

_WORDS_MAX = 500


class WrongField(BaseModel):
    """One field of a body that cannot be taken: its name, and what is allowed."""

    model_config = ConfigDict(frozen=True)

    field: str
    what: str


class Problem(BaseModel):
    """What went wrong. `detail` says what happened, `instance` where, `what_to_do` the next step."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    code: str
    title: str
    status: int
    detail: str
    instance: str
    what_to_do: str
    fields: tuple[WrongField, ...] = ()


class Refusal(HTTPException):
    """A request that is refused, with the words for it."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        title: str,
        what: str,
        what_to_do: str,
        fields: tuple[WrongField, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, headers=headers)
        self.code = code
        self.title = title
        self.what = what
        self.what_to_do = what_to_do
        self.fields = fields


def unknown(kind: str) -> Refusal:
    """There is no such thing."""
    return Refusal(
        404,
        "not_found",
        title="Not found",
        what=f"There is no such {kind}.",
        what_to_do="Read the list of them: it has the ids.",
    )


async def for_http(request: Request, error: Exception) -> Response:
    """A refusal by its own words, or by its status alone; any other status is a fault of ours."""
    if isinstance(error, Refusal):
        return _response(request, error)
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = _response(request, _by_status(status))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def for_hub(request: Request, error: Exception) -> Response:
    """An error of the hub, in words for a person."""
    if not isinstance(error, RefusedError | RetryLaterError):
        log.error("api_failed path=%s error=%s", quote(request.url.path), error)
    return _response(request, _of_hub(error))


async def for_fault(request: Request, _error: Exception) -> Response:
    """Our own fault; the server logs it."""
    return _response(request, _by_status(500))


def _response(request: Request, refusal: Refusal) -> Response:
    problem = Problem(
        code=refusal.code,
        title=refusal.title,
        status=refusal.status_code,
        detail=refusal.what,
        instance=quote(request.url.path),
        what_to_do=refusal.what_to_do,
        fields=refusal.fields,
    )
    return Response(problem.model_dump_json(), status_code=problem.status, media_type=MEDIA, headers=refusal.headers)


def _by_status(status: int) -> Refusal:
    code, title, what, what_to_do = _BY_STATUS.get(status, _BY_STATUS[500])
    return Refusal(status if status in _BY_STATUS else 500, code, title=title, what=what, what_to_do=what_to_do)


_BY_STATUS: dict[int, tuple[str, str, str, str]] = {
    400: ("bad_request", "Cannot be read", f"The request cannot be read. {NOTHING_CHANGED}", "Mend the request."),
    403: ("not_allowed", "Not allowed", f"This is not allowed. {NOTHING_CHANGED}", "Ask the owner of this home."),
    404: ("not_found", "Not found", "There is no such address.", "Read /api/v1/openapi.json: it lists them all."),
    405: (
        "wrong_method",
        "Not by this method",
        f"The address does not take this method. {NOTHING_CHANGED}",
        "Read /api/v1/openapi.json: it names the methods of each address.",
    ),
    413: ("too_large", "Too large", f"The body is too large. {NOTHING_CHANGED}", "Send at most 16 kB."),
    500: ("fault", "Fault of the hub", "Something went wrong in the hub.", "Try again. If it stays, look at its log."),
}


_LATER = "Try again in a minute."
_LOOK = "Ask the owner of this home to look at the hub's page and its log."
# The first kind that an error is of holds: (status, code, title, what to do).
_BY_ERROR: tuple[tuple[type[HubError], int, str, str, str], ...] = (
    (StaleTermsError, 409, "stale_terms", "The terms have changed", "Read the prompt again, and look at its terms."),
    (PinNeededError, 403, "pin_needed", "The PIN is needed", "Send the person's PIN in the field `pin`."),
    (NotAllowedError, 403, "not_allowed", "Not allowed", "Let somebody answer who may; the prompt says who."),
    (RefusedError, 409, "refused", "Not taken", "Read it again: the answer says how it stands now."),
    (RetryLaterError, 503, "busy", "Not just now", _LATER),
    (FailClosedError, 503, "stopped", "The hub has stopped itself", _LOOK),
    (ConfigurationError, 503, "wrong_file", "A file needs mending", "Ask whoever keeps the hub's files to mend it."),
)


def _of_hub(error: Exception) -> Refusal:
    words = f"The hub says: {str(error)[:_WORDS_MAX]}. {NOTHING_CHANGED}"
    for kind, status, code, title, what_to_do in _BY_ERROR:
        if isinstance(error, kind):
            return Refusal(status, code, title=title, what=words, what_to_do=what_to_do)
    return _by_status(500)
