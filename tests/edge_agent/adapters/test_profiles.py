"""Profile files: read safely, refused by name, and asked about by tools."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.profile_tools import check_profiles, decode_manifest, instant
from edge_agent.adapters.profiles import load_profiles, profile_folders, shipped_profiles
from edge_agent.adapters.strict_yaml import StrictYamlError, load_yaml
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from edge_agent.errors import ConfigurationError, ProfileError
from tests.edge_agent.core.test_profile import SOUND

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a: &x 1", "line 1, column 4: anchors"),
        (b"a: *x", "anchors"),
        (b"a: &a [x]\nb: [*a, *a]", "anchors"),
        (b"a: !!python/object/apply:os.system ['true']", "tags"),
        (b"a: !!str 1", "tags"),
        (b"a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        (b"{a: {b: 1, b: 2}}", "'b' stands twice"),
        (b"1: a", "a key must be a text"),
        (b"? [a]\n: b", "a key must be a text"),
        (b"a: 1\n---\nb: 2", "another document"),
        (b"[" * 25 + b"]" * 25, "deeper than 24"),
        (b"[" * 100_000, "deeper than 24"),
        (b"[" + b"1," * 20_001 + b"]", "more than 20000"),
        (b"a: 1e999", "not finite"),
        (b"a: [1", "line "),
        (b"\xff\xfe\x00", "not YAML"),
        (b"\x00", "not YAML"),
        (b"a: @x", "cannot start"),
    ],
)
def test_yaml_that_is_refused(text: bytes, says: str) -> None:
    """What could unfold, run, hide or overflow is an error with its place."""
    with pytest.raises(StrictYamlError) as refusal:
        load_yaml(text)
    assert says in str(refusal.value)


def test_a_draft_is_refused_by_its_first_question(tmp_path: Path) -> None:
    """File, line, field and what was asked there, as in the check; without TODOs, its mistake."""
    draft = "profile: own.x\nmerge: TODO # snapshot or delta?\nsignals:\n  TODO_1: {parse: number}\n"
    (tmp_path / "draft.yaml").write_text(draft)
    (tmp_path / "wrong.yaml").write_text("profile: own.y\nmerge: both\n")
    first, second = (str(each) for each in load_profiles([tmp_path]).refused)
    asked = "line 2: merge: TODO: snapshot or delta? (2 TODOs are left; `restock-hub profiles check` on its folder"
    assert first.startswith(f"{tmp_path}/draft.yaml: {asked}")
    assert "TODO" not in second


def test_yaml_is_json_in_other_clothes() -> None:
    """Words, times and dates stay texts; only JSON's own scalars are anything else."""
    text = b"a: [no, off, yes, 1:30, 2026-01-01, 0o7, 0x1f, ~, .inf, 010, 'true', <<]\nb: [true, null, 1, -2.5, 1e3, ]"
    assert load_yaml(text) == {
        "a": ["no", "off", "yes", "1:30", "2026-01-01", "0o7", "0x1f", "~", ".inf", "010", "true", "<<"],
        "b": [True, None, 1, -2.5, 1_000.0],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of some of the shipped profiles that a test may break."""
    copy = tmp_path / "profiles"
    for name in ("restock", "samsung"):
        shutil.copytree(Path(str(shipped_profiles())) / name, copy / name)
    return copy


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("direction: down", "direction: sideways", "direction = 'sideways': Input should be 'down' or 'up' or 'none'"),
        (
            "class: level",
            "klass: level",
            "milk.amount.klass: no such field; allowed here: class, direction, ",
        ),
        (
            "parse: number",
            "transform: [{scal: 2}]",
            "transform.0.scal: no such field; allowed here: calibrate, clamp, ",
        ),
        (
            "parse: number",
            'parse: number\n    transform: [{invert: "100"}]',
            "transform.0.invert = '100': Input should be a valid number (invert: Take the value from a whole: `invert:",
        ),
        (
            "parse: number",
            "parse: number\n    transform: [{divide_by: 40}]",
            "transform.0.divide_by = '40': Input should be a valid string (divide_by: Divide by the number at that",
        ),
        (
            "parse: number",
            "parse: number\n    transform: [{divide_by: salt/max}]",
            "divide_by = 'salt/max': should be a place of the payload, such as /salt/max; or a filter, such as $.",
        ),
        (
            "parse: number",
            "parse: number\n    transform: [{scale: 0}]",
            "transform.0: scale: 0 would make everything empty (scale: Multiply by a factor.)",
        ),
        (
            "parse: number",
            "parse: number\n    transform: [{scale: 2, offset: 3}]",
            "transform.0.offset: does not go together with what stands beside it",
        ),
        ("title: ", "titel: ", "line 4, column 8: titel: no such field; allowed here: commands, "),
        ("    parse: number\n", "", ": signals.milk.amount.parse: Field required"),
        ("canonical: g", "canonical: gram", "unit: 'gram' is not a UCUM unit"),
        ("  milk.amount:", "  milk.amuont:", "line 15, column 5: signals.milk.amuont: not a name"),
        ("version: 1", "version: one", ": version = 'one'"),
        ("range: [0, 20000]", "range: [0, .inf]", ": signals.milk.amount.range"),
        ("decode: {format: json}", "decode: {format: json", "profiles/restock/fridge.yaml: line "),
        (
            "profile: restock.fridge",
            "profile: restock.washer",
            "profiles/restock/washer.yaml: profile: 'restock.washer' is loaded",
        ),
    ],
)
def test_a_broken_file_is_refused_and_the_others_load(folder: Path, old: str, new: str, says: str) -> None:
    """The message names file, line, column and field, and the other profiles are there."""
    file = folder / "restock" / "fridge.yaml"
    file.write_text(file.read_text().replace(old, new, 1))
    loaded = load_profiles([folder])
    assert len(loaded.registry.profiles()) == len(list(folder.rglob("*.yaml"))) - 1
    (refusal,) = map(str, loaded.refused)
    assert says in refusal
    assert re.search(r"/profiles/restock/(fridge|washer).yaml: (line \d+, column \d+: |profile)", refusal)


def test_a_file_that_is_too_large(folder: Path) -> None:
    """Size is checked before anything is parsed."""
    (folder / "restock" / "fridge.yaml").write_bytes(b"#" * 262_145)
    assert "larger than" in str(load_profiles([folder]).refused[0])


def test_two_profiles_that_fit_equally_well(folder: Path) -> None:
    """The second is refused with both names; the first one goes on."""
    text = (folder / "samsung" / "washer.yaml").read_text()
    (folder / "samsung" / "zwasher.yaml").write_text(text.replace("samsung.washer", "samsung.zwasher", 1))
    loaded = load_profiles([folder])
    assert loaded.registry.by_id("samsung.washer") is not None
    assert "'samsung.zwasher' and 'samsung.washer' fit the same message" in str(loaded.refused[0])


def test_a_sample_that_does_not_hold(folder: Path) -> None:
    """`profiles check` names the profile, the sample and the signal."""
    file = folder / "restock" / "washer.yaml"
    file.write_text(file.read_text().replace("cycle.count: {value: 412", "cycle.count: {value: 413", 1))
    report = check_profiles([folder])
    assert report.problems == ("restock.washer: sample 'counter': cycle.count wants 413 {cycle}, got 412 {cycle}",)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A wrong path is a configuration error, not an empty set of profiles."""
    with pytest.raises(ConfigurationError, match="not a folder"):
        load_profiles(profile_folders([str(tmp_path / "nowhere")]))


@pytest.mark.parametrize("text", ["", "{}", '[{"file": "x"}]', '[{"file": "x", "topic": "t", "more": 1}]'])
def test_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    """The tool says what form it needs."""
    manifest = tmp_path / "m.json"
    manifest.write_text(text)
    with pytest.raises(ConfigurationError):
        decode_manifest(manifest, registry=Registry(), now=NOW)


def test_a_file_without_a_profile(tmp_path: Path) -> None:
    """It is answered, with no profile, no signals, and why."""
    payload = tmp_path / "p.json"
    payload.write_text("{}")
    manifest = tmp_path / "m.json"
    manifest.write_text(json.dumps([{"file": str(payload), "topic": "x/y"}]))
    (told,) = decode_manifest(manifest, registry=Registry(), now=NOW)
    assert (told["file"], told["profile"], told["signals"]) == (str(payload), None, [])
    assert "unknown_device" in told["why"]


def test_a_file_is_taken_as_if_it_came_at_a_time(tmp_path: Path) -> None:
    """With the reading's own time, and with the reason for what is unknown: too old now, good when it was recorded."""
    profile = tank_profile(freshness={"path": "/at", "form": "epoch_s", "max_age_s": 3_600})
    payload, manifest = tmp_path / "p.json", tmp_path / "m.json"
    payload.write_text(json.dumps({"kind": "tank", "ok": True, "level": 5, "at": NOW.timestamp()}))
    manifest.write_text(json.dumps([{"file": str(payload), "topic": "acme/a/status"}]))
    (late,) = decode_manifest(manifest, registry=Registry([profile]), now=NOW + timedelta(days=365))
    assert late["signals"][0]["status"] == "unknown"
    assert "365 days ago, and max_age_s is 3600" in late["signals"][0]["why"]
    (then,) = decode_manifest(manifest, registry=Registry([profile]), now=NOW + timedelta(minutes=50))
    assert (then["at"], then["signals"][0]["status"]) == (NOW.isoformat(), "value")
    assert "why" not in then["signals"][0]


def test_a_profile_that_was_refused_is_named_where_none_fits(tmp_path: Path) -> None:
    """Not for what is kept apart for another reason."""
    payload, manifest = tmp_path / "p.json", tmp_path / "m.json"
    payload.write_text("{}")
    manifest.write_text(json.dumps([{"file": str(payload), "topic": "x/y"}]))
    refused = (ProfileError("own/x.yaml: line 3: TODO"),)
    (told,) = decode_manifest(manifest, registry=Registry(), now=NOW, refused=refused)
    assert told["why"].endswith("these profiles were refused and not used: own/x.yaml: line 3: TODO")
    payload.write_text("{")
    manifest.write_text(json.dumps([{"file": str(payload), "topic": "acme/a/status"}]))
    (told,) = decode_manifest(manifest, registry=Registry([tank_profile()]), now=NOW, refused=refused)
    assert "refused" not in told["why"]


@pytest.mark.parametrize("text", ["noon", "2026-01-01T12:00:00", ""])
def test_a_time_without_a_zone_is_none(text: str) -> None:
    """An hour of whose clock nobody knows would be a guess."""
    with pytest.raises(ConfigurationError, match="a time with its zone is needed"):
        instant(text)
    assert instant("2026-01-01T13:00:00+01:00") == datetime(2026, 1, 1, 12, tzinfo=UTC)


def tank_profile(**changes: object) -> Profile:
    """The sound profile of the language's tests."""
    return Profile.model_validate_json(json.dumps(SOUND | changes))
