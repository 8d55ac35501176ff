"""Tokens of programs in the hub's store.

When a token was last used is kept in memory and written down now and then: reading by a token changes no store.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

from edge_agent.adapters.store import chain
from edge_agent.adapters.store.connection import Connection, from_ms, to_ms
from edge_agent.core.api_token import TOKENS_MAX, ApiToken, Bearer, Scope, TokenId
from edge_agent.core.people import Account, Role
from edge_agent.core.said import say
from edge_agent.errors import RefusedError

_SELECT = (
    "SELECT t.id, t.token_hash, t.label, t.account, t.scopes, t.made_by, t.created_ms, t.expires_ms, t.used_ms, a.role,"
    " a.password_hash FROM api_token AS t JOIN account AS a ON a.name = t.account "
)


class Tokens:
    """Fulfils `web.parts.ApiTokens`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._used: dict[TokenId, datetime] = {}

    def all(self) -> list[ApiToken]:
        """Every token that is kept, newest first; ended ones too."""
        rows = self._connection.db.execute(f"{_SELECT}ORDER BY t.created_ms DESC, t.id")
        return [self._with_use(_token(row[:-2])) for row in rows]

    def add(self, token: ApiToken, *, by: str) -> None:
        """Keep a new one; ended ones make room.

        Raises: RefusedError when there are too many.
        """
        with self._connection.transaction() as db:
            db.execute("DELETE FROM api_token WHERE expires_ms <= ?", (to_ms(token.created_at),))
            kept: int = db.execute("SELECT count(*) FROM api_token").get
            if kept >= TOKENS_MAX:
                raise RefusedError(say("there are {number} tokens: revoke one first", number=TOKENS_MAX))
            db.execute(
                "INSERT INTO api_token (id, token_hash, label, account, scopes, made_by, created_ms, expires_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    token.id,
                    token.token_hash,
                    token.label,
                    token.account,
                    " ".join(sorted(token.scopes)),
                    token.made_by,
                    to_ms(token.created_at),
                    to_ms(token.expires_at),
                ),
            )
            told = {"event": "token_made", "token": token.id, "name": token.account}
            chain.append(db, {**told, "scopes": " ".join(sorted(token.scopes)), "by": by})

    def revoke(self, token: TokenId, *, by: str) -> None:
        """It is worth nothing from now on.

        Raises: RefusedError when there is no such token.
        """
        with self._connection.transaction() as db:
            if not db.execute("SELECT count(*) FROM api_token WHERE id = ?", (token,)).get:
                raise RefusedError(say("there is no such token: it was revoked already"))
            db.execute("DELETE FROM api_token WHERE id = ?", (token,))
            chain.append(db, {"event": "token_revoked", "token": token, "by": by})
        self._used.pop(token, None)

    def find(self, token_hash: str, *, now: datetime) -> Bearer | None:
        """The token with this hash, unless it has ended or its person may not sign in."""
        row = self._connection.db.execute(
            f"{_SELECT}WHERE t.token_hash = ? AND t.expires_ms > ?", (token_hash, to_ms(now))
        ).fetchone()
        if row is None:
            return None
        account = Account(row[3], Role(row[-2]), row[-1])
        return None if account.is_disabled else Bearer(self._with_use(_token(row[:-2])), account.role)

    def note_use(self, token: TokenId, *, at: datetime) -> None:
        """It was used now; nothing is written yet."""
        self._used[token] = at

    def write_uses_down(self) -> None:
        """Keep what `note_use` was told since the last time, in one transaction; none where nothing was used."""
        if not self._used:
            return
        with self._connection.transaction() as db:
            db.executemany(
                "UPDATE api_token SET used_ms = ? WHERE id = ?",
                [(to_ms(at), token) for token, at in self._used.items()],
            )
        self._used.clear()

    def _with_use(self, token: ApiToken) -> ApiToken:
        used_at = self._used.get(token.id)
        return token if used_at is None else replace(token, used_at=used_at)


def _token(row: tuple[object, ...]) -> ApiToken:
    ident, token_hash, label, account, scopes, made_by, created_ms, expires_ms, used_ms = cast(
        "tuple[str, str, str, str, str, str, int, int, int | None]", row
    )
    return ApiToken(
        id=TokenId(ident),
        token_hash=token_hash,
        label=label,
        account=account,
        scopes=frozenset(Scope(word) for word in scopes.split()),
        made_by=made_by,
        created_at=from_ms(created_ms),
        expires_at=from_ms(expires_ms),
        used_at=None if used_ms is None else from_ms(used_ms),
    )
