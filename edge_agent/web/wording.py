"""The words that the household reads for every closed list of the core, and for amounts.

Nothing here decides. A code that is not in a list is shown as it is, so that nothing is hidden.
"""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from edge_agent.core.intent import IntentState
from edge_agent.core.leave.draw import LedgerState
from edge_agent.core.leave.mandate import MandateState
from edge_agent.core.leave.period import Frequency
from edge_agent.core.messages import QuarantineReason
from edge_agent.core.people import Role
from edge_agent.core.prompt import DeclineReason, PromptState

MODES = {
    "shadow": ("Watching", "Never asks and never orders; only notes what it would have done."),
    "ask": ("Asks first", "You are asked before anything is ordered."),
    "auto": (
        "By mandate",
        "Ordered by itself inside a mandate of this home; where no mandate covers it, you are asked.",
    ),
}

# (one, several, what they may do)
ROLES: dict[Role, tuple[str, str, str]] = {
    Role.OWNER: ("Owner", "Owners", "decides who may do what, gives mandates, and all that a member may."),
    Role.MEMBER: ("Member", "Members", "answers questions, cancels orders, stops mandates."),
    Role.GUEST: ("Guest", "Guests", "looks, and approves up to the guests' limit."),
    Role.CHILD: ("Child", "Children", "looks, and approves up to the children's limit."),
}

# (short name, what it means, tone)
MANDATE_STATES: dict[MandateState, tuple[str, str, str]] = {
    MandateState.PROPOSED: (
        "Waits for a second person",
        "Nothing is ordered by it until somebody else agrees.",
        "look",
    ),
    MandateState.ACTIVE: ("Active", "Orders inside these limits are made without asking.", "good"),
    MandateState.PAUSED: ("Paused", "Nothing is ordered by it until it is resumed.", "look"),
    MandateState.REVOKED: ("Revoked", "It is over for good.", "over"),
    MandateState.EXPIRED: ("Ended", "Its last day has passed.", "over"),
    MandateState.DECLINED: ("Declined", "The second person did not agree; it never began.", "over"),
}

FREQUENCIES: dict[Frequency, str] = {
    Frequency.DAILY: "a day",
    Frequency.WEEKLY: "a week",
    Frequency.BIWEEKLY: "two weeks",
    Frequency.MONTHLY: "a month",
    Frequency.QUARTERLY: "a quarter",
    Frequency.ANNUALLY: "a year",
}

LEDGER_STATES: dict[LedgerState, str] = {
    LedgerState.RESERVED: "set aside",
    LedgerState.SPENT: "spent",
    LedgerState.RELEASED: "given back: not bought",
    LedgerState.CREDITED: "given back: refunded",
}

# Why something left the home, and what such a message holds.
PURPOSES: dict[str, tuple[str, str]] = {
    "order": (
        "An order",
        (
            "Article, quantity, prices and ceiling, the delivery address by name, a day, random numbers, and an id "
            "that is different at each merchant. Not the stock, not the reason, not who approved."
        ),
    ),
    "order_status": ("News of orders", "A question without content, under this household's id."),
    "prices": (
        "Today's prices",
        (
            "The article numbers of all products of one merchant, whether or not anything is low, and the name of the "
            "delivery address."
        ),
    ),
    "cancel": ("An order taken back", "The number of the order, signed."),
    "settle": ("What you found out", "The number of the order, and whether the merchant has it."),
    "head": ("A look at both ends", "How many orders this hub has handed over: finds a restored or copied hub."),
}

DECLINE_REASONS = {
    DeclineReason.HAVE_SPARE: "We have a spare",
    DeclineReason.TOO_DEAR: "Too dear",
    DeclineReason.NOT_NOW: "Not now",
    DeclineReason.WRONG_PRODUCT: "Wrong product",
    DeclineReason.GOING_AWAY: "We are going away",
}

PROMPT_STATES = {
    PromptState.OPEN: "Waiting for your answer",
    PromptState.SNOOZED: "Put off",
    PromptState.APPROVED: "Approved",
    PromptState.DECLINED: "Declined",
    PromptState.EXPIRED: "Ended: the offer ran out before an answer",
    PromptState.WITHDRAWN: "Withdrawn: no longer needed",
}

