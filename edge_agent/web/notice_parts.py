"""What the pages are given of messages to people: each person's channels, and the links that messages hold.

Apart from `parts` because each has a stand-in here for a site that is made without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_agent.core.messages import PromptId
from edge_agent.core.notifying.plan import ChannelId
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.notify_ports import Outcome
from edge_agent.pipeline.channels import ChannelView, Told
from edge_agent.pipeline.links import View


class ChannelDesk(Protocol):
    """A person's own channels. All that change something raise RefusedError when it cannot be."""

    @property
    def origins(self) -> Sequence[str]:
        """Where messages may go, as the configuration lists it."""

    @property
    def push_key(self) -> str | None:
        """What a browser is given to take messages of this hub; None: browsers are not told."""

    def of(self, person: str) -> Sequence[ChannelView]:
        """A person's channels, in the order in which they are used."""

    def without(self) -> Sequence[str]:
        """Who may answer questions and is told over no channel."""

    def told(self, prompt: PromptId) -> Sequence[Told]:
        """How one question fared with everybody."""

    async def add(self, person: str, *, address: str) -> None:
        """One more."""

    def subscribe(self, person: str, *, subscription: str) -> None:
        """Tell a browser."""

    def remove(self, person: str, channel: ChannelId) -> None:
        """Forget one."""

    def use_earlier(self, person: str, channel: ChannelId) -> None:
        """It changes places with the one before it."""

    def switch(self, person: str, channel: ChannelId, *, is_on: bool) -> None:
        """Pause one, or use it again."""

    async def test(self, person: str, channel: ChannelId) -> Outcome:
        """Send a message that says that it is a test."""


class Links(Protocol):
    """Links in messages."""

    def stands(self, token: str) -> bool:
        """Whether a link could be used now. Changes nothing, and tells nothing of what it opens."""

    def use(self, token: str) -> View:
        """Use a link up; raises RefusedError when it is not ours, was used, or has expired."""


class NoChannels:
    """Fulfils `ChannelDesk` where nobody is told anything."""

    origins: Sequence[str] = ()
    push_key: str | None = None

    def of(self, person: str) -> Sequence[ChannelView]:  # noqa: ARG002
        """None."""
        return ()

    def without(self) -> Sequence[str]:
        """Nobody is counted."""
        return ()

    def told(self, prompt: PromptId) -> Sequence[Told]:  # noqa: ARG002
        """Nobody was."""
        return ()

    async def add(self, person: str, *, address: str) -> None:  # noqa: ARG002
        """None can be kept."""
        raise _off()

    def subscribe(self, person: str, *, subscription: str) -> None:  # noqa: ARG002
        """None can be kept."""
        raise _off()

    def remove(self, person: str, channel: ChannelId) -> None:  # noqa: ARG002
        """There is none."""
        raise _off()

    def use_earlier(self, person: str, channel: ChannelId) -> None:  # noqa: ARG002
        """There is none."""
        raise _off()

    def switch(self, person: str, channel: ChannelId, *, is_on: bool) -> None:  # noqa: ARG002
        """There is none."""
        raise _off()

    async def test(self, person: str, channel: ChannelId) -> Outcome:  # noqa: ARG002
        """There is none."""
        raise _off()


class NoLinks:
    """Fulfils `Links` where no message was ever sent."""

    def stands(self, token: str) -> bool:  # noqa: ARG002
        """None does."""
        return False

    def use(self, token: str) -> View:  # noqa: ARG002
        """None can be used."""
        raise _off()


def _off() -> RefusedError:
    return RefusedError(say("This hub sends no messages."))
