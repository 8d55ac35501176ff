"""How the programmes of late differ from those that a forecast has seen, and the forecast shifted by that.

A forecast follows how much was used a day; it has seen the washes of some weeks, newer ones more. Where the last two
weeks had more of the programmes that take much, the next ones are expected to be like them. How often is washed is the
forecast's to say: only the dose of a wash is shifted, and only by programmes whose dose was learned. What may be chance
shifts nothing: a steady home would be foretold worse by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import sqrt
from statistics import fmean, pstdev

from edge_agent.core.deciding.laundry import Dose, Wash, wash_factor
from edge_agent.core.forecast import DAYS_HALF_LIFE, RULE_DAYS, days_until_used
from edge_agent.core.messages import Forecast, Reason
from edge_agent.core.said import say

LEARNED_MIN = 3  # measured washes of a programme

_LATELY = timedelta(days=14)
_LATE_MIN = 4
_EARLY_MIN = 6
_SEEN_MIN = 12
_LEARNED_SHARE_MIN = 0.9
_AS_USUAL_WASHES = 1.0  # washes of the usual kind that those of late are taken together with
_CHANCE = 2.0  # standard errors by which the washes of late may differ from the others by chance
_SPREAD_MIN = 0.1  # of the mean dose
_FACTOR_MIN, _FACTOR_MAX = 0.6, 1.6
_NOTABLE = 0.05
_NAMED_MAX = 4
_DAY = timedelta(days=1)

Dosed = tuple[Wash, float | None]  # None: the dose of its programme was not learned


@dataclass(frozen=True, slots=True)
class Mix:
    """`late` and `usual` are what a wash takes on average; `factor` is how many times the usual is expected."""

    factor: float
    late: float
    usual: float
    late_washes: int
    mostly: str


def dosed(washes: Sequence[Wash], learned: Mapping[str, Dose]) -> list[Dosed]:
    """Each wash with what it takes."""
    known = {name: dose.amount for name, dose in learned.items() if dose.measured >= LEARNED_MIN}
    return [(wash, known[wash.programme] * wash_factor(wash) if wash.programme in known else None) for wash in washes]


def mix_of(washes: Sequence[Dosed], *, now: datetime) -> Mix | None:
    """How the washes of late differ from those of the weeks that a forecast goes by; None where that is not known."""
    seen = [(now - wash.at, wash, takes) for wash, takes in washes if timedelta(0) <= now - wash.at <= RULE_DAYS * _DAY]
    known = [(age, wash, takes) for age, wash, takes in seen if takes is not None]
    late = [(wash, takes) for age, wash, takes in known if age <= _LATELY]
    early = [takes for age, _, takes in known if age > _LATELY]
    if len(known) < max(_SEEN_MIN, _LEARNED_SHARE_MIN * len(seen)) or len(late) < _LATE_MIN or len(early) < _EARLY_MIN:
        return None
    weights = [0.5 ** (age / _DAY / DAYS_HALF_LIFE) for age, _, _ in known]
    usual = sum(weight * takes for weight, (_, _, takes) in zip(weights, known, strict=True)) / sum(weights)
    if usual <= 0:
        return None
    total = sum(takes for _, takes in late)
    expected = (total + _AS_USUAL_WASHES * usual) / (len(late) + _AS_USUAL_WASHES)
    mostly = Counter(wash.programme for wash, _ in late).most_common(1)[0][0]
    real = _share_beyond_chance([takes for _, takes in late], early)
    factor = min(max(1 + real * (expected / usual - 1), _FACTOR_MIN), _FACTOR_MAX)
    return Mix(factor, late=total / len(late), usual=usual, late_washes=len(late), mostly=mostly)


def _share_beyond_chance(late: Sequence[float], early: Sequence[float]) -> float:
    """How much of the difference between two means is no chance, 0 to 1.

    Source: the positive part of the James-Stein estimator (1961), in standard errors of the difference.
    """
    doses = [*late, *early]
    spread = max(pstdev(doses), _SPREAD_MIN * fmean(doses))
    error = spread * sqrt(1 / len(late) + 1 / len(early))
    differs = abs(fmean(late) - fmean(early)) / error if error > 0 else 0.0
    return max(0.0, 1 - (_CHANCE / differs) ** 2) if differs > 0 else 0.0


def shifted(forecast: Forecast, mix: Mix | None, *, packs: float) -> Forecast:
    """The forecast by the programmes of late; as it is where they are as usual. `packs` are at home, 0 if unknown."""
    if mix is None or abs(mix.factor - 1) < _NOTABLE:
        return forecast
    demand = tuple(tuple(mix.factor * value for value in row) for row in forecast.demand)
    factor = f"{mix.factor:.2f}"
    source = say("{source} (times {factor} by the programmes of late)", source=forecast.source, factor=factor)
    # What a model says beside demand is of another rate.
    forecast = replace(forecast, demand=demand, source=source, days_to_next=(), order_chances=())
    days = tuple(days_until_used(forecast, packs, probability=level) for level in forecast.quantiles)
    return replace(forecast, days_to_empty=days)


def dose_words(learned: Mapping[str, Dose], *, unit: str) -> Reason | None:
    """What a usual wash of each programme takes, the most frequent first."""
    known = [(dose.measured, name, dose.amount) for name, dose in learned.items() if dose.measured >= LEARNED_MIN]
    if not known:
        return None
    known.sort(key=lambda one: (-one[0], one[1]))
    each = ", ".join(f"{name} {amount:.3g} {_plain(unit)}" for _, name, amount in known[:_NAMED_MAX])
    return Reason("use_by_programme", say("What a usual wash takes, by its level before and after: {each}.", each=each))


def mix_words(mix: Mix | None, *, unit: str) -> Reason | None:
    """Why the forecast was shifted; None where it was not."""
    if mix is None or abs(mix.factor - 1) < _NOTABLE:
        return None
    parts: dict[str, str | int] = {
        "number": mix.late_washes,
        "late": f"{mix.late:.3g}",
        "unit": _plain(unit),
        "usual": f"{mix.usual:.3g}",
        "programme": mix.mostly,
        "factor": f"{mix.factor:.2f}",
    }
    if mix.factor > 1:
        text = say(
            "Your last {number} washes took more than usual ({late} {unit} each instead of {usual}), mostly "
            "{programme}: {factor} times the use is expected.",
            **parts,
        )
    else:
        text = say(
            "Your last {number} washes took less than usual ({late} {unit} each instead of {usual}), mostly "
            "{programme}: {factor} times the use is expected.",
            **parts,
        )
    return Reason("programmes_of_late", text)


def _plain(unit: str) -> str:
    return unit.strip("{}")
