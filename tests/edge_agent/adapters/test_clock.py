"""The hub's time over restarts, and how often it is kept."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

from edge_agent.adapters.clock import EffectiveClock
from edge_agent.adapters.store import chain
from edge_agent.adapters.store.opening import OpenStore, open_store
from edge_agent.adapters.store.trust import high_water
from edge_agent.config import HubConfig
from edge_agent.core.clock_trust import ClockDoubt, bounds_for
from tests.edge_agent.outgoing_home import Wall, opened
from tests.edge_agent.samples import NOW


def write(store: OpenStore, *, audited: bool = False) -> None:
    """One transaction."""
    with store.connection.transaction() as db:
        db.execute("INSERT OR REPLACE INTO stock VALUES ('x', '{}')")
        if audited:
            chain.append(db, {"event": "x"})


def test_time_never_goes_behind_a_restart(tmp_path: Path) -> None:
    """The wall clock is set back by a month while the hub is off: its time goes on from where it was, in doubt."""
    wall = Wall()
    with opened(tmp_path, wall) as store:
        wall.passes(hours=1)
        write(store, audited=True)
    wall.shown = NOW - timedelta(days=30)
    with opened(tmp_path, wall) as store:
        assert store.clock.now() == NOW + timedelta(hours=1)
        assert store.clock.doubt() is ClockDoubt.BEHIND
        wall.passes(minutes=10)
        assert store.clock.now() == NOW + timedelta(hours=1, minutes=10)


def test_time_is_kept_with_every_event_and_once_a_minute_besides(tmp_path: Path) -> None:
    """A group of readings a second costs no extra page; an approval keeps the time to the millisecond."""
    wall = Wall()
    with opened(tmp_path, wall) as store:
        write(store)
        kept = high_water(store.connection.db)
        wall.passes(seconds=59)
        write(store)
        assert high_water(store.connection.db) == kept == NOW
        wall.passes(seconds=1)
        write(store)
        assert high_water(store.connection.db) == NOW + timedelta(seconds=60)
        wall.passes(seconds=1)
        write(store, audited=True)
        assert high_water(store.connection.db) == NOW + timedelta(seconds=61)


def test_a_simulation_is_kept_by_real_minutes(tmp_path: Path) -> None:
    """At 25,000 times a virtual minute is over in a blink: it is not written down each time."""
    wall = Wall(speed=25_000.0)
    with opened(tmp_path, wall) as store:
        write(store)
        wall.passes(days=1)
        write(store)
        assert high_water(store.connection.db) == NOW
        wall.passes(days=17)
        write(store)
        assert high_water(store.connection.db) == NOW + timedelta(days=18)


def test_a_jump_that_nobody_confirmed_is_not_kept(tmp_path: Path) -> None:
    """A clock that shows 2076 for a while must not make every offer of 2026 an ended one."""
    wall = Wall()
    with opened(tmp_path, wall) as store:
        write(store, audited=True)
        wall.shown += timedelta(days=365 * 50)
        assert store.clock.doubt() is ClockDoubt.AHEAD
        write(store, audited=True)
        assert high_water(store.connection.db) == NOW
    wall.shown = NOW + timedelta(days=1)
    with opened(tmp_path, wall) as store:
        assert (store.clock.doubt(), store.clock.now()) == (None, NOW + timedelta(days=1))


def test_a_command_beside_the_hub_does_not_keep_its_own_time(tmp_path: Path) -> None:
    """`setup` runs by the machine's clock; a hub that then runs by another one is not bound to it."""
    wall = Wall()
    with open_store(tmp_path, HubConfig(), wall=wall, keep_time=False) as store:
        write(store, audited=True)
        assert high_water(store.connection.db) is None


class _Interrupted(Wall):
    """A wall clock during whose reading another thread tells the time that it knows."""

    clock: EffectiveClock | None = None
    teller: threading.Thread | None = None

    def now(self) -> datetime:
        """What it shows; the first time, the other thread comes in between, if it is let."""
        clock, self.clock = self.clock, None
        if clock is not None:
            self.teller = threading.Thread(target=clock.compare, args=(NOW + timedelta(days=9),))
            self.teller.start()
            self.teller.join(timeout=0.1)
        return super().now()


def test_what_one_thread_is_told_no_other_undoes() -> None:
    """The broker's thread stamps messages while the loop hears another source: its word is not lost."""
    wall = _Interrupted()
    clock = EffectiveClock(wall, bounds=bounds_for(speed=1.0, timeout_s=10.0), ticks_s=wall.ticks_s)
    clock.resume(NOW)
    wall.clock = clock
    clock.now()
    assert wall.teller is not None
    wall.teller.join()
    assert clock.doubt() is ClockDoubt.DISAGREES
