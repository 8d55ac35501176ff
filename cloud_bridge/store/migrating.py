"""Brings the tables up to this program's, inside the transaction of the connection that is given."""

from __future__ import annotations

import functools

import alembic.command
import alembic.config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cloud_bridge.errors import StoreNewerError

_REVISION_TABLE = "alembic_version"  # alembic's own name for it
_REVISION = "SELECT version_num FROM alembic_version"


def older(connection: Connection) -> str | None:
    """The revision of tables that `migrate` would change; None where there is nothing to lose.

    Raises: StoreNewerError.
    """
    found = _known(connection)
    return None if found == _newest() or not found else "-".join(sorted(found))


def migrate(connection: Connection) -> None:
    """Run every step that is missing; tables that are this program's already are only asked for their revision.

    Raises: StoreNewerError when the tables are newer than this program; nothing is changed then.
    """
    if _known(connection) == _newest():
        return
    config = _config()
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def _found(connection: Connection) -> set[str]:
    if not connection.dialect.has_table(connection, _REVISION_TABLE):
        return set()
    return set(connection.exec_driver_sql(_REVISION).scalars())


def _known(connection: Connection) -> set[str]:
    """The revision of the tables, which is one that this program leads to or comes past."""
    found = _found(connection)
    if found - _steps():
        raise StoreNewerError(
            f"the store is at step {', '.join(sorted(found))}, this program knows {max(_steps())}: install the newer "
            'program again, or put the copy back that was made before the upgrade ("Going back" in the installation '
            "guide); nothing was changed"
        )
    return found


@functools.cache
def _newest() -> set[str]:
    """The revision that this program's steps lead to."""
    return set(ScriptDirectory.from_config(_config()).get_heads())


@functools.cache
def _steps() -> set[str]:
    """Every revision that this program has a step to."""
    return {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", "cloud_bridge:migrations")
    return config
