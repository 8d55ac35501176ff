"""The model in a process of its own: the same answers, and none at all where it dies, hangs or says something else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from edge_agent.adapters import model_process
from edge_agent.adapters.artefact import read_artefact
from edge_agent.adapters.champion import choose_forecaster
from edge_agent.adapters.forecaster import ARTEFACT, OnnxForecaster
from edge_agent.adapters.model_form import Fault, Tensors
from edge_agent.adapters.model_process import ModelProcess
from edge_agent.core.forecast import built_in
from edge_agent.core.model_rows import ROWS_MAX, history, model_row
from edge_agent.errors import ConfigurationError
from tests.edge_agent.adapters.test_forecaster import SHIPPED, STOCKS

_NOW = STOCKS[0][1].as_of.date()
ROW = model_row(history((), origin=_NOW, pack_amount=1.0), weekday=0, prior_rate=0.1, category=0)


@pytest.fixture
def apart() -> Iterator[OnnxForecaster]:
    """The shipped model in a process of its own."""
    forecaster = OnnxForecaster(SHIPPED, apart=True)
    yield forecaster
    forecaster.rest()


@pytest.fixture
def loaded() -> Iterator[ModelProcess]:
    """The process by itself."""
    process = process_of()
    yield process
    process.rest()


def process_of(*, quiet_s: float = 60.0, deadline_s: float = 60.0) -> ModelProcess:
    """The shipped model."""
    manifest, model = read_artefact(SHIPPED, name=ARTEFACT)
    outputs = tuple((spec.name, spec.shape[1:]) for spec in manifest.outputs)
    tensors = Tensors(file=manifest.file, input=manifest.input.name, outputs=outputs)
    return ModelProcess(model, tensors=tensors, quiet_s=quiet_s, deadline_s=deadline_s)


def test_a_process_of_its_own_answers_as_one_that_is_here(apart: OnnxForecaster) -> None:
    """Bit for bit, what the model says and what the contest makes of it."""
    here = OnnxForecaster(SHIPPED)
    assert apart.answers(STOCKS) == here.answers(STOCKS)
    assert apart.forecast(STOCKS) == here.forecast(STOCKS)


def test_the_hub_loads_neither_numpy_nor_the_runtime() -> None:
    """A hub whose model is elsewhere never imports them: they are what it is spared."""
    script = (
        "import pathlib, sys, edge_agent.app, edge_agent.wiring.household\n"
        "from edge_agent.adapters.forecaster import OnnxForecaster\n"
        f"forecaster = OnnxForecaster(pathlib.Path({str(SHIPPED)!r}), apart=True)\n"
        "print(forecaster.source, [name for name in ('numpy', 'onnxruntime') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "consumption 2 []"


def test_the_process_is_told_no_secret_and_listens_to_nobody(
    loaded: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no environment, no socket, and nothing open but its three pipes."""
    loaded.rest()
    monkeypatch.setenv("RESTOCK_MQTT_PASSWORD", "secret")
    assert not isinstance(loaded.run([ROW]), Fault)
    assert loaded.pid is not None
    process = psutil.Process(loaded.pid)
    assert not [name for name in process.environ() if name.startswith("RESTOCK")]
    assert process.net_connections() == []
    assert process.open_files() == []
    assert process.num_fds() == 3


def test_a_process_that_was_killed_is_started_again_for_the_next_question(loaded: ModelProcess) -> None:
    """Whoever killed it: memory was short, or an operator."""
    first, answer = loaded.pid, loaded.run([ROW])
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert loaded.run([ROW]) == answer
    assert loaded.pid not in {None, first}


def test_a_model_that_cannot_be_started_again_has_failed(
    apart: OnnxForecaster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without its process there is no forecast of the model: the rule answers, and says why."""
    apart.rest()
    monkeypatch.setattr(model_process.sys, "executable", str(tmp_path / "gone"))
    for (item, estimate), forecast in zip(STOCKS, apart.answers(STOCKS), strict=True):
        assert forecast.source == "built-in rule 1 (consumption 2 failed)"
        assert forecast.demand == built_in(item, estimate).demand


def test_a_model_that_hangs_is_killed_at_its_deadline() -> None:
    """A stopped process never answers: the question fails, and nothing of it is left."""
    process = process_of()
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    process._deadline_s = 0.001
    assert process.run([ROW]) is Fault.FAILED
    assert process.pid is None
    assert not psutil.pid_exists(pid)


def test_a_model_that_nobody_asks_goes_by_itself() -> None:
    """It ends after its quiet seconds, and the next question starts another."""
    process = process_of(quiet_s=0.0)
    running = process._process
    assert running is not None
    running.wait(timeout=30)
    assert process.pid is None
    process._quiet_s = 60.0
    assert not isinstance(process.run([ROW]), Fault)
    process.rest()


def test_more_rows_than_agreed_are_not_asked(loaded: ModelProcess) -> None:
    """What goes to the process is bounded before it leaves."""
    assert loaded.run([ROW] * (ROWS_MAX + 1)) is Fault.FAILED
    answer = loaded.run([ROW] * ROWS_MAX)
    assert not isinstance(answer, Fault)


def test_a_model_that_the_runtime_refuses_is_refused_with_its_reason() -> None:
    """The reason comes from the process; there is none afterwards."""
    tensors = Tensors(file="x.onnx", input="features", outputs=(("use", (3, 15)),))
    with pytest.raises(ConfigurationError, match=r"x\.onnx: onnxruntime refuses it"):
        ModelProcess(b"", tensors=tensors)


def test_the_process_ends_with_the_hub() -> None:
    """Even when the hub is killed: its end of the pipe is closed by the system."""
    script = (
        "import os, pathlib, signal\n"
        "from tests.edge_agent.adapters.test_model_process import process_of\n"
        "process = process_of()\nprint(process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert told.returncode == -signal.SIGKILL
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(told.stdout)).wait(timeout=30)


def test_what_was_answered_is_not_asked_again(apart: OnnxForecaster) -> None:
    """An item whose days are the same has the same answer: the process may go, and is not missed."""
    first = apart.answers(STOCKS)
    apart.rest()
    assert apart.answers(STOCKS) == first
    model = apart._model
    assert isinstance(model, ModelProcess)
    assert model.pid is None


def test_of_two_models_only_one_process_stays(tmp_path: Path) -> None:
    """The model that served and the one that came with the hub are tried one after the other, never side by side."""
    before = set(psutil.Process().children())
    for _ in range(2):
        served = choose_forecaster(SHIPPED, kept=tmp_path / "kept", stocks=STOCKS, apart=True)
        assert isinstance(served, OnnxForecaster)
        assert len(set(psutil.Process().children()) - before) == 1
        served.rest()
    assert set(psutil.Process().children()) <= before
