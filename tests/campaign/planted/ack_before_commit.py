"""Planted: the broker is told to forget a group of messages as soon as it has come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from edge_agent.core.messages import RawMessage
from edge_agent.pipeline.ingest import Ingest
from edge_agent.ports import Inbox


class _HastyInbox:
    """Acknowledges at receipt, as aiomqtt does."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def receive(self, *, group_max: int, wait_s: float) -> list[RawMessage]:
        messages = await self._inbox.receive(group_max=group_max, wait_s=wait_s)
        self._inbox.acknowledge(messages)
        return messages

    def acknowledge(self, messages: Sequence[RawMessage]) -> None:
        """It was done long ago."""


@contextmanager
def planted() -> Iterator[None]:
    """Every ingest gets an inbox that acknowledges too early."""
    build = Ingest.__init__

    def hasty(self: Ingest, *, inbox: Inbox, **others: object) -> None:
        build(self, inbox=_HastyInbox(inbox), **others)

    with patch.object(Ingest, "__init__", hasty):
        yield
