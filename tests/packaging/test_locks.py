"""What is installed at a household is what was tested: the same versions, nothing more, each with its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("hub", "formats", "metrics", "mdns", "channels", "bridge")


def pins(lock: str) -> dict[str, str]:
    """Each package of a lock with its version; the one for newer Pythons where it has two."""
    text = (REQUIREMENTS / f"{lock}.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


def named(requirement: str) -> str:
    """The package that a requirement of the project names."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found.group().lower()


def test_the_package_has_the_versions_of_the_home() -> None:
    """Hub and bridge are tested with home.lock, so the package takes its versions from there."""
    home, installed = pins("home"), pins("installed")
    assert installed.items() <= home.items()


def test_the_package_has_what_hub_and_bridge_name_and_no_simulator() -> None:
    """Nothing that only the simulated home needs is carried to a household."""
    extras = PROJECT["optional-dependencies"]
    wanted = {named(each) for each in PROJECT["dependencies"]}
    wanted |= {named(each) for extra in EXTRAS for each in extras[extra]}
    installed = pins("installed")
    assert wanted <= installed.keys()
    only_sim = {named(each) for each in extras["sim"]} - wanted
    assert not only_sim & installed.keys()


def test_what_builds_the_wheel_is_locked() -> None:
    """Building the package downloads nothing that is not known by its hash."""
    assert {named(each) for each in PROJECT["optional-dependencies"]["build"]} <= pins("build").keys()
    for lock in ("installed", "build"):
        text = (REQUIREMENTS / f"{lock}.lock").read_text(encoding="utf-8")
        entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in entry for entry in entries)
        assert "index-url" not in text


def test_what_is_built_from_its_source_is_locked_and_named() -> None:
    """The script that builds it, the guide that installs by hand, and the lock of the tools agree."""
    script = (ROOT / "packaging" / "build-wheels.sh").read_text(encoding="utf-8")
    found = re.search(r"^source_only=(\S+)", script, flags=re.MULTILINE)
    assert found is not None
    assert found[1] in pins("installed")
    assert f"--no-binary {found[1]} " in (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert "setuptools" in pins("build")
