"""Webhooks that name an order: each is kept once, by the digest of its body and by the id of its delivery.

It is kept in the transaction that makes the order due, so that a bridge which dies, or another one on the same store,
knows of it. An order keeps a bounded number of them, and none for longer than its age: whoever could send one again
after that has bought one look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, false, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud_bridge.core.order import FOLLOWING
from cloud_bridge.core.outcome import Hint
from cloud_bridge.store.tables import orders, webhooks
from cloud_bridge.wire import OrderState

KEPT_FOR = timedelta(days=30)  # of the bridge's clock; a merchant tries a delivery again for days at the most
PER_ORDER_MAX = 100
_FORGOTTEN_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Webhook:
    """What came from `merchant`. `digest` and `delivery` are SHA-256 in hex, of the body and of the delivery's id."""

    merchant: str
    hint: Hint
    digest: str
    delivery: str | None
    received_at: datetime


def take(connection: Connection, webhook: Webhook) -> bool:
    """Keep a webhook of a known order once, and make that order due; False where it changed nothing."""
    row = connection.execute(_hinted(webhook.merchant, webhook.hint).with_for_update()).first()
    if row is None or row.due_at is None:
        return False
    _forget(connection, row.household, before=webhook.received_at - KEPT_FOR)
    if _is_full(connection, row) or not _keep(connection, row, webhook):
        return False
    this = (orders.c.household == row.household, orders.c.intent_id == row.intent_id)
    connection.execute(update(orders).where(*this).values(_woken(row, now=webhook.received_at)))
    return True


def _hinted(merchant: str, hint: Hint) -> Any:  # noqa: ANN401  a select of a few columns
    named = [
        column == value
        for column, value in (
            (orders.c.merchant_order_id, hint.merchant_order_id),
            (orders.c.session_id, hint.session_id),
        )
        if value is not None
    ]
    columns = [orders.c[name] for name in ("household", "intent_id", "due_at", "state", "epoch", "version")]
    return select(*columns).where(orders.c.merchant == merchant, or_(false(), *named)).limit(1)


def _forget(connection: Connection, household: str, *, before: datetime) -> None:
    """Some of the household's oldest; rows that another bridge is at are left to it, so that nobody waits."""
    old = (
        select(webhooks.c.digest)
        .where(webhooks.c.household == household, webhooks.c.received_at < before)
        .order_by(webhooks.c.received_at)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(webhooks).where(webhooks.c.household == household, webhooks.c.digest.in_(old)))


def _is_full(connection: Connection, row: Any) -> bool:  # noqa: ANN401  a row of `_hinted`
    kept = select(func.count()).select_from(webhooks)
    of_it = (webhooks.c.household == row.household, webhooks.c.intent_id == row.intent_id)
    return connection.execute(kept.where(*of_it)).scalar_one() >= PER_ORDER_MAX


def _keep(connection: Connection, row: Any, webhook: Webhook) -> bool:  # noqa: ANN401  a row of `_hinted`
    values = {
        "household": row.household,
        "intent_id": row.intent_id,
        "merchant": webhook.merchant,
        "digest": webhook.digest,
        "delivery": webhook.delivery,
        "received_at": webhook.received_at,
    }
    insert = _insert_once(connection).values(values).returning(webhooks.c.digest)
    return connection.execute(insert).first() is not None


def _insert_once(connection: Connection) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(webhooks).on_conflict_do_nothing()
    return sqlite.insert(webhooks).on_conflict_do_nothing()


def _woken(row: Any, *, now: datetime) -> dict[str, Any]:  # noqa: ANN401  a row of `_hinted`
    due_at = min(row.due_at, now)
    if OrderState(row.state) not in FOLLOWING:
        return {"due_at": due_at}  # the worker is at it, and what it does must not be taken away
    # A look that began before the hint may have missed what the hint is about: it is dropped, and the next one begins.
    return {"due_at": due_at, "lease_until": None, "epoch": row.epoch + 1, "version": row.version + 1}
