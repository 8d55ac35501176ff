"""Answers the public benchmark of restock policies from an artefact, by the arithmetic of the hub.

Cases are items with the packs finished on each day; a need is the smallest acceptable inventory position at the end of
a day, for each of several values of `thrift`. The answer for a decision day sees the days before it and no other:
`decision_inputs` is given these alone.

`needs` is `core.deciding.reorder.need_packs` for many at once; a test holds the two together.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.core.deciding.reorder import price_d
from models.dataset import CATEGORIES, DAYS
from models.shelves import inputs

THRIFTS: Final = tuple(float(thrift) for thrift in np.geomspace(1e-4, 4e-2, 28))
LEAD_DAYS_MAX: Final = 7
CASES_MAX: Final = 100_000
CASES_BYTES_MAX: Final = 256 * 1024 * 1024
OUTPUT: Final = "order_chances"

_ROWS_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Cases:
    """What the benchmark asks.

    Shapes: `finished` (n, DAYS) packs, `first` (n,) day the record starts, `order_packs` (n,), `category` (n,) index,
    `days` (m,) decision days: a decision for day d is made at the end of day d - 1.
    """

    finished: NDArray[np.int64]
    first: NDArray[np.int64]
    order_packs: NDArray[np.int64]
    category: NDArray[np.int64]
    days: NDArray[np.int64]
    lead_d: int


def answer_cases(artefact: Path, *, cases: Path, out: Path) -> int:
    """Write the needs for a file of cases; returns how many cases there were.

    Raises: ValueError when the cases are none, or there is no artefact; OSError.
    """
    asked = read_cases(cases)
    chances = _chances(_session(artefact), asked)
    need = np.stack([needs(chances, _prices(asked), thrift=thrift) for thrift in THRIFTS])
    np.savez_compressed(out, need=need, setting=np.array(THRIFTS))
    return len(asked.first)


def read_cases(path: Path) -> Cases:
    """The cases of a file.

    Raises: ValueError naming what is wrong with it.
    """
    if path.stat().st_size > CASES_BYTES_MAX:
        raise ValueError(f"{path.name}: larger than {CASES_BYTES_MAX} bytes")
    with np.load(path, allow_pickle=False) as file:
        missing = {"counts", "first", "q", "category", "days", "lead_days"} - set(file.files)
        if missing:
            raise ValueError(f"{path.name}: {', '.join(sorted(missing))} missing")
        numbers = {name: file[name].astype(np.int64) for name in ("counts", "first", "q", "days", "lead_days")}
        names = file["category"].tolist()
    index = {name: place for place, name in enumerate(CATEGORIES, start=1)}
    cases = Cases(
        finished=numbers["counts"],
        first=numbers["first"],
        order_packs=numbers["q"],
        category=np.array([index.get(str(name), 0) for name in names], dtype=np.int64),
        days=numbers["days"],
        lead_d=int(numbers["lead_days"]),
    )
    fault = _fault(cases)
    if fault:
        raise ValueError(f"{path.name}: {fault}")
    return cases


def needs(chances: NDArray[Any], prices_d: NDArray[np.float64], *, thrift: float) -> NDArray[np.int16]:
    """The smallest acceptable positions (n, m) for `chances` (n, m, positions), one pack first, and `prices_d` (n,)."""
    most = thrift * prices_d
    falls = np.diff(chances, axis=2, prepend=np.inf) <= 0
    ordered = (chances > most[:, None, None]) & (chances <= 1.0) & falls
    return np.asarray(1 + np.minimum.accumulate(ordered, axis=2).sum(axis=2), dtype=np.int16)


def decision_inputs(cases: Cases, place: int) -> NDArray[np.float32]:
    """Features of one case on all its decision days. Shape: (m, len(FEATURES))."""
    rows = inputs(
        cases.finished[place], first=int(cases.first[place]), category=int(cases.category[place]), days=cases.days
    )
    return rows.astype(np.float32)


def _prices(cases: Cases) -> NDArray[np.float64]:
    """Days of supply of an order at the rate known before the first decision. Shape: (n,)."""
    until = int(cases.days.min())
    rates = [row[start:until].mean() for row, start in zip(cases.finished, cases.first, strict=True)]
    return np.array(
        [
            price_d(order_packs=float(packs), rate_packs_per_day=float(rate))
            for packs, rate in zip(cases.order_packs, rates, strict=True)
        ]
    )


def _chances(session: Any, cases: Cases) -> NDArray[np.float32]:  # noqa: ANN401 - onnxruntime has no types
    """Chances of all cases and decision days. Shape: (n, m, positions), one pack first."""
    rows = []
    for place in range(len(cases.first)):
        raw = decision_inputs(cases, place)
        parts = [
            session.run([OUTPUT], {"features": raw[start : start + _ROWS_AT_ONCE]})[0]
            for start in range(0, len(raw), _ROWS_AT_ONCE)
        ]
        rows.append(np.concatenate(parts)[:, cases.lead_d - 1])
    return np.stack(rows)


def _session(artefact: Path) -> Any:  # noqa: ANN401 - onnxruntime has no types
    onnxruntime: Any = importlib.import_module("onnxruntime")  # slow to import, needed here only

    found = sorted(artefact.glob("*.onnx"))
    if len(found) != 1:
        raise ValueError(f"{artefact}: one .onnx file is wanted, found {len(found)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(found[0].read_bytes(), options, providers=["CPUExecutionProvider"])
    if OUTPUT not in {output.name for output in session.get_outputs()}:
        raise ValueError(f"{found[0].name}: has no output {OUTPUT}; train it with this version")
    return session


def _fault(cases: Cases) -> str:
    """What is wrong with cases; empty if nothing is."""
    count = len(cases.first)
    if not 1 <= count <= CASES_MAX or cases.finished.shape != (count, DAYS):
        return f"counts must be (1..{CASES_MAX}, {DAYS}), one row a case; found {cases.finished.shape}"
    if not cases.order_packs.shape == cases.category.shape == (count,):
        return "first, q and category must have one entry a case"
    if cases.finished.min() < 0 or cases.order_packs.min() < 1 or cases.first.min() < 0:
        return "counts, first or q are negative"
    return _calendar_fault(cases)


def _calendar_fault(cases: Cases) -> str:
    if not 1 <= cases.lead_d <= LEAD_DAYS_MAX:
        return f"lead_days must be 1 to {LEAD_DAYS_MAX}, it is {cases.lead_d}"
    if cases.days.ndim != 1 or not len(cases.days) or cases.days.min() < 1 or cases.days.max() > DAYS:
        return f"days must be decision days from 1 to {DAYS}"
    if (cases.first >= cases.days.min()).any():
        return "first must be before the first decision day"
    return ""
