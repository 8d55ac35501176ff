"""What the pages are given to add items, and to say which sensor tells of which."""

from __future__ import annotations

from typing import Protocol

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.setup.first_steps import Proposal
from edge_agent.errors import RefusedError


class ItemKeeping(Protocol):
    """Items of the household's file. `by` is the account's name; `seen` is the item as the person saw it.

    All but `proposal` raise RefusedError, with a sentence for a person, when the file cannot be changed so or the item
    was edited meanwhile.
    """

    def proposal(self, device: str, signal: str) -> Proposal | None:
        """What is known of an item that this signal could feed; None: it feeds one already, or cannot."""

    def add(self, item: Item, *, by: str) -> None:
        """Keep one more."""

    def bind(self, seen: Item, binding: Binding, *, beside: bool, by: str) -> None:
        """Let a sensor tell of an item, instead of those that do or `beside` them.

        An item that orders by itself asks first again.
        """

    def unbind(self, seen: Item, *, device: str, signal: str, cycle_days: float | None, by: str) -> None:
        """A sensor tells of an item no longer; without any other, a pack lasts `cycle_days`."""

    def set_gtin(self, seen: Item, *, gtin14: str, by: str) -> None:
        """The number under the bar code of the product that is bought."""


class NoItemKeeping:
    """Fulfils `ItemKeeping` for pages without the household's file."""

    def proposal(self, device: str, signal: str) -> Proposal | None:  # noqa: ARG002
        """Nothing was heard."""
        return None

    def add(self, item: Item, *, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError("items cannot be changed here")

    def bind(self, seen: Item, binding: Binding, *, beside: bool, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError("items cannot be changed here")

    def unbind(self, seen: Item, *, device: str, signal: str, cycle_days: float | None, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError("items cannot be changed here")

    def set_gtin(self, seen: Item, *, gtin14: str, by: str) -> None:  # noqa: ARG002
        """There is no file."""
        raise RefusedError("items cannot be changed here")
