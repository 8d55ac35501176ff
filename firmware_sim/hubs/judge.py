"""What the merchant sold against what the households signed. Pure; the merchant's books are the judge.

- lost: an intent that was told an order which is not in the books, or one that another intent was told, too.
- doubled: a sale beyond the first for one intent.
- without leave: a sale that no intent stands for, or one that is for more money, or other goods, than were signed.
- unsettled: an intent of which nobody has heard the end. It is none of these yet.

A sale that no intent was told of is held against the unsettled ones: so many of one product and quantity may belong to
them. What is left is doubled where somebody signed such an order, and else without leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firmware_sim.hubs.hub import Order
from firmware_sim.hubs.ledger import Sale
from firmware_sim.hubs.words import UNDER_WAY

Shape = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The counts, and the ids of some of what is wrong."""

    sales: int
    claimed: int
    lost: int
    doubled: int
    without_leave: int
    unsettled: int
    examples: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, doubled or without leave."""
        return not (self.lost or self.doubled or self.without_leave)


def judge(orders: Iterable[Order], sales: Sequence[Sale]) -> Verdict:
    """Compare."""
    all_orders = list(orders)
    told = [order for order in all_orders if order.merchant_order_id is not None]
    unsettled = [order for order in all_orders if order.state in UNDER_WAY]
    times = Counter(sale.order_id for sale in sales)
    by_id = {sale.order_id: sale for sale in sales}
    lost = [order for order in told if order.merchant_order_id not in by_id]
    claims = Counter(order.merchant_order_id for order in told)
    shared = sum(count - 1 for count in claims.values())
    repeated = [number for number, count in times.items() if count > 1 and number in claims]
    wrong = [order for order in told if _is_other(order, by_id.get(str(order.merchant_order_id)))]
    beyond = _unclaimed(sales, claims, unsettled)
    signed = {_signed(order) for order in all_orders}
    surplus = [sale for sale in beyond if (sale.sku, sale.quantity) in signed]
    foreign = [sale for sale in beyond if (sale.sku, sale.quantity) not in signed]
    examples = [f"lost: {order.id}" for order in lost]
    examples += [f"doubled: {number}" for number in (*repeated, *(sale.order_id for sale in surplus))]
    examples += [f"without leave: {sale.order_id}" for sale in foreign]
    examples += [f"not as signed: {order.id}" for order in wrong]
    return Verdict(
        sales=len(sales),
        claimed=sum(number in claims for number in by_id),
        lost=len(lost) + shared,
        doubled=sum(times[number] - 1 for number in repeated) + len(surplus),
        without_leave=len(foreign) + len(wrong),
        unsettled=len(unsettled),
        examples=tuple(examples[:20]),
    )


def _unclaimed(sales: Sequence[Sale], claims: Counter[str | None], unsettled: Sequence[Order]) -> list[Sale]:
    """Sales that no intent was told of, but for those that may be of intents nobody has heard the end of."""
    may_be = Counter(_signed(order) for order in unsettled if order.merchant_order_id is None)
    beyond = []
    for sale in sales:
        shape = (sale.sku, sale.quantity)
        if sale.order_id in claims:
            continue
        if may_be[shape] > 0:
            may_be[shape] -= 1
        else:
            beyond.append(sale)
    return beyond


def _signed(order: Order) -> Shape:
    return order.sku, order.quantity


def _is_other(order: Order, sale: Sale | None) -> bool:
    if sale is None:
        return False
    dearer = sale.total_minor is not None and sale.total_minor > order.total_max_minor
    return dearer or (sale.sku, sale.quantity) != _signed(order)
