"""The queue before the bridges: arrivals of each second, measured costs, and so many cores. Pure, on numpy.

Work that comes in a second is done by `replicas` bridges of one core each, first come first served, whoever is free; so
a request waits for the work that came before it. Within a second arrivals are taken as spread evenly. A bridge is a
single thread, so a request waits for the one before it even where there are cores to spare: that part is M/G/1 on each
bridge, by Pollaczek and Khinchine, with the kinds' own costs. *Units*: seconds of processor time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.campaign.scale.arrivals import Arrivals
from tests.campaign.scale.inputs import Inputs

_REPLICAS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Waits:
    """Waiting before the answer begins to be made, over all requests of hubs: s. `load_peak`: of the busiest minute."""

    replicas: int
    p50_s: float
    p99_s: float
    longest_s: float
    load_mean: float
    load_peak: float


def work(arrivals: Arrivals, inputs: Inputs, *, scale: float = 1.0) -> npt.NDArray[np.float64]:
    """Processor time that comes in each second, as if there were `scale` times as many homes. Shapes: (seconds,)."""
    costs, products = inputs.costs, inputs.choices.products
    questions = math.ceil(products / 10)
    list_ms = costs.price_list_ms + costs.price_product_ms * products / questions
    told = (
        arrivals.polls * costs.poll_ms
        + arrivals.heads * costs.head_ms
        + arrivals.price_lists * list_ms
        + arrivals.orders * costs.order_ms
        + arrivals.looks * costs.look_ms
    )
    return np.asarray(told * scale / 1_000, dtype=float)


def waits(arrivals: Arrivals, inputs: Inputs, *, replicas: int, scale: float = 1.0) -> Waits:
    """How long requests wait with so many bridges."""
    coming = work(arrivals, inputs, scale=scale)
    left = _left_over(coming, replicas)
    requests = np.asarray(
        (arrivals.polls + arrivals.heads + arrivals.price_lists + arrivals.orders) * scale, dtype=float
    )
    load = coming / replicas
    wait = np.asarray(left / replicas, dtype=float) + _random_wait(
        np.minimum(load, 0.98), _residual_s(arrivals, inputs)
    )
    p50, p99 = _quantiles(wait, requests, (0.5, 0.99))
    minutes = coming[: len(coming) // 60 * 60].reshape(-1, 60).mean(axis=1) / replicas
    return Waits(replicas, p50, p99, float(wait.max()), float(load.mean()), float(minutes.max()))


def replicas_for(arrivals: Arrivals, inputs: Inputs, *, p99_s: float, scale: float = 1.0) -> Waits:
    """The fewest bridges with which that share of the week's requests waits no longer."""
    least, most = 0, max(math.ceil(float(work(arrivals, inputs, scale=scale).mean())), 1)
    while waits(arrivals, inputs, replicas=most, scale=scale).p99_s > p99_s and most < _REPLICAS_MAX:
        least, most = most, most * 2
    while most - least > 1:
        middle = (least + most) // 2
        if waits(arrivals, inputs, replicas=middle, scale=scale).p99_s > p99_s:
            least = middle
        else:
            most = middle
    return waits(arrivals, inputs, replicas=most, scale=scale)


def _left_over(coming: npt.NDArray[np.float64], replicas: int) -> npt.NDArray[np.float64]:
    """Work that was left from the seconds before, at the beginning of each: Lindley's recursion."""
    steps = np.concatenate([[0.0], np.cumsum(coming - replicas)])
    lowest = np.minimum.accumulate(steps)
    return np.asarray((steps - lowest)[:-1], dtype=float)


def _residual_s(arrivals: Arrivals, inputs: Inputs) -> float:
    """E[S^2] / 2E[S] of a piece of work. A price list is many: between its calls the bridge does other things."""
    costs = inputs.costs
    kinds = (
        (float(arrivals.polls.sum()), costs.poll_ms),
        (float(arrivals.price_lists.sum()) * 10, costs.price_product_ms),
        (float(arrivals.orders.sum()), costs.order_ms),
        (float(arrivals.looks.sum()), costs.look_ms),
    )
    first = sum(count * ms for count, ms in kinds)
    return sum(count * ms**2 for count, ms in kinds) / (2 * first * 1_000)


def _random_wait(load: npt.NDArray[np.float64], residual_s: float) -> npt.NDArray[np.float64]:
    return np.asarray(load / (1 - load) * residual_s, dtype=float)


def _quantiles(
    wait: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], shares: tuple[float, ...]
) -> tuple[float, ...]:
    order = np.argsort(wait, kind="stable")
    counted = np.cumsum(weights[order])
    return tuple(float(wait[order][np.searchsorted(counted, share * counted[-1])]) for share in shares)
