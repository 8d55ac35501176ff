"""Heads of the model: what a trained network is, without JAX or ONNX. Training makes heads, `export` writes them.

    inputs -> log of (input + offset); embedding of the category -> hidden layers (ReLU) -> finish

All heads share the inputs; each has its own layers, embedding and finish, and takes inputs that it does not want with
weight zero. Training divides the logs by their spread; `unscaled` moves that into the first layer. Weights of a file
are whole numbers of 8 bits times one scale an output; `quantised` gives the head with exactly these values, and that
head's `answer` is "the trained model".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.feature_names import AMOUNTS, FEATURES, SHARES

Array = NDArray[np.float32]
Layers = tuple[tuple[Array, Array], ...]

INPUTS: Final = (*AMOUNTS, *SHARES)
RATE_COLUMN: Final = FEATURES.index("rate")
RATE_DAYS: Final = 7.0
STEPS_MAX: Final = 127  # of 8 bits

_RATES = frozenset({"dispersion", "used_share", "peak_day", "prior_rate"})


class Finish(StrEnum):
    """What the last layer's numbers z become; the first three are ordered along the last axis by construction."""

    SURVIVAL = "survival"  # exp(-sum of exp(z)): chances that fall along the last axis
    CDF = "cdf"  # 1 less that: chances that rise
    QUANTILES = "quantiles"  # exp(z) added up along both axes, times a week at the item's rate
    SIGMOID = "sigmoid"  # 1 / (1 + exp(-z))


@dataclass(frozen=True, slots=True)
class Scaling:
    """Spread of the log of each input. Shape: (len(INPUTS),)."""

    spread: Array


UNSCALED: Final = Scaling(np.ones(len(INPUTS), dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Head:
    """One trained branch.

    Shapes: `embedding` (categories, any); a layer (in, out) and (out,), the first one in = len(INPUTS) + embedding;
    the last one's out is the product of `shape`, which is that of one item's answer. With `curves` (r, shape[-1]) only
    the first row of an answer comes from the last layer as it is, each other one from r numbers, as a sum of curves.
    """

    name: str
    unit: str
    shape: tuple[int, ...]
    finish: Finish
    embedding: Array
    layers: Layers
    curves: Array | None = None


def offsets() -> Array:
    """What is added to each input before its log: 1 for days, counts and shares, less for rates. Shape: (inputs,)."""
    return np.array([_offset(name) for name in INPUTS], dtype=np.float32)


def scaling_of(raw: NDArray[np.floating[Any]]) -> Scaling:
    """The spread of the logs of the amounts in these rows of features; shares stay as they are, or noise would grow."""
    logs = np.log(raw[:, : len(AMOUNTS)].astype(np.float32) + offsets()[: len(AMOUNTS)])
    spread = np.ones(len(INPUTS), dtype=np.float32)
    spread[: len(AMOUNTS)] = np.maximum(logs.std(axis=0), 0.05)
    return Scaling(spread)


def scaled(raw: NDArray[np.floating[Any]], scaling: Scaling) -> Array:
    """What the first layer sees beside the embedding. Shapes: (n, len(FEATURES)) to (n, len(INPUTS))."""
    logs = np.log(raw[:, :-1].astype(np.float32) + offsets())
    return np.asarray(logs / scaling.spread, dtype=np.float32)


def unscaled(head: Head, scaling: Scaling) -> Head:
    """The same head for logs that are not scaled: the first layer does it."""
    matrix, bias = head.layers[0]
    first = matrix.copy()
    first[: len(INPUTS)] /= scaling.spread[:, None]
    return replace(head, layers=((first, bias), *head.layers[1:]))


def answer(head: Head, raw: NDArray[np.floating[Any]], scaling: Scaling = UNSCALED) -> Array:
    """What the head says. Shapes: `raw` (n, len(FEATURES)), the result (n, *head.shape)."""
    raw = raw.astype(np.float32)
    hidden = np.concatenate([scaled(raw, scaling), head.embedding[raw[:, -1].astype(np.int64)]], axis=1)
    for matrix, bias in head.layers[:-1]:
        hidden = np.maximum(hidden @ matrix + bias, 0)
    matrix, bias = (drawn_out(part, head) for part in head.layers[-1])
    last = (hidden @ matrix + bias).reshape(-1, *head.shape)
    return np.asarray(_finish(last, head.finish, rate=raw[:, RATE_COLUMN]), dtype=np.float32)


def drawn_out(last: Array, head: Head) -> Array:
    """The last layer's matrix or bias over all outputs, its curves drawn out. Shapes: (..., out of the layer)."""
    if head.curves is None:
        return last
    plain, rank = head.shape[-1], len(head.curves)
    curved = last[..., plain:].reshape(-1, rank) @ head.curves
    return np.concatenate([last[..., :plain], curved.reshape(*last.shape[:-1], -1)], axis=-1)


def folded(matrix: Array, bias: Array, *, columns: NDArray[np.int64], center: Array) -> tuple[Array, Array]:
    """The first layer over all inputs, from one that saw only `columns`, each less its `center`, then an embedding.

    Shapes: `matrix` (len(columns) + embedding, out), `center` (len(columns),).
    """
    known = len(columns)
    full = np.zeros((len(INPUTS) + len(matrix) - known, matrix.shape[1]), dtype=np.float32)
    full[columns] = matrix[:known]
    full[len(INPUTS) :] = matrix[known:]
    return full, np.asarray(bias - center @ matrix[:known], dtype=np.float32)


def steps_of(matrix: Array) -> tuple[NDArray[np.int8], Array]:
    """A matrix as whole numbers of 8 bits and one scale a column."""
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-12).astype(np.float32) / np.float32(STEPS_MAX)
    return np.rint(matrix / scale).astype(np.int8), scale


def quantised(head: Head) -> Head:
    """The head with the values that its file holds."""

    def stored(matrix: Array) -> Array:
        steps, scale = steps_of(matrix)
        return np.asarray(steps.astype(np.float32) * scale, dtype=np.float32)

    layers = tuple((stored(matrix), bias) for matrix, bias in head.layers)
    curves = stored(head.curves) if head.curves is not None else None
    return replace(head, embedding=stored(head.embedding), layers=layers, curves=curves)


def _offset(name: str) -> float:
    if name in _RATES or name == "rate" or name.startswith("rate_"):
        return 0.02
    return 1.0


def _finish(last: Array, finish: Finish, *, rate: Array) -> Array:
    match finish:
        case Finish.SURVIVAL:
            return np.asarray(np.exp(-np.cumsum(np.exp(last), axis=-1)))
        case Finish.CDF:
            return np.asarray(1 - np.exp(-np.cumsum(np.exp(last), axis=-1)))
        case Finish.QUANTILES:
            packs = np.exp(last).cumsum(axis=-1).cumsum(axis=-2)
            return np.asarray(packs * (rate * np.float32(RATE_DAYS)).reshape(-1, *(1 for _ in last.shape[1:])))
        case Finish.SIGMOID:
            return np.asarray(1 / (1 + np.exp(-last)))
