"""What merchants tell of an order after it was placed: on the order as it is known, on each event as it was told."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of what was told before nothing is known."""
    for table in ("orders", "events"):
        op.add_column(table, sa.Column("delivered_quantity", sa.Integer))
        op.add_column(table, sa.Column("returned_quantity", sa.Integer))
        op.add_column(table, sa.Column("refunded_minor", sa.BigInteger))
        op.add_column(table, sa.Column("substitute_sku", sa.String(64)))
        op.add_column(table, sa.Column("expected_on", sa.Date))
        op.add_column(table, sa.Column("tracking_url", sa.String(2048)))


def downgrade() -> None:
    """Not offered: going back would lose orders."""
    raise NotImplementedError
