"""`restock-hub people` and `restock-hub store`, as they are typed."""

from __future__ import annotations

import io
import json
import os
import pwd
import shutil
from pathlib import Path

import pytest

from edge_agent.__main__ import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, main
from edge_agent.adapters.passwords import Argon2Passwords
from edge_agent.adapters.store.accounts import Accounts
from edge_agent.adapters.store.intents import insert_intent
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.set_aside import move, open_for_service
from edge_agent.adapters.store.set_aside_note import NOTE_FILE
from edge_agent.config import load
from edge_agent.core.people import Session
from edge_agent.folder import STORE_FILE
from tests.edge_agent.samples import NOW, intent

DEMO = Path(__file__).parents[3] / "firmware_sim" / "demo_household.toml"
PASSWORD = "a password of the test"


class Hub:
    """A data folder and its configuration, and the commands over it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "data"
        self.config = folder / "hub.toml"
        self.config.write_text(f"[home]\ndata_dir = {json.dumps(str(self.folder))}\n", encoding="utf-8")
        self._patch = patch

    def types(self, *words: str, stdin: str = PASSWORD) -> int:
        """One command; returns its exit code."""
        self._patch.setattr("sys.stdin", io.StringIO(f"{stdin}\n"))
        return main([*words, "--config", str(self.config)])

    def events(self) -> list[dict[str, str]]:
        """The audit log, oldest first."""
        with open_store(self.folder, load(self.config)) as store:
            assert store.chain.check() is None
            return [json.loads(row[0]) for row in store.connection.db.execute("SELECT event FROM audit ORDER BY seq")]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with an owner, anna."""
    hub = Hub(tmp_path, monkeypatch)
    assert hub.types("people", "add", "anna", "owner") == EXIT_DONE
    return hub


def listed(text: str) -> dict[str, dict[str, object]]:
    """What the command printed, by name."""
    return {person["name"]: person for person in map(json.loads, text.splitlines())}


def test_people_are_listed_with_their_roles(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object a line, and no hash in it."""
    hub.types("people", "add", "ben", "child")
    capsys.readouterr()
    assert hub.types("people", "list") == EXIT_DONE
    text = capsys.readouterr().out
    assert listed(text)["ben"] == {"name": "ben", "role": "child", "pin": False, "disabled": False}
    assert "argon2" not in text


def test_every_change_is_in_the_audit_log(hub: Hub) -> None:
    """Under a name that no person can have."""
    hub.types("people", "add", "ben", "member")
    hub.types("people", "role", "ben", "guest")
    hub.types("people", "password", "ben")
    hub.types("people", "disable", "ben")
    told = [(event["event"], event["role"], event["by"]) for event in hub.events() if event["name"] == "ben"]
    by = " restock-hub people"
    assert told == [
        ("account_put", "member", by),
        ("account_put", "guest", by),
        ("account_put", "guest", by),
        ("account_disabled", "guest", by),
    ]


async def test_who_is_disabled_is_out_and_stays_out(hub: Hub) -> None:
    """Their session ends, their password no longer fits, and another password lets them in again."""
    hub.types("people", "add", "ben", "member")
    with open_store(hub.folder, load(hub.config)) as store:
        role = Accounts(store.connection).accounts()[1].role
        session = Session("h", "ben", role, "c", created_at=NOW, expires_at=NOW.replace(year=2030))
        Accounts(store.connection).add_session(session)
    assert hub.types("people", "disable", "ben") == EXIT_DONE
    with open_store(hub.folder, load(hub.config)) as store:
        accounts = Accounts(store.connection)
        ben = accounts.account("ben")
        assert ben is not None
        assert accounts.session("h", now=NOW) is None
        assert not await Argon2Passwords().verify(ben.password_hash, PASSWORD)
    hub.types("people", "password", "ben", stdin="another password of ben")
    with open_store(hub.folder, load(hub.config)) as store:
        ben = Accounts(store.connection).account("ben")
        assert ben is not None
        assert await Argon2Passwords().verify(ben.password_hash, "another password of ben")


@pytest.mark.parametrize("words", [("role", "anna", "member"), ("disable", "anna")])
def test_the_last_owner_stays_one(hub: Hub, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Neither another role nor disabling; an owner who is disabled does not count as one."""
    assert hub.types("people", *words) == EXIT_FAILED
    assert "only owner" in capsys.readouterr().err
    hub.types("people", "add", "eve", "owner")
    hub.types("people", "disable", "eve")
    assert hub.types("people", *words) == EXIT_FAILED
    hub.types("people", "add", "ida", "owner")
    assert hub.types("people", *words) == EXIT_DONE


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (("add", "anna", "guest"), PASSWORD, EXIT_FAILED),
        (("add", "ben", "guest"), "short", EXIT_USAGE),
        (("password", "ben"), PASSWORD, EXIT_FAILED),
        (("disable", "ben"), "", EXIT_FAILED),
        (("add", " ", "guest"), PASSWORD, EXIT_USAGE),
    ],
)
def test_what_cannot_be_changes_nothing(hub: Hub, words: tuple[str, ...], stdin: str, code: int) -> None:
    """A name that is taken or nobody's, and a password that is too short."""
    before = hub.events()
    assert hub.types("people", *words, stdin=stdin) == code
    assert hub.events() == before


