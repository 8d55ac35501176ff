"""A pack that is taken in or finished becomes a scan of one pack, and no more packs than can be meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.stock_events import SqliteStockEvents
from edge_agent.core.catalogue import Household
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import Label, Labelled, Scanned, Told
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


LABEL = Label("04006381333931", "A1", date(2026, 12, 31))
NUMBERED = MILK.model_copy(update={"product": MILK.product.model_copy(update={"gtin14": LABEL.gtin14})})


def test_what_stands_on_packs_is_kept_beside_them(tmp_path: Path) -> None:
    """Packs that come in, and packs that are counted already; the label of another product is refused with all."""
    file, clock, item = HouseholdFile(tmp_path / "household.json"), ManualClock(), ItemId(MILK.id)
    file.save(Household(items=(NUMBERED,)))
    with Connection(tmp_path / "hub.sqlite3") as connection:
        events = SqliteStockEvents(connection)
        telling = Telling(events=events, household=file, clock=clock)
        telling.tell(item, what="taken_in", packs=2.0, by="robin", label=LABEL)
        telling.tell(item, what="labelled", packs=1.0, by="robin", label=LABEL)
        other = replace(LABEL, gtin14="00000096385074")
        refused: list[tuple[Told, Label | None]] = [("taken_in", other), ("labelled", None), ("taken_out", LABEL)]
        for what, label in refused:
            with pytest.raises(RefusedError):
                telling.tell(item, what=what, packs=1.0, by="robin", label=label)
        kept = [event for _, event in events.events_after(item, after_id=0, limit=9)]
        assert kept == [
            Scanned(item, clock.now(), "robin", 2.0),
            Labelled(item, clock.now(), "robin", 2.0, LABEL),
            Labelled(item, clock.now(), "robin", 1.0, LABEL),
        ]
        assert [one.packs for one in telling.labels(item, limit=9)] == [1.0, 2.0]
        assert telling.labels(ItemId("tea"), limit=9) == []
