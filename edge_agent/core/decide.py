"""The reorder decision for one item, with its reasons in sentences for the household.

An item is due when it may run out before an order would be here (`core.deciding.need`). Due or not, nothing is bought
of what went out of use, while nobody is at home to take it in, or that would spoil before it is used. Unknown or stale
stock, a missing price or a missing product call a person; they never lead to an order. Where something speaks against
ordering without asking (little trust in the sensor, the budget, a pack of which a part may spoil), a person is asked
and told.

One live order per need, quiet hours and what is asked together are the caller's (`core.deciding.asking`); goods on
order count in the position here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from edge_agent.core.binding_check import BINDING_REFUSED
from edge_agent.core.catalogue import Item, Preferences, Product
from edge_agent.core.deciding import sentences
from edge_agent.core.deciding.back_off import Quiet
from edge_agent.core.deciding.in_use import out_of_use_since
from edge_agent.core.deciding.lead_time import LeadTime
from edge_agent.core.deciding.need import Need, need_of
from edge_agent.core.deciding.position import Position
from edge_agent.core.deciding.presence import Presence
from edge_agent.core.deciding.situation import STALE_AFTER, Situation
from edge_agent.core.estimate import REFILL_PACKS
from edge_agent.core.messages import (
    Alert,
    Decision,
    Forecast,
    Hold,
    ItemId,
    Price,
    Propose,
    Reason,
    StockEstimate,
)
from edge_agent.core.said import Day, Said, say

AUTO_TRUST_MIN = 0.65  # below it a person is asked where the item may be ordered without

_TRUST_MIN = 0.6  # two readings that agree
_ANSWERED_WITHIN = timedelta(hours=12)  # waiting for more room, and not for a person too
_LIKELY_ALL = 0.99


@dataclass(frozen=True, slots=True)
class Weighed:
    """The decision about one item, and what it goes by.

    `early` is what could be bought already today although nothing is due, to go out with something that is.
    """

    case: Situation
    decision: Decision
    need: Need | None = None
    early: Propose | None = None


def decide(
    item: Item,
    estimate: StockEstimate,
    forecast: Forecast,
    *,
    position: Position,
    price: Price | None,
    preferences: Preferences,
    quiet_until: datetime | None,
    now: datetime,
    stale_after: timedelta = STALE_AFTER,
    substitute: Product | None = None,
) -> Decision:
    """What to do about one item now, by the preferences alone. `estimate`, `forecast` and `position` are of one moment.

    `price` is that of the bound product, or of the `substitute` that would be bought for the same stock.
    """
    until = None if quiet_until is None else Day(quiet_until.date())
    reason = Reason("quiet", "" if until is None else say("Not asking again before {day}.", day=until))
    case = Situation(
        item=item,
        estimate=estimate,
        forecast=forecast,
        position=position,
        price=price,
        preferences=preferences,
        now=now,
        lead_time=LeadTime(mean_d=preferences.lead_time_d),
        presence=Presence(preferences),
        quiet=None if quiet_until is None or now >= quiet_until else Quiet(quiet_until, reason),
        stale_after=stale_after,
        substitute=substitute,
    )
    return weigh(case).decision


def weigh(case: Situation) -> Weighed:
    """The decision, and what could be bought early where it is to wait."""
    unsure = _unsure(case)
    if unsure is not None:
        return Weighed(case, Alert(_id(case), (unsure,)))
    stock = sentences.stock_reason(case)
    unsettled = _unsettled(case)
    if unsettled is not None:
        return Weighed(case, Hold(_id(case), (stock, unsettled)))
    need = need_of(case)
    known = (stock, spoils) if (spoils := sentences.spoiling_reason(need)) is not None else (stock,)
    if _may_be_nearly_empty(case):
        return Weighed(case, Alert(_id(case), (*known, *_doubts(case), _look(case))), need)
    if not need.is_due:
        return _not_due(case, need, known)
    stopped = _stopped(case, known) or _cannot(case, need, known)
    return Weighed(case, stopped or _propose(case, need, known), need)


def _not_due(case: Situation, need: Need, known: tuple[Reason, ...]) -> Weighed:
    """Nothing to do by itself; what could go out with another item is found for that."""
    could = (
        need.packs >= 1 and need.is_worthwhile and _stopped(case, known) is None and _cannot(case, need, known) is None
    )
    early = _propose(case, need, known, reason=sentences.enough_reason(case, need)) if could else None
    return Weighed(case, Hold(_id(case), (*known, sentences.enough_reason(case, need))), need, early)


def _id(case: Situation) -> ItemId:
    return ItemId(case.item.id)


# --- what is not known -------------------------------------------------------------------------------


def _unsure(case: Situation) -> Reason | None:
    """Why the stock is not known well enough to decide anything."""
    item, estimate = case.item, case.estimate
    if estimate.amount is None:
        refused = next((doubt for doubt in estimate.doubts if doubt.code == BINDING_REFUSED), None)
        return refused or Reason("stock_unknown", _none_yet(item))
    age = case.now - estimate.as_of
    if age > case.stale_after:
        return Reason("stock_stale", _nothing_new(item, hours=round(age.total_seconds() / 3_600)))
    return None


def _none_yet(item: Item) -> Said:
    if item.binding is None:
        return say("{item}: no usable reading yet from you.", item=item.name)
    return say("{item}: no usable reading yet from {device}.", item=item.name, device=item.binding.device)


def _nothing_new(item: Item, *, hours: int) -> Said:
    if item.binding is None:
        return say("{item}: you have told nothing new for {hours} hours.", item=item.name, hours=hours)
    device = item.binding.device
    return say("{item}: {device} has told nothing new for {hours} hours.", item=item.name, device=device, hours=hours)


def _unsettled(case: Situation) -> Reason | None:
    """Why the next readings are worth waiting for."""
    estimate = case.estimate
    if estimate.trust < _TRUST_MIN and not estimate.doubts:
        return Reason("little_evidence", say("Too few steady readings yet to decide on."))
    amount = estimate.amount
    is_shaky = any(doubt.code == "shaky" for doubt in estimate.doubts)
    if amount is None or not (estimate.is_settling or is_shaky):
        return None
    if amount.high - amount.value >= REFILL_PACKS * case.item.product.pack_amount:
        return Reason("unsettled", say("The level has just changed a lot; the next readings will tell."))
    return None


def _may_be_nearly_empty(case: Situation) -> bool:
    """Whether a sensor in doubt leaves open by a good part of a pack what is left, and it may be next to nothing."""
    estimate, pack = case.estimate, case.item.product.pack_amount
    if estimate.amount is None or not estimate.doubts or estimate.trust >= _TRUST_MIN:
        return False
    low = max(0.0, estimate.amount.low)
    is_open = estimate.amount.value - low >= REFILL_PACKS * pack
    return is_open and low / pack + case.position.coming_packs < case.demand(case.risk_d, 0.5)


def _doubts(case: Situation) -> tuple[Reason, ...]:
    return case.estimate.doubts if case.estimate.trust < AUTO_TRUST_MIN else ()


def _look(case: Situation) -> Reason:
    return Reason("look", say("Please have a look at {item}: it may be nearly empty.", item=case.item.name))


# --- what is due -------------------------------------------------------------------------------------


def _stopped(case: Situation, known: tuple[Reason, ...]) -> Decision | None:
    """Why an item that is due is not bought: nobody uses it, nobody is there, or nobody wants to be asked."""
    since = out_of_use_since(case.estimate, pack_amount=case.item.product.pack_amount, now=case.now)
    if since is not None:
        text = say(
            "Nobody seems to have used {item} since {day}. Is it still wanted?", item=case.item.name, day=Day(since)
        )
        return Alert(_id(case), (*known, Reason("out_of_use", text)))
    absent = _absent(case)
    if absent is not None:
        return Hold(_id(case), (*known, absent))
    return Hold(_id(case), (*known, case.quiet.reason)) if case.quiet is not None else None


def _absent(case: Situation) -> Reason | None:
    """Why goods would come to a closed door."""
    presence = case.presence
    back_on = presence.away_until(case.now + timedelta(days=case.lead_d))
    if back_on is not None:
        return Reason("away", say("You are away until {day}: nothing is ordered that comes before.", day=Day(back_on)))
    if presence.seems_empty(case.now):
        text = say("Nobody seems to be at home, so nothing is ordered until you say or use something.")
        return Reason("seems_away", text)
    return None


def _cannot(case: Situation, need: Need, known: tuple[Reason, ...]) -> Decision | None:
    """Why an item that is due cannot be bought, or better is not yet; None where it is to be bought."""
    if need.room_packs < 1:
        return Hold(_id(case), (*known, Reason("no_room", say("There is no room for another pack yet."))))
    if need.fresh_packs < 1:
        text = say("Most of another pack would spoil before it is used.")
        return Alert(_id(case), (*known, Reason("would_spoil", text)))
    if need.packs < 1:
        text = say(
            "It is sold in {number} packs at once, which is more than finds room or stays fresh.",
            number=case.product.order_multiple,
        )
        return Alert(_id(case), (*known, Reason("multiple_too_large", text)))
    if not need.is_worthwhile and case.now < need.order_by - _ANSWERED_WITHIN:
        text = say("Better bought by {day}, when there is room for more.", day=sentences.day(need.order_by, case))
        return Hold(_id(case), (*known, Reason("little_room", text)))
    if not can_be_had(case):
        return Alert(_id(case), (*known, _no_offer(case)))
    return None


def can_be_had(case: Situation) -> bool:
    """Whether somebody sells it at a price that is known, and it can come in a way that the household accepts."""
    price = case.price
    if not case.product.can_be_ordered or price is None:
        return False
    comes_no_way = bool(price.deliveries) and price.delivery is None
    return price.available and not comes_no_way


def _no_offer(case: Situation) -> Reason:
    merchant, name = case.item.product.merchant, case.item.name
    if not case.product.can_be_ordered:
        text = say("Time to buy {item}. Nobody can order it yet: it names no merchant.", item=name)
        return Reason("no_merchant", text)
    if case.price is None:
        text = say("Time to buy {item}, but there is no price from {merchant} yet.", item=name, merchant=merchant)
        return Reason("no_price", text)
    if case.price.available:
        text = say(
            "Time to buy {item}, but it can come from {merchant} only in a way that you do not accept.",
            item=name,
            merchant=merchant,
        )
        return Reason("no_delivery", text)
    text = say("Time to buy {item}, but {merchant} does not have it now.", item=name, merchant=merchant)
    return Reason("unavailable", text)


def _propose(case: Situation, need: Need, known: tuple[Reason, ...], *, reason: Reason | None = None) -> Propose:
    cover_d = case.days_until_used(need.usable_packs + need.packs * case.scale, 0.5)
    lead = sentences.lead_time_reason(case)
    against = _against_auto(case, need)
    return Propose(
        _id(case),
        packs=need.packs,
        order_by=need.order_by,
        days_of_cover=round(cover_d, 1),
        reasons=(
            *known,
            reason or sentences.due_reason(case, need),
            *(() if lead is None else (lead,)),
            sentences.size_reason(case, need, cover_d=cover_d),
            *against,
        ),
        product=case.substitute,
        must_ask=bool(against),
        delivery=None if case.price is None else case.price.delivery,
    )


def _against_auto(case: Situation, need: Need) -> tuple[Reason, ...]:
    """What speaks against ordering without asking, each told to whoever is asked."""
    return (*_little_trust(case), *_over_budget(case, need), *_part_spoils(need))


def _little_trust(case: Situation) -> tuple[Reason, ...]:
    if case.estimate.trust >= AUTO_TRUST_MIN:
        return ()
    name = case.item.name
    if case.item.mode == "auto":
        text = say(
            "What is left of {item} is not sure, so you are asked where it would be ordered by itself.", item=name
        )
    else:
        text = say("What is left of {item} is not sure, so look first.", item=name)
    return (*_doubts(case), Reason("little_trust", text))


def _over_budget(case: Situation, need: Need) -> tuple[Reason, ...]:
    price = case.price
    if (
        case.budget_left_minor is None
        or price is None
        or not price.charges
        or price.currency != case.preferences.currency
    ):
        return ()
    total_minor = price.order_minor(need.packs)
    is_over = total_minor > case.budget_left_minor
    return (sentences.over_budget_reason(case, total_minor=total_minor),) if is_over else ()


def _part_spoils(need: Need) -> tuple[Reason, ...]:
    if need.likely_used >= _LIKELY_ALL:
        return ()
    used = max(10, round(need.likely_used * 10) * 10)
    text = say("Only about {percent} % of a pack is likely used before it spoils.", percent=used)
    return (Reason("part_spoils", text),)