# (short name, what it means, tone). Tones: "going", "good", "look" (a person should look), "over".
INTENT_STATES: dict[IntentState, tuple[str, str, str]] = {
    IntentState.APPROVED: ("Approved", "Leave to buy is given; it waits here to be sent.", "going"),
    IntentState.HELD: ("Held", "The order service has it and waits a moment before it orders.", "going"),
    IntentState.SENDING: ("Sending", "It is being placed with the merchant.", "going"),
    IntentState.PLACED: ("Placed", "The merchant has confirmed the order.", "going"),
    IntentState.SHIPPED: ("Shipped", "It is on its way.", "going"),
    IntentState.DELIVERED: ("Delivered", "The goods are here.", "good"),
    IntentState.REJECTED: ("Not ordered", "The order was not taken. Nothing was bought.", "over"),
    IntentState.NEEDS_BUYER: ("Needs you", "The merchant wants you to finish the order on its own page.", "look"),
    IntentState.UNKNOWN: ("Being checked", "No clear answer came. It is being looked up, never sent twice.", "look"),
    IntentState.NOT_PLACED: ("Not placed yet", "Looked up: the merchant does not have it yet.", "going"),
    IntentState.PARKED: (
        "Please check",
        "Nobody knows if it was ordered. Ask the merchant; it is not resent.",
        "look",
    ),
    IntentState.CANCELLED: ("Cancelled", "Nothing will come of this order.", "over"),
    IntentState.EXPIRED: ("Ended", "The offer ran out before it could be sent. Nothing was bought.", "over"),
    IntentState.PARTLY_DELIVERED: ("Partly delivered", "Some of the goods are here.", "look"),
    IntentState.NEVER_ARRIVED: ("Never arrived", "Ask the merchant for a refund or a new delivery.", "look"),
    IntentState.RETURNED: ("Returned", "The goods went back.", "over"),
    IntentState.REFUNDED: ("Refunded", "The money came back.", "over"),
}

_UNREADABLE = "the order service could not read the order"
INTENT_DETAILS = {
    "terms_changed": "the price or delivery was no longer what you agreed to",
    "terms_refused": "the order service does not allow these terms (merchant, address, currency or sum)",
    "charged_above_limit": "the merchant charged more than the most that you agreed to: ask it for the difference",
    "offer_expired": "the offer ended before it could be ordered",
    "withdrawn": "it was taken back before the order service had it",
    "leave_invalid": "the order service could not verify your leave to buy",
    "malformed": _UNREADABLE,
    "bad_request": _UNREADABLE,
    "gone": "the order service no longer takes such orders",
    "no_problem_document": "the order service did not say why",
    "conflict": "the order service holds another order under the same number",
    "internal": "a fault in the order service; it tries again",
    "out_of_stock": "the merchant has none left",
    "item_unavailable": "the merchant does not sell this product, or not now",
    "address_undeliverable": "the merchant does not deliver to your address",
    "payment_failed": "the payment did not go through",
    "merchant_refused": "the merchant refused it",
    "merchant_away": "the merchant could not be reached",
    "session_closed": "the merchant ended the purchase before it was complete",
    "interrupted": "the order service stopped while the order was being placed",
    "no_answer": "the merchant gave no clear answer",
    "in_progress": "the merchant is still working on it",
    "not_placed": "the merchant was asked and has no such order",
    "buyer_did_not_finish": "it was not finished on the merchant's page in time",
    "cancelled_by_merchant": "the merchant cancelled it",
    "cancelled_by_household": "you cancelled it",
    "seen_by_sensor": "the sensor saw the refill",
    "taken_over": "this hub was put back from a backup and has heard of this order from the order service",
    "overtaken": "it was approved while this hub, put back from a backup, had forgotten other orders: it was not sent",
    "closed_since_backup": "this hub was put back from a backup, and had closed this order before it made the next one",
    "said_by_household": "you said so",
    "settled_by_household": "you looked at the merchant and said so",
    "held_too_long": "it was held for so long that it could no longer be sent safely",
    "household_frozen": "the order service has stopped orders of this household until its operator has looked",
    "found_at_merchant": "the merchant was asked and has it",
    "another_order_shown": "the merchant showed another order in its place",
    "other_currency": "the merchant charged in another currency than you agreed to: look at your bank",
    "mandate_refused": "this merchant takes no orders by mandate",
    "forked": "two hubs use this household's number: the order service has stopped",
    "behind": "this hub did not know all that the order service has of it: it compares, and sends again",
    "frozen": "the order service has stopped orders of this household until its operator has looked",
}

