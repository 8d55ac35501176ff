"""What the pages are given of recalls, and the stand-in for a site without them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from edge_agent.core.messages import ItemId
from edge_agent.core.recall import Match, Notice, Recall, What
from edge_agent.errors import RefusedError


class Recalls(Protocol):
    """Goods that are called back. `by` is an account's name."""

    def all(self) -> Sequence[Recall]:
        """What was filed, newest first."""

    def matches(self) -> Sequence[Match]:
        """Items that a recall may be about, the certain ones first."""

    def file(self, notice: Notice, *, by: str) -> Recall:
        """Keep a notice.

        Raises: RefusedError when it cannot be one.
        """

    def settle(self, recall: str, item: ItemId, *, what: What, packs: float, by: str) -> None:
        """What was done about it with one item.

        Raises: RefusedError when there is nothing to be done, or the packs cannot be meant.
        """


class NoRecalls:
    """Fulfils `Recalls` for pages without a store."""

    def all(self) -> Sequence[Recall]:
        """None."""
        return ()

    def matches(self) -> Sequence[Match]:
        """None."""
        return ()

    def file(self, notice: Notice, *, by: str) -> Recall:  # noqa: ARG002
        """Nobody keeps it."""
        raise RefusedError("no recalls are kept here")

    def settle(self, recall: str, item: ItemId, **_more: object) -> None:  # noqa: ARG002
        """There is none."""
        raise RefusedError("no recalls are kept here")
