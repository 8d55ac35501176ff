"""The cloud bridge as the hub sees it: intents out, statuses and prices in, all of it through the one gate out.

Answers are read strictly against `cloud_bridge.wire`. What is not a whole, well-formed answer means: not known, the
work is kept. Only the bridge's own refusal of an intent (4xx with a Problem) is an answer that ends it.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from cloud_bridge.wire import (
    PATH_EVENTS,
    PATH_INTENTS,
    PATH_PRICES,
    EventPage,
    OrderEvent,
    PriceList,
    PriceQuery,
    Problem,
    Receipt,
    WireModel,
)
from edge_agent.adapters.egress import Answer, Egress, Purpose
from edge_agent.adapters.store.orders import Orders, OutboxRow
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId, Price
from edge_agent.core.overview import BridgeStatus
from edge_agent.errors import BridgeUnreachableError
from edge_agent.ports import Clock

_M = TypeVar("_M", bound=WireModel)
_OUTBOX_GROUP = 20
_EVENTS_PAGE = 100
# Refusals that no repetition can cure; anything else of the 4xx family (401, 408, 429) may pass, so the row stays.
_REFUSED_STATUS = frozenset({400, 410, 422})
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
        """Offer every waiting intent once; returns how many the bridge has answered for."""
        answered = 0
        for row in self._orders.outbox(limit=_OUTBOX_GROUP):
            try:
                answer = await self._send(Purpose.ORDER, "POST", PATH_INTENTS, body=row.body)
                self._settle(row, answer)
            except BridgeUnreachableError as exc:
                self._orders.record_attempt(row, error=str(exc))
                raise
            answered += 1
        return answered

    async def fetch_events(self, *, after: int) -> tuple[tuple[OrderEvent, ...], int]:
        """Order events after a cursor, oldest first, and the cursor to ask with next."""
        answer = await self._send(Purpose.ORDER_STATUS, "GET", f"{PATH_EVENTS}?after={after}&limit={_EVENTS_PAGE}")
        page = self._parse(EventPage, answer)
        return page.events, page.next_after

    async def fetch_prices(self, household: Household) -> list[Price]:
        """Today's price of every bound product, one question a merchant, whether or not anything is low."""
        prices: list[Price] = []
        for merchant in sorted({item.product.merchant for item in household.items}):
            items = [item for item in household.items if item.product.merchant == merchant]
            query = PriceQuery(
                merchant=merchant,
                delivery_ref=household.preferences.delivery_ref,
                skus=tuple(sorted({item.product.sku for item in items})),
            )
            answer = await self._send(Purpose.PRICES, "POST", PATH_PRICES, body=query.model_dump_json().encode())
            lines = {line.sku: line for line in self._parse(PriceList, answer).lines}
            now = self._clock.now()
            prices += [
                Price(
                    item=ItemId(item.id),
                    merchant=merchant,
                    sku=line.sku,
                    unit_price_minor=line.unit_price_minor,
                    delivery_minor=line.delivery_minor,
                    currency=line.currency,
                    available=line.available,
                    fetched_at=now,
                )
                for item in items
                if (line := lines.get(item.product.sku)) is not None
            ]
        return prices

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
        if answer.status_code in _REFUSED_STATUS:
            change = intents.step(record, IntentState.REJECTED, at=now, detail=_problem_code(answer))
        elif answer.status_code == _CONFLICT_STATUS:
            change = intents.step(record, IntentState.UNKNOWN, at=now, detail=_problem_code(answer))
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


def _problem_code(answer: Answer) -> str:
    try:
        return Problem.model_validate_json(answer.body).code
    except ValidationError:
        return "no_problem_document"
