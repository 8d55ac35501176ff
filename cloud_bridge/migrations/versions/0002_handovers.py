"""Numbers of the hubs' intents, frozen households, and what a merchant asked for right before an attempt.

Orders of before have terms of version 1, which nobody has signed in the form of version 2. They get no number, and
their leave does not hold any more: what is still in its hold is refused and asked again, the rest is followed to its
end.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNSIGNED = {"version": 2, "leave": "approval", "consent_hash": "0" * 64, "handover": 1}


def upgrade() -> None:
    """Add columns, and lift the terms of version 1."""
    op.add_column("households", sa.Column("frozen_at", sa.BigInteger))
    op.add_column("orders", sa.Column("hub", sa.String(64)))
    op.add_column("orders", sa.Column("handover", sa.BigInteger))
    op.add_column("attempts", sa.Column("total_minor", sa.BigInteger))
    op.create_index("orders_handover", "orders", ["household", "hub", "handover"], unique=True)
    _lift_terms()


def downgrade() -> None:
    """Not offered: going back would lose orders."""
    raise NotImplementedError


def _lift_terms() -> None:
    orders = sa.table("orders", sa.column("household"), sa.column("intent_id"), sa.column("terms"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(orders)).all():
        lifted = json.dumps(json.loads(row.terms) | _UNSIGNED, separators=(",", ":"))
        same = sa.and_(orders.c.household == row.household, orders.c.intent_id == row.intent_id)
        connection.execute(sa.update(orders).where(same).values(terms=lifted))
