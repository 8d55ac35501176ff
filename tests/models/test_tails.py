"""The heads of the reorder rule on a small made-up world: they learn, a seed decides, and JAX says what numpy says."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from edge_agent.core.feature_names import FEATURES
from models.chances import COLUMNS, START, TailPlan, draws_of, log_chances, some_kept
from models.dataset import DAYS, Purchases
from models.heads import answer, quantised, scaling_of, unscaled
from models.orders import fit_orders
from models.shelves import all_inputs, shelves
from models.tails import fit_tails, train_tails
from tests.models.made_up import market

SERIES = [one for one in market(households=10).series if len(one.days) >= 8]
PLAN = TailPlan(
    spreads=1,
    widths=(16,),
    tail_steps=20,
    tail_batch=256,
    order_steps=3,
    order_items=16,
    order_prices=2,
    order_moments=2_048,
    last_steps=5,
)
ITEMS = shelves(SERIES, rng=np.random.default_rng(1))
RAW = all_inputs(ITEMS, np.arange(START + 1, DAYS, 20)).reshape(-1, len(FEATURES))
SCALING = scaling_of(RAW)


def test_shelves_use_up_what_was_bought() -> None:
    """Every purchase but the last is finished by the next one, the last pack on that day."""
    one = Purchases(1, 1, np.arange(0, 300, 20), np.full(15, 3))
    found = shelves([one], rng=np.random.default_rng(2))
    assert found.finished.sum() == 14 * 3
    assert (found.finished[0, one.days[1:]] >= 1).all()
    assert np.cumsum(found.finished[0])[one.days[1:]].tolist() == [3 * n for n in range(1, 15)]
    assert (found.order_packs[0], found.first[0], found.end[0]) == (3, 0, 280)


def test_what_is_bought_too_rarely_is_no_shelf() -> None:
    """Without an item that counts there is nothing to learn from, and that is said."""
    with pytest.raises(ValueError, match="bought often enough"):
        shelves([Purchases(1, 1, np.array([3, 90, 250]), np.array([1, 1, 1]))], rng=np.random.default_rng(1))


def test_training_is_seeded_and_its_chances_are_chances() -> None:
    """The same seed gives the same head; what it says lies between 0 and 1 and falls with the position."""
    heads = [train_tails(SERIES, scaling=SCALING, seed=5, plan=PLAN) for _ in range(2)]
    one, two = (head for (head,) in heads)
    assert all(np.array_equal(left[0], right[0]) for left, right in zip(one.layers, two.layers, strict=True))
    chances = answer(quantised(unscaled(one, SCALING)), RAW)
    assert chances.shape == (len(RAW), 7, 6)
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances, axis=2) <= 0).all()


def test_likelihood_and_cost_fall() -> None:
    """Both stages go downhill on the items they learn from."""
    days = draws_of(SERIES, scaling=SCALING, plan=PLAN, rng=np.random.default_rng(3))
    lines: list[str] = []
    plan = replace(PLAN, tail_steps=100, order_steps=40, report_every=20)
    tails = fit_tails(days, seed=3, plan=plan, report=lines.append)
    fit_orders(tails, days, seed=3, plan=plan, report=lines.append)
    for stage in ("tails", "orders"):
        found = [float(line.split()[4]) for line in lines if line.startswith(stage)]
        assert found[-1] < found[0]


def test_jax_and_numpy_agree() -> None:
    """The network that training descends on is the one that is exported."""
    days = draws_of(SERIES, scaling=SCALING, plan=PLAN, rng=np.random.default_rng(4))
    tails = fit_tails(days, seed=1, plan=replace(PLAN, tail_steps=5), report=lambda _: None)
    head = days.head(tails)
    items = days.all[0]
    raw = all_inputs(items.items.some(slice(0, 3)), np.arange(START + 1, DAYS))
    x = items.x[:3].astype(np.float32)
    assert x.shape[2] == len(COLUMNS)
    category = np.broadcast_to(items.items.category[:3, None], x.shape[:2])
    said = np.exp(np.asarray(log_chances(tails, jnp.asarray(x), jnp.asarray(category))))
    found = answer(head, raw.reshape(-1, raw.shape[2]), SCALING).reshape(said.shape)
    assert np.abs(found - said).max() < 0.02  # halves and stored steps


def test_hidden_units_are_left_out_for_a_whole_year() -> None:
    """Each item lacks other units, all its days the same ones, and on average nothing is lost."""
    plan = replace(PLAN, widths=(40, 20), dropped=0.25)
    first, second = (np.asarray(part) for part in some_kept(jax.random.PRNGKey(1), items=500, plan=plan))
    assert (first.shape, second.shape) == ((500, 1, 40), (500, 1, 20))
    assert np.unique(first).tolist() == pytest.approx([0, 4 / 3])
    assert first.mean() == pytest.approx(1, abs=0.02)
    assert (first[0] != first[1]).any()
