"""What must not depend on the processor, as one JSON object: forecasts of the shipped model, and signatures.

    python -m tests.arm64.answers > here.json
    python -m tests.arm64.answers --compare here.json there.json

Forecasts are those of many items: young and old, even and in heaps, with the contest between model and rule and
without. Another processor and another onnxruntime add in another order, so numbers may differ in the sixth place;
which of model and rule answers, and every byte of a signature, may not.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.adapters.forecaster import OnnxForecaster
from edge_agent.adapters.sealing import HouseholdSecret
from edge_agent.adapters.signatures import is_signed
from edge_agent.core.catalogue import Item
from edge_agent.core.messages import Forecast, StockEstimate
from tests.edge_agent.consumables import ITEMS, stock_estimate

_SHIPPED = Path(__file__).parents[2] / "models" / "artefacts"
_KEY = bytes(range(32))
_MESSAGE = b"the terms of an order"
_REL_TOL = 1e-4
_ABS_TOL = 1e-6
_STOCKS = 60


def main() -> int:
    """Print or compare."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--compare", nargs=2, type=Path)
    files = arguments.parse_args().compare
    if not files:
        json.dump(_answers(), sys.stdout)
        return 0
    here, there = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    faults = list(_differences(here, there))
    sys.stdout.write("\n".join(faults or [_told(here, there)]) + "\n")
    return 1 if faults else 0


def _answers() -> dict[str, Any]:
    stocks = list(_stocks())
    forecaster = OnnxForecaster(_SHIPPED)
    key = Ed25519PrivateKey.from_private_bytes(_KEY)
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "model": [_numbers(each) for each in forecaster.answers(stocks)],
        "served": [_numbers(forecaster.forecast([one])[0]) for one in stocks],
        "signature": key.sign(_MESSAGE).hex(),
        "public_key": key.public_key().public_bytes_raw().hex(),
        "customer_ref": HouseholdSecret(_KEY).customer_ref("shop"),
    }


def _stocks() -> Iterator[tuple[Item, StockEstimate]]:
    """Items of many histories, the same on every machine: the generator's doubles are exact."""
    rng = random.Random(7)
    for number in range(_STOCKS):
        item = ITEMS[number % len(ITEMS)].model_copy(update={"id": f"item_{number}"})
        rate, share = rng.uniform(0.05, 1.5), rng.uniform(0.1, 1.0)
        use = [rate * (rng.random() < share) for _ in range(rng.randrange(5, 200))]
        estimate = stock_estimate(item, packs=rng.uniform(0.5, 5.0), use_packs=use)
        yield item, estimate


def _numbers(forecast: Forecast) -> dict[str, Any]:
    tables = {
        "demand": forecast.demand,
        "days_to_next": forecast.days_to_next,
        "order_chances": forecast.order_chances,
        "days_to_empty": [
            each.total_seconds() if isinstance(each, timedelta) else each for each in forecast.days_to_empty
        ],
    }
    return {"source": forecast.source} | {name: _flat(table) for name, table in tables.items()}


def _flat(table: Any) -> list[float]:  # noqa: ANN401 - a number or tables of tables
    if isinstance(table, list | tuple):
        return [number for part in table for number in _flat(part)]
    return [table]


def _differences(here: dict[str, Any], there: dict[str, Any]) -> Iterator[str]:
    for name in ("signature", "public_key", "customer_ref"):
        if here[name] != there[name]:
            yield f"{name} is {here[name]} here and {there[name]} there"
    if not is_signed(*(bytes.fromhex(there["public_key"]), _MESSAGE, bytes.fromhex(there["signature"]))):
        yield "the signature made there is not valid here"
    for part in ("model", "served"):
        if len(here[part]) != len(there[part]):
            yield f"{part}: {len(here[part])} forecasts here, {len(there[part])} there"
        for number, (one, other) in enumerate(zip(here[part], there[part], strict=False)):
            for name, value in one.items():
                if not _alike(value, other[name]):
                    yield f"{part} {number} {name}: {value} here, {other[name]} there"


def _alike(one: object, other: object) -> bool:
    if not (isinstance(one, list) and isinstance(other, list)):
        return one == other
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(math.isclose(a, b, rel_tol=_REL_TOL, abs_tol=_ABS_TOL) for a, b in pairs)


def _told(here: dict[str, Any], there: dict[str, Any]) -> str:
    sides = [f"{side['machine']} (onnxruntime {side['onnxruntime']})" for side in (here, there)]
    models = sum(each["source"].startswith("consumption") for each in there["served"])
    return (
        f"{' and '.join(sides)} say the same: {len(there['model'])} answers of the model, {len(there['served'])} "
        f"forecasts ({models} of them the model's), signatures"
    )


if __name__ == "__main__":
    sys.exit(main())
