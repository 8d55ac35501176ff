"""The network behind a reorder decision, what it is shown, and how it moves: what both stages of its training share.

It answers with chances by lead time and position. `x` are scaled inputs less their mean, of the mornings after day
`START` of the year: what is known then is of the days before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from models.dataset import CATEGORY_NAMES, DAYS, Purchases
from models.heads import INPUTS, Array, Finish, Head, Scaling, folded, scaled, steps_of
from models.shelves import Shelves, all_inputs, shelves
from models.train_needs import CONTEXT

Parameters = dict[str, Any]  # a JAX tree: embedding and layers
Report = Callable[[str], None]

LEAD_DAYS: Final = (1, 2, 3, 4, 5, 6, 7)
POSITIONS: Final = 6
EMBEDDING: Final = 4
START: Final = 120  # day of the year on which shelves are opened; the features need some past
COLUMNS: Final = tuple(name for name in INPUTS if name not in CONTEXT)
NAME: Final = "order_chances"

_PLACES = np.array([INPUTS.index(name) for name in COLUMNS])
_MORNINGS = np.arange(START + 1, DAYS)
_ITEMS_AT_ONCE = 50
_CENTER_EVERY = 7
_CLIP = (-12.0, 4.0)
_FIRST_BIAS = 0.4


@dataclass(frozen=True, slots=True)
class TailPlan:
    """How long, how wide, and over which prices (`thrift` of `core.deciding.reorder`)."""

    spreads: int = 4
    widths: tuple[int, ...] = (64, 32)
    tail_steps: int = 1_000
    tail_batch: int = 4_096
    tail_rate: float = 3e-3
    order_steps: int = 8_000
    order_items: int = 96
    order_prices: int = 8
    order_moments: int = 32_768  # of a step, at most
    order_rate: float = 1e-3
    weight_decay: float = 1e-3
    last_steps: int = 400
    thrift: tuple[float, float] = (6e-4, 1.2e-2)
    noise: tuple[float, float] = (0.3, 0.15)  # of the log of the price, at first and at last
    dropped: float = 0.1  # of hidden units, others for each item: no household is learned by heart
    average: float = 0.99
    report_every: int = 250


@dataclass(frozen=True, slots=True)
class Draw:
    """Shelves of one random spread, with what the network is shown and asked.

    Shapes: `x` (items, mornings, columns) float16; `prices` (items,) logs of days of supply; `packs` (items, mornings,
    leads) finished within each lead time, at most POSITIONS; `shown` where that is known.
    """

    items: Shelves
    x: NDArray[np.float16]
    prices: NDArray[np.float64]
    packs: NDArray[np.int8]
    shown: NDArray[np.bool_]

    def batch(self, size: int, *, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """Random mornings of any items: inputs, category, packs finished, and whether that is known."""
        item, day = rng.integers(0, len(self.x), size), rng.integers(0, self.x.shape[1], size)
        x = self.x[item, day].astype(np.float32)
        return x, self.items.category[item], self.packs[item, day], self.shown[item, day]


@dataclass(frozen=True, slots=True)
class Draws:
    """All spreads to train on, and how their inputs were prepared."""

    all: tuple[Draw, ...]
    scaling: Scaling
    center: Array

    def head(self, parameters: Parameters) -> Head:
        """The head over all inputs. Its first layer is rounded to stored steps, so that the bias makes up for it."""
        layers = [(np.asarray(matrix), np.asarray(bias)) for matrix, bias in parameters["layers"]]
        first, bias = folded(*layers[0], columns=_PLACES, center=np.zeros_like(self.center))
        first[: len(INPUTS)] /= self.scaling.spread[:, None]
        steps, scale = steps_of(first)
        first = np.asarray(steps * scale, dtype=np.float32)
        first[: len(INPUTS)] *= self.scaling.spread[:, None]
        layers[0] = (first, np.asarray(bias - self.center @ first[_PLACES]))
        return Head(
            name=NAME, unit="probability", shape=(len(LEAD_DAYS), POSITIONS), finish=Finish.SURVIVAL,
            embedding=np.asarray(parameters["embedding"]), layers=tuple(layers),
        )  # fmt: skip


def draws_of(series: Sequence[Purchases], *, scaling: Scaling, plan: TailPlan, rng: np.random.Generator) -> Draws:
    """Shelves of these series, spread anew `plan.spreads` times.

    Raises: ValueError when no series was bought often enough.
    """
    made = [shelves(series, rng=rng) for _ in range(plan.spreads)]
    raw = all_inputs(made[0].some(slice(None, None, _CENTER_EVERY)), _MORNINGS[::_CENTER_EVERY])
    center = np.asarray(scaled(raw.reshape(-1, raw.shape[2]), scaling)[:, _PLACES].mean(axis=0))
    return Draws(tuple(_draw(items, scaling=scaling, center=center) for items in made), scaling, center)


def log_chances(
    parameters: Parameters,
    x: jax.Array,
    category: jax.Array,
    *,
    leads: tuple[int, ...] = LEAD_DAYS,
    kept: Sequence[jax.Array] = (),
) -> jax.Array:
    """Logs of the chances by lead time and position, one pack first. Shape: (..., len(leads), POSITIONS).

    Shapes: `x` (..., columns), `category` what goes along with (...): one entry will do for all days of an item. `kept`
    are factors of the hidden units, layer by layer, while some of them are left out.
    """
    columns = x.shape[-1]
    (matrix, bias), *between = parameters["layers"][:-1]
    embedded = parameters["embedding"][category] @ matrix[columns:]  # apart: far less work for the slope
    hidden = jax.nn.relu(x @ matrix[:columns] + embedded + bias) * (kept[0] if kept else 1.0)
    for number, (matrix, bias) in enumerate(between, start=1):
        hidden = jax.nn.relu(hidden @ matrix + bias) * (kept[number] if kept else 1.0)
    matrix, bias = parameters["layers"][-1]
    wanted = np.repeat([days in leads for days in LEAD_DAYS], POSITIONS)
    last = (hidden @ matrix[:, wanted] + bias[wanted]).reshape(*hidden.shape[:-1], len(leads), POSITIONS)
    return -jnp.cumsum(jnp.exp(jnp.clip(last, *_CLIP)), axis=-1)


def some_kept(key: jax.Array, *, items: int, plan: TailPlan) -> list[jax.Array]:
    """Factors of the hidden units, 0 for a few of them, the same for all days of an item. Shapes: (items, 1, width)."""
    keys = jax.random.split(key, len(plan.widths))
    return [
        jax.random.bernoulli(one, 1 - plan.dropped, (items, 1, width)) / (1 - plan.dropped)
        for one, width in zip(keys, plan.widths, strict=True)
    ]


def likelihood_loss(
    parameters: Parameters, x: jax.Array, category: jax.Array, packs: jax.Array, shown: jax.Array
) -> jax.Array:
    """Minus the mean log likelihood of the packs finished within each lead time that is shown."""
    logs = log_chances(parameters, x, category)
    reached = packs[..., None] >= jnp.arange(1, POSITIONS + 1)
    likelihood = jnp.where(reached, logs, jnp.log1p(-jnp.exp(jnp.minimum(logs, -1e-6))))
    return -(likelihood * shown[..., None]).sum(axis=(1, 2)).mean()


def first_parameters(widths: tuple[int, ...], *, seed: int) -> Parameters:
    """Random weights."""
    sizes = (len(COLUMNS) + EMBEDDING, *widths, len(LEAD_DAYS) * POSITIONS)
    keys = jax.random.split(jax.random.PRNGKey(seed), len(sizes))
    layers = []
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        scale = (1.4 if number < len(widths) else 0.3) / rows**0.5
        layers.append((jax.random.normal(keys[number], (rows, columns)) * scale, jnp.zeros(columns)))
    layers[-1] = (layers[-1][0], jnp.full(len(LEAD_DAYS) * POSITIONS, _FIRST_BIAS))
    return {"embedding": jax.random.normal(keys[-1], (len(CATEGORY_NAMES), EMBEDDING)) * 0.1, "layers": layers}


class Descent:
    """AdamW with one cycle of the learning rate, and the running average of the parameters."""

    def __init__(self, rate: float, steps: int, *, plan: TailPlan) -> None:
        schedule = optax.cosine_onecycle_schedule(steps, rate, pct_start=0.1)
        self._optimiser = optax.chain(
            optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=plan.weight_decay)
        )
        self._keep = plan.average

    def begin(self, parameters: Any) -> Any:  # noqa: ANN401 - JAX trees
        """Parameters, the optimiser's state, the average."""
        return parameters, self._optimiser.init(parameters), parameters

    def move(self, carry: Any, slope: Any) -> Any:  # noqa: ANN401 - JAX trees
        """One step down."""
        parameters, state, average = carry
        updates, state = self._optimiser.update(slope, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        average = jax.tree.map(lambda old, new: self._keep * old + (1 - self._keep) * new, average, parameters)
        return parameters, state, average


def _draw(items: Shelves, *, scaling: Scaling, center: Array) -> Draw:
    x = np.empty((len(items.end), len(_MORNINGS), len(COLUMNS)), dtype=np.float16)
    for start in range(0, len(x), _ITEMS_AT_ONCE):
        part = slice(start, start + _ITEMS_AT_ONCE)
        raw = all_inputs(items.some(part), _MORNINGS)
        flat = scaled(raw.reshape(-1, raw.shape[2]), scaling)[:, _PLACES] - center
        x[part] = flat.reshape(*raw.shape[:2], -1)
    sums = np.concatenate([np.zeros((len(x), 1), np.int64), np.cumsum(items.finished, axis=1)], axis=1)
    packs = [sums[:, np.minimum(_MORNINGS + days, DAYS)] - sums[:, _MORNINGS] for days in LEAD_DAYS]
    shown = [_MORNINGS + days <= items.end[:, None] + 1 for days in LEAD_DAYS]
    most = np.minimum(np.stack(packs, axis=2), POSITIONS).astype(np.int8)
    return Draw(items, x, np.log(items.prices_d()), most, np.stack(shown, axis=2))
