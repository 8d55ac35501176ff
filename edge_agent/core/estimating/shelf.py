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

from datetime import date, datetime, timedelta
from math import ceil, exp

from edge_agent.core.catalogue import Item
from edge_agent.core.estimating.state import Arrival, Shelf, changed

MATCHED_FOR = timedelta(hours=60)
ARRIVALS_KEPT = 12

REFILL_PACKS = 0.4

_FROM_SHELF_PACKS = 0.15  # a smaller rise is drift
_CRUMB_PACKS = 0.03
_BEGUN_PACKS = 0.35
_MATCH_SHARE = 0.6
_ROUNDED_PACKS = 0.05
_REST_SHARE = 0.4  # a small rise of at least so much of what is left of a begun pack is that pack
_HIDDEN_DOSES_MAX, _BEGUN_PACKS_MAX = 2.0, 0.6
_STRAIGHT_FOR, _STRAIGHT_SMOOTHING, _STRAIGHT_SHARE = timedelta(hours=24), 0.3, 0.6
_LIKELY = 0.1  # beyond an 80 % interval
_UNTOLD_PRIOR_D = 30.0  # one find in a day is no rate
_HIDDEN_DOSES = 0.7  # standard deviation; found on simulated homes
_POURED_SPREAD_PACKS = 0.03  # of what is left of a pack that was poured in part
_REST_PACKS = 0.3  # of what stood there when nobody knew, and more had to be bought
_REST_SPREAD_PACKS = 0.4
_COUNT_SPREAD_PACKS = 0.04  # people count packs, not grams


def receive(shelf: Shelf, amount: float, *, at: datetime, item: Item, is_pool: bool) -> Shelf:
    """Goods came, and somebody says so."""
    pack = item.product.pack_amount
    shelf = changed(shelf, begun_at=shelf.begun_at or at, searched_at=shelf.searched_at or at)
    open_hints = tuple(hint for hint in shelf.unmatched if at - hint.at <= MATCHED_FOR)
    seen = sum(hint.amount for hint in open_hints)
    matched = min(amount, seen) if seen >= _MATCH_SHARE * min(amount, pack) else 0.0
    if matched and amount - matched < _FROM_SHELF_PACKS * pack:
        matched = amount  # a glass was drunk before it was weighed
    new = amount - matched
    if matched:
        shelf = changed(shelf, untold=max(0, shelf.untold - len(open_hints)))
    if matched and new > 0:  # a part of it that was seen already, or other goods that nobody told of
        shelf = changed(shelf, maybe=max(shelf.maybe, matched))
    shelf = changed(shelf, unmatched=_less(open_hints, matched), came=shelf.came + new)
    if new > 0:
        shelf = _arrived(shelf, Arrival(new, at, is_hint=False))
    if shelf.amount is None:  # nobody knew what was left; it was little, or nothing more would have been bought
        rest, spread = (_REST_PACKS * pack, _REST_SPREAD_PACKS * pack) if is_pool else (0.0, 0.0)
        return changed(shelf, amount=new + rest, variance=spread**2, at=at)
    return changed(shelf, amount=shelf.amount + new, at=at)


