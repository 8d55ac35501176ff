"""Hints about products that no item has yet: from what is kept, or asked online when a person says so.

Off by default, asked for one number at a time, and no oftener than Open Food Facts allows. An answer is kept, that it
has no such product too.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Protocol

from edge_agent.core import gs1
from edge_agent.core.product_hint import KnownProduct, ProductHint
from edge_agent.core.said import say
from edge_agent.core.token_bucket import TokenBucket
from edge_agent.errors import RefusedError
from edge_agent.ports import Clock

log = logging.getLogger(__name__)

# Open Food Facts allows 15 questions for a product a minute: 5 at once and 10 more while the minute passes.
AT_ONCE, EVERY_MS = 5, 6_000
ASKED_AGAIN_AFTER = timedelta(days=30)  # where it had none: somebody may have added it


class HintStore(Protocol):
    """The cache."""

    def find(self, gtin14: str) -> KnownProduct | None:
        """What is kept of a number; None where nothing is."""

    def note_answer(self, gtin14: str, hint: ProductHint | None, *, at: datetime) -> None:
        """Keep what was answered online: the hint, or that there is none."""


class ProductSource(Protocol):
    """Who is asked online."""

    async def product(self, gtin14: str) -> ProductHint | None:
        """What is told of a product; None: it is not known there.

        Raises: ProductsUnreachableError.
        """


class Products:
    """Fulfils the pages' `ProductHints`. `source` None: nobody is asked."""

    def __init__(self, *, hints: HintStore, clock: Clock, source: ProductSource | None = None) -> None:
        self._hints = hints
        self._clock = clock
        self._source = source
        self._allowed = TokenBucket(burst=AT_ONCE, every_ms=EVERY_MS)

    def known(self, gtin14: str) -> KnownProduct | None:
        """What is kept of a number; None where nothing is."""
        return self._hints.find(gtin14)

    def may_ask(self, gtin14: str) -> bool:
        """Whether there is something to ask: the household allows it, and nothing is known that would be told again."""
        return self._source is not None and not gs1.is_restricted(gtin14) and self._is_open(self._hints.find(gtin14))

    async def ask(self, gtin14: str) -> KnownProduct | None:
        """Ask, and keep the answer; what is known already is not asked again.

        Raises: RefusedError when the household does not allow it, or when it was asked too often just now;
        ProductsUnreachableError, with nothing kept.
        """
        known = self._hints.find(gtin14)
        if self._source is None or gs1.is_restricted(gtin14):
            raise RefusedError(say("Nobody is asked for this number."))
        if not self._is_open(known):
            return known
        if not self._allowed.take(at_ms=int(self._clock.now().timestamp() * 1_000)):
            raise RefusedError(say("Those were many questions in one minute. Wait a few seconds, and ask again."))
        hint = await self._source.product(gtin14)
        self._hints.note_answer(gtin14, hint, at=self._clock.now())
        log.info("product_asked known=%s", hint is not None)
        return self._hints.find(gtin14)

    def _is_open(self, known: KnownProduct | None) -> bool:
        if known is None:
            return True
        return known.hint is None and self._clock.now() - known.kept_at >= ASKED_AGAIN_AFTER
