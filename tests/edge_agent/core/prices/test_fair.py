"""A price beside its own past, beside others, and beside what the shop calls its price; too little is no verdict."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.messages import Price
from edge_agent.core.prices.fair import DAYS_MIN, Claim, Elsewhere, Level, fair
from tests.edge_agent.core.prices.told import daily, told

_GTIN = "04006381333931"
_minor = st.integers(min_value=1, max_value=100_000)
_past = st.lists(_minor, min_size=DAYS_MIN, max_size=80)


@pytest.mark.parametrize(
    ("minor", "level", "percent"),
    [
        (500, Level.USUAL, 0),
        (509, Level.USUAL, 2),  # within two in a hundred
        (511, Level.DEARER, 2),
        (600, Level.DEARER, 20),
        (489, Level.CHEAPER, 2),
        (400, Level.CHEAPER, 20),
    ],
)
def test_a_price_is_held_against_what_is_usual(minor: int, level: Level, percent: int) -> None:
    """The median of the last weeks, and how far from it."""
    own = fair(told(minor), daily([500] * 20)).own
    assert own is not None
    assert (own.level, own.percent, own.days, own.median_minor) == (level, percent, 20, 500)


def test_half_of_all_days_are_usual_however_far_apart() -> None:
    """A price that goes up and down every other week is usual in both."""
    past = daily([500, 600] * 10)
    assert {fair(told(minor), past).own.level for minor in (500, 560, 600)} == {Level.USUAL}  # type: ignore[union-attr]


def test_too_little_is_no_verdict() -> None:
    """Unknown is not usual: fewer days, older ones, another currency or article, sold out, or a pack nobody noted."""
    few = daily([500] * (DAYS_MIN - 1))
    assert fair(told(900), few).own is None
    beside = [
        told(500, days_ago=85),
        told(500, days_ago=50, currency="USD"),
        told(500, days_ago=50, sku="coffee-2"),
        told(500, days_ago=50, available=False),
        told(500, days_ago=50, unit="mL"),
        replace(told(500, days_ago=50), pack=None),
        told(500, days_ago=1.1),  # the same day a second time
        told(500),  # today
    ]
    assert fair(told(900), [*few, *beside]).own is None
    assert fair(told(900), [*few, told(500, days_ago=50)]).own is not None
    assert fair(replace(told(900), pack=None), daily([500] * 20)).own is None


def test_packs_of_any_size_are_compared_by_what_they_hold() -> None:
    """A kilogram in two packs of 500 g; amounts are told for the pack that is asked about."""
    own = fair(told(1_000, amount=1.0, unit="kg"), daily([500] * 20)).own
    assert own is not None
    assert (own.level, own.median_minor) == (Level.USUAL, 1_000)


def test_the_cheapest_of_others_is_named() -> None:
    """Per measure, at another merchant, known now and to be had; dearer ones have a number below zero."""
    other = told(900, amount=1_000.0, merchant="market", sku="beans")
    dear = told(700, merchant="corner", gtin14=_GTIN)
    asked = told(500, gtin14=_GTIN)
    assert fair(asked, [], others=[dear, other]).elsewhere == Elsewhere("market", "beans", 900, 10, is_same=False)
    assert fair(asked, [], others=[dear]).elsewhere == Elsewhere("corner", "coffee-1", 700, -40, is_same=True)
    for unlike in (
        told(1, sku="coffee-2"),
        told(1, merchant="market", currency="USD"),
        told(1, merchant="market", unit="mL"),
        told(1, merchant="market", days_ago=4),
    ):
        assert fair(asked, [], others=[unlike]).elsewhere is None
    gone = replace(other, available=False, fetched_at=other.fetched_at + timedelta(minutes=1))
    assert fair(asked, [], others=[other, gone]).elsewhere is None


def test_a_reduced_price_that_is_none_is_counted() -> None:
    """What the shop calls its price was asked on so many days; what it asks now, or less, on so many."""
    past = daily([450] * 20 + [480] * 5)
    assert fair(told(450, was=600), past).claim == Claim(600, 25, 0, 20, 480)
    assert fair(told(450, was=480), past).claim == Claim(480, 25, 5, 20, 480)
    assert fair(told(450, was=450), past).claim is None
    assert fair(told(450), past).claim is None
    assert fair(told(450, was=600), past[: DAYS_MIN - 1]).claim is None


@given(_minor, _past, st.randoms(use_true_random=False))
def test_the_order_of_the_history_does_not_matter(minor: int, past: list[int], rng: random.Random) -> None:
    """What comes from a store comes in any order."""
    history = daily(past)
    mixed = list(history)
    rng.shuffle(mixed)
    others = [told(price, merchant=f"m{place}") for place, price in enumerate(past[:5])]
    asked = told(minor, was=minor + 1)
    assert fair(asked, history, others=others) == fair(asked, mixed, others=others[::-1])


@given(_minor, st.integers(min_value=1, max_value=90))
def test_a_constant_price_is_never_dear(minor: int, days: int) -> None:
    """Whatever it is; and never cheap either."""
    found = fair(told(minor), daily([minor] * days), others=daily([minor] * 3, merchant="market"))
    assert found.own is None or (found.own.level, found.own.percent) == (Level.USUAL, 0)
    assert (found.own is None) == (days < DAYS_MIN)
    assert found.elsewhere is None or found.elsewhere.percent == 0


@given(_minor, _past, st.sampled_from([10, 100, 1_000]), st.sampled_from([2, 3, 7]))
def test_neither_the_currency_s_size_nor_the_pack_s_changes_the_verdict(
    minor: int, past: list[int], tenfold: int, packs: int
) -> None:
    """In another currency all is so many times as much; in another pack as much more is in it."""

    def scaled(price: Price) -> Price:
        assert price.pack is not None
        return replace(
            price,
            unit_price_minor=price.unit_price_minor * tenfold,
            list_price_minor=None if price.list_price_minor is None else price.list_price_minor * tenfold,
            pack=replace(price.pack, amount=price.pack.amount * packs),
        )

    asked, history = told(minor, was=minor * 2), daily(past)
    before, after = fair(asked, history), fair(scaled(asked), [scaled(price) for price in history])
    assert before.own is not None
    assert after.own is not None
    assert (before.own.level, before.own.percent) == (after.own.level, after.own.percent)
    assert before.claim is not None
    assert after.claim is not None
    assert (before.claim.asked_days, before.claim.not_dearer_days) == (
        after.claim.asked_days,
        after.claim.not_dearer_days,
    )


@given(_minor, _past)
def test_a_lower_price_is_never_a_dearer_one(minor: int, past: list[int]) -> None:
    """Of two prices with the same past, the lower one is judged no worse."""
    worse = [Level.CHEAPER, Level.USUAL, Level.DEARER]
    first, second = (fair(told(price), daily(past)).own for price in (minor, minor + 1))
    assert first is not None
    assert second is not None
    assert worse.index(first.level) <= worse.index(second.level)
