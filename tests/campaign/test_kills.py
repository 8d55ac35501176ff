"""Short tiers of the campaigns of forked lives, and that their judge can find a fault."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from tests.campaign import orders, restores
from tests.campaign.figures import Figures
from tests.campaign.kills import campaign
from tests.campaign.kills.campaign import Count, figures, go_through, warm_up


def _is_unharmed(ran: Figures) -> bool:
    harm = ran.lost + ran.doubled + ran.unauthorised + ran.overcharged
    return ran.done > 0 and harm == 0 and ran.faults == ()


def test_lives_that_are_killed_at_crash_points_lose_and_double_nothing(tmp_path: Path) -> None:
    """A few of thousands: the quick tier counts."""
    ran = campaign.run(12, seed=1, folder=tmp_path)
    assert _is_unharmed(ran), ran.faults


def test_orders_among_hostile_merchants_are_taken_once(tmp_path: Path) -> None:
    """Some days of one home; each order that a merchant took has its intent, within its terms."""
    count = Count()
    warm_up(tmp_path, orders.COURSE)
    short = replace(orders.COURSE, fridges=12, turns=4)
    go_through(short, tmp_path / "home", lives=3, kills=3, rng=random.Random(1), count=count)
    assert count.orders > 5
    assert _is_unharmed(figures(count, name="orders", done=count.orders, unit="orders", seed=1))


def test_a_backup_that_is_put_back_orders_nothing_again(tmp_path: Path) -> None:
    """One home, whose hub forgets its last days twice: everything is known again, within its terms, under one key.

    That an article on its way is not asked for again is the campaign's to count: it went wrong once in some 160
    restores, for a reason that is not found yet (docs/promises.md).
    """
    count, rng = Count(), random.Random(6)
    warm_up(tmp_path, restores.COURSE)
    keeper = restores.Keeper(tmp_path / "backup", rng=rng, count=count)
    go_through(restores.COURSE, tmp_path / "home", lives=20, kills=20, rng=rng, count=count, between=keeper.between)
    assert count.met["restored"] > 1
    ran = figures(count, name="restores", done=count.met["restored"], unit="backups", seed=6)
    assert (ran.lost, ran.unauthorised, ran.overcharged) == (0, 0, 0), ran.faults
    assert [fault for fault in ran.faults if not fault.endswith("on its way already")] == []


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
