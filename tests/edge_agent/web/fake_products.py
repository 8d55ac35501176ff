"""Hints about products in memory: it fulfils `ProductHints` and writes down who was asked."""

from __future__ import annotations

from edge_agent.core.product_hint import KnownProduct, ProductHint
from edge_agent.errors import HubError
from edge_agent.ports import Clock


class ProductsInMemory:
    """Fulfils `ProductHints`; `answer` is what is told online, `refusal` is raised instead if set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.kept: dict[str, KnownProduct] = {}
        self.is_allowed = False
        self.answer: ProductHint | None = None
        self.refusal: HubError | None = None
        self.calls: list[tuple[object, ...]] = []

    def keep(self, hint: ProductHint) -> None:
        """As from a file."""
        self.kept[hint.gtin14] = KnownProduct(hint, "file", self._clock.now())

    def known(self, gtin14: str) -> KnownProduct | None:
        """What is kept."""
        return self.kept.get(gtin14)

    def may_ask(self, gtin14: str) -> bool:
        """Where it is allowed, and nothing is kept."""
        return self.is_allowed and gtin14 not in self.kept

    async def ask(self, gtin14: str) -> KnownProduct | None:
        """The answer, which is kept."""
        self.calls.append(("ask_product", gtin14))
        if self.refusal is not None:
            raise self.refusal
        self.kept[gtin14] = KnownProduct(self.answer, "online", self._clock.now())
        return self.kept[gtin14]
