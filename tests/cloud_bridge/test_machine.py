"""The state machine of `tests.cloud_bridge.machine` holds, and its storms meet everything there is to meet."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from cloud_bridge.core.capability import MerchantClass
from cloud_bridge.merchants.simulated_modes import Mode
from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from tests.cloud_bridge.machine import Bridge

_STORMS_MAX = 10  # keys and ids are drawn anew each time, so how many it takes differs
OF_THE_DOOR = {CrashPoint.WEBHOOK_READ, CrashPoint.WEBHOOK_KEPT}  # see test_webhook_deaths


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path) -> None:
    Bridge.died.clear()
    Bridge.met.clear()
    Bridge.migrated = tmp_path / "migrated.sqlite3"
    Database(f"sqlite:///{Bridge.migrated}").open().close()


def test_any_order_of_events_leaves_one_order_for_one_leave() -> None:
    """The machine holds."""
    run_state_machine_as_test(
        Bridge,
        settings=settings(
            max_examples=20,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_storms_meet_every_mode_and_die_at_every_point_and_the_books_agree() -> None:
    """The same steps, drawn from seeds: a run that has not met everything has proved nothing."""
    for seed in range(_STORMS_MAX):
        _storm(Bridge(), Random(seed))
        if set(Bridge.met) == set(Mode) and set(Bridge.died) == set(CrashPoint) - OF_THE_DOOR:
            break
    assert set(Bridge.died) == set(CrashPoint) - OF_THE_DOOR, set(CrashPoint) - set(Bridge.died)
    assert set(Bridge.met) == set(Mode), set(Mode) - set(Bridge.met)


def _storm(machine: Bridge, rng: Random) -> None:
    machine.first(seed=rng.randrange(2**32))
    points = [point for point in CrashPoint if point not in OF_THE_DOOR]
    for step in range(2 * len(points)):
        for kind in MerchantClass:
            machine.approve(kind=kind, quantity=rng.randint(1, 3), hold_s=rng.choice([0, 120]), draw=rng.random() < 0.3)
        point = points[step % len(points)]
        if point is CrashPoint.CLOSED:
            machine.reprice(which=len(machine.intents) - 1, price_minor=300, stock=5)  # too dear
        first = [CrashPoint.ANSWERED] if point is CrashPoint.LOOKED_UP else []  # something is in doubt
        machine.die(share=rng.choice([0.0, 0.5]), deaths=[*first, point], rounds=6)
        machine.storm(share=0.7, rounds=3, in_time=True)
        if rng.random() < 0.2:
            machine.sleep(seconds=100_000)
        if rng.random() < 0.3:
            machine.settle(which=rng.randrange(10), named=rng.random() < 0.5, dies=rng.random() < 0.5)
        machine.the_books_agree()
    machine.teardown()
