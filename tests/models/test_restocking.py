"""The simulated shelf against a slow one of its own, and the worth of a decision against living both ways."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from models.chances import TailPlan
from models.orders import Items, slope_of
from models.restocking import Lanes, Moment, Shelf, evenings, worth

DAYS, LEAD = 60, 2


def _lanes(seed: int) -> Lanes:
    rng = np.random.default_rng(seed)
    lanes = 12
    return Lanes(
        finished=jnp.asarray(rng.poisson(0.4, (lanes, DAYS)), dtype=float),
        needs=jnp.asarray(rng.integers(1, 4, (lanes, DAYS)), dtype=float),
        end=jnp.asarray(rng.integers(40, DAYS, lanes), dtype=float),
        lot=jnp.asarray(rng.integers(1, 4, lanes), dtype=float),
        pack_day_cost=jnp.asarray(rng.uniform(0.01, 0.1, lanes)),
    )


def _slowly(lanes: Lanes, lane: int, *, forced: tuple[int, int] | None = None) -> float:
    """Cost of one lane; `forced` (day, packs) is what is ordered on that evening whatever is needed."""
    finished, needs, end, lot, day_cost = (np.asarray(part)[lane] for part in lanes)
    shelf = position = int(lot)
    coming, cost = dict[int, int](), 0.0
    for day in range(int(end)):
        shelf += coming.pop(day, 0)
        used = min(shelf, int(finished[day]))
        cost += (shelf <= 0) + float(day_cost) * max(shelf - 0.5 * (shelf > 0) - 0.5 * used, 0.0)
        shelf, position = shelf - used, position - used
        ordered = 0
        while position + ordered < needs[day]:
            ordered += int(lot)
        if forced is not None and forced[0] == day:
            ordered = forced[1] + (int(lot) if position < 1 else 0)
        position += ordered
        coming[day + 1 + LEAD] = ordered
    return cost


def _moments(shelves: Shelf, days: range) -> Moment:
    """All evenings of these days, each of which counts."""
    lane = np.tile(np.arange(shelves.packs.shape[1]), len(days))
    day = np.repeat(np.array(days), shelves.packs.shape[1])
    return Moment(
        jnp.asarray(lane), jnp.asarray(day), jax.tree.map(lambda part: part[day, lane], shelves), jnp.ones(len(lane))
    )


def test_the_cost_of_a_rule_is_that_of_the_slow_shelf() -> None:
    """Stock-outs, holding, lost use and arrivals, day by day."""
    for seed in range(5):
        lanes = _lanes(seed)
        _, cost = evenings(lanes, lead_d=LEAD)
        expected = [_slowly(lanes, lane) for lane in range(len(lanes.lot))]
        assert np.allclose(np.asarray(cost), expected, rtol=1e-5)


def test_a_decision_is_worth_what_living_both_ways_differs() -> None:
    """Ordering one lot now against nothing today, and the same rule from tomorrow on."""
    lanes = _lanes(1)
    lanes = lanes._replace(needs=jnp.broadcast_to(lanes.needs[:, :1], lanes.needs.shape))
    shelves, _ = evenings(lanes, lead_d=LEAD)
    moment = _moments(shelves, range(15, 22))
    gains = np.asarray(worth(lanes, moment))
    for gain, lane, day in zip(gains, moment.lane.tolist(), moment.day.tolist(), strict=True):
        now, later = (_slowly(lanes, lane, forced=(day, packs)) for packs in (int(lanes.lot[lane]), 0))
        assert np.isclose(gain, later - now, atol=1e-4)


def test_what_fills_up_a_batch_is_worth_nothing() -> None:
    """Moments that do not count leave no gain."""
    lanes = _lanes(2)
    shelves, _ = evenings(lanes, lead_d=LEAD)
    moment = _moments(shelves, range(10, 20))
    assert np.asarray(worth(lanes, moment)).any()
    assert not np.asarray(worth(lanes, moment._replace(counts=jnp.zeros_like(moment.counts)))).any()


def _slope(logs: float) -> tuple[np.ndarray, float]:
    """Slope and cost on items that are finished every fifth day, all chances alike."""
    items, days = 8, 100
    finished = jnp.tile(jnp.asarray([0.0, 0.0, 0.0, 0.0, 1.0]), (items, days // 5))
    years = Items(
        x=jnp.zeros((items, days, 1)), category=jnp.zeros(items, dtype=int), finished=finished,
        end=jnp.full(items, float(days)), lot=jnp.ones(items), price=jnp.full(items, np.log(5.0)),
    )  # fmt: skip
    shown = jnp.full((items, days, 6), logs) - 2.0 * jnp.arange(6.0)
    plan = TailPlan(order_prices=2, order_moments=4_096, thrift=(0.01, 0.02))
    slope, cost = slope_of(shown, years, key=jax.random.PRNGKey(1), noise=jnp.float32(0.3), plan=plan)
    return np.asarray(slope), float(cost)


def test_a_rule_that_orders_too_late_is_told_to_order_sooner() -> None:
    """Near the price the cost falls with the chance of the first pack; a rule that is sure learns nothing."""
    slope, cost = _slope(np.log(5.0 * 0.014))
    assert slope[:, :, 0].sum() < 0
    sure, more = _slope(-10.0)
    assert not sure.any()
    assert more > cost
