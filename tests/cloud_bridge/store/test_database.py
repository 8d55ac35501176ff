"""The file itself: durability settings that really hold, one bridge at a time, steps that can be repeated."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import alembic.command
import pytest
from sqlalchemy import inspect, text

from cloud_bridge.errors import StoreError, StoreNewerError
from cloud_bridge.store.database import Database
from cloud_bridge.store.orders import SqlOrderStore
from cloud_bridge.store.tables import metadata


def url_of(folder: Path) -> str:
    """A store in a folder."""
    return f"sqlite:///{folder / 'bridge.sqlite3'}"


async def test_the_settings_that_make_a_commit_durable_hold_on_the_connection_in_use(tmp_path: Path) -> None:
    """WAL, synchronous=FULL, foreign keys, and every transaction begins with the write lock."""
    with Database(url_of(tmp_path)) as database:
        found = await database.transact(
            lambda connection: {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        )
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}

        def locked(_: object) -> bool:
            other = sqlite3.connect(tmp_path / "bridge.sqlite3", timeout=0)
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            finally:
                other.close()
            return False

        assert await database.transact(locked)


async def test_what_fails_in_a_transaction_leaves_nothing(tmp_path: Path) -> None:
    """A row that breaks a foreign key is refused, and so is all that came with it."""
    with Database(url_of(tmp_path)) as database:

        def work(connection: object) -> None:
            connection.exec_driver_sql("INSERT INTO households VALUES ('h', 0)")  # type: ignore[attr-defined]
            connection.exec_driver_sql(  # type: ignore[attr-defined]
                "INSERT INTO webhook_inbox VALUES ('h', 'd', 'no-such-intent', 'm', 0)"
            )

        with pytest.raises(StoreError):
            await database.transact(work)
        count = await database.transact(
            lambda connection: connection.exec_driver_sql("SELECT count(*) FROM households").scalar()
        )
        assert count == 0


def test_a_second_bridge_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """The first one keeps it; after its end the file is free."""
    with Database(url_of(tmp_path)), pytest.raises(StoreError, match="held by another bridge"):
        Database(url_of(tmp_path)).open()
    Database(url_of(tmp_path)).open().close()


async def test_a_report_can_be_read_while_the_bridge_runs_and_after_it_was_killed(tmp_path: Path) -> None:
    """The reader never writes; a file that is not there is said so."""
    with pytest.raises(StoreError, match="does not exist"):
        Database(url_of(tmp_path)).open_reader()
    with Database(url_of(tmp_path)):
        reader = Database(url_of(tmp_path)).open_reader()
        assert (await SqlOrderStore(reader).report()).orders == ()
        reader.close()


@pytest.mark.parametrize("content", [b"this is no database, and much longer than a header would have to be" * 20])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing is sent from a store that cannot be read."""
    (tmp_path / "bridge.sqlite3").write_bytes(content)
    with pytest.raises(StoreError, match="cannot be used"):
        Database(url_of(tmp_path)).open()


def test_a_store_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """Going back to an older program does not touch the newer store."""
    Database(url_of(tmp_path)).open().close()
    with sqlite3.connect(tmp_path / "bridge.sqlite3") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    before = (tmp_path / "bridge.sqlite3").read_bytes()
    with pytest.raises(StoreNewerError, match=r"at step 9999, this program knows \d+: install the newer program"):
        Database(url_of(tmp_path)).open()
    assert (tmp_path / "bridge.sqlite3").read_bytes() == before


async def test_the_steps_make_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    """Migrations and tables are written apart, and must agree column for column."""
    with Database(url_of(tmp_path)) as database:

        def columns(connection: object) -> dict[str, set[tuple[str, bool]]]:
            found = inspect(connection)
            return {
                table: {(column["name"], bool(column["nullable"])) for column in found.get_columns(table)}
                for table in found.get_table_names()
                if table != "alembic_version"
            }

        assert await database.transact(columns) == {
            table.name: {(column.name, bool(column.nullable)) for column in table.columns}
            for table in metadata.sorted_tables
        }


def test_every_table_is_sharded_by_household() -> None:
    """The household id leads every primary key."""
    for table in metadata.sorted_tables:
        first = next(iter(table.primary_key.columns)).name
        assert first == ("id" if table.name == "households" else "household")


async def test_an_error_of_the_store_names_no_value(tmp_path: Path) -> None:
    """Its text goes into the log, and what a household buys must not."""
    with Database(url_of(tmp_path)) as database, pytest.raises(StoreError) as failed:
        await database.transact(
            lambda connection: connection.execute(text("SELECT :sku FROM nowhere"), {"sku": "milk"})
        )
    assert "nowhere" in str(failed.value)
    assert "milk" not in str(failed.value)


async def test_a_relative_name_is_the_file_of_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a file of that name was open before, somewhere else: the lock and the tables are in one folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with Database("sqlite:///bridge.sqlite3") as database:
            store = database.transact(lambda found: found.exec_driver_sql("PRAGMA database_list").first())
            assert (await store)[2] == str(tmp_path / name / "bridge.sqlite3")


def test_tables_that_are_up_to_date_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second opening only asks for the revision, which is what a restart after every power cut pays for."""
    with Database(url_of(tmp_path)):
        pass
    monkeypatch.setattr(alembic.command, "upgrade", None)
    with Database(url_of(tmp_path)):
        pass
