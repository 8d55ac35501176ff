"""A pack that becomes smaller at no lower price is noticed, by the list, by the title, or under a new article."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.messages import ItemId, Price
from edge_agent.core.prices.net_content import net_content, without_content
from edge_agent.core.prices.shrinking import reason, shrunk
from tests.edge_agent.core.prices.told import TODAY, daily, told

_GTIN = "04006381333931"


def test_a_smaller_pack_at_the_same_price_is_told_with_both_prices() -> None:
    """What it held and holds, and what a kilogram cost and costs."""
    past = [*daily([600] * 3, amount=450.0), *(told(600, days_ago=days) for days in (10, 11))]
    found = shrunk(told(600, amount=450.0), past)
    assert found is not None
    assert (TODAY - found.at).days == 3
    assert str(reason(found, title="Roma").text) == (
        "The pack has become smaller: your list said 500 g and now says 450 g for Roma from grocer. "
        "Per kg it was €12.00 and is €13.33."
    )


def test_a_title_tells_it_too() -> None:
    """The household's list knows nothing of it."""
    past = [told(199, days_ago=days, title="Cola 6 x 0,33 l", amount=6.0, unit="{can}") for days in (3, 4)]
    found = shrunk(told(199, title="Cola 6 x 0,3 l", amount=6.0, unit="{can}"), past)
    assert found is not None
    assert str(reason(found, title="Cola").text) == (
        "The pack has become smaller: grocer wrote 1.98 L and now writes 1.8 L for Cola. "
        "Per L it was €1.01 and is €1.11."
    )


@pytest.mark.parametrize(
    ("now", "past"),
    [
        (told(540, amount=450.0), [told(600, days_ago=5)]),  # the price fell alike
        (told(600, amount=500.0), [told(600, days_ago=5, amount=450.0)]),  # it grew
        (told(600, amount=450.0), [told(600, days_ago=200)]),  # so long ago that nobody wants to know
        (told(600, amount=450.0), [told(600, days_ago=5, currency="USD")]),
        (told(600, amount=450.0), [told(600, days_ago=5, available=False)]),
        (told(600, amount=450.0), [told(600, days_ago=5, unit="mL")]),
        (told(600, title="Beans 450 g"), [told(600, days_ago=5, title="Beans, 500 of the best")]),
        (told(500, amount=450.0), [told(600, days_ago=3, amount=450.0), told(600, days_ago=5)]),  # dear for a while
    ],
)
def test_what_is_no_such_thing_is_not_told(now: Price, past: list[Price]) -> None:
    """Nothing is said where the household does not pay more for as much."""
    assert shrunk(now, past) is None


def test_what_another_item_takes_a_pack_for_is_no_step() -> None:
    """Two items may list one article with amounts of their own: that is a slip in the list, and no smaller pack."""
    other = replace(told(600, days_ago=1), item=ItemId("espresso"))
    assert shrunk(told(600, amount=450.0), [told(600, amount=450.0, days_ago=1), other]) is None


def test_another_article_is_the_same_pack_only_where_the_larger_one_is_gone() -> None:
    """By its GTIN, or by its title without the amount; two sizes side by side are two sizes."""
    now = told(600, amount=450.0, sku="coffee-2", title="Coffee beans 450 g", gtin14=_GTIN)
    by_title = told(600, days_ago=9, title="Coffee Beans, 500 g")
    assert shrunk(now, [by_title]) is not None
    assert shrunk(now, [told(600, days_ago=9, title="Roma", gtin14=_GTIN)]) is not None
    assert shrunk(now, [told(600, days_ago=9, title="Tea")]) is None
    assert shrunk(now, [by_title, told(600, days_ago=1, title="Coffee Beans, 500 g")]) is None
    assert shrunk(now, [told(600, days_ago=9, title="Coffee Beans, 500 g", merchant="market")]) is None


@pytest.mark.parametrize(
    ("title", "grams_or_litres"),
    [
        ("Whole milk 3.5 %, 1 L", 1),
        ("Coffee 500g", 500),
        ("Flour 1 kg (1000 g)", 1_000),  # the same, said twice
        ("Cola 6 x 330 ml", 1.98),
        ("Cola 6×33cl", 1.98),  # noqa: RUF001 - as shops write it
        ("Coffee 500 g + 50 g free", None),
        ("Rice 1.000 g", None),
        ("Filters, size 4", None),
        ("USB-C cable 5G", 5),  # not to be told from a weight; a list that stays the same compares like with like
        ("", None),
    ],
)
def test_a_title_is_read_where_it_says_one_amount(title: str, grams_or_litres: float | None) -> None:
    """A mass in g, a volume in L; none where it is not clear."""
    found = net_content(title)
    assert (None if found is None else float(found.amount)) == grams_or_litres


def test_a_title_without_its_amount_is_a_name() -> None:
    """Two sizes of one product have the same."""
    assert without_content("Coffee Beans, 500 g") == without_content("COFFEE beans (1 kg)") == "coffee beans"


@given(
    st.lists(st.tuples(st.integers(1, 9_999), st.sampled_from([400.0, 500.0, 1_000.0])), min_size=1, max_size=30),
    st.integers(1, 9_999),
    st.randoms(use_true_random=False),
)
def test_whoever_is_told_of_it_pays_more_for_less(
    past: list[tuple[int, float]], minor: int, rng: random.Random
) -> None:
    """Whatever the history and its order: fewer grams now, and each of them dearer."""
    history = [told(price, days_ago=1 + place, amount=amount) for place, (price, amount) in enumerate(past)]
    now = told(minor, amount=400.0)
    found = shrunk(now, history)
    mixed = list(history)
    rng.shuffle(mixed)
    assert shrunk(now, mixed) == found
    if found is not None:
        assert found.after.amount < found.before.amount
        assert found.after.price(found.after_minor) > found.before.price(found.before_minor)
