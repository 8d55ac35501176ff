"""A short month without the cloud, and what the judge of the long one would find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.messages import Decoded, DeviceId, Presence, Reading
from tests.campaign.offline import judge
from tests.campaign.offline.campaign import Plan, run
from tests.campaign.offline.sensors import BOOT, PROFILE, SIGNAL, Sensors
from tests.edge_agent.outgoing_home import Wall, opened

SENSORS = Sensors(2, 3_600, datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.broker
def test_nothing_is_lost_while_the_cloud_is_away() -> None:
    """Eight hours of a reading a minute: most summed up, orders drained in the end, each reading accounted for once."""
    told = run(Plan(days=8 / 24, every_s=60, sensors=10, backlog=2_000, rows_max=1_000, plug_every=timedelta(hours=3)))
    assert told.holds, told
    assert (told.readings, told.restarts) == (10 * 8 * 60 + 2_000, 2)
    assert 900 <= told.raw <= 1_000  # what came again took a row's number, and left it
    assert len(told.approved) == told.orders_at_bridge == 1
    assert told.missed_turns["drain"] > 0


def message(sensor: int, seq: int, *, grams: int | None = None) -> Decoded:
    """One reading as a hub stores it."""
    at = SENSORS.at(sensor, seq)
    value = float(SENSORS.grams(sensor, seq) if grams is None else grams)
    return Decoded(
        device=DeviceId(SENSORS.name(sensor)), profile=PROFILE, topic="t", boot=BOOT, seq=seq, digest=f"{seq}",
        event_at=at, received_at=at, duplicate=False, readings=(Reading(SIGNAL, Presence.VALUE, value, "g"),),
    )  # fmt: skip


def test_the_judge_finds_what_is_missing_doubled_or_changed(tmp_path: Path) -> None:
    """A seq that is nowhere, one that stands in a row and in a run, and a day whose sum is another one."""
    with opened(tmp_path, Wall()) as store:
        db = store.connection.db
        readings = SqliteReadings(store.connection)
        readings.commit([message(sensor, seq) for sensor in (0, 1) for seq in range(1, 51)], [])
        assert judge.readings(db, SENSORS, last=50) == judge.Verdict(100, 0, 0, 0, ())
        assert (judge.readings(db, SENSORS, last=51).lost, judge.readings(db, SENSORS, last=49).doubled) == (2, 2)
        db.execute("INSERT INTO message_summary VALUES (?, ?, 3, 4)", (SENSORS.name(0), BOOT))
        assert judge.readings(db, SENSORS, last=50).doubled == 2
        db.execute("DELETE FROM message_summary")
        db.execute("UPDATE reading SET number = number + 1 WHERE id = 1")
        assert len(judge.readings(db, SENSORS, last=50).faults) == 1


def test_the_judge_of_orders_wants_each_once_and_in_order() -> None:
    """Offered as they were approved, all of them at the bridge, none that nobody approved."""
    assert judge.orders(["a", "b"], waiting=[], offered=["a", "b", "b"], at_bridge=["b", "a"]) == []
    assert len(judge.orders(["a", "b"], waiting=[], offered=["b", "a"], at_bridge=["a", "b"])) == 1
    assert len(judge.orders(["a"], waiting=["a"], offered=["a"], at_bridge=[])) == 2
    assert len(judge.orders(["a"], waiting=[], offered=["a"], at_bridge=["a", "a", "x"])) == 2
