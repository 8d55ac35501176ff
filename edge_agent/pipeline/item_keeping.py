"""Items that people add on the pages, and which sensor tells of which, written into the household's own file.

Everything begins by asking, or in shadow: an item whose sensor changes no longer orders by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edge_agent.core.catalogue import MORE_BINDINGS_MAX, Binding, Item
from edge_agent.core.household_edit import ItemAdd, ItemEdit, item_json
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.profile import Profile
from edge_agent.core.said import say
from edge_agent.core.setup.first_steps import Proposal, proposals
from edge_agent.errors import RefusedError
from edge_agent.ports import HouseholdDocuments

log = logging.getLogger(__name__)

ITEMS_MAX = 500
_SENSORS = ("binding", "more_bindings", "cycle_days", "mode")


class ItemKeeper:
    """Fulfils the pages' `ItemKeeping`. `note` writes a line of the audit log."""

    def __init__(
        self,
        *,
        household: HouseholdDocuments,
        inventory: Callable[[], Inventory],
        profile_of: Callable[[str], Profile | None],
        note: Callable[[Mapping[str, str | int]], None],
    ) -> None:
        self._household = household
        self._inventory = inventory
        self._profile_of = profile_of
        self._note = note

    def proposal(self, device: str, signal: str) -> Proposal | None:
        """What is known of an item that this signal could feed; None: it feeds one already, or cannot."""
        heard = self._inventory()
        offered = tuple(each for each in heard.offers if (each.device, each.signal) == (device, signal))
        return next(iter(proposals(replace(heard, offers=offered), profile_of=self._profile_of)), None)

    def add(self, item: Item, *, by: str) -> None:
        """Keep one more; it never begins by ordering.

        Raises: RefusedError when the file cannot be changed so, or holds enough.
        """
        if item.mode == "auto":
            raise RefusedError(say("A new item asks first, or only watches."))
        if len(self._household.load().items) >= ITEMS_MAX:
            raise RefusedError(say("No more than {number} items can be kept: take one away first.", number=ITEMS_MAX))
        self._household.edit(ItemAdd(item))
        self._noted("item_added", item.id, by=by)

    def bind(self, seen: Item, binding: Binding, *, beside: bool, by: str) -> None:
        """Let a sensor tell of an item, instead of those that do or beside them.

        Raises: RefusedError when the item was edited meanwhile, or the file cannot be changed so.
        """
        told = [binding] if not beside or seen.binding is None else [*seen.bindings, binding]
        if len({(each.device, each.signal) for each in told}) < len(told):
            raise RefusedError(say("That sensor tells of this item already."))
        if len(told) > MORE_BINDINGS_MAX + 1:
            raise RefusedError(say("No more than {number} sensors can tell of one item.", number=MORE_BINDINGS_MAX + 1))
        self._edit(seen, _sensors(told), event="item_bound", by=by)

    def unbind(self, seen: Item, *, device: str, signal: str, cycle_days: float | None, by: str) -> None:
        """A sensor tells of an item no longer; without any other, a pack lasts `cycle_days`.

        Raises: RefusedError when the item was edited meanwhile, or nobody says how long a pack lasts.
        """
        told = [each for each in seen.bindings if (each.device, each.signal) != (device, signal)]
        if len(told) == len(seen.bindings):
            raise RefusedError(say("That sensor tells of this item no longer."))
        changes = _sensors(told)
        if not told:
            if cycle_days is None and seen.cycle_days is None:
                raise RefusedError(say("Without a sensor, say how many days a pack lasts."))
            changes["cycle_days"] = cycle_days or seen.cycle_days
        self._edit(seen, changes, event="item_unbound", by=by)

    def set_gtin(self, seen: Item, *, gtin14: str, by: str) -> None:
        """The number under the bar code of the product that is bought.

        Raises: RefusedError when the item was edited meanwhile, or the file cannot be changed so.
        """
        product = seen.product.model_copy(update={"gtin14": gtin14})
        document = product.model_dump(mode="json", exclude_defaults=True)
        self._household.edit(ItemEdit(seen.id, {"product": document}, {"product": item_json(seen)["product"]}))
        self._noted("item_code_set", seen.id, by=by)

    def _edit(self, seen: Item, changes: dict[str, Any], *, event: str, by: str) -> None:
        stood = item_json(seen)
        if seen.mode == "auto":
            changes["mode"] = "ask"
        self._household.edit(ItemEdit(seen.id, changes, {name: stood[name] for name in _SENSORS}))
        self._noted(event, seen.id, by=by)

    def _noted(self, event: str, item: str, *, by: str) -> None:
        self._note({"event": event, "item": item, "by": by})
        log.info("%s item=%s", event, item)


def _sensors(told: list[Binding]) -> dict[str, Any]:
    """The fields of an item that these sensors tell of."""
    documents = [each.model_dump(mode="json", exclude_defaults=True) for each in told]
    return {"binding": documents[0] if documents else None, "more_bindings": documents[1:]}