def fill_appliance(
    shelf: Shelf,
    rise: float,
    *,
    unseen: float,
    spread: float,
    dose: float,
    at: datetime,
    item: Item,
    is_part: bool,
    is_full: bool,
    is_brim: bool,
) -> tuple[Shelf, float]:
    """An appliance holds so much more: the shelf after it, and how much of it came from outside.

    `unseen` was used of it while nobody looked, with a `spread` of one standard deviation. `is_part`: a whole part was
    changed, so that a whole pack went. Not `is_full`: what was begun was poured in whole; `is_brim`:
    it was never seen as full as this. `dose` is what is mostly used
    at once: who fills it up has often just used it, and no reading stands between.
    """
    pack, standing = item.product.pack_amount, shelf.amount or 0.0
    went = rise + unseen
    slack = max(_ROUNDED_PACKS * pack, 2 * spread)
    whole = ceil(went / pack - _ROUNDED_PACKS) * pack
    wanted = whole if 0 <= whole - went <= slack else went
    if is_part and rise >= REFILL_PACKS * pack:
        wanted = max(wanted, pack)
    if standing <= 0:
        return shelf, rise
    if rise < _FROM_SHELF_PACKS * pack:
        is_the_rest = standing < _BEGUN_PACKS * pack and rise >= _REST_SHARE * standing
        return (changed(shelf, amount=0.0, variance=0.0, at=at), 0.0) if is_the_rest else (shelf, rise)
    taken = min(standing, max(wanted, rise))
    rest = standing - taken
    begun = rest % pack
    hidden = min(_HIDDEN_DOSES_MAX * dose, _BEGUN_PACKS_MAX * pack)
    least = _CRUMB_PACKS * pack if rest >= pack else max(hidden, (_CRUMB_PACKS if is_full else _BEGUN_PACKS) * pack)
    maybe = shelf.maybe
    if begun < least:
        rest -= begun
        maybe = max(maybe, begun) if is_full or is_brim else maybe
    shelf = _went(shelf, is_straight=rest < pack, at=at)
    outside = rise - taken
    poured = (_POURED_SPREAD_PACKS * pack) ** 2 + (_HIDDEN_DOSES * dose) ** 2
    variance = shelf.variance + spread**2 + poured if rest % pack else 0.0
    return changed(
        shelf, amount=rest, variance=variance, at=at, maybe=maybe
    ), 0.0 if outside < _FROM_SHELF_PACKS * pack else outside


def found(shelf: Shelf, amount: float, *, at: datetime) -> tuple[float, Shelf]:
    """What of an amount from outside the books nothing explains, and the shelf, whose doubtful part it may be."""
    if shelf.maybe <= 0.0 or amount <= 0.0:
        return amount, shelf
    explained = min(amount, shelf.maybe)
    return amount - explained, changed(shelf, maybe=shelf.maybe - explained, came=shelf.came + explained, at=at)


def besides(shelf: Shelf, now: datetime, *, item: Item) -> float:
    """What may stand in the cupboard beyond the books: what is doubtful, or a pack that nobody told of."""
    pack = item.product.pack_amount
    return max(shelf.maybe, pack if untold_chance(shelf, now) > _LIKELY else 0.0)


def past_date(shelf: Shelf, inside: float, *, at: datetime, item: Item) -> Shelf:
    """The shelf without what is past its date: most people throw it away, and hardly any say so.

    The oldest is used first, so that what is left is of the newest goods; what the appliances hold, `inside`, is seen.
    """
    standing = shelf.amount or 0.0
    if standing <= 0.0:
        return shelf
    old, fresh = 0.0, 0.0
    for arrival in shelf.arrivals:
        until = arrival.keeps_until(item.best_before_d)
        is_old = until is not None and until < at.date()
        old, fresh = (old + arrival.amount, fresh) if is_old else (old, fresh + arrival.amount)
    gone = min(old, standing, inside + standing - fresh)
    if gone <= _CRUMB_PACKS * item.product.pack_amount:
        return shelf
    return changed(shelf, amount=standing - gone, maybe=shelf.maybe + gone)


def label(shelf: Shelf, amount: float, *, dated: date, at: datetime, item: Item) -> Shelf:
    """Somebody read the date on so much: it is taken for that of the newest goods whose date nobody has read.

    What is read beyond them stood there before the first goods that are known; they are no more for it.
    """
    left, found = amount, list[Arrival]()
    for arrival in reversed(shelf.arrivals):
        part = 0.0 if arrival.dated is not None else min(left, arrival.amount)
        if part > 0.0:
            found.append(arrival._replace(amount=part, dated=dated))
            left -= part
        if arrival.amount - part > 0.0:
            found.append(arrival._replace(amount=arrival.amount - part))
    if left > _CRUMB_PACKS * item.product.pack_amount:
        oldest = min((arrival.at for arrival in shelf.arrivals), default=at)
        found.append(Arrival(left, oldest, is_hint=True, dated=dated))
    return changed(shelf, arrivals=tuple(reversed(found))[-ARRIVALS_KEPT:])


