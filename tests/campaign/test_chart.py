"""The picture of a tier's result: what it shows, and that it is always the same."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.campaign.__main__ import main
from tests.campaign.chart import drawn

SVG = "{http://www.w3.org/2000/svg}"


def campaign(**changes: object) -> dict[str, object]:
    """One campaign that has reached its bar, with changes."""
    good = {"campaign": "power", "done": 1_000, "bar": 1_000, "harm": 0, "faults": [], "bound_95": 0.003}
    return {**good, **changes}


def result(*campaigns: dict[str, object]) -> dict[str, object]:
    """What a tier prints."""
    told = {"tier": "quick", "holds": True, "seconds": 1_500.0, "cores": 2, "bugs_caught": 14, "bugs_planted": 14}
    return {**told, "campaigns": list(campaigns)}


def bars(picture: str) -> list[tuple[str | None, float]]:
    """The kind and the length of each bar, the legend's apart."""
    found = ET.fromstring(picture).findall(f"{SVG}rect")  # noqa: S314  what we have drawn ourselves
    return [(one.get("class"), float(one.get("width", "0"))) for one in found if one.get("height") == "14"]


def test_the_scale_is_logarithmic() -> None:
    """Ten times as much is as much longer each time."""
    lengths = [length for _, length in bars(drawn(result(*(campaign(done=10**n, bar=None) for n in (2, 3, 4)))))]
    assert lengths[1] - lengths[0] == pytest.approx(lengths[2] - lengths[1], abs=0.2)
    assert lengths[0] > 0


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({}, "done", "1,000: under 1 in 333"),
        ({"done": 999}, "short", "999: under 1 in 333"),
        ({"bar": None}, "done", "1,000: under 1 in 333"),
        ({"harm": 2, "bound_95": None}, "harmed", "1,000: 2 failed"),
        ({"faults": ["x"], "bound_95": None}, "harmed", "1,000: 1 failed"),
        ({"harm": 1, "faults": ["x"], "bound_95": None}, "harmed", "1,000: 1 failed"),
        ({"harm": 1, "faults": ["x", "y"], "bound_95": None}, "harmed", "1,000: 2 failed"),
        ({"done": 0, "bound_95": None}, "short", "0: under -"),
    ],
)
def test_a_bar_tells_how_its_campaign_went(changes: dict[str, object], kind: str, told: str) -> None:
    """By its colour and in words, with the bound beside it."""
    picture = drawn(result(campaign(**changes)))
    assert bars(picture)[0][0] == kind
    texts = ET.fromstring(picture).iter(f"{SVG}text")  # noqa: S314  what we have drawn ourselves
    assert told in [text.text for text in texts]


def test_the_command_draws_the_same_again(tmp_path: Path) -> None:
    """The same result gives the same bytes."""
    (tmp_path / "r.json").write_text(json.dumps(result(campaign())), encoding="utf-8")
    pictures = [tmp_path / "1.svg", tmp_path / "2.svg"]
    assert [main(["chart", str(tmp_path / "r.json"), str(one)]) for one in pictures] == [0, 0]
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
