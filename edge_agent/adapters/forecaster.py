"""The consumption model, run by onnxruntime on one thread, with the built-in rule behind it.

Where a sensor sees an item, its own days tell how evenly it is used: once a day, model and rule are asked for days that
have passed, and the better one of the two answers for that item. The source says which one did.

`load_forecaster` gives the model, or the built-in rule where the artefact is refused; each forecast's source says which
one answered and why. onnxruntime is imported only when a model is loaded: it costs the hub's start-up otherwise. What
it would tell its maker is turned off first: nothing leaves the home but through the one gate.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.artefact import NEED, ORDER_CHANCES, OUTPUT_SHAPES, USE, Manifest, read_artefact
from edge_agent.core.catalogue import Item
from edge_agent.core.challenge import mean_loss, replays
from edge_agent.core.features import FEATURES, UNKNOWN_CATEGORY, features, history
from edge_agent.core.forecast import HORIZONS_D, QUANTILES, Beside, built_in, checked, quantiles_of_days
from edge_agent.core.messages import Forecast, StockEstimate
from edge_agent.core.said import say
from edge_agent.errors import ConfigurationError

ARTEFACT: Final = "consumption-2"
HISTORY_DAYS_MIN: Final = 7  # before that the household's own guess knows more than other households' habits
_ITEMS_MAX = 1_000
_MEMORY_BYTES_MAX = 64 * 1024 * 1024
_ITEMS_AT_ONCE = 200
_CONTEST_DAYS_MAX = 16  # of the newest replays of an item
_CONTEST_DAYS_MIN = 6
_CONTESTS_MAX = 3


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
        self._why = ""
        self._contests: dict[
            str, tuple[date, int, bool]
        ] = {}  # by item: day of the contest, cases, whether the model won

    @property
    def source(self) -> str:
        """Name and version of the artefact, and why it serves where there was a choice."""
        return say("{model} ({why})", model=self._name, why=self._why) if self._why else self._name

    @property
    def _name(self) -> str:
        return f"{self._manifest.name} {self._manifest.version}"

    @property
    def sha256(self) -> str:
        """The checksum of the model."""
        return self._manifest.sha256

    def say(self, why: str) -> None:
        """Why this model serves and not another; the source says it from now on."""
        self._why = why

    def forecast(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """One forecast an item, in the same order; one call of the model for all of them."""
        if not items:
            return []
        if len(items) > _ITEMS_MAX:
            return [built_in(item, estimate, why=say("too many items")) for item, estimate in items]
        self._compete(items)
        return [self._better(answer, one) for answer, one in zip(self.answers(items), items, strict=True)]

    def answers(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """The model's own forecasts, whoever is better; the rule's where it fails."""
        try:
            answers = self._session.run(None, {self._manifest.input.name: self._inputs(items)})
        except _runtime_errors():
            return [built_in(item, estimate, why=say("{model} failed", model=self.source)) for item, estimate in items]
        shapes = [(len(items), *OUTPUT_SHAPES[spec.name]) for spec in self._manifest.outputs]
        if [answer.shape for answer in answers] != shapes:
            why = say("{model} answered in another shape", model=self.source)
            return [built_in(item, estimate, why=why) for item, estimate in items]
        tables = {spec.name: answer.tolist() for spec, answer in zip(self._manifest.outputs, answers, strict=True)}
        return [
            self._one(item, estimate, said={name: table[at] for name, table in tables.items()})
            for at, (item, estimate) in enumerate(items)
        ]

    def _one(self, item: Item, estimate: StockEstimate, *, said: dict[str, list[list[float]]]) -> Forecast:
        if len(estimate.daily_use) < HISTORY_DAYS_MIN:
            return built_in(item, estimate, why=say("fewer than {days} days watched", days=HISTORY_DAYS_MIN))
        beside = Beside(
            days_to_next=quantiles_of_days([1 - later for later in said[NEED][0]]) if NEED in said else (),
            order_chances=said.get(ORDER_CHANCES, ()),
        )
        return checked(
            item, estimate, demand=said[USE], quantiles=QUANTILES, horizons_d=HORIZONS_D, source=self.source,
            beside=beside,
        )  # fmt: skip

    def _better(self, answer: Forecast, one: tuple[Item, StockEstimate]) -> Forecast:
        """The model's answer, or the rule's demand where the rule did better in this item's past."""
        item, estimate = one
        if item.binding is None or answer.source != self.source:
            return answer
        _, cases, is_better = self._contests.get(item.id, (date.min, 0, False))
        if is_better:
            return answer
        why = say("until there is use that a sensor has seen for two weeks")
        if cases:
            why = say("better than {model} on {cases} past days of this item", model=self._name, cases=cases)
        rule = built_in(item, estimate, why=why)
        return replace(rule, days_to_next=answer.days_to_next, order_chances=answer.order_chances)

    def _compete(self, items: Sequence[tuple[Item, StockEstimate]]) -> None:
        """Model against rule on the past of items not tried since midnight; a few a call, so that no review stalls."""
        due = [
            (item, estimate)
            for item, estimate in items
            if item.binding is not None and self._tried(item) < estimate.as_of.date()
        ]
        due.sort(key=lambda one: self._tried(one[0]))
        new = {
            item.id: (estimate.as_of.date(), replays(item, estimate)[:_CONTEST_DAYS_MAX])
            for item, estimate in due[:_CONTESTS_MAX]
        }
        asked = [(case.item, case.estimate) for _, cases in new.values() for case in cases]
        answers: list[Forecast] = []
        for start in range(0, len(asked), _ITEMS_AT_ONCE):
            answers += self.answers(asked[start : start + _ITEMS_AT_ONCE])
        for ident, (day, cases) in new.items():
            model, answers = answers[: len(cases)], answers[len(cases) :]
            if len(cases) < _CONTEST_DAYS_MIN:
                self._contests[ident] = (day, 0, False)
                continue
            rule = [built_in(case.item, case.estimate) for case in cases]
            self._contests[ident] = (day, len(cases), mean_loss(model, cases) < mean_loss(rule, cases))

    def _tried(self, item: Item) -> date:
        return self._contests[item.id][0] if item.id in self._contests else date.min

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
        return RuleForecaster(why=say("no model: {fault}", fault=str(exc)))


