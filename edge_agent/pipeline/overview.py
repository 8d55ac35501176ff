"""What the pages show, gathered from the stores and the last review. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import DeviceId, IntentId, ItemId, Price, PromptId, Quarantined, QuarantineReason
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.prices.alike import alike
from edge_agent.core.prompt import Endorsement, PromptRecord
from edge_agent.errors import ConfigurationError
from edge_agent.pipeline.review import Review
from edge_agent.ports import Bridge, HouseholdStore, Inspection, OrderStore

_PRICES_SHOWN = 200  # of each product, where one item is looked at: twelve weeks of days, asked for two items
_WISHES_MAX = _LIVE_MAX = 10_000  # one live order an item, so never as many


class HomeOverview:
    """Fulfils `web.parts.Overview`."""

    def __init__(
        self,
        *,
        household: HouseholdStore,
        inspection: Inspection,
        orders: OrderStore,
        review: Review,
        bridge: Bridge,
        file_fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._household = household
        self._inspection = inspection
        self._orders = orders
        self._review = review
        self._bridge = bridge
        self._file_fault = file_fault

    def items(self) -> Sequence[ItemOverview]:
        """Every item of the household, in its own order."""
        return [self._overview(item, prices=self._newest_prices(item)) for item in self._household.load().items]

    def declared(self) -> Sequence[Item]:
        """Every item as the household wrote it."""
        return self._household.load().items

    def item(self, item: ItemId) -> ItemOverview | None:
        """One item."""
        household = self._household.load()
        found = household.item(item)
        if found is None:
            return None
        also = alike(found, household.items)
        return self._overview(found, prices=self._orders.prices(item, limit=_PRICES_SHOWN, also=also))

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt, whatever its state."""
        return self._orders.prompt(prompt)

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The order that came of a prompt."""
        return self._orders.intent_of(prompt)

    def endorsements(self, prompt: PromptId) -> Sequence[Endorsement]:
        """Who has agreed to a prompt that waits for another person, on the terms that stand now."""
        return self._orders.endorsements(prompt)

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One order, whatever its state."""
        return self._orders.intent(intent)

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first, finished ones too."""
        return self._orders.intents(live=False, limit=limit)

    def live_intents(self) -> Sequence[IntentRecord]:
        """Every order that is not over, however old."""
        return self._orders.intents(live=True, limit=_LIVE_MAX)

    def wanted_back(self) -> frozenset[IntentId]:
        """Orders that a person wants to cancel, for which the bridge has not answered yet."""
        return frozenset(self._orders.cancel_wishes(limit=_WISHES_MAX))

    def devices(self) -> Sequence[DeviceOverview]:
        """Every device that was ever heard of, by name."""
        return self._inspection.devices()

    def quarantine(self, *, device: DeviceId | None, limit: int) -> Sequence[Quarantined]:
        """Messages kept apart, newest first; those of one device where one is named."""
        return self._inspection.quarantine(device=device, limit=limit)

    def quarantine_counts(self) -> Mapping[QuarantineReason, int]:
        """How many messages were ever kept apart, for each reason that occurred."""
        return self._inspection.quarantine_counts()

    def bridge(self) -> BridgeStatus:
        """Whether orders get out to the merchant."""
        return self._bridge.status()

    def file_problem(self) -> str | None:
        """What is wrong with the household's own file, if anything."""
        try:
            return self._file_fault()
        except ConfigurationError as exc:
            return str(exc)

    def _newest_prices(self, item: Item) -> list[Price]:
        ident = ItemId(item.id)
        asked = (self._orders.newest_price(ident, merchant=one.merchant, sku=one.sku) for one in item.products)
        return [price for price in asked if price is not None]

    def _overview(self, item: Item, *, prices: Sequence[Price]) -> ItemOverview:
        ident = ItemId(item.id)
        seen = self._review.latest.get(ident)
        return ItemOverview(
            item=item,
            estimate=seen.estimate if seen else None,
            forecast=seen.forecast if seen else None,
            decision=seen.decision if seen else None,
            prompt=self._orders.live_prompt(ident),
            intent=self._orders.live_intent(ident),
            prices=tuple(prices),
        )
