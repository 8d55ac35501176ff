"""Answers the public benchmark's keys from an artefact, through the same features and the same file as a hub.

A key is a household, a category and the day of the forecast, which knows the days before it. The table has the form
that the benchmark's scorer reads: P(need within 7 days), and 15 quantiles each of days and of packs.
"""

from __future__ import annotations

import csv
import gzip
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.dataset import CATEGORIES, CATEGORY_NAMES, DAYS, HORIZONS_D, load_market
from models.needs import Calendar, Cases
from models.quantiles import LEVELS, Answer, answer_of

KEYS: Final = ("household_id", "category", "origin")
KEYS_BYTES_MAX: Final = 64 * 1024 * 1024
_LEVEL_NAMES = [f"{round(level * 1000):03d}" for level in LEVELS]
COLUMNS: Final = (
    *KEYS, "p7", *(f"t_{name}" for name in _LEVEL_NAMES),
    *(f"d{horizon}_{name}" for horizon in HORIZONS_D for name in _LEVEL_NAMES),
)  # fmt: skip
_ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Key:
    """One forecast that is asked for."""

    household: int
    category: str
    origin: int


def predict(artefact: Path, *, keys: Path, out: Path, context: bool = True) -> int:
    """Write the answers to `keys`; returns how many. `context` False: from the item's own history alone.

    Raises: ValueError naming the line of a key that cannot be answered; OSError; FileNotFoundError without the data.
    """
    wanted = read_keys(keys)
    calendar = Calendar(load_market())
    inputs = calendar.inputs(_cases(wanted, calendar), context=context)
    write_answers(out, wanted, answer_of(run_artefact(artefact, inputs)))
    return len(wanted)


def read_keys(path: Path) -> list[Key]:
    """The keys of a CSV file with the columns KEYS.

    Raises: ValueError naming the line.
    """
    if path.stat().st_size > KEYS_BYTES_MAX:
        raise ValueError(f"{path.name}: larger than {KEYS_BYTES_MAX} bytes")
    opener = gzip.open if path.suffix == ".gz" else Path.open
    with opener(path, "rt", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        if tuple(next(rows, ())) != KEYS:
            raise ValueError(f"{path.name}: the first line must be {','.join(KEYS)}")
        return [_key(row, where=f"{path.name} line {number}") for number, row in enumerate(rows, start=2)]


def run_artefact(artefact: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The need head's chances. Shapes: (n, features) to (n, 4, days).

    Raises: ValueError when there is no artefact, or it does not answer.
    """
    onnxruntime: Any = importlib.import_module("onnxruntime")  # slow to import, needed here only
    found = sorted(artefact.glob("*.onnx"))
    if len(found) != 1:
        raise ValueError(f"{artefact}: one .onnx file is wanted, found {len(found)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(found[0].read_bytes(), options, providers=["CPUExecutionProvider"])
    parts: list[Any] = []
    for start in range(0, len(inputs), _ROWS_AT_ONCE):
        parts += session.run(["need"], {"features": inputs[start : start + _ROWS_AT_ONCE]})
    return np.concatenate(parts)


def write_answers(path: Path, keys: Sequence[Key], answer: Answer) -> None:
    """The table, compressed where the name ends in .gz; the same answers give the same bytes."""
    table = np.concatenate([answer.week[:, None], answer.days, answer.packs.reshape(len(keys), -1)], axis=1)
    lines = [",".join(COLUMNS)]
    for key, row in zip(keys, table.tolist(), strict=True):
        lines.append(f"{key.household},{key.category},{key.origin},{row[0]:.4f}," + ",".join(f"{n:g}" for n in row[1:]))
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def _key(row: Sequence[str], *, where: str) -> Key:
    if len(row) != len(KEYS) or not (row[0].isascii() and row[0].isdigit() and row[2].isascii() and row[2].isdigit()):
        raise ValueError(f"{where}: wanted a household's number, a category and a day of the year")
    if row[1] not in CATEGORIES:
        raise ValueError(f"{where}: the category {row[1]!r} is none of the model's")
    if not 1 <= int(row[2]) <= DAYS:
        raise ValueError(f"{where}: the day {row[2]} is not in 1 to {DAYS}")
    return Key(int(row[0]), row[1], int(row[2]))


def _cases(keys: Sequence[Key], calendar: Calendar) -> Cases:
    place = {
        (household, category): number
        for number, (household, category) in enumerate(
            zip(calendar.household.tolist(), calendar.category.tolist(), strict=True)
        )
    }
    index = {name: CATEGORY_NAMES.index(short) for name, short in CATEGORIES.items()}
    series = []
    for number, key in enumerate(keys, start=2):
        found = place.get((key.household, index[key.category]))
        if found is None:
            raise ValueError(f"line {number}: household {key.household} bought {key.category} less than twice")
        series.append(found)
    return Cases(np.array(series, dtype=np.int64), np.array([key.origin for key in keys], dtype=np.int64))
