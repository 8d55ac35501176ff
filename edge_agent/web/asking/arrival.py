"""When what is asked about would be here, if it were ordered now.

The offer holds the day that was agreed to when the question was made. A question may stand for days, and a delivery
still takes as long as this merchant takes: `core.deciding.lead_time` says how long, from the home's own orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from edge_agent.core.deciding.lead_time import LeadTime, lead_time
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.terms import Offer
from edge_agent.web.moments import Moments
from edge_agent.web.visit import Visit

_ORDERS_MAX = 100  # of all merchants, the newest ones


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What this home knows of deliveries. `expected_d` is what it expects of a merchant that has shown nothing yet."""

    orders: Sequence[IntentRecord]
    expected_d: int
    moments: Moments

    def here_by(self, offer: Offer) -> date:
        """The day by which it would be here, never before a delivery that is ordered today."""
        lead = self.lead(offer.merchant)
        return max(offer.deliver_by, self.moments.today() + timedelta(days=max(1, round(lead.mean_d))))

    def lead(self, merchant: str) -> LeadTime:
        """How long this merchant takes."""
        return lead_time(self.orders, merchant=merchant, expected_d=self.expected_d, now=self.moments.now())


def arrivals(visit: Visit) -> Arrivals:
    """As things stand now."""
    parts = visit.site.parts
    return Arrivals(
        orders=parts.overview.intents(limit=_ORDERS_MAX),
        expected_d=parts.settings.preferences().lead_time_d,
        moments=visit.site.moments,
    )
