"""The cupboard, and what people say: packs that came, packs that went into an appliance, counts.

The rules:

- What is delivered, bought or scanned stands in the cupboard until an appliance is seen to be filled from it. So a rise
  in an appliance takes from the cupboard first; only what the cupboard cannot explain came from outside, and is a hint.
- Where the sensor saw it first, the delivery that is told within `MATCHED_FOR` explains the rise, and counts once.
- A count is a fact about all there is. What the appliances do not hold then stands in the cupboard; where they say that
  there is more than was counted, their zero is put right and they are doubted.
- An item that no sensor tells the level of has its whole stock here, and what counters tell is taken from it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.state import Arrival, Shelf

MATCHED_FOR = timedelta(hours=60)
ARRIVALS_KEPT = 12

REFILL_PACKS = 0.4

_FROM_SHELF_PACKS = 0.15  # a smaller rise is drift
_CRUMB_PACKS = 0.03
_BEGUN_PACKS = 0.35
_MATCH_SHARE = 0.6
_ROUNDED_PACKS = 0.05
_POURED_SPREAD_PACKS = 0.03  # of what is left of a pack that was poured in part
_REST_PACKS = 0.3  # of what stood there when nobody knew, and more had to be bought
_REST_SPREAD_PACKS = 0.4
_COUNT_SPREAD_PACKS = 0.04  # people count packs, not grams


def receive(shelf: Shelf, amount: float, *, at: datetime, item: Item, is_pool: bool) -> Shelf:
    """Goods came, and somebody says so."""
    pack = item.product.pack_amount
    open_hints = tuple(hint for hint in shelf.unmatched if at - hint.at <= MATCHED_FOR)
    seen = sum(hint.amount for hint in open_hints)
    matched = min(amount, seen) if seen >= _MATCH_SHARE * min(amount, pack) else 0.0
    if matched and amount - matched < _FROM_SHELF_PACKS * pack:
        matched = amount  # a glass was drunk before it was weighed
    new = amount - matched
    shelf = replace(shelf, unmatched=_less(open_hints, matched), came=shelf.came + new)
    if new > 0:
        shelf = _arrived(shelf, Arrival(new, at, is_hint=False))
    if shelf.amount is None:  # nobody knew what was left; it was little, or nothing more would have been bought
        rest, spread = (_REST_PACKS * pack, _REST_SPREAD_PACKS * pack) if is_pool else (0.0, 0.0)
        return replace(shelf, amount=new + rest, variance=spread**2, at=at)
    return replace(shelf, amount=shelf.amount + new, at=at)


def fill_appliance(
    shelf: Shelf,
    rise: float,
    *,
    unseen: float,
    spread: float,
    at: datetime,
    item: Item,
    is_part: bool,
    is_full: bool,
) -> tuple[Shelf, float]:
    """An appliance holds so much more: the shelf after it, and how much of it came from outside.

    `unseen` was used of it while nobody looked, with a `spread` of one standard deviation. `is_part`: a whole part was
    changed, so that a whole pack went. Not `is_full`: what was begun was poured in whole.
    """
    pack, standing = item.product.pack_amount, shelf.amount or 0.0
    went = rise + unseen
    slack = max(_ROUNDED_PACKS * pack, 2 * spread)
    whole = ceil(went / pack - _ROUNDED_PACKS) * pack
    wanted = whole if 0 <= whole - went <= slack else went
    if is_part and rise >= REFILL_PACKS * pack:
        wanted = max(wanted, pack)
    if standing <= 0 or rise < _FROM_SHELF_PACKS * pack:
        return shelf, rise
    taken = min(standing, max(wanted, rise))
    rest = standing - taken
    begun = rest % pack
    if begun < (_CRUMB_PACKS if is_full else _BEGUN_PACKS) * pack:
        rest -= begun
    outside = rise - taken
    variance = shelf.variance + spread**2 + (_POURED_SPREAD_PACKS * pack) ** 2 if rest % pack else 0.0
    return replace(shelf, amount=rest, variance=variance, at=at), 0.0 if outside < _FROM_SHELF_PACKS * pack else outside


def came_unexplained(shelf: Shelf, amount: float, *, at: datetime) -> Shelf:
    """A sensor alone says that goods came."""
    hint = Arrival(amount, at, is_hint=True)
    shelf = replace(shelf, unmatched=(*shelf.unmatched, hint)[-ARRIVALS_KEPT:], came=shelf.came + amount)
    return _arrived(shelf, hint)


def draw(shelf: Shelf, used: float, *, at: datetime, variance: float = 0.0) -> Shelf:
    """So much was used of an item whose stock stands here."""
    if shelf.amount is None:
        return shelf
    return replace(shelf, amount=max(0.0, shelf.amount - used), variance=shelf.variance + variance, at=at)


def count(shelf: Shelf, amount: float, *, total: float, at: datetime, item: Item) -> Shelf:
    """All was counted: `total`, of which `amount` stands here."""
    pack = item.product.pack_amount
    rest = 0.0 if amount < _CRUMB_PACKS * pack else amount
    return replace(
        shelf, amount=rest, variance=(_COUNT_SPREAD_PACKS * pack) ** 2 if rest else 0.0, at=at, counted_at=at,
        counted=total, came=0.0, unmatched=(), dispute="",
    )  # fmt: skip


def whole_packs(amount: float, *, item: Item, least: int) -> float:
    """What is there when the open pack has just been finished, or a new one opened: the nearest number of packs."""
    pack = item.product.pack_amount
    return max(least, round(amount / pack)) * pack


def _arrived(shelf: Shelf, arrival: Arrival) -> Shelf:
    return replace(shelf, arrivals=(*shelf.arrivals, arrival)[-ARRIVALS_KEPT:])


def _less(hints: tuple[Arrival, ...], amount: float) -> tuple[Arrival, ...]:
    """What stays open of the hints when so much of them, the newest first, is explained."""
    left = []
    for hint in reversed(hints):
        explained = min(amount, hint.amount)
        amount -= explained
        if hint.amount - explained > 0:
            left.append(hint._replace(amount=hint.amount - explained))
    return tuple(reversed(left))
