"""What is left to answer in a drafted profile: where a TODO stands, and what was asked there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_agent.adapters.strict_yaml import locate
from edge_agent.core.drafting.text import TODO

Place = tuple[str | int, ...]


def todos(tree: Any) -> list[Place]:  # noqa: ANN401 - any YAML
    """Every TODO, in the order of the file."""
    return list(_below(tree, ()))


def first_question(tree: Any, text: bytes) -> str:  # noqa: ANN401 - any YAML
    """Why a file with TODOs is refused, with the first of them, for one line of a log; empty where none is left."""
    places = todos(tree)
    if not places:
        return ""
    left = "1 TODO is" if len(places) == 1 else f"{len(places)} TODOs are"
    return f"{question(places[0], text)} ({left} left; `restock-hub profiles check` on its folder lists each)"


def _below(tree: Any, place: Place) -> Iterator[Place]:  # noqa: ANN401
    """Where a TODO stands, as a value or as the beginning of a key."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key.startswith(TODO):
                yield (*place, key)
            yield from _below(value, (*place, key))
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            yield from _below(value, (*place, at))
    elif tree == TODO:
        yield place


def question(place: Place, text: bytes) -> str:
    """Line, place, and what the draft asked there, as far as its comment still stands."""
    key, written = place[-1], text.decode("utf-8", "replace").splitlines()
    if isinstance(key, str) and key.startswith(TODO):
        number = next((at for at, line in enumerate(written, 1) if line.lstrip().startswith(f"{key}:")), 0)
    else:
        number = int(locate(text, place).partition(",")[0].removeprefix("line ") or 0)
    asked = written[number - 1].partition(" # ")[2] if 0 < number <= len(written) else ""
    where = ".".join(str(step) for step in place)
    return f"line {number}: {where}: {TODO}{f': {asked}' if asked else ''}"
