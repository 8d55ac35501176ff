"""How many packs an order still is for, once its merchant cancelled some: on the order, and on each event."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of orders before nothing is known."""
    for table in ("orders", "events"):
        op.add_column(table, sa.Column("ordered_quantity", sa.Integer))


def downgrade() -> None:
    """Not offered: going back would lose orders."""
    raise NotImplementedError
