"""What the pages are given of products that no item has yet: hints, which a person looks at and may change."""

from __future__ import annotations

from typing import Protocol

from edge_agent.core.product_hint import KnownProduct
from edge_agent.errors import RefusedError


class ProductHints(Protocol):
    """Hints by a bar code's number, which has 14 digits."""

    def known(self, gtin14: str) -> KnownProduct | None:
        """What is kept of a number; None where nothing is."""

    def may_ask(self, gtin14: str) -> bool:
        """Whether a person may let it be asked for now."""

    async def ask(self, gtin14: str) -> KnownProduct | None:
        """Ask for it online, and keep the answer.

        Raises: RefusedError when that may not be now, ProductsUnreachableError when nobody answers.
        """


class NoProductHints:
    """Fulfils `ProductHints` where nothing is kept and nobody is asked."""

    def known(self, gtin14: str) -> KnownProduct | None:  # noqa: ARG002
        """Nothing."""
        return None

    def may_ask(self, gtin14: str) -> bool:  # noqa: ARG002
        """Nobody is asked."""
        return False

    async def ask(self, gtin14: str) -> KnownProduct | None:  # noqa: ARG002
        """Nobody is asked."""
        raise RefusedError("nobody is asked for products here")
