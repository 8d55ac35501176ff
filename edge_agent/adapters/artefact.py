"""Reading a model artefact: two files that must fit each other, this hub, and a closed list of what may be in a graph.

Everything is checked before a runtime sees the bytes. A small file can ask a runtime for any amount of memory or for
other files, so the graph is walked in its wire form: known operators only, and each weight inside the file itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge_agent.adapters.model_form import ARTEFACT_BYTES_MAX
from edge_agent.core.feature_names import FEATURES
from edge_agent.core.forecast import HORIZONS_D, NEXT_DAYS_MAX, QUANTILES
from edge_agent.errors import ConfigurationError

MANIFEST_BYTES_MAX: Final = 65_536

# None of these reads a file or makes memory of nothing; what they may use at most is the runtime's to bound.
OPERATORS: Final = frozenset(
    {
        "Add",
        "Cast",
        "Concat",
        "CumSum",
        "Exp",
        "Gather",
        "Gemm",
        "Log",
        "MatMul",
        "Mul",
        "Neg",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Slice",
        "Split",
        "Sub",
    }
)

# Outputs that this hub can use, and the shape of one item's answer. USE must be there.
USE: Final = "use"
NEED: Final = "need"
ORDER_CHANCES: Final = "order_chances"
OUTPUT_SHAPES: Final = {
    USE: (len(HORIZONS_D), len(QUANTILES)),
    NEED: (4, NEXT_DAYS_MAX - 1),
    ORDER_CHANCES: (7, 6),
}

# Field numbers of onnx.proto3. Source: github.com/onnx/onnx, onnx/onnx.proto.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_TENSOR_FIELDS = frozenset({1, 2, 8, 9})  # dims, data type, name, raw data: nothing that points outside
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX = 10


class TensorSpec(BaseModel):
    """Name, shape and unit of one input or output; -1 stands for the number of items."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    shape: tuple[int, ...]
    dtype: Literal["float32"]
    unit: str


class Manifest(BaseModel):
    """What an artefact says of itself. A hub uses it only if all of it fits."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[2]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){0,2}$")]
    file: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,60}\.onnx$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    opset: Annotated[int, Field(ge=1, le=99)]
    input: TensorSpec
    outputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1, max_length=len(OUTPUT_SHAPES))]
    features: tuple[str, ...]
    categories: tuple[str, ...]
    horizons_d: tuple[int, ...]
    quantiles: tuple[float, ...]
    pack_edges: tuple[int, ...]
    training_data: str
    disclaimer: str
    scores: dict[str, float]
    licence: str
    seed: int
    created: date


def read_artefact(folder: Path, *, name: str) -> tuple[Manifest, bytes]:
    """The manifest and the bytes of the model of this name.

    Raises: ConfigurationError naming the file and what does not fit.
    """
    manifest = _read_manifest(folder / f"{name}.json")
    model = _read_bounded(folder / manifest.file, bytes_max=ARTEFACT_BYTES_MAX)
    found = hashlib.sha256(model).hexdigest()
    if found != manifest.sha256:
        raise ConfigurationError(f"{manifest.file}: SHA-256 is {found}, its manifest says {manifest.sha256}")
    try:
        _check_graph(model)
    except ValueError as exc:
        raise ConfigurationError(f"{manifest.file}: {exc}") from exc
    return manifest, model


def _read_manifest(path: Path) -> Manifest:
    text = _read_bounded(path, bytes_max=MANIFEST_BYTES_MAX)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise ConfigurationError(f"{path.name}: {field}: {first['msg']}") from exc
    expected: dict[str, tuple[object, object]] = {
        "features": (manifest.features, FEATURES),
        "quantiles": (manifest.quantiles, QUANTILES),
        "horizons_d": (manifest.horizons_d, HORIZONS_D),
        "input.shape": (manifest.input.shape, (-1, len(FEATURES))),
        "outputs": (_shapes(manifest), {name: OUTPUT_SHAPES.get(name) for name in {*_shapes(manifest), USE}}),
        "categories[0]": (manifest.categories[:1], ("unknown",)),
    }
    for field, (found, wanted) in expected.items():
        if found != wanted:
            raise ConfigurationError(f"{path.name}: {field} is {found!r}, this hub has {wanted!r}")
    return manifest


def _shapes(manifest: Manifest) -> dict[str, tuple[int, ...] | None]:
    """One item's shape by output; None for a shape that does not start with the items, or a name that stands twice."""
    names = [spec.name for spec in manifest.outputs]
    return {
        spec.name: spec.shape[1:] if spec.shape[:1] == (-1,) and names.count(spec.name) == 1 else None
        for spec in manifest.outputs
    }


def _read_bounded(path: Path, *, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as exc:
        raise ConfigurationError(f"{path.name}: cannot be read ({exc.strerror})") from exc
    if len(content) > bytes_max:
        raise ConfigurationError(f"{path.name}: larger than {bytes_max} bytes")
    return content


def _check_graph(model: bytes) -> None:
    """Raise ValueError where the graph holds anything that is not on the list."""
    for field, value in _fields(model):
        if field == _MODEL_FUNCTIONS:
            raise ValueError("has functions of its own")
        if field == _MODEL_GRAPH:
            for inner, part in _fields(value):
                _check_part(inner, part)


def _check_part(field: int, part: bytes) -> None:
    if field == _GRAPH_SPARSE:
        raise ValueError("has sparse weights")
    if field == _GRAPH_INITIALIZER and not {number for number, _ in _fields(part)} <= _TENSOR_FIELDS:
        raise ValueError("has weights outside the file or in an unknown form")
    if field == _GRAPH_NODE:
        node = dict(_fields(part))
        operator = node.get(_NODE_OPERATOR, b"").decode("ascii", errors="replace")
        if operator not in OPERATORS or node.get(_NODE_DOMAIN, b""):
            raise ValueError(f"has the operator {operator!r}, which is not allowed")


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Field numbers of a protobuf message with their contents; numbers are given as empty contents."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, at = _varint(message, at)
            yield field, b""
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in {_FIXED32, _FIXED64}:
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError("is no ONNX file")
        if at + length > len(message):
            raise ValueError("is cut short")
        yield field, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number at `at`, and where the next one starts."""
    value = 0
    for place in range(_VARINT_BYTES_MAX):
        if at + place >= len(message):
            raise ValueError("is cut short")
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("is no ONNX file")
