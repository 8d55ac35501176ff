"""Before its tables are changed a bridge's file is copied, or it stays as it is."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import alembic.command
import pytest
from sqlalchemy import create_engine

from cloud_bridge.__main__ import main
from cloud_bridge.errors import StoreError
from cloud_bridge.store import migrating
from cloud_bridge.store.database import Database

STORE = "bridge.sqlite3"
COPY = f"{STORE}.schema-0003"


def older_store(folder: Path) -> str:
    """A file at the step before the last, with a household in it; returns its URL."""
    url = f"sqlite:///{folder / STORE}"
    engine = create_engine(url)
    config = migrating._config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0003")
        connection.exec_driver_sql("INSERT INTO households (id, last_seq) VALUES ('home-1', 0)")
    engine.dispose()
    return url


def held(path: Path) -> tuple[str, list[str]]:
    """The step that a file is at, and its households."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        [[step]] = db.execute("SELECT version_num FROM alembic_version").fetchall()
        return step, [row[0] for row in db.execute("SELECT id FROM households")]
    finally:
        db.close()


def test_an_older_file_is_copied_with_all_it_holds(tmp_path: Path) -> None:
    """The copy has the old step and the old rows, needs no log beside it, and is closed to other users."""
    url = older_store(tmp_path)
    (tmp_path / f"{STORE}.schema-0001").write_bytes(b"of an earlier migration")
    (tmp_path / f"{COPY}.part").write_bytes(b"cut short")
    with Database(url):
        pass
    assert held(tmp_path / COPY) == ("0003", ["home-1"])
    assert held(tmp_path / STORE) == ("0006", ["home-1"])
    assert stat.S_IMODE((tmp_path / COPY).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*.schema-*")] == [COPY]


def test_a_file_that_is_new_or_up_to_date_is_not_copied(tmp_path: Path) -> None:
    """Only a migration makes a copy."""
    for _ in range(2):
        Database(f"sqlite:///{tmp_path / STORE}").open().close()
    assert not list(tmp_path.glob("*.schema-*"))


def test_without_a_copy_there_is_no_migration(tmp_path: Path) -> None:
    """A copy that cannot be written leaves the file as it is, and says what to do."""
    url = older_store(tmp_path)
    (tmp_path / COPY).mkdir()  # in the place of the copy, where no file can be put
    with pytest.raises(StoreError, match="free as much room"):
        Database(url).open()
    assert held(tmp_path / STORE) == ("0003", ["home-1"])
    assert not list(tmp_path.glob("*.part"))
    (tmp_path / COPY).rmdir()
    Database(url).open().close()


def test_a_file_of_a_newer_program_ends_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A restart would cure nothing, so it counts as configuration, and the line says what does."""
    url = f"sqlite:///{tmp_path / STORE}"
    Database(url).open().close()
    with sqlite3.connect(tmp_path / STORE) as db:
        db.execute("UPDATE alembic_version SET version_num = '0099'")
    db.close()
    config = tmp_path / "bridge.toml"
    config.write_text(f'[store]\nurl = "{url}"\n', encoding="utf-8")
    assert main(["migrate", "--config", str(config)]) == 2
    assert "at step 0099, this program knows 0006" in capsys.readouterr().err.splitlines()[-1]
