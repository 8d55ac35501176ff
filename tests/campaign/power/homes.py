"""Homes to begin with: an empty disk, and the rows of a home as an earlier schema held them."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import apsw

from tests.campaign.power.books import Books
from tests.campaign.power.medium import Image
from tests.campaign.power.vfs import Disk, PowerVfs

_SCHEMA = importlib.resources.files("edge_agent.adapters.store").joinpath("schema")


def home_of_schema_1(vfs: PowerVfs, *, path: Path) -> tuple[Image, Books]:
    """The disk of a home that was last opened by the first release, and what had been promised there."""
    vfs.disk = Disk()
    db = apsw.Connection(str(path))
    db.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL")
    with db:
        db.execute(_SCHEMA.joinpath("0001.sql").read_text(encoding="utf-8"))
        db.execute(Path(__file__).with_name("home_1.sql").read_text(encoding="utf-8"))
        db.pragma("user_version", 1)
    books = _books(db)
    db.close()
    return {name: vfs.disk.read(name) for name in vfs.disk.names}, books


def _books(db: apsw.Connection) -> Books:
    """Read from the old tables before anything migrates them."""
    books = Books(
        readings={tuple(row[:3]): row[3] for row in db.execute("SELECT device, boot, seq, digest FROM message")},
        prompts=_names(db, "SELECT id FROM prompt"),
        waiting=_names(db, "SELECT intent FROM outbox"),
        accounts=_names(db, "SELECT name FROM account"),
        sessions=_names(db, "SELECT token_hash FROM session"),
        prices=db.execute("SELECT count(*) FROM price").get,
        cursor=db.execute("SELECT seq FROM cursor").get,
    )
    for intent, prompt, body in db.execute(
        "SELECT intent.id, prompt, coalesce(body, '') FROM intent LEFT JOIN outbox ON outbox.intent = intent.id"
    ):
        books.approved[intent] = (prompt, bytes(body, "utf-8") if isinstance(body, str) else body)
    return books


def _names(db: apsw.Connection, query: str) -> set[str]:
    return {name for (name,) in db.execute(query)}
