"""The endpoints. Each reads strictly, calls one thing, and answers with a model of `wire`.

FastAPI reads the annotations of the endpoints at run time, and some name local values, so they are not postponed here.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from cloud_bridge.api import problems
from cloud_bridge.api.authentic import Caller, Gatekeeper, read_body
from cloud_bridge.intake import Intake
from cloud_bridge.ports import Clock, Merchants, OrderStore
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import PATH_CANCEL, PATH_EVENTS, PATH_INTENTS, PATH_PRICES, EventPage, Id, Intent, PriceQuery

PATH_HEALTH = "/healthz"
PATH_PROFILE = "/.well-known/ucp"
PATH_WEBHOOK = "/webhooks/{merchant}"

_EVENTS_MAX = 500
_SEQ_MAX = 2**53

Asked = TypeVar("Asked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the endpoints call. `followed` wakes the tracker; `profile` makes our profile document for a merchant."""

    gatekeeper: Gatekeeper
    intake: Intake
    prices: PriceDesk
    store: OrderStore
    merchants: Merchants
    clock: Clock
    followed: asyncio.Event
    profile: Callable[[str | None], bytes]


def create_app(desk: Desk) -> FastAPI:
    """The ASGI application: no pages of documentation, no cookies, nothing but these endpoints."""
    app = FastAPI(title="restock-bridge", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    problems.install(app)
    _add_hub_routes(app, desk)
    _add_merchant_routes(app, desk)

    @app.get(PATH_HEALTH)
    async def health() -> Response:
        return Response('{"status":"ok"}', media_type="application/json")

    return app


def _add_hub_routes(app: FastAPI, desk: Desk) -> None:
    caller_of = Depends(desk.gatekeeper)

    @app.post(PATH_INTENTS)
    async def accept_intent(caller: Annotated[Caller, caller_of]) -> Response:
        intent = _read(Intent, caller.body)
        return _json(await desk.intake.accept(intent, caller=caller.household))

    @app.post(PATH_CANCEL)
    async def cancel_intent(caller: Annotated[Caller, caller_of], intent_id: Annotated[Id, Path()]) -> Response:
        return _json(await desk.intake.cancel(intent_id, caller=caller.household))

    @app.get(PATH_EVENTS)
    async def list_events(
        caller: Annotated[Caller, caller_of],
        after: Annotated[int, Query(ge=0, le=_SEQ_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=_EVENTS_MAX)] = 100,
    ) -> Response:
        events = await desk.store.events_after(caller.household, after=after, limit=limit)
        return _json(EventPage(events=events, next_after=events[-1].seq if events else after))

    @app.post(PATH_PRICES)
    async def list_prices(caller: Annotated[Caller, caller_of]) -> Response:
        return _json(await desk.prices.list_prices(_read(PriceQuery, caller.body)))


def _add_merchant_routes(app: FastAPI, desk: Desk) -> None:
    @app.get(PATH_PROFILE)
    async def show_profile(merchant: Annotated[Id | None, Query()] = None) -> Response:
        if merchant is not None and merchant not in desk.merchants:
            raise HTTPException(404)
        return Response(desk.profile(merchant), media_type="application/json")

    @app.post(PATH_WEBHOOK)
    async def take_webhook(request: Request, merchant: Annotated[Id, Path()]) -> Response:
        sender = desk.merchants.get(merchant)
        if sender is None:
            raise HTTPException(404)
        body = await read_body(request)
        digest = hashlib.sha256(body).hexdigest()
        if await desk.store.take_hint(merchant, sender.hint(body), digest=digest, now=desk.clock.now()):
            desk.followed.set()
        return Response(status_code=202)


def _read(kind: type[Asked], body: bytes) -> Asked:
    """What was asked. Only this is the caller's fault: any other model that does not hold is a bug of ours."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        raise RequestValidationError(exc.errors()) from exc


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")
