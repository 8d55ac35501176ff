"""The model on the hub: refused when anything does not fit, replaced by the rule when it answers nonsense."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_agent.adapters.artefact import Manifest, read_artefact
from edge_agent.adapters.forecaster import ARTEFACT, OnnxForecaster, RuleForecaster, load_forecaster
from edge_agent.adapters.model_form import ARTEFACT_BYTES_MAX
from edge_agent.core.feature_names import FEATURES
from edge_agent.core.forecast import HORIZONS_D, QUANTILES, built_in
from edge_agent.errors import ConfigurationError
from tests.edge_agent.consumables import DETERGENT, ITEMS, MILK, WASHER_FLUID, stock_estimate

SHIPPED = Path(__file__).parents[3] / "models" / "artefacts"
RATES = {"milk": 0.8, "detergent": 0.15, "washer_fluid": 0.08}
STOCKS = [(item, stock_estimate(item, packs=2.0, use_packs=[RATES[item.id]] * 60)) for item in ITEMS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the artefact that ships, to be spoilt."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "artefacts"))


ONLY_USE = [{"name": "use", "shape": [-1, len(HORIZONS_D), len(QUANTILES)], "dtype": "float32", "unit": "packs"}]


def rewrite(folder: Path, *, model: bytes | None = None, **changes: Any) -> None:  # noqa: ANN401
    """Change manifest fields, and the model with its checksum."""
    path = folder / f"{ARTEFACT}.json"
    manifest = json.loads(path.read_text()) | changes
    if model is not None:
        (folder / manifest["file"]).write_bytes(model)
        manifest["sha256"] = hashlib.sha256(model).hexdigest()
    path.write_text(json.dumps(manifest))


def graph_of(nodes: list[onnx.NodeProto], **weights: np.ndarray[Any, Any]) -> bytes:
    """A model of our shapes from other operators."""
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(FEATURES)])],
        [helper.make_tensor_value_info("use", TensorProto.FLOAT, ["n", len(HORIZONS_D), len(QUANTILES)])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def constant_answer(value: float) -> bytes:
    """A model that answers `value` to everything."""
    outputs = len(HORIZONS_D) * len(QUANTILES)
    nodes = [
        helper.make_node("MatMul", ["features", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "value"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["use"]),
    ]
    return graph_of(
        nodes,
        nothing=np.zeros((len(FEATURES), outputs), dtype=np.float32),
        value=np.array(value, dtype=np.float32),
        shape=np.array([-1, len(HORIZONS_D), len(QUANTILES)], dtype=np.int64),
    )


def test_the_shipped_model_answers_for_the_demo_home() -> None:
    """One answer an item in order, from the model, with a median of the right size, an unknown category too."""
    forecasts = OnnxForecaster(SHIPPED).answers(STOCKS)
    assert [forecast.item for forecast in forecasts] == [item.id for item in ITEMS]
    assert {forecast.source for forecast in forecasts} == {"consumption 2"}
    for forecast in forecasts:
        expected = RATES[forecast.item] * 28
        assert expected / 2 < forecast.demand[-1][7] < expected * 1.5
        assert 2 / RATES[forecast.item] / 2 < forecast.days_to_empty[7] < 2 / RATES[forecast.item] * 2


def test_the_shipped_model_tells_the_next_need() -> None:
    """Days to the next event come with the demand: sooner for what is used up sooner."""
    milk, detergent, _ = OnnxForecaster(SHIPPED).forecast(STOCKS)
    assert len(milk.days_to_next) == len(QUANTILES)
    assert milk.days_to_next[7] < detergent.days_to_next[7]
    assert all(1 <= day <= 56 for day in detergent.days_to_next)


def test_an_item_gets_the_same_answer_alone_and_in_company() -> None:
    """Items of one batch do not touch each other."""
    forecaster = OnnxForecaster(SHIPPED)
    alone = [forecaster.forecast([one])[0] for one in STOCKS]
    for one, other in zip(alone, forecaster.forecast(STOCKS), strict=True):
        assert one.demand[-1] == pytest.approx(other.demand[-1], abs=1e-4)


def test_the_better_one_of_model_and_rule_answers_for_each_item(folder: Path) -> None:
    """A model that is wrong for an item's own past does not serve it, and says so; the chances beside it stay."""
    rewrite(folder, model=_tripled(folder))
    [forecast] = OnnxForecaster(folder).forecast(STOCKS[:1])
    assert forecast.source == "built-in rule 1 (better than consumption 2 on 15 past days of this item)"
    assert forecast.demand == built_in(*STOCKS[0]).demand
    assert forecast.days_to_next


def test_the_contest_is_held_once_a_day_and_item(folder: Path) -> None:
    """A second look on the same day asks the model once, not again for all the days that have passed."""
    forecaster = OnnxForecaster(folder)
    asked: list[int] = []
    answers = forecaster.answers
    forecaster.answers = lambda items: asked.append(len(items)) or answers(items)  # type: ignore[method-assign]
    for _ in range(2):
        forecaster.forecast(STOCKS[:1])
    later = replace(STOCKS[0][1], as_of=STOCKS[0][1].as_of + timedelta(days=1))
    forecaster.forecast([(MILK, later)])
    assert asked == [15, 1, 1, 15, 1]