def untold_chance(shelf: Shelf, now: datetime) -> float:
    """The chance that a pack stands in the cupboard that nobody told of, by how often one was found."""
    if not shelf.untold or shelf.begun_at is None or shelf.searched_at is None or shelf.straight > _STRAIGHT_SHARE:
        return 0.0
    rate_per_d = shelf.untold / (_days(shelf.begun_at, now) + _UNTOLD_PRIOR_D)
    return 1.0 - exp(-rate_per_d * _days(shelf.searched_at, now))


def _days(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds() / 86_400.0)


def _went(shelf: Shelf, *, is_straight: bool, at: datetime) -> Shelf:
    """Whether goods mostly go into the appliance as they come, after one more time."""
    told = [arrival for arrival in shelf.arrivals if not arrival.is_hint]
    if not told:
        return shelf
    is_straight = is_straight and at - told[-1].at <= _STRAIGHT_FOR
    return changed(shelf, straight=shelf.straight + _STRAIGHT_SMOOTHING * (float(is_straight) - shelf.straight))


def came_unexplained(shelf: Shelf, amount: float, *, at: datetime, was_out: bool) -> Shelf:
    """A sensor alone says that goods came; where it `was_out`, they were bought for that, and none stood here."""
    hint = Arrival(amount, at, is_hint=True)
    shelf = changed(shelf, begun_at=shelf.begun_at or at, searched_at=at, untold=shelf.untold + (0 if was_out else 1))
    shelf = changed(shelf, unmatched=(*shelf.unmatched, hint)[-ARRIVALS_KEPT:], came=shelf.came + amount)
    return _arrived(shelf, hint)


def draw(shelf: Shelf, used: float, *, at: datetime, variance: float = 0.0) -> Shelf:
    """So much was used of an item whose stock stands here."""
    if shelf.amount is None:
        return shelf
    beyond = max(0.0, used - shelf.amount)
    return changed(
        shelf, amount=max(0.0, shelf.amount - used), variance=shelf.variance + variance, at=at,
        overdrawn=shelf.overdrawn + beyond,
    )  # fmt: skip


def count(shelf: Shelf, amount: float, *, total: float, at: datetime, item: Item) -> Shelf:
    """All was counted: `total`, of which `amount` stands here."""
    pack = item.product.pack_amount
    rest = 0.0 if amount < _CRUMB_PACKS * pack else amount
    return changed(
        shelf, amount=rest, variance=(_COUNT_SPREAD_PACKS * pack) ** 2 if rest else 0.0, at=at, counted_at=at,
        counted=total, came=0.0, unmatched=(), dispute="", overdrawn=0.0, maybe=0.0, searched_at=at,
        begun_at=shelf.begun_at or at,
    )  # fmt: skip


def whole_packs(amount: float, *, item: Item, least: int) -> float:
    """What is there when the open pack has just been finished, or a new one opened: the nearest number of packs."""
    pack = item.product.pack_amount
    return max(least, round(amount / pack)) * pack


def _arrived(shelf: Shelf, arrival: Arrival) -> Shelf:
    return changed(shelf, arrivals=(*shelf.arrivals, arrival)[-ARRIVALS_KEPT:])


def _less(hints: tuple[Arrival, ...], amount: float) -> tuple[Arrival, ...]:
    """What stays open of the hints when so much of them, the newest first, is explained."""
    left = []
    for hint in reversed(hints):
        explained = min(amount, hint.amount)
        amount -= explained
        if hint.amount - explained > 0:
            left.append(hint._replace(amount=hint.amount - explained))
    return tuple(reversed(left))
