"""The simulated shelf against a slow one of its own, and the worth of a decision against living both ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.restocking import Moment, Rule, evenings, worth

DAYS, START, LEAD = 60, 5, 2


def _rule(seed: int) -> Rule:
    rng = np.random.default_rng(seed)
    items, lanes = 5, 12
    needs = rng.integers(1, 4, (lanes, DAYS - START))
    return Rule(
        finished=rng.poisson(0.4, (items, DAYS)),
        end=rng.integers(40, DAYS, items),
        order_packs=rng.integers(1, 4, items),
        item=rng.integers(0, items, lanes),
        needs=needs,
        chance=np.full((lanes, DAYS - START, 6), 0.5),
        pack_day_cost=rng.uniform(0.01, 0.1, lanes),
        lead_d=LEAD,
        start=START,
    )


def _slowly(rule: Rule, lane: int, *, forced: tuple[int, int] | None = None) -> float:
    """Cost of one lane; `forced` (day, packs) is what is ordered on that evening whatever is needed."""
    item = int(rule.item[lane])
    lot, shelf = int(rule.order_packs[item]), int(rule.order_packs[item])
    position, coming, cost = shelf, dict[int, int](), 0.0
    for day in range(rule.start, int(rule.end[item])):
        shelf += coming.pop(day, 0)
        used = min(shelf, int(rule.finished[item, day]))
        cost += (shelf <= 0) + float(rule.pack_day_cost[lane]) * max(shelf - 0.5 * (shelf > 0) - 0.5 * used, 0.0)
        shelf, position = shelf - used, position - used
        ordered = 0
        while position + ordered < rule.needs[lane, day - rule.start]:
            ordered += lot
        if forced is not None and forced[0] == day:
            ordered = forced[1] + (lot if position < 1 else 0)
        position += ordered
        coming[day + 1 + rule.lead_d] = ordered
    return cost


def test_the_cost_of_a_rule_is_that_of_the_slow_shelf() -> None:
    """Stock-outs, holding, lost use and arrivals, day by day."""
    for seed in range(5):
        rule = _rule(seed)
        _, cost = evenings(rule)
        assert np.allclose(cost, [_slowly(rule, lane) for lane in range(len(rule.item))])


def test_a_decision_is_worth_what_living_both_ways_differs() -> None:
    """Ordering one lot now against nothing today, and the same rule from tomorrow on."""
    rule = _rule(1)
    rule = replace(rule, needs=np.broadcast_to(rule.needs[:, :1], rule.needs.shape).copy())
    moment, _ = evenings(rule)
    early = moment.some((moment.day >= 15) & (moment.day < 22))
    gains = worth(rule, early)
    assert len(gains) > 20
    for place, gain in enumerate(gains):
        lane, day = int(early.lane[place]), int(early.day[place])
        lot = int(rule.order_packs[rule.item[lane]])
        now, later = (_slowly(rule, lane, forced=(day, packs)) for packs in (lot, 0))
        assert np.isclose(gain, later - now)


def test_only_close_decisions_are_looked_at() -> None:
    """A rule that is sure everywhere leaves nothing to try."""
    moment, _ = evenings(replace(_rule(2), chance=np.zeros((12, DAYS - START, 6))))
    assert len(moment.lane) == 0
    assert isinstance(moment, Moment)
