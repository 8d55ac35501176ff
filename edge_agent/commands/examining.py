"""`restock-hub doctor`: everything that may be wrong with a hub, one after the other.

It changes nothing but one row of the ledger, for its question to the bridge. The hub may run meanwhile; then it is
asked what it knows, and what cannot be looked at is said.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.adapters.clock import MappedClock
from edge_agent.adapters.doctor.files import (
    look_at_certificates,
    look_at_household,
    look_at_keys,
    look_at_model,
    look_at_profiles,
)
from edge_agent.adapters.doctor.outside import look_at_bridge, look_at_broker
from edge_agent.adapters.doctor.places import look_at_folder
from edge_agent.adapters.doctor.running import look_at_running_hub
from edge_agent.adapters.doctor.store import StoreSeen, look_at_store
from edge_agent.adapters.egress import Egress
from edge_agent.adapters.keys import HouseholdKey
from edge_agent.adapters.setup_files import with_chosen_broker
from edge_agent.config import HubConfig, load, secrets_from
from edge_agent.core.doctor import Finding, Report, Severity, fine, judge_clock, note, problem
from edge_agent.errors import ConfigurationError

_NO_LEDGER = (
    "The order service was not asked: what leaves the home is written into the store first, which takes nothing now."
)


@dataclass(frozen=True, slots=True)
class Examination(Report):
    """A report that a script can read, too."""

    def as_json(self) -> str:
        """`{"sound": ..., "findings": [{"severity", "what", "where", "do"}, ...]}`."""
        found = [asdict(each) for each in self.findings]
        return json.dumps({"sound": self.is_sound, "findings": found}, indent=2, ensure_ascii=False)


async def examine(
    path: Path | None, environment: Mapping[str, str], *, gate: Callable[..., Egress] = Egress
) -> Examination:
    """Look at everything. A configuration that cannot be read is the only finding."""
    where = "the defaults" if path is None else str(path)
    try:
        config, secret = with_chosen_broker(load(path), secrets_from(environment))
    except ConfigurationError as exc:
        return Examination((problem(f"The configuration cannot be used: {exc}", where, "Mend what is named."),))
    folder, now = Path(config.home.data_dir), MappedClock(config.clock).now()
    keys: list[HouseholdKey] = []
    seen = StoreSeen()
    found = [fine("The configuration can be read.", where), *_guarded(look_at_folder(folder, config), str(folder))]
    if await asyncio.to_thread(folder.is_dir):
        found += await asyncio.to_thread(lambda: list(_inside(folder, config, keys, seen)))
    found += await asyncio.to_thread(lambda: list(_beside(config)))
    found += await look_at_broker(config, secret, hub_runs=seen.is_held)
    if seen.is_held:
        token = environment.get("RESTOCK_TOKEN", "")
        found += await asyncio.to_thread(lambda: list(look_at_running_hub(config, token=token)))
    elif keys and seen.takes_rows:
        found += await look_at_bridge(config, keys[0], folder=folder, now=now, gate=gate)
    elif keys:
        found.append(note(_NO_LEDGER, config.bridge.url, "Mend the store first, or start the hub once."))
    return Examination(tuple(found))


def _inside(folder: Path, config: HubConfig, keys: list[HouseholdKey], seen: StoreSeen) -> Iterator[Finding]:
    """What lies in the data folder, and the clock, which is held against it."""
    now, where = MappedClock(config.clock).now(), str(folder)
    yield from _guarded(look_at_store(folder, seen), where)
    yield judge_clock(now=now, high_water=seen.high_water)
    yield from _guarded(look_at_keys(folder, keys), where)
    yield from _guarded(look_at_certificates(folder, config, now=now), where)
    yield from _guarded(look_at_household(folder), where)


def _beside(config: HubConfig) -> Iterator[Finding]:
    """What the program brings, or the configuration names."""
    shipped = Path(str(importlib.resources.files("models"))) / "artefacts"
    yield from look_at_model(Path(config.model.artefact_dir) if config.model.artefact_dir else shipped)
    yield from look_at_profiles(config)


def _guarded(findings: Iterable[Finding], where: str) -> Iterator[Finding]:
    """What the disk or its rights do not let us look at is a finding like any other."""
    try:
        yield from findings
    except OSError as exc:
        place = exc.filename or where
        yield Finding(
            Severity.PROBLEM, f"It cannot be looked at ({exc.strerror}).", str(place), "Run doctor as the hub's user."
        )
