"""Topics of Sparkplug B: who sent a message, whose messages are read, and what is subscribed to for them.

Source: Eclipse Sparkplug 3.0, chapter 4 (topics).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from edge_agent.core.messages import Quarantined, RawMessage
from edge_agent.core.profile import Profile
from edge_agent.core.topics import OPEN, Pattern

NAMESPACE = "spBv1.0"
_LEVEL = re.compile(r"^[^/+#\0]{1,200}$")

Kind = Literal["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"]
_OF_NODE: MappingProxyType[str, Kind] = MappingProxyType({"NBIRTH": "NBIRTH", "NDATA": "NDATA", "NDEATH": "NDEATH"})
_OF_DEVICE: MappingProxyType[str, Kind] = MappingProxyType({"DBIRTH": "DBIRTH", "DDATA": "DDATA", "DDEATH": "DDEATH"})


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a message, by its topic."""

    group: str
    node: str
    device: str | None

    @property
    def edge(self) -> str:
        """The edge node: `group/node`."""
        return f"{self.group}/{self.node}"


@dataclass(frozen=True, slots=True)
class RebirthRequest:
    """A message to a node: be born again."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Admitted:
    """What came of a message before it is decoded.

    `message` is to be decoded and `apart` to be kept apart; with neither of them no profile reads it. `request` is to
    be published. `gone` are the senders that are away from now on, and `heard_at` says since when.
    """

    message: RawMessage | None = None
    apart: Quarantined | None = None
    request: RebirthRequest | None = None
    gone: tuple[Sender, ...] = ()
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EdgeNodes:
    """The nodes that some profile reads, or whose devices it reads, as (group, node); `+` is for any."""

    names: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, profiles: Iterable[Profile]) -> EdgeNodes:
        """Those of the profiles that read Sparkplug B below its own namespace."""
        patterns = [
            Pattern.of(text, device=profile.match.device).filter.split("/")
            for profile in profiles
            if profile.decode.format == "sparkplug_b"
            for text in profile.match.patterns
        ]
        return cls(frozenset(_names(levels) for levels in patterns if levels[0] == NAMESPACE))

    def __contains__(self, sender: Sender) -> bool:
        return any((group, node) in self.names for group in (sender.group, OPEN) for node in (sender.node, OPEN))

    def subscriptions(self, filters: Iterable[str]) -> tuple[str, ...]:
        """`filters`, with one for the whole namespace in place of those below it.

        A session counts every message of its node, each once and in order. Filters that overlap may bring one twice,
        and a broker that keeps a queue for each filter may change the order between two.
        """
        if not self.names:
            return tuple(filters)
        return (*(each for each in filters if not each.startswith(f"{NAMESPACE}/")), f"{NAMESPACE}/#")


def sender_of(topic: str) -> tuple[Sender, Kind] | None:
    """Who sent this and what it is; None for what is no message of an edge node."""
    levels = topic.split("/")
    if levels[0] != NAMESPACE or len(levels) not in {4, 5} or not all(_LEVEL.fullmatch(each) for each in levels):
        return None
    device = levels[4] if len(levels) == 5 else None
    kind = (_OF_NODE if device is None else _OF_DEVICE).get(levels[2])
    return None if kind is None else (Sender(levels[1], levels[3], device), kind)


def _names(levels: list[str]) -> tuple[str, str]:
    """Group and node of a filter; what its `#` or its end leaves out is open."""
    told = [each for each in levels if each != "#"] + [OPEN] * 4
    return told[1], told[3]
