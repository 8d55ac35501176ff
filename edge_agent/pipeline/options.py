"""What could be bought for an item now: the bound product, or what the household lists instead of it.

Decides and words questions for `pipeline.review`; it stores nothing and orders nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from edge_agent.core import prompt as prompts
from edge_agent.core import substitute
from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.decide import decide
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import Decision, Forecast, ItemId, Price, PromptId, Propose, Reason, StockEstimate
from edge_agent.core.position import inventory_position, on_order_amount
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.core.terms import offer_for, terms_hash
from edge_agent.ports import OrderStore

_QUIET_AFTER_EXPIRY = timedelta(hours=12)
_QUIET_AFTER_REFUSAL = {"terms_changed": timedelta(0), "cancelled_by_household": timedelta(days=5)}
_QUIET_AFTER_OTHER_REFUSAL = timedelta(days=1)
_ENDED_UNBOUGHT = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Need:
    """One item as it stands at `now`."""

    item: Item
    stock: StockEstimate
    forecast: Forecast
    preferences: Preferences
    now: datetime

    @property
    def id(self) -> ItemId:
        """The item's name."""
        return ItemId(self.item.id)


class Options:
    """Decisions about one item, and the questions they lead to. A price older than `price_age_max` is none."""

    def __init__(
        self, *, orders: OrderStore, new_id: Callable[[], str], stale_after: timedelta, price_age_max: timedelta
    ) -> None:
        self._orders = orders
        self._new_id = new_id
        self._stale_after = stale_after
        self._price_age_max = price_age_max

    def decide(self, need: Need) -> tuple[Decision, ...]:
        """What to do; where that is to buy, then what else could be bought for the same need, in the item's order."""
        first, why = self._decide(need, None), self._missing(need)
        if why is None and not isinstance(first, Propose):
            return (first,)
        others = tuple(
            _worded(need.item, product, decision, why=why)
            for product in need.item.substitutes
            if isinstance(decision := self._decide(need, product), Propose)
        )
        return (first, *others) if why is None or not others else others

    def questions(self, need: Need, decisions: Sequence[Decision]) -> list[PromptRecord]:
        """What the proposals among the decisions would ask, none of them stored yet: all are about one need."""
        priced = [
            (decision, self._price(need, decision.product)) for decision in decisions if isinstance(decision, Propose)
        ]
        return [self._question(need, decision, price) for decision, price in priced if price is not None]

    def _decide(self, need: Need, product: Product | None) -> Decision:
        """The decision on a substitute; None: on the bound product."""
        item, now = need.item, need.now
        price, last = self._price(need, product), self._orders.last_intent(need.id)
        on_order = on_order_amount([] if last is None else [last], now=now)
        return decide(
            item,
            need.stock,
            need.forecast,
            position=inventory_position(item, need.stock, on_order=on_order),
            price=price,
            preferences=need.preferences,
            quiet_until=self._quiet_until(need, price=price, is_substitute=product is not None),
            now=now,
            stale_after=self._stale_after,
            substitute=product,
        )

    def _missing(self, need: Need) -> Reason | None:
        """Why the bound product cannot be had, where something else may be bought instead."""
        if not need.item.substitutes:
            return None
        oldest = need.now - self._price_age_max
        return substitute.missing(
            need.item, self._newest_price(need, None), oldest=oldest, is_refused=self._is_refused(need)
        )

    def _is_refused(self, need: Need) -> bool:
        last = self._orders.last_intent(need.id)
        asked = None if last is None else self._orders.prompt(last.prompt)
        return substitute.is_refused(need.item, last, offered=None if asked is None else asked.offer, now=need.now)

    def _price(self, need: Need, product: Product | None) -> Price | None:
        """The newest price of a product, unless it is too old to ask with."""
        price = self._newest_price(need, product)
        return price if price is not None and need.now - price.fetched_at <= self._price_age_max else None

    def _newest_price(self, need: Need, product: Product | None) -> Price | None:
        wanted = product or need.item.product
        return self._orders.newest_price(need.id, merchant=wanted.merchant, sku=wanted.sku)

    def _quiet_until(self, need: Need, *, price: Price | None, is_substitute: bool) -> datetime | None:
        """Until when the item is not asked about: after an answer, a refusal, or while the price is the refused one.

        That the bound product was out of stock says nothing of a substitute.
        """
        ends: list[datetime] = []
        prompt = self._orders.last_prompt(need.id)
        if prompt is not None:
            ends.append(prompt.changed_at + _quiet_after(prompt))
        order = self._orders.last_intent(need.id)
        is_free = is_substitute and self._is_refused(need)
        if order is not None and order.state in _ENDED_UNBOUGHT and not is_free:
            known_wrong = price is None or price.fetched_at < order.changed_at
            ends.append(order.changed_at + (_QUIET_AFTER_OTHER_REFUSAL if known_wrong else _after_refusal(order)))
        return max(ends, default=None)

    def _question(self, need: Need, decision: Propose, price: Price) -> PromptRecord:
        offer = offer_for(need.item, price, decision, preferences=need.preferences, now=need.now)
        return PromptRecord(
            id=PromptId(self._new_id()),
            item=need.id,
            state=PromptState.OPEN,
            version=1,
            offer=offer,
            terms_hash=terms_hash(offer),
            days_of_cover=decision.days_of_cover,
            order_by=decision.order_by,
            reasons=decision.reasons,
            created_at=need.now,
            changed_at=need.now,
        )


def _worded(item: Item, product: Product, decision: Propose, *, why: Reason | None) -> Propose:
    """The proposal of a substitute, with why it is one."""
    added = (*(() if why is None else (why,)), substitute.stands_in(item, product.title))
    return replace(decision, reasons=(*decision.reasons, *added))


def _quiet_after(prompt: PromptRecord) -> timedelta:
    match prompt.state:
        case PromptState.DECLINED if prompt.decline_reason is not None:
            return prompts.quiet_after_decline(prompt.decline_reason)
        case PromptState.EXPIRED:
            return _QUIET_AFTER_EXPIRY
        case _:
            return timedelta(0)


def _after_refusal(order: IntentRecord) -> timedelta:
    return _QUIET_AFTER_REFUSAL.get(order.detail or "", _QUIET_AFTER_OTHER_REFUSAL)
