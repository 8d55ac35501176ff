"""`restock-hub products import`: what of a file is kept, and what is said of the rest."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.__main__ import main
from edge_agent.adapters.store.opening import open_store
from edge_agent.adapters.store.product_hints import SqliteProductHints
from edge_agent.config import HubConfig, ProductsConfig
from tests.edge_agent.product_records import CODE, CSV_HEAD, GTIN, record

OTHER, OTHER_GTIN = "96385074", "00000096385074"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A hub whose folder is the test's."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "hub.toml"
    path.write_text(f'[home]\ndata_dir = "{tmp_path / "data"}"\n')
    return path


@pytest.fixture
def products(tmp_path: Path) -> Path:
    """Two products and two lines that are none."""
    path = tmp_path / "products.jsonl.gz"
    lines = [record(), record(code=OTHER, countries_tags=["en:france"]), record(code="123"), "no product"]
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
    return path


def kept(folder: Path) -> list[str]:
    """The numbers that are kept of the two."""
    config = HubConfig.model_validate_json(json.dumps({"home": {"data_dir": str(folder / "data")}}))
    with open_store(folder / "data", config, keep_time=False) as store:
        hints = SqliteProductHints(store.connection)
        return [number for number in (GTIN, OTHER_GTIN) if hints.find(number) is not None]


def run(config: Path, *arguments: str) -> int:
    """The command's exit code."""
    return main(["products", "import", *arguments, "--config", str(config)])


def test_a_file_is_taken_in(config: Path, products: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second time too; only what has a number of every shop."""
    for _ in range(2):
        assert run(config, str(products)) == 0
        assert json.loads(capsys.readouterr().out) == {"read": 4, "kept": 2, "left_out": 2, "no_room": 0}
    assert kept(tmp_path) == [GTIN, OTHER_GTIN]


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--country", "en:germany"], [GTIN]),
        (["--only-gtins", "codes.txt"], [OTHER_GTIN]),
        (["--most", "1"], [OTHER_GTIN]),
    ],
)
def test_a_file_can_be_taken_in_in_part(
    config: Path, products: Path, tmp_path: Path, arguments: list[str], left: list[str]
) -> None:
    """By country, by a list of bar codes, and no more than so many: of a batch the lowest numbers."""
    (tmp_path / "codes.txt").write_text(f"{OTHER}\n")
    assert (
        run(config, str(products), *[argument.replace("codes", str(tmp_path / "codes")) for argument in arguments]) == 0
    )
    assert kept(tmp_path) == left


def test_a_file_that_is_none_is_said(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what was read of a broken one is kept."""
    broken = tmp_path / "products.csv.gz"
    rows = f"{CSV_HEAD}\n" + f"{CODE}\t1700000000\tOat drink\t1 l\tMill\t\t\ten:germany\n" * 3_000
    broken.write_bytes(gzip.compress(rows.encode())[:-8])
    assert run(config, str(broken)) == 2
    assert "cannot be read to its end" in capsys.readouterr().err
    assert kept(tmp_path) == [GTIN]
    assert run(config, str(tmp_path / "nothing.csv")) == 2


def test_nobody_is_asked_online_unless_the_household_says_so_and_who_asks() -> None:
    """Off by default; a contact goes with it, over https only."""
    assert not HubConfig().products.ask_online
    for wrong in ({"ask_online": True}, {"contact": "me\r\nx: y"}, {"url": "http://plain.example"}, {"contact": "a b"}):
        with pytest.raises(ValidationError):
            ProductsConfig.model_validate(wrong)
    assert ProductsConfig(ask_online=True, contact="me@example.org").url.startswith("https://")
