"""The life of an order at the bridge, as a table. All state changes of orders go through `advance` and `note`.

    held -> sending -> placed | rejected | needs_buyer | unknown
    held -> cancelled | expired | rejected
    unknown | parked -> placed | not_placed, and unknown -> parked
    not_placed -> sending | rejected | expired
    needs_buyer -> placed | expired
    placed -> shipped -> delivered | partly_delivered | never_arrived, and placed -> never_arrived
    placed | shipped | partly_delivered -> cancelled
    delivered | partly_delivered -> returned | refunded, and returned | never_arrived | cancelled -> refunded
    never_arrived -> delivered

Four laws: a state never goes back; nothing leaves `unknown` without a word from the merchant or a person; once an
attempt is recorded (`sending` and after), a cancel is refused; an order that ends without a purchase stays due until
its session is closed. Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypedDict, Unpack

from cloud_bridge.errors import BugError
from cloud_bridge.wire import OrderState, Terms, Verdict

_S = OrderState
_LISTED = tuple(OrderState)

TRANSITIONS: MappingProxyType[OrderState, frozenset[OrderState]] = MappingProxyType(
    {
        _S.HELD: frozenset({_S.SENDING, _S.REJECTED, _S.CANCELLED, _S.EXPIRED}),
        _S.SENDING: frozenset({_S.PLACED, _S.REJECTED, _S.NEEDS_BUYER, _S.UNKNOWN}),
        _S.UNKNOWN: frozenset({_S.PLACED, _S.NOT_PLACED, _S.PARKED}),
        _S.PARKED: frozenset({_S.PLACED, _S.NOT_PLACED}),
        _S.NOT_PLACED: frozenset({_S.SENDING, _S.REJECTED, _S.EXPIRED}),
        _S.NEEDS_BUYER: frozenset({_S.PLACED, _S.EXPIRED}),
        _S.PLACED: frozenset({_S.SHIPPED, _S.NEVER_ARRIVED, _S.CANCELLED}),
        _S.SHIPPED: frozenset({_S.DELIVERED, _S.PARTLY_DELIVERED, _S.NEVER_ARRIVED, _S.CANCELLED}),
        _S.PARTLY_DELIVERED: frozenset({_S.DELIVERED, _S.CANCELLED, _S.RETURNED, _S.REFUNDED}),
        _S.NEVER_ARRIVED: frozenset({_S.DELIVERED, _S.REFUNDED}),
        _S.DELIVERED: frozenset({_S.RETURNED, _S.REFUNDED}),
        _S.RETURNED: frozenset({_S.REFUNDED}),
        _S.REJECTED: frozenset(),
        _S.CANCELLED: frozenset({_S.REFUNDED}),
        _S.EXPIRED: frozenset(),
        _S.REFUNDED: frozenset(),
    }
)

# Who looks after an order in which state, as long as it is due at all: the worker until it is known what became of it
# and no session is left open, then the tracker. What was cancelled once it was placed is the tracker's: `is_followed`.
CLOSING = frozenset({_S.CANCELLED, _S.EXPIRED, _S.REJECTED})
PLACING = frozenset({_S.HELD, _S.SENDING, _S.UNKNOWN, _S.PARKED}) | CLOSING
ON_ITS_WAY = frozenset({_S.NEEDS_BUYER, _S.PLACED, _S.SHIPPED, _S.PARTLY_DELIVERED, _S.NEVER_ARRIVED})
AFTERWARDS = frozenset({_S.DELIVERED, _S.RETURNED, _S.CANCELLED})  # nothing comes any more; goods and money may go back
FOLLOWING = ON_ITS_WAY | (AFTERWARDS - CLOSING)
IN_DOUBT = frozenset({_S.UNKNOWN, _S.PARKED})


class Detail(StrEnum):
    """The closed list of codes that go with a state."""

    MERCHANT_AWAY = "merchant_away"
    TERMS_CHANGED = "terms_changed"
    OUT_OF_STOCK = "out_of_stock"
    ITEM_UNAVAILABLE = "item_unavailable"
    PAYMENT_FAILED = "payment_failed"
    ADDRESS_UNDELIVERABLE = "address_undeliverable"
    MERCHANT_REFUSED = "merchant_refused"
    CANCELLED_BY_HOUSEHOLD = "cancelled_by_household"
    CANCELLED_BY_MERCHANT = "cancelled_by_merchant"
    OFFER_EXPIRED = "offer_expired"
    INTERRUPTED = "interrupted"
    NO_ANSWER = "no_answer"
    IN_PROGRESS = "in_progress"
    NOT_PLACED = "not_placed"
    CHARGED_ABOVE_LIMIT = "charged_above_limit"
    LEAVE_INVALID = "leave_invalid"
    SESSION_CLOSED = "session_closed"
    BUYER_DID_NOT_FINISH = "buyer_did_not_finish"
    HELD_TOO_LONG = "held_too_long"
    HOUSEHOLD_FROZEN = "household_frozen"
    FOUND_AT_MERCHANT = "found_at_merchant"
    ANOTHER_ORDER_SHOWN = "another_order_shown"
    SETTLED_BY_HOUSEHOLD = "settled_by_household"
    PARTLY_RETURNED = "partly_returned"
    PARTLY_REFUNDED = "partly_refunded"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One intent and what became of it. `household` is the shard key; an order is (household, intent_id).

    `version` rises with every change, `epoch` with every claim: a write needs both as they were read. `session_n`
    counts the merchant's sessions opened for it: a further one only while no attempt was recorded. `tries` counts
    failures in a row; `misses` look-ups in a row that found nothing, and in the hold, prices in a row that the merchant
    failed to make. `total_minor` is what the merchant charged.

    What stands after `handoff_url` is what the merchant told of the order since, as `outcome.Followed` has it: None is
    not told.
    """

    household: str
    intent_id: str
    merchant: str
    state: OrderState
    terms: Terms
    signature: str
    body_sha256: str
    accepted_at: datetime
    hold_until: datetime
    changed_at: datetime
    due_at: datetime | None
    version: int = 1
    epoch: int = 0
    lease_until: datetime | None = None
    tries: int = 0
    misses: int = 0
    session_n: int = 1
    session_id: str | None = None
    merchant_order_id: str | None = None
    total_minor: int | None = None
    currency: str | None = None
    detail: str | None = None
    handoff_url: str | None = None
    ordered_quantity: int | None = None
    delivered_quantity: int | None = None
    returned_quantity: int | None = None
    refunded_minor: int | None = None
    substitute_sku: str | None = None
    expected_on: date | None = None
    tracking_url: str | None = None


