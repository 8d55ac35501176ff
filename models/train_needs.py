"""Fit the need head in JAX: a few wide networks on dense origins, then one small network that learns from all of them.

The loss is the likelihood of what was observed (hazards, so a year that ends early says what it says and no more) and
beside it the ranked probability score, each category and target divided by the reference's loss, as the score does.
Half of the wide networks know the household's shopping days, the others do not. The small network answers both ways:
some of its rows have the shopping days hidden. Beside the truth it sees the mean chances of those wide networks that
know as much as it does; it ends nearer to their mean than any of them does alone. The weights are an average over the
last steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from edge_agent.core.feature_names import FEATURES, UNKNOWN_CATEGORY
from models.dataset import CATEGORY_NAMES
from models.heads import INPUTS, Array, Finish, Head, Scaling, folded, scaled
from models.needs import NEED_DAYS, UNKNOWN_PACKS, NeedRows
from models.quantiles import PACK_EDGES

Parameters = dict[str, Any]  # a JAX tree: embedding and layers
Report = Callable[[str], None]

NAME: Final = "need"
SHAPE: Final = (4, NEED_DAYS)
EMBEDDING: Final = 8
_OF_USE: Final = frozenset(
    {"rate", "used_share", "peak_day", "prior_rate"} | {name for name in FEATURES if name.startswith("rate_")}
)
CONTEXT: Final = frozenset(
    {name for name in FEATURES if name.startswith(("trip", "basket"))} | {"days_since_trip", "context"}
)
COLUMNS: Final = tuple(name for name in INPUTS if name not in _OF_USE)

_CURVES = 16  # smooth shapes that the chances of packs are made of
_CLIP = (-12.0, 4.0)
_STEPS_AT_ONCE = 50
_AVERAGE = 0.999


@dataclass(frozen=True, slots=True)
class NeedPlan:
    """How many networks of each kind, how wide, how long.

    `soft` is the weight of the wide networks' answers beside the truth; `hide` and `unnamed` are the shares of the
    small one's rows whose context and whose category are hidden: a hub has items of categories that nobody trained on.
    """

    teachers: int = 3
    wide: tuple[int, ...] = (64, 64)
    small: tuple[int, ...] = (64, 64)
    epochs: int = 4
    small_epochs: int = 8
    batch: int = 2_048
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    soft: float = 0.7
    hide: float = 0.4
    unnamed: float = 0.08


@dataclass(frozen=True, slots=True)
class _How:
    """One fit: hidden widths, passes over the rows, seed, name in reports, shares of rows with what is hidden."""

    widths: tuple[int, ...]
    epochs: int
    seed: int
    name: str
    hide: float
    unnamed: float = 0.0


@dataclass(frozen=True, slots=True)
class NeedSet:
    """Rows as JAX takes them. Shapes: `x` (n, columns), `absent` (columns,) for hidden context, the rest (n, ...)."""

    x: Array
    category: NDArray[np.int32]
    days: NDArray[np.int32]
    observed: NDArray[np.int32]
    place: NDArray[np.int32]  # of the packs among PACK_EDGES, by horizon
    known: Array
    weight: Array  # 1 / the reference's loss of the category, by target
    center: Array  # what was taken from the scaled columns


def train_needs(
    data: NeedSet,
    *,
    scaling: Scaling,
    seed: int,
    plan: NeedPlan,
    report: Report = lambda _: None,
) -> Head:
    """The need head, from rows that `prepared` made with the same scaling."""
    absent = np.where(np.isin(COLUMNS, sorted(CONTEXT)), _absent(scaling, data.center), np.nan)
    soft = []
    for kind, hide in enumerate((0.0, 1.0)):
        wide = [
            _descend(data, how, absent=absent, plan=plan, report=report)
            for how in (
                _How(plan.wide, plan.epochs, seed * 100 + 10 * kind + number, f"network {kind + 1}.{number + 1}", hide)
                for number in range(plan.teachers)
            )
        ]
        soft.append(_mean_answer(wide, data, absent=absent if hide else None))
    how = _How(plan.small, plan.small_epochs, seed * 100 + 99, "small network", plan.hide, plan.unnamed)
    taught = (soft[0], soft[1]) if plan.teachers else None
    small = _descend(data, how, absent=absent, plan=plan, report=report, soft=taught)
    return _head(small, center=data.center)


def reference_by_category(reference: NDArray[np.float64], category: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean reference loss by category, the overall one where a category is rare. Shape: (categories, 4)."""
    count = np.bincount(category, minlength=len(CATEGORY_NAMES))
    sums = [np.bincount(category, weights=column, minlength=len(count)) for column in reference.T]
    means = np.stack(sums, axis=1) / np.maximum(count, 1)[:, None]
    return np.where(count[:, None] > 50, means, reference.mean(axis=0))


