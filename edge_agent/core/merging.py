"""What devices told that send changes only: the latest whole picture of each, within limits.

Nothing here lasts: after a start a device that sends changes is unknown until it has told everything once, which is what
such devices do when they are asked for a full status. Unknown is not zero.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edge_agent.core.messages import QuarantineReason
from edge_agent.core.payload import Tree
from edge_agent.errors import DecodeError


@dataclass(frozen=True, slots=True)
class MergeLimits:
    """How many devices are remembered, and how many values of each."""

    devices_max: int = 1_000
    values_max: int = 4_000


class Pictures:
    """One tree for each (profile, device)."""

    def __init__(self, limits: MergeLimits | None = None) -> None:
        self._limits = limits or MergeLimits()
        self._trees: OrderedDict[tuple[str, str], Tree] = OrderedDict()

    def delta(self, profile: str, device: str, change: Tree) -> Tree:
        """Objects are merged at every depth; everything else replaces what was there.

        Raises: DecodeError TOO_LARGE.
        """
        return self._keep((profile, device), _merged(self._trees.get((profile, device)), change))

    def one(self, profile: str, device: str, *, key: str, value: Tree) -> Tree:
        """One value by its name.

        Raises: DecodeError TOO_LARGE.
        """
        before = self._trees.get((profile, device))
        return self._keep((profile, device), {**(before if isinstance(before, dict) else {}), key: value})

    def _keep(self, name: tuple[str, str], tree: Tree) -> Tree:
        if isinstance(tree, dict) and _count(tree) > self._limits.values_max:
            raise DecodeError(QuarantineReason.TOO_LARGE, f"more than {self._limits.values_max} values of one device")
        self._trees[name] = tree
        self._trees.move_to_end(name)
        if len(self._trees) > self._limits.devices_max:
            self._trees.popitem(last=False)
        return tree


def _merged(before: Tree, change: Tree) -> Tree:
    """A new tree; payloads are at most some 30 levels deep, so that this may call itself."""
    if not isinstance(before, dict) or not isinstance(change, dict):
        return change
    tree = dict(before)
    for key, value in change.items():
        tree[key] = _merged(tree[key], value) if key in tree else value
    return tree


def _count(tree: Tree) -> int:
    waiting, count = [tree], 0
    while waiting:
        node = waiting.pop()
        count += 1
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return count
