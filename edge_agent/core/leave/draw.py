"""Whether an order may be paid for out of a mandate: pure rules over its terms, its ledger and the offer.

`grant` is asked before an order is made, for one offer after the other where the mandate names substitutes (`choose`);
`over_budget` is asked once more inside the transaction that makes it, over the ledger's sums as they are there. A draw
reserves the ceiling of its order, so no later price can break a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from edge_agent.core.clock_trust import APART_MAX
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.mandate import MandateRecord, MandateState, MandateTerms, period_of
from edge_agent.core.leave.period import Period
from edge_agent.core.leave.terms import Offer
from edge_agent.core.messages import ItemId, MandateId
from edge_agent.core.said import Day, Sum, say

# A merchant of class C can neither repeat an answer nor be asked for one: only a person may buy there.
DRAWABLE_CLASSES = frozenset({"A", "B"})

_NOT_BOUGHT = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED})
_UNKNOWN_ITEM = "bridge-"  # how the item of an order is named that nobody here can tell (`core.handover`)


_IN_STATE = {
    MandateState.PROPOSED: say("The mandate is proposed."),
    MandateState.ACTIVE: say("The mandate is not signed."),
    MandateState.PAUSED: say("The mandate is paused."),
    MandateState.REVOKED: say("The mandate is revoked."),
    MandateState.EXPIRED: say("The mandate is expired."),
    MandateState.DECLINED: say("The mandate is declined."),
}


class RefusalReason(StrEnum):
    """Why a mandate does not pay."""

    NOT_ACTIVE = "mandate_not_active"
    OUTSIDE_WINDOW = "mandate_outside_window"
    MERCHANT_CLASS = "mandate_merchant_class"
    ITEM_NOT_COVERED = "mandate_item_not_covered"
    PRODUCT_NOT_COVERED = "mandate_product_not_covered"
    TOO_MANY = "mandate_too_many"
    OTHER_CURRENCY = "mandate_other_currency"
    OUTSIDE_RANGE = "mandate_outside_range"
    NO_OCCURRENCE_LEFT = "mandate_no_occurrence_left"
    PERIOD_WENT_BACK = "mandate_period_went_back"
    OVER_BUDGET = "mandate_over_budget"


@dataclass(frozen=True, slots=True)
class Usage:
    """What the ledger says of one period of a mandate. Minor units of the mandate's currency.

    `occurrences` counts the orders of its whole life that were not released; `open_period` is the greatest period that
    was ever drawn in, None before the first draw. `unclear_minor` is what orders of this period cost that were taken
    over from the bridge (`unclear`): they count as if this mandate had paid for them.
    """

    period_index: int
    reserved_minor: int
    spent_minor: int
    occurrences: int
    open_period: int | None
    unclear_minor: int = 0

    @property
    def used_minor(self) -> int:
        """What no longer stands free in this period."""
        return self.reserved_minor + self.spent_minor + self.unclear_minor


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mandate's no: a code for programs, a sentence for the household."""

    reason: RefusalReason
    text: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A mandate's yes, for this amount in this period."""

    mandate: MandateId
    period: Period
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The offer that a mandate pays for."""

    offer: Offer
    grant: Grant


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """What the hand-over writes into the ledger; refused there if the mandate is no longer at `seen_version`."""

    mandate: MandateId
    seen_version: int
    period_index: int
    amount_minor: int
    currency: str


class LedgerState(StrEnum):
    """What became of the money that one order reserved."""

    RESERVED = "reserved"
    SPENT = "spent"
    RELEASED = "released"
    CREDITED = "credited"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The money of one order. `mandate` and `period_index` are None where a person approved it, or nobody knows who."""

    intent: str
    mandate: MandateId | None
    period_index: int | None
    state: LedgerState
    amount_minor: int
    currency: str
    changed_at: datetime


