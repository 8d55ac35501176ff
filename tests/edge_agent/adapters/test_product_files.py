"""Files of products, line by line: each form, and what is wrong with one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from edge_agent.adapters import product_files
from edge_agent.adapters.product_files import LINE_BYTES_MAX
from edge_agent.core.product_hint import read_product
from edge_agent.errors import ConfigurationError
from tests.edge_agent.product_records import CODE, CSV_HEAD, GTIN, record

JSONL = (json.dumps(record()) + "\n").encode()
CSV = f"{CSV_HEAD}\n{CODE}\t1700000000\tOat drink\t1 l\tMill\ten:gluten\ten:organic\ten:germany\n".encode()


def records(path: Path) -> list[object]:
    """All that is read of a file."""
    with product_files.opened(path) as file:
        read = list(file.records())
        assert file.read_share == 1.0
    return read


@pytest.mark.parametrize("content", [JSONL, CSV, CSV.replace(b"\t", b","), b"\xef\xbb\xbf" + CSV])
@pytest.mark.parametrize("is_packed", [True, False])
def test_each_form_is_read(tmp_path: Path, content: bytes, *, is_packed: bool) -> None:
    """By what stands in it, whatever its name is."""
    path = tmp_path / "products"
    path.write_bytes(gzip.compress(content) if is_packed else content)
    [read] = map(read_product, records(path))
    assert read is not None
    assert (read.gtin14, read.label) == (GTIN, "1 l")


def test_a_line_that_cannot_be_read_spoils_itself_only(tmp_path: Path) -> None:
    """One that is no JSON, one that never ends, one nested without end; an empty one is none."""
    path = tmp_path / "products.jsonl"
    endless = b'{"code": "' + b"x" * (2 * LINE_BYTES_MAX) + b'"}\n'
    path.write_bytes(JSONL + b'{"code": \n' + endless + b"\n" + b"[" * 100_000 + b"\n" + JSONL)
    assert [read is None for read in records(path)] == [False, True, True, True, False]


def test_a_quotation_mark_that_is_never_closed_spoils_its_row_only(tmp_path: Path) -> None:
    """Each row is read by itself."""
    path = tmp_path / "products.csv"
    path.write_bytes(CSV + f'{CODE}\t1\t"Oat\n'.encode() + CSV.split(b"\n")[1] + b"\n")
    assert [read_product(read) is None for read in records(path)] == [False, False, False]
    path.write_bytes(CSV + b"\t".join([CODE.encode(), b"x" * 200_000]) + b"\n")
    assert records(path)[1] is None


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00\x01", gzip.compress(JSONL)[:-9], b"\x1f\x8bnot packed"])
def test_what_is_no_such_file_is_said(tmp_path: Path, content: bytes) -> None:
    """With its name."""
    path = tmp_path / "products.gz"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"products\.gz"):
        records(path)


def test_a_list_of_numbers(tmp_path: Path) -> None:
    """One a line, as they stand on packs; a wrong one is named by its line."""
    path = tmp_path / "codes.txt"
    path.write_text(f"{CODE}\n\n96385074\n")
    assert product_files.numbers_in(path) == {GTIN, "00000096385074"}
    path.write_text(f"{CODE}\n4006381333932\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        product_files.numbers_in(path)
