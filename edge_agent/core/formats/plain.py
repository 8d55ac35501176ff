"""Whether what a binary format gave is a tree as JSON knows it: the same limits, the same types, no key twice."""

from __future__ import annotations

import math
from collections.abc import Iterable

from edge_agent.core.decoding.payload import Tree, TreeLimits, malformed, too_deep, too_large

_INTEGER_MAX = 2**64


def plain(item: object, limits: TreeLimits) -> Tree:
    """The same item, which is a tree. Level by level, so that depth costs no recursion.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    level, nodes = [item], 0
    for depth in range(limits.depth_max + 2):
        nodes += len(level)
        if nodes > limits.nodes_max:
            raise too_large(limits)
        level = [value for node in level for value in _within(node)]
        if not level:
            return item  # type: ignore[return-value]
        if depth >= limits.depth_max:
            break
    raise too_deep(limits)


def unique(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    """An object of these members.

    Raises: DecodeError MALFORMED for a key that stands twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise malformed("a key stands twice in one object")
    return members


def _within(node: object) -> Iterable[object]:
    """What a value holds; a value that JSON has not is refused."""
    match node:
        case None | bool() | str():
            return ()
        case int():
            if abs(node) >= _INTEGER_MAX:
                raise malformed("an integer of more than 64 bits")
            return ()
        case float():
            if not math.isfinite(node):
                raise malformed("a number that is not finite")
            return ()
        case list():
            return node
        case dict():
            if not all(type(key) is str for key in node):
                raise malformed("a key that is no text")
            return node.values()
        case _:
            raise malformed(f"a {type(node).__name__}, which JSON has not")
