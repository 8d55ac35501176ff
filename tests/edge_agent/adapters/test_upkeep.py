"""Tables that stay bounded, and what of the old rows is still known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.orders import Orders
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.adapters.store.upkeep import Upkeep
from edge_agent.core.catalogue import Household
from edge_agent.core.estimate import fold
from edge_agent.core.messages import Decoded, DeviceId, ItemId, Presence, Reading
from tests.edge_agent.outgoing_home import FixedHousehold, Wall, opened
from tests.edge_agent.samples import MILK, NOW, price

FRIDGE = DeviceId("fridge")


def message(number: int, *, seq: int | None) -> Decoded:
    """A reading an hour."""
    at = NOW + timedelta(hours=number)
    return Decoded(
        device=FRIDGE, profile="restock.fridge", topic="t", boot="b-1" if seq is not None else None, seq=seq,
        digest=f"{number}", event_at=at, received_at=at, duplicate=False,
        readings=(Reading("milk.amount", Presence.VALUE, float(number), "g"),),
    )  # fmt: skip


def test_old_readings_are_summed_up_once_they_were_estimated_from(tmp_path: Path) -> None:
    """Not before; then count, sum and bounds of each day stay, the message stays known, and reports say the same."""
    with opened(tmp_path, Wall()) as store:
        readings, inspection = SqliteReadings(store.connection), SqliteInspection(store.connection)
        home = FixedHousehold(Household(items=(MILK,)))
        upkeep = Upkeep(store.connection, chain=store.chain, household=home, messages_max=20)
        sent = [message(number, seq=number) for number in range(1, 91)]
        readings.commit([*sent, *(message(number, seq=None) for number in range(91, 101))], [])
        before = (inspection.message_ranges(), inspection.unsequenced_counts(), inspection.readings_count())
        db = store.connection.db
        upkeep.run_once()
        assert db.execute("SELECT count(*) FROM message").get == 100
        rows = readings.readings_after(FRIDGE, "milk.amount", after_id=0, limit=1_000)
        readings.save_stock([fold(None, rows, item=MILK)])
        upkeep.run_once()
        upkeep.run_once()
        assert db.execute("SELECT count(*), min(id) FROM message").fetchone() == (20, 81)
        after = (inspection.message_ranges(), inspection.unsequenced_counts(), inspection.readings_count())
        assert after == before
        kept = db.execute("SELECT sum(readings), sum(total), min(low), max(high) FROM reading_summary").fetchone()
        assert kept == (80, sum(range(1, 81)), 1.0, 80.0)
        [cursor] = readings.commit([sent[4]], [])
        assert (cursor.seq, db.execute("SELECT count(*) FROM message").get) == (90, 20)
        readings.commit([message(number, seq=number) for number in range(101, 131)], [])
        readings.save_stock([replace(fold(None, rows, item=MILK), reading_id=1_000)])
        upkeep.run_once()
        assert db.execute("SELECT first_seq, last_seq FROM message_summary").fetchall() == [(1, 90), (101, 110)]


def test_a_backlog_is_summed_up_in_parts(tmp_path: Path) -> None:
    """Each is a transaction of its own; what no item was estimated from yet stays, and is said to be too much."""
    with opened(tmp_path, Wall()) as store:
        readings = SqliteReadings(store.connection)
        home = FixedHousehold(Household(items=(MILK,)))
        upkeep = Upkeep(store.connection, chain=store.chain, household=home, messages_max=20)
        readings.commit([message(number, seq=number) for number in range(1, 4_501)], [])
        assert (list(upkeep.sum_up()), upkeep.is_behind) == ([0], True)
        rows = readings.readings_after(FRIDGE, "milk.amount", after_id=0, limit=10_000)
        readings.save_stock([fold(None, rows, item=MILK)])
        parts = list(upkeep.sum_up())
        assert len(parts) == 4
        assert sum(parts) == 4_480
        assert not upkeep.is_behind


def test_the_newest_price_of_each_product_stays(tmp_path: Path) -> None:
    """However many others came after it."""
    with opened(tmp_path, Wall()) as store:
        orders = Orders(store.connection)
        orders.save_prices([replace(price(), item=ItemId("oats"))])
        orders.save_prices([price(unit_price_minor=number) for number in range(1, 51)])
        home = FixedHousehold(Household(items=(MILK,)))
        Upkeep(store.connection, chain=store.chain, household=home, prices_max=10).run_once()
        assert len(orders.prices(ItemId("oats"), limit=100)) == 1
        assert len(orders.prices(ItemId("milk"), limit=100)) == 10
