"""Short tiers of the campaigns of forked lives, and that their judge can find a fault."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign import orders, restores
from tests.campaign.figures import Figures
from tests.campaign.kills import campaign
from tests.campaign.kills.campaign import Count, figures, go_through, warm_up
from tests.campaign.kills.setting import set_up


def _is_unharmed(ran: Figures) -> bool:
    harm = ran.lost + ran.doubled + ran.unauthorised + ran.overcharged
    return ran.done > 0 and harm == 0 and ran.faults == ()


def test_lives_that_are_killed_at_crash_points_lose_and_double_nothing(tmp_path: Path) -> None:
    """A few of thousands: the quick tier counts."""
    ran = campaign.run(12, seed=1, folder=tmp_path)
    assert _is_unharmed(ran), ran.faults


def test_a_life_that_does_not_come_to_its_point_is_killed_at_another(tmp_path: Path) -> None:
    """It passes two points in the turn after its last one, dies at the second, and the world knows which that was."""
    warm_up(tmp_path, campaign.COURSE)
    home = tmp_path / "home"
    home.mkdir()
    world = campaign._world(campaign.COURSE, random.Random(2))
    bridge = set_up(home, world.fridges)
    spared = campaign.Plan(point=None, nth=0, turns=0)
    assert campaign._live_once(world, home, bridge=bridge, plan=spared) is None
    assert campaign._live_once(world, home, bridge=bridge, plan=replace(spared, any_nth=2)) in campaign.POINTS


def test_orders_among_hostile_merchants_are_taken_once(tmp_path: Path) -> None:
    """Some days of one home; each order that a merchant took has its intent, within its terms."""
    count = Count()
    warm_up(tmp_path, orders.COURSE)
    short = replace(orders.COURSE, fridges=12, turns=4)
    go_through(short, tmp_path / "home", lives=3, kills=3, rng=random.Random(1), count=count)
    assert count.orders > 5
    assert _is_unharmed(figures(count, name="orders", done=count.orders, unit="orders", seed=1))


@pytest.mark.parametrize("lurks", [False, True])
def test_a_backup_that_is_put_back_orders_nothing_again(tmp_path: Path, *, lurks: bool) -> None:
    """One home, whose hub forgets its last days, at any moment or at a bad one: what is on its way is known again."""
    count, rng = Count(), random.Random(6)
    warm_up(tmp_path, restores.COURSE)
    keeper = restores.Keeper(tmp_path / "backup", rng=rng, count=count, lurks=lurks)
    go_through(restores.COURSE, tmp_path / "home", lives=20, kills=20, rng=rng, count=count, between=keeper.between)
    assert count.met["restored"]
    ran = figures(count, name="restores", done=count.met["restored"], unit="backups", seed=6)
    assert _is_unharmed(ran), ran.faults


@pytest.mark.parametrize("happens", [True, False])
def test_restores_must_meet_the_moment_that_they_are_there_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, happens: bool
) -> None:
    """A run in which nothing was ordered again between the backup and its return proves nothing."""
    monkeypatch.setattr(restores, "_ordered_again", lambda *_, **__: happens)
    monkeypatch.setattr(restores, "_LIVES_A_HOME", 12)
    ran = restores.run(1, seed=6, folder=tmp_path)
    assert _is_unharmed(ran), ran.faults
    assert ran.holds is happens
    assert ran.missed == (() if happens else ("ordered_again",))


def test_the_judge_finds_what_was_lost_and_doubled(tmp_path: Path) -> None:
    """A reading and an answer that the hub never had, and an order that came twice."""
    count = Count()
    warm_up(tmp_path, campaign.COURSE)

    def spoil(world: campaign.World, _folder: Path) -> None:
        world.acked.add(("fridge-1", "boot-1", 10_000))
        world.told["no-such-prompt"] = "approve"
        for merchant in world.merchants.values():
            if len(merchant.ledger) == 1:
                merchant.ledger.append(replace(merchant.ledger[0], order_id="again"))

    go_through(campaign.COURSE, tmp_path / "home", lives=12, kills=12, rng=random.Random(3), count=count, between=spoil)
    [verdict] = count.verdicts
    assert verdict.lost >= 2
    assert verdict.doubled >= 1
