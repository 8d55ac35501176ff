"""What an import is made of: what was announced, the devices found in it, and what could not be read, with the reason.

A device here is the device's half of a profile: where each value stands, of what kind it is and in which unit. What the
value means for a household (what is used up, which way it goes) is not in any announcement; an overlay adds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from edge_agent.core.decoding.payload import Tree, TreeLimits, parse_json
from edge_agent.errors import DecodeError

Source = Literal["ha", "z2m", "sparkplug", "matter"]
Format = Literal["json", "text", "sparkplug_b"]

BYTES_MAX = 16_777_216  # of one announcement: all definitions of a large bridge
DEVICES_MAX = 500
CHANNELS_MAX = 500  # of one device
REFUSALS_MAX = 2_000
TREE = TreeLimits(depth_max=32, nodes_max=500_000)
_TOPIC_MAX = 200  # as long as a profile's pattern may be
_SPACED = re.compile(r"(?:\S+(?: \S+)*)?")  # no level begins or ends with a space, and there are no two in a row
_TOPIC_BAD = frozenset("+#{}\0")


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message by which devices tell what they are, or a plain one that shows what they send."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not taken over (`what`: a topic, an entity, a property), and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a channel is by its own standard, so that no overlay has to say it."""

    signal: str
    signal_class: str
    direction: str = "none"
    states: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """One value that a device tells. `key` is its name in the device, by which an overlay refers to it.

    `unit` is the UCUM code of `unit_said`, and empty where the device names none that is certain. `bounds` are in that
    unit. `words` are what a text may be; `on` and `off` what stands for true and false. `guard` are guards as a profile
    has them. `suggests` are quantities of signals that it could be.
    """

    key: str
    title: str
    topics: tuple[str, ...]
    format: Format
    select: str
    parse: Literal["number", "digits", "text", "flag"]
    unit: str = ""
    unit_said: str = ""
    bounds: tuple[float, float] | None = None
    words: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    guard: tuple[dict[str, Tree], ...] = ()
    sentinels: tuple[str | int | float, ...] = ()
    scale: float = 1.0
    suggests: tuple[str, ...] = ()
    known: Known | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that can be sent to a device.

    Either a number goes to the place `at` of `payload`, or each of `words` stands for a whole payload.
    """

    key: str
    title: str
    topic: str
    payload: Tree = None
    at: str = ""
    words: tuple[tuple[str, Tree], ...] = ()


@dataclass(frozen=True, slots=True)
class AvailabilityTopic:
    """Where a device's presence is told. `steps` lead to the word in a JSON payload; None is the whole payload."""

    topic: str
    online: str = "online"
    offline: str = "offline"
    steps: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """When a device counts as present: all of its topics say so, any of them, or the one that spoke last."""

    topics: tuple[AvailabilityTopic, ...]
    mode: Literal["all", "any", "latest"] = "latest"


@dataclass(frozen=True, slots=True)
class ImportedDevice:
    """A device's half of a profile. `id` is what the hub calls it, `names` by what else an overlay may find it."""

    source: Source
    id: str
    title: str
    names: tuple[str, ...] = ()
    model: str = ""
    manufacturer: str = ""
    channels: tuple[Channel, ...] = ()
    controls: tuple[Control, ...] = ()
    availability: tuple[Availability, ...] = ()
    require: tuple[dict[str, Tree], ...] = ()
    consumables: tuple[tuple[str, dict[str, Tree]], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    sample: Tree = None
    delta: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """Everything that was found. `removed` are topics whose announcement was taken back."""

    devices: tuple[ImportedDevice, ...]
    refused: tuple[Refusal, ...]
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Refusals:
    """Collects reasons, up to a limit."""

    kept: list[Refusal] = field(default_factory=list)

    def add(self, what: str, reason: str) -> None:
        """One more; past the limit only that there are more."""
        if len(self.kept) < REFUSALS_MAX:
            self.kept.append(Refusal(short(what), reason))
        elif len(self.kept) == REFUSALS_MAX:
            self.kept.append(Refusal("everything else", f"more than {REFUSALS_MAX} reasons"))


class NotReadableError(Exception):
    """One part of an announcement that cannot be taken over; its text is the reason."""


def tree_of(payload: bytes) -> Tree:
    """A JSON payload.

    Raises: NotReadableError.
    """
    if len(payload) > BYTES_MAX:
        raise NotReadableError(f"larger than {BYTES_MAX} bytes")
    try:
        return parse_json(payload, TREE)
    except DecodeError as exc:
        raise NotReadableError(exc.detail) from exc


def topic_problem(topic: str, *, any_level: bool = False) -> str:
    """Why no profile can be for this topic; empty where one can. `any_level` allows `+`, but not as the first level."""
    if not topic or topic.startswith("/"):
        return "its topic has an empty first level, which a profile cannot name"
    if len(topic) > _TOPIC_MAX:
        return f"its topic is longer than {_TOPIC_MAX} characters"
    levels = topic.split("/")
    if any(each.isspace() for each in levels[0]) or not all(_SPACED.fullmatch(each) for each in levels):
        return "its topic has a space in the first level, at the end of one, or two in a row: rename the device"
    plain = [each for number, each in enumerate(levels) if not (any_level and number and each == "+")]
    if _TOPIC_BAD & set("".join(plain)):
        return "its topic has a wildcard or a brace, which a profile cannot name"
    if levels[0] == "restock":
        return "restock/ is for native devices"
    return ""


def pointer(steps: tuple[str, ...]) -> str:
    """A JSON Pointer.

    Raises: NotReadableError where it is too long for a profile.
    """
    text = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    if not 0 < len(text) <= 200:
        raise NotReadableError("the place in the payload is the whole payload, or too long to be named")
    return text


def word(found: object, limit: int = 120) -> str:
    """A text of an announcement, cut to what is shown; empty for everything else."""
    return short(found, limit) if isinstance(found, str) else ""


def short(text: str, limit: int = 200) -> str:
    """On one line, and not longer than that."""
    line = "".join(each if each.isprintable() else " " for each in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 3] + "..."


def number(found: object) -> float | None:
    """A JSON number that fits into a profile; not a flag."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    return float(found) if -1e9 <= found <= 1e9 else None
