"""The oracle's own book of leave: what was approved or drawn, and what mandates may pay for and have paid.

It reckons days by itself, at a fixed distance from UTC, and knows nothing of the hub's ledger. Money in minor units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta


@dataclass(slots=True)
class Leave:
    """One approval or draw as the household knows it. Money in minor units; `ceiling_minor` is its own reckoning.

    `mandate` names what was drawn on. `is_forgotten`: the hub that knew it was put back or switched off, and the bridge
    had not heard of it; then nobody is held to it, and nothing else is allowed by that.
    """

    intent: str
    sku: str
    quantity: int
    ceiling_minor: int
    merchant: str
    household: str
    mandate: str | None = None
    seen: bool = False  # an answer was read: from now on it must not be lost
    cancelled: bool = False  # the household was told that nothing was and will be bought
    is_forgotten: bool = False
    is_cloned: bool = False  # given at a clone, or sent by one: it hears nothing of what was said to its hub since
    body: bytes | None = None
    key: str | None = None
    first_sent_s: float | None = None


@dataclass(slots=True)
class Purse:
    """One mandate as the household gave it. A period is what its hub calls a day.

    `grants` counts how often leave was given anew after the hub had forgotten what was drawn: its budget starts afresh
    then, as docs/promises.md says.
    """

    skus: Collection[str]
    order_max_minor: int
    budget_minor: int
    utc_offset: timedelta
    is_active: bool = True
    is_revoked: bool = False
    grants: int = 0


Period = tuple[str, int, date]


@dataclass(slots=True)
class Purses:
    """All mandates of a world."""

    purses: dict[str, Purse] = field(default_factory=dict)
    _periods: dict[str, Period] = field(default_factory=dict)  # by intent
    _paid_minor: Counter[Period] = field(default_factory=Counter)

    def drawn(self, mandate: str, leave: Leave, *, hub_now: datetime) -> str | None:
        """A hub is about to draw; what is wrong with that."""
        purse = self.purses.get(mandate)
        if purse is not None:
            self._periods[leave.intent] = (mandate, purse.grants, (hub_now + purse.utc_offset).date())
        is_in_force = purse is not None and (leave.is_cloned or (purse.is_active and not purse.is_revoked))
        if purse is None or not is_in_force:
            return f"I22: drawn on mandate {mandate}, which is not in force"
        if leave.sku not in purse.skus or leave.ceiling_minor > purse.order_max_minor:
            return f"I5: mandate {mandate} does not pay {leave.ceiling_minor} for {leave.sku}"
        return None

    def is_revoked(self, mandate: str) -> bool:
        """Whether the household was told that it has ended."""
        purse = self.purses.get(mandate)
        return purse is not None and purse.is_revoked

    def paid(self, intent: str, *, total_minor: int) -> None:
        """A merchant has charged this for a draw."""
        period = self._periods.get(intent)
        if period is not None:  # otherwise the draw itself was a fault already
            self._paid_minor[period] += total_minor

    def overdrawn(self) -> Iterator[str]:
        """I5: what was paid above a budget, over all merchants."""
        for (mandate, _, day), total_minor in self._paid_minor.items():
            budget_minor = self.purses[mandate].budget_minor
            if total_minor > budget_minor:
                yield f"mandate {mandate} paid {total_minor} on {day}, its budget is {budget_minor}"
