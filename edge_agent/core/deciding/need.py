"""How much of an item is needed, when it must be ordered, and how many packs are worth buying: numbers, no words.

- It is due when demand until an order of the next review is here may be more than the position: a person answers, the
  merchant delivers, and both take their time (`Situation.wait_d`); what spoils before it is used is no part of the
  position. How likely "may" is, is a price on stock: a day too early holds an order for a day longer, so what is
  ordered rarely and in large packs may run a little closer (`tolerated_chance`). Where room or freshness cuts orders
  short, a day too early also makes the order smaller and the next question earlier.
- The order-by time is the early edge of the run-out minus the lead time; now, where an order of later would come only
  after an absence.
- What is bought covers the lead time and `cover_days` on top, or more where a question about little would come too
  often (the economic order quantity), and never more than likely finds room when it comes or is used before it spoils.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor, sqrt
from statistics import NormalDist

from edge_agent.core.catalogue import Holding, Preferences
from edge_agent.core.deciding.reorder import price_d
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.deciding.spoilage import USED_UP_LIKELY, USED_UP_SURELY, packs_used_in_time, usable

_RATE_MIN = 1e-6  # packs a day
_RATE_OVER_D = 28.0
_EARLY_SHARE = 0.8  # of a usual order: less is not worth a question before it is due
_ROUNDS = 3
_WORTHWHILE_SHARE = 0.5  # of all that finds room and keeps
_MOST_OF_IT = 0.5  # of a pack: a pack of which less is used is not bought


@dataclass(frozen=True, slots=True)
class _Holding:
    """What a choice of `Preferences.stock` means: how dear a stock-out is, and a question.

    An order is due while the chance of running out is over `thrift` times the days of supply of one order
    (`core.deciding.reorder`), within bounds; where room or freshness cuts orders short, up to `chance_short`. A
    question is worth holding a pack for `question_pack_d` days.
    """

    thrift: float
    chance_min: float
    chance_max: float
    chance_short: float
    question_pack_d: float


HOLDING: Mapping[Holding, _Holding] = {
    "run_out_rarely": _Holding(
        thrift=0.002, chance_min=0.005, chance_max=0.015, chance_short=0.03, question_pack_d=120.0
    ),
    "balanced": _Holding(thrift=0.005, chance_min=0.02, chance_max=0.03, chance_short=0.07, question_pack_d=60.0),
    "hold_little": _Holding(thrift=0.02, chance_min=0.05, chance_max=0.3, chance_short=0.3, question_pack_d=8.0),
}


@dataclass(frozen=True, slots=True)
class Need:
    """What a decision goes by. Packs at risk and the position are of the bound product; the rest of what is bought.

    `wanted_packs` would be bought if there were room for all and nothing spoiled; `room_packs` and `fresh_packs` are
    those limits. `likely_used` is how much of one pack is likely used before it spoils, 1 where it all is. `full_packs`
    is what an order usually is.
    """

    usable_packs: float
    rate_packs_per_day: float
    spoiling_packs: float
    spoils_on: date | None
    reorder_point_packs: float
    order_by: datetime
    wanted_packs: int
    room_packs: int
    fresh_packs: int
    likely_used: float
    full_packs: int
    packs: int

    @property
    def is_worthwhile(self) -> bool:
        """Whether an order of today would be most of what one usually is."""
        return self.packs >= _EARLY_SHARE * self.full_packs

    @property
    def spare_packs(self) -> float:
        """What there is beyond the reorder point; below 0 where it is due."""
        return self.usable_packs - self.reorder_point_packs

    @property
    def is_due(self) -> bool:
        """Whether what is at home and coming may not last until an order would be here."""
        return self.spare_packs < 0


def tolerated_chance(preferences: Preferences, *, order_packs: float, rate_packs_per_day: float) -> float:
    """The chance of running out before an order would be here that is not worth ordering for, above 0 and below 1/2."""
    if preferences.service_level is not None:
        return 1.0 - preferences.service_level
    holding = HOLDING[preferences.stock]
    price = holding.thrift * price_d(order_packs=order_packs, rate_packs_per_day=rate_packs_per_day)
    return min(max(price, holding.chance_min), holding.chance_max)


def need_of(case: Situation) -> Need:
    """The need of an item whose stock is known."""
    item, position = case.item, case.position
    stock = usable(
        position.at_home_packs or 0.0,
        case.estimate.spoils,
        pack_amount=item.product.pack_amount,
        demand=case.demand,
        now=case.now,
    )
    held = stock.packs + position.coming_packs
    rate = max(case.demand(_RATE_OVER_D, 0.5) / _RATE_OVER_D, _RATE_MIN)
    point = _order_point(case, rate=rate)
    at_risk, chance, lot = point.packs, point.chance, point.lot_packs
    reserve = max(0.0, at_risk - case.demand(case.risk_d, 0.5)) + item.min_packs
    more = max(case.demand(case.risk_d + case.preferences.cover_days, 0.5), case.demand(case.risk_d, 0.5) + lot)
    wanted = _in_multiples(max(1, ceil((more + reserve - held) / case.scale - 1e-6)), case, up=True)
    room = max(0, floor(_room_at_arrival(case) / case.scale + 1e-6))
    fresh, likely_used = _fresh_packs(case, held=held)
    early_d = case.days_until_used(max(0.0, held - item.min_packs), chance)
    can_wait = held >= at_risk + item.min_packs or not case.is_last_call
    return Need(
        usable_packs=held,
        rate_packs_per_day=rate,
        spoiling_packs=stock.spoiling_packs,
        spoils_on=stock.spoils_on,
        reorder_point_packs=at_risk + item.min_packs,
        order_by=case.now + timedelta(days=max(0.0, early_d - case.lead_d) if can_wait else 0.0),
        wanted_packs=wanted,
        room_packs=room,
        fresh_packs=fresh,
        likely_used=likely_used,
        full_packs=_full_packs(case, lot=lot),
        packs=_in_multiples(min(wanted, room, fresh), case, up=False),
    )


@dataclass(frozen=True, slots=True)
class _OrderPoint:
    """Packs below which an item is due, the chance of running out that is tolerated there, and one order of it."""

    packs: float
    chance: float
    lot_packs: float


def _order_point(case: Situation, *, rate: float) -> _OrderPoint:
    """The reorder point. Where room or freshness cuts an order short, waiting makes it larger, and questions rarer.

    An order that comes a day later is then a day's use larger, so each question lasts a day longer: that is worth
    `question_pack_d / lot` days of supply. The point and the lot depend on each other; a few rounds settle them. Of
    what spoils soon, the point leaves room for a worthwhile order of fresh packs: to stand against every chance
    would mean a question about one pack every other day.
    """
    holding = HOLDING[case.preferences.stock]
    wait_d, lot = case.wait_d, _lot(case, rate=rate)
    usual, most = lot, _most_packs(case)
    chance = tolerated_chance(case.preferences, order_packs=lot, rate_packs_per_day=rate)
    packs = _at_risk(case, wait_d=wait_d, chance=chance)
    for _ in range(_ROUNDS):
        lot = max(case.scale, min(usual, most - packs))
        if lot >= usual or case.preferences.service_level is not None:
            break
        price = holding.thrift * (lot / rate + holding.question_pack_d / lot)
        chance = min(max(price, holding.chance_min), holding.chance_short)
        packs = _at_risk(case, wait_d=wait_d, chance=chance)
    if case.item.best_before_d is not None:
        packs = min(packs, max((1 - _WORTHWHILE_SHARE) * most, case.demand(wait_d, 0.5)))
    return _OrderPoint(packs=packs, chance=chance, lot_packs=lot)


def _at_risk(case: Situation, *, wait_d: float, chance: float) -> float:
    """Packs that may be used until an order of the next review is here: more than that with `chance`.

    Source: safety stock for demand and lead time that vary independently; their deviations add as squares.
    """
    usual = case.demand(wait_d, 0.5)
    by_use = case.demand(wait_d, 1 - chance) - usual
    late_d = NormalDist().inv_cdf(1 - chance) * case.wait_spread_d
    by_delay = case.demand(wait_d + late_d, 0.5) - usual if late_d > 0 else 0.0
    return usual + sqrt(by_use**2 + by_delay**2)


def _most_packs(case: Situation) -> float:
    """Bound packs that may be at home and on order when one is made: they find room, and are used in time."""
    room = case.item.room_packs + case.demand(case.arrives_d, 0.5)
    keeps_d = case.item.best_before_d
    return room if keeps_d is None else min(room, _kept(case, keeps_d=keeps_d))


def _kept(case: Situation, *, keeps_d: float) -> float:
    """Bound packs that are used before an order of today spoils."""
    return case.demand(case.arrives_d + keeps_d, USED_UP_SURELY)


def _full_packs(case: Situation, *, lot: float) -> int:
    """Packs of what an order usually is: the lot, as far as it finds room and keeps."""
    packs = ceil(lot / case.scale - 1e-6) if case.item.best_before_d is None else floor(lot / case.scale + 1e-6)
    return max(1, min(packs, case.item.room_for(case.product)))


def _lot(case: Situation, *, rate: float) -> float:
    """Bound packs in one order that balance holding against being asked.

    Source: the economic order quantity (Harris 1913), with a question as the cost of an order.
    """
    return sqrt(2 * HOLDING[case.preferences.stock].question_pack_d * rate)


def _in_multiples(packs: int, case: Situation, *, up: bool) -> int:
    multiple = case.product.order_multiple
    return ceil(packs / multiple) * multiple if up else packs // multiple * multiple


def _room_at_arrival(case: Situation) -> float:
    """Bound packs that will find room when an order is here: what is used or spoiled by then no longer stands there."""
    here_on = (case.now + timedelta(days=case.arrives_d)).date()
    old = usable(
        case.position.at_home_packs or 0.0,
        [batch for batch in case.estimate.spoils if batch.best_before < here_on],
        pack_amount=case.item.product.pack_amount,
        demand=case.demand,
        now=case.now,
    )
    used = case.demand(case.arrives_d, 0.5)
    return case.item.room_packs - max(0.0, case.position.packs - old.spoiling_packs - used)


def _fresh_packs(case: Situation, *, held: float) -> tuple[int, float]:
    """Packs that are used before they spoil, and how much of one is likely used; one is taken if it is most of it."""
    keeps_d, opened_d = case.item.best_before_d, case.item.opened_for_d
    of_one = 1.0 if opened_d is None else min(1.0, case.demand(opened_d, USED_UP_LIKELY) / case.scale)
    if keeps_d is None:
        return 99, of_one
    missed = max(held, case.demand(case.arrives_d, USED_UP_SURELY))  # what is wanted before it comes is not made up for
    in_time = packs_used_in_time(missed, keeps_d=keeps_d, arrives_in_d=case.arrives_d, demand=case.demand) / case.scale
    likely_used = min(of_one, in_time)
    if in_time < 1:
        return (1 if in_time >= _MOST_OF_IT else 0), likely_used
    return floor(in_time + 1e-6), likely_used
