"""Everything that a decision about one item rests on, in one record: with it the decision can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.deciding.back_off import Quiet
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.position import Position
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.forecast import chance_used, days_until_used, demand_within
from edge_agent.core.messages import Forecast, Price, StockEstimate

STALE_AFTER = timedelta(days=2)
REVIEW_D = 1.0  # a person may take a day to answer

_DAY = timedelta(days=1)

LEAD_SURELY = 0.8  # an order is here by then four times in five


@dataclass(frozen=True, slots=True)
class Situation:
    """One item at `now`. `estimate`, `forecast` and `position` are of the same moment and item.

    `price` is that of the bound product, or of the `substitute` that would be bought for the same stock. `season` is
    how many times the use seen lately the coming weeks have. `budget_left_minor` is None where there is no budget.
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

    @property
    def product(self) -> Product:
        """What would be bought."""
        return self.substitute or self.item.product

    @property
    def scale(self) -> float:
        """How many packs of the bound product one of what would be bought is."""
        return self.product.pack_amount / self.item.product.pack_amount

    @property
    def lead_d(self) -> float:
        """Days within which an order is here nearly surely."""
        return self.lead_time.within(LEAD_SURELY)

    @property
    def risk_d(self) -> float:
        """Days until an order of tomorrow would be here: what must last until then is at risk."""
        return self.lead_d + REVIEW_D

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
    def _age_d(self) -> float:
        """Days since the forecast's moment: demand has gone on meanwhile."""
        return max(0.0, (self.now - self.forecast.as_of) / _DAY)
