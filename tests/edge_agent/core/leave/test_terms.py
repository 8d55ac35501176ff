"""Terms: what is shown, what is signed, and what a change of either does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.core.catalogue import Preferences
from edge_agent.core.leave.terms import canonical, elsewhere, offer_for, seal, terms_hash
from edge_agent.core.messages import Delivery, IntentId, Pack, PriceElsewhere
from tests.edge_agent.samples import MILK, NOW, offer, price, propose

SEALED = {
    "intent_id": IntentId("i1"),
    "household": "home-1",
    "hub": "hub-1",
    "customer_ref": "a" * 64,
    "nonce": "b" * 32,
    "leave": "approval",
    "consent_hash": "c" * 64,
    "handover": 1,
}


def test_an_offer_adds_up() -> None:
    """Total is packs at the unit price plus delivery, and the ceiling is the total plus the tolerance."""
    made = offer(packs=4)
    assert (made.total_minor, made.total_max_minor) == (4 * 129 + 500, 1066)  # 1016 * 1.05 = 1066.8


@given(
    unit=st.integers(0, 100_000),
    delivery=st.integers(0, 10_000),
    packs=st.integers(1, 99),
    tolerance=st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.3, 0.5]),
)
def test_the_ceiling_never_exceeds_the_tolerance(unit: int, delivery: int, packs: int, tolerance: float) -> None:
    """Rounding never gives away a cent: ceiling <= total * (1 + tolerance), and never under the total."""
    line = price(unit_price_minor=unit, delivery_minor=delivery)
    made = offer_for(MILK, line, propose(packs=packs), preferences=Preferences(price_tolerance=tolerance), now=NOW)
    assert made.total_minor <= made.total_max_minor
    assert made.total_max_minor * 100 <= made.total_minor * (100 + round(tolerance * 100))


def test_the_signed_bytes_are_canonical_and_whole() -> None:
    """The signed bytes are RFC 8785 JSON: sorted keys, no spaces, every field of the terms."""
    terms = seal(offer(), **SEALED)
    signed = canonical(terms)
    fields = json.loads(signed)
    assert list(fields) == sorted(fields)
    assert b" " not in signed.replace(b"T08:00:00Z", b"")
    assert set(fields) == set(type(terms).model_fields) - {
        "title_figures",
        "delivery_option",
    }  # left out where nobody agreed to one
    told = canonical(seal(replace(offer(), title_figures="1"), **SEALED))
    assert json.loads(told) == fields | {"title_figures": "1"}


def test_an_offer_holds_the_numbers_of_the_merchants_title() -> None:
    """By them the bridge sees another pack under the same article; a price from before titles were kept has none."""
    packed = replace(price(), pack=Pack("Whole milk, 2 x 0,50 L", 1_000.0, "mL"))
    made = [offer_for(MILK, each, propose(), preferences=Preferences(), now=NOW) for each in (packed, price())]
    assert [each.title_figures for each in made] == ["0.5 2", None]


@pytest.mark.parametrize(
    "change",
    [
        {"sku": "milk-skimmed-1l"},
        {"title": "Whole milk 2 L"},
        {"pack_amount": 2070.0},
        {"unit": "mL"},
        {"quantity": 5},
        {"unit_price_minor": 130},
        {"delivery_minor": 501},
        {"total_minor": 1017},
        {"total_max_minor": 1067},
        {"currency": "EUR"},
        {"merchant": "other"},
        {"delivery_ref": "work"},
        {"expires_at": NOW + timedelta(days=9)},
        {"hold_s": 0},
        {"title_figures": "0.5"},
        {"delivery_option": "std"},
        {"delivery_kind": "standard"},
        {"delivery_title": "By post"},
        {"delivery_place": "Central station"},
        {"delivery_earliest": NOW.date()},
        {"delivery_latest": NOW.date()},
    ],
)
def test_any_changed_field_is_another_offer(change: dict[str, object]) -> None:
    """A page that shows any other term carries another hash, so its approval is stale."""
    assert terms_hash(replace(offer(), **change)) != terms_hash(offer())


def test_a_question_from_before_ways_were_known_keeps_its_hash() -> None:
    """It lies in a store with the old hash, and on an open page."""
    assert terms_hash(offer()) == "1d9bf7b779d9d475ccd6611742447b8712414995501639f9670dc3d8ac7f8182"


def test_the_way_that_is_offered_is_the_one_that_is_signed() -> None:
    """With its price in the total; its title, place and days stay at home."""
    way = Delivery("hub/1", 150, "pick_up_point", "Locker", NOW.date(), (NOW + timedelta(days=4)).date(), "Station")
    made = offer_for(
        MILK, replace(price(), deliveries=(way,)).by(way), propose(packs=4), preferences=Preferences(), now=NOW
    )
    assert (made.delivery_minor, made.total_minor) == (150, 4 * 129 + 150)
    assert (made.delivery_title, made.delivery_place, made.deliver_by) == ("Locker", "Station", way.latest_on)
    signed = json.loads(canonical(seal(made, **SEALED)))  # type: ignore[arg-type]
    assert signed["delivery_option"] == {"id": "hub/1", "kind": "pick_up_point"}
    assert "Locker" not in json.dumps(signed)
    untold = offer_for(MILK, price().by(Delivery("std", 1)), propose(), preferences=Preferences(), now=NOW)
    assert json.loads(canonical(seal(untold, **SEALED)))["delivery_option"] == {"id": "std"}  # type: ignore[arg-type]


def test_goods_that_go_elsewhere_come_by_no_way_that_leads_home() -> None:
    """What was agreed to for home is not agreed to for there: neither the way, nor its price and days."""
    home = replace(offer(), delivery_option="std", delivery_kind="standard", delivery_latest=NOW.date())
    there = PriceElsewhere(200, 90, "USD", available=True, fetched_at=NOW)
    day = (NOW + timedelta(days=3)).date()
    moved = elsewhere(home, there, delivery_ref="work", deliver_by=day, tolerance=0.05)
    assert (moved.delivery, moved.delivery_kind, moved.delivery_latest) == (None, None, None)
    assert (moved.delivery_ref, moved.deliver_by) == ("work", day)
    assert moved.total_minor == moved.quantity * 200 + 90
