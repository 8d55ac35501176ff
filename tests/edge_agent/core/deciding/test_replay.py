"""A bundle makes the same decision again, holds no name, and is refused where it is something else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.catalogue import FreeDelivery, MerchantSaid, Preferences, QuietHours
from edge_agent.core.decide import weigh
from edge_agent.core.deciding.replay import BUNDLE_BYTES_MAX, bundle, decided, replay
from edge_agent.core.messages import Batch, Delivery, Pack, Reason
from edge_agent.errors import RefusedError
from tests.edge_agent.consumables import START
from tests.edge_agent.core.situations import situation

_TOLD = Preferences(
    delivery_ref="grandmas-house",
    free_delivery=(FreeDelivery(merchant="grocer", from_minor=3_000),),
    quiet_hours=QuietHours(start="22:00", end="07:00"),
)


@given(
    packs=st.floats(0, 8),
    on_order=st.floats(0, 8),
    rate=st.floats(0, 3),
    trust=st.floats(0, 1),
    age_h=st.floats(0, 60),
    keeps_d=st.none() | st.floats(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_the_same_decision_comes_of_it(
    packs: float, on_order: float, rate: float, trust: float, age_h: float, keeps_d: float | None
) -> None:
    """For any situation: nothing differs, and kind, reasons, packs and times are those of the real item."""
    case = situation(packs=packs, on_order_packs=on_order, rate=rate, trust=trust, best_before_d=keeps_d)
    case = replace(case, now=START + timedelta(hours=age_h))
    replayed = replay(bundle(case, program="1.0"))
    assert replayed.differs == ()
    real = decided(weigh(case).decision)
    assert (replayed.now.kind, replayed.now.codes, replayed.now.packs) == (real.kind, real.codes, real.packs)


def test_no_name_and_no_reading_is_in_it() -> None:
    """Of item, product, article, merchant, device and place nothing; of daily use only on which days there was some."""
    case = situation(packs=1.0, rate=0.8, preferences=_TOLD)
    doubts = (Reason("stuck", "The fridge of Anna has not moved."),)
    spoils = (Batch(500.0, START.date(), opened=True),)
    case = replace(case, estimate=replace(case.estimate, doubts=doubts, spoils=spoils, trust=0.3))
    said = bundle(case, program="1.0").decode()
    for name in ("Milk", "milk", "milk-whole-1l", "grocer", "fridge", "Anna", "grandmas"):
        assert name not in said
    assert {used for _, used in json.loads(said)["case"]["estimate"]["daily_use"]} <= {0.0, 1.0}


def test_what_a_household_avoids_and_what_a_merchant_wrote_is_not_in_it() -> None:
    """Allergens tell of people's health; a title, a GTIN and a list price tell of the product."""
    merchants = (MerchantSaid(merchant="annas-shop", accepts=("pick_up_point",)),)
    avoids = Preferences(avoid_allergens=("peanuts",), merchants=merchants)
    case = situation(packs=1.0, rate=0.8, preferences=avoids)
    assert case.price is not None
    told = replace(case.price, list_price_minor=987_654, pack=Pack("Annas Milch", 1.0, "L", "04006381333931"))
    way = Delivery("hub/1", 1, "pick_up_point", "Annas locker", place="Annas street")
    told = replace(told, deliveries=(way,)).by(way)
    said = bundle(replace(case, price=told), program="0.9").decode()
    assert not [word for word in ("peanuts", "Annas", "annas", "hub/1", "04006381333931", "987654") if word in said]


def test_what_differs_is_said() -> None:
    """A program with other rules, or a hand at the file, is found out."""
    document = json.loads(bundle(situation(packs=1.0, rate=0.8), program="0.9"))
    document["decided"]["packs"] += 1
    replayed = replay(json.dumps(document).encode())
    assert replayed.program == "0.9"
    assert replayed.differs == ("packs: 7 then, 6 now",)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b'{"form": "restock.decision"}',
        b"\xff\xfe",
        b"{" * 5_000,
        b" " * (BUNDLE_BYTES_MAX + 1),
        bundle(situation(), program="1").replace(b'"version": 1', b'"version": 2'),
        bundle(situation(), program="1").replace(b'"season": 1.0', b'"season": NaN'),
        bundle(situation(), program="1").replace(b'"season": 1.0', b'"season": 0.0'),
        bundle(situation(), program="1").replace(b'"zone": "UTC"', b'"zone": "../../etc/passwd"'),
        bundle(situation(), program="1").replace(b'"quantiles": [', b'"quantiles": [0.01, '),
    ],
    ids=["empty", "list", "too little", "no text", "deep", "large", "newer", "nan", "zero", "no zone", "no table"],
)
def test_what_is_no_bundle_is_refused(said: bytes) -> None:
    """Whatever somebody mails: an error that says what is wrong, and no other."""
    with pytest.raises(RefusedError):
        replay(said)
