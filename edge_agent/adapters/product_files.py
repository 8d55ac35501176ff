"""A file of Open Food Facts' products, read line by line: its JSONL or CSV export, packed with gzip or not.

A file of many gigabytes takes no more memory than its longest line may have; what is longer is passed over. A row of
CSV is read by itself, so that a quotation mark that is never closed spoils its own row only.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TypeAlias, cast

from pydantic_core import from_json

from edge_agent.core import gs1
from edge_agent.errors import ConfigurationError, RefusedError

LINE_BYTES_MAX = 4_194_304
_LINES_MAX = 50_000_000
_NUMBERS_MAX = 1_000_000
_GZIP = b"\x1f\x8b"
_COLUMNS_MAX = 1_000
_BUFFER_BYTES = 131_072
Lines: TypeAlias = "BufferedReader[RawIOBase]"


@dataclass(slots=True)
class ProductFile:
    """An open file. `read_share` is how far it was read, 0 to 1, by the bytes that lie on the disk."""

    path: Path
    _raw: BufferedReader
    _lines: Lines
    _size: int

    @property
    def read_share(self) -> float:
        """0 to 1."""
        return min(1.0, self._raw.tell() / self._size) if self._size else 1.0

    def records(self) -> Iterator[object]:
        """One object a line as it stands there; None for a line that cannot be read.

        Raises: ConfigurationError when the file cannot be read to its end, or is none of products.
        """
        try:
            first = self._lines.peek(1)[:1]
            yield from _json_lines(self._lines) if first == b"{" else _rows(self._lines, self.path)
        except (OSError, EOFError, zlib.error) as exc:
            raise ConfigurationError(f"{self.path}: cannot be read to its end ({exc})") from exc


@contextmanager
def opened(path: Path) -> Iterator[ProductFile]:
    """The file, whichever of the forms it has.

    Raises: ConfigurationError when it cannot be opened.
    """
    try:
        raw = path.open("rb")
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc.strerror})") from exc
    with raw:
        is_packed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        source = gzip.GzipFile(fileobj=raw) if is_packed else raw
        lines = BufferedReader(cast("RawIOBase", source), _BUFFER_BYTES)
        yield ProductFile(path, raw, lines, path.stat().st_size)


def numbers_in(path: Path) -> frozenset[str]:
    """The numbers of a list, one bar code a line, as 14 digits; empty lines say nothing.

    Raises: ConfigurationError naming the line.
    """
    found: set[str] = set()
    try:
        with path.open(encoding="utf-8") as file:
            for row, line in enumerate(iter(lambda: file.readline(gs1.CODE_MAX), ""), start=1):
                if row > _NUMBERS_MAX:
                    raise ConfigurationError(f"{path}: more than {_NUMBERS_MAX} lines")
                if line.strip():
                    found.add(gs1.read(line).gtin14)
    except RefusedError as exc:
        raise ConfigurationError(f"{path}: line {row}: {exc}") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path}: cannot be read ({exc})") from exc
    return frozenset(found)


def _json_lines(lines: Lines) -> Iterator[object]:
    for line in _bounded(lines):
        if line is None:
            yield None
        elif line.strip():
            yield _json(line)


def _json(line: bytes) -> object:
    try:
        return from_json(line, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return None


def _rows(lines: Lines, path: Path) -> Iterator[object]:
    """By the names of the first row."""
    rows = _bounded(lines)
    head = (next(rows, b"") or b"").removeprefix(b"\xef\xbb\xbf")
    separator = "\t" if b"\t" in head else ","
    names = _cells(head, separator) or []
    if "code" not in names or len(names) > _COLUMNS_MAX:
        raise ConfigurationError(f"{path}: neither lines of JSON nor a table with a column code")
    for line in rows:
        cells = None if line is None else _cells(line, separator)
        if cells is None or cells:
            yield dict(zip(names, cells, strict=False)) if cells else None


def _cells(line: bytes, separator: str) -> list[str] | None:
    try:
        return next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")], delimiter=separator), [])
    except csv.Error:  # a cell larger than the module takes
        return None


def _bounded(lines: Lines) -> Iterator[bytes | None]:
    """Each line; None for one that is too long, of which nothing is kept."""
    for _ in range(_LINES_MAX):
        line = lines.readline(LINE_BYTES_MAX)
        if not line:
            return
        if len(line) < LINE_BYTES_MAX or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = lines.readline(LINE_BYTES_MAX)
        yield None
