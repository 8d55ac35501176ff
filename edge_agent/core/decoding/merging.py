"""What devices told that send changes only: the latest whole picture of each, within limits.

Nothing here lasts: after a start a device that sends changes is unknown until it has told everything once, which is
what such devices do when they are asked for a full status. Unknown is not zero.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from edge_agent.core.decoding.payload import Tree, TreeLimits, too_large
from edge_agent.core.messages import Presence


@dataclass(frozen=True, slots=True)
class MergeLimits:
    """How many devices are remembered, and how many values of each."""

    devices_max: int = 1_000
    values_max: int = 4_000


@dataclass(slots=True)
class _Picture:
    """A device's tree. It has at most `values`: what came is added up, and counted where that would be too much.

    `said` is what was said last of each signal that is read from it.
    """

    tree: Tree
    values: int
    said: dict[str, Presence] = field(default_factory=dict)


class Pictures:
    """One tree for each (profile, device). A tree that was given out is never changed."""

    def __init__(self, limits: MergeLimits | None = None) -> None:
        self._limits = limits or MergeLimits()
        self._pictures: OrderedDict[tuple[str, str], _Picture] = OrderedDict()

    def delta(self, profile: str, device: str, change: Tree) -> Tree:
        """Objects are merged at every depth; everything else replaces what was there.

        A picture that would grow too large is begun anew with what came.
        Raises: DecodeError TOO_LARGE where that alone is too much; the picture stays as it was.
        """
        before = self._pictures.get((profile, device))
        tree = change if before is None else _merged(before.tree, change)
        return self._keep((profile, device), tree, new=change)

    def one(self, profile: str, device: str, *, key: str, value: Tree) -> Tree:
        """One value by its name; otherwise as `delta`."""
        before = self._pictures.get((profile, device))
        known = before.tree if before is not None and isinstance(before.tree, dict) else {}
        return self._keep((profile, device), {**known, key: value}, new={key: value})

    def said(self, profile: str, device: str) -> dict[str, Presence]:
        """What was said last of each signal; for the caller to change. The device has told something before."""
        return self._pictures[profile, device].said

    def _keep(self, name: tuple[str, str], tree: Tree, *, new: Tree) -> Tree:
        before = self._pictures.get(name)
        values = (0 if before is None else before.values) + 1 + _count(new)
        if values > self._limits.values_max:
            values = _count(tree)
        if values > self._limits.values_max:
            tree, values = new, _count(new)
        if values > self._limits.values_max:
            raise too_large(TreeLimits(nodes_max=self._limits.values_max))
        self._pictures[name] = _Picture(tree, values) if before is None else _Picture(tree, values, before.said)
        self._pictures.move_to_end(name)
        if len(self._pictures) > self._limits.devices_max:
            self._pictures.popitem(last=False)
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
    """Values with their containers."""
    waiting, count = [tree], 0
    while waiting:
        node = waiting.pop()
        count += 1
        if isinstance(node, dict):
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return count
