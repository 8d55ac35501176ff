"""All places of a payload that a profile names, found in one walk: what paths share is followed once.

What is not there is not walked, so that a profile of a whole family costs what one device of it sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.core.filtering import all_finder
from edge_agent.core.payload import MISSING, Found, Tree, pointer_steps

_ARRAY_INDEX = re.compile(r"0|[1-9]\d{0,8}")

_Branch = tuple[str, int, "tuple[_Branch, ...]"]  # a step, the number of the place it leads to, and what is below


@dataclass(slots=True)
class _Node:
    number: int
    below: dict[str, _Node] = field(default_factory=dict)


class Places:
    """Collects places and gives each a number; `finder` then finds them all."""

    def __init__(self) -> None:
        self._root = _Node(0)
        self._count = 1
        self._queries: dict[str, int] = {}

    def at(self, text: str) -> int:
        """The number of a place that is written as a JSON Pointer or as a filter (`$...`)."""
        if not text.startswith("$"):
            return self.number(pointer_steps(text))
        return self._queries.setdefault(text, -1 - len(self._queries))  # what filters find stands at the end

    def number(self, steps: Sequence[str]) -> int:
        """The number of the place at the end of these steps."""
        node = self._root
        for step in steps:
            if step not in node.below:
                node.below[step] = _Node(self._count)
                self._count += 1
            node = node.below[step]
        return node.number

    def finder(self) -> Callable[[Tree], list[Found]]:
        """A function from a tree to what stands at every place, by number."""
        branches, blank = _branches(self._root), [MISSING] * self._count
        search = all_finder(list(reversed(self._queries))) if self._queries else None

        def find(tree: Tree) -> list[Found]:
            values: list[Found] = blank.copy()  # type: ignore[assignment]
            values[0] = tree
            if type(tree) is dict:
                _walk(tree, branches, values)
            elif type(tree) is list:
                _walk_list(tree, branches, values)
            if search is not None:
                values += search(tree)
            return values

        return find


def _branches(node: _Node) -> tuple[_Branch, ...]:
    return tuple((step, each.number, _branches(each)) for step, each in node.below.items())


def _walk(here: dict[str, Tree], branches: tuple[_Branch, ...], values: list[Found]) -> None:
    """As deep as the longest pointer at the most."""
    for step, number, below in branches:
        if step in here:
            found = values[number] = here[step]
            if below:
                if type(found) is dict:
                    _walk(found, below, values)
                elif type(found) is list:
                    _walk_list(found, below, values)


def _walk_list(here: list[Tree], branches: tuple[_Branch, ...], values: list[Found]) -> None:
    inside = {
        step: here[int(step)] for step, _, _ in branches if _ARRAY_INDEX.fullmatch(step) and int(step) < len(here)
    }
    _walk(inside, branches, values)
