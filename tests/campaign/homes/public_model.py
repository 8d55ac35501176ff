"""The chances that joining goes by, as the hub's artefact answers them for every evening of an item.

Head `order_chances`: for the usual lead time, the chance that the trained reorder rule goes by; for longer ones, plain
tails of demand. `core.joining.carried_ahead` takes the one along the others to the days ahead; `carried` is the same
for many at once. The plain tail of the usual lead time follows from the next one as Poisson's does.

Items with more packs left than the head has positions lean on the Poisson rule, and so does everything where there is
no such head.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.dataset import CATEGORY_NAMES, DAYS
from models.shelves import inputs
from tests.campaign.homes.public_data import LEAD_D, START, Home, Series
from tests.campaign.homes.public_rules import AHEAD_D, Chances, poisson_chances

ARTEFACTS: Final = Path(__file__).parents[3] / "models" / "artefacts"
HEAD: Final = "order_chances"
TAIL_MIN: Final = 1e-6


def chances_of(homes: Sequence[Home], *, artefact: Path | None) -> list[list[Chances]]:
    """For each item of each home, `[evening - START, days to wait, packs - 1]`; by the rule without an artefact."""
    session = _session(artefact) if artefact is not None else None
    return [[_learned(session, item) if session else poisson_chances(item) for item in home] for home in homes]


def newest_artefact(folder: Path = ARTEFACTS) -> Path | None:
    """The artefact in a folder, None where it has no head for orders."""
    found = sorted(folder.glob("*.onnx"))
    return found[-1] if found and HEAD in {one.name for one in _session(found[-1]).get_outputs()} else None


def _learned(session: Any, item: Series) -> Chances:  # noqa: ANN401 - onnxruntime has no types
    days = np.arange(START + 1, DAYS)
    category = CATEGORY_NAMES.index(item.category)
    raw = inputs(item.finished, first=item.first, category=category, days=days).astype(np.float32)
    (said,) = session.run([HEAD], {session.get_inputs()[0].name: raw})
    waits = np.asarray(said[:, LEAD_D - 1 : LEAD_D - 1 + AHEAD_D], dtype=np.float64)
    if waits.shape[1] < AHEAD_D or not np.isfinite(waits).all():
        raise ValueError(f"{HEAD} answered with shape {said.shape} or with no number")
    falling = np.minimum.accumulate(np.clip(waits, 0.0, 1.0), axis=2)
    poisson = poisson_chances(item)
    positions = falling.shape[2]
    ahead = carried(falling, poisson=poisson[:, :, :positions])
    return np.concatenate([ahead, np.minimum(poisson[:, :, positions:], ahead[:, :, -1:])], axis=2)


def carried(said: Chances, *, poisson: Chances) -> Chances:
    """`carried_ahead` for all evenings and positions: the first day of `said` taken along the tails of the others."""
    first = said[:, 1] * poisson[:, 0] / np.maximum(poisson[:, 1], TAIL_MIN)
    tails = np.concatenate([first[:, None], said[:, 1:]], axis=1)
    return np.asarray(np.clip(said[:, :1] * tails / np.maximum(tails[:, :1], TAIL_MIN), 0.0, 1.0), dtype=np.float64)


def _session(artefact: Path) -> Any:  # noqa: ANN401 - onnxruntime has no types
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(artefact.read_bytes(), options, providers=["CPUExecutionProvider"])
