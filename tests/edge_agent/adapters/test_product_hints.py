"""The cache of hints about products: what is kept comes out as it was, and nothing newer is lost to an old file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.product_hints import SqliteProductHints
from edge_agent.core.product_hint import KnownProduct
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.product_records import GTIN, hint
from tests.edge_agent.samples import NOW

LATER = NOW + timedelta(days=1)
OTHER = "96385074"


@pytest.fixture
def hints(tmp_path: Path) -> Iterator[SqliteProductHints]:
    """An empty cache."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as connection:
        yield SqliteProductHints(connection)


def test_a_hint_comes_out_as_it_was_kept(hints: SqliteProductHints) -> None:
    """With its source and its date; a number of which nothing is kept is unknown."""
    assert hints.find(GTIN) is None
    assert hints.take_in([hint()], rows_max=10, at=NOW) == 1
    assert hints.find(GTIN) == KnownProduct(hint(), "file", NOW)
    bare = hint(code=OTHER, quantity="6 eggs", product_quantity=None, last_modified_t=None, allergens_tags=[])
    hints.take_in([bare], rows_max=10, at=NOW)
    assert hints.find(bare.gtin14) == KnownProduct(bare, "file", NOW)


def test_that_there_is_none_is_kept_until_a_file_knows_better(hints: SqliteProductHints) -> None:
    """An answer is an answer."""
    hints.note_answer(GTIN, None, at=NOW)
    assert hints.find(GTIN) == KnownProduct(None, "online", NOW)
    hints.take_in([hint(last_modified_t=None)], rows_max=10, at=LATER)
    assert hints.find(GTIN) == KnownProduct(hint(last_modified_t=None), "file", LATER)


def test_an_old_file_takes_nothing_newer_away(hints: SqliteProductHints) -> None:
    """By the day on which the record was edited."""
    hints.note_answer(GTIN, hint(), at=NOW)
    hints.take_in([hint(product_name="Old", last_modified_t=1_600_000_000)], rows_max=10, at=LATER)
    assert hints.find(GTIN) == KnownProduct(hint(), "online", NOW)
    edited = hint(product_name="New", last_modified_t=1_800_000_000)
    hints.take_in([edited], rows_max=10, at=LATER)
    assert hints.find(GTIN) == KnownProduct(edited, "file", LATER)


def test_there_are_no_more_than_so_many(hints: SqliteProductHints) -> None:
    """What is there already may still change."""
    hints.take_in([hint()], rows_max=1, at=NOW)
    edited = hint(last_modified_t=1_800_000_000)
    assert hints.take_in([hint(code=OTHER), edited], rows_max=1, at=LATER) == 1
    assert hints.find(hint(code=OTHER).gtin14) is None
    assert hints.find(GTIN) == KnownProduct(edited, "file", LATER)