def prepared(rows: NeedRows, reference: NDArray[np.float64], *, scaling: Scaling) -> NeedSet:
    """Rows as training takes them; a caller may drop `rows` afterwards, which are large.

    Shape: `reference` (categories, 4), mean loss of the reference forecast, for the weights of the loss.
    """
    columns = np.array([INPUTS.index(name) for name in COLUMNS])
    x = np.empty((len(rows.inputs), len(columns)), dtype=np.float32)
    for start in range(0, len(x), 65_536):
        x[start : start + 65_536] = scaled(rows.inputs[start : start + 65_536], scaling)[:, columns]
    center = x.mean(axis=0)
    x -= center
    seen = rows.days <= NEED_DAYS
    return NeedSet(
        x=x,
        category=rows.category.astype(np.int32),
        days=rows.days.astype(np.int32),
        observed=np.where(seen, NEED_DAYS, rows.observed).astype(np.int32),
        place=np.searchsorted(PACK_EDGES, np.maximum(rows.packs, 0)).astype(np.int32),
        known=(rows.packs != UNKNOWN_PACKS).astype(np.float32),
        weight=(1 / reference).astype(np.float32)[rows.category],
        center=center,
    )


def _absent(scaling: Scaling, center: Array) -> Array:
    """What the columns hold where context is hidden: the scaled zero."""
    zero = scaled(np.zeros((1, len(FEATURES)), dtype=np.float32), scaling)[0]
    return np.asarray(zero[[INPUTS.index(name) for name in COLUMNS]] - center, dtype=np.float32)


def _curves() -> Array:
    """Smooth shapes over the logs of PACK_EDGES: few numbers a horizon, and steps that are rare lean on their kin."""
    logs = np.log1p(np.minimum(PACK_EDGES, 400))
    centers = np.linspace(0, np.log1p(200), _CURVES)
    shapes = np.exp(-0.5 * ((logs[:, None] - centers) / (centers[1] - centers[0])) ** 2).T
    return np.asarray(shapes / np.linalg.norm(shapes, axis=1, keepdims=True), dtype=np.float32)


def _start(key: jax.Array, widths: Sequence[int]) -> Parameters:
    sizes = [len(COLUMNS) + EMBEDDING, *widths, NEED_DAYS + 3 * _CURVES]
    keys = jax.random.split(key, len(sizes))
    layers = []
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        scale = (1.4 if number < len(widths) else 0.42) / rows**0.5
        layers.append((jax.random.normal(keys[number], (rows, columns)) * scale, jnp.zeros(columns)))
    first = np.concatenate([np.full(NEED_DAYS, -3.0), np.full(3 * _CURVES, -0.4)])
    layers[-1] = (layers[-1][0], jnp.asarray(first, dtype=jnp.float32))
    return {"embedding": jax.random.normal(keys[-1], (len(CATEGORY_NAMES), EMBEDDING)) * 0.1, "layers": layers}


