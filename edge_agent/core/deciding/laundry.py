"""Washing: what a programme uses of detergent, what the coming days will use, and which kind of product fits.

The dose of one wash follows its load, soil, fabric and the hardness of the water, in steps as the packs' tables give
them; the factors are round figures after such tables, not those of any one product. What was measured of a programme
corrects the table for that programme: a few washes little, many nearly all. The use that is foreseen is the dose of
each programme times how often it ran lately, so a week of heavy cotton foretells more than a week of wool.

Which product fits is advice and orders nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from edge_agent.core.messages import Reason

Soil = Literal["light", "normal", "heavy"]
Fabric = Literal["cotton", "synthetic", "delicate", "wool"]
Kind = Literal["universal", "colour", "delicate", "sport", "sensitive"]

_USUAL_LOAD_KG = 4.5
_LOAD_SHARE_MIN, _LOAD_SHARE_MAX = 0.4, 1.8
_SOIL: Mapping[Soil, float] = {"light": 0.7, "normal": 1.0, "heavy": 1.4}
_FABRIC: Mapping[Fabric, float] = {"cotton": 1.0, "synthetic": 0.85, "delicate": 0.65, "wool": 0.6}
_SOFT_BELOW_DH, _HARD_FROM_DH = 8.4, 14.0  # the bounds of soft, medium and hard water
_SOFT, _MEDIUM, _HARD = 0.85, 1.0, 1.25

_PRIOR_WASHES = 4.0
_LATELY = timedelta(days=28)
_LATELY_WASHES_MAX = 200
_RUNS_MIN = 5
_SHARE_MIN = 0.3
# Parts of programmes' names as makers use them; the first that fits says the kind.
_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("sensitive", ("sensitive", "allerg", "baby", "hygien", "anti_bacter")),
    ("delicate", ("delicate", "wool", "silk", "hand_wash", "handwash", "lingerie", "curtain")),
    ("sport", ("sport", "outdoor", "functional", "active_wear", "activewear")),
    ("colour", ("colour", "color", "dark", "jeans", "denim")),
)
_WORDS: Mapping[Kind, str] = {
    "universal": "a universal detergent",
    "colour": "a colour detergent",
    "delicate": "a detergent for wool and delicates",
    "sport": "a detergent for sportswear",
    "sensitive": "a detergent for sensitive skin",
}


@dataclass(frozen=True, slots=True)
class Wash:
    """One run of a programme. `used` is what was measured of it, in the item's unit; None where nothing was told."""

    at: datetime
    programme: str
    load_kg: float | None = None
    soil: Soil = "normal"
    fabric: Fabric = "cotton"
    used: float | None = None


def dose_factor(wash: Wash, *, hardness_dh: float | None) -> float:
    """How many times the usual dose a wash takes; `hardness_dh` in German degrees, None where it is not known."""
    share = 1.0 if wash.load_kg is None else wash.load_kg / _USUAL_LOAD_KG
    load = min(max(share, _LOAD_SHARE_MIN), _LOAD_SHARE_MAX)
    return load * _SOIL[wash.soil] * _FABRIC[wash.fabric] * _water(hardness_dh)


def doses(washes: Sequence[Wash], *, usual_dose: float, hardness_dh: float | None) -> dict[str, float]:
    """The mean dose of each programme: the table's, corrected by what was measured of it. In the unit of the dose."""
    by_programme: defaultdict[str, list[Wash]] = defaultdict(list)
    for wash in washes:
        by_programme[wash.programme].append(wash)
    return {
        programme: _dose(ran, usual_dose=usual_dose, hardness_dh=hardness_dh) for programme, ran in by_programme.items()
    }


def foreseen_per_day(washes: Sequence[Wash], *, usual_dose: float, hardness_dh: float | None, now: datetime) -> float:
    """Use a day that the programmes of the last four weeks foretell; 0 where none ran."""
    recent = [wash for wash in washes if now - _LATELY <= wash.at <= now][-_LATELY_WASHES_MAX:]
    if not recent:
        return 0.0
    dose = doses(washes, usual_dose=usual_dose, hardness_dh=hardness_dh)
    watched = max(now - min(wash.at for wash in recent), timedelta(days=7)) / timedelta(days=1)
    return sum(dose[wash.programme] for wash in recent) / watched


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
    if kind == "universal" or kind_of(title.lower().replace(" ", "_")) == kind:
        return None
    runs = sum(1 for wash in washes[-_LATELY_WASHES_MAX:] if kind_of(wash.programme) == kind)
    text = f"{runs} of your last {len(washes[-_LATELY_WASHES_MAX:])} washes would do better with {_WORDS[kind]}."
    return Reason("fitting_product", text)


def kind_of(programme: str) -> Kind:
    """The kind of product that a programme's name asks for."""
    name = programme.lower().replace(" ", "_").replace("-", "_")
    return next((kind for kind, parts in _KINDS if any(part in name for part in parts)), "universal")


def _dose(ran: Sequence[Wash], *, usual_dose: float, hardness_dh: float | None) -> float:
    by_table = usual_dose * sum(dose_factor(wash, hardness_dh=hardness_dh) for wash in ran) / len(ran)
    measured = [wash.used for wash in ran if wash.used is not None and wash.used >= 0]
    return (_PRIOR_WASHES * by_table + sum(measured)) / (_PRIOR_WASHES + len(measured))


def _water(hardness_dh: float | None) -> float:
    if hardness_dh is None:
        return _MEDIUM
    if hardness_dh < _SOFT_BELOW_DH:
        return _SOFT
    return _HARD if hardness_dh >= _HARD_FROM_DH else _MEDIUM
