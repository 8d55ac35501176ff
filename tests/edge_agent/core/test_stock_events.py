"""What people say of a stock: what is refused, with the reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Opened,
    Scanned,
    StockEvent,
    ThrownAway,
    kind_of,
    number_of,
    refuse_unfit,
    restored,
)
from edge_agent.errors import BugError, RefusedError
from tests.edge_agent.consumables import MILK, START

ID = ItemId("milk")
PACK = MILK.product.pack_amount


@pytest.mark.parametrize(
    "event",
    [
        Corrected(ID, START, "anna", 0.0),
        Corrected(ID, START, "anna", 3 * PACK),
        Scanned(ID, START, "anna", -1),
        BoughtElsewhere(ID, START, "anna", 0.5),
        ThrownAway(ID, START, "anna", PACK),
        Opened(ID, START, "anna"),
    ],
)
def test_what_can_be_meant_is_taken(event: StockEvent) -> None:
    """Nothing left, parts of a pack and a pack less are things that people say; the store gives them back."""
    refuse_unfit(event, item=MILK, now=START)
    again = restored(kind_of(event), item=event.item, at=event.at, by=event.by, number=number_of(event))
    assert again == event


@pytest.mark.parametrize(
    ("event", "why"),
    [
        pytest.param(Corrected(ID, START, "anna", -1.0), "0 or more", id="less than nothing"),
        pytest.param(Corrected(ID, START, "anna", float("nan")), "no number", id="no number"),
        pytest.param(Corrected(ID, START, "anna", 100 * PACK), "more than 99", id="a hundred packs"),
        pytest.param(BoughtElsewhere(ID, START, "anna", 0.0), "changes nothing", id="nothing bought"),
        pytest.param(BoughtElsewhere(ID, START, "anna", -2.0), "0 or more", id="bought less than nothing"),
        pytest.param(Opened(ID, START + timedelta(hours=1), "anna"), "future", id="tomorrow"),
        pytest.param(Opened(ID, START.replace(tzinfo=None), "anna"), "future", id="a time of nowhere"),
        pytest.param(Opened(ID, START, ""), "sign in", id="nobody"),
        pytest.param(Opened(ItemId("tea"), START, "anna"), "not about milk", id="another item"),
    ],
)
def test_what_cannot_be_meant_is_refused(event: StockEvent, why: str) -> None:
    """With what is wrong."""
    with pytest.raises(RefusedError, match=why):
        refuse_unfit(event, item=MILK, now=START)


@pytest.mark.parametrize(("kind", "number"), [("sold", 1.0), ("corrected", None)])
def test_what_is_no_event_is_not_restored(kind: str, number: float | None) -> None:
    """A row that this program did not write is an error of ours."""
    with pytest.raises(BugError):
        restored(kind, item="milk", at=START, by="anna", number=number)
