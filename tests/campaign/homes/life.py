"""One home under one policy for some days: what was asked, what lacked, what spoiled, how near the estimates were."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from firmware_sim.dialects import Message
from tests.campaign.homes.household import START, Home
from tests.campaign.homes.hub import Hub, open_hub
from tests.campaign.homes.oracle import Oracle
from tests.campaign.homes.person import Person
from tests.campaign.homes.policies import FixedCycle, FixedThreshold, Policy
from tests.campaign.homes.world import World

LOOK_EVERY_H = 6
MEASURE_EVERY_H = 12
SETTLING_D = 1.0  # the estimates of the first day are not judged


@dataclass(frozen=True, slots=True)
class Judged:
    """One estimate against the truth; amounts in packs, None where the hub said that it does not know."""

    at: datetime
    ware: str
    sensing: str
    fault: str
    truth: float
    value: float | None
    low: float | None
    high: float | None
    trust: float


@dataclass(slots=True)
class Lived:
    """What came of one home under one policy."""

    policy: str
    seed: int
    days: int
    asked: int = 0
    asked_moments: int = 0
    out_days: dict[str, int] = field(default_factory=dict)
    spoiled_packs: dict[str, float] = field(default_factory=dict)
    bought_packs: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    judged: list[Judged] = field(default_factory=list)


Watch = Callable[[World, Policy, datetime], None]


def live(home: Home, policy: str, *, days: int, watch: Watch | None = None) -> Lived:
    """The home's days under one of `POLICIES`, or under "oracle": Restock with perfect stocktaking.

    `watch` is called after each hour.
    """
    lived = Lived(policy, home.seed, days)
    if policy in {"restock", "oracle"}:
        with tempfile.TemporaryDirectory() as folder, open_hub(Path(folder), home) as hub:
            _live(home, hub, lived, days=days, watch=watch, sees_all=policy == "oracle")
            lived.asked, lived.asked_moments = hub.asked, hub.asked_moments
            lived.counts.update(hub.counts)
    else:
        fixed = FixedThreshold(home) if policy == "fixed_threshold" else FixedCycle(home)
        _live(home, fixed, lived, days=days, watch=watch)
        lived.asked, lived.asked_moments = fixed.asked, len(fixed.asked_at)
    return lived


POLICIES = ("restock", "fixed_threshold", "fixed_cycle")


def _live(home: Home, policy: Policy, lived: Lived, *, days: int, watch: Watch | None, sees_all: bool = False) -> None:
    world = World(home)
    if sees_all and isinstance(policy, Hub):
        policy.see_all(Oracle(lambda: world))
    person = Person(world, policy)
    for hour in range(1, days * 24 + 1):
        messages = world.pass_hour()
        now = world.now
        policy.hear(messages, now=now)
        _count_faults(messages, lived)
        person.notice_spoiled(world.close_hour(), now=now)
        if hour % LOOK_EVERY_H == 0:
            policy.look(now)
            if isinstance(policy, Hub) and hour % MEASURE_EVERY_H == 0 and now >= START + timedelta(days=SETTLING_D):
                _judge(world, policy, lived, now=now)
        person.live(now)
        if watch is not None:
            watch(world, policy, now)
    lived.counts.update(person.counts)
    for name, stock in world.stocks.items():
        lived.out_days[name] = len(stock.out_days)
        lived.spoiled_packs[name] = stock.spoiled_packs
        lived.bought_packs[name] = stock.bought_packs
    lived.faults.update(fault.kind for section in home.appliances for fault in section.faults)


def _count_faults(messages: list[Message], lived: Lived) -> None:
    lived.counts["messages"] += len(messages)


def _judge(world: World, hub: Hub, lived: Lived, *, now: datetime) -> None:
    for name, stock in world.stocks.items():
        found, pack = hub.estimate(name), stock.kept.ware.pack
        if found is None:
            continue
        amount = found.amount
        lived.judged.append(
            Judged(
                at=now,
                ware=name,
                sensing=stock.kept.ware.sensing,
                fault=world.fault_of(stock.kept.ware.device, now),
                truth=stock.packs,
                value=None if amount is None else amount.value / pack,
                low=None if amount is None else amount.low / pack,
                high=None if amount is None else amount.high / pack,
                trust=found.trust,
            )
        )
