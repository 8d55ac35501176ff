"""Recalls of the home: filed by its people, held against what is here and what was ordered, and dealt with.

Nothing is looked up anywhere: a notice comes from whoever files it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import ItemId, PromptId
from edge_agent.core.overview import ItemOverview
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.recall import Done, Known, Match, Notice, Recall, What, filed, match, newest_first, products_of
from edge_agent.core.said import say
from edge_agent.core.stock_events import Label, Labelled, Told
from edge_agent.errors import RefusedError
from edge_agent.ports import Clock

log = logging.getLogger(__name__)

KEPT_MAX = 200
_LABELS_MAX = 500  # of one item
_ORDERS_MAX = 1_000


class RecallStore(Protocol):
    """What was filed and done."""

    def put(self, recall: Recall) -> bool:
        """Keep a recall; False: it was filed before."""

    def all(self, *, limit: int) -> Sequence[Recall]:
        """What was filed, newest first."""

    def done(self) -> Mapping[tuple[str, ItemId], Done]:
        """What was done last, by recall and item."""

    def put_done(self, done: Done) -> None:
        """Keep what was done."""

    def told(self) -> frozenset[tuple[str, str]]:
        """Who was told of which: (recall, person)."""

    def put_told(self, recall: str, *, person: str, channel: str, at: datetime) -> None:
        """A channel took the message."""


class Home(Protocol):
    """What is here and what was ordered."""

    def items(self) -> Sequence[ItemOverview]:
        """Every item."""

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first."""

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""


class Stock(Protocol):
    """What people say of a stock."""

    def tell(self, item: ItemId, *, what: Told, packs: float, by: str, label: Label | None = None) -> None:
        """Keep it."""

    def labels(self, item: ItemId, *, limit: int) -> Sequence[Labelled]:
        """What was read on its packs last."""


class RecallDesk:
    """Fulfils the pages' `Recalls`. `by` is an account's name."""

    def __init__(self, *, store: RecallStore, home: Home, stock: Stock, clock: Clock) -> None:
        self._store = store
        self._home = home
        self._stock = stock
        self._clock = clock

    def all(self) -> Sequence[Recall]:
        """What was filed, newest first."""
        return self._store.all(limit=KEPT_MAX)

    def file(self, notice: Notice, *, by: str) -> Recall:
        """Keep a notice; one that was filed before stays as it was.

        Raises: RefusedError when its number or batch cannot be one, or too many are kept.
        """
        recall = filed(notice, by=by, at=self._clock.now())
        known = self._store.all(limit=KEPT_MAX)
        if len(known) >= KEPT_MAX and recall.id not in {each.id for each in known}:
            raise RefusedError(say("There are {number} recalls already: no more are kept.", number=KEPT_MAX))
        if self._store.put(recall):
            log.info("recall_filed recall=%s", recall.id)
        return recall

    def matches(self) -> Sequence[Match]:
        """Items that a recall may be about, the certain ones first."""
        recalls = self._store.all(limit=KEPT_MAX)
        if not recalls:
            return ()
        done, now, items = self._store.done(), self._clock.now(), self._home.items()
        orders = self._home.intents(limit=_ORDERS_MAX)
        labels = {ItemId(known.item.id): self._labels(known) for known in items}
        found = []
        for recall in recalls:
            for known in items:
                ident = ItemId(known.item.id)
                fits = any(told.label.gtin14 == recall.gtin14 for told in labels[ident])
                if not fits and not products_of(known.item, recall.gtin14):
                    continue
                found.append(
                    match(
                        recall,
                        Known(known.item, _left(known), labels[ident], self._ordered(recall, known, orders)),
                        done=done.get((recall.id, ident)),
                        now=now,
                    )
                )
        return newest_first(one for one in found if one is not None)

    def settle(self, recall: str, item: ItemId, *, what: What, packs: float, by: str) -> None:
        """What was done about it: packs thrown away or sent back leave the stock; or none of them are affected.

        Raises: RefusedError when there is no such recall that matters, or the packs cannot be meant.
        """
        if not any((one.recall.id, one.item.id) == (recall, item) for one in self.matches()):
            raise RefusedError(say("This recall is dealt with already."))
        if what != "not_affected" and packs > 0:
            self._stock.tell(item, what=what, packs=packs, by=by)
        self._store.put_done(Done(recall, item, what, by, self._clock.now()))
        log.info("recall_done recall=%s what=%s", recall, what)

    def _labels(self, known: ItemOverview) -> Sequence[Labelled]:
        return self._stock.labels(ItemId(known.item.id), limit=_LABELS_MAX)

    def _ordered(self, recall: Recall, known: ItemOverview, orders: Sequence[IntentRecord]) -> list[IntentRecord]:
        """Orders of the product that is called back."""
        wanted, found = products_of(known.item, recall.gtin14), []
        for order in orders:
            if order.item != known.item.id:
                continue
            asked = self._home.prompt(order.prompt)
            if asked is not None and (asked.offer.merchant, asked.offer.sku) in wanted:
                found.append(order)
        return found


def _left(known: ItemOverview) -> float | None:
    """Packs of the bound product that there may be; None: unknown."""
    amount = None if known.estimate is None else known.estimate.amount
    return None if amount is None else amount.high / known.item.product.pack_amount
