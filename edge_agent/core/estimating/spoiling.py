"""Which part of a stock keeps until when: the oldest is used first, and an open pack keeps for less long."""

from __future__ import annotations

from datetime import timedelta

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.state import StockState
from edge_agent.core.messages import Batch

_CRUMB_PACKS = 0.02


def batches(state: StockState, amount: float, *, item: Item) -> tuple[Batch, ...]:
    """The parts of `amount` that have a date, the earliest first; what was there before the first goods has none."""
    opened = _open_pack(state, amount, item=item)
    sealed = _sealed(state, amount - (opened.amount if opened is not None else 0.0), item=item)
    found = [*sealed, *(() if opened is None else (opened,))]
    return tuple(sorted(found, key=lambda batch: (batch.best_before, not batch.opened)))


def _open_pack(state: StockState, amount: float, *, item: Item) -> Batch | None:
    """The pack in use, where it is known when it was opened."""
    opened_at, pack = state.shelf.opened_at, item.product.pack_amount
    if item.opened_for_d is None or opened_at is None:
        return None
    rest = amount % pack or min(pack, amount)
    if rest <= _CRUMB_PACKS * pack:
        return None
    return Batch(rest, (opened_at + timedelta(days=item.opened_for_d)).date(), opened=True)


def _sealed(state: StockState, amount: float, *, item: Item) -> list[Batch]:
    """The newest goods are what is left, back to as much as there is."""
    found: list[Batch] = []
    for arrival in reversed(state.shelf.arrivals):
        if amount <= _CRUMB_PACKS * item.product.pack_amount:
            break
        part = min(amount, arrival.amount)
        until = arrival.keeps_until(item.best_before_d)
        if until is not None:
            found.append(Batch(part, until, opened=False))
        amount -= part
    return found
