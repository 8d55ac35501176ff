"""A pack that is taken in or finished becomes a scan of one pack, and no more packs than can be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import Scanned, Told
from edge_agent.errors import RefusedError
from edge_agent.pipeline.telling import Telling
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import MILK


@pytest.mark.parametrize(("what", "packs"), [("taken_in", 1.0), ("taken_out", -1.0)])
def test_a_pack_in_or_out_is_a_scan(tmp_path: Path, what: Told, packs: float) -> None:
    """Out is below 0; nothing, or a hundred, is refused and not kept."""
    file, clock, item = HouseholdFile(tmp_path / "household.json"), ManualClock(), ItemId(MILK.id)
    file.save(Household(items=(MILK,)))
    with Connection(tmp_path / "hub.sqlite3") as connection:
        events = SqliteStockEvents(connection)
        telling = Telling(events=events, household=file, clock=clock)
        telling.tell(item, what=what, packs=1.0, by="robin")
        for refused in (0.0, 100.0):
            with pytest.raises(RefusedError):
                telling.tell(item, what=what, packs=refused, by="robin")
        kept = [event for _, event in events.events_after(item, after_id=0, limit=9)]
    assert kept == [Scanned(item, clock.now(), "robin", packs)]
