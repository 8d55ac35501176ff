"""Every profile file: its schema, its samples, and what it makes of recorded payloads."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from edge_agent.adapters.profile_tools import check_profiles, decode_manifest, sample_problems
from edge_agent.adapters.profiles import profile_folders, shipped_profiles
from edge_agent.adapters.strict_yaml import load_yaml
from edge_agent.core.profile import Profile, json_schema
from edge_agent.core.quantity import converter
from tests.edge_agent.shipped import shipped_registry

PROFILES = shipped_registry().profiles()
SCHEMA = json.loads(shipped_profiles().joinpath("schema.json").read_text(encoding="utf-8"))
STOCK = {"remaining", "used", "amount", "time_left", "distance_left", "count_left", "state"}
PAYLOADS = Path(__file__).parents[2].parent / "shared" / "payloads"


def _yaml_files() -> list[Traversable]:
    return [
        file
        for folder in shipped_profiles().iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    ]


def test_the_schema_is_that_of_the_models() -> None:
    """`schema.json` is made from the models; write `json_schema()` into it after a change."""
    assert json_schema() == SCHEMA


def test_the_schema_is_a_schema() -> None:
    """It obeys JSON Schema 2020-12 itself."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", _yaml_files(), ids=lambda file: file.name)
def test_files_obey_the_schema(file: Traversable) -> None:
    """An editor that knows only the schema finds no fault in a file that the hub takes."""
    jsonschema.Draft202012Validator(SCHEMA).validate(load_yaml(file.read_bytes()))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.profile)
def test_samples(profile: Profile) -> None:
    """Every sample gives what it promises, and at least one gives a value and one gives none."""
    assert sample_problems(profile) == []
    promised = [list((sample.expect or {}).values()) for sample in profile.samples]
    assert any(not isinstance(each, str) for expected in promised for each in expected)
    assert any(sample.quarantine or "unknown" in (sample.expect or {}).values() for sample in profile.samples)


def test_all_shipped_files_load() -> None:
    """None is refused, none is forgotten."""
    report = check_profiles(profile_folders())
    assert report.problems == ()
    assert len(report.profiles) == len(_yaml_files())


def test_recorded_payloads(tmp_path: Path) -> None:
    """Recorded devices of every family: every value is read right, and none comes where none may."""
    if not PAYLOADS.is_dir():
        pytest.skip("the recorded payloads are not beside the project")
    expected: list[dict[str, Any]] = json.loads((PAYLOADS / "expected.json").read_text(encoding="utf-8"))
    manifest = tmp_path / "manifest.json"
    entries = [{"file": str(PAYLOADS / each["file"]), "topic": each["topic"]} for each in expected]
    manifest.write_text(json.dumps(entries))
    registry = shipped_registry()
    told = decode_manifest(manifest, registry=registry, now=datetime(2026, 1, 1, tzinfo=UTC))
    wrong = [
        f"{want['file']}: {each['signal']} wants {each['value']} {each['unit']}, got {values.get(each['signal'])}"
        for want, got in zip(expected, told, strict=True)
        for values in [{each["signal"]: each for each in got["signals"] if each["status"] == "value"}]
        for each in want["expect"]
        if not _is_right(each, values)
    ]
    assert wrong == []


def _is_right(want: dict[str, Any], values: dict[str, dict[str, Any]]) -> bool:
    """The value, in whatever unit of its quantity, with the direction of what depletes; or nothing at all."""
    if want["signal"] == "(none)":
        return not any(name.partition(".")[2] in STOCK for name in values)
    got = values.get(want["signal"])
    if want["value"] is None or got is None:
        return want["value"] is None and got is None
    if want["depletion"] in {"up", "down"} and got["direction"] != want["depletion"]:
        return False
    if isinstance(want["value"], str):
        return bool(got["value"] == want["value"])
    in_its_unit = converter(got["unit"], target=want["unit"])
    return math.isclose(in_its_unit(got["value"]), want["value"], rel_tol=1e-4)  # some are written with fewer digits
