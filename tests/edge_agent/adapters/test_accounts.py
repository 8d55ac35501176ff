"""People, sessions and failed sign-ins on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.accounts import SESSIONS_MAX, Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.core.people import Account, Role, Session
from edge_agent.leave_ports import AccountStore
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import NOW

OWNER = Account("robin", Role.OWNER, "$argon2id$one")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An open store in a fresh folder."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


@pytest.fixture
def accounts(connection: Connection) -> Accounts:
    """Accounts on that store, with one owner."""
    accounts = Accounts(connection)
    accounts.put_account(OWNER)
    return accounts


def session(number: int = 1, **changes: object) -> Session:
    """A session of the owner."""
    made = Session(
        token_hash=f"{number:064x}",
        account="robin",
        role=Role.OWNER,
        csrf="c" * 43,
        created_at=NOW + timedelta(seconds=number),
        expires_at=NOW + timedelta(days=14),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_it_fulfils_the_port(accounts: Accounts) -> None:
    """For the type checker."""
    port: AccountStore = accounts
    assert port.account("robin") == OWNER


def test_an_account_is_replaced_and_never_doubled(accounts: Accounts) -> None:
    """Names are exact."""
    accounts.put_account(replace(OWNER, role=Role.GUEST, password_hash="$argon2id$two"))
    assert accounts.account("robin") == Account("robin", Role.GUEST, "$argon2id$two")
    assert accounts.account("Robin") is None
    assert accounts.account("") is None


def test_a_session_is_kept_as_it_was(accounts: Accounts) -> None:
    """To the millisecond, over a restart of nothing."""
    accounts.add_session(session())
    assert accounts.session(session().token_hash, now=NOW) == session()


def test_a_session_survives_a_restart(tmp_path: Path) -> None:
    """People stay signed in when the hub is updated."""
    with Connection(tmp_path / "hub.sqlite3") as first:
        Accounts(first).put_account(OWNER)
        Accounts(first).add_session(session())
    with Connection(tmp_path / "hub.sqlite3") as second:
        assert Accounts(second).session(session().token_hash, now=NOW) == session()


def test_a_session_ends_at_its_time_and_when_told(accounts: Accounts) -> None:
    """Not a millisecond later."""
    accounts.add_session(session())
    last = session().expires_at - timedelta(milliseconds=1)
    assert accounts.session(session().token_hash, now=last) is not None
    assert accounts.session(session().token_hash, now=session().expires_at) is None
    accounts.end_session(session().token_hash)
    assert accounts.session(session().token_hash, now=NOW) is None
    accounts.end_session(session().token_hash)


def test_a_sessions_role_is_the_accounts_role_of_now(accounts: Accounts) -> None:
    """A role that was taken away is gone at once."""
    accounts.add_session(session())
    accounts.put_account(replace(OWNER, role=Role.GUEST))
    kept = accounts.session(session().token_hash, now=NOW)
    assert kept is not None
    assert kept.role is Role.GUEST


def test_sessions_are_bounded_and_the_oldest_go(accounts: Accounts, connection: Connection) -> None:
    """Signing in a thousand times fills no disk; the newest always stays."""
    for number in range(1, SESSIONS_MAX + 6):
        accounts.add_session(session(number))
    assert connection.db.execute("SELECT count(*) FROM session").get == SESSIONS_MAX
    assert accounts.session(session(5).token_hash, now=NOW) is None
    assert accounts.session(session(6).token_hash, now=NOW) is not None
    accounts.add_session(session(99, created_at=NOW - timedelta(days=1)))
    assert accounts.session(session(99).token_hash, now=NOW) is not None


def test_ended_sessions_are_cleared_away(accounts: Accounts, connection: Connection) -> None:
    """With the next sign-in."""
    accounts.add_session(session(1, expires_at=NOW + timedelta(minutes=1)))
    accounts.add_session(session(2, created_at=NOW + timedelta(hours=1)))
    assert connection.db.execute("SELECT count(*) FROM session").get == 1


def test_a_session_of_nobody_is_refused(accounts: Accounts) -> None:
    """The store ties each session to an account."""
    with pytest.raises(apsw.ConstraintError):
        accounts.add_session(session(account="nobody"))


def test_failures_count_by_name_and_window(accounts: Accounts) -> None:
    """For names that nobody has, too."""
    for minutes in (0, 5, 20):
        accounts.record_login("mallory", at=NOW + timedelta(minutes=minutes), succeeded=False)
    accounts.record_login("robin", at=NOW, succeeded=False)
    assert accounts.failed_logins("mallory", since=NOW) == 3
    assert accounts.failed_logins("mallory", since=NOW + timedelta(minutes=5)) == 2
    assert accounts.failed_logins("robin", since=NOW) == 1
    assert accounts.failed_logins("nobody", since=NOW) == 0


def test_a_success_clears_that_name_only(accounts: Accounts) -> None:
    """Nobody clears the failures of another."""
    for name in ("robin", "mallory"):
        accounts.record_login(name, at=NOW, succeeded=False)
    accounts.record_login("robin", at=NOW, succeeded=True)
    assert accounts.failed_logins("robin", since=NOW) == 0
    assert accounts.failed_logins("mallory", since=NOW) == 1


def test_old_failures_are_forgotten(accounts: Accounts, connection: Connection) -> None:
    """The table cannot grow for ever."""
    accounts.record_login("mallory", at=NOW, succeeded=False)
    accounts.record_login("mallory", at=NOW + timedelta(days=1, seconds=1), succeeded=False)
    assert connection.db.execute("SELECT count(*) FROM failed_login").get == 1
