"""What let somebody in ends with the reason for it: a password that was known, a person who left, a home put back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.channels.composer import Composer
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.notices import Notices
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.tokens import Tokens
from edge_agent.commands import keeping
from edge_agent.core.api_token import ApiToken, Scope, TokenId
from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.people import Account, Role, Session
from edge_agent.errors import ChannelUnreachableError, RefusedError
from edge_agent.notify_ports import ChannelKind, ChannelRow
from edge_agent.pipeline.links import Links
from edge_agent.pipeline.people import HouseholdPeople
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.commands.keeping.home import PASSPHRASE, Hub
from tests.edge_agent.samples import NOW


def test_another_password_of_ones_own_ends_programs_too(tmp_path: Path) -> None:
    """Who changes it because somebody knows it keeps this browser and nothing else, not a token of a year."""
    with Connection(tmp_path / "hub.sqlite3") as connection:
        accounts, tokens = Accounts(connection), Tokens(connection)
        accounts.put_account(Account("anna", Role.OWNER, "old"))
        tokens.add(_token("anna"), by="anna")
        people = HouseholdPeople(accounts)
        people.set_password("anna", password_hash="new", by="anna", keep_session="this browser's")
        assert tokens.find("h", now=NOW) is None


def test_a_backup_brings_no_session_and_no_token_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was revoked or signed out after it was made stays so; people sign in again, programs get new tokens."""
    hub = Hub(tmp_path / "old", monkeypatch).set_up()
    with open_store(hub.folder, hub.config) as store:
        Tokens(store.connection).add(_token("anna"), by="anna")
        day = timedelta(days=1)
        session = Session(
            token_hash="s", account="anna", role=Role.OWNER, csrf="c", created_at=NOW, expires_at=NOW + 90 * day
        )
        Accounts(store.connection).add_session(session)
    file = hub.back_up(tmp_path / "backup")
    other = Hub(tmp_path / "new", monkeypatch)
    keeping.put_back(other.config, file, passphrase=PASSPHRASE)
    with open_store(other.folder, other.config) as store:
        assert store.connection.db.execute("SELECT count(*) FROM session").get == 0
        assert store.connection.db.execute("SELECT count(*) FROM api_token").get == 0


def test_a_link_of_somebody_who_left_opens_nothing(tmp_path: Path) -> None:
    """Removing a person takes the person's channels and links along, also for a namesake who comes later."""
    with Connection(tmp_path / "hub.sqlite3") as connection:
        accounts, notices, clock = Accounts(connection), Notices(connection), ManualClock()
        for name in ("anna", "ben"):
            accounts.put_account(Account(name, Role.OWNER, "x"))
        notices.put_channel(
            ChannelRow(ChannelId("c"), "ben", ChannelKind.APPRISE, 0, "ntfys://ntfy.test/topic", True, NOW)
        )
        links = Links(
            notices=notices,
            sealer=HouseholdSecret(b"s" * 32),
            clock=clock,
            new_id=lambda: "0" * 32,
            home_url="http://hub.test",
        )
        row, address = links.make("ben", ChannelId("c"), prompts=(PromptId("p1"),), ends_at=NOW + timedelta(days=1))
        notices.keep((), link=row)
        HouseholdPeople(accounts).remove("ben", by="anna")
        assert notices.channels() == []
        with pytest.raises(RefusedError):
            links.use(address.rpartition("/")[2])


async def test_a_process_that_cannot_be_started_is_a_message_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is full, or the program was replaced while it ran: that must not end the hub."""
    monkeypatch.setattr("sys.executable", "/nonexistent/python")

    async def send(_: object) -> object:
        raise AssertionError

    with pytest.raises(ChannelUnreachableError):
        await Composer(timeout_s=5).run({"kind": "apprise"}, send)  # type: ignore[arg-type]


def _token(account: str) -> ApiToken:
    return ApiToken(
        id=TokenId("t"),
        token_hash="h",
        label="script",
        account=account,
        scopes=frozenset({Scope.READ, Scope.ANSWER}),
        made_by=account,
        created_at=NOW,
        expires_at=NOW + timedelta(days=365),
    )
