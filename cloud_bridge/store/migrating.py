"""Brings the tables up to this program's, inside the transaction of the connection that is given."""

from __future__ import annotations

import functools

import alembic.command
import alembic.config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_REVISION_TABLE = "alembic_version"  # alembic's own name for it
_REVISION = "SELECT version_num FROM alembic_version"


def migrate(connection: Connection) -> None:
    """Run every step that is missing; tables that are this program's already are only asked for their revision.

    Raises: alembic's CommandError when the tables are newer than this program.
    """
    if _found(connection) == _newest():
        return
    config = _config()
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def _found(connection: Connection) -> set[str]:
    if not connection.dialect.has_table(connection, _REVISION_TABLE):
        return set()
    return set(connection.exec_driver_sql(_REVISION).scalars())


@functools.cache
def _newest() -> set[str]:
    """The revision that this program's steps lead to."""
    return set(ScriptDirectory.from_config(_config()).get_heads())


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", "cloud_bridge:migrations")
    return config
