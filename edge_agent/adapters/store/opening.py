"""The hub's store as every program of ours opens it: with what belongs to each of its transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.adapters.clock import EffectiveClock, MappedClock, WallClock
from edge_agent.adapters.sealing import load_secret
from edge_agent.adapters.store.before_migration import keep_before_migration
from edge_agent.adapters.store.chain import Chain, ChainSeal
from edge_agent.adapters.store.connection import Connection, TransactionPart
from edge_agent.adapters.store.trust import HighWater, high_water
from edge_agent.config import HubConfig
from edge_agent.core.clock_trust import bounds_for
from edge_agent.folder import STORE_FILE
from edge_agent.ports import CrashHook, no_crash


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The store, its time, and its audit chain."""

    connection: Connection
    clock: EffectiveClock
    chain: Chain


@contextmanager
def open_store(
    folder: Path,
    config: HubConfig,
    *,
    wall: WallClock | None = None,
    ticks_s: Callable[[], float] = time.monotonic,
    keep_time: bool = True,
    crash_hook: CrashHook = no_crash,
) -> Iterator[OpenStore]:
    """The store in `folder`: sealed with the household's secret, never earlier than it ever was.

    `wall` stands for the configured clock where one is given. A command that runs while the hub is stopped does not
    keep the time: the hub itself is to say how late it is, by the clock that it runs on. A store of an older schema is
    copied before it is migrated; the copy lies beside it.

    Raises: StoreBusyError, StoreCorruptError, StoreFailedError, as `Connection` does.
    """
    secret = load_secret(folder)
    wall = wall or MappedClock(config.clock)
    bounds = bounds_for(speed=wall.speed, timeout_s=config.bridge.timeout_s)
    clock = EffectiveClock(wall, bounds=bounds, ticks_s=ticks_s)
    parts: list[TransactionPart] = [ChainSeal(secret)]
    if keep_time:
        parts.append(HighWater(clock.now, speed=wall.speed))
    path = folder / STORE_FILE
    with Connection(
        path,
        parts=parts,
        crash_hook=crash_hook,
        before_migrating=lambda db, schema: keep_before_migration(db, path, schema=schema),
    ) as connection:
        clock.resume(high_water(connection.db))
        chain = Chain(connection, secret=secret)
        yield OpenStore(connection=connection, clock=clock, chain=chain)
