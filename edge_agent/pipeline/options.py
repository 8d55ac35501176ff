"""What could be bought for an item now: the bound product, or what the household lists instead of it.

Decides and words questions for `pipeline.deciding`; it stores nothing and orders nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from edge_agent.core.catalogue import Item, Product
from edge_agent.core.choosing.accepting import pinned, refused
from edge_agent.core.choosing.delivering import co2e_g, lead_by, ways
from edge_agent.core.choosing.ranking import Bid, Way, choose
from edge_agent.core.decide import Weighed, can_be_had, weigh
from edge_agent.core.deciding import season, substitute
from edge_agent.core.deciding.back_off import Quiet, quiet
from edge_agent.core.deciding.position import Position, in_transit_amount, inventory_position, on_order_amount
from edge_agent.core.deciding.presence import away_pace
from edge_agent.core.deciding.situation import LEAD_SURELY, Situation
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.terms import offer_for, terms_hash
from edge_agent.core.messages import Decision, Forecast, ItemId, Price, PromptId, Propose, Reason, StockEstimate
from edge_agent.core.prices.shrinking import SHRUNK, shrunk
from edge_agent.core.prices.shrinking import reason as smaller_pack
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.pipeline.home_state import HomeState
from edge_agent.ports import OrderStore

_PRICES_LOOKED_AT = 200  # of each product


@dataclass(frozen=True, slots=True)
class Need:
    """One item as it stands in its home. `coming` is what is on its way although no order of the hub tells of it.

    `bought_at` is when a person last said that packs came in that the hub did not order.
    """

    item: Item
    stock: StockEstimate
    forecast: Forecast
    home: HomeState
    coming: float = 0.0
    bought_at: datetime | None = None

    @property
    def id(self) -> ItemId:
        """The item's name."""
        return ItemId(self.item.id)

    @property
    def now(self) -> datetime:
        """The moment of the review."""
        return self.home.now


