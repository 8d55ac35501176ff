"""All places of a payload that a profile names, found in one walk: what paths share is followed once.

What is not there is not walked, so that a profile of a whole family costs what one device of it sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge_agent.core.decoding.filtering import all_finder
from edge_agent.core.decoding.payload import MISSING, Found, Tree, pointer_steps

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
        self._choices: list[tuple[int, tuple[int, ...]]] = []

    def at(self, text: str) -> int:
        """The number of a place that is written as a JSON Pointer or as a filter (`$...`)."""
        if not text.startswith("$"):
            return self.number(pointer_steps(text))
        return self._queries.setdefault(text, -1 - len(self._queries))  # what filters find stands at the end

    def first(self, texts: Sequence[str]) -> int:
        """The number of the first of several places at which anything stands."""
        among = tuple(self.at(text) for text in texts)
        if len(among) == 1:
            return among[0]
        self._choices.append((self._count, among))
        self._count += 1
        return self._count - 1

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
        branches, blank, choices = _branches(self._root), [MISSING] * self._count, tuple(self._choices)
        search = all_finder(list(reversed(self._queries))) if self._queries else None

        def find(tree: Tree) -> list[Found]:
            values: list[Found] = blank.copy()  # type: ignore[assignment]
            values[0] = tree
            if type(tree) is dict:
                _walk(tree, branches, values)
            elif type(tree) is list:
                _walk_list(tree, branches, values)
            for number, among in choices:
                for place in among:
                    if values[place] is not MISSING:
                        values[number] = values[place]
                        break
            if search is not None:
                values += search(tree)
            return values

        return find

    def marker(self) -> Callable[[Tree], list[bool]]:
        """A function from a change to whether it says what stands at each place, by number; filters have none.

        It does where the place is in it, and where something around the place is replaced whole.
        """
        branches, count = _branches(self._root), self._count

        def mark(change: Tree) -> list[bool]:
            if type(change) is not dict:
                return [True] * count
            marks = [False] * count
            _mark(change, branches, marks)
            return marks

        return mark


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


def _mark(here: dict[str, Tree], branches: tuple[_Branch, ...], marks: list[bool]) -> None:
    for step, number, below in branches:
        if step in here:
            marks[number] = True
            if below:
                found = here[step]
                if type(found) is dict:
                    _mark(found, below, marks)
                else:
                    _mark_all(below, marks)


def _mark_all(branches: tuple[_Branch, ...], marks: list[bool]) -> None:
    for _, number, below in branches:
        marks[number] = True
        _mark_all(below, marks)


def _walk_list(here: list[Tree], branches: tuple[_Branch, ...], values: list[Found]) -> None:
    inside = {
        step: here[int(step)] for step, _, _ in branches if _ARRAY_INDEX.fullmatch(step) and int(step) < len(here)
    }
    _walk(inside, branches, values)
