"""Washing: what a programme uses of detergent, and which kind of product fits.

The dose of one wash follows its load, soil and fabric, in steps as the packs' tables give them; the factors are round
figures after such tables, not those of any one product. What a level fell over the washes of a programme corrects the
table for that programme: a few washes little, many nearly all. A home has one water, so what was measured holds its
hardness already.

Which product fits is advice and orders nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from edge_agent.core.messages import Reason
from edge_agent.core.said import say

Soil = Literal["light", "normal", "heavy"]
Fabric = Literal["cotton", "synthetic", "delicate", "wool"]
Kind = Literal["universal", "colour", "delicate", "sport", "sensitive"]

UNKNOWN_PROGRAMME = ""

_USUAL_LOAD_KG = 4.5
_LOAD_SHARE_MIN, _LOAD_SHARE_MAX = 0.4, 1.8
_SOIL: Mapping[Soil, float] = {"light": 0.7, "normal": 1.0, "heavy": 1.4}
_FABRIC: Mapping[Fabric, float] = {"cotton": 1.0, "synthetic": 0.85, "delicate": 0.65, "wool": 0.6}

_PRIOR_WASHES = 4.0
_ROUNDS = 30
_LATELY_WASHES_MAX = 200
_RUNS_MIN = 5
_SHARE_MIN = 0.3
# Words of devices for how dirty it is; any other says nothing.
_SOIL_WORDS: Mapping[str, Soil] = {
    **dict.fromkeys(("extralight", "light", "down"), "light"),
    "normal": "normal",
    **dict.fromkeys(("up", "heavy", "extraheavy"), "heavy"),
}
_FABRICS: tuple[tuple[Fabric, tuple[str, ...]], ...] = (
    ("wool", ("wool",)),
    ("delicate", ("delicate", "silk", "hand_wash", "handwash", "lingerie", "curtain")),
    ("synthetic", ("synthetic", "easy_care", "easycare", "mix", "sport", "outdoor")),
)
# Parts of programmes' names as makers use them; the first that fits says the kind.
_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("sensitive", ("sensitive", "allerg", "baby", "hygien", "anti_bacter")),
    ("delicate", ("delicate", "wool", "silk", "hand_wash", "handwash", "lingerie", "curtain")),
    ("sport", ("sport", "outdoor", "functional", "active_wear", "activewear")),
    ("colour", ("colour", "color", "dark", "jeans", "denim")),
)
_WORDS: Mapping[Kind, str] = {
    "universal": say("a universal detergent"),
    "colour": say("a colour detergent"),
    "delicate": say("a detergent for wool and delicates"),
    "sport": say("a detergent for sportswear"),
    "sensitive": say("a detergent for sensitive skin"),
}


@dataclass(frozen=True, slots=True)
class Wash:
    """One run of a programme. An empty programme is one that nobody told."""

    at: datetime
    programme: str
    load_kg: float | None = None
    soil: Soil = "normal"

    @property
    def fabric(self) -> Fabric:
        """What is washed, by the programme's name."""
        name = _plain(self.programme)
        return next((fabric for fabric, parts in _FABRICS if any(part in name for part in parts)), "cotton")


@dataclass(frozen=True, slots=True)
class Span:
    """Washes between two looks at the level; `used` is how far it fell, in the item's unit, None where not known."""

    washes: tuple[Wash, ...]
    used: float | None = None


@dataclass(frozen=True, slots=True)
class Dose:
    """What a usual wash of a programme takes, in the item's unit, and how many of its washes were measured."""

    amount: float
    measured: int


def soil_of(word: str) -> Soil | None:
    """How dirty it is, in a device's word; None where the word is not known."""
    return _SOIL_WORDS.get(word.lower())


def wash_factor(wash: Wash) -> float:
    """How many times the usual wash of its programme it takes, by load and soil."""
    share = 1.0 if wash.load_kg is None else wash.load_kg / _USUAL_LOAD_KG
    return min(max(share, _LOAD_SHARE_MIN), _LOAD_SHARE_MAX) * _SOIL[wash.soil]


