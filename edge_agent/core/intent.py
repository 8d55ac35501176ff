"""The life of an intent on the hub, as a table. All state changes of intents go through `step`.

The hub follows what the bridge says (`cloud_bridge.wire.OrderState`) and adds two things of its own: `approved`, until
the bridge has taken the intent, and `arrived_at`, when a sensor saw the goods. Money states never go back: a message
that would lower the state is ignored, never applied; what it tells of packs and money is kept all the same, and never
falls (`core.order_facts`). What is in doubt (`unknown`, `parked`) ends by the merchant's
statement, which the bridge passes on, or by a person's, and never by time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from edge_agent.core.messages import IntentId, ItemId, PromptId
from edge_agent.core.order_facts import NOTHING_TOLD, OrderFacts, has_risen, merged
from edge_agent.core.said import say
from edge_agent.core.state_words import word
from edge_agent.errors import RefusedError


class IntentState(StrEnum):
    """Where an intent stands, as the household sees it."""

    APPROVED = "approved"
    HELD = "held"
    SENDING = "sending"
    PLACED = "placed"
    REJECTED = "rejected"
    NEEDS_BUYER = "needs_buyer"
    UNKNOWN = "unknown"
    NOT_PLACED = "not_placed"
    PARKED = "parked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    PARTLY_DELIVERED = "partly_delivered"
    NEVER_ARRIVED = "never_arrived"
    RETURNED = "returned"
    REFUNDED = "refunded"


_S = IntentState
_OUTCOMES = {_S.PLACED, _S.REJECTED, _S.NEEDS_BUYER, _S.UNKNOWN, _S.CANCELLED, _S.EXPIRED}
_AFTER_PLACED = {_S.SHIPPED, _S.DELIVERED, _S.PARTLY_DELIVERED, _S.NEVER_ARRIVED, _S.CANCELLED}

# How an order that was in doubt may turn out, where the hub did not see the steps between.
_SETTLED = {_S.PLACED, _S.REJECTED, _S.NEEDS_BUYER, _S.EXPIRED}

# A status may skip steps that the hub did not see (it polls), but never goes back.
TRANSITIONS: dict[IntentState, frozenset[IntentState]] = {
    _S.APPROVED: frozenset({_S.HELD, _S.SENDING} | _OUTCOMES | _AFTER_PLACED),
    _S.HELD: frozenset({_S.SENDING} | _OUTCOMES | _AFTER_PLACED),
    _S.SENDING: frozenset(_OUTCOMES | _AFTER_PLACED),
    _S.UNKNOWN: frozenset({_S.PARKED, _S.NOT_PLACED} | _SETTLED | _AFTER_PLACED),
    _S.PARKED: frozenset({_S.NOT_PLACED} | _SETTLED | _AFTER_PLACED),
    _S.NOT_PLACED: frozenset({_S.SENDING, _S.PLACED, _S.REJECTED, _S.EXPIRED, _S.CANCELLED}),
    _S.NEEDS_BUYER: frozenset({_S.PLACED, _S.EXPIRED, _S.CANCELLED} | _AFTER_PLACED),
    _S.PLACED: frozenset(_AFTER_PLACED),
    _S.SHIPPED: frozenset({_S.DELIVERED, _S.PARTLY_DELIVERED, _S.NEVER_ARRIVED, _S.CANCELLED}),
    _S.PARTLY_DELIVERED: frozenset({_S.DELIVERED, _S.NEVER_ARRIVED, _S.CANCELLED, _S.RETURNED, _S.REFUNDED}),
    _S.NEVER_ARRIVED: frozenset({_S.DELIVERED, _S.REFUNDED}),
    _S.DELIVERED: frozenset({_S.RETURNED, _S.REFUNDED}),
    _S.RETURNED: frozenset({_S.REFUNDED}),
    _S.REJECTED: frozenset(),
    _S.CANCELLED: frozenset({_S.REFUNDED}),
    _S.EXPIRED: frozenset(),
    _S.REFUNDED: frozenset(),
}

# One live order per need: while an intent stands here, its item is not asked about again.
LIVE = frozenset(
    {
        _S.APPROVED,
        _S.HELD,
        _S.SENDING,
        _S.PLACED,
        _S.NEEDS_BUYER,
        _S.UNKNOWN,
        _S.NOT_PLACED,
        _S.PARKED,
        _S.SHIPPED,
        _S.PARTLY_DELIVERED,
    }
)

# Goods that are on their way count as stock on order; an outcome that nobody knows counts too, so that a lost
# answer never leads to a second order.
ON_ORDER = LIVE

# What nobody but a person can end: the merchant's word or theirs.
IN_DOUBT = frozenset({_S.UNKNOWN, _S.PARKED})

# Over for good, and nothing was bought: but for what had come before a cancellation.
ENDED_UNBOUGHT = frozenset({_S.REJECTED, _S.CANCELLED, _S.EXPIRED})

ON_ITS_WAY = frozenset({_S.PLACED, _S.SHIPPED, _S.PARTLY_DELIVERED})
SAID_BY_HOUSEHOLD = "said_by_household"
SETTLED_BY_HOUSEHOLD = "settled_by_household"
CANCELLED_BY_HOUSEHOLD = "cancelled_by_household"
CANCELLED_BY_MERCHANT = "cancelled_by_merchant"
PARTLY_REFUNDED = "partly_refunded"
OTHER_CURRENCY = "other_currency"

ARRIVAL_CONFIRMED_AFTER = timedelta(hours=12)
# Shares of the ordered amount that a refill must have to be the order's arrival. One bottle from the shop is none; and
# where the merchant has not said that it sent anything, the refill must fit the order.
_ARRIVAL_SHARE_SHIPPED = 0.4
_ARRIVAL_SHARE_PLACED = 0.8


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """One leave to buy and what became of it.

    `amount` is what the order adds to the stock, in the item's unit. `arrived_at` is when a sensor saw a refill that
    fits: proposed then, confirmed by the merchant, a person, or `ARRIVAL_CONFIRMED_AFTER`.

    `facts` is what the merchant told since; `delivered_at` and `returned_at` are when its packs last rose.
    `problem_word` is what a person said of an order that was refused, `withdrawn_for` why this hub took it back.
    """

    id: IntentId
    prompt: PromptId
    item: ItemId
    state: IntentState
    version: int
    merchant: str
    quantity: int
    amount: float
    total_minor: int
    currency: str
    created_at: datetime
    changed_at: datetime
    merchant_order_id: str | None = None
    charged_minor: int | None = None
    detail: str | None = None
    handoff_url: str | None = None
    arrived_at: datetime | None = None
    facts: OrderFacts = NOTHING_TOLD
    delivered_at: datetime | None = None
    returned_at: datetime | None = None
    problem_word: str | None = None
    withdrawn_for: str | None = None


@dataclass(frozen=True, slots=True)
class IntentChange:
    """A step of one intent; applied only if `seen_version` still stands."""

    seen_version: int
    after: IntentRecord


def step(
    intent: IntentRecord,
    state: IntentState,
    *,
    at: datetime,
    merchant_order_id: str | None = None,
    charged_minor: int | None = None,
    currency: str | None = None,
    detail: str | None = None,
    handoff_url: str | None = None,
    facts: OrderFacts = NOTHING_TOLD,
) -> IntentChange | None:
    """The change to `state`, or None where it says nothing new or would go back.

    The same state with another detail is news: an order that is held waits for its merchant. So is an address to
    finish it at: an order that was taken over from the bridge has none at first. New facts are news in any state, also
    where the message would lower it. A charge in another `currency` than was agreed to is no amount of this order: it
    is told in the detail, and never counted, and neither is what was paid back of it.
    """
    if currency is not None and currency != intent.currency:
        charged_minor, detail, facts = None, OTHER_CURRENCY, replace(facts, refunded_minor=None)
    known = merged(intent.facts, facts)
    moves = state in TRANSITIONS[intent.state]
    says_more = _is_news(intent, state, detail=detail, handoff_url=handoff_url)
    if not moves and not says_more and (known == intent.facts or not TRANSITIONS[intent.state]):
        return None
    after = _with_facts(intent, known, at=at)
    if not moves and not says_more:
        return IntentChange(intent.version, replace(after, version=intent.version + 1))
    after = replace(
        after,
        state=state,
        version=intent.version + 1,
        # What is only told more of has stood where it does for as long as before.
        changed_at=at if moves or known == intent.facts else intent.changed_at,
        merchant_order_id=merchant_order_id or intent.merchant_order_id,
        charged_minor=charged_minor if charged_minor is not None else intent.charged_minor,
        detail=detail,
        handoff_url=handoff_url,
    )
    return IntentChange(seen_version=intent.version, after=after)


def _with_facts(intent: IntentRecord, known: OrderFacts, *, at: datetime) -> IntentRecord:
    came = has_risen(intent.facts.delivered_quantity, known.delivered_quantity)
    back = has_risen(intent.facts.returned_quantity, known.returned_quantity)
    return replace(
        intent,
        facts=known,
        delivered_at=at if came else intent.delivered_at,
        returned_at=at if back else intent.returned_at,
    )


def _is_news(intent: IntentRecord, state: IntentState, *, detail: str | None, handoff_url: str | None) -> bool:
    """Whether the same state is told with something that was not known; why an order was cancelled stands."""
    if state is _S.CANCELLED and detail != PARTLY_REFUNDED:
        return False
    says_more = (detail is not None and detail != intent.detail) or (
        handoff_url is not None and handoff_url != intent.handoff_url
    )
    return state is intent.state and bool(TRANSITIONS[state]) and says_more


def arrived(intent: IntentRecord, *, now: datetime) -> IntentChange:
    """A person says that the goods are here.

    Raises: RefusedError when the order was not on its way.
    """
    return _said(intent, _S.DELIVERED, from_states=ON_ITS_WAY | {_S.NEVER_ARRIVED}, now=now)


def never_came(intent: IntentRecord, *, now: datetime) -> IntentChange:
    """A person says that the goods did not come.

    Raises: RefusedError when the order was not on its way.
    """
    return _said(intent, _S.NEVER_ARRIVED, from_states=ON_ITS_WAY, now=now)


def _said(
    intent: IntentRecord, state: IntentState, *, from_states: frozenset[IntentState], now: datetime
) -> IntentChange:
    came = OrderFacts(delivered_quantity=intent.quantity if state is _S.DELIVERED else None)
    change = step(intent, state, at=now, detail=SAID_BY_HOUSEHOLD, facts=came) if intent.state in from_states else None
    if change is None:
        raise RefusedError(
            say("order {id} is {state}: nothing can be said of its delivery", id=intent.id, state=word(intent.state))
        )
    return change


def saw_arrival(
    intent: IntentRecord, *, at: datetime, amount: float, before: datetime | None = None
) -> IntentChange | None:
    """A sensor saw `amount` more at `at`: noted where it can be these goods, and closed by `confirm_arrival`.

    A refill before the order was under way, or one that is too small for it, was bought elsewhere. Where the old level
    was last seen `before` the order was made, nobody knows which side of it the goods came: that proves nothing.
    """
    share = {_S.PLACED: _ARRIVAL_SHARE_PLACED, _S.SHIPPED: _ARRIVAL_SHARE_SHIPPED, _S.DELIVERED: _ARRIVAL_SHARE_SHIPPED}
    if intent.state not in share or intent.arrived_at is not None or amount < share[intent.state] * intent.amount:
        return None
    # What a merchant calls delivered may have been put away a day before its word came.
    since = intent.created_at if intent.state is _S.DELIVERED else intent.changed_at
    if at < since or (before is not None and before < intent.created_at):
        return None
    after = replace(intent, version=intent.version + 1, arrived_at=at)
    return IntentChange(seen_version=intent.version, after=after)


def confirm_arrival(intent: IntentRecord, *, now: datetime) -> IntentChange | None:
    """Close as delivered an order whose goods were seen and have stayed."""
    if intent.arrived_at is None or now < intent.arrived_at + ARRIVAL_CONFIRMED_AFTER:
        return None
    return step(intent, _S.DELIVERED, at=now, detail="seen_by_sensor")
