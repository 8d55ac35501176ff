"""Write trained heads as one small ONNX file with a JSON manifest that a hub can check it by.

The graph is built by hand: raw features in, packs and chances out, with the log and the embedding inside,
so a hub cannot prepare the inputs in another way than training did. Weights are whole numbers of 8 bits with one scale
an output; `Cast` and `Mul` make them numbers again, which a runtime does once, when it loads the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edge_agent.core.feature_names import AMOUNTS, FEATURES, SHARES
from edge_agent.core.forecast import HORIZONS_D, QUANTILES
from models.dataset import CATEGORY_NAMES, DISCLAIMER
from models.heads import (
    INPUTS,
    RATE_COLUMN,
    RATE_DAYS,
    Array,
    Finish,
    Head,
    answer,
    drawn_out,
    offsets,
    quantised,
    steps_of,
)
from models.quantiles import PACK_EDGES

NAME: Final = "consumption"
VERSION: Final = "2"
FORMAT: Final = 2
OPSET: Final = 17
IR_VERSION: Final = 9
BYTES_MAX: Final = 64_000
DIFFERENCE_MAX: Final = 1e-5
INPUT: Final = "features"

Line = tuple[str, Sequence[str], str]  # operator, inputs, outputs with a space between
Constants = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a network comes from, for its manifest."""

    seed: int
    created: date
    training_data: str
    scores: dict[str, float]


def export(heads: Sequence[Head], folder: Path, *, provenance: Provenance) -> Path:
    """Write `consumption-2.onnx` and its manifest; returns the manifest's path. The heads are unscaled.

    Raises: ValueError when weights are not finite, the file is too large or does not answer as the heads do.
    """
    if not all(_is_finite(head) for head in heads):
        raise ValueError("the network's weights are no numbers: training went wrong")
    model = build_graph(heads)
    content = model.SerializeToString()
    if len(content) > BYTES_MAX:
        raise ValueError(f"the artefact is {len(content)} bytes, {BYTES_MAX} are allowed")
    difference = _difference(model, heads)
    if not difference < DIFFERENCE_MAX:
        raise ValueError(f"the exported graph differs from the network by {difference:g}")
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{NAME}-{VERSION}"
    (folder / f"{stem}.onnx").write_bytes(content)
    manifest = folder / f"{stem}.json"
    document = _manifest(f"{stem}.onnx", content, heads=heads, provenance=provenance, difference=difference)
    manifest.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def build_graph(heads: Sequence[Head]) -> ModelProto:
    """The heads as one ONNX model; weights are stored in steps, so it answers as `quantised` heads do."""
    constants: Constants = {
        "category_at": np.array(len(INPUTS), dtype=np.int64),
        "offsets": np.append(offsets(), np.float32(1)),  # the log of the category, too: it weighs nothing
    }
    lines: list[Line] = [
        ("Add", (INPUT, "offsets"), "shifted"),
        ("Log", ("shifted",), "logs"),
        ("Gather", (INPUT, "category_at"), "category"),
        ("Cast", ("category",), "category_index"),
        *_first_lines(heads, constants),
    ]
    for head in heads:
        lines += _head_lines(head, constants)
    graph = helper.make_graph(
        [_node(line) for line in lines],
        f"restock-{NAME}",
        inputs=[helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["items", len(FEATURES)])],
        outputs=[helper.make_tensor_value_info(head.name, TensorProto.FLOAT, ["items", *head.shape]) for head in heads],
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="restock-model"
    )
    checker.check_model(model, full_check=True)
    return model


