"""People who are away, have guests, or buy in a shop."""

from __future__ import annotations

from pathlib import Path

from tests.campaign.homes.household import Home, Kept
from tests.scenes.stage import NEVER, Absence, Stage, days, home, kept, staged


def kitchen(*, away: Absence = NEVER, guests: Absence = NEVER) -> Home:
    """Five wares that are used every day."""
    return home(*wares(), away=away, guests=guests)


def wares() -> list[Kept]:
    """Milk, yoghurt, eggs, flour and coffee, some days of each."""
    packs = {"milk": 3.0, "yoghurt": 3.0, "eggs": 2.0, "flour": 2.0, "coffee": 1.0}
    return [kept(name, packs=amount) for name, amount in packs.items()]


def asked_on(scene: Stage, *, first: float, last: float) -> int:
    """How many questions were asked between two days of the scene."""
    ages = [(prompt.created_at - scene.asked[0].created_at).total_seconds() / 86_400 for prompt in scene.asked]
    return sum(first <= age < last for age in ages)


def test_a_holiday_is_seen_and_nothing_is_bought_for_an_empty_home(tmp_path: Path) -> None:
    """Nine days away, which nobody told of: one question to the home, and no question about any ware after a while."""
    with staged(tmp_path, kitchen(away=days(15, 9, 0.0))) as scene:
        scene.pass_days(19)
        assert scene.hub.review.question is not None
        assert scene.hub.review.question.code == "seems_away"
        before = len(scene.asked)
        scene.pass_days(4)
        assert len(scene.asked) == before
        scene.pass_days(4)
        assert len(scene.asked) > before  # they are back, and milk is needed


def test_a_week_of_guests_is_seen_and_provided_for(tmp_path: Path) -> None:
    """Nearly twice the use for a week: more milk is bought in it than in the week before."""
    with staged(tmp_path, kitchen(guests=days(18, 7, 1.8))) as scene:
        scene.pass_days(18)
        usual = scene.stock("milk").bought_packs
        asked_before = scene.hub.review.question
        scene.pass_days(4.25)
        assert asked_before is None
        assert scene.hub.review.question is not None
        assert scene.hub.review.question.code == "seems_guests"
        scene.pass_days(2.75)
        assert scene.stock("milk").bought_packs - usual > 1.2 * usual * 7 / 18
        assert len(scene.stock("milk").out_days) <= 2


def test_somebody_buys_in_a_shop_and_says_nothing(tmp_path: Path) -> None:
    """Packs that appear on the tray are stock like any others: the question that was open is withdrawn."""
    with staged(tmp_path, home(kept("milk", packs=1.2))) as scene:
        scene.buys = False
        scene.pass_days(1)
        (question,) = scene.asked_for("milk")
        scene.stock("milk").receive(5, now=scene.now)
        scene.pass_days(1)
        found = scene.hub.desk.orders.prompt(question.id)
        assert found is not None
        assert found.state.value == "withdrawn"
        amount = scene.found("milk").estimate.amount
        assert amount is not None
        assert abs(amount.value - scene.stock("milk").amount) < 0.05 * 1_035


def test_somebody_buys_in_a_shop_and_says_so(tmp_path: Path) -> None:
    """A pack in the cupboard that no sensor sees counts from the moment at which it is told."""
    with staged(tmp_path, home(kept("detergent", packs=1.5))) as scene:
        scene.buys = False
        scene.pass_days(1)
        scene.stock("detergent").receive(2, now=scene.now)
        scene.tell("bought", "detergent", 1_000)
        scene.pass_days(1)
        amount = scene.found("detergent").estimate.amount
        assert amount is not None
        assert abs(amount.value - scene.stock("detergent").amount) < 0.05 * 500
        assert "detergent" not in {question.ware for question in scene.hub.questions()}
