"""While anything that guards money is wrong nothing is sent, and it is said what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from edge_agent.core.safety import SafetyCode
from edge_agent.errors import SendsStoppedError, StoreFailedError
from tests.edge_agent.outgoing_home import OutgoingHome, outgoing_home
from tests.edge_agent.samples import NOW


def edit(sql: str) -> Callable[[OutgoingHome], None]:
    """Somebody writes to the store past the hub."""
    return lambda home: home.store.connection.db.execute(sql)  # type: ignore[return-value]


def clock_shows(hours: float) -> Callable[[OutgoingHome], None]:
    """Somebody sets the wall clock by so much."""

    def jump(home: OutgoingHome) -> None:
        home.store.clock.now()
        home.wall.shown += timedelta(hours=hours)

    return jump


WRONG: dict[str, tuple[Callable[[OutgoingHome], None], SafetyCode]] = {
    "an entry of the log was edited": (
        edit("UPDATE audit SET event = replace(event, 'anna', 'mallory') WHERE event LIKE '%anna%'"),
        SafetyCode.CHAIN_BROKEN,
    ),
    "the newest entry was cut off": (
        edit("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"),
        SafetyCode.CHAIN_TRUNCATED,
    ),
    "the whole log was taken away": (edit("DELETE FROM audit; DELETE FROM audit_end"), SafetyCode.CHAIN_TRUNCATED),
    "the seal was taken away": (edit("DELETE FROM audit_end"), SafetyCode.CHAIN_TRUNCATED),
    "the signed terms were edited": (
        edit("UPDATE authority SET terms = CAST(replace(CAST(terms AS TEXT), '1016', '1006') AS BLOB)"),
        SafetyCode.AUTHORITY_TAMPERED,
    ),
    "the signature was edited": (edit("UPDATE authority SET signature = zeroblob(64)"), SafetyCode.AUTHORITY_TAMPERED),
    "the receipt was edited": (
        edit("UPDATE authority SET receipt = CAST(replace(CAST(receipt AS TEXT), 'anna', 'berta') AS BLOB)"),
        SafetyCode.AUTHORITY_TAMPERED,
    ),
    "the leave was taken away": (edit("DELETE FROM authority"), SafetyCode.AUTHORITY_TAMPERED),
    "the question was taken away": (
        edit("PRAGMA foreign_keys = OFF; DELETE FROM prompt"),
        SafetyCode.AUTHORITY_TAMPERED,
    ),
    "the body was edited": (edit("UPDATE outbox SET body = x'7b7d'"), SafetyCode.AUTHORITY_TAMPERED),
    "the policy was edited": (
        edit("INSERT INTO policy (document, signature, set_by, set_ms) VALUES (x'7b7d', zeroblob(64), 'mallory', 1)"),
        SafetyCode.POLICY_TAMPERED,
    ),
    "the clock was set back by a day": (clock_shows(-24), SafetyCode.CLOCK_UNTRUSTED),
    "the clock jumped fifty years": (clock_shows(24 * 365 * 50), SafetyCode.CLOCK_UNTRUSTED),
}


@pytest.mark.parametrize(("wrong", "code"), WRONG.values(), ids=WRONG.keys())
async def test_nothing_is_sent_while_something_is_wrong(
    tmp_path: Path, wrong: Callable[[OutgoingHome], None], code: SafetyCode
) -> None:
    """The order stays in the outbox, the problem is named in a sentence, and readings could still be stored."""
    async with outgoing_home(tmp_path) as home:
        await home.restore.run_once()
        home.approve()
        wrong(home)
        problem = next(each for each in home.guard.problems())
        assert problem.code is code
        assert problem.text.endswith(".")
        with pytest.raises(SendsStoppedError):
            home.guard.check()
        assert home.sent() == []
        home.ledger.write_down(purpose="head", recipient="bridge", method="GET", path="/v1/head?after=0", body=b"")


async def test_what_was_tampered_with_before_a_start_is_found_at_the_start(tmp_path: Path) -> None:
    """An entry from long ago, edited while the hub was off, together with every hash after it."""
    async with outgoing_home(tmp_path) as home:
        home.approve()
    with_other_hash = apsw.Connection(str(tmp_path / "hub.sqlite3"))
    with_other_hash.execute("UPDATE audit SET hash = iif(hash LIKE 'f%', '0', 'f') || substr(hash, 2) WHERE seq = 1")
    with_other_hash.close()
    async with outgoing_home(tmp_path) as home:
        assert [each.code for each in home.guard.problems()] == [SafetyCode.CHAIN_BROKEN]


async def test_a_disk_that_fails_stops_the_sends_until_it_takes_a_row_again(tmp_path: Path) -> None:
    """The problem says what the store said; the next write that succeeds ends it."""
    async with outgoing_home(tmp_path) as home:
        await home.restore.run_once()
        db = home.store.connection.db
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').get}")
        with pytest.raises(StoreFailedError), home.store.connection.transaction() as full:
            full.execute("INSERT INTO stock VALUES ('x', ?)", ("y" * 1_000_000,))
        [problem] = home.guard.problems()
        assert problem.code is SafetyCode.STORE_FAILED
        assert "full" in problem.text
        db.execute("PRAGMA max_page_count = 100000")
        home.approve()
        assert home.guard.problems() == ()


async def test_a_person_may_confirm_the_time(tmp_path: Path) -> None:
    """Their word is in the log, sends go on, and the hub's time does not go back."""
    async with outgoing_home(tmp_path) as home:
        home.approve()
        clock_shows(-24)(home)
        assert home.guard.problems() != ()
        home.guard.confirm_clock("anna")
        assert home.guard.problems() == ()
        assert home.store.clock.now() == NOW
        assert home.store.chain.event_counts()["clock_confirmed"] == 1


async def test_the_bridges_time_is_the_second_source(tmp_path: Path) -> None:
    """A clock in doubt is believed again when the bridge shows the same; one that differs is not believed."""
    async with outgoing_home(tmp_path) as home:
        clock_shows(24 * 60)(home)
        assert [each.code for each in home.guard.problems()] == [SafetyCode.CLOCK_UNTRUSTED]
        await home.restore.run_once()
        assert home.guard.problems() == ()
        home.bridge.at = home.wall.now() - timedelta(days=1)
        await home.restore.run_once()
        assert "do not agree" in home.guard.problems()[0].text
