"""What a running hub would carry for nothing: modules that it does not use, patterns that unfold."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

import edge_agent.wiring.household  # noqa: F401 - loads every model that a running hub has
from edge_agent.adapters.allocator import give_back
from edge_agent.adapters.profiles import load_profiles, profile_folders

_NOT_FOR_A_RUNNING_HUB = (
    "edge_agent.adapters.drafts",
    "edge_agent.adapters.import_tools",
    "edge_agent.adapters.profile_faults",
    "edge_agent.adapters.strict_yaml",
    "edge_agent.core.drafting.draft",
    "edge_agent.core.drafting.text",
    "edge_agent.core.importing",
    "edge_agent.first_run",
    "yaml",
)
# A class of characters with a count: pydantic's engine writes the class out as often as it may stand.
_COUNTED = re.compile(r"(?P<set>\[\^?(?:\\.|[^\]\\])+\]|\\[dDsSwW])\{(?:\d+,)?(?P<most>\d+)\}")
_BEYOND_ASCII = re.compile(r"^\[\^|\\[dDsSwW]")
_COUNTED_MAX = 200


def test_a_start_with_known_profiles_loads_no_reader_of_files(tmp_path: Path) -> None:
    """Neither YAML nor what explains, drafts or imports a profile is loaded where the cache holds every profile."""
    cache = tmp_path / "cache"
    load_profiles(profile_folders(), cache=cache)
    script = (
        "import sys, pathlib, edge_agent.app, edge_agent.wiring.household\n"
        "from edge_agent.adapters.profiles import load_profiles, profile_folders\n"
        f"loaded = load_profiles(profile_folders(), cache=pathlib.Path({str(cache)!r}))\n"
        "print(len(loaded.registry.profiles()) > 0, end=' ')\n"
        f"print([name for name in {_NOT_FOR_A_RUNNING_HUB} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True []"


def test_no_pattern_of_a_model_unfolds() -> None:
    """A counted class with characters beyond ASCII costs up to 1.6 MB a pattern; a field's own length costs nothing."""
    patterns = {pattern for model in _models(BaseModel) for pattern in _patterns(model.__pydantic_core_schema__)}
    assert len(patterns) > 20
    assert not [pattern for pattern in patterns if _unfolds(pattern)]


@pytest.mark.parametrize(
    "pattern", [r"^\d{14}$", r"^[^\s@]{1,64}@x$", r"^\S{1,200}$", r"^[a-z.:-]{1,253}$", r"^[^/\d]{2}$"]
)
def test_a_pattern_that_unfolds_is_seen(pattern: str) -> None:
    """The test above would find each of these."""
    assert _unfolds(pattern)


def test_memory_is_given_back_at_any_time() -> None:
    """Giving back twice is as good as once, and nothing that is in use is touched."""
    kept = [bytes(1_000) for _ in range(100)]
    give_back()
    give_back()
    assert kept == [bytes(1_000)] * 100


def _models(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in of.__subclasses__():
        if each.__module__.startswith(("edge_agent.", "cloud_bridge.wire")):
            yield each
        yield from _models(each)


def _patterns(schema: object) -> Iterator[str]:
    """Every pattern of a model's schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "str" and isinstance(
            schema.get("pattern"), str
        ):  # Python's own engine unfolds nothing
            yield schema["pattern"]
        for key, value in schema.items():
            if key not in {"cls", "metadata"}:
                yield from _patterns(value)
    elif isinstance(schema, list | tuple):
        for each in schema:
            yield from _patterns(each)


def _unfolds(pattern: str) -> bool:
    """Whether a class is counted that goes beyond ASCII, or any class very often."""
    return any(
        _BEYOND_ASCII.search(found["set"]) or int(found["most"]) > _COUNTED_MAX for found in _COUNTED.finditer(pattern)
    )