def _open_session(model: bytes, *, manifest: Manifest) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """A session on one thread whose input and outputs are those of the manifest.

    A small file can ask for any amount of memory, at the latest when a runtime folds its constants. So it is first
    tried on one row as it stands, with memory for a home and no more; only then may the runtime make it faster.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before its first import: later is too late (its Privacy.md)
    onnxruntime: Any = importlib.import_module("onnxruntime")
    _limit_memory(onnxruntime)
    errors = _runtime_errors()
    try:
        as_it_stands = _session(onnxruntime, model, optimised=False)
        _check_names(as_it_stands, manifest=manifest)
        as_it_stands.run(None, {manifest.input.name: np.zeros((1, len(FEATURES)), dtype=np.float32)})
        return _session(onnxruntime, model, optimised=True)
    except errors as exc:
        raise ConfigurationError(f"{manifest.file}: onnxruntime refuses it: {str(exc)[:200]}") from exc


def _check_names(session: Any, *, manifest: Manifest) -> None:  # noqa: ANN401 - onnxruntime has no types
    found = [
        (tensor.name, tensor.type, len(tensor.shape)) for tensor in (*session.get_inputs(), *session.get_outputs())
    ]
    wanted = [(spec.name, "tensor(float)", len(spec.shape)) for spec in (manifest.input, *manifest.outputs)]
    if found != wanted:
        raise ConfigurationError(f"{manifest.file}: inputs and outputs are {found}, its manifest says {wanted}")


def _session(onnxruntime: Any, model: bytes, *, optimised: bool) -> Any:  # noqa: ANN401 - onnxruntime has no types
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
def _limit_memory(onnxruntime: Any) -> None:  # noqa: ANN401 - onnxruntime has no types
    """One bounded allocator for all sessions of this process."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    bounds = onnxruntime.OrtArenaCfg({"max_mem": _MEMORY_BYTES_MAX, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(memory, bounds)


def _runtime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a bad model or a failed run; it has no common class of its own."""
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return tuple(getattr(state, name) for name in names)
