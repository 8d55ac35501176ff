"""The household's report, gathered from what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import ItemId
from edge_agent.core.report import HomeReport, Spoiled, first_month, report
from edge_agent.ports import Clock, HouseholdStore

ORDERS_MAX = 5_000


def midnight(day: date, *, zone: ZoneInfo) -> datetime:
    """When a day begins at home, aware UTC."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


class Reporting:
    """Fulfils the pages' `Reporting`. The functions read: orders newest first, what was thrown away since, a shadow."""

    def __init__(
        self,
        *,
        household: HouseholdStore,
        orders: Callable[[int], Sequence[IntentRecord]],
        thrown_away: Callable[[datetime], Sequence[Spoiled]],
        shadow: Callable[[ItemId], ShadowReport | None],
        clock: Clock,
        zone: str,
    ) -> None:
        self._household = household
        self._orders = orders
        self._thrown_away = thrown_away
        self._shadow = shadow
        self._clock = clock
        self._zone = ZoneInfo(zone)

    def report(self) -> HomeReport:
        """The last twelve months as of now."""
        today = self._clock.now().astimezone(self._zone).date()
        watched = [ItemId(item.id) for item in self._household.load().items if item.mode == "shadow"]
        found = {item: self._shadow(item) for item in watched}
        return report(
            self._orders(ORDERS_MAX),
            spoiled=self._thrown_away(midnight(first_month(today), zone=self._zone)),
            shadows={item: shadow for item, shadow in found.items() if shadow is not None},
            today=today,
            day_of=lambda at: at.astimezone(self._zone).date(),
        )
