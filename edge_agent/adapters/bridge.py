"""The cloud bridge as the hub sees it: intents out, statuses and prices in, all of it through the one gate out.

Answers are read strictly against `cloud_bridge.wire`. What is not a whole, well-formed answer means: not known, the
work is kept. Only the bridge's own refusal of an intent (4xx with a Problem) is an answer that ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from cloud_bridge.wire import (
    PATH_CANCEL,
    PATH_EVENTS,
    PATH_HEAD,
    PATH_INTENTS,
    PATH_PRICES,
    PATH_SETTLE,
    CancelReceipt,
    DeliveryOption,
    EventPage,
    Head,
    OrderEvent,
    PriceLine,
    PriceList,
    PriceQuery,
    Problem,
    Receipt,
    Settlement,
    SettleReceipt,
    WireModel,
    order_trace_id,
)
from edge_agent.adapters.egress import Answer, Egress, Purpose
from edge_agent.adapters.store.merchants import Merchants
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.outbox import OutboxRow
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentChange, IntentState
from edge_agent.core.messages import Delivery, IntentId, ItemId, Pack, Price
from edge_agent.core.overview import BridgeStatus
from edge_agent.core.said import say
from edge_agent.core.tracing import Stage, Told
from edge_agent.errors import BridgeUnreachableError, HubForkedError, RefusedError
from edge_agent.ports import NO_TRACING, Clock, CrashHook, CrashPoint, Tracing, no_crash

_M = TypeVar("_M", bound=WireModel)
_OUTBOX_GROUP = 20
_EVENTS_PAGE = 100
_REFUSED_STATUS = frozenset({400, 404, 409, 410, 422})
# Refusals that no repetition can cure; anything else (401, 408, 429, a proxy's own page) may pass, so the row stays.
_FINAL_CODES = frozenset({"terms_refused", "offer_expired", "mandate_refused"})
_WITHDRAWN_CODE = "withdrawn"  # taken back before it came there: by this hub, or by what this hub was before a restore
_FORKED_CODES = frozenset({"forked", "frozen"})
_NOT_DELIVERED_CODE = "terms_refused"
_BEHIND_CODE = "behind"  # it has orders of this hub that are not known here: they are asked for before the next try
_NO_PROBLEM = "no_problem_document"
_CONFLICT_STATUS = 409  # the bridge holds another body under this id: what became of that one, nobody here knows


class BridgeClient:
    """Drains the outbox, asks and tells what else the bridge must know. Fulfils `ports.Bridge`.

    `hear_time` is told the bridge's time. `is_chosen`: somebody has given its address; else it is only where one would
    be looked for.

    Raises: BridgeUnreachableError when the bridge gives no usable answer; everything is kept for the next try.
    """

    def __init__(
        self,
        *,
        egress: Egress,
        orders: Orders,
        merchants: Merchants,
        clock: Clock,
        hear_time: Callable[[datetime], None],
        is_chosen: bool = True,
        crash_hook: CrashHook = no_crash,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._egress = egress
        self._orders = orders
        self._merchants = merchants
        self._clock = clock
        self._hear_time = hear_time
        self._crash_hook = crash_hook
        self._tracing = tracing
        self._last_error: str | None = None
        self._is_there = is_chosen

    async def drain(self, *, check: Callable[[], None]) -> int:
        """Offer every waiting intent once; returns how many the bridge has answered for.

        `check` is asked before each. An answer that settles nothing keeps its row and lets the next one go; no answer
        at all ends the turn.

        Raises: SendsStoppedError from `check`; HubForkedError when the bridge has met another hub with this identity.
        """
        answered, missed = 0, None
        for row in self._orders.outbox(limit=_OUTBOX_GROUP):
            check()
            if not self._orders.claim(row, at=self._clock.now()):
                continue  # taken back while the ones before it were under way
            self._crash_hook(CrashPoint.OUTBOX_CLAIMED)
            try:
                self._settle(row, await self._offer(row))
                answered += 1
            except BridgeUnreachableError as exc:
                missed = exc
        if missed is not None:
            raise missed
        return answered

    async def fetch_events(self, *, after: int) -> tuple[tuple[OrderEvent, ...], int]:
        """Order events after a cursor, oldest first, and the cursor to ask with next."""
        answer = await self._send(Purpose.ORDER_STATUS, f"{PATH_EVENTS}?after={after}&limit={_EVENTS_PAGE}")
        page = _parse(EventPage, answer)
        return page.events, page.next_after

    async def fetch_prices(self, items: Sequence[Item], *, delivery_ref: str) -> list[Price]:
        """Today's prices of items whose products are bound to one merchant, whether or not anything is low.

        Raises: RefusedError where there is no such merchant, or it does not deliver there.
        """
        [merchant] = {item.product.merchant for item in items}
        query = PriceQuery(
            merchant=merchant, delivery_ref=delivery_ref, skus=tuple(sorted({item.product.sku for item in items}))
        )
        answer = await self._send(Purpose.PRICES, PATH_PRICES, body=_body(query))
        if answer.status_code in _REFUSED_STATUS and _problem_code(answer) == _NOT_DELIVERED_CODE:
            raise RefusedError(say("{merchant} does not deliver to {address}", merchant=merchant, address=delivery_ref))
        told = _parse(PriceList, answer)
        self._hear_time(told.at)
        now = self._clock.now()
        self._merchants.note(merchant, told.merchant_class, at=now)
        lines = {line.sku: line for line in told.lines}
        return [_price(item, lines[item.product.sku], now=now) for item in items if item.product.sku in lines]

    async def fetch_head(self, *, after: int) -> Head:
        """How far the bridge has come with this household, and the intents with a higher number than `after`."""
        head = _parse(Head, await self._send(Purpose.HEAD, f"{PATH_HEAD}?after={after}"))
        self._hear_time(head.at)
        return head

    async def cancel(self, intent: IntentId) -> CancelReceipt | None:
        """Ask to take an order back while it is held; None: the bridge has not got it, nor room to note that."""
        answer = await self._send(Purpose.CANCEL, PATH_CANCEL.format(intent_id=intent))
        if answer.status_code == 404 and _problem_code(answer) == "unknown_order":
            return None
        return _parse(CancelReceipt, answer)

    async def settle(self, settlement: Settlement) -> SettleReceipt:
        """Say what a person found out of an order in doubt; raises RefusedError when the bridge refuses it for good."""
        target = PATH_SETTLE.format(intent_id=settlement.verdict.intent_id)
        answer = await self._send(Purpose.SETTLE, target, body=_body(settlement))
        code = _problem_code(answer)
        if answer.status_code in _REFUSED_STATUS and code != _NO_PROBLEM:
            raise RefusedError(
                say(
                    "the order service does not take that for {intent_id}: {code}",
                    intent_id=settlement.verdict.intent_id,
                    code=code,
                )
            )
        return _parse(SettleReceipt, answer)

    def status(self) -> BridgeStatus:
        """Whether it answers, whether there ever was one, and since when an order waits for it."""
        waiting = self._orders.outbox(limit=1)
        return BridgeStatus(
            reachable=self._last_error is None,
            waiting_since=waiting[0].created_at if waiting else None,
            last_error=self._last_error or (waiting[0].last_error if waiting else None),
            is_set_up=self._is_there or self._merchants.any_known(),
        )

    async def _offer(self, row: OutboxRow) -> Answer:
        target = f"{PATH_INTENTS}?head={self._orders.acknowledged()}"
        try:
            with self._tracing.span(Stage.SEND, trace=order_trace_id(row.intent)) as span:
                span.tell(Told.TRIES, row.attempts)
                answer = await self._send(Purpose.ORDER, target, body=row.body, trace=span.header)
                span.tell(Told.STATUS, answer.status_code)
        except BridgeUnreachableError as exc:
            self._orders.record_attempt(row, error=str(exc))
            raise
        self._crash_hook(CrashPoint.REPLY_READ)
        return answer

    async def _send(self, purpose: Purpose, target: str, *, body: bytes = b"", trace: str | None = None) -> Answer:
        try:
            answer = await self._egress.send(purpose, target, body=body, trace=trace)
        except BridgeUnreachableError as exc:
            self._last_error = str(exc)
            raise
        self._last_error = None
        self._is_there = True
        return answer

    def _settle(self, row: OutboxRow, answer: Answer) -> None:
        """What an answer to an order means for it, in one transaction."""
        try:
            change, taken = self._meaning(row, answer)
        except (BridgeUnreachableError, HubForkedError) as exc:
            self._orders.record_attempt(row, error=str(exc))
            raise
        self._orders.record_answer(row, change, taken=taken)
        self._crash_hook(CrashPoint.REPLY_STORED)

    def _meaning(self, row: OutboxRow, answer: Answer) -> tuple[IntentChange | None, bool]:
        """The step of the intent, and whether the bridge has it now."""
        record, now, code = self._orders.intent(row.intent), self._clock.now(), _problem_code(answer)
        if answer.status_code == _CONFLICT_STATUS and code in _FORKED_CODES:
            raise HubForkedError(f"the order service answered {code!r} to intent {row.intent}")
        if answer.status_code == _CONFLICT_STATUS and code == _BEHIND_CODE:
            raise BridgeUnreachableError(f"the bridge answered {answer.status_code} ({code})")
        is_withdrawn = answer.status_code in _REFUSED_STATUS and code == _WITHDRAWN_CODE
        if record is None or record.state is not IntentState.APPROVED:
            return None, not is_withdrawn  # its events came before this answer
        if answer.status_code == _CONFLICT_STATUS and code == "conflict":
            return intents.step(record, IntentState.UNKNOWN, at=now, detail=code), True
        if is_withdrawn:
            return intents.step(record, IntentState.CANCELLED, at=now, detail=intents.CANCELLED_BY_HOUSEHOLD), False
        if answer.status_code in _REFUSED_STATUS and _ends(code, first_try=row.attempts == 0):
            return intents.step(record, IntentState.REJECTED, at=now, detail=code), False
        receipt = _parse(Receipt, answer)
        return intents.step(record, IntentState(receipt.state.value), at=now), True


def _parse(model: type[_M], answer: Answer) -> _M:
    if answer.status_code not in {200, 201, 202}:
        raise BridgeUnreachableError(f"the bridge answered {answer.status_code} ({_problem_code(answer)})")
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as exc:
        raise BridgeUnreachableError(f"the bridge's answer is not a {model.__name__}") from exc


def _body(message: WireModel) -> bytes:
    return message.model_dump_json().encode()


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
        list_price_minor=line.list_price_minor,
        deliveries=tuple(_delivery(option) for option in line.delivery_options),
        pack=Pack(line.title, item.product.pack_amount, item.unit, item.product.gtin14),
    )


def _delivery(option: DeliveryOption) -> Delivery:
    return Delivery(
        id=option.id,
        price_minor=option.price_minor,
        kind=option.kind,
        title=option.title,
        earliest_on=option.earliest_on,
        latest_on=option.latest_on,
        place=option.place,
    )


def _problem_code(answer: Answer) -> str:
    try:
        return Problem.model_validate_json(answer.body).code
    except ValidationError:
        return _NO_PROBLEM
