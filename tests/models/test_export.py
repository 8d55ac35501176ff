"""The exported file: it answers as the heads that were trained, in the runtime that the hub uses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_agent.adapters.artefact import OPERATORS, OUTPUT_SHAPES, read_artefact
from models.export import BYTES_MAX, Provenance, build_graph, export, plausible_inputs
from models.heads import Head, answer, quantised, unscaled
from tests.models.made_up import SHAPES, head, scaling

PROVENANCE = Provenance(seed=1, created=date(2026, 3, 1), training_data="none", scores={"need.rel": 0.9})
HEADS = tuple(head(name, seed=number) for number, name in enumerate(SHAPES))


def write(folder: Path, heads: Sequence[Head] = HEADS) -> Path:
    """Export to a folder."""
    return export(heads, folder, provenance=PROVENANCE)


@pytest.mark.parametrize("rows", [1, 3, 200])
def test_onnxruntime_answers_as_the_heads(rows: int) -> None:
    """Each output differs from its head by less than 1e-5, relative above 1, alone and in company."""
    session = onnxruntime.InferenceSession(build_graph(HEADS).SerializeToString())
    inputs = plausible_inputs(rows)
    for one, found in zip(HEADS, session.run(None, {"features": inputs}), strict=True):
        expected = answer(quantised(one), inputs)
        assert found.shape == (rows, *one.shape)
        assert float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected)))) < 1e-5


def test_any_weights_give_rising_answers() -> None:
    """Demand rises with probability and horizon, chances of waiting longer fall, by construction and not by luck."""
    inputs = plausible_inputs(50)
    for seed in range(5):
        demand = answer(head("use", seed=seed), inputs)
        assert (demand >= 0).all()
        assert (np.diff(demand, axis=1) >= 0).all()
        assert (np.diff(demand, axis=2) >= 0).all()
        chances = answer(head("need", seed=seed), inputs)
        assert chances.min() >= 0
        assert chances.max() <= 1
        assert (np.diff(chances, axis=2) <= 0).all()


def test_the_first_layer_does_the_scaling() -> None:
    """A head says the same of scaled logs as its unscaled twin says of plain ones."""
    inputs = plausible_inputs(20)
    assert answer(unscaled(HEADS[1], scaling()), inputs) == pytest.approx(answer(HEADS[1], inputs, scaling()), abs=1e-5)


def test_steps_of_8_bits_change_little() -> None:
    """What the file holds is within half a step of what was trained."""
    one = head("need")
    for (matrix, _), (stored, _) in zip(one.layers, quantised(one).layers, strict=True):
        step = np.abs(matrix).max(axis=0) / 127
        assert (np.abs(matrix - stored) <= 0.51 * step).all()


def test_an_export_is_accepted_by_the_hub(tmp_path: Path) -> None:
    """What the trainer writes passes the hub's own checks."""
    write(tmp_path)
    manifest, model = read_artefact(tmp_path, name="consumption-2")
    assert len(model) <= BYTES_MAX
    assert (manifest.seed, manifest.created, manifest.scores["need.rel"]) == (1, date(2026, 3, 1), 0.9)
    assert {spec.name: spec.shape[1:] for spec in manifest.outputs} == {name: OUTPUT_SHAPES[name] for name in SHAPES}
    assert {node.op_type for node in build_graph(HEADS).graph.node} <= OPERATORS


def test_an_export_is_reproducible(tmp_path: Path) -> None:
    """The same weights give the same bytes."""
    one, two = (json.loads(write(tmp_path / name).read_text()) for name in "ab")
    assert one == two


def test_too_large_a_network_is_not_written(tmp_path: Path) -> None:
    """A file that the hub would refuse is refused here first."""
    with pytest.raises(ValueError, match="64000 are allowed"):
        write(tmp_path, (head("need", hidden=200),))
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_no_numbers_is_not_written(tmp_path: Path) -> None:
    """Weights that went to NaN in training never become an artefact."""
    broken = replace(HEADS[0], embedding=np.full_like(HEADS[0].embedding, np.nan))
    with pytest.raises(ValueError, match="no numbers"):
        write(tmp_path, (broken,))
