"""A washer whose dose follows load, soil, fabric and water hardness."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from edge_agent.core.catalogue import Preferences
from edge_agent.core.deciding.advice import advise
from edge_agent.core.deciding.laundry import Wash, dose_factor, foreseen_per_day
from tests.campaign.homes.household import START
from tests.campaign.homes.hub import household
from tests.scenes.stage import home, kept

USUAL_ML = 55.0
HARD_DH, SOFT_DH = 18.0, 6.0


def washes(
    programme: str, *, days: int, a_week: int, load_kg: float, soil: str, fabric: str, hard: float
) -> list[Wash]:
    """So many weeks of one programme; the machine doses by its table, and its pump is off by some percent."""
    rng = random.Random(f"{programme}:{hard}")
    ran = []
    for number in range(days * a_week // 7):
        at = START + timedelta(days=7 * number / a_week)
        bare = Wash(at, programme, load_kg=load_kg, soil=soil, fabric=fabric)  # type: ignore[arg-type]
        used = USUAL_ML * dose_factor(bare, hardness_dh=hard) * rng.uniform(0.93, 1.07)
        ran.append(Wash(at, programme, load_kg=load_kg, soil=soil, fabric=fabric, used=used))  # type: ignore[arg-type]
    return ran


def family(hard: float) -> list[Wash]:
    """Four weeks: cotton with stains three times, wool once a week."""
    cotton = washes("cotton_60", days=28, a_week=3, load_kg=6.5, soil="heavy", fabric="cotton", hard=hard)
    wool = washes("wool", days=28, a_week=1, load_kg=2.0, soil="light", fabric="wool", hard=hard)
    return sorted([*cotton, *wool], key=lambda wash: wash.at)


@pytest.mark.parametrize("hard", [SOFT_DH, HARD_DH])
def test_use_is_foreseen_by_programme(hard: float) -> None:
    """What the coming days take is the doses of the programmes that run: within a tenth of what was used."""
    ran = family(hard)
    now = START + timedelta(days=28)
    truth = sum(wash.used or 0.0 for wash in ran) / 28
    assert foreseen_per_day(ran, usual_dose=USUAL_ML, hardness_dh=hard, now=now) == pytest.approx(truth, rel=0.1)


def test_each_property_of_a_wash_moves_the_dose() -> None:
    """More load, more soil and harder water take more; wool takes less than cotton."""
    usual = Wash(START, "cotton", load_kg=4.5)
    assert dose_factor(Wash(START, "cotton", load_kg=7), hardness_dh=10) > dose_factor(usual, hardness_dh=10)
    assert dose_factor(Wash(START, "cotton", load_kg=4.5, soil="heavy"), hardness_dh=10) > dose_factor(
        usual, hardness_dh=10
    )
    assert dose_factor(usual, hardness_dh=HARD_DH) > dose_factor(usual, hardness_dh=SOFT_DH)
    assert dose_factor(Wash(START, "wool", load_kg=4.5, fabric="wool"), hardness_dh=10) < dose_factor(
        usual, hardness_dh=10
    )


@pytest.mark.parametrize(
    ("programme", "word"),
    [("colour_40", "colour"), ("delicates", "wool and delicates"), ("outdoor", "sportswear"), ("allergy", "sensitive")],
)
def test_the_fitting_product_is_advised(programme: str, word: str) -> None:
    """Half of the washes ask for another kind of detergent than the one that is bought: that is said, in words."""
    (item,) = household(home(kept("detergent", packs=1))).items
    ran = [*family(HARD_DH)[:8], *washes(programme, days=28, a_week=3, load_kg=3, soil="light", fabric="synthetic",
                                         hard=HARD_DH)]  # fmt: skip
    said = advise(item, preferences=Preferences(), washes=ran, now=START + timedelta(days=28))
    assert any(reason.code == "fitting_product" and word in reason.text for reason in said)
