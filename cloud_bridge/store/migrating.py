"""Brings the tables up to this program's, inside the transaction of the connection that is given."""

from __future__ import annotations

import alembic.command
import alembic.config
from sqlalchemy import Connection


def migrate(connection: Connection) -> None:
    """Run every step that is missing.

    Raises: alembic's CommandError when the tables are newer than this program.
    """
    config = alembic.config.Config()
    config.set_main_option("script_location", "cloud_bridge:migrations")
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
