"""Write a trained network as one small ONNX file with a JSON manifest that a hub can check it by.

The graph is built by hand: raw features in, packs out, with the log, the scaling and the embedding inside, so a hub
cannot prepare the inputs in another way than training did.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edge_agent.core.features import FEATURES
from models.dataset import CATEGORY_NAMES, DISCLAIMER, HORIZONS_D
from models.network import (
    CATEGORY_COLUMN,
    EMBEDDING,
    LOG_COLUMNS,
    LOG_OFFSET,
    QUANTILES,
    RATE_COLUMN,
    RATE_DAYS,
    Weights,
    accumulator,
    predict,
)

NAME: Final = "consumption"
VERSION: Final = "1"
OPSET: Final = 17
IR_VERSION: Final = 9
BYTES_MAX: Final = 65_536
DIFFERENCE_MAX: Final = 1e-5
INPUT, OUTPUT = "features", "demand"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a network comes from, for its manifest."""

    seed: int
    created: date
    training_data: str
    scores: dict[str, float]


def export(weights: Weights, folder: Path, *, provenance: Provenance) -> Path:
    """Write `consumption-1.onnx` and its manifest; returns the manifest's path.

    Raises: ValueError when weights are not finite, the file is too large or does not answer as the network does.
    """
    if not all(np.isfinite(array).all() for array in _constants(weights).values()):
        raise ValueError("the network's weights are no numbers: training went wrong")
    model = build_graph(weights)
    content = model.SerializeToString()
    if len(content) > BYTES_MAX:
        raise ValueError(f"the artefact is {len(content)} bytes, {BYTES_MAX} are allowed")
    difference = _difference(model, weights)
    if not difference < DIFFERENCE_MAX:
        raise ValueError(f"the exported graph differs from the network by {difference:g}")
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{NAME}-{VERSION}"
    (folder / f"{stem}.onnx").write_bytes(content)
    manifest = folder / f"{stem}.json"
    document = _manifest(f"{stem}.onnx", content, provenance=provenance)
    manifest.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def build_graph(weights: Weights) -> ModelProto:
    """The network as an ONNX model."""
    constants = _constants(weights)
    graph = helper.make_graph(
        _nodes(len(weights.layers)),
        f"restock-{NAME}",
        inputs=[helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["items", len(FEATURES)])],
        outputs=[helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["items", len(HORIZONS_D), len(QUANTILES)])],
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="restock-model"
    )
    checker.check_model(model, full_check=True)
    return model


def _constants(weights: Weights) -> dict[str, NDArray[Any]]:
    edges = {"rate_at": RATE_COLUMN, "amounts_at": 0, "weekday_at": LOG_COLUMNS, "category_at": CATEGORY_COLUMN}
    ends = {"rate_end": RATE_COLUMN + 1, "weekday_end": CATEGORY_COLUMN, "category_end": CATEGORY_COLUMN + 1}
    constants: dict[str, NDArray[Any]] = {
        **{name: np.array([at], dtype=np.int64) for name, at in (edges | ends | {"columns": 1}).items()},
        "offset": np.array(LOG_OFFSET, dtype=np.float32),
        "center": weights.center,
        "inverse_spread": (1 / weights.spread).astype(np.float32),
        "embedding": weights.embedding,
        "embedding_shape": np.array([-1, EMBEDDING], dtype=np.int64),
        "accumulator": accumulator(),
        "rate_days": np.array(RATE_DAYS, dtype=np.float32),
        "output_shape": np.array([-1, len(HORIZONS_D), len(QUANTILES)], dtype=np.int64),
    }
    for number, (matrix, bias) in enumerate(weights.layers):
        constants |= {f"matrix_{number}": matrix, f"bias_{number}": bias}
    return constants


def _nodes(layers: int) -> list[NodeProto]:
    """The operators in order; each line names operator, inputs and output."""
    lines = [
        ("Slice", (INPUT, "amounts_at", "weekday_at", "columns"), "amounts"),
        ("Add", ("amounts", "offset"), "shifted"),
        ("Log", ("shifted",), "logs"),
        ("Sub", ("logs", "center"), "centered"),
        ("Mul", ("centered", "inverse_spread"), "scaled"),
        ("Slice", (INPUT, "weekday_at", "weekday_end", "columns"), "weekday"),
        ("Slice", (INPUT, "category_at", "category_end", "columns"), "category"),
        ("Cast", ("category",), "category_index"),
        ("Gather", ("embedding", "category_index"), "gathered"),
        ("Reshape", ("gathered", "embedding_shape"), "embedded"),
        ("Concat", ("scaled", "weekday", "embedded"), "hidden_0"),
    ]
    for number in range(layers - 1):
        lines += [
            ("Gemm", (f"hidden_{number}", f"matrix_{number}", f"bias_{number}"), f"linear_{number}"),
            ("Sigmoid", (f"linear_{number}",), f"gate_{number}"),
            ("Mul", (f"linear_{number}", f"gate_{number}"), f"hidden_{number + 1}"),
        ]
    last = layers - 1
    lines += [
        ("Gemm", (f"hidden_{last}", f"matrix_{last}", f"bias_{last}"), f"linear_{last}"),
        ("Softplus", (f"linear_{last}",), "steps"),
        ("MatMul", ("steps", "accumulator"), "quantiles"),
        ("Slice", (INPUT, "rate_at", "rate_end", "columns"), "rate"),
        ("Mul", ("rate", "rate_days"), "scale"),
        ("Mul", ("quantiles", "scale"), "packs"),
        ("Reshape", ("packs", "output_shape"), OUTPUT),
    ]
    attributes: dict[str, dict[str, Any]] = {"Cast": {"to": TensorProto.INT64}, "Concat": {"axis": 1}}
    return [
        helper.make_node(operator, list(inputs), [output], **attributes.get(operator, {}))
        for operator, inputs, output in lines
    ]


def _difference(model: ModelProto, weights: Weights) -> float:
    """Largest difference between graph and network over plausible inputs, relative above one pack."""
    rng = np.random.default_rng(0)
    inputs = np.exp(rng.normal(-1.0, 2.0, (512, len(FEATURES)))).astype(np.float32)
    inputs[:, LOG_COLUMNS:CATEGORY_COLUMN] = np.eye(7, dtype=np.float32)[rng.integers(0, 7, len(inputs))]
    inputs[:, CATEGORY_COLUMN] = rng.integers(0, len(CATEGORY_NAMES), len(inputs))
    expected = predict(weights, inputs)
    found = np.asarray(next(iter(ReferenceEvaluator(model).run(None, {INPUT: inputs}))))
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))


def _manifest(file: str, content: bytes, *, provenance: Provenance) -> dict[str, object]:
    return {
        "format": 1,
        "name": NAME,
        "version": VERSION,
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "opset": OPSET,
        "input": {"name": INPUT, "shape": [-1, len(FEATURES)], "dtype": "float32", "unit": "see features"},
        "output": {"name": OUTPUT, "shape": [-1, len(HORIZONS_D), len(QUANTILES)], "dtype": "float32", "unit": "packs"},
        "features": list(FEATURES),
        "categories": list(CATEGORY_NAMES),
        "horizons_d": list(HORIZONS_D),
        "quantiles": list(QUANTILES),
        "training_data": provenance.training_data,
        "disclaimer": DISCLAIMER,
        "scores": provenance.scores,
        "licence": "Apache-2.0",
        "seed": provenance.seed,
        "created": provenance.created.isoformat(),
    }
