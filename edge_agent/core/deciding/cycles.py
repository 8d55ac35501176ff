"""Items without a sensor: what is left, reckoned from the cycle that a person states and from what people tell.

A stated cycle (`Item.cycle_days`, days that a pack lasts) weighs as much as three packs that were used up under it.
From then on facts tune it, each as much as it says:

- A correction says exactly what was used since the last fact; so do a pack that was opened or finished, to the pack.
- A purchase that people make by themselves says that they saw need: it counts as a third of a fact that little was
  left. A delivery that the hub itself asked for says nothing of use: it came because of what was reckoned.
- A question that is declined since there is a spare says that more is left than was reckoned.
- What was thrown away was not used.

Nothing is known before the first fact: an item that nobody ever counted is unknown, and not empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil, exp, sqrt

from edge_agent.core.catalogue import Item
from edge_agent.core.messages import Range, Reason, StockEstimate
from edge_agent.core.said import say
from edge_agent.core.stock_events import (
    BoughtElsewhere,
    Corrected,
    Delivered,
    Opened,
    Scanned,
    SentBack,
    StockEvent,
    ThrownAway,
    gone_amount,
)

_PRIOR_PACKS = 3.0
_PURCHASE_WEIGHT = 1 / 3
_LEFT_WHEN_BOUGHT_PACKS = 0.5
_SPARE_PACKS, _SPARE_MORE_PACKS = 1.5, 0.5
_SPARE_WEIGHT = 0.5
_DAYS_MIN = 0.5  # facts closer together tell nothing of use
_FORGETS_AFTER_PACKS = 12.0  # older use counts less once so many packs tell of it
_Z80 = 1.2816
_DAY_S = 86_400.0
_TRUST = 0.9
_SURE_FOR_CYCLES = 2.0
_TRUST_HALF_LIFE_CYCLES = 3.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """What is known of one item: `packs` at `at`, None before the first fact; use as packs over days.

    `told_at` is when somebody last said how much there is, or opened or finished a pack.
    """

    used_packs: float
    over_days: float
    packs: float | None = None
    at: datetime | None = None
    told_at: datetime | None = None

    @property
    def rate_packs_per_day(self) -> float:
        """Packs used a day."""
        return self.used_packs / self.over_days

    def left(self, now: datetime) -> float:
        """Packs that should be left at `now`; 0 where nothing is known."""
        if self.packs is None or self.at is None:
            return 0.0
        return max(0.0, self.packs - self.rate_packs_per_day * _days(self.at, now))


def cycle_estimate(
    item: Item,
    events: Iterable[StockEvent],
    *,
    folded: StockEstimate,
    spare_at: Iterable[datetime] = (),
    now: datetime,
) -> StockEstimate:
    """The stock of an item without a sensor at `now`; `folded` is the estimate without a cycle.

    `events` are in the order of time; `spare_at` are the times at which a question was declined since there is a spare.

    The amount is that of the bound product. Dates on which it spoils are those of `folded`.
    """
    cycle = tuned(item, events, spare_at=spare_at, now=now)
    rate = cycle.rate_packs_per_day
    if cycle.packs is None or cycle.at is None:
        return replace(folded, amount=None, use_per_day=_use(item, cycle), trust=0.0, daily_use=())
    left, days = cycle.left(now), _days(cycle.at, now)
    spread = _Z80 * rate * days / sqrt(cycle.used_packs)
    pack = item.product.pack_amount
    trust, doubts = _trust(item, cycle, now=now)
    return replace(
        folded,
        as_of=now,
        amount=Range(left * pack, max(0.0, left - spread) * pack, min(cycle.packs, left + spread) * pack),
        use_per_day=_use(item, cycle),
        trust=trust,
        daily_use=(),
        doubts=doubts,
        cupboard_packs=min(folded.cupboard_packs, left),
    )


def tuned(item: Item, events: Iterable[StockEvent], *, spare_at: Iterable[datetime] = (), now: datetime) -> Cycle:
    """The cycle after everything that was told until `now`."""
    cycle_days = item.cycle_days or item.product.pack_amount / item.prior_use_per_day
    cycle = Cycle(used_packs=_PRIOR_PACKS, over_days=_PRIOR_PACKS * cycle_days)
    told = sorted([*((event.at, event) for event in events), *((at, None) for at in spare_at)], key=lambda one: one[0])
    for at, event in told:
        if at <= now and event is None:
            cycle = _spare(cycle, at=at)
        elif at <= now and event is not None:
            cycle = _after(cycle, event, pack_amount=item.product.pack_amount)
    return cycle


def _after(cycle: Cycle, event: StockEvent, *, pack_amount: float) -> Cycle:
    left = cycle.left(event.at)
    match event:
        case Corrected(amount=amount):
            return _counted(cycle, max(0.0, amount) / pack_amount, at=event.at)
        case Delivered(packs=packs):
            return _received(cycle, packs, at=event.at)
        case BoughtElsewhere(packs=packs) | Scanned(packs=packs) if packs > 0:
            return _received(_bought(cycle, at=event.at), packs, at=event.at)
        case ThrownAway() | SentBack() if cycle.packs is not None:
            gone = max(0.0, gone_amount(event, pack_amount=pack_amount)) / pack_amount
            return replace(cycle, packs=max(0.0, left - gone), at=event.at)
        case Scanned() | Opened() if cycle.packs is not None:
            least = 1.0 if isinstance(event, Opened) else 0.0
            return _counted(cycle, max(least, _whole(cycle, left)), at=event.at)
    return cycle


def _counted(cycle: Cycle, packs: float, *, at: datetime) -> Cycle:
    """Somebody looked: so much is left, and the rest of what there was is used."""
    if cycle.packs is not None and packs <= cycle.packs:
        cycle = _learned(cycle, cycle.packs - packs, at=at, weight=1.0)
    return replace(cycle, packs=packs, at=at, told_at=at)


def _bought(cycle: Cycle, *, at: datetime) -> Cycle:
    """People bought by themselves: likely there was little left."""
    if cycle.packs is None:
        return cycle
    used = max(cycle.packs - cycle.left(at), cycle.packs - _LEFT_WHEN_BOUGHT_PACKS)
    return _learned(cycle, max(0.0, used), at=at, weight=_PURCHASE_WEIGHT)


def _spare(cycle: Cycle, *, at: datetime) -> Cycle:
    """The household has a spare: a pack at the least beside the open one, and more than was reckoned."""
    if cycle.packs is None:
        return cycle
    left = max(_SPARE_PACKS, cycle.left(at) + _SPARE_MORE_PACKS)
    cycle = _learned(cycle, max(0.0, cycle.packs - left), at=at, weight=_SPARE_WEIGHT)
    return replace(cycle, packs=left, at=at, told_at=at)


def _learned(cycle: Cycle, used: float, *, at: datetime, weight: float) -> Cycle:
    """Use over the days since the last fact; older use fades, so that the cycle follows the household."""
    days = _days(cycle.at, at) if cycle.at is not None else 0.0
    if days < _DAYS_MIN:
        return cycle
    total = cycle.used_packs + weight * used
    fade = min(1.0, _FORGETS_AFTER_PACKS / total)
    return replace(cycle, used_packs=total * fade, over_days=(cycle.over_days + weight * days) * fade)


def _received(cycle: Cycle, packs: float, *, at: datetime) -> Cycle:
    """More is there; the first packs of an item that nobody counted are all that is known of it."""
    return replace(cycle, packs=cycle.left(at) + max(0.0, packs), at=at, told_at=cycle.told_at or at)


def _whole(cycle: Cycle, left: float) -> float:
    """Whole packs: the one that was in use is finished, and not more than one is."""
    before = cycle.packs if cycle.packs is not None else left
    return min(float(ceil(left - 0.5)), max(0.0, float(ceil(before) - 1)))


def _use(item: Item, cycle: Cycle) -> Range:
    """Use a day in the item's unit with its 80 % interval, log-normal from how many packs tell of it."""
    rate = cycle.rate_packs_per_day * item.product.pack_amount
    spread = _Z80 / sqrt(max(cycle.used_packs, 1.0))
    return Range(value=rate, low=rate * exp(-spread), high=rate * exp(spread))


def _trust(item: Item, cycle: Cycle, *, now: datetime) -> tuple[float, tuple[Reason, ...]]:
    """How sure what is left is: it fades with the cycles since somebody looked, and then says so."""
    if cycle.told_at is None:
        return 0.0, ()
    days = _days(cycle.told_at, now)
    fades = max(0.0, days * cycle.rate_packs_per_day - _SURE_FOR_CYCLES)
    trust: float = _TRUST * 0.5 ** (fades / _TRUST_HALF_LIFE_CYCLES)
    if fades <= 0:
        return trust, ()
    text = say(
        "{item} has no sensor, and nobody has said for {days} days how much there is.",
        item=item.name,
        days=f"{days:.0f}",
    )
    return trust, (Reason("not_counted_lately", text),)


def _days(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds()) / _DAY_S
