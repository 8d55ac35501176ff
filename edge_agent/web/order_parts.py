"""What the pages are given of orders that came to nothing, and the stand-in for a site without a review."""

from __future__ import annotations

from typing import Protocol

from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import IntentId
from edge_agent.core.prompt import PromptRecord
from edge_agent.errors import RefusedError


class AfterAll(Protocol):
    """An order that came to nothing is wanted after all. `by` is an account's name."""

    def may_want(self, order: IntentRecord) -> bool:
        """Whether it may be wanted; the hub looks again when it is."""

    def want(self, intent: IntentId, *, by: str) -> PromptRecord:
        """Open a question about it, on terms of now.

        Raises: RefusedError when that cannot be.
        """


class NoAfterAll:
    """Fulfils `AfterAll` for pages without a review."""

    def may_want(self, order: IntentRecord) -> bool:  # noqa: ARG002
        """Nobody asks."""
        return False

    def want(self, intent: IntentId, *, by: str) -> PromptRecord:  # noqa: ARG002
        """Nobody asks."""
        raise RefusedError("nothing is asked here")
