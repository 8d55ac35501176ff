"""Which model serves after an update: the better one in this home, and the files of it are kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from math import log
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from edge_agent.adapters.champion import choose_forecaster
from edge_agent.adapters.forecaster import ARTEFACT, OnnxForecaster, RuleForecaster
from tests.edge_agent.consumables import MILK, stock_estimate

SHIPPED = Path(__file__).parents[3] / "models" / "artefacts"
STOCKS = [(MILK, stock_estimate(MILK, use_packs=[0.5, 0.9] * 60))] * 3


def copy_of(folder: Path, *, scale: float = 1.0) -> Path:
    """The shipped model; with a `scale` its demand is that many times as large."""
    shutil.copytree(SHIPPED, folder)
    model = onnx.load(folder / f"{ARTEFACT}.onnx")
    last = next(one for one in model.graph.initializer if one.name == "use_2_bias")
    bias = numpy_helper.to_array(last)
    last.CopyFrom(numpy_helper.from_array(bias + bias.dtype.type(log(scale)), last.name))
    content = model.SerializeToString()
    (folder / f"{ARTEFACT}.onnx").write_bytes(content)
    path = folder / f"{ARTEFACT}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}))
    return folder


def checksum(folder: Path) -> str:
    """The checksum that a folder's manifest gives."""
    return str(json.loads((folder / f"{ARTEFACT}.json").read_text())["sha256"])


def test_the_first_model_serves_and_is_kept(tmp_path: Path) -> None:
    """Nothing served before: the model serves, and the next start finds it again without a contest."""
    for _ in range(2):
        found = choose_forecaster(SHIPPED, kept=tmp_path / "model", stocks=STOCKS)
        assert isinstance(found, OnnxForecaster)
        assert found.source == "consumption 2"
    assert checksum(tmp_path / "model") == checksum(SHIPPED)


@pytest.mark.parametrize(("old", "new", "wins"), [(1.0, 3.0, False), (3.0, 1.0, True)])
def test_the_better_one_in_this_home_serves(tmp_path: Path, old: float, new: float, *, wins: bool) -> None:
    """A model that foretells three times the use loses, whichever came first; the source says why."""
    kept, folder = copy_of(tmp_path / "kept", scale=old), copy_of(tmp_path / "new", scale=new)
    before = checksum(kept)
    found = choose_forecaster(folder, kept=kept, stocks=STOCKS)
    assert ("better" in found.source) is wins
    assert "past days of this home" in found.source
    assert checksum(kept) == (checksum(folder) if wins else before)
    assert isinstance(found, OnnxForecaster)
    [forecast] = found.answers(STOCKS[:1])
    assert forecast.demand[-1][7] < 0.7 * 28 * 1.6


def test_a_refused_newcomer_leaves_the_old_one_serving(tmp_path: Path) -> None:
    """A broken update is said and not served."""
    kept, folder = copy_of(tmp_path / "kept"), copy_of(tmp_path / "new")
    (folder / f"{ARTEFACT}.onnx").write_bytes(b"broken")
    found = choose_forecaster(folder, kept=kept, stocks=STOCKS)
    assert isinstance(found, OnnxForecaster)
    assert "refused" in found.source


def test_without_any_model_the_rule_serves(tmp_path: Path) -> None:
    """No old one and no new one."""
    found = choose_forecaster(tmp_path / "none", kept=tmp_path / "kept", stocks=STOCKS)
    assert isinstance(found, RuleForecaster)
    assert "no model" in found.source


def test_half_a_copy_is_no_model(tmp_path: Path) -> None:
    """A kept model whose files do not fit each other is passed over, and replaced."""
    kept = copy_of(tmp_path / "kept")
    (kept / f"{ARTEFACT}.onnx").write_bytes(b"half")
    found = choose_forecaster(SHIPPED, kept=kept, stocks=STOCKS)
    assert found.source == "consumption 2"
    assert OnnxForecaster(kept).sha256 == checksum(SHIPPED)
