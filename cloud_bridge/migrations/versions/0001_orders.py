"""Orders, attempts, events and webhook hints, all sharded by household."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ORDER = (["household", "intent_id"], ["orders.household", "orders.intent_id"])


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "households",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
    )
    _create_orders()
    _create_attempts()
    _create_events()
    _create_webhook_inbox()


def downgrade() -> None:
    """Not offered: going back would lose orders."""
    raise NotImplementedError


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("household", sa.String(64), sa.ForeignKey("households.id"), primary_key=True),
        sa.Column("intent_id", sa.String(64), primary_key=True),
        sa.Column("merchant", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("signature", sa.String(88), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
        sa.Column("hold_until", sa.BigInteger, nullable=False),
        sa.Column("offer_expires_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("misses", sa.Integer, nullable=False),
        sa.Column("session_n", sa.Integer, nullable=False),
        sa.Column("session_id", sa.String(255)),
        sa.Column("merchant_order_id", sa.String(255)),
        sa.Column("total_minor", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("detail", sa.String(64)),
        sa.Column("handoff_url", sa.String(2048)),
    )
    op.create_index("orders_due", "orders", ["state", "due_at"])
    op.create_index("orders_session", "orders", ["merchant", "session_id"], unique=True)
    op.create_index("orders_merchant_order", "orders", ["merchant", "merchant_order_id"], unique=True)


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("household", sa.String(64), primary_key=True),
        sa.Column("intent_id", sa.String(64), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("dispatched_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.String(64)),
        sa.ForeignKeyConstraint(*_ORDER),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("household", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("intent_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("merchant_order_id", sa.String(255)),
        sa.Column("total_minor", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("detail", sa.String(64)),
        sa.Column("handoff_url", sa.String(2048)),
        sa.ForeignKeyConstraint(*_ORDER),
    )


def _create_webhook_inbox() -> None:
    op.create_table(
        "webhook_inbox",
        sa.Column("household", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("intent_id", sa.String(64), nullable=False),
        sa.Column("merchant", sa.String(64), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(*_ORDER),
    )
