"""Of several accepted offers the one that is here in time for the least is chosen, and why is said in one sentence."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_agent.core.catalogue import Product
from edge_agent.core.choosing.ranking import Bid, Way, choose
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.situation import LEAD_SURELY
from edge_agent.core.prices.measure import exact


def bid(
    merchant: str = "alpha",
    *,
    minor: int = 840,
    delivery: int = 100,
    days: float = 2.0,
    spread: float = 0.3,
    orders: int = 9,
    packs: int = 1,
    amount: float = 500.0,
    place: int = 0,
    free_from: int | None = None,
    **changes: object,
) -> Bid:
    """A pack of 500 g for 9.40 with delivery, here in two days."""
    way = Way(delivery, LeadTime(days, spread, orders), free_from_minor=free_from)
    product = Product(title="Coffee", merchant=merchant, sku="coffee", pack_amount=amount)
    return replace(Bid(product, packs, minor, "EUR", way, place), **changes)  # type: ignore[arg-type]


def _said(*bids: Bid, amount: float = 500.0, by_d: float = 3.0) -> tuple[str, str]:
    found = choose(bids, amount=amount, by_d=by_d, currency="EUR")
    assert found is not None
    return found.chosen.product.merchant, "" if found.reason is None else str(found.reason.text)


@pytest.mark.parametrize(
    ("other", "merchant", "text"),
    [
        (
            bid("beta", minor=790, days=5.0),
            "alpha",
            "€9.40 at alpha, about 2 days (100 % in time); €8.90 at beta, but about 5 days: too late.",
        ),
        (
            bid("beta", minor=790, days=1.0),
            "beta",
            "€8.90 at beta, about 1 day (100 % in time); at alpha as much costs €0.50 more, about 2 days.",
        ),
        (
            bid("beta", minor=1_580, packs=1, amount=1_000.0, days=5.0),
            "alpha",
            (
                "€9.40 at alpha, about 2 days (100 % in time); at beta as much costs €0.50 less, but about 5 days: "
                "too late."
            ),
        ),
        (
            bid("beta", joined_minor=500, minor=940),
            "beta",
            "€9.40 at beta, about 2 days (100 % in time); alpha costs the same, about 2 days, but is a parcel more.",
        ),
        (
            bid("beta", days=1.0),
            "beta",
            "€9.40 at beta, about 1 day (100 % in time); alpha costs the same, about 2 days, but takes longer.",
        ),
        (
            bid("beta", place=1),
            "alpha",
            (
                "€9.40 at alpha, about 2 days (100 % in time); beta costs the same, about 2 days, "
                "and stands later in your list."
            ),
        ),
        (bid("beta", minor=1, minimum_minor=500), "alpha", ""),
        (bid("beta", minor=1, currency="USD"), "alpha", ""),
    ],
)
def test_the_choice_is_said_in_one_sentence(other: Bid, merchant: str, text: str) -> None:
    """What it costs, when it comes, and how the other one differs; nothing where there is no other."""
    assert _said(bid(), other) == (merchant, text)


def test_where_nothing_is_in_time_the_soonest_goes_first() -> None:
    """Whatever it costs; of the same day the cheaper one."""
    dear, cheap = bid(minor=2_000, days=4.0), bid("beta", days=9.0)
    assert _said(dear, cheap) == (
        "alpha",
        "€21.00 at alpha, about 4 days (0 % in time); €9.40 at beta, but about 9 days: later still.",
    )
    assert _said(dear, bid("beta", days=4.1))[0] == "beta"


def test_a_chance_is_named_only_where_orders_tell_it() -> None:
    """What the household expects of a merchant that it has never ordered from is no probability."""
    assert _said(bid(orders=0, spread=0.0), bid("beta", minor=790, days=5.0, orders=0)) == (
        "alpha",
        "€9.40 at alpha, about 2 days; €8.90 at beta, but about 5 days: too late.",
    )


def test_a_merchant_that_sends_half_of_it_is_not_in_time() -> None:
    """What comes in part has not come, and that is what is said of it: its days are as few as the other's."""
    assert _said(bid(), bid("beta", minor=1, delivery=100, share_whole=0.7)) == (
        "alpha",
        (
            "€9.40 at alpha, about 2 days (100 % in time); €1.01 at beta, but about 2 days: only about 70 % of its "
            "orders come as agreed."
        ),
    )


def test_a_merchant_competes_at_what_it_charged() -> None:
    """Cheaper by its list and dearer by what it asked in the end: passed over, and that is said."""
    risen = bid("beta", minor=820, charged=Fraction(11, 10))
    assert _said(bid(), risen) == (
        "alpha",
        (
            "€9.40 at alpha, about 2 days (100 % in time); at beta as much costs €0.72 more, by what was charged so "
            "far, about 2 days."
        ),
    )
    assert _said(bid(), replace(risen, charged=Fraction(1)))[0] == "beta"


