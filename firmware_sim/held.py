"""What a native appliance of a fleet still holds: each reading until the hub's `ack` reaches its `seq`. Pure.

It reads the messages of the stream, whose bytes a seed decides; until a hub is heard they go out as they are. A new
boot forgets what the old one held, as a device without flash does; what a fault swallowed before was never held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from firmware_sim.dialects import Message

HELD_MAX = 2_000
_NATIVE = "restock/v1/"


class Held:
    """The readings of one appliance, with its birth and state. It is `gone` while its state says offline."""

    def __init__(self, *, held_max: int = HELD_MAX) -> None:
        self._held_max = held_max
        self._readings: dict[int, Message] = {}
        self._boot = ""
        self._highest = 0
        self._birth: Message | None = None
        self._state: Message | None = None
        self._owes = False  # a birth went out, and what is held has not been sent again since
        self.is_heard = False  # there is a hub: it has acknowledged, or asked

    @property
    def is_here(self) -> bool:
        """Whether it has announced itself, is not switched off, and there is a hub to speak to."""
        is_on = self._state is not None and _word(self._state, "state") == "online"
        return self.is_heard and self._birth is not None and is_on

    @property
    def count(self) -> int:
        """How many readings wait for their ack."""
        return len(self._readings)

    def note(self, message: Message) -> Message:
        """The message as it goes out: a birth says what is held."""
        leaf = message.topic.rpartition("/")[2]
        if leaf == "birth":
            self._begin(message)
            self._owes = True
            message = self._birth = self._with_first_seq(message)
        elif leaf == "state":
            self._state = message
        elif leaf == "reading":
            self._hold(message)
        return message

    def hear(self, topic: str, payload: bytes) -> bool:
        """What the hub says; whether it asks for a rebirth. What is none of its words changes nothing."""
        match topic.rpartition("/")[2], _document(payload):
            case "ack", {"boot": str(boot), "seq": int(seq)} if boot == self._boot:
                self.is_heard = True
                self._readings = {each: kept for each, kept in self._readings.items() if each > seq}
            case "cmd", {"cmd": "rebirth"}:
                self.is_heard = True
                return True
        return False

    def due(self) -> list[Message]:
        """What a birth and the state after it call for: the readings that are held, once."""
        if not self._owes or not self.is_here:
            return []
        self._owes = False
        return self.readings()

    def again(self) -> Iterator[Message]:
        """All that is said after a connect or a rebirth: birth, state, and what is held in order of seq."""
        if self.is_here and self._birth is not None and self._state is not None:
            yield self._with_first_seq(self._birth)
            yield self._state
            self._owes = False
            yield from self.readings()

    def readings(self) -> list[Message]:
        """What is held, in order of seq."""
        return [self._readings[seq] for seq in sorted(self._readings)]

    def _begin(self, birth: Message) -> None:
        boot = _word(birth, "boot")
        if isinstance(boot, str) and boot != self._boot:
            self._boot, self._readings, self._highest = boot, {}, 0

    def _hold(self, reading: Message) -> None:
        seq = _word(reading, "seq")
        if type(seq) is not int or _word(reading, "boot") != self._boot:
            return
        self._readings.setdefault(seq, reading)
        self._highest = max(self._highest, seq)
        if len(self._readings) > self._held_max:
            del self._readings[min(self._readings)]

    def _with_first_seq(self, birth: Message) -> Message:
        words = _document(birth.payload)
        if not isinstance(words, dict) or not self.is_heard:
            return birth
        words["first_seq"] = min(self._readings, default=self._highest + 1)
        return replace(birth, payload=json.dumps(words, separators=(",", ":")).encode())


def native_base(topic: str) -> str | None:
    """The topic below which a native appliance stands, with a slash at its end; None for another vendor's topic."""
    return topic.rpartition("/")[0] + "/" if topic.startswith(_NATIVE) else None


def _word(message: Message, name: str) -> object:
    words = _document(message.payload)
    return words.get(name) if isinstance(words, dict) else None


def _document(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except ValueError:
        return None
