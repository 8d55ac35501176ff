"""Errors as `wire.Problem`: what a program and a person can act on, and never a stack trace."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cloud_bridge.errors import (
    BehindError,
    BridgeError,
    ConflictError,
    ForkedError,
    HouseholdFrozenError,
    MalformedError,
    MandateRefusedError,
    MerchantAwayError,
    NotAuthenticError,
    OfferExpiredError,
    StoreError,
    TermsRefusedError,
    TooLargeError,
    UnknownOrderError,
    WithdrawnError,
)
from cloud_bridge.wire import Problem

log = logging.getLogger(__name__)

_DETAIL_CHARS_MAX = 500

_KNOWN: MappingProxyType[type[Exception], tuple[int, str]] = MappingProxyType(
    {
        NotAuthenticError: (401, "not_authentic"),
        UnknownOrderError: (404, "unknown_order"),
        ConflictError: (409, "conflict"),
        ForkedError: (409, "forked"),
        BehindError: (409, "behind"),
        HouseholdFrozenError: (409, "frozen"),
        TooLargeError: (413, "too_large"),
        MalformedError: (422, "malformed"),
        MandateRefusedError: (422, "mandate_refused"),
        OfferExpiredError: (422, "offer_expired"),
        WithdrawnError: (422, "withdrawn"),
        TermsRefusedError: (422, "terms_refused"),
        MerchantAwayError: (503, "merchant_away"),
        StoreError: (503, "store_failed"),
    }
)
_Told = tuple[int, str, str]  # status, code, detail
_HIDDEN = "the bridge could not do this; it was logged"


def install(app: Starlette, *, counted: Counter[str]) -> None:
    """Let every error of the app be answered as a Problem; `counted` counts them by code."""
    app.add_exception_handler(BridgeError, _answering(_bridge_error, counted))
    app.add_exception_handler(HTTPException, _answering(_http_error, counted))
    app.add_exception_handler(Exception, _answering(_unforeseen, counted))


def _answering(
    told: Callable[[Request, Exception], _Told], counted: Counter[str]
) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, exc: Exception) -> Response:
        status, code, detail = told(request, exc)
        counted[code] += 1
        problem = Problem(code=code, detail=detail[:_DETAIL_CHARS_MAX])
        return Response(problem.model_dump_json(), status_code=status, media_type="application/json")

    return answer


def _bridge_error(request: Request, exc: Exception) -> _Told:
    known = next((_KNOWN[kind] for kind in type(exc).__mro__ if kind in _KNOWN), None)
    if known is None:
        return _unforeseen(request, exc)
    status, code = known
    if status >= 500:
        log.warning("request_failed path=%s code=%s error=%s", request.url.path, code, exc)
    elif isinstance(exc, MalformedError):
        log.info("request_malformed path=%s reason=%s", request.url.path, exc)
    return status, code, _HIDDEN if isinstance(exc, StoreError) else str(exc)


def _http_error(_request: Request, exc: Exception) -> _Told:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    return status, phrase.lower().replace(" ", "_").replace("-", "_"), phrase


def _unforeseen(request: Request, exc: Exception) -> _Told:
    log.error("request_broke path=%s", request.url.path, exc_info=exc)
    return 500, "internal", _HIDDEN
