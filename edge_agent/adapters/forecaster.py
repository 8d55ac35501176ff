"""The consumption model, run by onnxruntime on one thread, with the built-in rule behind it.

Where a sensor sees an item, its own days tell how evenly it is used: once a day, model and rule are asked for days that
have passed, and the better one of the two answers for that item. The source says which one did.

`load_forecaster` gives the model, or the built-in rule where the artefact is refused; each forecast's source says which
one answered and why. The model itself is loaded in this process or in one of its own (`model_session`,
`model_process`); neither is imported before there is a model. What it has said of an item it is not asked again until
the item's days are others.
"""

from __future__ import annotations

import importlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Final

from edge_agent.adapters.artefact import NEED, ORDER_CHANCES, OUTPUT_SHAPES, USE, Manifest, read_artefact
from edge_agent.adapters.model_form import Fault, LoadedModel, Tensors
from edge_agent.core.catalogue import Item
from edge_agent.core.challenge import mean_loss, replays
from edge_agent.core.feature_names import UNKNOWN_CATEGORY
from edge_agent.core.forecast import HORIZONS_D, QUANTILES, Beside, built_in, checked, quantiles_of_days
from edge_agent.core.messages import Forecast, StockEstimate
from edge_agent.core.model_rows import ROWS_MAX, history, model_row
from edge_agent.core.said import say
from edge_agent.errors import ConfigurationError

ARTEFACT: Final = "consumption-2"
HISTORY_DAYS_MIN: Final = 7  # before that the household's own guess knows more than other households' habits
_ITEMS_AT_ONCE = 200
_SAID_MAX = 400  # answers that are kept, of one or two kB each
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

    def __init__(self, folder: Path, *, name: str = ARTEFACT, apart: bool = False) -> None:
        self._manifest, model = read_artefact(folder, name=name)
        self._model = (_apart if apart else _in_here)(model, _tensors(self._manifest))
        self._said: dict[
            bytes, array[float]
        ] = {}  # by digest of the row: what the model says of it, one output after the other
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
        if len(items) > ROWS_MAX:
            return [built_in(item, estimate, why=say("too many items")) for item, estimate in items]
        self._compete(items)
        return [self._better(answer, one) for answer, one in zip(self.answers(items), items, strict=True)]

    def rest(self) -> None:
        """It will not be asked for a while: a process of its own ends, and starts again when it is asked."""
        self._model.rest()

    def answers(self, items: Sequence[tuple[Item, StockEstimate]]) -> list[Forecast]:
        """The model's own forecasts, whoever is better; the rule's where it fails."""
        rows = [self._row(item, estimate) for item, estimate in items]
        marks = [sha256(row).digest() for row in rows]
        new = {mark: row for mark, row in zip(marks, rows, strict=True) if mark not in self._said}
        fault = self._ask(new) if new else None
        if fault is not None:
            told = say("{model} failed", model=self.source)
            if fault is Fault.OTHER_SHAPE:
                told = say("{model} answered in another shape", model=self.source)
            return [built_in(item, estimate, why=told) for item, estimate in items]
        self._said |= {mark: self._said.pop(mark) for mark in dict.fromkeys(marks)}  # the newest last
        answers = [
            self._one(item, estimate, said=self._tables(mark))
            for mark, (item, estimate) in zip(marks, items, strict=True)
        ]
        for mark in list(self._said)[:-_SAID_MAX]:
            del self._said[mark]
        return answers

    def _ask(self, rows: Mapping[bytes, bytes]) -> Fault | None:
        """Keep what the model says of each row, or tell why it says nothing."""
        answer = self._model.run(list(rows.values()))
        if isinstance(answer, Fault):
            return answer
        numbers, at = array("f", answer), 0
        said = [array("f") for _ in rows]
        for spec in self._manifest.outputs:
            size = prod(OUTPUT_SHAPES[spec.name])
            for kept in said:
                kept.extend(numbers[at : at + size])
                at += size
        self._said |= dict(zip(rows, said, strict=True))
        return None

    def _tables(self, mark: bytes) -> dict[str, list[list[float]]]:
        """What the model has said of a row: a table for each output."""
        said, at = self._said[mark].tolist(), 0
        tables: dict[str, list[list[float]]] = {}
        for spec in self._manifest.outputs:
            lines, columns = OUTPUT_SHAPES[spec.name]
            end = at + lines * columns
            tables[spec.name] = [said[start : start + columns] for start in range(at, end, columns)]
            at = end
        return tables

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

    def _row(self, item: Item, estimate: StockEstimate) -> bytes:
        origin, pack_amount = estimate.as_of.date(), item.product.pack_amount
        return model_row(
            history(estimate.daily_use, origin=origin, pack_amount=pack_amount),
            weekday=origin.weekday(),
            prior_rate=item.prior_use_per_day / pack_amount,
            category=self._category_index.get(item.category, UNKNOWN_CATEGORY),
        )


def load_forecaster(folder: Path, *, name: str = ARTEFACT) -> OnnxForecaster | RuleForecaster:
    """The model in `folder`, or the built-in rule with the reason why not."""
    try:
        return OnnxForecaster(folder, name=name)
    except ConfigurationError as exc:
        return RuleForecaster(why=say("no model: {fault}", fault=str(exc)))


def _tensors(manifest: Manifest) -> Tensors:
    outputs = tuple((spec.name, OUTPUT_SHAPES[spec.name]) for spec in manifest.outputs)
    return Tensors(file=manifest.file, input=manifest.input.name, outputs=outputs)


def _in_here(model: bytes, tensors: Tensors) -> LoadedModel:
    opened: Callable[..., LoadedModel] = importlib.import_module("edge_agent.adapters.model_session").ModelSession
    return opened(model, tensors=tensors)


def _apart(model: bytes, tensors: Tensors) -> LoadedModel:
    opened: Callable[..., LoadedModel] = importlib.import_module("edge_agent.adapters.model_process").ModelProcess
    return opened(model, tensors=tensors)
