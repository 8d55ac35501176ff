"""Intents that a household took back before they arrived, so that a copy that comes late is not taken."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "withdrawals",
        sa.Column("household", sa.String(64), sa.ForeignKey("households.id"), primary_key=True),
        sa.Column("intent_id", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Not offered: going back would lose orders."""
    raise NotImplementedError
