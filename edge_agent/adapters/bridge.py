"""The cloud bridge as the hub sees it: intents out, statuses and prices in, all of it through the one gate out.

Answers are read strictly against `cloud_bridge.wire`. What is not a whole, well-formed answer means: not known, the
work is kept. Only the bridge's own refusal of an intent (4xx with a Problem) is an answer that ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from cloud_bridge.wire import (
    PATH_EVENTS,
    PATH_INTENTS,
    PATH_PRICES,
    EventPage,
    OrderEvent,
    PriceLine,
    PriceList,
    PriceQuery,
    Problem,
    Receipt,
    WireModel,
)
from edge_agent.adapters.egress import Answer, Egress, Purpose
from edge_agent.adapters.store.orders import Orders, OutboxRow
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId, Price
from edge_agent.core.overview import BridgeStatus
from edge_agent.errors import BridgeUnreachableError
from edge_agent.ports import Clock

_M = TypeVar("_M", bound=WireModel)
_OUTBOX_GROUP = 20
_EVENTS_PAGE = 100
_REFUSED_STATUS = frozenset({400, 410, 422})
# Refusals that no repetition can cure; anything else (401, 408, 429, a proxy's own page) may pass, so the row stays.
_FINAL_CODES = frozenset({"terms_refused", "offer_expired"})
_CONFLICT_STATUS = 409  # the bridge holds another body under this id: what became of that one, nobody here knows


class BridgeClient:
    """Drains the outbox, fetches order events and the price list.

    Raises: BridgeUnreachableError when the bridge gives no usable answer; everything is kept for the next try.
    """

    def __init__(self, *, egress: Egress, orders: Orders, clock: Clock) -> None:
        self._egress = egress
        self._orders = orders
        self._clock = clock
        self._last_error: str | None = None

    async def drain(self) -> int:
        """Offer every waiting intent once; returns how many the bridge has answered for.

        An answer that settles nothing keeps its row and lets the next one go; no answer at all ends the turn.
        """
        answered, missed = 0, None
        for row in self._orders.outbox(limit=_OUTBOX_GROUP):
            try:
                answer = await self._send(Purpose.ORDER, "POST", PATH_INTENTS, body=row.body)
            except BridgeUnreachableError as exc:
                self._orders.record_attempt(row, error=str(exc))
                raise
            try:
                self._settle(row, answer)
                answered += 1
            except BridgeUnreachableError as exc:
                self._orders.record_attempt(row, error=str(exc))
                missed = exc
        if missed is not None:
            raise missed
        return answered

    async def fetch_events(self, *, after: int) -> tuple[tuple[OrderEvent, ...], int]:
        """Order events after a cursor, oldest first, and the cursor to ask with next."""
        answer = await self._send(Purpose.ORDER_STATUS, "GET", f"{PATH_EVENTS}?after={after}&limit={_EVENTS_PAGE}")
        page = self._parse(EventPage, answer)
        return page.events, page.next_after

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """Today's prices of items whose products are bound to one merchant, whether or not anything is low."""
        [merchant] = {item.product.merchant for item in items}
        query = PriceQuery(
            merchant=merchant, delivery_ref=delivery_ref, skus=tuple(sorted({item.product.sku for item in items}))
        )
        answer = await self._send(Purpose.PRICES, "POST", PATH_PRICES, body=query.model_dump_json().encode())
        lines = {line.sku: line for line in self._parse(PriceList, answer).lines}
        now = self._clock.now()
        return [_price(item, lines[item.product.sku], now=now) for item in items if item.product.sku in lines]

    def status(self) -> BridgeStatus:
        """Whether it answers, and since when an order waits for it."""
        waiting = self._orders.outbox(limit=1)
        return BridgeStatus(
            reachable=self._last_error is None,
            waiting_since=waiting[0].created_at if waiting else None,
            last_error=self._last_error or (waiting[0].last_error if waiting else None),
        )

    async def _send(self, purpose: Purpose, method: str, path: str, *, body: bytes = b"") -> Answer:
        try:
            answer = await self._egress.send(purpose, method, path, body=body)
        except BridgeUnreachableError as exc:
            self._last_error = str(exc)
            raise
        self._last_error = None
        return answer

    def _settle(self, row: OutboxRow, answer: Answer) -> None:
        record = self._orders.intent(row.intent)
        if record is None or record.state is not IntentState.APPROVED:
            self._orders.record_answer(row, None)
            return
        now = self._clock.now()
        code = _problem_code(answer)
        if answer.status_code == _CONFLICT_STATUS and code == "conflict":
            change = intents.step(record, IntentState.UNKNOWN, at=now, detail=code)
        elif answer.status_code in _REFUSED_STATUS and _ends(code, first_try=row.attempts == 0):
            change = intents.step(record, IntentState.REJECTED, at=now, detail=code)
        else:
            receipt = self._parse(Receipt, answer)
            change = intents.step(record, IntentState(receipt.state.value), at=now)
        self._orders.record_answer(row, change)

    def _parse(self, model: type[_M], answer: Answer) -> _M:
        if answer.status_code not in {200, 201, 202}:
            raise BridgeUnreachableError(f"the bridge answered {answer.status_code} ({_problem_code(answer)})")
        try:
            return model.model_validate_json(answer.body)
        except ValidationError as exc:
            raise BridgeUnreachableError(f"the bridge's answer is not a {model.__name__}") from exc


def _ends(code: str, *, first_try: bool) -> bool:
    """Whether the bridge itself has refused for good.

    A word that is not the bridge's (a proxy's page) ends nothing; and what was sent before may have been taken then.
    """
    return code in _FINAL_CODES or (code == "malformed" and first_try)


def _price(item: Item, line: PriceLine, *, now: datetime) -> Price:
    return Price(
        item=ItemId(item.id),
        merchant=item.product.merchant,
        sku=line.sku,
        unit_price_minor=line.unit_price_minor,
        delivery_minor=line.delivery_minor,
        currency=line.currency,
        available=line.available,
        fetched_at=now,
    )


def _problem_code(answer: Answer) -> str:
    try:
        return Problem.model_validate_json(answer.body).code
    except ValidationError:
        return "no_problem_document"
