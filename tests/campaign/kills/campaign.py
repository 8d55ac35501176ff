"""Forks one life after the other, kills each at a crash point, and at the end of a home's days counts.

One unit is one kill. A home is used for some hundred kills; then the faults stop, it is given time to settle, and its
stores are held against what the world has seen. Points that were met least are planned most.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection as PipeEnd
from pathlib import Path

from cloud_bridge.config import BridgeConfig
from cloud_bridge.merchants.capabilities import SIMULATED
from cloud_bridge.merchants.simulated import Shelf, SimulatedMerchant
from cloud_bridge.merchants.simulated_modes import MEETS, nothing_wrong, seeded_plan
from cloud_bridge.ports import CrashPoint as BridgePoint
from edge_agent.ports import CrashPoint as HubPoint
from tests.campaign.bugs import Bug
from tests.campaign.figures import Figures
from tests.campaign.kills.judge import Verdict, judge
from tests.campaign.kills.life import Plan, live, point_name, prepare
from tests.campaign.kills.pipe import Call, meet
from tests.campaign.kills.setting import DELIVERY_MINOR, MERCHANTS, PRICE_MINOR, START, Course, hub_config, set_up
from tests.campaign.kills.world import World, fridges

COURSE = Course(
    name="kills",
    fridges=5,
    use_packs=(0.3, 1.2),
    turns=1,
    hours_a_turn=6,
    arrives_after_turns=4,
    deaths=1.0,
    all_die=True,
)
_LIVES_A_HOME = 300
_TURNS_TO_SETTLE = 16
_SHORT_LIFE_TURNS = 4
_NTH = (1, 1, 1, 2, 3)
_ANY_NTH_MAX = 12  # a quiet turn passes few points
_BROKEN = ("step_failed", "Traceback")  # what a supervised loop says of a fault that nobody foresaw
_FAULTY = 0.15

# Not on the way of a home's everyday life: each has a test or a campaign of its own.
_ELSEWHERE = {
    HubPoint.MIGRATING,
    HubPoint.FILE_WRITTEN,
    HubPoint.FILE_RENAMED,
    HubPoint.REVOKE_RECEIVED,
    HubPoint.PERIOD_ROLLED,
    HubPoint.CHECKPOINTED,
}
POINTS = tuple(point_name(point) for point in (*HubPoint, *BridgePoint) if point not in _ELSEWHERE)

_MODES = tuple(sorted({f"mode.{mode}" for met in MEETS.values() for mode in met}))
# What a campaign that lives these lives is there for, beside orders and kills.
_WANTED = {COURSE.name: POINTS, "orders": _MODES, "restores": ("restored", "ordered_again")}


@dataclass
class Count:
    """What came about in all homes, and what the judge said of each."""

    kills: int = 0
    spared: int = 0  # lives that came to the end of their plan
    planned: Counter[str] = field(default_factory=Counter)
    as_planned: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def orders(self) -> int:
        """Orders that merchants truly took."""
        return sum(each.orders for each in self.verdicts)


def run(size: int, *, seed: int, folder: Path, bug: Bug | None = None) -> Figures:
    """Kill `size` lives. A planted bug is in this process already, and so in every life that is forked from it."""
    del bug
    rng, count = random.Random(seed), Count()
    warm_up(folder, COURSE)
    while count.kills < size:
        go_through(COURSE, _place(folder, count), lives=_LIVES_A_HOME, kills=size - count.kills, rng=rng, count=count)
    return figures(count, name=COURSE.name, done=count.kills, unit="kills at a crash point", seed=seed)


def warm_up(folder: Path, course: Course) -> None:
    """Live once in this process, so that what a first life loads and compiles is there for all that are forked."""
    prepare()
    place = folder / "warm"
    place.mkdir()
    world = _world(course, random.Random(0))
    bridge = set_up(place, world.fridges)
    ours, theirs = Pipe()
    answering = threading.Thread(target=_answer, args=(world, ours), name="world")
    answering.start()
    live(theirs, place, hub=hub_config(place), bridge=bridge, plan=Plan(point=None, nth=0, turns=2))
    theirs.close()
    answering.join()
    ours.close()
    gc.collect()
    gc.freeze()  # a life that looked for garbage among all this would copy every page of it


def go_through(
    course: Course,
    folder: Path,
    *,
    lives: int,
    kills: int,
    rng: random.Random,
    count: Count,
    between: Callable[[World, Path], None] = lambda _world, _folder: None,
) -> None:
    """One home: so many lives or kills, then peace, then the judge. `between` two lives anything may be done to it."""
    folder.mkdir()
    world = _world(course, rng)
    bridge = set_up(folder, world.fridges)
    until = count.kills + kills
    for _ in range(lives):
        if count.kills >= until:
            break
        plan = _plan(course, count, rng)
        died_at = _live_once(world, folder, bridge=bridge, plan=plan)
        if died_at is not None:
            count.kills += 1
            count.met[died_at] += 1
            count.as_planned[died_at] += died_at == plan.point
        else:
            count.spared += 1
        between(world, folder)
    for merchant in world.merchants.values():
        count.met.update(f"mode.{mode}" for mode in merchant.met.elements())
        merchant.faults = nothing_wrong
    _live_once(world, folder, bridge=bridge, plan=Plan(point=None, nth=0, turns=_TURNS_TO_SETTLE))
    verdict = judge(world, folder)
    broken = [line for line in _log(folder).splitlines() if line.startswith(_BROKEN)]
    count.verdicts.append(replace(verdict, faults=(*verdict.faults, *broken[:5])))


def figures(count: Count, *, name: str, done: int, unit: str, seed: int) -> Figures:
    """What a run came to."""
    verdicts = count.verdicts
    return Figures(
        name=name,
        done=done,
        unit=unit,
        lost=sum(each.lost for each in verdicts),
        doubled=sum(each.doubled for each in verdicts),
        unauthorised=sum(each.unauthorised for each in verdicts),
        overcharged=sum(each.overcharged for each in verdicts),
        in_doubt=sum(each.in_doubt for each in verdicts),
        parked=sum(each.parked for each in verdicts),
        covered={**count.met, "kills": count.kills, "spared": count.spared, "orders": count.orders},
        wanted=("orders", "kills", *_WANTED.get(name, ())),
        faults=tuple(f"seed={seed}: {fault}" for each in verdicts for fault in each.faults),
    )


def _place(folder: Path, count: Count) -> Path:
    return folder / f"home-{len(count.verdicts) + 1}"


def _plan(course: Course, count: Count, rng: random.Random) -> Plan:
    if rng.random() >= course.deaths:
        return Plan(point=None, nth=0, turns=course.turns)
    point = _choose(count, rng)
    count.planned[point] += 1
    armed_after = rng.randrange(course.turns) if course.turns > _SHORT_LIFE_TURNS else 0
    any_nth = rng.randint(1, _ANY_NTH_MAX) if course.all_die else 0
    return Plan(point=point, nth=rng.choice(_NTH), turns=course.turns, armed_after=armed_after, any_nth=any_nth)


def _choose(count: Count, rng: random.Random) -> str:
    """Mostly a point that lives do come to; now and then one of those that were met least."""
    if rng.random() < 0.15:
        fewest = sorted(POINTS, key=lambda point: count.met[point])[: max(3, len(POINTS) // 4)]
        return rng.choice(fewest)
    odds = [(1 + count.as_planned[point]) / (2 + count.planned[point]) for point in POINTS]
    return rng.choices(POINTS, odds)[0]


def _world(course: Course, rng: random.Random) -> World:
    appliances = fridges(course.fridges, merchants=list(MERCHANTS), use_packs=course.use_packs, rng=rng)
    world = World(
        rng=rng,
        now=START,
        fridges=appliances,
        merchants={},
        hours_a_turn=course.hours_a_turn,
        arrives_after_turns=course.arrives_after_turns,
    )
    for name, merchant_class in MERCHANTS.items():
        world.merchants[name] = SimulatedMerchant(
            shelves={each.sku: Shelf("Milk", PRICE_MINOR, 1_000_000) for each in appliances if each.merchant == name},
            delivery_minor=DELIVERY_MINOR,
            faults=seeded_plan(rng, share=_FAULTY),
            capability=replace(SIMULATED, merchant_class=merchant_class),
            now=lambda: world.now,
        )
    return world


def _live_once(world: World, folder: Path, *, bridge: BridgeConfig, plan: Plan) -> str | None:
    """Fork a life and answer it until it ends; the point at which it was killed, if it was."""
    ours, theirs = Pipe()
    child = os.fork()
    if child == 0:
        ours.close()
        _be(theirs, folder, bridge=bridge, plan=plan)
    theirs.close()
    try:
        died_at = _answer(world, ours)
    finally:
        ours.close()
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and died_at is not None:
        return died_at
    if status != 0:
        raise AssertionError(f"a life ended by itself: see {folder / 'life.log'}:\n{_log(folder)[-4_000:]}")
    return None


def _be(pipe: PipeEnd, folder: Path, *, bridge: BridgeConfig, plan: Plan) -> None:
    """Be the life, and end with its exit code; never go back into the campaign."""
    code = 1
    try:
        log = os.open(folder / "life.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 2)
        live(pipe, folder, hub=hub_config(folder), bridge=bridge, plan=plan)
        code = 0
    finally:
        sys.excepthook(*sys.exc_info()) if code else None  # type: ignore[arg-type]
        sys.stderr.flush()
        os._exit(code)


def _answer(world: World, pipe: PipeEnd) -> str | None:
    """Answer what a life asks, until there is nobody any more at the other end; where it said that it dies."""
    first, died_at = True, None
    while True:
        try:
            call: Call = pipe.recv()
            if call.name == "dies":
                died_at = call.args[0]
            elif call.merchant is not None:
                pipe.send(meet(world.merchants[call.merchant], call))
            else:
                pipe.send(_tell(world, call, first=first))
                first = first and call.name != "readings"
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return died_at


def _tell(world: World, call: Call, *, first: bool) -> object:
    """The world's own answers; a broker gives each device's birth to a hub that has just come."""
    answers: dict[str, Callable[..., object]] = {
        "now": lambda: world.now,
        "merchants": lambda: [(name, each.capability, each.currency) for name, each in world.merchants.items()],
        "turn": world.turn,
        "readings": lambda: [*(world.births() if first else ()), *world.readings()],
        "acknowledge": world.acknowledge,
        "wish": world.wish,
        "told": world.tell,
        "webhooks": world.webhooks,
        "look": world.look,
    }
    return answers[call.name](*call.args)


def _log(folder: Path) -> str:
    log = folder / "life.log"
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
