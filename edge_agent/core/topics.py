"""Topic patterns of profiles: which level names the device, which the value, and an index over all of them.

The cost of a look-up depends on the levels of the topic, not on the number of patterns.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar

DEVICE_ID = re.compile(r"^[a-z0-9_-]{1,64}$")

_ANY, _DEVICE, _KEY, _REST = "+", "{device}", "{key}", "{key+}"
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")
_SLUG_MAX = 40

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic told: the device by our name, and the name of the value where the pattern has `{key}`."""

    device: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A topic pattern, taken apart. `filter` is the MQTT subscription that brings its messages in."""

    levels: tuple[str, ...]
    device: str | None

    @classmethod
    def of(cls, text: str, *, device: str | None) -> Pattern:
        """`device` is the id where no level names one."""
        return cls(tuple(text.split("/")), device)

    @property
    def filter(self) -> str:
        """As MQTT writes it."""
        return "/".join("#" if each == _REST else _ANY if _is_open(each) else each for each in self.levels)

    @property
    def shape(self) -> tuple[str, ...]:
        """Levels with every open one alike: two patterns of one shape are for the same topics."""
        return tuple("#" if each == _REST else _ANY if _is_open(each) else each for each in self.levels)

    def read(self, levels: list[str]) -> Topic:
        """What this topic tells, which the pattern fits."""
        named = [level for pattern, level in zip(self.levels, levels, strict=False) if pattern == _DEVICE]
        last = self.levels[-1]
        rest = levels[len(self.levels) - 1 :] if last == _REST else levels[-1:] if last == _KEY else []
        return Topic(device_id("/".join(named)) if named else self.device or "", "/".join(rest) if rest else None)

    def meets(self, other: Pattern) -> bool:
        """Whether some topic fits both."""
        one, two = self.shape, other.shape
        if "#" not in one + two and len(one) != len(two):
            return False
        for first, second in zip(one, two, strict=False):
            if "#" in {first, second}:
                return True
            if first != second and _ANY not in {first, second}:
                return False
        longer = max(one, two, key=len)
        return len(one) == len(two) or "#" in longer[: min(len(one), len(two)) + 1][-1:]


def device_id(name: str) -> str:
    """Our id of a device whose bridge calls it `name`: the same where it fits, and else readable and never another's."""
    if DEVICE_ID.fullmatch(name):
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    readable = _NOT_PLAIN.sub("-", name.lower()).strip("-")[:_SLUG_MAX]
    return f"{readable}-{mark}" if readable else f"device-{mark}"


@dataclass(slots=True)
class _Node(Generic[T]):
    below: dict[str, _Node[T]] = field(default_factory=dict)
    here: list[tuple[Pattern, T]] = field(default_factory=list)
    rest: list[tuple[Pattern, T]] = field(default_factory=list)


class TopicIndex(Generic[T]):
    """Values by topic pattern."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, pattern: Pattern, value: T) -> None:
        """Take one more."""
        node = self._root
        for level in pattern.shape:
            if level == "#":
                node.rest.append((pattern, value))
                return
            node = node.below.setdefault(level, _Node())
        node.here.append((pattern, value))

    def find(self, topic: str) -> list[tuple[Topic, T]]:
        """Every value whose pattern fits, with what the topic told."""
        levels = topic.split("/")
        nodes, found = [self._root], []
        for place, level in enumerate(levels):
            found += [each for node in nodes for each in node.rest]
            nodes = [
                node.below[step]
                for node in nodes
                for step in ((level, _ANY) if level != _ANY else (_ANY,))
                if step in node.below and not (place == 0 and step == _ANY and level.startswith("$"))
            ]
        found += [each for node in nodes for each in node.here]
        return [(pattern.read(levels), value) for pattern, value in found]


def _is_open(level: str) -> bool:
    return level in {_ANY, _DEVICE, _KEY}
