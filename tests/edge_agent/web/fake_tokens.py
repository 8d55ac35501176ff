"""The real store of tokens, which also tells what a page set off."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.core.api_token import ApiToken, Scope, TokenId


class TokensRecorded(Tokens):
    """`calls`: what was made and revoked."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.calls: list[tuple[object, ...]] = []

    def add(self, token: ApiToken, *, by: str) -> None:
        """Keep it, and say so."""
        super().add(token, by=by)
        self.calls.append(("token_add", token.account, by))

    def revoke(self, token: TokenId, *, by: str) -> None:
        """End it, and say so."""
        super().revoke(token, by=by)
        self.calls.append(("token_revoke", token, by))

    def put(self, token: ApiToken) -> None:
        """One that was there before."""
        super().add(token, by=token.made_by)


def sample_token(now: datetime) -> ApiToken:
    """A token that nobody has, made yesterday."""
    return ApiToken(
        id=TokenId("t-wall"),
        token_hash="0" * 64,
        label="Wall display",
        account="the-owner",
        scopes=frozenset({Scope.READ}),
        made_by="the-owner",
        created_at=now - timedelta(days=1),
        expires_at=now + timedelta(days=89),
    )
