"""The history of the figures: what a picture and a table show, and that those in docs/ are in step with the data."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bench import history
from tests.bench.figures import Bar, Figure

SVG = "{http://www.w3.org/2000/svg}"
LEFT, BAR_AT = 330.0, 543.3  # where bars begin, and where a figure that is just at its bar ends
PAGE = "".join(f"<!-- {name} -->\nold\n<!-- end of {name} -->\nbetween\n" for name in ("runs", "figures", "peers"))
MACHINE = {"machine": "A", "cores": 2, "memory_gib": 4.0, "system": "B", "python": "3.11", "load_1min": 0.1}


def line(
    median: float, *, bar: Bar | None = None, name: str = "cpu", at: str = "2026-01-01T10:00Z"
) -> dict[str, object]:
    """A line of the file."""
    return {"at": at, "commit": "abc", **Figure("hub", name, "ms", [median], bar=bar).words()}


def bars(picture: str) -> list[tuple[str | None, float]]:
    """Kind and right end of each bar, the legend's apart."""
    found = ET.fromstring(picture).findall(f"{SVG}rect")  # noqa: S314  what we have drawn ourselves
    return [
        (each.get("class"), float(each.get("x", "0")) + float(each.get("width", "0")))
        for each in found
        if each.get("height") == "10"
    ]


def texts(picture: str) -> list[str | None]:
    """Everything that is said."""
    return [each.text for each in ET.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314  likewise


def test_picture_and_tables_are_in_step_with_the_data() -> None:
    """`python -m tests.bench.history` was run after figures were recorded."""
    lines = history.read(history.DATA)
    assert history.PICTURE.read_text(encoding="utf-8") == history.drawn(lines), "run python -m tests.bench.history"
    page = history.PAGE.read_text(encoding="utf-8")
    assert page == history.written(page, lines), "run python -m tests.bench.history"


@pytest.mark.parametrize(
    ("median", "bar", "share"),
    [
        (5.0, Bar("at_most", 10.0), 0.5),
        (20.0, Bar("at_most", 10.0), 2.0),
        (20.0, Bar("at_least", 10.0), 0.5),
        (5.0, Bar("at_least", 10.0), 2.0),
        (0.0, Bar("at_least", 10.0), math.inf),
        (0.0, Bar("at_most", 0.0), 0.0),
        (1.0, Bar("at_most", 0.0), math.inf),
        (1.0, None, None),
    ],
)
def test_a_share_above_one_is_on_the_wrong_side(median: float, bar: Bar | None, share: float | None) -> None:
    """Whichever side is the good one, less than 1 is good, and a bar of zero divides nothing."""
    assert history.share(line(median, bar=bar)) == share


def test_the_scale_is_logarithmic_and_has_ends() -> None:
    """As many times the bar is as far from it on either side; nothing leaves the picture."""
    medians = {"a": 1.0, "b": 10.0, "c": 100.0, "d": 1e9, "e": 0.0}
    shown = bars(history.drawn([line(median, bar=Bar("at_most", 10.0), name=name) for name, median in medians.items()]))
    ends = [end for _, end in shown]
    assert [kind for kind, _ in shown] == ["done", "done", "short", "short", "done"]
    assert ends[1] == pytest.approx(BAR_AT, abs=0.1)
    assert ends[1] - ends[0] == pytest.approx(ends[2] - ends[1], abs=0.2)
    assert ends[3] == ends[2]
    assert ends[4] == LEFT + 2.0


def test_the_last_run_counts_and_earlier_ones_are_rings() -> None:
    """A figure stands once, as it was measured last."""
    runs = [
        line(median, bar=Bar("at_most", 10.0), at=f"2026-01-0{day}T10:00Z") for day, median in [(1, 20.0), (2, 5.0)]
    ]
    picture = history.drawn(runs)
    assert bars(picture) == [("done", pytest.approx(511.2, abs=0.1))]
    assert "5 ms (at most 10)" in texts(picture)
    rings = ET.fromstring(picture).findall(f"{SVG}circle")  # noqa: S314  likewise
    assert len(rings) == 2, "one, and one in the legend"


def test_a_figure_without_a_bar_is_in_the_table_only() -> None:
    """There is nothing to draw it against."""
    lines = [{"at": "2026-01-01T10:00Z", "commit": "abc", **MACHINE}, line(5.0)]
    picture = history.drawn(lines)
    assert bars(picture) == []
    assert "nothing with a bar has been measured yet" in texts(picture)
    page = history.written(PAGE, lines)
    assert "| hub | cpu | 5 ms |  |  |  |  | 2026-01-01 |" in page
    assert "| 2026-01-01T10:00Z | abc | A, 2 cores, 4.0 GiB, B, Python 3.11 | 0.1 | 1 |" in page
    assert "old" not in page
    assert page.startswith("<!-- runs -->\n| run |")
    assert page.count(" -->\nbetween\n") == 3


def test_gateways_stand_side_by_side() -> None:
    """One that has no such figure has a dash, and ratios are no figures of a gateway."""
    lines = [
        {"at": "1", "commit": "x", **Figure("peers", name, unit, [value], against=against).words()}
        for name, unit, value, against in [
            ("hub_drain", "1/s", 2.0, None),
            ("node_red_drain", "1/s", 1.0, None),
            ("hub_drain_of_node_red", "ratio", 2.0, "node-red"),
        ]
    ]
    page = history.written(PAGE, lines)
    assert "| drain | 2 1/s | 1 1/s | - |" in page
    assert "| drain of node red |" not in page


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    """Nothing is left out in silence."""
    with pytest.raises(ValueError, match="figures"):
        history.written(PAGE.replace("<!-- figures -->", ""), [])


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    """Lines are added, with the run that they belong to; those of before stay."""
    file = tmp_path / "kept.jsonl"
    history.record(file, [{"figure": "a"}], at="1", commit="x")
    history.record(file, [{"figure": "b"}], at="2", commit="y")
    assert history.read(file) == [
        {"at": "1", "commit": "x", "figure": "a"},
        {"at": "2", "commit": "y", "figure": "b"},
    ]
