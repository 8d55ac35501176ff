"""The model card's tables, from the scores in an artefact's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.benchmark import PUBLISHED_OWN, TARGETS
from models.evaluate import STEADY, VIEWS
from models.quantiles import NOMINAL

_FORECASTS: Final = {
    "need": "this model, with the household's shopping days",
    "series": "this model, from the item's own history",
    "own": "own_empirical_shrunk (same run)",
}
_VIEW_NAMES: Final = {
    "packs": "whole packs, full history",
    "young": "whole packs, at most 60 days of it",
    "sensed": "in eighths, full history",
    STEADY: "made-up steady homes",
}


def tables(manifest: Mapping[str, Any]) -> str:
    """Both tables in Markdown: the next need, and use."""
    scores: Mapping[str, float] = manifest["scores"]
    return "\n".join([*_needs(scores), "", *_use(scores)])


def _needs(scores: Mapping[str, float]) -> list[str]:
    lines = [
        f"Next need, {scores['need.cases']:,.0f} cases of {scores['need.households']:.0f} households; naive_last is 1:",
        "",
        "| forecast | rel_all | days | packs 7 / 14 / 28 d | cover 50/80/95 | against own_empirical_shrunk |",
        "|---|---|---|---|---|---|",
    ]
    for key, name in _FORECASTS.items():
        parts = [scores[f"{key}.rel_{target}"] for target in TARGETS]
        cover = " / ".join(f"{100 * scores[f'{key}.cover_{nominal}_days']:.1f}" for nominal in NOMINAL)
        packs = " / ".join(f"{part:.3f}" for part in parts[1:])
        against = (
            f"{scores[f'{key}.to_own']:+.1f} % {_range(scores, f'{key}.to_own', digits=1)}" if key != "own" else ""
        )
        lines.append(
            f"| {name} | {scores[f'{key}.rel']:.4f} {_range(scores, f'{key}.rel')} | {parts[0]:.3f} | {packs} "
            f"| {cover} | {against} |"
        )
    published = f"| own_empirical_shrunk, as published for the public split | {PUBLISHED_OWN} | 0.923 "
    lines.append(f"{published}| 0.910 / 0.874 / 0.800 | 48 / 78 / 93 | |")
    return lines


def _use(scores: Mapping[str, float]) -> list[str]:
    lines = [
        "Use, the built-in rule is 1:",
        "",
        "| view | model | rule, best constants | Poisson, weighted rate | cover 50/80/95 | above the 99 % quantile |",
        "|---|---|---|---|---|---|",
    ]
    for view in (*VIEWS, STEADY):
        cover = " / ".join(f"{100 * scores[f'{view}.cover_{nominal}']:.0f}" for nominal in NOMINAL)
        lines.append(
            f"| {_VIEW_NAMES[view]} | **{scores[f'{view}.rel']:.3f}** {_range(scores, f'{view}.rel')} "
            f"| {scores[f'{view}.rel_rule_wide']:.3f} | {scores[f'{view}.rel_poisson_ewma']:.3f} | {cover} "
            f"| {100 * scores[f'{view}.above_99']:.1f} % |"
        )
    return lines


def _range(scores: Mapping[str, float], name: str, *, digits: int = 3) -> str:
    return f"[{scores[f'{name}_low']:.{digits}f}, {scores[f'{name}_high']:.{digits}f}]"
