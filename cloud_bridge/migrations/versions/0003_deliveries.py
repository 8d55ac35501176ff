"""Ids of webhook deliveries, so that one that comes again is known after a restart and at every bridge."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the id's digest; what was kept before has none."""
    op.add_column("webhook_inbox", sa.Column("delivery", sa.String(64)))
    op.create_index("webhook_delivery", "webhook_inbox", ["household", "merchant", "delivery"], unique=True)
    op.create_index("webhook_age", "webhook_inbox", ["household", "received_at"])
    op.create_index("webhook_order", "webhook_inbox", ["household", "intent_id"])


def downgrade() -> None:
    """Not offered: going back would lose orders."""
    raise NotImplementedError
