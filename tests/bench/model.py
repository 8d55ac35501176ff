"""How long the shipped model takes on one thread: one row and a batch of 200, with its features and without.

Rows are histories as a level sensor and as a purchase record give them, of young and of old homes. Times are processor
time of the thread, less what reading that clock takes; of each the median, the 99th percentile and the least. The
forecaster as the hub runs it (histories, features, model, checks, tables) is timed too, for a home of 20 items, and for
200 in one call, beside the features and the model alone; of these the median call of each of five rounds.

    python -m tests.bench.model [--rounds 2000]

Prints lines of JSON on standard output, and a table on standard error.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.forecaster import ARTEFACT, OnnxForecaster
from edge_agent.core.feature_names import HISTORY_DAYS
from edge_agent.core.features import features
from tests.bench.figures import Bar, Figure, machine, tell
from tests.edge_agent.consumables import MILK, stock_estimate

_FOLDER = Path(__file__).parents[2] / "models" / "artefacts"
_BATCH = 200
_ROUNDS = 5
_HOME_ITEMS = 20
_CALLS = 20
_CALLS_OF_CONTESTS = 70  # by then every item's past has been tried, which is done once a day
_CALL_BAR = Bar("at_most", 15.0)
_KEPT_MAX = 400  # answers that the forecaster keeps
_BARS = {"model_one": 20.0, "model_batch": 2.0, "with_features_one": 150.0, "with_features_batch": 60.0}


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=2_000)
    rounds = arguments.parse_args().rounds
    run = _session()
    report: dict[str, object] = {"bytes": (_FOLDER / f"{ARTEFACT}.onnx").stat().st_size}
    for name, count in (("one", 1), ("batch", _BATCH)):
        use, trips = _histories(count)
        inputs = _features(use, None)
        for part, call in {
            "model": partial(run, inputs),
            "with_features": partial(_both, run, use, None),
            "with_features_and_trips": partial(_both, run, use, trips),
        }.items():
            key = f"{part}_{name}"
            report[key] = {"us_a_row": _times(call, rounds=rounds // (10 if count > 1 else 1), rows=count)}
            _tell(key, report[key])
    report["hub_home"] = {"us_an_item": _times(_home(_HOME_ITEMS), rounds=rounds // 10, rows=_HOME_ITEMS)}
    _tell("hub_home", report["hub_home"])
    sys.stdout.write(json.dumps(report) + "\n")
    use, _ = _histories(_BATCH)
    tell(
        _one_call("features_and_model_200_items", partial(_both, run, use, None), calls_before=1),
        _one_call("forecast_200_items", _home(_BATCH), calls_before=_CALLS_OF_CONTESTS),
    )
    return 0


def _one_call(name: str, call: Callable[[], object], *, calls_before: int) -> Figure:
    """200 items in one call, by processor time and by the clock: the median of each of five rounds."""
    cpu_ms, wall_ms = [], []
    for _ in range(calls_before):
        call()
    for _ in range(_ROUNDS):
        took = [_took(call) for _ in range(_CALLS)]
        cpu_ms.append(statistics.median(1_000 * cpu_s for cpu_s, _ in took))
        wall_ms.append(statistics.median(1_000 * wall_s for _, wall_s in took))
    wall_s = statistics.median(wall_ms) / 1_000
    more = {"items": _BATCH, "days": HISTORY_DAYS, **machine()}
    return Figure("model", name, "ms", cpu_ms, bar=_CALL_BAR, wall_s=wall_s, more=more)


def _took(call: Callable[[], object]) -> tuple[float, float]:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - cpu_s, time.perf_counter() - wall_s


def _session() -> Callable[[NDArray[np.float32]], object]:
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(_FOLDER / f"{ARTEFACT}.onnx"), options)
    return lambda inputs: session.run(None, {"features": inputs})


def _histories(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Days of use, half as purchases and half as sensed, and shopping days. Shapes: (count, HISTORY_DAYS)."""
    rng = np.random.default_rng(1)
    bought = rng.poisson(1.5, (count, HISTORY_DAYS)) * (rng.random((count, HISTORY_DAYS)) < 0.1)
    sensed = rng.random((count, HISTORY_DAYS)) * 0.2
    use = np.where(np.arange(count)[:, None] % 2 == 0, bought, sensed).astype(np.float64)
    use[np.arange(HISTORY_DAYS) < rng.integers(0, HISTORY_DAYS - 30, count)[:, None]] = np.nan
    went = rng.random((count, HISTORY_DAYS)) < 0.3
    return use, np.asarray(rng.poisson(8, (count, HISTORY_DAYS)) * went, dtype=np.float64)


def _both(
    run: Callable[[NDArray[np.float32]], object], use: NDArray[np.float64], trips: NDArray[np.float64] | None
) -> object:
    return run(_features(use, trips))


def _features(use: NDArray[np.float64], trips: NDArray[np.float64] | None) -> NDArray[np.float32]:
    count = len(use)
    found = features(
        use, weekday=np.zeros(count, dtype=np.int64), prior_rate=np.full(count, 0.2),
        category=np.ones(count, dtype=np.int64), trips=trips,
    )  # fmt: skip
    return found.astype(np.float32)


def _home(count: int) -> Callable[[], object]:
    """Homes of so many items in turn, used in different ways and known for different times.

    They are more than the forecaster keeps answers of, so that each call asks the model about every item.
    """
    forecaster, rng = OnnxForecaster(_FOLDER), np.random.default_rng(2)
    items = [MILK.model_copy(update={"id": f"item-{number}"}) for number in range(count)]
    homes = [
        [(item, stock_estimate(item, packs=2.0, use_packs=_days(rng))) for item in items]
        for _ in range(1 + _KEPT_MAX // count)
    ]
    turns = itertools.cycle(homes)
    return lambda: forecaster.forecast(next(turns))


def _days(rng: np.random.Generator) -> list[float]:
    return [float(each) for each in rng.random(int(rng.integers(30, HISTORY_DAYS)))]


def _times(call: Callable[[], object], *, rounds: int, rows: int) -> dict[str, float]:
    """Microseconds a row: median, 99th percentile, least."""
    clock = time.thread_time_ns
    idle = np.median([-clock() + clock() for _ in range(1_000)])
    taken = np.empty(max(rounds, 20))
    for number in range(len(taken)):
        began = clock()
        call()
        taken[number] = clock() - began
    us = np.maximum(taken - idle, 0) / 1_000 / rows
    return {name: round(float(value), 2) for name, value in zip(("median", "p99", "least"), _spread(us), strict=True)}


def _spread(us: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(np.median(us)), float(np.percentile(us, 99)), float(us.min())


def _tell(name: str, row: object) -> None:
    bar = f"  (bar: {_BARS[name]:g})" if name in _BARS else ""
    sys.stderr.write(f"{name:28} {row}{bar}\n")


if __name__ == "__main__":
    sys.exit(main())
