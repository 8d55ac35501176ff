"""A washer whose dose follows load, soil, fabric and water: from its messages to the forecast and to the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.core.catalogue import Binding, Preferences
from edge_agent.core.forecast import demand_within
from tests.scenes.laundry_room import PACK_ML, TAKES_ML, Dialect, Room, detergent, laundry_room

MIXED = [["cotton_60"], [], ["easy_care"], ["wool"], ["cotton_60"], ["easy_care", "wool"], []]
HEAVY = [["cotton_60"], [], ["cotton_60"], ["cotton_60"], ["cotton_60"], ["cotton_60", "cotton_60"], []]
LIGHT = [["wool"], [], ["wool"], ["wool"], ["wool"], ["wool", "easy_care"], []]
SPORTY = [["sport"], [], ["sport"], ["cotton_60"], ["sport"], ["easy_care", "sport"], []]
SHIFTED = "by the programmes of late"


def said_ml(text: str) -> dict[str, float]:
    """The doses that a sentence tells."""
    return {name: float(amount) for name, amount in re.findall(r"(\w+) ([\d.]+) mL", text)}


def median_ml(room: Room, days: float) -> float:
    """What the forecast says of the coming days."""
    return demand_within(room.found.forecast, days, probability=0.5) * PACK_ML


@pytest.mark.parametrize("dialect", ["native", "samsung"])
def test_what_each_programme_takes_is_learned_from_the_level(tmp_path: Path, dialect: Dialect) -> None:
    """Six weeks of readings tell the dose of each programme within an eighth, and the page says it."""
    with laundry_room(tmp_path, dialect=dialect) as room:
        room.live(42, MIXED)
        told = said_ml(room.advice()["use_by_programme"])
    assert told.keys() == {"cotton_60", "easy_care", "wool"}
    for programme, amount in told.items():
        assert amount == pytest.approx(TAKES_ML[programme], rel=0.125)


def test_load_and_soil_move_the_dose(tmp_path: Path) -> None:
    """A machine that weighs: small and lightly soiled washes are no sign of a smaller usual dose."""
    with laundry_room(tmp_path) as room:
        for _ in range(3):
            room.live(7, MIXED, load_kg=6.5, soil="heavy")
            room.live(7, MIXED, load_kg=3.0, soil="light")
        told = said_ml(room.advice()["use_by_programme"])
    for programme, amount in told.items():
        assert amount == pytest.approx(TAKES_ML[programme], rel=0.125)


@pytest.mark.parametrize(("before", "late", "more"), [(LIGHT, HEAVY, True), (HEAVY, LIGHT, False)])
def test_the_forecast_follows_the_programmes_of_late(
    tmp_path: Path, before: list[list[str]], late: list[list[str]], *, more: bool
) -> None:
    """After ten days of other programmes the next two weeks are foreseen better than without, and the page says why."""
    with laundry_room(tmp_path) as room:
        room.live(42, before)
        assert SHIFTED not in room.found.forecast.source
        room.live(10, late)
        found, said = room.found.forecast, room.advice()["programmes_of_late"]
        factor = float(re.findall(r"times ([\d.]+) by", found.source)[0])
        foreseen = median_ml(room, 14)
        room.live(14, late)
        truth = sum(room.used_ml[-14:])
    assert SHIFTED in found.source
    assert (factor > 1) is more
    assert ("more" if more else "less") in said
    assert abs(foreseen - truth) < abs(foreseen / factor - truth)


def test_what_was_not_told_stays_unknown(tmp_path: Path) -> None:
    """A machine that counts its cycles and names no programme: nothing is said of programmes, nothing is shifted."""
    with laundry_room(tmp_path) as room:
        room.tells_programme = False
        room.live(42, LIGHT)
        room.live(10, HEAVY)
        assert room.advice() == {}
        assert SHIFTED not in room.found.forecast.source
        assert room.found.estimate.amount is not None


def test_little_that_was_seen_shifts_nothing(tmp_path: Path) -> None:
    """A week of washes is too little to tell the programmes of late from those before."""
    with laundry_room(tmp_path) as room:
        room.live(7, HEAVY)
        assert SHIFTED not in room.found.forecast.source


@pytest.mark.parametrize("dialect", ["native", "homeconnect"])
def test_the_fitting_product_is_advised_where_the_household_allows_it(tmp_path: Path, dialect: Dialect) -> None:
    """Half of the washes are of sportswear: nothing is said by default, one sentence once it is allowed."""
    with laundry_room(tmp_path, dialect=dialect) as room:
        room.live(28, SPORTY)
        assert "fitting_product" not in room.advice()
        room.prefer(product_advice=True)
        assert "a detergent for sportswear" in room.advice()["fitting_product"]


async def test_the_page_says_what_programmes_take_and_what_is_foreseen(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """From readings to the item's page: the doses, the shift with its reason, and the product once that is allowed."""
    with laundry_room(tmp_path / "hub") as room:
        room.live(42, HEAVY)
        room.live(10, LIGHT)
        page = await room.page(tmp_path_factory.mktemp("before"))
        room.prefer(product_advice=True)
        allowed = await room.page(tmp_path_factory.mktemp("after"))
    said = said_ml(page.partition("What a usual wash takes")[2].partition("</p>")[0])
    assert said["cotton_60"] == pytest.approx(TAKES_ML["cotton_60"], rel=0.125)
    assert "washes took less than usual" in page
    assert SHIFTED in page
    assert "a detergent for" not in page
    assert "a detergent for" not in allowed  # a quarter of the washes is no habit yet


def test_two_machines_on_one_shelf(tmp_path: Path) -> None:
    """Where the other machine names no programme, its part of the use is not known: nothing is shifted."""
    cellar = Binding(device="cellar_washer", signal="cycle.count", kind="counter", amount_per_count=50.0)
    with laundry_room(tmp_path, items=[detergent(more_bindings=(cellar,))]) as room:
        room.live(42, LIGHT)
        room.live(10, HEAVY)
        assert "use_by_programme" in room.advice()
        assert "programmes_of_late" not in room.advice()
        assert SHIFTED not in room.found.forecast.source


def test_programmes_never_order_and_never_raise_an_item_to_auto(tmp_path: Path) -> None:
    """With and without advice the very same is asked; nothing is ordered, and the item is asked about as before."""
    asked = {}
    for allowed in (False, True):
        preferences = Preferences(product_advice=allowed)
        few = detergent(room_packs=2)
        with laundry_room(tmp_path / str(allowed), items=[few], preferences=preferences) as room:
            room.level_ml, room.is_refilled = 1_350.0, False
            room.live(28, LIGHT)
            room.live(10, HEAVY)
            assert SHIFTED in room.found.forecast.source
            prompts = room.hub.desk.orders.prompts(live=False, limit=100)
            asked[allowed] = [(each.item, each.offer.quantity, each.created_at) for each in prompts]
            assert room.hub.desk.orders.intents(live=False, limit=100) == []
            assert room.hub.desk.household.load().items == (few,)
    assert asked[False]
    assert asked[False] == asked[True]


def test_the_record_comes_again_from_what_is_stored(tmp_path: Path) -> None:
    """After a restart the hub says the same of programmes: the record is folded from committed readings."""
    with laundry_room(tmp_path) as room:
        room.live(42, MIXED)
        before = room.advice()
        room.forget()
        assert room.advice() == {}
        room.look()
        assert before
        assert room.advice() == before
