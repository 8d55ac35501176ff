"""Items of a home in memory that owners add and bind: it fulfils `ItemKeeping` and writes down what was set off."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.core.catalogue import Binding, Item
from edge_agent.core.overview import ItemOverview
from edge_agent.core.setup.first_steps import Proposal, proposals
from edge_agent.errors import HubError
from tests.edge_agent.web.fakes import HomeInMemory


class KeepingInMemory:
    """Fulfils `ItemKeeping`; `refusal` is what a change raises if set."""

    def __init__(self, home: HomeInMemory) -> None:
        self._home = home
        self.refusal: HubError | None = None
        self.calls: list[tuple[object, ...]] = []

    def proposal(self, device: str, signal: str) -> Proposal | None:
        """As the home's inventory has it."""
        found = proposals(self._home.inventory, profile_of=lambda _: None)
        return next((each for each in found if (each.device, each.signal) == (device, signal)), None)

    def add(self, item: Item, *, by: str) -> None:
        """Take it over."""
        self._refuse()
        self.calls.append(("add_item", item, by))
        self._home.known[item.id] = ItemOverview(item=item)

    def bind(self, seen: Item, binding: Binding, *, beside: bool, by: str) -> None:
        """Take it over."""
        self._refuse()
        self.calls.append(("bind", seen.id, binding, beside, by))
        self._put(seen.model_copy(update={"binding": binding, "more_bindings": ()}))

    def unbind(self, seen: Item, *, device: str, signal: str, cycle_days: float | None, by: str) -> None:
        """Take it over."""
        self._refuse()
        self.calls.append(("unbind", seen.id, device, signal, cycle_days, by))
        self._put(seen.model_copy(update={"binding": None, "cycle_days": cycle_days}))

    def set_gtin(self, seen: Item, *, gtin14: str, by: str) -> None:
        """Take it over."""
        self._refuse()
        self.calls.append(("set_gtin", seen.id, gtin14, by))
        self._put(seen.model_copy(update={"product": seen.product.model_copy(update={"gtin14": gtin14})}))

    def _put(self, item: Item) -> None:
        self._home.known[item.id] = replace(self._home.known[item.id], item=item)

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal
