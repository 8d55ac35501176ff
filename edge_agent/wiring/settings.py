"""What the household's own pages stand on, wired: settings, what is held and deleted, the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.forgetting import Forgetting
from edge_agent.adapters.store.holdings import SqliteHoldings, thrown_away
from edge_agent.adapters.store.opening import OpenStore
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.messages import ItemId
from edge_agent.folder import STORE_FILE
from edge_agent.pipeline.reporting import Reporting, midnight
from edge_agent.pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class SettingsSide:
    """The four parts of `web.parts.WebParts` of the same names."""

    settings: Settings
    holdings: SqliteHoldings
    forgetting: Forgetting
    reporting: Reporting


def wire_settings(
    store: OpenStore,
    file: Path,
    *,
    household: HouseholdFile,
    orders: Orders,
    shadow: Callable[[ItemId], ShadowReport | None],
    zone: str,
) -> SettingsSide:
    """`file` is the household's, for the export; `zone` the home's time zone."""
    home, clock, connection = ZoneInfo(zone), store.clock, store.connection
    return SettingsSide(
        settings=Settings(
            household=household,
            note=store.chain.record,
            today=lambda: clock.now().astimezone(home).date(),
        ),
        holdings=SqliteHoldings(
            connection,
            clock=clock,
            household=lambda: file.read_text(encoding="utf-8") if file.exists() else "",
            store=file.with_name(STORE_FILE),
        ),
        forgetting=Forgetting(
            connection, midnight=lambda day: midnight(day, zone=home), store=file.with_name(STORE_FILE)
        ),
        reporting=Reporting(
            household=household,
            orders=lambda limit: orders.intents(live=False, limit=limit),
            thrown_away=lambda since: thrown_away(connection, since=since),
            shadow=shadow,
            clock=clock,
            zone=zone,
        ),
    )
