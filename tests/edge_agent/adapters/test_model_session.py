"""What the model is asked: the row of an item becomes the features of its days, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from edge_agent.adapters.artefact import read_artefact
from edge_agent.adapters.forecaster import ARTEFACT, OnnxForecaster
from edge_agent.adapters.model_form import Fault, Tensors
from edge_agent.adapters.model_session import ModelSession, _inputs
from edge_agent.core.features import features
from edge_agent.core.model_rows import history
from tests.edge_agent.adapters.test_forecaster import SHIPPED, STOCKS


@pytest.mark.parametrize("later_d", range(7))
def test_a_row_is_asked_as_its_features(later_d: int) -> None:
    """On every weekday: days, weekday, prior rate and category of each item arrive where training put them."""
    stocks = [(item, replace(stock, as_of=stock.as_of + timedelta(days=later_d))) for item, stock in STOCKS]
    forecaster = OnnxForecaster(SHIPPED)
    categories = read_artefact(SHIPPED, name=ARTEFACT)[0].categories
    for item, stock in stocks:
        origin, pack = stock.as_of.date(), item.product.pack_amount
        wanted = features(
            np.array([history(stock.daily_use, origin=origin, pack_amount=pack)]),
            weekday=np.array([origin.weekday()]),
            prior_rate=np.array([item.prior_use_per_day / pack]),
            category=np.array([categories.index(item.category) if item.category in categories else 0]),
        )
        row = forecaster._row(item, stock)
        assert _inputs([row, row]) == pytest.approx(np.concatenate([wanted, wanted]).astype(np.float32))


def test_an_answer_of_another_shape_is_no_answer() -> None:
    """A model whose outputs hold other numbers than agreed gives none."""
    manifest, model = read_artefact(SHIPPED, name=ARTEFACT)
    outputs = tuple((spec.name, (*spec.shape[1:-1], spec.shape[-1] + 1)) for spec in manifest.outputs)
    tensors = Tensors(file=manifest.file, input=manifest.input.name, outputs=outputs)
    row = OnnxForecaster(SHIPPED)._row(*STOCKS[0])
    assert ModelSession(model, tensors=tensors).run([row]) is Fault.OTHER_SHAPE
