"""Holds what the bridge believes of a handful of orders against the merchant's own ledger.

Each order of a handful has a quantity of its own, so the ledger alone says whose order is whose. The lawful ways stand
here once more, as DESIGN section 4 has them, and not as our table has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cloud_bridge.core.order import Detail, OrderRecord
from cloud_bridge.wire import OrderEvent, OrderState, Terms
from tests.campaign.merchants.shops import Sale

S = OrderState
_LAWFUL: Mapping[OrderState, frozenset[OrderState]] = {
    S.HELD: frozenset({S.SENDING, S.CANCELLED, S.EXPIRED, S.REJECTED, S.PLACED}),
    S.SENDING: frozenset({S.PLACED, S.REJECTED, S.NEEDS_BUYER, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.PLACED, S.NOT_PLACED, S.PARKED}),
    S.PARKED: frozenset({S.PLACED, S.NOT_PLACED}),
    S.NOT_PLACED: frozenset({S.SENDING, S.REJECTED, S.EXPIRED}),
    S.PLACED: frozenset({S.SHIPPED, S.CANCELLED, S.NEVER_ARRIVED}),
    S.SHIPPED: frozenset({S.DELIVERED, S.PARTLY_DELIVERED, S.CANCELLED, S.NEVER_ARRIVED}),
    S.NEVER_ARRIVED: frozenset({S.DELIVERED}),
}
_BOUGHT = frozenset({S.PLACED, S.SHIPPED, S.DELIVERED, S.PARTLY_DELIVERED, S.NEVER_ARRIVED})
_NOT_BOUGHT = frozenset({S.REJECTED, S.EXPIRED, S.CANCELLED, S.NOT_PLACED})
_WITH_REASON = frozenset({S.REJECTED, S.EXPIRED, S.CANCELLED, S.PARKED})


@dataclass(frozen=True, slots=True)
class Handful:
    """Orders that were handed in together, and what came of them once everything was calm.

    `sold` is what is new in the ledger; `delivered` are the orders there whose goods arrived; `taken_back` are intents
    of which the household was told that they are cancelled. `moved_while_sending`: the merchant raised its price after
    it was asked for the last time, which docs/promises.md says is not prevented: then what it charged must be told.
    """

    terms: Sequence[Terms]
    orders: Mapping[str, OrderRecord | None]
    events: Mapping[str, Sequence[OrderEvent]]
    sold: Sequence[Sale]
    delivered: Collection[str]
    taken_back: Collection[str]
    moved_while_sending: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of orders, and one line for each thing that is wrong."""

    orders: int
    sold: int
    lost: int
    doubled: int
    without_leave: int
    over_ceiling: int
    charged_beyond_quote: int
    unsettled: int
    parked: int
    faults: tuple[str, ...]


def judge(handful: Handful) -> Verdict:
    """Compare."""
    found = {
        "lost": [*_lost(handful)],
        "doubled": [*_doubled(handful)],
        "without leave": [*_without_leave(handful)],
        "over ceiling": [*_over_ceiling(handful)],
        "unsettled": [*_unsettled(handful)],
        "unlawful": [*_unlawful(handful)],
    }
    states = [order.state for order in handful.orders.values() if order is not None]
    return Verdict(
        orders=len(handful.terms),
        sold=len(handful.sold),
        lost=len(found["lost"]),
        doubled=len(found["doubled"]),
        without_leave=len(found["without leave"]),
        over_ceiling=len(found["over ceiling"]),
        charged_beyond_quote=len([*_dear(handful)]) - len(found["over ceiling"]),
        unsettled=len(found["unsettled"]),
        parked=states.count(S.PARKED),
        faults=tuple(f"{kind}: {text}" for kind, texts in found.items() for text in texts),
    )


def _sold(handful: Handful) -> Mapping[int, list[Sale]]:
    by_quantity: defaultdict[int, list[Sale]] = defaultdict(list)
    for sale in handful.sold:
        by_quantity[sale.quantity].append(sale)
    return by_quantity


def _lost(handful: Handful) -> Iterator[str]:
    """What was acknowledged and is not here, and where the bridge and the ledger say the opposite."""
    sold = _sold(handful)
    for terms in handful.terms:
        order, sales = handful.orders[terms.intent_id], sold[terms.quantity]
        if order is None:
            yield f"{terms.intent_id} was taken and is gone"
        elif order.state in _BOUGHT and order.merchant_order_id not in {sale.order_id for sale in sales}:
            yield f"{terms.intent_id} is {order.state} as {order.merchant_order_id}, and the ledger has {sales}"
        elif order.state in _NOT_BOUGHT and sales:
            yield f"{terms.intent_id} is {order.state} ({order.detail}), and the ledger has {sales}"


def _doubled(handful: Handful) -> Iterator[str]:
    for quantity, sales in _sold(handful).items():
        yield from (f"{sale} beside {sales[0]} of quantity {quantity}" for sale in sales[1:])


def _without_leave(handful: Handful) -> Iterator[str]:
    wanted = {terms.quantity: terms.intent_id for terms in handful.terms}
    for sale in handful.sold:
        if sale.quantity not in wanted:
            yield f"{sale} was asked for by nobody"
        elif wanted[sale.quantity] in handful.taken_back:
            yield f"{sale} was taken back in the hold"


def _over_ceiling(handful: Handful) -> Iterator[str]:
    for terms, sale in _dear(handful):
        told = {event.detail for event in handful.events[terms.intent_id]}
        if not handful.moved_while_sending or Detail.CHARGED_ABOVE_LIMIT not in told:
            yield f"{sale} is over {terms.total_max_minor}"


def _dear(handful: Handful) -> Iterator[tuple[Terms, Sale]]:
    sold = _sold(handful)
    for terms in handful.terms:
        yield from ((terms, sale) for sale in sold[terms.quantity] if sale.total_minor > terms.total_max_minor)


def _unsettled(handful: Handful) -> Iterator[str]:
    for intent_id, order in handful.orders.items():
        if order is None:
            continue
        if order.state not in _BOUGHT | _NOT_BOUGHT | {S.PARKED, S.NEEDS_BUYER} or order.state is S.NOT_PLACED:
            yield f"{intent_id} is still {order.state} ({order.detail})"
        if order.state in _WITH_REASON and order.detail is None:
            yield f"{intent_id} is {order.state} for no reason"


def _unlawful(handful: Handful) -> Iterator[str]:
    for intent_id, events in handful.events.items():
        states = [event.state for event in events]
        for before, after in pairwise(states):
            if after is not before and after not in _LAWFUL.get(before, ()):
                yield f"{intent_id} went from {before} to {after}: {', '.join(states)}"
        order = handful.orders[intent_id]
        if order is not None and order.merchant_order_id in handful.delivered and order.state is not S.DELIVERED:
            yield f"{intent_id} was delivered and is {order.state}"
