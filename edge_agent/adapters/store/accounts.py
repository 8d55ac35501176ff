"""People, their sessions and their failed sign-ins in the hub's store.

Every table here is bounded: a person keeps a limited number of sessions, failures older than a day are forgotten.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.people import Account, Role, Session

SESSIONS_MAX = 20
_SELECT = "SELECT name, role, password_hash, pin_hash, language FROM account "
_FAILURES_KEPT = timedelta(days=1)


class Accounts:
    """Fulfils `ports.AccountStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def account(self, name: str) -> Account | None:
        """One account by its name."""
        row = self._connection.db.execute(f"{_SELECT}WHERE name = ?", (name,)).fetchone()
        return None if row is None else _account(row)

    def accounts(self) -> list[Account]:
        """Everybody, by name."""
        return [_account(row) for row in self._connection.db.execute(f"{_SELECT}ORDER BY name")]

    def put_account(self, account: Account, *, by: str | None = None) -> None:
        """Add an account, or replace all of it but the name and the language; its sessions go on, with the new role.

        `by` names who did it, for the audit log; None for the hub itself, which only renews hashes.
        """
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO account (name, role, password_hash, pin_hash) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO "
                "UPDATE SET role = excluded.role, password_hash = excluded.password_hash, pin_hash = excluded.pin_hash",
                (account.name, account.role.value, account.password_hash, account.pin_hash),
            )
            if by is not None:
                event = "account_disabled" if account.is_disabled else "account_put"
                chain.append(db, {"event": event, "name": account.name, "role": account.role.value, "by": by})

    def set_language(self, name: str, code: str | None) -> None:
        """The language that a person reads; None: what the browser asks for."""
        with self._connection.transaction() as db:
            db.execute("UPDATE account SET language = ? WHERE name = ?", (code, name))

    def remove_account(self, name: str, *, by: str) -> None:
        """Forget a person, their sessions, and where they were told of questions."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM session WHERE account = ?", (name,))
            db.execute("DELETE FROM notice_channel WHERE person = ?", (name,))
            db.execute("DELETE FROM notice_link WHERE person = ?", (name,))
            db.execute("DELETE FROM account WHERE name = ?", (name,))
            chain.append(db, {"event": "account_removed", "name": name, "by": by})

    def end_sessions(self, name: str, *, keep: str | None) -> None:
        """Forget a person's sessions, but the one with this token hash, and the tokens of their programs."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM session WHERE account = ? AND token_hash IS NOT ?", (name, keep))
            db.execute("DELETE FROM api_token WHERE account = ?", (name,))

    def add_session(self, session: Session) -> None:
        """Remember a session by the hash of its token; ended ones and the person's oldest beyond the limit go."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM session WHERE expires_ms <= ?", (to_ms(session.created_at),))
            db.execute(
                "INSERT INTO session (token_hash, account, csrf, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)",
                (
                    session.token_hash,
                    session.account,
                    session.csrf,
                    to_ms(session.created_at),
                    to_ms(session.expires_at),
                ),
            )
            db.execute(
                "DELETE FROM session WHERE account = ? AND token_hash <> ? AND token_hash NOT IN ("
                "SELECT token_hash FROM session WHERE account = ? ORDER BY created_ms DESC LIMIT ?)",
                (session.account, session.token_hash, session.account, SESSIONS_MAX),
            )

    def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """The session, unless it has ended; its role is the account's role of now."""
        row = self._connection.db.execute(
            "SELECT s.token_hash, s.account, a.role, s.csrf, s.created_ms, s.expires_ms, a.language"
            " FROM session AS s JOIN account AS a ON a.name = s.account"
            " WHERE s.token_hash = ? AND s.expires_ms > ?",
            (token_hash, to_ms(now)),
        ).fetchone()
        if row is None:
            return None
        return Session(
            token_hash=row[0],
            account=row[1],
            role=Role(row[2]),
            csrf=row[3],
            created_at=from_ms(row[4]),
            expires_at=from_ms(row[5]),
            language=row[6],
        )

    def end_session(self, token_hash: str) -> None:
        """Forget a session."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM session WHERE token_hash = ?", (token_hash,))

    def failed_logins(self, name: str, *, since: datetime) -> int:
        """How often a wrong password was given for this name."""
        count: int = self._connection.db.execute(
            "SELECT count(*) FROM failed_login WHERE name = ? AND at_ms >= ?", (name, to_ms(since))
        ).get
        return count

    def record_login(self, name: str, *, at: datetime, succeeded: bool) -> None:
        """Count a login; a success clears the failures."""
        with self._connection.transaction() as db:
            db.execute("DELETE FROM failed_login WHERE at_ms < ?", (to_ms(at - _FAILURES_KEPT),))
            if succeeded:
                db.execute("DELETE FROM failed_login WHERE name = ?", (name,))
            else:
                db.execute("INSERT INTO failed_login (name, at_ms) VALUES (?, ?)", (name, to_ms(at)))

    def take_failure_back(self, name: str, *, at: datetime) -> None:
        """One failure that was counted at this time was none: nothing was checked."""
        with self._connection.transaction() as db:
            db.execute(
                "DELETE FROM failed_login WHERE id = (SELECT max(id) FROM failed_login WHERE name = ? AND at_ms = ?)",
                (name, to_ms(at)),
            )


def _account(row: tuple[object, ...]) -> Account:
    name, role, password_hash, pin_hash, language = cast("tuple[str, str, str, str | None, str | None]", row)
    return Account(name=name, role=Role(role), password_hash=password_hash, pin_hash=pin_hash, language=language)