_BRIDGE_TROUBLE = (  # by a part of what went wrong
    ("Timeout", "It does not answer in time."),
    ("ConnectError", "Nothing answers at its address: it is switched off, or the way there is cut."),
    ("refused", "Nothing answers at its address: it is switched off, or the way there is cut."),
    ("the bridge answered 5", "It has a fault of its own."),
    ("the bridge answered 401", "It does not know this hub, or its key."),
    ("the bridge answered 403", "It does not know this hub, or its key."),
    ("the gate out is closed", "This hub is just starting or stopping."),
    ("Error", "The connection broke off."),
)

QUARANTINE_REASONS = {
    QuarantineReason.UNKNOWN_DEVICE: "No profile fits this device, or it has not said what it is",
    QuarantineReason.MALFORMED: "The message cannot be read",
    QuarantineReason.TOO_LARGE: "The message is too large",
    QuarantineReason.WRONG_UNIT: "A value came in a unit that the profile does not know",
    QuarantineReason.OUT_OF_RANGE: "A value is outside what the device can measure",
    QuarantineReason.WRONG_TIME: "The device's clock is far off",
    QuarantineReason.HUB_CLOCK: "The hub's own clock was in doubt; it is looked at again when that is over",
    QuarantineReason.RETAINED: "An old reading that the broker had kept",
    QuarantineReason.DEVICE_MISMATCH: "The topic and the message name different devices",
    QuarantineReason.FLOODING: "The device sent more than is taken; what it sent right after is not kept either",
    QuarantineReason.SEQUENCE_CONFLICT: "A different message came under a number already used",
}

_LARGER_UNIT = {"g": "kg", "mL": "L"}
_WHOLE_FROM = 20.0  # below it the first decimal tells something


def amount(value: float, unit: str) -> str:
    """An amount in a UCUM unit as a person reads it: `412 g`, `1.24 kg`, `35 %`, `15.8 kg`, `3 cycles`."""
    if unit in _LARGER_UNIT and abs(value) >= 1_000:
        return f"{value / 1_000:.2f}".rstrip("0").rstrip(".") + f" {_LARGER_UNIT[unit]}"
    number = f"{value:.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.1f}".removesuffix(".0")
    if unit.startswith("{"):
        return f"{number} {unit.strip('{}')}s"
    return f"{number} {unit}".rstrip()


def amounts(low: float, high: float, unit: str) -> str:
    """From one amount to another, and one where both read the same: `15.8 kg to 16.2 kg`, `16 kg`."""
    ends = dict.fromkeys((amount(low, unit), amount(high, unit)))
    return " to ".join(ends)


def bridge_trouble(error: str) -> str:
    """Why the order service gives no answer, for a household; the details are for whoever runs the hub, in its log."""
    return next((words for part, words in _BRIDGE_TROUBLE if part in error), "It gave no answer that can be used.")


def exactly(value: float, unit: str) -> str:
    """An amount that was agreed on, not estimated, with every digit that was agreed on: `1,035 g`."""
    return f"{Decimal(repr(value)).normalize():,f} {unit}"


def trust(score: float) -> str:
    """How far the sensor can be believed, in one word."""
    if score >= 0.75:
        return "high"
    return "fair" if score >= 0.4 else "low"


def readable(text: str) -> str:
    """`text` without characters that are invisible or turn the reading direction: each becomes a visible mark.

    The two joiners stay: several scripts and emoji need them.
    """
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\n\u200c\u200d":
        return char
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cs"} else char