def grant(
    mandate: MandateRecord, *, offer: Offer, item: ItemId, usage: Usage, merchant_class: str | None, now: datetime
) -> Grant | Refusal:
    """Whether this mandate pays for this offer at `now`, the effective time.

    `usage` is that of the period at `now`. A merchant whose class nobody knows is not drawn on.
    """
    terms = mandate.terms
    refusal = (
        _not_in_force(mandate, now=now)
        or _wrong_merchant(offer, merchant_class=merchant_class)
        or _not_covered(terms, offer=offer, item=item)
        or _wrong_amount(terms, offer=offer)
    )
    if refusal is not None:
        return refusal
    period = period_of(terms, now)
    wanted = DrawRequest(mandate.id, mandate.version, period.index, offer.total_max_minor, offer.currency)
    return over_budget(terms, usage=usage, request=wanted) or Grant(
        mandate=mandate.id, period=period, amount_minor=offer.total_max_minor, currency=offer.currency
    )


def choose(
    mandate: MandateRecord,
    *,
    wanted: Offer,
    instead: Sequence[Offer],
    item: ItemId,
    usage: Usage,
    class_of: Callable[[str], str | None],
    now: datetime,
) -> Choice | Refusal:
    """The first offer that this mandate pays for; where there is none, why it does not pay for the first it was asked.

    `wanted` alone, unless it is too dear for one order or stands in for the bound product itself (`instead_of`): only
    then the substitutes, in the mandate's order, each inside every limit of it. Where the bound product itself is among
    them it could be had, and `wanted` is the better offer: then they stay in the order in which they come.
    """

    def ask(offer: Offer) -> Grant | Refusal:
        merchant_class = class_of(offer.merchant)
        return grant(mandate, offer=offer, item=item, usage=usage, merchant_class=merchant_class, now=now)

    first = [wanted] if wanted.instead_of is None else []
    others = _named(mandate.terms, instead if first else (wanted, *instead), item=item)
    if first and not is_too_dear(mandate.terms, wanted):
        others = []
    if not first and any(offer.instead_of is None for offer in instead):
        others = [offer for offer in (wanted, *instead) if offer in others]
    refusals = []
    for offer in [*first, *others] or [wanted]:
        answer = ask(offer)
        if isinstance(answer, Grant):
            return Choice(offer, answer)
        refusals.append(answer)
    return refusals[0]


def is_too_dear(terms: MandateTerms, offer: Offer) -> bool:
    """Whether an offer may cost more than the mandate allows for one order."""
    return offer.currency == terms.amount_range.currency and offer.total_max_minor > terms.amount_range.max_minor


def unclear(
    terms: MandateTerms,
    orders: Iterable[IntentRecord],
    *,
    ceilings_minor: Mapping[str, int] = MappingProxyType({}),
    period_index: int,
) -> tuple[int, int]:
    """What orders that were taken over from the bridge count against a mandate: in a period, and how many in its life.

    What gave leave for them nobody here knows any more, so each counts wherever it can have been a draw: of the same
    currency, made since the mandate was, of an item and a merchant that it names. An order of an item that is not known
    here can have been any of its items. Its time is the bridge's: by this hub's clock it may have been in the period
    before or after. `ceilings_minor` is what each may cost at the most, where that was kept.

    Units: minor units of the mandate's currency.
    """
    counted = [order for order in orders if _can_be_a_draw(terms, order)]
    periods = [_periods_of(terms, order) for order in counted]
    of_period = [order for order, its in zip(counted, periods, strict=True) if period_index in its]
    return sum(_cost_minor(order, ceilings_minor) for order in of_period), sum(its[-1] >= 0 for its in periods)


def over_budget(terms: MandateTerms, *, usage: Usage, request: DrawRequest) -> Refusal | None:
    """Why the ledger has no room for one more draw; None when it has."""
    if request.currency != terms.budget.currency:
        return Refusal(
            RefusalReason.OTHER_CURRENCY, say("The mandate is in {currency}.", currency=terms.budget.currency)
        )
    if usage.period_index != request.period_index or request.period_index < (usage.open_period or 0):
        text = say("The clock says an earlier period than one already used.")
        return Refusal(RefusalReason.PERIOD_WENT_BACK, text)
    most = terms.recurrence.max_occurrences
    if most is not None and usage.occurrences >= most:
        return Refusal(RefusalReason.NO_OCCURRENCE_LEFT, say("The mandate's {number} orders are used up.", number=most))
    if usage.used_minor + request.amount_minor > terms.budget.max_minor:
        text = say(
            "The mandate has {left} left; this may cost up to {most}.",
            left=Sum(max(0, terms.budget.max_minor - usage.used_minor), request.currency),
            most=Sum(request.amount_minor, request.currency),
        )
        return Refusal(RefusalReason.OVER_BUDGET, text)
    return None


