"""The simulated homes: their books, and that the campaign's figures can tell good from bad."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.campaign.homes.household import START, Absence, Home, home
from tests.campaign.homes.life import Judged, Lived, live
from tests.campaign.homes.measuring import estimate_figures, fares, summary
from tests.campaign.homes.person import Person
from tests.campaign.homes.policies import FixedCycle, FixedThreshold, cover_packs
from tests.campaign.homes.world import World

HOUR_MAX = 24 * 20


def judged(*, truth: float, value: float | None, half: float = 0.1) -> Judged:
    """One estimate of a level."""
    low, high = (None, None) if value is None else (value - half, value + half)
    return Judged(START, "milk", "level", "none", truth, value, low, high, 1.0)


def lived(policy: str, *, asked: int, out: int, spoiled: float) -> Lived:
    """A home of thirteen weeks."""
    return Lived(policy, 1, 91, asked=asked, out_days={"milk": out}, spoiled_packs={"milk": spoiled},
                 bought_packs={"milk": 9.0})  # fmt: skip


def test_a_seed_is_a_home() -> None:
    """The same seed gives the same home, another seed another one."""
    assert home(3, days=90) == home(3, days=90)
    assert home(3, days=90) != home(4, days=90)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_policy_meets_the_same_days(seed: int) -> None:
    """What is wanted of each ware is the same whoever decides, so what lacks is owed to the decisions alone."""
    wanted = []
    for policy in (FixedCycle(home(seed, days=20)), FixedThreshold(home(seed, days=20))):
        world = World(policy_home := home(seed, days=20))
        person = Person(world, policy)
        for _ in range(24 * 8):
            policy.hear(world.pass_hour(), now=world.now)
            world.close_hour()
            policy.look(world.now)
            person.live(world.now)
        vessels = {each.ware.name: world.stocks[each.ware.name] for each in policy_home.kept}
        wanted.append(
            {
                name: round(_wanted(stock), 6)
                for name, stock in vessels.items()
                if stock.kept.ware.name not in {"flour", "coffee"}  # what evaporates depends on what is there
            }
        )
    assert wanted[0] == wanted[1]


def _wanted(stock: object) -> float:
    vessel = stock.physics.vessels[stock.kept.ware.part]  # type: ignore[attr-defined]
    return float(vessel.used + vessel.unmet)


def test_nothing_is_lost_in_the_house() -> None:
    """What was there and what came is what was used, what was thrown away, and what is left."""
    world = World(home(5, days=20))
    person = Person(world, policy := FixedCycle(world.home))
    thrown: dict[str, float] = {}
    for _ in range(HOUR_MAX):
        policy.hear(world.pass_hour(), now=world.now)
        for name, amount in world.close_hour().items():
            thrown[name] = thrown.get(name, 0.0) + amount
        policy.look(world.now)
        person.live(world.now)
    for name, stock in world.stocks.items():
        ware, vessel = stock.kept.ware, stock.physics.vessels[stock.kept.ware.part]
        if ware.place == "cartridge":
            continue  # what was left in an old one goes with it
        came = stock.kept.at_start + stock.bought_packs * ware.pack
        went = vessel.used + vessel.evaporated + thrown.get(name, 0.0)
        assert came - went == pytest.approx(stock.amount, abs=1e-6 * max(came, 1.0)), name


def test_what_is_past_its_date_is_thrown_away() -> None:
    """Milk that nobody drinks is gone ten days later, and counted as spoiled."""
    nobody = Absence(START - timedelta(days=1), START + timedelta(days=30), 0.0)
    world = World(replace(home(1, days=90), away=nobody))
    milk = world.stocks["milk"]
    milk.receive(3, now=world.now)
    for _ in range(24 * 11):
        world.pass_hour()
        world.close_hour()
    assert milk.amount == pytest.approx(0, abs=1e-6)
    assert milk.spoiled_packs >= 3


def test_the_interval_is_judged_by_what_it_covers() -> None:
    """Coverage counts what is inside; what is unknown is neither a hit nor a miss."""
    some = [judged(truth=1.0, value=1.05), judged(truth=1.0, value=1.2), judged(truth=1.0, value=None)]
    figures = estimate_figures(some)
    assert figures["covered"] == 0.5
    assert figures["unknown"] == pytest.approx(1 / 3, abs=1e-3)
    assert figures["missed_below"] == 0.5


def test_the_bar_can_be_missed() -> None:
    """A hub that asks more than a fixed cycle does is not better on all three, however well it does else."""
    good = [lived("restock", asked=10, out=1, spoiled=0.5)]
    rivals = [
        lived("fixed_threshold", asked=20, out=4, spoiled=1.0),
        lived("fixed_cycle", asked=15, out=9, spoiled=2.0),
    ]
    assert summary([*good, *rivals])["bar"]["better_on_all_three"] is True  # type: ignore[index]
    loud = [lived("restock", asked=16, out=1, spoiled=0.5)]
    assert summary([*loud, *rivals])["bar"]["better_on_all_three"] is False  # type: ignore[index]
    assert fares(good)["prompts_a_week"] == pytest.approx(10 / 13, abs=1e-3)


def test_a_fixed_policy_is_set_up_by_the_guess() -> None:
    """The usual order is a week's worth of what spoils, two weeks' worth of the rest, never more than there is room."""
    for seed in range(1, 6):
        for kept in home(seed, days=90).kept:
            assert 1 <= cover_packs(kept) <= kept.ware.room_packs


def test_a_home_lives_through_a_week() -> None:
    """The whole path once, from the sensors to answered questions: every ware that has a sensor is known."""
    seen: list[datetime] = []
    found = live(small(2), "restock", days=7, watch=lambda _, __, now: seen.append(now))
    assert len(seen) == 7 * 24
    assert seen[-1] - START == timedelta(days=7)
    assert found.asked > 0
    known = [each for each in found.judged if each.value is not None]
    assert len(known) > 0.8 * len(found.judged)
    assert sum(abs((each.value or 0) - each.truth) < 0.5 for each in known) > 0.7 * len(known)


def small(seed: int) -> Home:
    """A home of a seed in which nothing is out of order."""
    return home(seed, days=90, faulty=False)
