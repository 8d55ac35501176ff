"""Whether what a binary format gave is a tree as JSON knows it: the same limits, the same types, no key twice."""

from __future__ import annotations

import math

from edge_agent.core.payload import Tree, TreeLimits, check_tree, malformed

_INTEGER_MAX = 2**64


def plain(item: object, limits: TreeLimits) -> Tree:
    """The same item, which is a tree.

    Raises: DecodeError MALFORMED or TOO_LARGE.
    """
    waiting, seen = [item], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > limits.nodes_max:
            break  # `check_tree` says it
        match node:
            case dict():
                if not all(type(key) is str for key in node):
                    raise malformed("a key that is no text")
                waiting.extend(node.values())
            case list():
                waiting.extend(node)
            case None | bool() | str():
                pass
            case int():
                if abs(node) >= _INTEGER_MAX:
                    raise malformed("an integer of more than 64 bits")
            case float():
                if not math.isfinite(node):
                    raise malformed("a number that is not finite")
            case _:
                raise malformed(f"a {type(node).__name__}, which JSON has not")
    tree: Tree = item  # type: ignore[assignment]
    check_tree(tree, limits)
    return tree


def unique(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    """An object of these members.

    Raises: DecodeError MALFORMED for a key that stands twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise malformed("a key stands twice in one object")
    return members