def dose_factor(wash: Wash) -> float:
    """How many times the usual dose a wash takes."""
    return wash_factor(wash) * _FABRIC[wash.fabric]


def doses(spans: Sequence[Span]) -> dict[str, Dose]:
    """The dose of each programme: the table's, corrected by how far the level fell over its washes.

    Where a level fell over washes of several programmes, each takes its share by the dose found so far, again and again
    until they agree. The usual dose is the mean of what was measured; empty where nothing was.

    Source: the multiplicative updates of Richardson (1972) and Lucy (1974), with the table as a prior of some washes.
    """
    measured = [span for span in spans if span.used is not None and _is_told(span)]
    usual = _mean_dose(measured)
    if usual is None:
        return {}
    counted = Counter(wash.programme for span in measured for wash in span.washes)
    prior = {
        wash.programme: usual * _FABRIC[wash.fabric]
        for span in spans
        for wash in span.washes
        if wash.programme != UNKNOWN_PROGRAMME
    }
    amounts = _agreed([(_weights(span), span.used or 0.0) for span in measured], prior)
    return {programme: Dose(amount, counted[programme]) for programme, amount in amounts.items()}


def fitting(washes: Sequence[Wash]) -> Kind:
    """The kind of product that fits what is washed most, beside the usual wash."""
    recent = washes[-_LATELY_WASHES_MAX:]
    counted = Counter(kind_of(wash.programme) for wash in recent)
    counted.pop("universal", None)
    kind, runs = max(counted.items(), key=lambda found: (found[1], found[0]), default=("universal", 0))
    return kind if runs >= _RUNS_MIN and runs >= _SHARE_MIN * len(recent) else "universal"


def advice(washes: Sequence[Wash], *, title: str) -> Reason | None:
    """Which product would fit better than the one that is bought; None where it fits, or nothing says otherwise."""
    kind = fitting(washes)
    if kind == "universal" or kind_of(title) == kind:
        return None
    recent = washes[-_LATELY_WASHES_MAX:]
    text = say(
        "{runs} of your last {number} washes would do better with {product}.",
        runs=sum(1 for wash in recent if kind_of(wash.programme) == kind),
        number=len(recent),
        product=_WORDS[kind],
    )
    return Reason("fitting_product", text)


def kind_of(programme: str) -> Kind:
    """The kind of product that a programme's name asks for."""
    name = _plain(programme)
    return next((kind for kind, parts in _KINDS if any(part in name for part in parts)), "universal")


def _plain(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def _is_told(span: Span) -> bool:
    return all(wash.programme != UNKNOWN_PROGRAMME for wash in span.washes)


def _mean_dose(measured: Sequence[Span]) -> float | None:
    factors = sum(dose_factor(wash) for span in measured for wash in span.washes)
    return sum(span.used or 0.0 for span in measured) / factors if factors > 0 else None


def _weights(span: Span) -> dict[str, float]:
    """How many usual washes of each programme a span is worth."""
    weights: defaultdict[str, float] = defaultdict(float)
    for wash in span.washes:
        weights[wash.programme] += wash_factor(wash)
    return weights


def _agreed(measured: Sequence[tuple[Mapping[str, float], float]], prior: Mapping[str, float]) -> dict[str, float]:
    amounts = dict(prior)
    for _ in range(_ROUNDS):
        taken = {programme: _PRIOR_WASHES * amount for programme, amount in prior.items()}
        worth = dict.fromkeys(prior, _PRIOR_WASHES)
        for weights, used in measured:
            expected = sum(weight * amounts[programme] for programme, weight in weights.items())
            for programme, weight in weights.items():
                taken[programme] += used * weight * amounts[programme] / expected if expected > 0 else 0.0
                worth[programme] += weight
        amounts = {programme: taken[programme] / worth[programme] for programme in prior}
    return amounts
