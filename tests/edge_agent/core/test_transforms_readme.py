"""The table of transforms in the README of the profiles: each step is there, and each example does what it says."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from edge_agent.adapters.profiles import shipped_profiles
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.profile.transforms import Transform
from tests.edge_agent.core.test_extract_more import _read

README = shipped_profiles().joinpath("README.md").read_text(encoding="utf-8")
SECTION = README.partition("## Transforms\n")[2].partition("\n## ")[0]
ROWS = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in SECTION.splitlines() if row.startswith("| `")]
# What the examples name beside the number itself.
BESIDE = {"capacity": 400, "tare": 250, "salt": {"max": 40}}


def come_out(steps: list[dict[str, Any]], given: float | str) -> object:
    """What a signal with these steps tells of a number or a word."""
    signal = {
        "select": "/given", "parse": "text" if isinstance(given, str) else "number", "transform": tuple(steps),
        "unit": {"canonical": "mL"}, "range": (0, 1_000), "class": "level", "direction": "down",
    }  # fmt: skip
    return _read("liquid.amount", signal, {"given": given, **BESIDE})[1]


def test_every_step_has_a_row() -> None:
    """And no row is of a step that is not there."""
    steps = {next(iter(step.model_fields)) for step in get_args(Transform)}
    told = {re.findall(r"\w+", row[0])[0] for row in ROWS}
    assert told == steps


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.findall(r"\w+", row[0])[0])
def test_each_example_gives_what_is_said(row: list[str]) -> None:
    """The step as it stands there, with the number or the word that is said."""
    given, out = re.fullmatch(r'("?[\w.]+"?).*? is ([\d.]+)(?: left)?', row[3]).groups()  # type: ignore[union-attr]
    steps = load_yaml(f"steps:\n  {row[2].strip('`')}".encode())["steps"]
    value = come_out(steps, given.strip('"') if given.startswith('"') else float(given))
    assert value == pytest.approx(float(out))


def test_the_distance_from_the_lid_becomes_what_is_left() -> None:
    """The example below the table, with the numbers in its comment."""
    steps = load_yaml(re.findall(r"```yaml\n(.*?)```", SECTION, flags=re.DOTALL)[0].encode())["transform"]
    assert come_out(steps, 14) == pytest.approx(65)