class Options:
    """Decisions about one item, and the questions they lead to. A price older than `price_age_max` is none.

    `is_delivered_home`: the estimates know of deliveries, so what was delivered is no longer on its way.
    """

    def __init__(
        self,
        *,
        orders: OrderStore,
        new_id: Callable[[], str],
        stale_after: timedelta,
        price_age_max: timedelta,
        is_delivered_home: bool = False,
    ) -> None:
        self._orders = orders
        self._new_id = new_id
        self._stale_after = stale_after
        self._price_age_max = price_age_max
        self._is_delivered_home = is_delivered_home

    def weigh(self, need: Need) -> tuple[Weighed, tuple[Propose, ...]]:
        """What to do; where that is to buy, then what else could be bought for the same need.

        In the item's order, or the best offer first where the item is bought by that (`Item.choice`).
        """
        bound, *more = self._by_each_way(need, None)
        why = self._missing(need)
        if why is None and not isinstance(bound.decision, Propose):
            return bound, ()
        more = [one for one in more if isinstance(one.decision, Propose)]
        barred = {product: refused(product, preferences=need.home.preferences) for product in need.item.substitutes}
        others = [
            replace(found, decision=_worded(need.item, product, found.decision, why=why))
            for product, bar in barred.items()
            if bar is None
            for found in self._by_each_way(need, product)
            if isinstance(found.decision, Propose)
        ]
        options = others if why is not None and others else [bound, *more, *others]
        if need.item.choice == "best_offer":
            options = _one_way_each(self._ranked(need, options))
        first, *rest = options
        told = tuple(bar for bar in barred.values() if bar is not None)
        first = replace(first, decision=replace(first.decision, reasons=(*first.decision.reasons, *told)))
        return first, tuple(one.decision for one in rest if isinstance(one.decision, Propose))

    def on_sale(self, need: Need) -> list[Situation]:
        """What can be had at a price of now, whatever is needed: the bound product first, then what is accepted."""
        accepted = (one for one in need.item.substitutes if refused(one, preferences=need.home.preferences) is None)
        cases = [each for product in (None, *accepted) for each in self._cases(need, product)[:1]]
        return [each for each in cases if can_be_had(each)]

    def questions(self, need: Need, decisions: Sequence[Decision]) -> list[PromptRecord]:
        """What the proposals among the decisions would ask, none of them stored yet: all are about one need."""
        priced = [
            (decision, _by_the_way_of(decision, self._price(need, decision.product)))
            for decision in decisions
            if isinstance(decision, Propose)
        ]
        return [self._question(need, decision, price) for decision, price in priced if price is not None]

    def _ranked(self, need: Need, options: list[Weighed]) -> list[Weighed]:
        """Proposals for one need, the best offer first with why it is; as they stand where they cannot be compared."""
        bids = [bid for place, one in enumerate(options) if (bid := _bid(need, one, place=place)) is not None]
        choice = choose(
            bids,
            amount=bids[0].packs * bids[0].product.pack_amount if bids else 0.0,
            by_d=_needed_within_d(options[0]),
            currency=need.home.preferences.currency,
            pinned=pinned(self._orders_of(need, last=self._orders.last_intent(need.id))),
        )
        if choice is None:
            return options
        places = [bid.place for bid in (choice.chosen, *choice.others)]
        places += [place for place in range(len(options)) if place not in places]
        first, *rest = (options[place] for place in places)
        if choice.reason is not None:
            first = replace(first, decision=replace(first.decision, reasons=(*first.decision.reasons, choice.reason)))
        return [first, *rest]

    def _by_each_way(self, need: Need, product: Product | None) -> list[Weighed]:
        """The decisions on a product by each way that it can come; one at the least, which may be that it cannot."""
        return [weigh(case) for case in self._cases(need, product)]

    def _cases(self, need: Need, product: Product | None) -> list[Situation]:
        """All that the decisions on a substitute rest on, by each way that it can come; None: on the bound product."""
        price = self._price(need, product)
        if price is None:
            return [self._case(need, product, None)]
        is_compared = need.item.choice == "best_offer"
        each_way = ways(price, preferences=need.home.preferences, is_compared=is_compared)
        return [self._case(need, product, one) for one in each_way or (price,)]

    def _case(self, need: Need, product: Product | None, price: Price | None) -> Situation:
        """`price` is by the way that it would come."""
        home = need.home
        learned = home.lead_time((product or need.item.product).merchant)
        preferences = home.preferences
        return Situation(
            item=need.item,
            estimate=need.stock,
            forecast=need.forecast,
            position=self._position(need),
            price=price,
            preferences=preferences,
            now=home.now,
            lead_time=learned if price is None else lead_by(price.delivery, price, learned=learned),
            presence=replace(home.presence, away_pace=away_pace(need.item, need.stock, presence=home.presence)),
            quiet=self._quiet(need, price=price, is_substitute=product is not None),
            budget_left_minor=home.budget_left_minor,
            season=season.factor(need.item.category, hemisphere=preferences.hemisphere, now=home.now),
            stale_after=self._stale_after,
            substitute=product,
            answer_time=home.answer_time,
        )

    def _position(self, need: Need) -> Position:
        last = self._orders.last_intent(need.id)
        known = [] if last is None else [last]
        is_home = self._is_delivered_home
        in_transit = in_transit_amount(known, now=need.now, is_delivered_home=is_home)
        on_order = on_order_amount(known, now=need.now, is_delivered_home=is_home) - in_transit + need.coming
        return inventory_position(need.item, need.stock, on_order=on_order, in_transit=in_transit)

    def _missing(self, need: Need) -> Reason | None:
        """Why the bound product cannot be had, where something else may be bought instead."""
        if not need.item.substitutes:
            return None
        oldest, newest = need.now - self._price_age_max, self._newest_price(need, None)
        why = substitute.missing(need.item, newest, oldest=oldest, is_refused=self._is_refused(need))
        if why is not None or newest is None or ways(newest, preferences=need.home.preferences, is_compared=True):
            return why
        return substitute.comes_no_way(need.item)

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

    def _quiet(self, need: Need, *, price: Price | None, is_substitute: bool) -> Quiet | None:
        """Until when the item is not asked about: after an answer, a refusal, or while the price is the refused one.

        That the bound product was out of stock says nothing of a substitute.
        """
        last_order, last_prompt = self._orders.last_intent(need.id), self._orders.last_prompt(need.id)
        return quiet(
            need.item,
            prompts=_with_newest(need.home.prompts_of(need.id), last_prompt),
            orders=self._orders_of(need, last=last_order),
            estimate=need.stock,
            price=price,
            is_refusal_of_another=is_substitute and self._is_refused(need),
            away=need.home.preferences.away,
            now=need.now,
        )

    def _orders_of(self, need: Need, *, last: IntentRecord | None) -> list[IntentRecord]:
        return need.home.orders_of(need.id, last=last)

    def _question(self, need: Need, decision: Propose, price: Price) -> PromptRecord:
        offer = offer_for(need.item, price, decision, preferences=need.home.preferences, now=need.now)
        return PromptRecord(
            id=PromptId(self._new_id()),
            item=need.id,
            state=PromptState.OPEN,
            version=1,
            offer=offer,
            terms_hash=terms_hash(offer),
            days_of_cover=decision.days_of_cover,
            order_by=decision.order_by,
            reasons=(*decision.reasons, *self._smaller_pack(need, price, title=offer.title)),
            created_at=need.now,
            changed_at=need.now,
        )

    def _smaller_pack(self, need: Need, price: Price, *, title: str) -> tuple[Reason, ...]:
        """That the pack has become smaller, on the first question that is asked since."""
        step = shrunk(price, self._orders.prices(need.id, limit=_PRICES_LOOKED_AT, also=need.item.products))
        if step is None:
            return ()
        asked = _with_newest(need.home.prompts_of(need.id), self._orders.last_prompt(need.id))
        is_told = any(one.created_at >= step.at and reason.code == SHRUNK for one in asked for reason in one.reasons)
        return () if is_told else (smaller_pack(step, title=title),)