def test_a_young_sensed_item_gets_the_rule() -> None:
    """Between one week and what a contest needs, the item's own spread is known and the model's worth is not."""
    stock = stock_estimate(MILK, use_packs=[0.8] * 10)
    [forecast] = OnnxForecaster(SHIPPED).forecast([(MILK, stock)])
    assert forecast.source == "built-in rule 1 (until there is use that a sensor has seen for two weeks)"


def test_an_item_without_a_sensor_gets_the_model() -> None:
    """Purchases are what the model was trained on."""
    item = MILK.model_copy(update={"binding": None, "cycle_days": 3.0})
    [forecast] = OnnxForecaster(SHIPPED).forecast([(item, STOCKS[0][1])])
    assert forecast.source == "consumption 2"


@pytest.mark.parametrize("days", [0, 1, 2, 6])
def test_few_days_get_the_rule(days: int) -> None:
    """With less than a week seen, the household's own guess answers, and the source says why."""
    stock = stock_estimate(MILK, use_packs=[0.8] * days)
    [forecast] = OnnxForecaster(SHIPPED).forecast([(MILK, stock)])
    assert forecast.source == "built-in rule 1 (fewer than 7 days watched)"


@pytest.mark.parametrize(
    "use",
    [
        pytest.param([1_000.0] * 30, id="a thousand packs a day"),
        pytest.param([0.0] * 60, id="never used"),
        pytest.param([0.0, 40.0] * 15, id="in heaps"),
    ],
)
def test_odd_histories_get_a_sane_forecast(use: list[float]) -> None:
    """Whatever a scale says, the forecast is finite and rises."""
    [forecast] = OnnxForecaster(SHIPPED).forecast([(MILK, stock_estimate(MILK, use_packs=use))])
    table = np.array(forecast.demand)
    assert np.isfinite(table).all()
    assert (np.diff(table, axis=0) >= 0).all()
    assert (np.diff(table, axis=1) >= 0).all()


def test_no_items_no_call() -> None:
    """A home without items has no forecasts."""
    assert OnnxForecaster(SHIPPED).forecast([]) == []


@pytest.mark.parametrize("value", [float("nan"), -3.0, 1e9])
def test_a_model_that_answers_nonsense_is_replaced_item_by_item(folder: Path, value: float) -> None:
    """NaN, negative or absurd answers of a loaded model lead to the rule, never to an order."""
    rewrite(folder, model=constant_answer(value), outputs=ONLY_USE)
    for (item, stock), forecast in zip(STOCKS, OnnxForecaster(folder).answers(STOCKS), strict=True):
        assert "consumption 2 answered with" in forecast.source
        assert forecast.demand == built_in(item, stock).demand


def _tripled(folder: Path) -> bytes:
    """The shipped model, but its demand is three times as large."""
    model = onnx.load(folder / f"{ARTEFACT}.onnx")
    last = next(one for one in model.graph.initializer if one.name == "use_2_bias")
    last.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(last) + np.float32(np.log(3)), last.name))
    return bytes(model.SerializeToString())


def _cut(folder: Path) -> None:
    path = folder / f"{ARTEFACT}.onnx"
    path.write_bytes(path.read_bytes()[:-1])


def _external(folder: Path) -> None:
    model = onnx.load(folder / f"{ARTEFACT}.onnx")
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../../../etc/hostname")
    rewrite(folder, model=model.SerializeToString())


def _huge_memory(folder: Path) -> None:
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["use"])]
    rewrite(folder, model=graph_of(nodes, shape=np.array([100_000, 100_000, 1], dtype=np.int64)))


def _doubling(source: str, *, times: int = 26) -> Callable[[Path], None]:
    """A model of allowed operators that doubles its input or a constant again and again: 20 GB from a kilobyte."""

    def spoil(folder: Path) -> None:
        names = [source, *(f"twice_{number}" for number in range(times))]
        nodes = [helper.make_node("Concat", [one, one], [other], axis=1) for one, other in pairwise(names)]
        nodes.append(helper.make_node("Reshape", [names[-1], "shape"], ["use"]))
        shape = np.array([-1, len(HORIZONS_D), len(QUANTILES)], dtype=np.int64)
        rewrite(
            folder, model=graph_of(nodes, constant=np.ones((1, 6), dtype=np.float32), shape=shape), outputs=ONLY_USE
        )

    return spoil


def _other_name(folder: Path) -> None:
    model = onnx.load(folder / f"{ARTEFACT}.onnx")
    model.graph.input[0].name = "other"
    for node in model.graph.node:
        node.input[:] = ["other" if name == "features" else name for name in node.input]
    rewrite(folder, model=model.SerializeToString())


def _foreign_operator(folder: Path) -> None:
    node = helper.make_node("Add", ["features", "features"], ["use"], domain="com.example")
    rewrite(folder, model=graph_of([node]))


def _nested_function(folder: Path) -> None:
    model = onnx.load(folder / f"{ARTEFACT}.onnx")
    model.functions.add(name="f", domain="local")
    rewrite(folder, model=model.SerializeToString())