def _first_lines(heads: Sequence[Head], constants: Constants) -> list[Line]:
    """The first layer of all heads at once: fewer operators, so less time.

    What a category adds is one row of a table, which a runtime makes of embeddings and weights when it loads the file.
    """
    width = sum(head.embedding.shape[1] for head in heads)
    known, embedded = [], []
    before = 0
    for head in heads:
        matrix, own = head.layers[0][0], head.embedding.shape[1]
        known.append(np.concatenate([matrix[: len(INPUTS)], np.zeros_like(matrix[:1])]))
        embedded.append(np.zeros((width, matrix.shape[1]), dtype=np.float32))
        embedded[-1][before : before + own] = matrix[len(INPUTS) :]
        before += own
    steps, scale = steps_of(np.concatenate([np.concatenate(part, axis=1) for part in (known, embedded)]))
    constants["first_steps8"], constants["first_of_category_steps8"] = steps[: len(FEATURES)], steps[len(FEATURES) :]
    constants["first_scale"] = scale
    constants["first_bias"] = np.concatenate([head.layers[0][1] for head in heads]).astype(np.float32)
    constants["first_widths"] = np.array([len(head.layers[0][1]) for head in heads], dtype=np.int64)
    return [
        *_stored("embedding", np.concatenate([head.embedding for head in heads], axis=1), constants),
        ("Cast", ("first_steps8",), "first_whole"),
        ("Mul", ("first_whole", "first_scale"), "first"),
        ("Cast", ("first_of_category_steps8",), "first_of_category_whole"),
        ("Mul", ("first_of_category_whole", "first_scale"), "first_of_category"),
        ("MatMul", ("embedding", "first_of_category"), "table_unbiased"),
        ("Add", ("table_unbiased", "first_bias"), "table"),
        ("Gather", ("table", "category_index"), "of_category"),
        ("Gemm", ("logs", "first", "of_category"), "first_sums"),
        ("Relu", ("first_sums",), "first_out"),
        ("Split", ("first_out", "first_widths"), " ".join(f"{head.name}_0_out" for head in heads)),
    ]


def _head_lines(head: Head, constants: Constants) -> list[Line]:
    """One branch, from its part of the first layer on."""
    lines: list[Line] = []
    hidden = f"{head.name}_0_out"
    for number, (matrix, bias) in enumerate(head.layers[1:], start=1):
        name = f"{head.name}_{number}"
        is_last = number == len(head.layers) - 1
        # The week that quantiles are in units of: once in the last bias, not for each item in an operator of its own.
        week = np.log(RATE_DAYS) if head.finish is Finish.QUANTILES and is_last else 0.0
        drawn = drawn_out(bias, quantised(head)) if is_last else bias
        constants[f"{name}_bias"] = (drawn + week).astype(np.float32)
        lines += _curved(name, matrix, head, constants) if is_last else _stored(name, matrix, constants)
        lines.append(("Gemm", (hidden, name, f"{name}_bias"), f"{name}_sums"))
        hidden = f"{name}_sums"
        if not is_last:
            lines.append(("Relu", (hidden,), f"{name}_out"))
            hidden = f"{name}_out"
    constants[f"{head.name}_shape"] = np.array([-1, *head.shape], dtype=np.int64)
    return lines + _finish_lines(head, hidden, constants)


def _finish_lines(head: Head, sums: str, constants: Constants) -> list[Line]:
    name, last = head.name, head.shape[-1]
    lines: list[Line] = []
    if head.finish is Finish.SIGMOID:
        return [("Sigmoid", (sums,), f"{name}_flat"), ("Reshape", (f"{name}_flat", f"{name}_shape"), name)]
    lines += [("Exp", (sums,), f"{name}_steps"), ("Reshape", (f"{name}_steps", f"{name}_shape"), f"{name}_shaped")]
    if head.finish is not Finish.QUANTILES:
        lines += [*_less(last, constants), ("MatMul", (f"{name}_shaped", f"less_{last}"), f"{name}_negative")]
        if head.finish is Finish.SURVIVAL:
            return [*lines, ("Exp", (f"{name}_negative",), name)]
        constants["one"] = np.array(1, dtype=np.float32)
        return [
            *lines,
            ("Exp", (f"{name}_negative",), f"{name}_survival"),
            ("Sub", ("one", f"{name}_survival"), name),
        ]
    constants["rate_at"] = np.array([[RATE_COLUMN]], dtype=np.int64)
    constants |= {f"axis_{axis}": np.array(axis, dtype=np.int64) for axis in (1, 2)}
    return [
        *lines,
        ("CumSum", (f"{name}_shaped", "axis_2"), f"{name}_quantiles"),
        ("CumSum", (f"{name}_quantiles", "axis_1"), f"{name}_horizons"),
        ("Gather", (INPUT, "rate_at"), "rate"),
        ("Mul", (f"{name}_horizons", "rate"), name),
    ]


def _less(size: int, constants: Constants) -> list[Line]:
    """A matrix that adds up along the last axis, negated; in 8 bits."""
    if f"less_{size}_steps8" in constants:
        return []
    constants[f"less_{size}_steps8"] = -np.triu(np.ones((size, size), dtype=np.int8))
    return [("Cast", (f"less_{size}_steps8",), f"less_{size}")]


