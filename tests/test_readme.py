"""README says what is there: the path of one message, the configuration, the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.__main__ import _parser
from edge_agent.config import HubConfig
from tests.browser.pictures import shown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:edge_agent|cloud_bridge|device_profiles)/[^`]*)`", README)))
)
def test_every_file_of_the_path_exists(path: str) -> None:
    """The path of one message names files that are there."""
    assert (ROOT / path).exists()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    """A picture or page that README shows is in the repository."""
    assert (ROOT / link).exists()


def test_the_configuration_table_is_whole() -> None:
    """Every field of the configuration is in the table, and nothing else is."""
    fields = {
        f"{name}.{inner}" if hasattr(field.annotation, "model_fields") else name
        for name, field in HubConfig.model_fields.items()
        for inner in getattr(field.annotation, "model_fields", {name: None})
    }
    rows = section("Configuration of the hub").split("|---|---|---|", 1)[1].splitlines()
    told = {name for row in rows if row.startswith("|") for name in re.findall(r"`([a-z_.]+)`", row.split("|")[1])}
    assert told == fields


def test_the_commands_are_those_of_the_program() -> None:
    """Every subcommand of the hub is in README's table."""
    [commands] = [action.choices for action in _parser()._actions if action.dest == "command"]
    assert commands is not None
    for command in commands:
        assert f"`restock-hub {command}" in section("Commands")


def test_every_picture_that_a_guide_shows_is_there() -> None:
    """`make screenshots` writes them."""
    names = shown()
    assert len(names) > 20
    assert [name for name in names if not (ROOT / "docs" / "screenshots" / name).is_file()] == []
