"""Which of two models serves: the one that came with the hub or the folder, or the one that served until now.

The files of the one that serves are kept in a folder of the hub's own, so an update of the hub does not take away a
model that was better in this home. The log and the source of every forecast say which one serves and why.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_agent.adapters.forecaster import ARTEFACT, OnnxForecaster, RuleForecaster
from edge_agent.core.catalogue import Item
from edge_agent.core.challenge import Replay, Verdict, pinball, replays, verdict
from edge_agent.core.messages import StockEstimate
from edge_agent.core.said import say
from edge_agent.errors import ConfigurationError

log = logging.getLogger(__name__)

KEPT_FOLDER: Final = "model"
_REPLAYS_MAX: Final = 2_000


def choose_forecaster(
    folder: Path,
    *,
    kept: Path,
    stocks: Sequence[tuple[Item, StockEstimate]],
    name: str = ARTEFACT,
    apart: bool = False,
) -> OnnxForecaster | RuleForecaster:
    """The model that serves from now on. `kept` holds the one that served; it is written when another one wins.

    With `apart` each runs in a process of its own, one after the other.
    """
    champion = _loaded(kept, name=name, apart=apart)
    try:
        challenger = OnnxForecaster(folder, name=name, apart=apart)
    except ConfigurationError as exc:
        if isinstance(champion, OnnxForecaster):
            champion.say(say("the newer one is refused: {fault}", fault=str(exc)))
            return champion
        return RuleForecaster(why=say("no model: {fault}", fault=str(exc)))
    if not isinstance(champion, OnnxForecaster):
        _keep(folder, kept=kept, name=name)
        return challenger
    if champion.sha256 == challenger.sha256:
        return challenger
    found = compare(champion, challenger, stocks=stocks)
    log.info("model challenger_serves=%s cases=%d why=%s", found.challenger_serves, found.cases, found.why)
    winner = challenger if found.challenger_serves else champion
    winner.say(found.why)
    if found.challenger_serves:
        _keep(folder, kept=kept, name=name)
    return winner


def compare(
    champion: OnnxForecaster, challenger: OnnxForecaster, *, stocks: Sequence[tuple[Item, StockEstimate]]
) -> Verdict:
    """Both models on the home's own last days."""
    cases = [case for item, estimate in stocks for case in replays(item, estimate)][:_REPLAYS_MAX]
    return verdict(_losses(champion, cases), _losses(challenger, cases))


def _losses(forecaster: OnnxForecaster, cases: Sequence[Replay]) -> list[float]:
    losses: list[float] = []
    for start in range(0, len(cases), 200):
        part = cases[start : start + 200]
        forecasts = forecaster.answers([(case.item, case.estimate) for case in part])
        losses += [pinball(forecast, case) for forecast, case in zip(forecasts, part, strict=True)]
    forecaster.rest()
    return losses


def _loaded(folder: Path, *, name: str, apart: bool) -> OnnxForecaster | None:
    try:
        found = OnnxForecaster(folder, name=name, apart=apart)
    except ConfigurationError:
        return None  # none was kept, or it is of an older form
    found.rest()
    return found


def _keep(folder: Path, *, kept: Path, name: str) -> None:
    """Copy the two files; the manifest last, so half a copy is refused and not taken for a model."""
    try:
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{name}.json").unlink(missing_ok=True)
        for suffix in ("onnx", "json"):
            shutil.copyfile(folder / f"{name}.{suffix}", kept / f"{name}.{suffix}")
    except OSError as exc:
        log.warning("model_not_kept folder=%s error=%s", kept, exc.strerror)
