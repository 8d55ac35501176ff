"""The campaign of every kind of merchant: its short tier, that it knows every kind, and that it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.wire import OrderEvent, OrderState
from tests.campaign.bugs import Bug, planted
from tests.campaign.merchants.campaign import Tally, figures, go_through
from tests.campaign.merchants.judge import Handful, judge
from tests.campaign.merchants.shops import SHOPS, Sale, kinds
from tests.cloud_bridge.rig import START, Signer, new_order

S = OrderState
_MARKED = {kind: [pytest.mark.merchant] for kind in ("ucp", "caldav", "vendure")}
# Orders of the short tier, as many as two to eight seconds have; the seed is one that meets much with so few.
_SHORT = {
    "ucp": (6, 1),
    "acp": (12, 1),
    "vendure": (4, 1),
    "caldav": (8, 1),
    "ha_todo": (12, 1),
    "grocy": (12, 1),
    "simulated": (24, 1),
}


def test_every_kind_of_merchant_has_a_shop() -> None:
    """A kind that can be configured and has no counterpart in the campaign would be one of which nothing is known."""
    assert set(kinds()) == set(SHOPS) == set(_SHORT)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=_MARKED.get(kind, [])) for kind in _SHORT])
def test_orders_among_faults_are_placed_once_or_told(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A few orders of each kind, by the merchant's own ledger: none twice, none without leave, each one settled."""
    name, (orders, seed) = SHOPS[kind].fixture, _SHORT[kind]
    process: Any = None if name is None else request.getfixturevalue(name)
    if process is None:
        with SHOPS[kind].running(tmp_path) as started:
            tally = go_through(kind, SHOPS[kind].shop(started), orders=orders, seed=seed, folder=tmp_path)
    else:
        tally = go_through(kind, SHOPS[kind].shop(process), orders=orders, seed=seed, folder=tmp_path)
    assert tally.faults == []
    assert tally.count("orders") >= orders
    assert tally.count("sold") > 0
    assert len(tally.met) >= 3


def test_a_key_per_process_is_caught(tmp_path: Path) -> None:
    """The campaign can fail: where a restarted bridge asks under another key, a merchant of class B sells again."""
    with planted(Bug.KEY_PER_PROCESS):
        tally = go_through("simulated", SHOPS["simulated"].shop(None), orders=15, seed=7, folder=tmp_path)
    assert tally.count("doubled") > 0


def _order(**changes: object) -> OrderRecord:
    order = new_order(Signer().intent(quantity=2), now=START)
    return replace(order, state=S.PLACED, merchant_order_id="m-1", due_at=None, **changes)  # type: ignore[arg-type]


def _events(order: OrderRecord, *told: tuple[OrderState, Detail | None]) -> list[OrderEvent]:
    return [
        OrderEvent(seq=n, intent_id=order.intent_id, state=state, at=START, detail=detail)
        for n, (state, detail) in enumerate(told, start=1)
    ]


_PLACED = ((S.HELD, None), (S.SENDING, None), (S.PLACED, None))
_SOLD = Sale("m-1", 2, 858)


@pytest.mark.parametrize(
    ("order", "changes", "wrong"),
    [
        ({}, {}, {}),
        ({}, {"sold": []}, {"lost": 1}),
        ({}, {"sold": [_SOLD, Sale("m-2", 2, 858)]}, {"doubled": 1}),
        ({}, {"sold": [_SOLD, Sale("m-2", 9, 858)]}, {"without_leave": 1}),
        ({}, {"taken_back": True}, {"without_leave": 1}),
        ({}, {"sold": [Sale("m-1", 2, 901)]}, {"over_ceiling": 1}),
        ({}, {"sold": [Sale("m-1", 2, 901)], "moved_while_sending": True}, {"over_ceiling": 1}),
        ({"state": S.REJECTED, "detail": "not_placed"}, {}, {"lost": 1}),
        ({"state": S.REJECTED, "detail": None}, {"sold": []}, {"unsettled": 1}),
        ({"state": S.UNKNOWN}, {}, {"unsettled": 1}),
    ],
)
def test_the_judge_finds_what_is_wrong(
    order: Mapping[str, object], changes: Mapping[str, Any], wrong: Mapping[str, int]
) -> None:
    """Each count, for one order that was to cost 900 at the most."""
    found = replace(_order(), **order)  # type: ignore[arg-type]
    handful = Handful(
        terms=[found.terms],
        orders={found.intent_id: found},
        events={found.intent_id: _events(found, *_PLACED)},
        sold=changes.get("sold", [_SOLD]),
        delivered=(),
        taken_back=[found.intent_id] if changes.get("taken_back") else [],
        moved_while_sending=changes.get("moved_while_sending", False),
    )
    verdict = judge(handful)
    counts = ("lost", "doubled", "without_leave", "over_ceiling", "unsettled")
    assert {name: getattr(verdict, name) for name in counts if getattr(verdict, name)} == wrong
    assert len(verdict.faults) == sum(wrong.values())


def test_a_charge_beyond_the_quote_is_told_apart_where_the_household_was_told() -> None:
    """Nobody prevents a merchant from charging more than it has just said; it is counted, and is not our harm."""
    order = _order()
    told = ((S.HELD, None), (S.SENDING, None), (S.PLACED, Detail.CHARGED_ABOVE_LIMIT))
    sold = [Sale("m-1", 2, 901)]
    events = {order.intent_id: _events(order, *told)}
    verdict = judge(Handful([order.terms], {order.intent_id: order}, events, sold, (), (), moved_while_sending=True))
    assert (verdict.over_ceiling, verdict.charged_beyond_quote, verdict.faults) == (0, 1, ())


def test_an_unlawful_way_and_a_delivery_that_nobody_noticed_are_found() -> None:
    """From delivered there is no way back, and what arrived must be told."""
    order = _order()
    events = {order.intent_id: _events(order, *_PLACED, (S.SHIPPED, None), (S.PLACED, None))}
    verdict = judge(Handful([order.terms], {order.intent_id: order}, events, [_SOLD], ["m-1"], ()))
    assert [fault.partition(":")[0] for fault in verdict.faults] == ["unlawful", "unlawful"]


def test_kinds_together_are_one_campaign() -> None:
    """Counts are added, and what was met has its kind before it."""
    tally = Tally(wanted=("sold_out",))
    tally.met["sold_out"] = 2
    assert figures({"ucp": tally}).covered == {"ucp: sold_out": 2}
    assert figures({"ucp": tally}).wanted == ("ucp: sold_out",)
