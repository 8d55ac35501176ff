"""Tokens in the store: hashes only, bounded, ended with their person, and the last use written down later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.core.api_token import TOKENS_MAX, ApiToken, Scope, TokenId
from edge_agent.core.people import DISABLED_MARK, Account, Role
from edge_agent.errors import RefusedError
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import NOW


def token(number: int = 0, *, account: str = "anna", days: int = 30) -> ApiToken:
    """One token."""
    return ApiToken(
        id=TokenId(f"t-{number}"),
        token_hash=f"{number:064d}",
        label="Wall display",
        account=account,
        scopes=frozenset(Scope),
        made_by="anna",
        created_at=NOW,
        expires_at=NOW + timedelta(days=days),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Connection]:
    """A store with one person."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as connection:
        Accounts(connection).put_account(Account("anna", Role.OWNER, "hash"))
        yield connection


def test_what_was_kept_is_found_as_it_was(store: Connection) -> None:
    """By its hash, with the role of now, until the moment at which it ends."""
    tokens = Tokens(store)
    tokens.add(token(), by="anna")
    Accounts(store).put_account(Account("anna", Role.MEMBER, "hash"))
    found = tokens.find(token().token_hash, now=NOW)
    assert found is not None
    assert (found.token, found.role) == (token(), Role.MEMBER)
    assert tokens.find(token().token_hash, now=token().expires_at) is None
    assert tokens.find("f" * 64, now=NOW) is None


def test_the_last_use_is_written_down_when_it_is_asked_for(store: Connection) -> None:
    """Before that it is known, and no row has changed; afterwards a new start knows it too."""
    tokens, used_at = Tokens(store), NOW + timedelta(hours=1)
    tokens.add(token(), by="anna")
    before = store.db.total_changes()
    tokens.note_use(TokenId("t-0"), at=used_at)
    assert tokens.all()[0].used_at == used_at
    assert store.db.total_changes() == before
    assert Tokens(store).all()[0].used_at is None
    tokens.write_uses_down()
    assert Tokens(store).all()[0].used_at == used_at


def test_tokens_are_bounded_and_ended_ones_make_room(store: Connection) -> None:
    """One too many is refused, until another has ended."""
    tokens = Tokens(store)
    for number in range(TOKENS_MAX):
        tokens.add(token(number, days=1 if number == 0 else 30), by="anna")
    with pytest.raises(RefusedError, match="revoke one first"):
        tokens.add(token(TOKENS_MAX), by="anna")
    tokens.add(replace(token(TOKENS_MAX), created_at=NOW + timedelta(days=2)), by="anna")
    assert len(tokens.all()) == TOKENS_MAX


def test_a_person_who_is_barred_has_no_token(store: Connection) -> None:
    """Neither at once, nor when somebody lets them in again."""
    tokens, accounts = Tokens(store), Accounts(store)
    tokens.add(token(), by="anna")
    accounts.put_account(Account("anna", Role.OWNER, f"{DISABLED_MARK}hash"))
    assert tokens.find(token().token_hash, now=NOW) is None
    accounts.end_sessions("anna", keep=None)
    accounts.put_account(Account("anna", Role.OWNER, "another hash"))
    assert tokens.find(token().token_hash, now=NOW) is None


def test_making_and_revoking_stand_in_the_audit_log(store: Connection) -> None:
    """With the token's name, and never its hash."""
    tokens = Tokens(store)
    tokens.add(token(7), by="anna")
    tokens.revoke(TokenId("t-7"), by="anna")
    with pytest.raises(RefusedError):
        tokens.revoke(TokenId("t-7"), by="anna")
    said = [str(row) for row in store.db.execute("SELECT * FROM audit")]
    assert any("token_made" in row for row in said)
    assert any("token_revoked" in row for row in said)
    assert not any(token(7).token_hash in row for row in said)
