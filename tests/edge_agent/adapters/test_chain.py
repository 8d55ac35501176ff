"""The audit chain in the store: its sealed end, its checkpoint, and what going on must not heal."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.store import chain
from edge_agent.adapters.store.chain import Chain, ChainSeal
from edge_agent.adapters.store.connection import Connection
from edge_agent.core.safety import SafetyCode

Edit = Callable[[apsw.Connection], object]


@contextmanager
def sealed(folder: Path) -> Iterator[tuple[Connection, Chain]]:
    """A store whose chain is sealed."""
    secret = load_secret(folder)
    with Connection(folder / "hub.sqlite3", parts=(ChainSeal(secret),)) as connection:
        yield connection, Chain(connection, secret=secret)


def say(connection: Connection, *events: str) -> None:
    """One transaction an event."""
    for event in events:
        with connection.transaction() as db:
            chain.append(db, {"event": event})


def code(found: Chain) -> SafetyCode | None:
    """What is wrong."""
    problem = found.check()
    return None if problem is None else problem.code


def test_a_chain_is_whole_over_restarts(tmp_path: Path) -> None:
    """A new store, one with events, and one that was opened again."""
    with sealed(tmp_path) as (connection, audit):
        assert audit.check() is None
        say(connection, "a", "b")
        assert audit.check() is None
    with sealed(tmp_path) as (connection, audit):
        assert audit.check() is None
        say(connection, "c")
        assert audit.check() is None
        assert audit.event_counts() == {"a": 1, "b": 1, "c": 1}


def rewrite(db: apsw.Connection) -> None:
    """Somebody without the household's secret makes a chain of their own, as long as the true one."""
    db.execute("DELETE FROM audit")
    for event in ("a", "x", "c"):
        chain.append(db, {"event": event})


EDITS: dict[str, tuple[Edit, SafetyCode]] = {
    "cut": (lambda db: db.execute("DELETE FROM audit WHERE seq = 3"), SafetyCode.CHAIN_TRUNCATED),
    "cut with its end": (
        lambda db: db.execute(
            "DELETE FROM audit WHERE seq = 3;"
            "UPDATE audit_end SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)"
        ),
        SafetyCode.CHAIN_BROKEN,
    ),
    "cut, and an older end put back": (
        lambda db: db.execute("DELETE FROM audit WHERE seq = 3; DELETE FROM audit_end"),
        SafetyCode.CHAIN_TRUNCATED,
    ),
    "rewritten": (rewrite, SafetyCode.CHAIN_BROKEN),
    "added to": (lambda db: chain.append(db, {"event": "x"}), SafetyCode.CHAIN_BROKEN),
    "edited": (
        lambda db: db.execute('UPDATE audit SET event = \'{"event":"x"}\' WHERE seq = 1'),
        SafetyCode.CHAIN_BROKEN,
    ),
}


@pytest.mark.parametrize(("edit", "wanted"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_found_and_not_healed_by_going_on(tmp_path: Path, edit: Edit, wanted: SafetyCode) -> None:
    """Found at the next start; still found after the hub has written more events on top of it."""
    with sealed(tmp_path) as (connection, _):
        say(connection, "a", "b", "c")
        edit(connection.db)
    with sealed(tmp_path) as (connection, audit):
        assert code(audit) is wanted
        say(connection, "d", "e")
    with sealed(tmp_path) as (_, audit):
        assert code(audit) in {SafetyCode.CHAIN_BROKEN, SafetyCode.CHAIN_TRUNCATED}


@pytest.mark.parametrize(("edit", "wanted"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_while_the_hub_runs_is_found_before_the_next_order(
    tmp_path: Path, edit: Edit, wanted: SafetyCode
) -> None:
    """Where only the rows since the last look are read; the edit of an old row is found at the next start."""
    with sealed(tmp_path) as (connection, audit):
        say(connection, "a", "b", "c")
        assert audit.check() is None
        edit(connection.db)
        assert code(audit) is (None if wanted is SafetyCode.CHAIN_BROKEN and edit is EDITS["edited"][0] else wanted)


def test_only_new_rows_are_read_again(tmp_path: Path) -> None:
    """The second look does not start at the beginning."""
    with sealed(tmp_path) as (connection, audit):
        say(connection, *["a"] * 50)
        audit.check()
        say(connection, "b")
        rows: list[object] = []
        connection.db.row_trace = lambda _, row: rows.append(row) or row
        assert audit.check() is None
        connection.db.row_trace = None
        assert len(rows) < 10


def test_a_long_chain_is_folded_and_still_counts(tmp_path: Path) -> None:
    """The older half goes; what it counted, and the policy that holds, stay; the chain stays whole over a restart."""
    with sealed(tmp_path) as (connection, audit):
        with connection.transaction() as db:
            chain.append(db, {"event": "policy_set", "document": "d1"})
        say(connection, *["prompt_approve"] * 20)
        assert audit.fold(rows_max=30) == 0
        assert audit.fold(rows_max=10) == 10
        assert audit.fold(rows_max=10) == 6
        assert audit.check() is None
        assert connection.db.execute("SELECT count(*) FROM audit").get <= 10
    with sealed(tmp_path) as (connection, audit):
        assert audit.check() is None
        assert audit.event_counts()["prompt_approve"] == 20
        assert "d1" in connection.db.execute("SELECT event FROM audit WHERE event LIKE '%policy_set%'").get


def test_an_edited_checkpoint_is_found(tmp_path: Path) -> None:
    """Nobody can count approvals away, or begin the chain elsewhere."""
    with sealed(tmp_path) as (connection, audit):
        say(connection, *["prompt_approve"] * 20)
        audit.fold(rows_max=10)
        connection.db.execute("UPDATE audit_checkpoint SET counts = '{}'")
    with sealed(tmp_path) as (_, audit):
        assert code(audit) is SafetyCode.CHAIN_BROKEN


def test_a_transaction_that_fails_seals_nothing(tmp_path: Path) -> None:
    """After a roll-back the end is the one before, and the next event is sealed as usual."""
    with sealed(tmp_path) as (connection, audit):
        say(connection, "a")
        with suppress(RuntimeError), connection.transaction() as db:
            chain.append(db, {"event": "b"})
            raise RuntimeError
        assert audit.check() is None
        say(connection, "c")
        assert audit.check() is None


def test_a_store_of_the_first_version_is_sealed_as_it_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its chain is taken as it stands, if it is whole; the mark is not made again once it is gone."""
    schema = importlib.resources.files("edge_agent.adapters.store").joinpath("schema", "0001.sql")
    db = apsw.Connection(str(tmp_path / "hub.sqlite3"))
    db.execute(schema.read_text(encoding="utf-8"))
    db.pragma("user_version", 1)
    chain.append(db, {"event": "a"})
    db.close()
    with sealed(tmp_path) as (connection, audit):
        assert audit.check() is None
        connection.db.execute("DELETE FROM audit_end")
    with sealed(tmp_path) as (_, audit):
        assert code(audit) is SafetyCode.CHAIN_TRUNCATED
