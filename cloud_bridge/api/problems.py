"""Errors as `wire.Problem`: what a program and a person can act on, and never a stack trace."""

from __future__ import annotations

import logging
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
_HIDDEN = "the bridge could not do this; it was logged"


def install(app: Starlette) -> None:
    """Let every error of the app be answered as a Problem."""
    app.add_exception_handler(BridgeError, _bridge_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def answer(status: int, code: str, detail: str) -> Response:
    """A Problem as a response."""
    problem = Problem(code=code, detail=detail[:_DETAIL_CHARS_MAX])
    return Response(problem.model_dump_json(), status_code=status, media_type="application/json")


async def _bridge_error(request: Request, exc: Exception) -> Response:
    known = next((_KNOWN[kind] for kind in type(exc).__mro__ if kind in _KNOWN), None)
    if known is None:
        return await _unforeseen(request, exc)
    status, code = known
    if status >= 500:
        log.warning("request_failed path=%s code=%s error=%s", request.url.path, code, exc)
    elif isinstance(exc, MalformedError):
        log.info("request_malformed path=%s reason=%s", request.url.path, exc)
    return answer(status, code, _HIDDEN if isinstance(exc, StoreError) else str(exc))


async def _http_error(_request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    phrase = HTTPStatus(status).phrase
    return answer(status, phrase.lower().replace(" ", "_").replace("-", "_"), phrase)


async def _unforeseen(request: Request, exc: Exception) -> Response:
    log.error("request_broke path=%s", request.url.path, exc_info=exc)
    return answer(500, "internal", _HIDDEN)
