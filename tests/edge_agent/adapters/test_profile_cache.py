"""The compiled cache of profiles: the same profiles, faster, and never a reason not to start."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from edge_agent.adapters.profiles import LoadedProfiles, compile_shipped, profile_folders, shipped_profiles
from edge_agent.adapters.profiles import load_profiles as load_known_profiles
from edge_agent.adapters.strict_yaml import load_yaml, locate
from edge_agent.core.formats import decoding
from edge_agent.core.profile import Profile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The native profiles, to be broken by a test."""
    copy = tmp_path / "profiles"
    shutil.copytree(Path(str(shipped_profiles())) / "restock", copy)
    return copy


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where the cache is kept."""
    return tmp_path / "profiles.cache"


def load_profiles(folders: list[Path], *, cache: Path | None = None) -> LoadedProfiles:
    """As where the installation brought nothing compiled: what is tested is the hub's own cache."""
    return load_known_profiles(folders, cache=cache, shipped=folders[0] / "nothing")


def told(profiles: tuple[Profile, ...]) -> list[str]:
    """Everything that a profile says, but for its samples."""
    return [each.model_dump_json(exclude={"samples"}) for each in profiles]


def test_the_same_profiles_come_out(folder: Path, cache: Path) -> None:
    """From the files, from a first start with a cache, and from the cache itself."""
    plain = told(load_profiles([folder]).registry.profiles())
    assert told(load_profiles([folder], cache=cache).registry.profiles()) == plain
    before = cache.read_bytes()
    again = load_profiles([folder], cache=cache).registry.profiles()
    assert told(again) == plain
    assert all(each.samples == () for each in again)
    assert cache.read_bytes() == before


def test_a_file_that_was_changed_is_read_again(folder: Path, cache: Path) -> None:
    """Its old tree is not taken for it, and not kept."""
    load_profiles([folder], cache=cache)
    file = folder / "fridge.yaml"
    file.write_text(file.read_text().replace("range: [0, 20000]", "range: [0, 19999]"))
    fridge = load_profiles([folder], cache=cache).registry.by_id("restock.fridge")
    assert fridge is not None
    assert fridge.signals["milk.amount"].range == (0, 19_999)
    assert b"19999" in cache.read_bytes()
    assert len(cache.read_bytes().splitlines()) == 1 + len(list(folder.glob("*.yaml")))


def test_a_broken_file_is_refused_each_time(folder: Path, cache: Path) -> None:
    """Also one that was sound when the cache was written."""
    load_profiles([folder], cache=cache)
    file = folder / "fridge.yaml"
    file.write_text(file.read_text().replace("direction: down", "direction: sideways", 1))
    for _ in range(2):
        loaded = load_profiles([folder], cache=cache)
        assert loaded.registry.by_id("restock.fridge") is None
        assert "line " in str(loaded.refused[0])


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other version", "no text", "folder"])
def test_a_damaged_cache_is_ignored(folder: Path, cache: Path, damage: str) -> None:
    """Whatever is in its place, the profiles are those of the files."""
    plain = told(load_profiles([folder], cache=cache).registry.profiles())
    whole = cache.read_bytes()
    if damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        spoilt = {
            "cut": whole[: len(whole) // 2],
            "flip": whole.replace(b'"class"', b'"klass"'),
            "empty": b"",
            "other version": whole.replace(b"restock profiles", b"restock profiles 0", 1),
            "no text": b"\xff\x00" * 100,
        }
        cache.write_bytes(spoilt[damage])
    loaded = load_profiles([folder], cache=cache)
    assert loaded.refused == ()
    assert told(loaded.registry.profiles()) == plain


def test_a_folder_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    """No cache is no fault."""
    loaded = load_profiles([folder], cache=tmp_path / "nowhere" / "profiles.cache")
    assert loaded.refused == ()


def test_a_format_that_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile is refused with what to install, and the others load."""
    file = folder / "zcbor.yaml"
    text = (Path(str(shipped_profiles())) / "samsung" / "washer.yaml").read_text()
    file.write_text(text.replace("decode: {format: json}", "decode: {format: cbor}", 1))
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cbor2" else found(name))
    decoding._is_installed.cache_clear()
    try:
        loaded = load_profiles([folder])
    finally:
        monkeypatch.undo()
        decoding._is_installed.cache_clear()
    (refusal,) = map(str, loaded.refused)
    assert "zcbor.yaml" in refusal
    assert "cbor2 is not installed" in refusal
    assert "restock[formats]" in refusal
    assert loaded.registry.by_id("restock.fridge") is not None


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (("a",), "line 1, column 4"),
        (("b", 1, "c"), "line 4, column 9"),
        (("b", 1, "not there"), "line 4, column 5"),
        (("b", 7), "line 3, column 3"),
        (("z",), ""),
    ],
)
def test_where_a_value_stands(place: tuple[str | int, ...], wanted: str) -> None:
    """Line and column of a value, or of what is nearest around it."""
    text = b"a: 1\nb:\n  - x\n  - {c: 5}\n"
    assert load_yaml(text) == {"a": 1, "b": ["x", {"c": 5}]}
    assert locate(text, place) == wanted


def test_an_installation_brings_its_profiles_compiled(folder: Path, cache: Path, tmp_path: Path) -> None:
    """A first start parses none of them, and the hub's own cache holds the household's profiles alone."""
    shipped = tmp_path / "shipped.cache"
    plain = load_profiles([folder], cache=shipped)
    own = tmp_path / "own"
    own.mkdir()
    (own / "fridge.yaml").write_text((folder / "fridge.yaml").read_text().replace("restock.fridge", "own.fridge"))
    (own / "broken.yaml").write_text("profile: own.broken")
    for _ in range(2):
        loaded = load_known_profiles([folder, own], cache=cache, shipped=shipped)
        assert told(loaded.registry.profiles())[: len(plain.registry.profiles())] == told(plain.registry.profiles())
        assert len(cache.read_bytes().splitlines()) == 2
        assert [str(each).split(":")[0] for each in loaded.refused] == [str(own / "broken.yaml")]


def test_whoever_installs_compiles_every_shipped_profile() -> None:
    """The file is one that every user may read, and a load from it alone gives what the files give."""
    brought = compile_shipped()
    assert brought.stat().st_mode & 0o777 == 0o644
    assert len(brought.read_bytes().splitlines()) == 1 + len(load_known_profiles(profile_folders()).registry.profiles())