def _with_newest(prompts: list[PromptRecord], newest: PromptRecord | None) -> list[PromptRecord]:
    """The questions of an item, its newest one first: also where the home has had too many to list."""
    if newest is None:
        return prompts
    return [newest, *(one for one in prompts if one.id != newest.id)]


def _by_the_way_of(decision: Propose, price: Price | None) -> Price | None:
    """The price by the way that was decided on; None where it is no longer told."""
    if price is None or decision.delivery is None:
        return price
    return price.by(decision.delivery) if decision.delivery in price.deliveries else None


def _one_way_each(ranked: Sequence[Weighed]) -> list[Weighed]:
    """Each product once, by the way that came first."""
    firsts: dict[tuple[str, str], Weighed] = {}
    for one in ranked:
        firsts.setdefault((one.case.product.merchant, one.case.product.sku), one)
    return list(firsts.values())


def _bid(need: Need, weighed: Weighed, *, place: int) -> Bid | None:
    """A proposal as it is compared with others: with the delivery of the price list, which is what its terms hold.

    A delivery that is free from some sum, by the household's word, is compared as free.
    """
    decision, price, product = weighed.decision, weighed.case.price, weighed.case.product
    preferences = need.home.preferences
    if not isinstance(decision, Propose) or price is None or not price.charges:
        return None
    card = need.home.scorecard(product.merchant)
    return Bid(
        product=product,
        packs=decision.packs,
        unit_price_minor=price.pack_minor,
        currency=price.currency,
        way=Way(
            price.delivery_minor or 0,
            weighed.case.lead_time,
            option=None if price.delivery is None else price.delivery.id,
            free_from_minor=preferences.free_from_minor(product.merchant),
            title=None if price.delivery is None else price.delivery.title,
        ),
        place=place,
        minimum_minor=preferences.said_of(product.merchant).minimum_minor or 0,
        share_whole=card.kept.expected,
        charged=card.charged,
        co2e_g=co2e_g(price, preferences=preferences),
    )


def _needed_within_d(weighed: Weighed) -> float:
    """Days in which a merchant must bring it, once a person has answered: so long the stock lasts, surely enough."""
    case, need = weighed.case, weighed.need
    if need is None:
        return 0.0
    packs = max(0.0, need.usable_packs - case.item.min_packs)
    return max(0.0, case.days_until_used(packs, 1 - LEAD_SURELY) - case.answer_time.mean_d)


def _worded(item: Item, product: Product, decision: Decision, *, why: Reason | None) -> Decision:
    """The proposal of a substitute, with why it is one."""
    added = (*(() if why is None else (why,)), substitute.stands_in(item, product.title))
    return replace(decision, reasons=(*decision.reasons, *added))
