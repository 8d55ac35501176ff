"""The crash points of store, wire and file are reached, and a restart can go on from a death at any of them.

Ingest's own are in `pipeline/test_ingest`, those of an answer with the answer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.adapters.household import HouseholdFile
from edge_agent.adapters.store.connection import Connection
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentState
from edge_agent.ports import CrashHook, CrashPoint
from tests.edge_agent.outgoing_home import FakeBridge, Wall, outgoing_home
from tests.edge_agent.samples import MILK


class Died(BaseException):
    """The process ends here."""


def dies_at(point: CrashPoint, *, time: int = 1) -> CrashHook:
    """A hook that ends the process when it comes to one point for the `time`th time."""
    times = 0

    def hook(reached: CrashPoint) -> None:
        nonlocal times
        times += reached is point
        if times == time:
            raise Died(point)

    return hook


ON_THE_WIRE = [
    (CrashPoint.OUTBOX_CLAIMED, 1),
    (CrashPoint.SENT, 2),  # the first is the question how far the bridge has come
    (CrashPoint.REPLY_READ, 1),
    (CrashPoint.REPLY_STORED, 1),
]


@pytest.mark.parametrize(("point", "time"), ON_THE_WIRE)
async def test_a_death_on_the_wire_orders_once(tmp_path: Path, point: CrashPoint, time: int) -> None:
    """The hub dies while it hands an order over; the next one hands it over, or finds it handed over."""
    wall = Wall()
    bridge = FakeBridge(wall)
    hook = dies_at(point, time=time)
    async with outgoing_home(tmp_path, wall=wall, bridge=bridge, crash_hook=hook) as home:
        home.approve()
        with pytest.raises(Died):
            await home.turn()
    async with outgoing_home(tmp_path, wall=wall, bridge=bridge) as home:
        [known] = home.orders.intents(live=True, limit=5)
        await home.turn()
        assert home.state(known.id) is IntentState.HELD
        assert home.orders.outbox(limit=5) == []
    assert [each.intent_id for each in bridge.known] == [known.id]


def fill(connection: Connection) -> None:
    """Write until the log is long."""
    for number in range(2_000):
        with connection.transaction() as db:
            db.execute("INSERT INTO stock VALUES (?, ?)", (str(number), "y" * 4_000))


def test_a_checkpoint_is_a_place_to_die(tmp_path: Path) -> None:
    """The log is brought home after a commit that made it long; what was committed is there afterwards."""
    path = tmp_path / "hub.sqlite3"
    with Connection(path, crash_hook=dies_at(CrashPoint.CHECKPOINTED)) as connection:
        with pytest.raises(Died):
            fill(connection)
        written = connection.db.execute("SELECT count(*) FROM stock").get
    with Connection(path) as connection:
        assert connection.db.execute("SELECT count(*) FROM stock").get == written > 100


def test_a_migration_is_whole_or_not_begun(tmp_path: Path) -> None:
    """A death in a step leaves the schema before it; the next start goes on."""
    path = tmp_path / "hub.sqlite3"
    with pytest.raises(Died), Connection(path, crash_hook=dies_at(CrashPoint.MIGRATING)):
        pass
    with Connection(path) as connection:
        assert connection.db.pragma("user_version") >= 3
        assert connection.db.execute("PRAGMA integrity_check").get == "ok"


@pytest.mark.parametrize(
    ("point", "kept"),
    [(CrashPoint.FILE_WRITTEN, "milk"), (CrashPoint.FILE_RENAMED, "oat")],
)
def test_the_households_file_is_the_old_one_or_the_new_one(tmp_path: Path, point: CrashPoint, kept: str) -> None:
    """Before the rename the old one stands, after it the new one."""
    path = tmp_path / "household.json"
    HouseholdFile(path).save(Household(items=(MILK,)))
    with pytest.raises(Died):
        HouseholdFile(path, crash_hook=dies_at(point)).save(Household(items=(MILK.model_copy(update={"id": "oat"}),)))
    assert [item.id for item in HouseholdFile(path).load().items] == [kept]
