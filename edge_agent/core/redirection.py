"""Other terms for an open question: the same order, brought to a place that somebody drives to, or home after all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.leave.terms import Offer, terms_hash


@dataclass(frozen=True, slots=True)
class Redirection:
    """One of them. `place` is one of the household's by its name; None: its home.

    `arrives_at` is when the vehicle is there; None: nobody drives there that is known of.
    """

    place: str | None
    offer: Offer
    arrives_at: datetime | None = None

    @property
    def terms_hash(self) -> str:
        """That of its terms: what a form carries."""
        return terms_hash(self.offer)