def _named(terms: MandateTerms, offers: Sequence[Offer], *, item: ItemId) -> list[Offer]:
    """The offers of products that the mandate names for this item, in its order."""
    entry = terms.entry(item)
    order = [] if entry is None else [(one.merchant, one.sku) for one in entry.acceptable]
    named = [offer for offer in offers if (offer.merchant, offer.sku) in order]
    return sorted(named, key=lambda offer: order.index((offer.merchant, offer.sku)))


def _periods_of(terms: MandateTerms, order: IntentRecord) -> range:
    """The indexes of the periods that a time of the bridge can stand for."""
    first, last = (period_of(terms, order.created_at + apart).index for apart in (-APART_MAX, APART_MAX))
    return range(first, last + 1)


def _can_be_a_draw(terms: MandateTerms, order: IntentRecord) -> bool:
    if order.state in _NOT_BOUGHT or order.currency != terms.budget.currency:
        return False
    if order.created_at + APART_MAX < terms.created_at:
        return False
    entry = terms.entry(order.item)
    entries = (entry,) if entry is not None else terms.items if order.item.startswith(_UNKNOWN_ITEM) else ()
    return any(one.merchant == order.merchant for entry in entries for one in entry.acceptable)


def _cost_minor(order: IntentRecord, ceilings_minor: Mapping[str, int]) -> int:
    """What it costs: all it may cost, until it was charged."""
    if order.state is IntentState.REFUNDED:
        return 0
    if order.charged_minor is not None:
        return order.charged_minor
    return ceilings_minor.get(order.id, order.total_minor)


def _not_in_force(mandate: MandateRecord, *, now: datetime) -> Refusal | None:
    if mandate.state is not MandateState.ACTIVE or mandate.signature is None:
        return Refusal(RefusalReason.NOT_ACTIVE, _IN_STATE[mandate.state])
    window, today = mandate.terms.execution_date, now.astimezone(ZoneInfo(mandate.terms.timezone)).date()
    if not mandate.terms.first_day <= today <= window.not_after or now < mandate.terms.created_at:
        text = say(
            "The mandate holds from {first} to {last}.",
            first=Day(mandate.terms.first_day, with_year=True),
            last=Day(window.not_after, with_year=True),
        )
        return Refusal(RefusalReason.OUTSIDE_WINDOW, text)
    return None


def _wrong_merchant(offer: Offer, *, merchant_class: str | None) -> Refusal | None:
    if merchant_class in DRAWABLE_CLASSES:
        return None
    text = say(
        "{merchant} cannot tell whether an order whose answer was lost exists, so a person must order there.",
        merchant=offer.merchant,
    )
    return Refusal(RefusalReason.MERCHANT_CLASS, text)


def _not_covered(terms: MandateTerms, *, offer: Offer, item: ItemId) -> Refusal | None:
    entry = terms.entry(item)
    if entry is None:
        return Refusal(RefusalReason.ITEM_NOT_COVERED, say("The mandate does not name this item."))
    if (offer.merchant, offer.sku) not in {(one.merchant, one.sku) for one in entry.acceptable}:
        text = say("The mandate does not name this product or its merchant.")
        return Refusal(RefusalReason.PRODUCT_NOT_COVERED, text)
    if offer.quantity > entry.quantity_max:
        text = say(
            "The mandate allows {most} at a time; this is {number}.", most=entry.quantity_max, number=offer.quantity
        )
        return Refusal(RefusalReason.TOO_MANY, text)
    return None


def _wrong_amount(terms: MandateTerms, *, offer: Offer) -> Refusal | None:
    span = terms.amount_range
    if offer.currency != span.currency:
        text = say("The mandate is in {currency}, the offer in {other}.", currency=span.currency, other=offer.currency)
        return Refusal(RefusalReason.OTHER_CURRENCY, text)
    if not (span.min_minor <= offer.total_minor and offer.total_max_minor <= span.max_minor):
        text = say(
            "The mandate allows {low} to {high} for an order.",
            low=Sum(span.min_minor, span.currency),
            high=Sum(span.max_minor, span.currency),
        )
        return Refusal(RefusalReason.OUTSIDE_RANGE, text)
    return None
