"""Everything that a decision about one item rests on, in one record: with it the decision can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import hypot

from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.deciding.back_off import Quiet
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.position import Position
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.forecast import chance_used, days_until_used, demand_within
from edge_agent.core.messages import Forecast, Price, StockEstimate

STALE_AFTER = timedelta(days=2)
REVIEW_D = 0.5  # what is not asked now is asked within half a day
ANSWER_D = 0.5  # until the home's own answers tell how long a person takes

_DAY = timedelta(days=1)

_ANSWERED = LeadTime(mean_d=ANSWER_D)
LEAD_SURELY = 0.8  # an order is here by then four times in five


@dataclass(frozen=True, slots=True)
class Situation:
    """One item at `now`. `estimate`, `forecast` and `position` are of the same moment and item.

    `price` is that of the bound product, or of the `substitute` that would be bought for the same stock. `season` is
    how many times the use seen lately the coming weeks have. `answer_time` is how long people take to answer.
    `budget_left_minor` is None where there is no budget.
    """

    item: Item
    estimate: StockEstimate
    forecast: Forecast
    position: Position
    price: Price | None
    preferences: Preferences
    now: datetime
    lead_time: LeadTime
    presence: Presence
    quiet: Quiet | None = None
    budget_left_minor: int | None = None
    season: float = 1.0
    stale_after: timedelta = STALE_AFTER
    substitute: Product | None = None
    answer_time: LeadTime = _ANSWERED

    @property
    def product(self) -> Product:
        """What would be bought."""
        return self.substitute or self.item.product

    @property
    def scale(self) -> float:
        """How many packs of the bound product one of what would be bought is."""
        return self.product.pack_amount / self.item.product.pack_amount

    @property
    def arrives_d(self) -> float:
        """Days until an order that is asked for now is likely here: a person answers, and the merchant delivers."""
        return self.answer_time.mean_d + self.lead_time.mean_d

    @property
    def wait_d(self) -> float:
        """Days until an order that is asked for at the next review is likely here: until then stock must last.

        Who is away by then neither answers nor opens the door: what is not ordered before comes after the return.
        """
        back_on = self._missed_until
        if back_on is None:
            return REVIEW_D + self.arrives_d
        return (datetime.combine(back_on, time(), UTC) + _DAY - self.now) / _DAY + self.arrives_d

    @property
    def is_last_call(self) -> bool:
        """Whether an order that is asked for later comes only after an absence."""
        return self._missed_until is not None

    @property
    def wait_spread_d(self) -> float:
        """Standard deviation of that wait."""
        return hypot(self.answer_time.spread_d, self.lead_time.spread_d)

    @property
    def lead_d(self) -> float:
        """Days within which goods that were ordered are here nearly surely."""
        return self.lead_time.within(LEAD_SURELY)

    @property
    def risk_d(self) -> float:
        """Days within which an order of the next review is here nearly surely."""
        return self.answer_time.within(LEAD_SURELY) + self.lead_d + REVIEW_D

    def demand(self, days: float, probability: float) -> float:
        """Packs used within `days` from now, not exceeded with `probability`."""
        lived_d = self._age_d + self.presence.lived_days(self.now, days)
        return self.season * demand_within(self.forecast, lived_d, probability=probability)

    def days_until_used(self, packs: float, probability: float) -> float:
        """Days from now within which `packs` are used up with `probability`; the inverse of `demand`."""
        lived_d = days_until_used(self.forecast, packs / self.season, probability=probability)
        return self.presence.calendar_days(self.now, max(0.0, lived_d - self._age_d))

    def chance_used(self, packs: float, days: float) -> float:
        """The probability that `packs` or more are used within `days` from now, as far as the forecast tells."""
        lived_d = self._age_d + self.presence.lived_days(self.now, days)
        return chance_used(self.forecast, packs / self.season, days=lived_d)

    @property
    def _missed_until(self) -> date | None:
        """The last day of the absence in which the next review would ask, or its order would come."""
        asked_at = self.now + REVIEW_D * _DAY
        return self.presence.away_until(asked_at) or self.presence.away_until(asked_at + self.arrives_d * _DAY)

    @property
    def _age_d(self) -> float:
        """Days since the forecast's moment: demand has gone on meanwhile."""
        return max(0.0, (self.now - self.forecast.as_of) / _DAY)
