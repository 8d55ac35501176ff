"""A PostgreSQL server that several bridges share: durability, migrations one at a time, bounded waits.

The password never stands in the URL: it comes from the environment, or from libpq's own password file. Every wait on
the server has a limit, so that a lost bridge cannot hold a row for longer than that.
"""

from __future__ import annotations

from types import MappingProxyType

from alembic.util import CommandError
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from cloud_bridge.errors import StoreError
from cloud_bridge.store.migrating import migrate

_CONNECT_WITHIN_S = 5
_POOL_WAIT_S = 10.0
_STATEMENT_MS, _LOCK_MS, _IDLE_MS = 10_000, 5_000, 15_000
_MIGRATION_MS = 120_000  # several bridges may start at once, and all but one of them wait here
_MIGRATION_LOCK = 0x52_45_53_54_4F_43_4B  # "RESTOCK"

# What a commit needs to survive a power cut of the server, and to be allowed at all.
_WANTED = MappingProxyType(
    {
        "fsync": frozenset({"on"}),
        "full_page_writes": frozenset({"on"}),
        "synchronous_commit": frozenset({"on", "remote_apply"}),
        "transaction_read_only": frozenset({"off"}),
    }
)


class PostgresServer:
    """One database of a server; `connections` is the most that this process opens."""

    def __init__(self, url: URL, *, password: SecretStr | None, connections: int) -> None:
        self._url = url
        self._name = url.render_as_string(hide_password=True)
        self._password = password
        self._connections = connections

    def open(self) -> Engine:
        """Check and migrate.

        Raises: StoreError when the server is away, not durable, or its tables are newer than this program.
        """
        engine = self._engine(read_only=False)
        try:
            with engine.begin() as connection:
                self._check(connection)
                for limit in ("statement_timeout", "lock_timeout"):
                    connection.exec_driver_sql(f"SET LOCAL {limit} = {_MIGRATION_MS}")
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                migrate(connection)
        except (SQLAlchemyError, CommandError) as exc:
            engine.dispose()
            raise StoreError(f"{self._name} cannot be used: {_first_line(exc)}") from exc
        except StoreError:
            engine.dispose()
            raise
        return engine

    def open_reader(self) -> Engine:
        """Open for reading only; what is wrong shows when it is read."""
        return self._engine(read_only=True)

    def close(self) -> None:
        """Nothing is held beside the engine."""

    def _engine(self, *, read_only: bool) -> Engine:
        limits = {
            "statement_timeout": _STATEMENT_MS,
            "lock_timeout": _LOCK_MS,
            "idle_in_transaction_session_timeout": _IDLE_MS,
            "default_transaction_read_only": "on" if read_only else "off",
            "plan_cache_mode": "force_custom_plan",  # one from when the tables were small picks the wrong index
        }
        arguments: dict[str, object] = {
            "connect_timeout": _CONNECT_WITHIN_S,
            "application_name": "restock-bridge",
            "client_encoding": "utf8",
            "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        }
        if self._password is not None:
            arguments["password"] = self._password.get_secret_value()
        return create_engine(
            self._url,
            pool_size=self._connections,
            max_overflow=0,
            pool_timeout=_POOL_WAIT_S,
            isolation_level="READ COMMITTED",  # every change locks its row first, and then sees it as it is
            connect_args=arguments,
            hide_parameters=True,
        )

    def _check(self, connection: Connection) -> None:
        for name, wanted in _WANTED.items():
            found = connection.exec_driver_sql(f"SHOW {name}").scalar()
            if found not in wanted:
                raise StoreError(f"{self._name}: {name} is {found}, and {' or '.join(sorted(wanted))} is wanted")


def _first_line(exc: Exception) -> str:
    cause = getattr(exc, "orig", None) or exc
    return str(cause).strip().splitlines()[0]
