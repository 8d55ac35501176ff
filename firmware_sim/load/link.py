"""What a device and its connection say to each other, whichever version of MQTT carries it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from firmware_sim.listening import Broker

NO_FILE = "this process has no file descriptor left"
NO_FILE_HERE = "this machine has no file descriptor left"
NO_PORT = "this machine has no local port left"
READING, MALFORMED, WORD = range(3)  # what a message is: a reading, what looks like one, birth or state


@dataclass(slots=True)
class Outgoing:
    """A message of a device, at QoS 1. `times` counts how often it was sent, `sent_s` says when last.

    `is_copy`: the second one of a reading that the plan doubles.
    """

    what: int
    topic: str
    payload: bytes
    boot: int = 0
    seq: int = 0
    retain: bool = False
    is_copy: bool = False
    times: int = 0
    sent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """One of the brokers that carry the same messages; `address` is that of its host, looked up once."""

    broker: Broker
    address: str


class Speaker(Protocol):
    """The device at the near end of a connection."""

    @property
    def client_id(self) -> str:
        """Under which name it connects."""

    @property
    def state_topic(self) -> str:
        """Where its last will goes."""

    @property
    def filters(self) -> Sequence[str]:
        """What it wants to hear; nothing where it only speaks."""

    def will(self) -> bytes:
        """What the broker shall say when the connection is lost."""

    def came_up(self, link: Link) -> None:
        """The broker has taken the connection, and the subscription where there is one."""

    def hear(self, topic: str, payload: bytes) -> None:
        """Something on one of its filters."""

    def acked(self, message: Outgoing) -> None:
        """The broker has this message."""

    def refused(self, message: Outgoing, reason: str) -> None:
        """The broker will not take this message."""

    def went_down(self, unacked: Sequence[Outgoing], reason: str, *, for_good: bool) -> None:
        """The connection is gone, or never came about; these were not acknowledged.

        `for_good`: the broker refuses, and trying again would not help.
        """


class Link(Protocol):
    """One connection of one device. `keepalive_s` is what was agreed with the broker."""

    keepalive_s: float

    @property
    def is_idle(self) -> bool:
        """Whether everything that was sent is acknowledged."""

    def room(self) -> int:
        """How many more messages may be sent before one is acknowledged."""

    def send(self, message: Outgoing) -> None:
        """Publish it with QoS 1."""

    def leave(self, *, will: bool) -> None:
        """Say goodbye; with `will` the broker is to publish the last will all the same."""

    def cut(self) -> None:
        """Lose the connection without a word, as a power cut does."""

    def look(self) -> None:
        """Called twice in a keep-alive: ask for a sign of life, or give the connection up."""


Hear = Callable[[str, bytes], None]  # topic, payload


class Subscription(Protocol):
    """A connection that listens. `breaks`: how often it was lost; `forgotten`: how often the broker kept nothing."""

    breaks: int
    forgotten: int

    async def close(self) -> None:
        """Leave, and let the broker forget the session."""


class Wire(Protocol):
    """One version of MQTT, to a broker or to the nodes of one."""

    version: str

    async def open(self, speaker: Speaker, *, turn: int, source: str | None) -> Link:
        """Begin a connection; whether it comes up is told to the speaker.

        The nodes take turns: `turn` says which it is. `source` is the local address.

        Raises: OSError when there is no connection to begin with; the speaker is told nothing then.
        """

    async def listen(self, filters: Sequence[str], hear: Hear, *, client_id: str) -> Subscription:
        """Subscribe with QoS 1; everything that comes is heard before it is acknowledged.

        Raises: listening.LinkError.
        """


def plain(exc: BaseException) -> str:  # noqa: PLR0911 - a table
    """Why a connection could not be made, in words that say what to do."""
    match exc:
        case OSError(errno=errno.EMFILE):
            return NO_FILE
        case OSError(errno=errno.ENFILE):
            return NO_FILE_HERE
        case OSError(errno=errno.EADDRNOTAVAIL):
            return NO_PORT
        case ConnectionRefusedError():
            return "nothing listens there"
        case ConnectionResetError() | BrokenPipeError():
            return "the broker broke the connection off"
        case TimeoutError():
            return "no answer in time"
        case _:
            return str(exc) or type(exc).__name__
