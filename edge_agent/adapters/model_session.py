"""A model that is loaded: onnxruntime on one thread, with bounded memory, and the features of the rows it is asked for.

Loading this module loads numpy and onnxruntime, so nothing imports it before there is a model. What onnxruntime would
tell its maker is turned off first: nothing leaves the home but through the one gate.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.model_form import Fault, Tensors
from edge_agent.core.feature_names import FEATURES, HISTORY_DAYS
from edge_agent.core.features import features
from edge_agent.core.model_rows import ROW_NUMBERS
from edge_agent.errors import ConfigurationError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its first import: later is too late (its Privacy.md)
onnxruntime: Any = importlib.import_module("onnxruntime")  # it has no types
_state: Any = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")

_MEMORY_BYTES_MAX: Final = 64 * 1024 * 1024
# What onnxruntime raises for a bad model or a failed run; it has no common class of its own.
_ERRORS: tuple[type[Exception], ...] = (
    _state.Fail, _state.InvalidArgument, _state.InvalidGraph, _state.InvalidProtobuf, _state.NotImplemented,
    _state.RuntimeException,
)  # fmt: skip


class ModelSession:
    """A loaded model. Raises: ConfigurationError when the runtime refuses it, or its tensors are others.

    A small file can ask for any amount of memory, at the latest when a runtime folds its constants. So it is first
    tried on one row as it stands, with memory for a home and no more; only then may the runtime make it faster.
    """

    def __init__(self, model: bytes, *, tensors: Tensors) -> None:
        self._tensors = tensors
        _limit_memory()
        try:
            as_it_stands = _session(model, optimised=False)
            _check_names(as_it_stands, tensors=tensors)
            as_it_stands.run(None, {tensors.input: np.zeros((1, len(FEATURES)), dtype=np.float32)})
            self._session = _session(model, optimised=True)
        except _ERRORS as exc:
            raise ConfigurationError(f"{tensors.file}: onnxruntime refuses it: {str(exc)[:200]}") from exc

    def run(self, rows: Sequence[bytes]) -> bytes | Fault:
        """What the model says of each row: the outputs one after the other, each (rows, shape) float32."""
        try:
            answers = self._session.run(None, {self._tensors.input: _inputs(rows)})
        except _ERRORS:
            return Fault.FAILED
        if [answer.shape for answer in answers] != [(len(rows), *shape) for _, shape in self._tensors.outputs]:
            return Fault.OTHER_SHAPE
        return b"".join(answer.astype(np.float32).tobytes() for answer in answers)

    def rest(self) -> None:
        """Nothing: what is loaded in this process stays."""


def _inputs(rows: Sequence[bytes]) -> NDArray[np.float32]:
    """The features, (rows, features)."""
    numbers = np.frombuffer(b"".join(rows), dtype=np.float64).reshape(len(rows), ROW_NUMBERS)
    weekday, prior, category = numbers[:, HISTORY_DAYS:].T
    raw = features(
        numbers[:, :HISTORY_DAYS],
        weekday=weekday.astype(np.int64),
        prior_rate=prior,
        category=category.astype(np.int64),
    )
    return raw.astype(np.float32)


def _check_names(session: Any, *, tensors: Tensors) -> None:  # noqa: ANN401 - onnxruntime has no types
    found = [
        (tensor.name, tensor.type, len(tensor.shape)) for tensor in (*session.get_inputs(), *session.get_outputs())
    ]
    outputs = [(name, "tensor(float)", 1 + len(shape)) for name, shape in tensors.outputs]
    wanted = [(tensors.input, "tensor(float)", 2), *outputs]
    if found != wanted:
        raise ConfigurationError(f"{tensors.file}: inputs and outputs are {found}, its manifest says {wanted}")


def _session(model: bytes, *, optimised: bool) -> Any:  # noqa: ANN401 - onnxruntime has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.add_session_config_entry("session.use_env_allocators", "1")
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def _limit_memory() -> None:
    """One bounded allocator for all sessions of this process."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    bounds = onnxruntime.OrtArenaCfg({"max_mem": _MEMORY_BYTES_MAX, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(memory, bounds)
