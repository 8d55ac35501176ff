"""Topic patterns of profiles: which level names the device, which the value, and an index over all of them.

The cost of a look-up depends on the levels of the topic, not on the number of patterns.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from edge_agent.core.messages import DeviceId

DEVICE_ID = re.compile(r"^[a-z0-9_-]{1,64}$")  # of a native device, and of a foreign one within its family

OPEN = _ANY = "+"
_DEVICE, _KEY, _REST = "{device}", "{key}", "{key+}"
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")
_MARKED = re.compile(r"--[0-9a-f]{12}$")
_SLUG_MAX = 40

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic told: the device by our name, and the name of the value where the pattern has `{key}`.

    `named` are the levels that name the device, as they stand in the topic; empty where none does.
    """

    device: str
    key: str | None
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """A topic pattern, taken apart. `filter` is the MQTT subscription that brings its messages in.

    A level with a space is open in the filter: nats-server takes none that has one, and the hub's own look-up decides.
    """

    levels: tuple[str, ...]
    device: str | None

    @classmethod
    def of(cls, text: str, *, device: str | None) -> Pattern:
        """`device` is the id where no level names one."""
        return cls(tuple(text.split("/")), device)

    @property
    def filter(self) -> str:
        """As MQTT writes it."""
        return "/".join(
            "#" if each == _REST else _ANY if _is_open(each) or " " in each else each for each in self.levels
        )

    @property
    def shape(self) -> tuple[str, ...]:
        """Levels with every open one alike: two patterns of one shape are for the same topics."""
        return tuple("#" if each == _REST else _ANY if _is_open(each) else each for each in self.levels)

    @property
    def literals(self) -> int:
        """How many levels must stand in the topic as they stand here: the more, the closer it names its topics."""
        return sum(not _is_open(each) and each != _REST for each in self.levels)

    def read(self, levels: list[str]) -> Topic | None:
        """What this topic tells, which the pattern fits; None where the level that should name the device is empty."""
        named = tuple(level for pattern, level in zip(self.levels, levels, strict=False) if pattern == _DEVICE)
        if not all(named):
            return None
        last = self.levels[-1]
        rest = levels[len(self.levels) - 1 :] if last == _REST else levels[-1:] if last == _KEY else None
        device = device_id("/".join(named)) if named else self.device or ""
        return Topic(device, None if rest is None else "/".join(rest), named)

    def meets(self, other: Pattern) -> bool:
        """Whether some topic fits both. `{key+}` is one level or more; no open level is a first one with `$`."""
        one, two = self.levels, other.levels
        if _is_open(one[0]) != _is_open(two[0]) and (one[0].startswith("$") or two[0].startswith("$")):
            return False
        for first, second in zip(one, two, strict=False):
            if _REST in {first, second}:
                return True
            if first != second and not _open_meets(first, second) and not _open_meets(second, first):
                return False
        return len(one) == len(two)


def device_id(name: str) -> str:
    """Our id of a device whose bridge calls it `name`: the same where it fits, and else readable and never another's.

    A name that is made to look like such an id gets a mark of its own.
    """
    if DEVICE_ID.fullmatch(name) and not _MARKED.search(name):
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    readable = _NOT_PLAIN.sub("-", name.lower()).strip("-")[:_SLUG_MAX]
    return f"{readable or 'device'}--{mark}"


def in_family(family: str, name: str) -> DeviceId:
    """The id of a foreign device: by its name within its family. No native device has a dot in its id."""
    return DeviceId(f"{family}.{name}")


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
        told = [(pattern.read(levels), value) for pattern, value in found]
        return [(topic, value) for topic, value in told if topic is not None]


def _is_open(level: str) -> bool:
    return level in {_ANY, _DEVICE, _KEY}


def _open_meets(level: str, other: str) -> bool:
    """Whether an open level takes the other one. A level that names a device is never empty."""
    return _is_open(level) and not (level == _DEVICE and other == "")
