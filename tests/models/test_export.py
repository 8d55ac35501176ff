"""The exported file: it answers as the network that was trained, in the runtime that the hub uses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_agent.adapters.artefact import OPERATORS, read_artefact
from edge_agent.core.features import FEATURES
from models.dataset import CATEGORY_NAMES, HORIZONS_D
from models.export import BYTES_MAX, Provenance, build_graph, export
from models.network import CATEGORY_COLUMN, EMBEDDING, HIDDEN, LOG_COLUMNS, OUTPUTS, QUANTILES, Array, Weights, predict

PROVENANCE = Provenance(seed=1, created=date(2026, 3, 1), training_data="none", scores={"packs.rel": 0.9})


def network(*, hidden: int = HIDDEN, seed: int = 1) -> Weights:
    """A network of random weights, as large as trained ones become."""
    rng = np.random.default_rng(seed)
    sizes = ((CATEGORY_COLUMN + EMBEDDING, hidden), (hidden, hidden), (hidden, OUTPUTS))

    def normal(*shape: int, scale: float = 0.15) -> Array:
        return rng.normal(0, scale, shape).astype(np.float32)

    return Weights(
        center=normal(LOG_COLUMNS),
        spread=np.abs(normal(LOG_COLUMNS)) + np.float32(0.5),
        embedding=normal(len(CATEGORY_NAMES), EMBEDDING),
        layers=tuple((normal(*size), normal(size[1])) for size in sizes),
    )


def inputs(rows: int, *, seed: int = 2) -> Array:
    """Plausible features of light and heavy users."""
    rng = np.random.default_rng(seed)
    raw = np.exp(rng.normal(-2.0, 1.0, (rows, len(FEATURES))))
    raw[:, LOG_COLUMNS:CATEGORY_COLUMN] = np.eye(7)[rng.integers(0, 7, rows)]
    raw[:, CATEGORY_COLUMN] = rng.integers(0, len(CATEGORY_NAMES), rows)
    return raw.astype(np.float32)


@pytest.mark.parametrize("rows", [1, 3, 200])
def test_onnxruntime_answers_as_the_network(rows: int) -> None:
    """The exported graph differs from the network by less than 1e-5 packs, relative above one pack."""
    weights = network()
    session = onnxruntime.InferenceSession(build_graph(weights).SerializeToString())
    (found,) = session.run(None, {"features": inputs(rows)})
    expected = predict(weights, inputs(rows))
    assert found.shape == (rows, len(HORIZONS_D), len(QUANTILES))
    assert float(np.max(np.abs(found - expected) / np.maximum(1.0, expected))) < 1e-5


def test_any_weights_give_rising_demand() -> None:
    """Demand rises with probability and horizon by construction, not by luck."""
    for seed in range(5):
        demand = predict(network(seed=seed), inputs(50))
        assert (demand >= 0).all()
        assert (np.diff(demand, axis=1) >= 0).all()
        assert (np.diff(demand, axis=2) >= 0).all()


def test_an_export_is_accepted_by_the_hub(tmp_path: Path) -> None:
    """What the trainer writes passes the hub's own checks."""
    export(network(), tmp_path, provenance=PROVENANCE)
    manifest, model = read_artefact(tmp_path, name="consumption-1")
    assert len(model) <= BYTES_MAX
    assert (manifest.seed, manifest.created, manifest.scores) == (1, date(2026, 3, 1), {"packs.rel": 0.9})
    assert {node.op_type for node in build_graph(network()).graph.node} <= OPERATORS


def test_an_export_is_reproducible(tmp_path: Path) -> None:
    """The same weights give the same bytes."""
    one, two = (json.loads(export(network(), tmp_path / name, provenance=PROVENANCE).read_text()) for name in "ab")
    assert one == two


def test_too_large_a_network_is_not_written(tmp_path: Path) -> None:
    """A file that the hub would refuse is refused here first."""
    with pytest.raises(ValueError, match="65536 are allowed"):
        export(network(hidden=120), tmp_path, provenance=PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_no_numbers_is_not_written(tmp_path: Path) -> None:
    """Weights that went to NaN in training never become an artefact."""
    broken = replace(network(), center=np.full(LOG_COLUMNS, np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="no numbers"):
        export(broken, tmp_path, provenance=PROVENANCE)
