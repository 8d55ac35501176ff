"""Rows to records and back; no rule and no statement stands here."""

from __future__ import annotations

import logging
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row

from cloud_bridge.core.following import FACTS
from cloud_bridge.core.order import Attempt, AttemptOutcome, OrderRecord
from cloud_bridge.wire import Currency, Minor, OrderEvent, OrderState, Terms

log = logging.getLogger(__name__)

Value = TypeVar("Value")

_MINOR: TypeAdapter[int] = TypeAdapter(Minor)
_CURRENCY: TypeAdapter[str] = TypeAdapter(Currency)

_SAME = (
    "household",
    "intent_id",
    "merchant",
    "signature",
    "body_sha256",
    "accepted_at",
    "hold_until",
    "changed_at",
    "due_at",
    "version",
    "epoch",
    "lease_until",
    "tries",
    "misses",
    "session_n",
    "session_id",
    "merchant_order_id",
    "total_minor",
    "currency",
    "detail",
    "handoff_url",
    *FACTS,
)


def to_order(row: Row[Any]) -> OrderRecord:
    """An order as the rules see it."""
    columns = row._mapping  # noqa: SLF001  SQLAlchemy's public name for it
    return OrderRecord(
        state=OrderState(columns["state"]),
        terms=Terms.model_validate_json(columns["terms"]),
        **{name: columns[name] for name in _SAME},
    )


def from_order(order: OrderRecord) -> dict[str, object]:
    """The columns of an order."""
    return {
        "state": order.state.value,
        "terms": order.terms.model_dump_json(),
        "offer_expires_at": order.terms.offer_expires_at,
        **{name: getattr(order, name) for name in _SAME},
    }


def new_order(order: OrderRecord) -> dict[str, object]:
    """The columns of an order that is taken now: its number is written once, and never changed."""
    return {**from_order(order), "hub": order.terms.hub, "handover": order.terms.handover}


def to_attempt(row: Row[Any]) -> Attempt:
    """An attempt as the rules see it."""
    return Attempt(
        n=row.n,
        key=row.key,
        body_sha256=row.body_sha256,
        dispatched_at=row.dispatched_at,
        finished_at=row.finished_at,
        outcome=None if row.outcome is None else AttemptOutcome(row.outcome),
        reason=row.reason,
        total_minor=row.total_minor,
    )


def to_event(row: Row[Any]) -> OrderEvent:
    """An event as the hub sees it. A charge that the wire cannot tell is left out: the news must not stop at it."""
    return OrderEvent(
        seq=row.seq,
        intent_id=row.intent_id,
        state=OrderState(row.state),
        at=row.at,
        merchant_order_id=row.merchant_order_id,
        total_minor=_tellable(_MINOR, row.total_minor, row=row),
        currency=_tellable(_CURRENCY, row.currency, row=row),
        detail=row.detail,
        handoff_url=row.handoff_url,
        **{name: row._mapping[name] for name in FACTS},  # noqa: SLF001  SQLAlchemy's public name for it
    )


def _tellable(kind: TypeAdapter[Value], value: Value | None, *, row: Row[Any]) -> Value | None:
    try:
        return None if value is None else kind.validate_python(value, strict=True)
    except ValidationError:
        log.warning("event_value_left_out intent=%s seq=%d", row.intent_id, row.seq)
        return None
