"""How much of an item is needed, when it must be ordered, and how many packs are worth buying: numbers, no words.

- It is due when demand until an order of tomorrow is here may be more than the position; what spoils before it is used
  is no part of the position. How likely "may" is, is a price on stock: a day too early holds an order for a day longer,
  so what is ordered rarely and in large packs may run a little closer (`tolerated_chance`).
- The order-by time is the early edge of the run-out minus the lead time.
- What is bought covers the lead time and `cover_days` on top, or more where a question about little would come too
  often (the economic order quantity), and never more than finds room or is used before it spoils.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil, floor, sqrt

from edge_agent.core.catalogue import Holding, Preferences
from edge_agent.core.deciding.reorder import price_d
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.deciding.spoilage import USED_UP_LIKELY, USED_UP_SURELY, packs_used_in_time, usable

_SURELY = 0.2  # demand at this quantile or more is nearly always reached
_ARRIVES_EARLY = 0.2
_RATE_MIN = 1e-6  # packs a day
_RATE_OVER_D = 28.0
_WORTHWHILE_SHARE = 0.5  # of all that keeps
_EARLY_SHARE = 0.7  # of a usual order: less is not worth a question before it is due
_MOST_OF_IT = 0.5  # of a pack: a pack of which less is used is not bought


@dataclass(frozen=True, slots=True)
class _Holding:
    """What a choice of `Preferences.stock` means: how dear a stock-out is, and a question.

    An order is due while the chance of running out is over `thrift` times the days of supply of one order
    (`core.deciding.reorder`), within bounds. A question is worth holding a pack for `question_pack_d` days.
    """

    thrift: float
    chance_min: float
    chance_max: float
    question_pack_d: float


HOLDING: Mapping[Holding, _Holding] = {
    "run_out_rarely": _Holding(thrift=0.002, chance_min=0.005, chance_max=0.03, question_pack_d=120.0),
    "balanced": _Holding(thrift=0.005, chance_min=0.02, chance_max=0.08, question_pack_d=60.0),
    "hold_little": _Holding(thrift=0.02, chance_min=0.05, chance_max=0.3, question_pack_d=8.0),
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
    def is_due(self) -> bool:
        """Whether what is at home and coming may not last until an order would be here."""
        return self.usable_packs < self.reorder_point_packs


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
    lot = _lot(case, rate=rate)
    chance = tolerated_chance(case.preferences, order_packs=lot, rate_packs_per_day=rate)
    at_risk = _at_risk(case, chance=chance)
    reserve = max(0.0, at_risk - case.demand(case.risk_d, 0.5)) + item.min_packs
    more = max(case.demand(case.risk_d + case.preferences.cover_days, 0.5), case.demand(case.risk_d, 0.5) + lot)
    wanted = _in_multiples(max(1, ceil((more + reserve - held) / case.scale - 1e-6)), case, up=True)
    room = max(0, floor(_room_at_arrival(case) / case.scale + 1e-6))
    fresh, likely_used = _fresh_packs(case, held=held)
    early_d = case.days_until_used(max(0.0, held - item.min_packs), chance)
    return Need(
        usable_packs=held,
        rate_packs_per_day=rate,
        spoiling_packs=stock.spoiling_packs,
        spoils_on=stock.spoils_on,
        reorder_point_packs=at_risk + item.min_packs,
        order_by=case.now + timedelta(days=max(0.0, early_d - case.lead_d)),
        wanted_packs=wanted,
        room_packs=room,
        fresh_packs=fresh,
        likely_used=likely_used,
        full_packs=_full_packs(case, lot=lot),
        packs=_in_multiples(min(wanted, room, fresh), case, up=False),
    )


def _at_risk(case: Situation, *, chance: float) -> float:
    """Packs that may be used until an order of tomorrow is here.

    Of what spoils, no more than leaves room for a worthwhile order of fresh packs: to stand against every chance would
    mean a question about one pack every other day.
    """
    at_risk = case.demand(case.risk_d, 1 - chance)
    if case.item.best_before_d is None:
        return at_risk
    kept = _kept(case, keeps_d=case.item.best_before_d)
    worthwhile = max(case.scale, _WORTHWHILE_SHARE * kept)
    return min(at_risk, max(kept - worthwhile, case.demand(case.lead_time.mean_d, 0.5)))


def _kept(case: Situation, *, keeps_d: float) -> float:
    """Bound packs that are used before an order of today spoils."""
    return case.demand(case.lead_time.within(_ARRIVES_EARLY) + keeps_d, USED_UP_SURELY)


def _full_packs(case: Situation, *, lot: float) -> int:
    """Packs of what an order usually is: the lot, as far as it finds room and keeps."""
    keeps_d = case.item.best_before_d
    most = lot if keeps_d is None else min(lot, _kept(case, keeps_d=keeps_d))
    packs = ceil(most / case.scale) if keeps_d is None else floor(most / case.scale)
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
    """Bound packs that will find room when an order is here: what is surely used by then no longer stands there."""
    used = case.demand(case.lead_time.within(_ARRIVES_EARLY), _SURELY)
    return case.item.room_packs - max(0.0, case.position.packs - used)


def _fresh_packs(case: Situation, *, held: float) -> tuple[int, float]:
    """Packs that are used before they spoil, and how much of one is likely used; one is taken if it is most of it."""
    keeps_d, opened_d = case.item.best_before_d, case.item.opened_for_d
    of_one = 1.0 if opened_d is None else min(1.0, case.demand(opened_d, USED_UP_LIKELY) / case.scale)
    if keeps_d is None:
        return 99, of_one
    arrives_d = case.lead_time.within(_ARRIVES_EARLY)
    in_time = packs_used_in_time(held, keeps_d=keeps_d, arrives_in_d=arrives_d, demand=case.demand) / case.scale
    likely_used = min(of_one, in_time)
    if in_time < 1:
        return (1 if in_time >= _MOST_OF_IT else 0), likely_used
    return floor(in_time + 1e-6), likely_used
