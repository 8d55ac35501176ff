"""The endpoints. Each reads strictly, calls one thing, and answers with a model of `wire`.

What comes with a request is read once: the body's bytes are what the signature covers, and what the model is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloud_bridge.api import problems
from cloud_bridge.api.authentic import Gatekeeper
from cloud_bridge.api.webhooks import MerchantDoor
from cloud_bridge.core.stages import Stage
from cloud_bridge.errors import MalformedError
from cloud_bridge.intake import Intake
from cloud_bridge.ports import NO_TRACING, Clock, OrderStore, Tracing
from cloud_bridge.prices import PriceDesk
from cloud_bridge.wire import (
    PATH_CANCEL,
    PATH_EVENTS,
    PATH_HEAD,
    PATH_INTENTS,
    PATH_PRICES,
    PATH_SETTLE,
    TRACE_HEADER,
    EventPage,
    Id,
    Intent,
    PriceQuery,
    Settlement,
)

PATH_HEALTH = "/healthz"

_EVENTS_MAX = 500
_SEQ_MAX = 2**53

Asked = TypeVar("Asked", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the endpoints call; `door` is where merchants come in, and `problems` counts bad answers by code."""

    gatekeeper: Gatekeeper
    intake: Intake
    prices: PriceDesk
    store: OrderStore
    clock: Clock
    door: MerchantDoor
    tracing: Tracing = NO_TRACING
    problems: Counter[str] = field(default_factory=Counter)


class _Named(BaseModel):
    """Values of a path or a query, which are text; what is not asked for is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _IntentPath(_Named):
    intent_id: Id


class _HeadQuery(_Named):
    after: Annotated[int, Field(ge=0, le=_SEQ_MAX)] = 0


class _IntentQuery(_Named):
    head: Annotated[int, Field(ge=0, le=_SEQ_MAX)] | None = None


class _EventsQuery(_Named):
    after: Annotated[int, Field(ge=0, le=_SEQ_MAX)] = 0
    limit: Annotated[int, Field(ge=1, le=_EVENTS_MAX)] = 100


def create_app(desk: Desk) -> Starlette:
    """The ASGI application: no pages of documentation, no cookies, nothing but these endpoints."""
    app = Starlette(routes=[*_hub_routes(desk), *desk.door.routes(), _route("GET", PATH_HEALTH, _show_health)])
    app.router.redirect_slashes = False
    problems.install(app, counted=desk.problems)
    return app


def _hub_routes(desk: Desk) -> list[Route]:
    async def accept_intent(request: Request) -> Response:
        caller = await desk.gatekeeper(request)
        asked = _named(_IntentQuery, request.query_params, where="query")
        intent = _body(Intent, caller.body)
        parent = request.headers.get(TRACE_HEADER)
        with desk.tracing.span(Stage.ACCEPT, order=intent.terms.intent_id, parent=parent):
            return _json(await desk.intake.accept(intent, caller=caller.household, head=asked.head))

    async def cancel_intent(request: Request) -> Response:
        caller = await desk.gatekeeper(request)
        asked = _named(_IntentPath, request.path_params, where="path")
        return _json(await desk.intake.cancel(asked.intent_id, caller=caller.household))

    async def settle_intent(request: Request) -> Response:
        caller = await desk.gatekeeper(request)
        asked = _named(_IntentPath, request.path_params, where="path")
        settlement = _body(Settlement, caller.body)
        return _json(await desk.intake.settle(settlement, intent_id=asked.intent_id, caller=caller.household))

    async def show_head(request: Request) -> Response:
        caller = await desk.gatekeeper(request)
        asked = _named(_HeadQuery, request.query_params, where="query")
        return _json(await desk.store.head(caller.household, after=asked.after, now=desk.clock.now()))

    async def list_events(request: Request) -> Response:
        caller = await desk.gatekeeper(request)
        asked = _named(_EventsQuery, request.query_params, where="query")
        events = await desk.store.events_after(caller.household, after=asked.after, limit=asked.limit)
        return _json(EventPage(events=events, next_after=events[-1].seq if events else asked.after))

    async def list_prices(request: Request) -> Response:
        caller = await desk.gatekeeper(request)
        return _json(await desk.prices.list_prices(_body(PriceQuery, caller.body)))

    return [
        _route("POST", PATH_INTENTS, accept_intent),
        _route("POST", PATH_CANCEL, cancel_intent),
        _route("POST", PATH_SETTLE, settle_intent),
        _route("GET", PATH_HEAD, show_head),
        _route("GET", PATH_EVENTS, list_events),
        _route("POST", PATH_PRICES, list_prices),
    ]


async def _show_health(_request: Request) -> Response:
    return Response('{"status":"ok"}', media_type="application/json")


def _route(method: str, path: str, endpoint: Endpoint) -> Route:
    route = Route(path, endpoint)
    route.methods = {method}  # and not HEAD beside GET: a signature covers its method
    return route


def _body(kind: type[Asked], body: bytes) -> Asked:
    """What was asked. Only this is the caller's fault: any other model that does not hold is a bug of ours."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        raise _malformed(exc) from exc


def _named(kind: type[Asked], values: Mapping[str, object], *, where: str) -> Asked:
    try:
        return kind.model_validate(dict(values))
    except ValidationError as exc:
        raise _malformed(exc, where) from exc


def _malformed(exc: ValidationError, *where: str) -> MalformedError:
    first = exc.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in (*where, *first["loc"])) or "body"
    return MalformedError(f"{field}: {first['msg']}")


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")
