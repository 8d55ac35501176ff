"""Answers for the benchmark: keys are read strictly, and the table has the scorer's form."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from models.predict import COLUMNS, Key, read_keys, run_artefact, write_answers
from models.quantiles import Answer

HEADER = "household_id,category,origin\n"


def keys_of(folder: Path, text: str) -> list[Key]:
    """The keys of a file with this content."""
    path = folder / "keys.csv"
    path.write_text(text)
    return read_keys(path)


def test_keys_are_read(tmp_path: Path) -> None:
    """One key a line, plain or compressed."""
    assert keys_of(tmp_path, HEADER + "7,EGGS,140\n") == [Key(7, "EGGS", 140)]
    packed = tmp_path / "keys.csv.gz"
    packed.write_bytes(gzip.compress((HEADER + "7,EGGS,140\n").encode()))
    assert read_keys(packed) == [Key(7, "EGGS", 140)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("household,category,day\n", "first line", id="other columns"),
        pytest.param("", "first line", id="empty"),
        pytest.param(HEADER + "7,EGGS\n", "line 2", id="a field is missing"),
        pytest.param(HEADER + "seven,EGGS,140\n", "line 2", id="no number"),
        pytest.param(HEADER + "7,EGGS,140\n7,PENCILS,140\n", "line 3.*PENCILS", id="unknown category"),
        pytest.param(HEADER + "7,EGGS,900\n", "day 900", id="no such day"),
        pytest.param(HEADER + "-7,EGGS,140\n", "line 2", id="negative"),
    ],
)
def test_wrong_keys_are_named(text: str, says: str, tmp_path: Path) -> None:
    """What is wrong, and on which line."""
    with pytest.raises(ValueError, match=says):
        keys_of(tmp_path, text)


def test_the_table_has_the_scorers_form_and_is_reproducible(tmp_path: Path) -> None:
    """One line a key with all columns; the same answers give the same bytes."""
    answer = Answer(np.full((1, 15), 9.0), np.full((1, 3, 15), 2.0), np.array([0.25]))
    contents = []
    for name in ("a.csv.gz", "b.csv.gz"):
        write_answers(tmp_path / name, [Key(7, "EGGS", 140)], answer)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    header, line = gzip.decompress(contents[0]).decode().splitlines()
    assert header.split(",") == list(COLUMNS)
    assert line.split(",") == ["7", "EGGS", "140", "0.2500", *["9"] * 15, *["2"] * 45]


def test_no_artefact_is_an_error(tmp_path: Path) -> None:
    """An empty folder is named."""
    with pytest.raises(ValueError, match="found 0"):
        run_artefact(tmp_path, np.zeros((1, 94), dtype=np.float32))
