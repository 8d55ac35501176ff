"""The campaign: bridge and hub machines in turns, each by its own seeds, until so many steps were really made.

A step is one rule that Hypothesis chose and ran, the first one of an example included. What a machine finds is reported
as Hypothesis told it, with the seed that finds it again.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from cloud_bridge.ports import CrashPoint
from cloud_bridge.store.database import Database
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.cloud_bridge.machine import Bridge
from tests.edge_agent.test_leave_machine import machine as run_leave_machine

BRIDGE_SHARE = 0.2  # of all steps; one of the bridge's, over its real store, takes as long as several of the hub's
STEPS_AN_EXAMPLE = 30
_TURN = 3_000  # steps, after which the next seed begins
_MEMORY = Path("/dev/shm")
WANTED = ("bridge", "hub", "hub:approve", "hub:drawn", "hub:revoke", "hub:crash", "bridge:died")


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Make `size` steps."""
    steps: Counter[str] = Counter()
    faults: list[str] = []
    with _in_memory(folder), _quiet():
        for turn, share in enumerate(_turns(size), start=seed * 10_000):
            try:
                _bridge(max(STEPS_AN_EXAMPLE, round(share * BRIDGE_SHARE)), seed=turn, folder=folder, steps=steps)
                _hub(round(share * (1 - BRIDGE_SHARE)), seed=turn, steps=steps)
            except AssertionError as exc:  # whatever a machine found; the next seed finds no less
                faults.append(f"{str(exc).splitlines()[0] if str(exc) else 'a law was broken'} [seed {turn}]")
                break
    done = steps["bridge"] + steps["hub"]
    return Figures("machine", done, "steps", covered=dict(steps), wanted=WANTED, faults=tuple(faults))


def _turns(size: int) -> Iterator[int]:
    whole, rest = divmod(size, _TURN)
    yield from [_TURN] * whole + ([rest] if rest else [])


def _bridge(wanted: int, *, seed: int, folder: Path, steps: Counter[str]) -> None:
    class Counted(Bridge):
        """The machine of the tests, with a count of its steps."""

        died: ClassVar[Counter[CrashPoint]] = Counter()  # this run's own

        @invariant()
        def one_step_more(self) -> None:
            """Called after every step."""
            steps["bridge"] += 1

    Counted.migrated = folder / "migrated.sqlite3"
    Database(f"sqlite:///{Counted.migrated}").open().close()
    aim = steps["bridge"] + wanted
    while steps["bridge"] < aim:
        hypothesis.seed(seed * 1_000 + steps["bridge"])(Counted)
        run_state_machine_as_test(Counted, settings=_settings(max(1, (aim - steps["bridge"]) // STEPS_AN_EXAMPLE)))
    steps["bridge:died"] += sum(Counted.died.values())


def _hub(wanted: int, *, seed: int, steps: Counter[str]) -> None:
    tally = run_leave_machine(wanted, seed=seed)
    steps["hub"] += tally.steps
    for name, times in tally.happened.items():
        steps[f"hub:{name}"] += times


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS_AN_EXAMPLE,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def _in_memory(folder: Path) -> Iterator[None]:
    """Machines make a store for each example: in memory, where there is a place for that."""
    before = tempfile.tempdir
    tempfile.tempdir = str(_MEMORY if _MEMORY.is_dir() else folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
