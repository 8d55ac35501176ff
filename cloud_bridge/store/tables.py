"""The tables as the code sees them; how they came to be stands in `cloud_bridge/migrations`.

The household id is the shard key of every table. Times are milliseconds since 1970 UTC, money is minor units. Nothing
here is SQLite's own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def in_milliseconds(instant: datetime) -> int:
    """How the tables keep an aware datetime: milliseconds since 1970 UTC."""
    return (instant - _EPOCH) // _MILLISECOND


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as milliseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else in_milliseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """From the database."""
        return None if value is None else _EPOCH + int(value) * _MILLISECOND


metadata = MetaData()

households = Table(
    "households",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("frozen_at", Instant),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("household", String(64), ForeignKey("households.id"), primary_key=True),
    Column("intent_id", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("household", String(64), ForeignKey("households.id"), primary_key=True),
    Column("intent_id", String(64), primary_key=True),
    Column("hub", String(64)),
    Column("handover", BigInteger),
    Column("merchant", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("terms", SqlText, nullable=False),
    Column("signature", String(88), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("hold_until", Instant, nullable=False),
    Column("offer_expires_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("version", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("lease_until", Instant),
    Column("tries", Integer, nullable=False),
    Column("misses", Integer, nullable=False),
    Column("session_n", Integer, nullable=False),
    Column("session_id", String(255)),
    Column("merchant_order_id", String(255)),
    Column("total_minor", BigInteger),
    Column("currency", String(3)),
    Column("detail", String(64)),
    Column("handoff_url", String(2048)),
    Column("ordered_quantity", Integer),
    Column("delivered_quantity", Integer),
    Column("returned_quantity", Integer),
    Column("refunded_minor", BigInteger),
    Column("substitute_sku", String(64)),
    Column("expected_on", Date),
    Column("tracking_url", String(2048)),
)

attempts = Table(
    "attempts",
    metadata,
    Column("household", String(64), primary_key=True),
    Column("intent_id", String(64), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("dispatched_at", Instant, nullable=False),
    Column("total_minor", BigInteger),
    Column("finished_at", Instant),
    Column("outcome", String(32)),
    Column("reason", String(64)),
    ForeignKeyConstraint(["household", "intent_id"], ["orders.household", "orders.intent_id"]),
)

events = Table(
    "events",
    metadata,
    Column("household", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("intent_id", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("merchant_order_id", String(255)),
    Column("total_minor", BigInteger),
    Column("currency", String(3)),
    Column("detail", String(64)),
    Column("handoff_url", String(2048)),
    Column("ordered_quantity", Integer),
    Column("delivered_quantity", Integer),
    Column("returned_quantity", Integer),
    Column("refunded_minor", BigInteger),
    Column("substitute_sku", String(64)),
    Column("expected_on", Date),
    Column("tracking_url", String(2048)),
    ForeignKeyConstraint(["household", "intent_id"], ["orders.household", "orders.intent_id"]),
)

webhooks = Table(
    "webhook_inbox",
    metadata,
    Column("household", String(64), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("intent_id", String(64), nullable=False),
    Column("merchant", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("delivery", String(64)),
    ForeignKeyConstraint(["household", "intent_id"], ["orders.household", "orders.intent_id"]),
)
