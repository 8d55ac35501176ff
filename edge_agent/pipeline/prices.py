"""The daily price list, fetched on a schedule of its own.

A question asked at the moment of need would tell the cloud what the sensors just said. Nor do all hubs ask in the same
moment (`core.pacing`): a list that is old waits for this hub's turn. What has no price yet, or a wrong one, does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from edge_agent.core import pacing
from edge_agent.core.catalogue import Household, Item, Product
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import ItemId, Price
from edge_agent.errors import BridgeUnreachableError, RefusedError
from edge_agent.ports import Bridge, Clock, HouseholdStore, OrderStore, PricesElsewhere

log = logging.getLogger(__name__)

_ITEMS_IN_ONE_QUESTION = 10
_AGAIN_AFTER = 1 / 24  # of the schedule: when a product that a list has left out is asked for again

# After such a refusal the list is known to be wrong; the bridge knows the need already, so asking tells it nothing new.
_LIST_WAS_WRONG = frozenset({"terms_changed", "out_of_stock"})


def at_once() -> float:
    """For a home that shares its bridge with nobody: the list is asked for when it is a schedule old, to the moment."""
    return 0.0


class PriceKeeper:
    """Keeps the price history of all bound products and their substitutes. `chance` gives [0, 1)."""

    def __init__(
        self,
        *,
        bridge: Bridge,
        orders: OrderStore,
        household: HouseholdStore,
        clock: Clock,
        every_s: float,
        elsewhere: PricesElsewhere | None = None,
        chance: Callable[[], float] = at_once,
    ) -> None:
        self._bridge = bridge
        self._orders = orders
        self._household = household
        self._clock = clock
        self._elsewhere = elsewhere
        self._every = timedelta(seconds=every_s)
        self._left_out: dict[tuple[str, str], datetime] = {}
        self._chance = chance
        self._asks_at: datetime | None = None
        self._life = self._every
        self._draw()

    def due(self) -> bool:
        """Whether any product has no price, or one that an order has shown to be wrong; or an old one, in its turn."""
        now, items = self._clock.now(), _as_bound(self._household.load().items)
        wanted = [item for item in items if self._due(item, now=now)]
        if any(self._is_urgent(item) for item in wanted):
            return True
        if wanted and self._asks_at is None:
            self._asks_at = now + timedelta(
                seconds=pacing.wait_aside_s(self._every.total_seconds(), chance=self._chance())
            )
        return bool(wanted) and self._asks_at is not None and now >= self._asks_at

    async def run_once(self) -> int:
        """Fetch the whole list of each merchant where one is due, group by group; returns how many prices were kept.

        A merchant that is away is asked again by itself: the others' prices would push its last ones out of sight.

        Raises: BridgeUnreachableError after the last group, when one of them could not be had; the others are kept.
        """
        household = self._household.load()
        items = _as_bound(household.items)
        merchants = self._due_at(items)
        self._draw()
        listed: list[Price] = []
        missed = None
        groups = list(_groups([item for item in items if item.product.merchant in merchants]))
        for group in groups:
            try:
                told = await self._bridge.fetch_prices(group, delivery_ref=household.preferences.delivery_ref)
            except BridgeUnreachableError as exc:
                missed = exc
            except RefusedError as exc:
                missed = BridgeUnreachableError(str(exc))
            else:
                listed += told
                self._note(group, told)
        # All at once: half a list would let a substitute look as if it were all there is.
        self._orders.save_prices(listed)
        log.info("prices count=%d", len(listed))
        if self._elsewhere is not None:
            missed = await self._fetch_elsewhere(household, groups, kept=self._elsewhere) or missed
        if missed is not None:
            raise missed
        return len(listed)

    async def _fetch_elsewhere(
        self, household: Household, groups: Sequence[Sequence[Item]], *, kept: PricesElsewhere
    ) -> BridgeUnreachableError | None:
        """The same list for every other place of the household, so that nobody is asked while somebody drives there.

        A merchant that does not deliver there has no price there. What could not be had keeps what was told before.
        """
        missed = None
        places = {place.delivery_ref for place in household.places} - {household.preferences.delivery_ref}
        for place in sorted(places):
            told: list[Price] = []
            answered: dict[str, bool] = {}
            for group in groups:
                merchant = group[0].product.merchant
                answered.setdefault(merchant, True)
                try:
                    told += await self._bridge.fetch_prices(group, delivery_ref=place)
                except BridgeUnreachableError as exc:
                    missed, answered[merchant] = exc, False
                except RefusedError:
                    log.info("not_delivered merchant=%s", merchant)
            merchants = [merchant for merchant, whole in answered.items() if whole]
            kept.replace(
                [price for price in told if price.merchant in merchants], merchants=merchants, delivery_ref=place
            )
        return missed

    def _note(self, group: Sequence[Item], told: Sequence[Price]) -> None:
        """Which products a list has left out: their prices could not be read, which may well be so on the next look."""
        now, priced = self._clock.now(), {(price.merchant, price.sku) for price in told}
        for name in {_name(item.product) for item in group}:
            if name in priced:
                self._left_out.pop(name, None)
            else:
                self._left_out[name] = now

    def _draw(self) -> None:
        """When the next list is old, and that its turn is not known yet."""
        self._life = timedelta(seconds=pacing.price_life_s(self._every.total_seconds(), chance=self._chance()))
        self._asks_at = None

    def _due_at(self, items: Sequence[Item]) -> set[str]:
        now = self._clock.now()
        return {item.product.merchant for item in items if self._due(item, now=now)}

    def _due(self, item: Item, *, now: datetime) -> bool:
        left_out_at = self._left_out.get(_name(item.product))
        if left_out_at is not None and now - left_out_at < self._every * _AGAIN_AFTER:
            return False
        newest = self._newest(item)
        return newest is None or now - newest.fetched_at >= self._life or self._is_wrong(item, newest)

    def _is_urgent(self, item: Item) -> bool:
        newest = self._newest(item)
        return newest is None or self._is_wrong(item, newest)

    def _is_wrong(self, item: Item, newest: Price) -> bool:
        last = self._orders.last_intent(ItemId(item.id))
        return (
            last is not None
            and last.state is IntentState.REJECTED
            and last.detail in _LIST_WAS_WRONG
            and newest.fetched_at < last.changed_at
        )

    def _newest(self, item: Item) -> Price | None:
        return self._orders.newest_price(ItemId(item.id), merchant=item.product.merchant, sku=item.product.sku)


def _as_bound(items: Sequence[Item]) -> list[Item]:
    """Each item once for each of its products, as if that one were bound: the list is asked for as a whole.

    A product that nobody can order has no price, and is not told to anybody.
    """
    return [item.bound_to(product) for item in items for product in item.products if product.can_be_ordered]


def _name(product: Product) -> tuple[str, str]:
    return product.merchant, product.sku


def _groups(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Items of one merchant each, few enough for one request."""
    for merchant in sorted({item.product.merchant for item in items}):
        bound = [item for item in items if item.product.merchant == merchant]
        for start in range(0, len(bound), _ITEMS_IN_ONE_QUESTION):
            yield bound[start : start + _ITEMS_IN_ONE_QUESTION]