def _curved(name: str, matrix: Array, head: Head, constants: Constants) -> list[Line]:
    """The last layer's matrix, drawn out from its curves by operators on constants alone."""
    if head.curves is None:
        return _stored(name, matrix, constants)
    plain, rank = head.shape[-1], len(head.curves)
    shapes = {"thin": [-1, rank], "wide": [len(matrix), (int(np.prod(head.shape)) - plain)]}
    constants |= {f"{name}_{key}": np.array(shape, dtype=np.int64) for key, shape in shapes.items()}
    return [
        *_stored(f"{name}_plain", matrix[:, :plain], constants),
        *_stored(f"{name}_rest", matrix[:, plain:], constants),
        *_stored(f"{name}_curves", head.curves, constants),
        ("Reshape", (f"{name}_rest", f"{name}_thin"), f"{name}_rows"),
        ("MatMul", (f"{name}_rows", f"{name}_curves"), f"{name}_drawn"),
        ("Reshape", (f"{name}_drawn", f"{name}_wide"), f"{name}_curved"),
        ("Concat", (f"{name}_plain", f"{name}_curved"), name),
    ]


def _stored(name: str, matrix: Array, constants: Constants) -> list[Line]:
    """A matrix in steps of 8 bits, and the two operators that make it one of numbers."""
    constants[f"{name}_steps8"], constants[f"{name}_scale"] = steps_of(matrix)
    return [
        ("Cast", (f"{name}_steps8",), f"{name}_whole"),
        ("Mul", (f"{name}_whole", f"{name}_scale"), name),
    ]


def _node(line: Line) -> NodeProto:
    operator, inputs, output = line
    attributes: dict[str, Any] = {}
    if operator == "Cast":
        attributes["to"] = TensorProto.INT64 if output == "category_index" else TensorProto.FLOAT
    if operator in {"Concat", "Split"} or (operator == "Gather" and inputs[0] == INPUT):
        attributes["axis"] = 1
    return helper.make_node(operator, list(inputs), output.split(), **attributes)


def _is_finite(head: Head) -> bool:
    arrays = [head.embedding, *(array for layer in head.layers for array in layer)]
    return all(bool(np.isfinite(array).all()) for array in arrays)


def plausible_inputs(rows: int, *, seed: int = 0) -> Array:
    """Made-up features of light and heavy users, as wide as the real ones."""
    rng = np.random.default_rng(seed)
    inputs = np.exp(rng.normal(0.0, 1.2, (rows, len(FEATURES)))).astype(np.float32)
    inputs[:, len(AMOUNTS) : -1] = rng.random((rows, len(SHARES)))
    inputs[:, -1] = rng.integers(0, len(CATEGORY_NAMES), rows)
    return inputs


def _difference(model: ModelProto, heads: Sequence[Head]) -> float:
    """Largest difference between graph and heads over plausible inputs, relative above 1."""
    inputs = plausible_inputs(512)
    answers = ReferenceEvaluator(model).run(None, {INPUT: inputs})
    worst = 0.0
    for head, found in zip(heads, answers, strict=True):
        expected = answer(quantised(head), inputs)
        worst = max(worst, float(np.max(np.abs(np.asarray(found) - expected) / np.maximum(1.0, np.abs(expected)))))
    return worst


def _manifest(
    file: str, content: bytes, *, heads: Sequence[Head], provenance: Provenance, difference: float
) -> dict[str, object]:
    return {
        "format": FORMAT,
        "name": NAME,
        "version": VERSION,
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "opset": OPSET,
        "input": {"name": INPUT, "shape": [-1, len(FEATURES)], "dtype": "float32", "unit": "see features"},
        "outputs": [
            {"name": head.name, "shape": [-1, *head.shape], "dtype": "float32", "unit": head.unit} for head in heads
        ],
        "features": list(FEATURES),
        "categories": list(CATEGORY_NAMES),
        "horizons_d": list(HORIZONS_D),
        "quantiles": list(QUANTILES),
        "pack_edges": list(PACK_EDGES),
        "training_data": provenance.training_data,
        "disclaimer": DISCLAIMER,
        "scores": provenance.scores | {"bytes": float(len(content)), "export_difference": difference},
        "licence": "Apache-2.0",
        "seed": provenance.seed,
        "created": provenance.created.isoformat(),
    }
