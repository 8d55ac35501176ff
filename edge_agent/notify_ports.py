"""What telling people needs from outside: channels that carry a message, and the store of receipts and links.

Apart from `edge_agent.ports` for its size only; the same rules hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId, Receipt, Sent


class ChannelKind(StrEnum):
    """Which library speaks it."""

    APPRISE = "apprise"
    WEB_PUSH = "web_push"


class Outcome(StrEnum):
    """What a channel made of a message. GONE: this address will never take one again."""

    TAKEN = "taken"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A way to reach a person. `address` may hold a key: it is neither logged nor shown.

    `origin` is where its messages go, such as `https://ntfy.sh`; `is_on` False: nothing is sent there.
    """

    id: ChannelId
    person: str
    kind: ChannelKind
    rank: int
    address: str
    is_on: bool
    added_at: datetime
    origin: str = ""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """What a link opens: these questions, for this person, once, until it expires."""

    id: str
    person: str
    channel: ChannelId
    prompts: tuple[PromptId, ...]
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says. `tag` names what a later one replaces; `is_quiet`: it says what is over, without a sound."""

    title: str
    body: str
    link: str
    tag: str
    is_quiet: bool = False


class Channels(Protocol):
    """Ways out to people. Never raises for what the other side does."""

    async def carry(self, channel: ChannelRow, words: Words) -> Outcome:
        """One message to one address, once."""

    async def origin(self, channel: ChannelRow) -> str | None:
        """Where a message to this address would go; None: it is no address. Nothing leaves."""


class NoticeStore(Protocol):
    """Channels, receipts, what was sent, links."""

    def channels(self) -> list[ChannelRow]:
        """Every channel that is known."""

    def put_channel(self, row: ChannelRow) -> None:
        """Add one, or replace it; refused when a person has too many."""

    def rank_channels(self, channels: Sequence[ChannelId]) -> None:
        """Use them in this order from now on."""

    def remove_channel(self, channel: ChannelId) -> None:
        """Forget one with its address."""

    def switch_off(self, channel: ChannelId) -> None:
        """Its address is gone for good."""

    def receipts(self) -> list[Receipt]:
        """Those that have not ended."""

    def receipts_of(self, prompt: PromptId) -> list[Receipt]:
        """How one question fared, for the page."""

    def sent_since(self, at: datetime) -> list[Sent]:
        """What left at or after `at`."""

    def keep(self, receipts: Sequence[Receipt], *, sent: Sent | None = None, link: LinkRow | None = None) -> None:
        """Keep receipts, with the message that is about to leave and its link, in one transaction.

        A receipt that has ended is not brought back, unless its question is told of anew. A `sent` that has failed
        replaces itself.
        """

    def link(self, ident: str) -> LinkRow | None:
        """A link by its id."""

    def use_link(self, ident: str, *, at: datetime) -> bool:
        """Use it up; False where that was done before, or it has expired."""


class LinkSealer(Protocol):
    """The household's mark on what it wrote itself."""

    def seal(self, message: bytes) -> str:
        """A keyed digest, in hex."""