def _logs(parameters: Parameters, x: jax.Array, category: jax.Array) -> jax.Array:
    """Log hazards (n, 4, NEED_DAYS): of a need on each day, and of stopping at each edge of packs."""
    hidden = jnp.concatenate([x, parameters["embedding"][category]], axis=1)
    for matrix, bias in parameters["layers"][:-1]:
        hidden = jax.nn.relu(hidden @ matrix + bias)
    matrix, bias = parameters["layers"][-1]
    last = hidden @ matrix + bias
    packs = last[:, NEED_DAYS:].reshape(-1, 3, _CURVES) @ _curves()
    return jnp.concatenate([last[:, None, :NEED_DAYS], packs], axis=1)


def _loss(logs: jax.Array, truth: tuple[jax.Array, ...], soft: jax.Array | None, *, share: float) -> jax.Array:
    """Mean of likelihood and ranked probability score, against the truth and against soft chances of it."""
    days, observed, place, known, weight = truth
    hazard = jnp.exp(jnp.clip(logs, *_CLIP))
    ended = -jnp.expm1(-hazard - 1e-7)
    chances = -jnp.expm1(-jnp.cumsum(hazard, axis=2))
    steps = jnp.arange(NEED_DAYS)
    at = jnp.concatenate([days[:, None] - 1, place], axis=1)[:, :, None]
    end = jnp.concatenate([observed[:, None], jnp.full_like(place, NEED_DAYS)], axis=1)[:, :, None]
    counted = jnp.concatenate([jnp.ones_like(known[:, :1]), known], axis=1)
    shown = (steps < end) * counted[:, :, None]
    spans = jnp.asarray(_spans())
    event = ((steps == at) * shown).astype(jnp.float32)
    survived = ((steps < at) * shown).astype(jnp.float32)
    reached = (steps >= at).astype(jnp.float32)

    def cost(survived: jax.Array, event: jax.Array, reached: jax.Array, shown: jax.Array) -> jax.Array:
        likelihood = (survived * hazard - event * jnp.log(ended)).sum(axis=2)
        ranked = ((chances - reached) ** 2 * spans * shown).sum(axis=2) / 2 * weight
        return (likelihood + ranked).mean()

    hard = cost(survived, event, reached, shown)
    if soft is None:
        return hard
    before = jnp.concatenate([jnp.zeros_like(soft[:, :, :1]), soft[:, :, :-1]], axis=2)
    return (1 - share) * hard + share * cost(1 - soft, soft - before, soft, jnp.ones_like(soft))


def _spans() -> Array:
    """Days or packs from each step to the next. Shape: (4, NEED_DAYS)."""
    packs = np.append(np.diff(PACK_EDGES)[:-1], [30, 0])
    return np.stack([np.ones(NEED_DAYS), *([packs] * 3)]).astype(np.float32)


