"""The shape of the consumption model: a small network from `features` to quantiles of demand, without JAX or ONNX.

`train` fits its arrays, `export` writes them as a graph, and `predict` here is what both are measured against.

    inputs -> log of the amounts, standardised; embedding of the category; two hidden layers (SiLU)
           -> softplus -> added up over quantiles and horizons -> times one week at the item's own rate

The adding up makes the quantiles of demand rise with probability and with the horizon, whatever the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.features import FEATURES
from models.dataset import HORIZONS_D

Array = NDArray[np.float32]

QUANTILES: Final = (0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.975)
RATE_COLUMN: Final = FEATURES.index("rate")
CATEGORY_COLUMN: Final = FEATURES.index("category")
LOG_COLUMNS: Final = FEATURES.index("weekday_0")  # the amounts come first, then what is used as it is
LOG_OFFSET: Final = 0.01
RATE_DAYS: Final = 7.0
EMBEDDING: Final = 6
HIDDEN: Final = 64
OUTPUTS: Final = len(HORIZONS_D) * len(QUANTILES)


@dataclass(frozen=True, slots=True)
class Weights:
    """The arrays of one trained network, float32.

    Shapes: `center`, `spread` (amount columns,); `embedding` (categories, EMBEDDING); a layer (in, out) and (out,).
    """

    center: Array
    spread: Array
    embedding: Array
    layers: tuple[tuple[Array, Array], ...]


def accumulator() -> Array:
    """The matrix (OUTPUTS, OUTPUTS) that adds increments up over quantiles and over horizons."""
    rising = np.triu(np.ones((len(QUANTILES), len(QUANTILES)), dtype=np.float32))
    later = np.triu(np.ones((len(HORIZONS_D), len(HORIZONS_D)), dtype=np.float32))
    return np.kron(later, rising).astype(np.float32)


def predict(weights: Weights, inputs: NDArray[np.floating]) -> Array:
    """Demand in packs. Shapes: `inputs` (n, len(FEATURES)), the result (n, horizons, quantiles)."""
    raw = inputs.astype(np.float32)
    amounts = (np.log(raw[:, :LOG_COLUMNS] + np.float32(LOG_OFFSET)) - weights.center) / weights.spread
    category = weights.embedding[raw[:, CATEGORY_COLUMN].astype(np.int64)]
    hidden = np.concatenate([amounts, raw[:, LOG_COLUMNS:CATEGORY_COLUMN], category], axis=1)
    for matrix, bias in weights.layers[:-1]:
        before = hidden @ matrix + bias
        hidden = before / (1 + np.exp(-before))
    matrix, bias = weights.layers[-1]
    steps = np.logaddexp(hidden @ matrix + bias, 0).astype(np.float32) @ accumulator()
    scale = raw[:, RATE_COLUMN, None] * np.float32(RATE_DAYS)
    packs = (scale * steps).reshape(-1, len(HORIZONS_D), len(QUANTILES))
    return np.asarray(packs, dtype=np.float32)