class AttemptOutcome(StrEnum):
    """How a request that may make an order was answered; none at all stands for a crash in between."""

    PLACED = "placed"
    NEEDS_BUYER = "needs_buyer"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that may make an order. It is durable before the first byte is sent; all of an order share a key.

    `total_minor` is what the merchant asked for right before, in minor units of the terms' currency.
    """

    n: int
    key: str
    body_sha256: str
    dispatched_at: datetime
    finished_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    reason: str | None = None
    total_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One state that an order went through, as the household is told."""

    state: OrderState
    detail: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an order: the row becomes `after`, `said` is told in order, `attempt` is recorded or concluded.

    It holds only if the stored row still has the version before `after.version`, and the epoch of `after`.
    """

    after: OrderRecord
    said: tuple[Said, ...] = ()
    attempt: Attempt | None = None


class Told(TypedDict, total=False):
    """What a merchant tells of an order, as `OrderRecord` has it."""

    ordered_quantity: int | None
    delivered_quantity: int | None
    returned_quantity: int | None
    refunded_minor: int | None
    substitute_sku: str | None
    expected_on: date | None
    tracking_url: str | None


class Facts(Told, total=False):
    """What a change may set beside the state."""

    due_at: datetime | None
    tries: int
    misses: int
    session_n: int
    session_id: str | None
    merchant_order_id: str | None
    total_minor: int | None
    currency: str | None
    handoff_url: str | None


def is_followed(order: OrderRecord) -> bool:
    """Whether the tracker looks after it: one that was cancelled at the merchant has no session to close."""
    is_cancelled_there = order.state is OrderState.CANCELLED and order.merchant_order_id is not None
    return order.state in FOLLOWING or is_cancelled_there


def route(start: OrderState, goal: OrderState) -> tuple[OrderState, ...] | None:
    """The shortest way from `start` to `goal` through the table, `goal` included; None where there is none.

    Of two ways as short, the one whose states stand first in `wire.OrderState`: through shipped, not never_arrived.
    """
    ways: list[tuple[OrderState, ...]] = [()]
    seen = {start}
    for way in ways:
        for state in sorted(TRANSITIONS[way[-1] if way else start], key=_LISTED.index):
            if state == goal:
                return (*way, state)
            if state not in seen:
                seen.add(state)
                ways.append((*way, state))
    return None


def way_to(order: OrderRecord, goal: OrderState) -> tuple[OrderState, ...]:
    """The way of this order to `goal`.

    Raises: BugError where there is none.
    """
    way = route(order.state, goal)
    if way is None:
        raise BugError(f"order {order.intent_id}: no way from {order.state} to {goal}")
    return way


def advance(
    order: OrderRecord, *states: OrderState, now: datetime, detail: str | None = None, **facts: Unpack[Facts]
) -> Change:
    """Go through `states` in order; the last one is told with `detail`. The claim ends, and `due_at` says when next.

    Where nothing else is said, that is never; but at once for a session that was opened for nothing: it is closed.
    Raises: BugError when the table has no such step.
    """
    at = order.state
    for state in states:
        if state not in TRANSITIONS[at]:
            raise BugError(f"order {order.intent_id}: no step from {at} to {state}")
        at = state
    leaves_session = at in CLOSING and order.session_id is not None and order.merchant_order_id is None
    facts.setdefault("due_at", now if leaves_session else None)
    facts.setdefault("tries", 0)
    facts.setdefault("handoff_url", None)
    after = replace(
        order, state=at, detail=detail, changed_at=now, version=order.version + 1, lease_until=None, **facts
    )
    said = tuple(Said(state, detail if state is at else None) for state in states)
    return Change(after=after, said=said)


def note(order: OrderRecord, *, now: datetime, detail: str | None, **facts: Unpack[Facts]) -> Change:
    """Stay in the same state with a new detail, told once; the claim ends."""
    told = (Said(order.state, detail),) if detail is not None and detail != order.detail else ()
    after = replace(
        order,
        detail=detail if detail is not None else order.detail,
        changed_at=now if told else order.changed_at,
        version=order.version + 1,
        lease_until=None,
        **facts,
    )
    return Change(after=after, said=told)


def tell(order: OrderRecord, *, now: datetime, detail: str | None, **facts: Unpack[Facts]) -> Change:
    """Stay in the same state with news that are told, whatever the detail; the claim ends."""
    said = (Said(order.state, detail),)
    after = replace(order, detail=detail, changed_at=now, version=order.version + 1, lease_until=None, **facts)
    return Change(after=after, said=said)


def keep(order: OrderRecord, **facts: Unpack[Facts]) -> Change:
    """Record facts in the middle of the work: the state and the claim stay."""
    return Change(after=replace(order, version=order.version + 1, **facts))


def dispatch(order: OrderRecord, attempt: Attempt, *, now: datetime, proven: bool = False) -> Change:
    """Record an attempt, to be sent once this is durable. The claim stays: the order is in our hands.

    `proven`: it is known that there is no order from the attempts before, so this one is told as a new one.
    """
    if order.state is OrderState.HELD:
        way: tuple[OrderState, ...] = (OrderState.SENDING,)
    elif proven:
        way = (OrderState.NOT_PLACED, OrderState.SENDING)
    else:
        return replace(keep(order), attempt=attempt)
    change = advance(order, *way, now=now, due_at=order.due_at, misses=0)
    return replace(change, after=replace(change.after, lease_until=order.lease_until), attempt=attempt)


def cancel(order: OrderRecord, *, now: datetime) -> Change | None:
    """The household's cancel, free in the hold; None once an attempt is recorded or the order has ended."""
    if order.state is not OrderState.HELD:
        return None
    return advance(order, OrderState.CANCELLED, now=now, detail=Detail.CANCELLED_BY_HOUSEHOLD)


def settle(order: OrderRecord, verdict: Verdict, *, attempts: Sequence[Attempt], now: datetime) -> Change | None:
    """A person's word about an order in doubt; None where it settles nothing.

    It does not while a request is on its way, and "not there" does not when an attempt is younger than the word.
    """
    if order.state not in IN_DOUBT or not attempts:
        return None
    last = attempts[-1]
    sending = last.finished_at is None and order.lease_until is not None and order.lease_until > now
    if sending or (not verdict.found and verdict.said_at < last.dispatched_at):
        return None
    if not verdict.found:
        way = (OrderState.NOT_PLACED, OrderState.REJECTED)
        return advance(order, *way, now=now, detail=Detail.SETTLED_BY_HOUSEHOLD)
    found: Facts = {"merchant_order_id": verdict.merchant_order_id, "due_at": now}
    return advance(order, OrderState.PLACED, now=now, detail=Detail.SETTLED_BY_HOUSEHOLD, **found)
