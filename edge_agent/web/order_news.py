"""What the merchant told of an order after it was placed: what came, what went back, what came instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.core.arrivals import back_packs, came_packs, is_to_be_counted
from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.said import Said, Sum, say

_OVER = frozenset({IntentState.DELIVERED, IntentState.RETURNED, IntentState.REFUNDED, IntentState.CANCELLED})


@dataclass(frozen=True, slots=True)
class OrderNews:
    """`sentences` in the order in which things happen. `must_count`: what came adds nothing before somebody counts."""

    sentences: tuple[Said, ...] = ()
    must_count: bool = False


def order_news(order: IntentRecord, item: Item | None) -> OrderNews:
    """The news of one order; `item` is what it was bought for, where the home still keeps it."""
    return OrderNews(
        sentences=tuple(_sentences(order, item)),
        must_count=item is not None and is_to_be_counted(order, item),
    )


def _sentences(order: IntentRecord, item: Item | None) -> Iterator[Said]:
    facts = order.facts
    if facts.substitute_sku is not None:
        yield _sent_instead(order, item, sku=facts.substitute_sku)
    if facts.ordered_quantity is not None and facts.ordered_quantity < order.quantity:
        fewer = order.quantity - facts.ordered_quantity
        yield say("Packs that the merchant cancelled: {fewer} of {ordered}.", fewer=fewer, ordered=order.quantity)
    if facts.delivered_quantity is not None and (facts.delivered_quantity or order.state in _OVER):
        yield say("Packs that came: {came} of {ordered}.", came=came_packs(order), ordered=order.quantity)
    if facts.returned_quantity:
        yield say("Packs that went back: {back} of {came}.", back=back_packs(order), came=came_packs(order))
    if facts.refunded_minor:
        yield say("Paid back by the merchant: {sum}.", sum=Sum(facts.refunded_minor, order.currency))


def _sent_instead(order: IntentRecord, item: Item | None, *, sku: str) -> Said:
    products = item.products if item is not None else ()
    title = next((one.title for one in products if (one.merchant, one.sku) == (order.merchant, sku)), None)
    if title is not None:
        return say("The merchant sent {product} instead, which counts for the same stock.", product=title)
    return say(
        "The merchant sent something else instead (its number: {sku}). How much that holds is not known, so nothing "
        "was added to the stock.",
        sku=sku,
    )
