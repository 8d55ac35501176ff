"""The consumption model, run by onnxruntime on one thread, with the built-in rule behind it.

`load_forecaster` gives the model, or the built-in rule where the artefact is refused; each forecast's source says which
one answered and why. onnxruntime is imported only when a model is loaded: it costs the hub's start-up otherwise.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.artefact import Manifest, read_artefact
from edge_agent.core.catalogue import Item
from edge_agent.core.features import UNKNOWN_CATEGORY, features, history
from edge_agent.core.forecast import HORIZONS_D, QUANTILES, built_in, checked
from edge_agent.core.messages import Forecast, StockEstimate
from edge_agent.errors import ConfigurationError

ARTEFACT: Final = "consumption-1"
HISTORY_DAYS_MIN: Final = 7  # before that the household's own guess knows more than other households' habits
_ITEMS_MAX = 1_000


class RuleForecaster:
    """The built-in rule for every item; `why` says why there is no model."""

    def __init__(self, *, why: str = "") -> None:
        self._why = why

    @property
    def source(self) -> str:
        """What answers, and why it is not the model; for the log at start."""
        return f"built-in rule ({self._why})" if self._why else "built-in rule"

    def forecast(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """One forecast an item, in the same order."""
        return [built_in(item, estimate, why=self._why) for item, estimate in items]


class OnnxForecaster:
    """A loaded model; an item whose answer is no sane demand gets the built-in rule.

    Raises: ConfigurationError when the artefact and its manifest do not fit each other or this hub.
    """

    def __init__(self, folder: Path, *, name: str = ARTEFACT) -> None:
        self._manifest, model = read_artefact(folder, name=name)
        self._session = _open_session(model, manifest=self._manifest)
        self._category_index = {category: index for index, category in enumerate(self._manifest.categories)}

    @property
    def source(self) -> str:
        """Name and version of the artefact."""
        return f"{self._manifest.name} {self._manifest.version}"

    def forecast(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """One forecast an item, in the same order; one call of the model for all of them."""
        if not items:
            return []
        if len(items) > _ITEMS_MAX:
            return [built_in(item, estimate, why="too many items") for item, estimate in items]
        manifest = self._manifest
        inputs = self._inputs(items)
        try:
            (answer,) = self._session.run([manifest.output.name], {manifest.input.name: inputs})
        except _runtime_errors():
            return [built_in(item, estimate, why=f"{self.source} failed") for item, estimate in items]
        if answer.shape != (len(items), len(HORIZONS_D), len(QUANTILES)):
            return [
                built_in(item, estimate, why=f"{self.source} answered in another shape") for item, estimate in items
            ]
        return [
            self._one(item, estimate, demand=table)
            for (item, estimate), table in zip(items, answer.tolist(), strict=True)
        ]

    def _one(self, item: Item, estimate: StockEstimate, *, demand: list[list[float]]) -> Forecast:
        if len(estimate.daily_use) < HISTORY_DAYS_MIN:
            return built_in(item, estimate, why=f"fewer than {HISTORY_DAYS_MIN} days watched")
        return checked(item, estimate, demand=demand, quantiles=QUANTILES, horizons_d=HORIZONS_D, source=self.source)

    def _inputs(self, items: Sequence[tuple[Item, StockEstimate]]) -> NDArray[np.float32]:
        use = [
            history(estimate.daily_use, origin=estimate.as_of.date(), pack_amount=item.product.pack_amount)
            for item, estimate in items
        ]
        category = [self._category_index.get(item.category, UNKNOWN_CATEGORY) for item, _ in items]
        raw = features(
            np.stack(use),
            weekday=np.array([estimate.as_of.weekday() for _, estimate in items]),
            prior_rate=np.array([item.prior_use_per_day / item.product.pack_amount for item, _ in items]),
            category=np.array(category),
        )
        return raw.astype(np.float32)


def load_forecaster(folder: Path, *, name: str = ARTEFACT) -> OnnxForecaster | RuleForecaster:
    """The model in `folder`, or the built-in rule with the reason why not."""
    try:
        return OnnxForecaster(folder, name=name)
    except ConfigurationError as exc:
        return RuleForecaster(why=f"no model: {exc}")


def _open_session(model: bytes, *, manifest: Manifest) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """A session on one thread whose input and output are those of the manifest."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False  # a few kilobytes a call need no arena
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as exc:
        raise ConfigurationError(f"{manifest.file}: onnxruntime refuses it: {str(exc)[:200]}") from exc
    found = [
        (tensor.name, tensor.type, len(tensor.shape)) for tensor in (*session.get_inputs(), *session.get_outputs())
    ]
    wanted = [(spec.name, "tensor(float)", len(spec.shape)) for spec in (manifest.input, manifest.output)]
    if found != wanted:
        raise ConfigurationError(f"{manifest.file}: inputs and outputs are {found}, its manifest says {wanted}")
    return session


def _runtime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a bad model or a failed run; it has no common class of its own."""
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return tuple(getattr(state, name) for name in names)