def _descend(
    data: NeedSet,
    how: _How,
    *,
    absent: Array,
    plan: NeedPlan,
    report: Report,
    soft: tuple[NDArray[np.float16], NDArray[np.float16]] | None = None,
) -> Parameters:
    """AdamW with a cosine schedule; returns the average of the parameters over the last steps."""
    per_epoch = len(_draws(len(data.x), plan.batch, rng=np.random.default_rng(0)))
    total = per_epoch * _STEPS_AT_ONCE * how.epochs
    schedule = optax.warmup_cosine_decay_schedule(0, plan.learning_rate, min(500, total // 10), total)
    optimiser = optax.adamw(schedule, weight_decay=plan.weight_decay)
    parameters = _start(jax.random.PRNGKey(how.seed), how.widths)

    def cost(parameters: Parameters, batch: tuple[Any, ...]) -> jax.Array:
        x, category, hide, truth, taught = batch
        logs = _logs(parameters, jnp.where(hide[:, None], _hidden(x, absent), x), category)
        return _loss(logs, truth, None if taught is None else taught.astype(jnp.float32), share=plan.soft)

    def step(carry: Any, batch: tuple[Any, ...]) -> tuple[Any, jax.Array]:  # noqa: ANN401 - JAX trees
        parameters, state, average, count = carry
        loss, slope = jax.value_and_grad(cost)(parameters, batch)
        updates, state = optimiser.update(slope, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        keep = jnp.minimum(_AVERAGE, (1 + count) / (10 + count))
        average = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, average, parameters)
        return (parameters, state, average, count + 1), loss

    run = jax.jit(lambda carry, batches: jax.lax.scan(step, carry, batches))
    carry: Any = (parameters, optimiser.init(parameters), parameters, jnp.float32(0))
    rng, began = np.random.default_rng(how.seed), time.monotonic()
    for epoch in range(1, how.epochs + 1):
        losses = []
        for rows in _draws(len(data.x), plan.batch, rng=rng):
            carry, loss = run(carry, _batches(data, rows, how=how, rng=rng, soft=soft))
            losses.append(float(loss.mean()))
        report(f"{how.name}: epoch {epoch} loss {np.mean(losses):.4f} after {time.monotonic() - began:.0f} s")
    return jax.tree.map(np.asarray, carry[2])  # type: ignore[no-any-return]


def _draws(count: int, batch: int, *, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Rows of each run of steps, shuffled. Shape: (steps, batch)."""
    size = min(batch, count)
    order = rng.permutation(count)
    whole = order[: count // size * size].reshape(-1, size)
    runs = [whole[at : at + _STEPS_AT_ONCE] for at in range(0, len(whole), _STEPS_AT_ONCE)]
    return [rows for rows in runs if len(rows) == _STEPS_AT_ONCE] or runs[:1]


def _batches(
    data: NeedSet, rows: NDArray[np.int64], *, how: _How, rng: np.random.Generator, soft: tuple[Any, Any] | None
) -> tuple[Any, ...]:
    hide = rng.random(rows.shape) < how.hide
    category = np.where(rng.random(rows.shape) < how.unnamed, UNKNOWN_CATEGORY, data.category[rows])
    truth = tuple(part[rows] for part in (data.days, data.observed, data.place, data.known, data.weight))
    taught = None if soft is None else np.where(hide[:, :, None, None], soft[1][rows], soft[0][rows])
    return data.x[rows], category, hide, truth, taught


def _hidden(x: jax.Array, absent: Array) -> jax.Array:
    """Rows with their context hidden. `absent` holds a number for each column of context, NaN for the others."""
    return jnp.where(np.isnan(absent), x, np.nan_to_num(absent))


def _mean_answer(networks: Sequence[Parameters], data: NeedSet, *, absent: Array | None) -> NDArray[np.float16]:
    """Mean chances of several networks; with `absent` the context is hidden. Shape: (n, 4, NEED_DAYS)."""

    @jax.jit
    def chances(parameters: Parameters, x: jax.Array, category: jax.Array) -> jax.Array:
        logs = _logs(parameters, x if absent is None else _hidden(x, absent), category)
        return -jnp.expm1(-jnp.cumsum(jnp.exp(jnp.clip(logs, *_CLIP)), axis=2))

    out = np.empty((len(data.x) if networks else 0, *SHAPE), dtype=np.float16)
    for start in range(0, len(out), 16_384):
        part = slice(start, start + 16_384)
        out[part] = np.mean([chances(one, data.x[part], data.category[part]) for one in networks], axis=0)
    return out


def _head(parameters: Parameters, *, center: Array) -> Head:
    columns = np.array([INPUTS.index(name) for name in COLUMNS])
    layers = [(np.asarray(matrix), np.asarray(bias)) for matrix, bias in parameters["layers"]]
    layers[0] = folded(*layers[0], columns=columns, center=center)
    return Head(
        name=NAME, unit="probability that it takes longer, or is more", shape=SHAPE, finish=Finish.SURVIVAL,
        embedding=np.asarray(parameters["embedding"]), layers=tuple(layers), curves=_curves(),
    )  # fmt: skip
