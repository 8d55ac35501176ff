"""When something else may be bought for an item: where its bound product cannot be had, and says who.

What may stand in for it is the household's own list (`Item.substitutes`); what may be paid for without asking is the
mandate's (`core.leave.draw.choose`). Nothing else is ever bought instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import Price, Reason
from edge_agent.core.said import say

OUT_OF_STOCK = "out_of_stock"
REFUSED_FOR = timedelta(days=1)  # how long a merchant's word holds that it has none, whatever its list says


def is_refused(item: Item, last: IntentRecord | None, *, offered: Offer | None, now: datetime) -> bool:
    """Whether the merchant has just refused the bound product as out of stock.

    `last` is the item's newest order and `offered` what it was to buy. A refused substitute is not meant: its word
    quiets the item, so that no two products are tried in turns.
    """
    if last is None or offered is None or last.state is not IntentState.REJECTED or last.detail != OUT_OF_STOCK:
        return False
    is_bound = (offered.merchant, offered.sku) == (item.product.merchant, item.product.sku)
    return is_bound and now - last.changed_at < REFUSED_FOR


def missing(item: Item, price: Price | None, *, oldest: datetime, is_refused: bool) -> Reason | None:
    """Why the bound product cannot be had now; None: it can, as far as is known here.

    `price` is its newest one, of use if it was fetched at `oldest` or later. Before the first price list has come
    nothing is known of it, which is no reason to buy something else.
    """
    title, merchant = item.product.title, item.product.merchant
    if is_refused:
        text = say("{merchant} has just refused {product} as out of stock.", merchant=merchant, product=title)
        return Reason("instead_refused", text)
    if price is None:
        return None
    if price.fetched_at < oldest:
        text = say("There is no price for {product} from {merchant} any more.", product=title, merchant=merchant)
        return Reason("instead_no_price", text)
    if not price.available:
        text = say("{merchant} does not have {product} now.", merchant=merchant, product=title)
        return Reason("instead_unavailable", text)
    return None


def comes_no_way(item: Item) -> Reason:
    """That the bound product would come in no way that the household accepts."""
    text = say(
        "{product} can come from {merchant} only in a way that you do not accept.",
        product=item.product.title,
        merchant=item.product.merchant,
    )
    return Reason("instead_no_delivery", text)


def stands_in(item: Item, title: str) -> Reason:
    """What is bought instead, in words."""
    text = say(
        "{other} stands in for {product}, as your list for {item} allows.",
        other=title,
        product=item.product.title,
        item=item.name,
    )
    return Reason("instead", text)


def too_dear(item: Item, *, merchant: str) -> Reason:
    """Why a mandate buys something else although the bound product could be had."""
    text = say(
        "{product} from {merchant} costs more than the mandate allows for one order.",
        product=item.product.title,
        merchant=merchant,
    )
    return Reason("instead_too_dear", text)