def _sparse(folder: Path) -> None:
    model = onnx.load(folder / f"{ARTEFACT}.onnx")
    model.graph.sparse_initializer.add()
    rewrite(folder, model=model.SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(_cut, "SHA-256", id="cut by a byte"),
        pytest.param(lambda folder: (folder / f"{ARTEFACT}.onnx").unlink(), "cannot be read", id="no model"),
        pytest.param(lambda folder: (folder / f"{ARTEFACT}.json").unlink(), "cannot be read", id="no manifest"),
        pytest.param(lambda folder: (folder / f"{ARTEFACT}.json").write_text("{"), "whole file", id="no JSON"),
        pytest.param(lambda folder: rewrite(folder, surprise=1), "surprise", id="an unknown field"),
        pytest.param(lambda folder: rewrite(folder, features=["rate"]), "features is", id="other features"),
        pytest.param(lambda folder: rewrite(folder, horizons_d=[7, 14, 30]), "horizons_d is", id="other horizons"),
        pytest.param(lambda folder: rewrite(folder, outputs=[]), "outputs", id="no outputs"),
        pytest.param(lambda folder: rewrite(folder, outputs=ONLY_USE * 2), "outputs", id="an output twice"),
        pytest.param(
            lambda folder: rewrite(folder, outputs=[ONLY_USE[0] | {"name": "orders"}]), "outputs", id="another output"
        ),
        pytest.param(
            lambda folder: rewrite(folder, outputs=[ONLY_USE[0] | {"shape": [-1, 3, 15]}]), "outputs", id="other shapes"
        ),
        pytest.param(lambda folder: rewrite(folder, quantiles=[0.5]), "quantiles is", id="other quantiles"),
        pytest.param(lambda folder: rewrite(folder, categories=["milk"]), "categories", id="no unknown category"),
        pytest.param(lambda folder: rewrite(folder, file="../evil.onnx"), "file", id="a path out of the folder"),
        pytest.param(lambda folder: rewrite(folder, model=b"\0" * (ARTEFACT_BYTES_MAX + 1)), "larger", id="too large"),
        pytest.param(lambda folder: rewrite(folder, model=b"\xff" * 66), "no ONNX", id="no protobuf"),
        pytest.param(lambda folder: rewrite(folder, model=b"\x3a\x7f"), "cut short", id="a length beyond the end"),
        pytest.param(lambda folder: rewrite(folder, model=b""), "refuses", id="an empty model"),
        pytest.param(_external, "outside the file", id="external data"),
        pytest.param(_huge_memory, "ConstantOfShape", id="asks for 40 GB"),
        pytest.param(_doubling("features"), "refuses", id="doubles its input until memory is gone"),
        pytest.param(_doubling("constant"), "refuses", id="doubles a constant until memory is gone"),
        pytest.param(_foreign_operator, "operator", id="an operator of another domain"),
        pytest.param(_nested_function, "functions", id="functions"),
        pytest.param(_sparse, "sparse", id="sparse weights"),
        pytest.param(_other_name, "inputs and outputs", id="another input name"),
    ],
)
def test_an_artefact_that_does_not_fit_is_refused(folder: Path, spoil: Callable[[Path], object], says: str) -> None:
    """Refused before it runs, with what is wrong; the hub goes on with the rule and says why in each forecast."""
    spoil(folder)
    with pytest.raises(ConfigurationError, match=says):
        OnnxForecaster(folder)
    rule = load_forecaster(folder)
    assert isinstance(rule, RuleForecaster)
    [forecast] = rule.forecast([(DETERGENT, stock_estimate(DETERGENT))])
    assert forecast.source.startswith("built-in rule 1 (no model: ")


def test_the_manifest_that_ships_tells_all() -> None:
    """The manifest names data, disclaimer, licence and scores, and knows the demo's categories."""
    manifest, model = read_artefact(SHIPPED, name=ARTEFACT)
    assert isinstance(manifest, Manifest)
    assert len(model) <= ARTEFACT_BYTES_MAX
    assert "simulated data based on real grocery shopping patterns" in manifest.disclaimer
    assert {MILK.category, DETERGENT.category} < set(manifest.categories)
    assert WASHER_FLUID.category not in manifest.categories
    assert manifest.scores["packs.rel_high"] < 1
    assert manifest.scores["need.to_own_high"] < -1


def test_the_runtime_keeps_no_record_of_this_home_to_send(tmp_path: Path) -> None:
    """Of itself it writes what it does into a store in the user's folder, for its maker; the hub has one gate out."""
    script = (
        "import os, pathlib; from edge_agent.adapters.forecaster import load_forecaster\n"
        f"print(load_forecaster(pathlib.Path({str(SHIPPED)!r})).source)"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    told = subprocess.run(
        [sys.executable, "-B", "-c", script], env=kept | home, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("consumption")
    assert list(tmp_path.rglob("*")) == []


def test_onnxruntime_is_not_imported_without_a_model() -> None:
    """Importing the adapter costs no runtime: the hub's start-up counts."""
    script = "import sys, edge_agent.adapters.forecaster; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