def test_a_store_that_was_set_aside_is_shown_and_accepted(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """Accepting is in the audit log, and the note goes with it."""
    config = load(hub.config)
    move(hub.folder, "it is damaged", at=NOW)
    capsys.readouterr()
    assert hub.types("store", "show") == EXIT_DONE
    assert json.loads(capsys.readouterr().out)["reason"] == "it is damaged"
    assert hub.types("store", "accept") == EXIT_DONE
    assert not (hub.folder / NOTE_FILE).exists()
    with open_store(hub.folder, config) as store:
        assert store.chain.event_counts()["store_accepted"] == 1
    assert hub.types("store", "accept") == EXIT_FAILED


def test_a_backup_is_put_back_by_a_command(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its people are there again; nothing is accepted by it."""
    (hub.folder / STORE_FILE).rename(tmp_path / "backup")
    hub.types("people", "add", "stranger", "owner")
    assert hub.types("store", "put-back", str(tmp_path / "backup")) == EXIT_DONE
    capsys.readouterr()
    hub.types("people", "list")
    assert list(listed(capsys.readouterr().out)) == ["anna"]
    assert (hub.folder / NOTE_FILE).exists()


def test_orders_are_dropped_only_where_the_command_says_so(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was approved since the backup, and has not reached the bridge, is named."""
    shutil.copyfile(hub.folder / STORE_FILE, tmp_path / "backup")
    with open_store(hub.folder, load(hub.config)) as store, store.connection.transaction() as db:
        insert_intent(db, intent("i1"))
    assert hub.types("store", "put-back", str(tmp_path / "backup")) == EXIT_FAILED
    capsys.readouterr()
    assert hub.types("store", "put-back", str(tmp_path / "backup"), "--drop-orders") == EXIT_DONE
    assert json.loads(capsys.readouterr().out)["not_ordered"] == ["i1"]


@pytest.mark.parametrize(
    "words",
    [
        ("people", "list"),
        ("people", "add", "ben", "guest"),
        ("store", "show"),
        ("store", "accept"),
        ("store", "put-back", "backup"),
    ],
)
def test_another_user_than_the_hubs_changes_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """Not even root, whose files the hub could not open; it is told how to do it."""
    before = hub.events()
    owner = hub.folder.stat().st_uid
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: owner + 1)
        assert hub.types(*words) == EXIT_USAGE
    assert f"runuser -u {pwd.getpwuid(owner).pw_name} -- restock-hub" in capsys.readouterr().err
    assert hub.events() == before


@pytest.mark.parametrize(
    "words",
    [
        ("people", "list"),
        ("people", "add", "ben", "guest"),
        ("report",),
        ("setup", "--household", str(DEMO)),
    ],
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_a_command_does_not_hide_that_the_store_was_lost(hub: Hub, words: tuple[str, ...], *, is_empty: bool) -> None:
    """A store that it would make anew stands for the lost one only with the note beside it."""
    (hub.folder / STORE_FILE).unlink()
    if is_empty:
        (hub.folder / STORE_FILE).touch()
    assert hub.types(*words) == EXIT_DONE
    assert (hub.folder / NOTE_FILE).exists()


def test_a_command_finishes_what_a_crash_left_half_moved(hub: Hub) -> None:
    """Else the next start would take the store of the command for the damaged one."""
    move(hub.folder, "it is damaged", at=NOW)
    note = hub.folder / NOTE_FILE
    [entry] = json.loads(note.read_text(encoding="utf-8"))
    (hub.folder / entry["name"]).rename(hub.folder / STORE_FILE)
    note.write_text(json.dumps([entry | {"is_moved": False}]), encoding="utf-8")
    hub.types("people", "add", "ben", "owner")
    with open_for_service(hub.folder, load(hub.config)) as store:
        assert [account.name for account in Accounts(store.connection).accounts()] == ["ben"]


def test_putting_back_keeps_the_log_of_a_store_that_was_lost(hub: Hub, tmp_path: Path) -> None:
    """Byte for byte, however many stores were kept apart before."""
    log = b"what was committed last"
    for _ in range(6):
        shutil.copyfile(hub.folder / STORE_FILE, tmp_path / "backup")
        (hub.folder / STORE_FILE).write_bytes(b"")
        (hub.folder / f"{STORE_FILE}-wal").write_bytes(log)
        assert hub.types("store", "put-back", str(tmp_path / "backup")) == EXIT_DONE
    kept = [path.read_bytes() for path in hub.folder.glob(f"{STORE_FILE}.damaged-*-wal")]
    assert kept == [log] * 6


def test_a_first_setup_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There never was a store, so nothing is kept apart and nothing stands against sending."""
    hub = Hub(tmp_path, monkeypatch)
    assert hub.types("setup", "--household", str(DEMO), "--owner", "anna") == EXIT_DONE
    assert not (hub.folder / NOTE_FILE).exists()
