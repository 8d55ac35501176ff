"""restock-model: what a script sees of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.__main__ import ARTEFACTS, main


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["predict", "--help"]])
def test_help_and_version_leave_with_zero(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Both print and do nothing else."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    assert "restock-model" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["dance"], ["train"], ["train", "--out", "x", "--seed", "one"], ["report", "--nothing"], ["predict"]],
)
def test_wrong_usage_is_one_line_and_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong is said in one line on standard error."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", ["", "12\nthirteen\n", "-5\n", "7.5\n"])
def test_a_wrong_list_of_households_is_usage(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list that leaves out other households than meant would spoil the scores: refused before training."""
    listed = tmp_path / "households.txt"
    listed.write_text(content)
    assert main(["train", "--out", str(tmp_path / "out"), "--exclude", str(listed)]) == 2
    assert "--exclude" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_report_as_json_is_the_manifests(capsys: pytest.CaptureFixture[str]) -> None:
    """The report trains nothing: it says what the manifest says."""
    assert main(["report", "--json"]) == 0
    manifest = json.loads((ARTEFACTS / "consumption-2.json").read_text())
    report = json.loads(capsys.readouterr().out)
    assert (report["sha256"], report["scores"]) == (manifest["sha256"], manifest["scores"])


def test_report_for_people_has_the_disclaimer(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the scores reads what the data are."""
    assert main(["report"]) == 0
    assert "simulated data based on real grocery shopping patterns" in capsys.readouterr().out


def test_report_without_an_artefact_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No artefact: exit code 1 and one line."""
    assert main(["report", "--artefact", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
