"""How much one device may say: a bucket of messages for each, so that a flood slows down nobody but its device.

What is over is not stored, so a native device gets no `ack` for it and sends it again; what another device said is
lost, and its first message too many is kept with the reason. It is decided by the topic, before anything is read, and
once for each message. Pure; time comes with the message.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.core.token_bucket import TokenBucket

_DEVICES_MAX = 10_000
_NAMING_LEVELS = 4


class Pace(StrEnum):
    """What becomes of a message."""

    TAKEN = "taken"
    FIRST_TOO_MANY = "first_too_many"
    TOO_MANY = "too_many"


@dataclass(slots=True)
class _Said:
    bucket: TokenBucket
    is_flooding: bool = False


class Paces:
    """One bucket for each device: `burst_max` messages at once, `per_min` messages a minute in the long run.

    At most 10,000 devices are remembered, those heard last; one that was forgotten begins with a full bucket.
    """

    def __init__(self, *, per_min: int, burst_max: int, devices_max: int = _DEVICES_MAX) -> None:
        self._every_ms = max(60_000 // per_min, 1)
        self._burst_max = burst_max
        self._devices_max = devices_max
        self._said: OrderedDict[str, _Said] = OrderedDict()

    def take(self, topic: str, *, at_ms: int) -> Pace:
        """Whether a message of this topic that came at `at_ms` is taken."""
        said = self._of(device_part(topic))
        if said.bucket.take(at_ms=at_ms):
            said.is_flooding = False
            return Pace.TAKEN
        if said.is_flooding:
            return Pace.TOO_MANY
        said.is_flooding = True
        return Pace.FIRST_TOO_MANY

    def _of(self, device: str) -> _Said:
        said = self._said.get(device)
        if said is None:
            said = self._said[device] = _Said(TokenBucket(self._burst_max, self._every_ms))
            if len(self._said) > self._devices_max:
                self._said.popitem(last=False)
        self._said.move_to_end(device)
        return said


def device_part(topic: str) -> str:
    """The first four levels: they name a native device, a node, and a vendor's device in all but the longest topics.

    A device that invents topics below its own has one bucket for all of them.
    """
    return "/".join(topic.split("/", _NAMING_LEVELS)[:_NAMING_LEVELS])