def test_a_delivery_is_free_from_a_sum_and_with_another_order() -> None:
    """Whatever reaches the sum, and whatever comes with what comes anyway."""
    assert bid(packs=2, free_from=1_680).total_minor == 1_680
    assert bid(packs=2, free_from=1_681).total_minor == 1_780
    assert bid(joined_minor=900).total_minor == 840
    assert bid(joined_minor=900).order_minor == 1_740


def test_carbon_decides_between_equals_only_where_it_is_known_of_all() -> None:
    """A figure that nobody typed is not taken for any other."""
    light, heavy = bid("beta", co2e_g=100, place=1), bid(co2e_g=200)
    assert _said(light, heavy)[0] == "beta"
    assert _said(light, heavy, bid("gamma", place=2))[0] == "alpha"


def test_what_is_alike_in_all_that_is_ranked_still_has_one_order() -> None:
    """The sentence is the same whoever comes first."""
    first, second = bid(), bid(share_whole=0.95)
    assert _said(first, second) == _said(second, first)


def test_a_pinned_merchant_is_never_changed() -> None:
    """While an order of this need may be there; nothing is chosen where it has no offer."""
    bids = [bid(), bid("beta", minor=1)]
    found = choose(bids, amount=500.0, by_d=3.0, currency="EUR", pinned="alpha")
    assert found is not None
    assert (found.chosen.product.merchant, found.others) == ("alpha", ())
    assert choose(bids, amount=500.0, by_d=3.0, currency="EUR", pinned="gamma") is None


_bids = st.lists(
    st.builds(
        bid,
        st.sampled_from(["alpha", "beta", "gamma", "delta"]),
        minor=st.integers(1, 5_000),
        delivery=st.integers(0, 900),
        days=st.floats(0, 10),
        spread=st.floats(0, 3),
        packs=st.integers(1, 6),
        amount=st.sampled_from([250.0, 500.0, 1_000.0]),
        place=st.integers(0, 4),
        joined_minor=st.none() | st.integers(0, 5_000),
        share_whole=st.floats(0, 1),
        co2e_g=st.none() | st.integers(0, 900),
        charged=st.fractions(Fraction(9, 10), Fraction(12, 10), max_denominator=50),
    ),
    min_size=1,
    max_size=8,
)
_needs = st.tuples(st.floats(1, 5_000), st.floats(0, 12))


@given(_bids, _needs, st.randoms(use_true_random=False))
def test_the_order_of_the_offers_does_not_matter(bids: list[Bid], need: tuple[float, float], rng: object) -> None:
    """Whoever answers first has no advantage."""
    mixed = list(bids)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    amount, by_d = need
    first = choose(bids, amount=amount, by_d=by_d, currency="EUR")
    second = choose(mixed, amount=amount, by_d=by_d, currency="EUR")
    assert first is not None
    assert second is not None
    assert _key(first.chosen) == _key(second.chosen)
    assert first.reason == second.reason


def _key(one: Bid) -> tuple[object, ...]:
    return one.product.merchant, one.total_minor, one.amount, one.way.lead


@given(_bids, _needs)
def test_a_dearer_one_is_never_chosen_without_a_reason(bids: list[Bid], need: tuple[float, float]) -> None:
    """Whoever is cheaper for the need comes later, too late, and the sentence says so."""
    amount, by_d = need
    found = choose(bids, amount=amount, by_d=by_d, currency="EUR")
    assert found is not None
    cheaper = [one for one in bids if one.cost(exact(amount)) < found.chosen.cost(exact(amount))]
    if cheaper:
        assert found.beside is not None
        assert found.reason is not None
        assert found.beside in cheaper
        assert str(found.reason.text).endswith(("too late.", "later still.", "come as agreed."))
        assert all(one.chance(by_d) < LEAD_SURELY for one in cheaper)


@given(_bids, _needs, st.integers(1, 5_000), st.integers(0, 900))
def test_a_lower_price_never_makes_an_offer_lose(
    bids: list[Bid], need: tuple[float, float], less: int, less_delivery: int
) -> None:
    """The chosen one made cheaper is still chosen."""
    amount, by_d = need
    found = choose(bids, amount=amount, by_d=by_d, currency="EUR")
    assert found is not None
    best = found.chosen
    assume(best.unit_price_minor >= less and best.way.price_minor >= less_delivery)
    cheaper = replace(
        best,
        unit_price_minor=best.unit_price_minor - less,
        way=replace(best.way, price_minor=best.way.price_minor - less_delivery),
    )
    rest = list(bids)
    rest.remove(best)
    again = choose([*rest, cheaper], amount=amount, by_d=by_d, currency="EUR")
    assert again is not None
    assert again.chosen == cheaper
