"""Before another schema there is a copy of the store, or the store stays as it is."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.before_migration import keep_before_migration
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.opening import open_store
from edge_agent.config import HubConfig
from edge_agent.errors import StoreFailedError, StoreUnreadableError
from edge_agent.folder import STORE_FILE
from tests.edge_agent.adapters.test_migration import first_store

COPY = f"{STORE_FILE}.schema-1"


def schema_of(path: Path) -> int:
    """The schema that a store says it has."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(db.pragma("user_version"))
    finally:
        db.close()


def test_an_older_store_is_copied_with_all_it_holds(tmp_path: Path) -> None:
    """The copy has the old schema and the old rows, and is closed to other users."""
    held = first_store(tmp_path / STORE_FILE)
    with open_store(tmp_path, HubConfig(), keep_time=False):
        pass
    copy = tmp_path / COPY
    assert schema_of(copy) == 1
    assert schema_of(tmp_path / STORE_FILE) > 1
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    db = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    assert {table: db.execute(f"SELECT count(*) FROM {table}").get for table in held} == held  # noqa: S608
    db.close()


def test_a_store_that_is_new_or_up_to_date_is_not_copied(tmp_path: Path) -> None:
    """Only a migration makes a copy."""
    for _ in range(2):
        with open_store(tmp_path, HubConfig(), keep_time=False):
            pass
    assert not list(tmp_path.glob("*.schema-*"))


def test_one_copy_is_kept(tmp_path: Path) -> None:
    """Copies of earlier migrations do not fill the disk."""
    (tmp_path / f"{STORE_FILE}.schema-0").write_bytes(b"older")
    (tmp_path / f"{COPY}.part").write_bytes(b"cut short")
    first_store(tmp_path / STORE_FILE)
    with open_store(tmp_path, HubConfig(), keep_time=False):
        pass
    assert [path.name for path in tmp_path.glob(f"{STORE_FILE}.schema-*")] == [COPY]


def test_without_a_copy_there_is_no_migration(tmp_path: Path) -> None:
    """A copy that cannot be written leaves the store as it is, and not set aside as if it were damaged."""
    first_store(tmp_path / STORE_FILE)
    (tmp_path / COPY).mkdir()  # in the place of the copy, where no file can be put
    with pytest.raises(StoreFailedError, match="free as much room") as caught, open_store(tmp_path, HubConfig()):
        pass
    assert not isinstance(caught.value, StoreUnreadableError)
    assert schema_of(tmp_path / STORE_FILE) == 1
    assert not list(tmp_path.glob("*.part"))


def test_the_copy_opens_by_itself(tmp_path: Path) -> None:
    """It needs no log beside it: whoever goes back moves one file."""
    first_store(tmp_path / STORE_FILE)
    with Connection(tmp_path / STORE_FILE) as connection:
        copy = keep_before_migration(connection.db, tmp_path / STORE_FILE, schema=9)
    alone = tmp_path / "alone"
    alone.mkdir()
    copy.rename(alone / STORE_FILE)
    with Connection(alone / STORE_FILE) as connection:
        assert connection.db.execute("SELECT name FROM account ORDER BY name").get == ["anna", "gus"]
