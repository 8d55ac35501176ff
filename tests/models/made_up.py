"""A small market of made-up households, and heads of random weights, for tests that need no real data."""

from __future__ import annotations

import numpy as np

from models.dataset import CATEGORY_NAMES, DAYS, Market, Purchases
from models.heads import INPUTS, Array, Finish, Head, Scaling

SHAPES = {
    "use": ((6, 17), Finish.QUANTILES),
    "need": ((4, 55), Finish.SURVIVAL),
    "order_chances": ((7, 6), Finish.CDF),
}
_CURVES = 8


def market(*, households: int, seed: int = 1) -> Market:
    """Households that buy each item about as regularly as people do."""
    rng = np.random.default_rng(seed)
    series, baskets = [], {}
    for household in range(1, households + 1):
        basket = np.zeros(DAYS)
        for category in (1, 2, 35):
            gaps = np.maximum(1, rng.gamma(4.0, rng.uniform(1.5, 6.0), 200)).astype(np.int64)
            days = np.cumsum(gaps)
            days = days[days < DAYS]
            packs = rng.integers(1, 4, len(days))
            series.append(Purchases(household, category, days, packs))
            basket[days] += packs
        baskets[household] = basket
    return Market(series, baskets)


def head(name: str, *, hidden: int = 32, seed: int = 1) -> Head:
    """A head of random weights, as large as trained ones become."""
    rng = np.random.default_rng(seed)
    shape, finish = SHAPES[name]
    outputs = shape[-1] + (shape[0] - 1) * _CURVES if name == "need" else int(np.prod(shape))
    sizes = ((len(INPUTS) + 4, hidden), (hidden, hidden), (hidden, outputs))

    def normal(*size: int, scale: float = 0.1) -> Array:
        return rng.normal(0, scale, size).astype(np.float32)

    layers = [(normal(*size), normal(size[1])) for size in sizes]
    layers[-1] = (layers[-1][0], layers[-1][1] - 2)
    curves = normal(_CURVES, shape[-1]) if name == "need" else None
    return Head(name, "packs", shape, finish, normal(len(CATEGORY_NAMES), 4), tuple(layers), curves)


def scaling(*, seed: int = 1) -> Scaling:
    """Any spread of the inputs."""
    return Scaling(np.random.default_rng(seed).uniform(0.5, 2.0, len(INPUTS)).astype(np.float32))
