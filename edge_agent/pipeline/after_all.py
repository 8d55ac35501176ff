"""One act of a person: an order that came to nothing is wanted after all, so a new question is opened.

Nothing is ordered here, and no old order is touched (`core.deciding.after_all`).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from zoneinfo import ZoneInfo

from edge_agent.core.catalogue import Item
from edge_agent.core.deciding.after_all import may_be_wanted, wanted
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import IntentId, ItemId
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.pipeline.deciding import PROMPTS_A_DAY_MAX
from edge_agent.pipeline.home_state import home_state
from edge_agent.pipeline.options import Need
from edge_agent.pipeline.review import Review
from edge_agent.ports import Clock, HouseholdStore, OrderStore

log = logging.getLogger(__name__)

_DAY = timedelta(days=1)


class AfterAll:
    """Fulfils `web.parts.AfterAll`. It goes by what the last `review` found."""

    def __init__(
        self, *, clock: Clock, orders: OrderStore, household: HouseholdStore, review: Review, zone: ZoneInfo
    ) -> None:
        self._clock = clock
        self._orders = orders
        self._household = household
        self._review = review
        self._zone = zone

    def may_want(self, order: IntentRecord) -> bool:
        """Whether this order may be wanted after all; the hub looks again when it is."""
        is_free = self._orders.live_prompt(order.item) is None and self._household.load().item(order.item) is not None
        return is_free and may_be_wanted(order, last=self._orders.last_intent(order.item))

    def want(self, intent: IntentId, *, by: str) -> PromptRecord:
        """Open a question about what was ordered, on terms of now.

        Raises: RefusedError when the order did not come to nothing, something of the item is asked or under way, no
        price of now is known, or too much was asked today.
        """
        order = self._orders.intent(intent)
        if order is None:
            raise RefusedError(say("there is no order {intent}", intent=intent))
        if not self.may_want(order):
            raise RefusedError(say("Something newer stands for this item, or this order is not over: look there."))
        item = self._household.load().item(order.item)
        record = None if item is None else self._question(order, item, by=by)
        if record is None:
            raise RefusedError(
                say("There is no price of now at which it can be had. Prices are asked for by themselves: try later.")
            )
        if self._orders.asked_since(record.created_at - _DAY) >= PROMPTS_A_DAY_MAX:
            raise RefusedError(say("Too much was asked today already. Try again tomorrow."))
        self._orders.add_prompt(record)
        log.info("wanted_after_all prompt=%s item=%s intent=%s", record.id, order.item, order.id)
        return record

    def _question(self, order: IntentRecord, item: Item, *, by: str) -> PromptRecord | None:
        """About what was ordered, where that can be had; else about the first product of the item that can be."""
        need = self._need(item)
        cases = self._review.options.on_sale(need)
        asked = self._orders.prompt(order.prompt)
        same = [case for case in cases if asked is not None and _is_of(case, asked)]
        chosen = next(iter((*same, *cases)), None)
        if chosen is None:
            return None
        return next(iter(self._review.options.questions(need, [wanted(order, chosen, by=by)])), None)

    def _need(self, item: Item) -> Need:
        known = self._review.latest.get(ItemId(item.id))
        if known is None or not self._review.may_ask():
            raise RefusedError(say("The hub does not know yet what is under way: try again in a minute."))
        home = home_state(
            self._orders,
            [each.estimate for each in self._review.latest.values()],
            preferences=self._household.load().preferences,
            zone=self._zone,
            now=self._clock.now(),
        )
        return Need(item, known.estimate, known.forecast, home)


def _is_of(case: Situation, asked: PromptRecord) -> bool:
    return (case.product.merchant, case.product.sku) == (asked.offer.merchant, asked.offer.sku)
