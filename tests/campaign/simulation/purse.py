"""The oracle's own book of leave: what was approved or drawn, and what mandates may pay for and have paid.

It reckons days by itself, at a fixed distance from UTC, and knows nothing of the hub's ledger. Money in minor units.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

_APART_MAX = timedelta(minutes=10)  # between a hub's clock and the bridge's, which dates what it takes


@dataclass(frozen=True, slots=True)
class View:
    """What a hub can know of its household's orders: its `own`, by intent, and what the bridge had at `compared_s`.

    Units: `compared_s` in virtual seconds, when the bridge made its answer; infinite for a hub that did not ask, which
    is held to all that there is.
    """

    own: Collection[str]
    compared_s: float


@dataclass(slots=True)
class Leave:
    """One approval or draw as the household knows it. Money in minor units; `ceiling_minor` is its own reckoning.

    `mandate` names what was drawn on. `is_forgotten`: the hub that knew it was put back or switched off, and the bridge
    had not heard of it; then nobody is held to it, and nothing else is allowed by that. `asked_s` is when the question
    was put. `is_aware` and `is_unaware`: it left a hub that could know of another order of the need, or could not.
    """

    intent: str
    sku: str
    quantity: int
    ceiling_minor: int
    merchant: str
    household: str
    mandate: str | None = None
    asked_s: float = 0.0
    seen: bool = False  # an answer was read: from now on it must not be lost
    cancelled: bool = False  # the household was told that nothing was and will be bought
    is_cancel_forgotten: bool = False  # it was told so by a hub that was put back since
    is_forgotten: bool = False
    is_cloned: bool = False  # given at a clone, or sent by one: it hears nothing of what was said to its hub since
    is_aware: bool = False
    is_unaware: bool = False
    body: bytes | None = None
    key: str | None = None
    first_sent_s: float | None = None

    @property
    def is_owed(self) -> bool:
        """Whether the household is right to expect that it comes to an end."""
        return self.seen and not self.is_forgotten

    @property
    def is_forgivable(self) -> bool:
        """Whether it may be one order too many: its hub could not know of the other one, whenever it was sent."""
        return self.is_unaware and not self.is_aware


@dataclass(slots=True)
class Purse:
    """One mandate as the household gave it. A period is what its hub calls a day."""

    skus: Collection[str]
    order_max_minor: int
    budget_minor: int
    utc_offset: timedelta
    is_active: bool = True
    is_revoked: bool = False


Period = tuple[str, date]  # a mandate, and a day


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw, and those of its period that its hub knew then: its own, and what the bridge had told it of."""

    period: Period
    known: tuple[str, ...]
    is_unheard: bool  # made by a clone, after the mandate was paused or revoked at its hub


@dataclass(slots=True)
class Purses:
    """All mandates of a world."""

    purses: dict[str, Purse] = field(default_factory=dict)
    _draws: dict[str, Draw] = field(default_factory=dict)  # by intent, as the next two
    _reached: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    _paid_minor: Counter[str] = field(default_factory=Counter)
    _of_period: defaultdict[Period, list[str]] = field(default_factory=lambda: defaultdict(list))

    def drawn(self, mandate: str, leave: Leave, *, hub_now: datetime, view: View) -> str | None:
        """A hub is about to draw; what is wrong with that."""
        purse = self.purses.get(mandate)
        if purse is None:
            return f"I22: drawn on mandate {mandate}, which nobody gave"
        is_stopped = purse.is_revoked or not purse.is_active
        self._keep(leave, (mandate, (hub_now + purse.utc_offset).date()), view=view, is_stopped=is_stopped)
        if is_stopped and not leave.is_cloned:
            return f"I22: drawn on mandate {mandate}, which is not in force"
        if leave.sku not in purse.skus or leave.ceiling_minor > purse.order_max_minor:
            return f"I5: mandate {mandate} does not pay {leave.ceiling_minor} for {leave.sku}"
        return None

    def is_revoked(self, mandate: str) -> bool:
        """Whether the household was told that it has ended."""
        purse = self.purses.get(mandate)
        return purse is not None and purse.is_revoked

    def reached(self, intent: str, *, at_s: float, accepted_at: datetime) -> None:
        """The bridge has taken it, and says since when."""
        self._reached[intent] = at_s, accepted_at

    def paid(self, intent: str, *, total_minor: int) -> None:
        """A merchant has charged this."""
        self._paid_minor[intent] += total_minor

    def overdrawn(self) -> Iterator[str]:
        """I5: what was paid above a budget, over all merchants and all hubs, by a draw whose hub could know."""
        for (mandate, day), total_minor in self._known_above().items():
            budget_minor = self.purses[mandate].budget_minor
            yield f"mandate {mandate} paid {total_minor} on {day}, its budget is {budget_minor}"

    def forgiven(self) -> Counter[str]:
        """Budgets that were exceeded where no hub could know, and draws of a clone on a mandate that had ended."""
        sums = {period: sum(self._paid_minor[each] for each in drawn) for period, drawn in self._of_period.items()}
        above = {period for period, total_minor in sums.items() if total_minor > self._budget_minor(period)}
        unheard = sum(draw.is_unheard and self._paid_minor[intent] > 0 for intent, draw in self._draws.items())
        return Counter(budget_exceeded_unaware=len(above - self._known_above().keys()), stopped_and_cloned=unheard)

    def _known_above(self) -> dict[Period, int]:
        """Each draw that was paid for must fit in beside those of its period that its hub knew; those that do not."""
        above: dict[Period, int] = {}
        for intent, draw in self._draws.items():
            total_minor = sum(self._paid_minor[each] for each in (intent, *draw.known))
            if self._paid_minor[intent] and total_minor > self._budget_minor(draw.period):
                above[draw.period] = max(total_minor, above.get(draw.period, 0))
        return above

    def _keep(self, leave: Leave, period: Period, *, view: View, is_stopped: bool) -> None:
        earlier = self._of_period[period]
        known = tuple(each for each in earlier if each in view.own or self._was_told(each, period, view=view))
        self._draws[leave.intent] = Draw(period, known, is_stopped and leave.is_cloned)
        earlier.append(leave.intent)

    def _was_told(self, intent: str, period: Period, *, view: View) -> bool:
        """Whether the bridge had it when the hub last compared, and dates it into the same period or close to it."""
        if intent not in self._reached:
            return False
        (at_s, accepted_at), (mandate, day) = self._reached[intent], period
        local = accepted_at + self.purses[mandate].utc_offset
        return at_s < view.compared_s and day in {(local - _APART_MAX).date(), (local + _APART_MAX).date()}

    def _budget_minor(self, period: Period) -> int:
        return self.purses[period[0]].budget_minor
