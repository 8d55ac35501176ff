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
from edge_agent.core.said import Said, say

MODES = {
    "shadow": (say("Watching"), say("Never asks and never orders; only notes what it would have done.")),
    "ask": (say("Asks first"), say("You are asked before anything is ordered.")),
    "auto": (
        say("By mandate"),
        say("Ordered by itself inside a mandate of this home; where no mandate covers it, you are asked."),
    ),
}

# What becomes of an order whose answer got lost, by the merchant's class; "": the order service has not told it yet.
MERCHANT_CLASSES = {
    "A": say("If an answer gets lost, the order is sent again, and the merchant makes it once."),
    "B": say("If an answer gets lost, the order is looked up at the merchant before anything is sent again."),
    "C": say("If an answer gets lost, nobody but you can tell whether it was ordered; no mandate orders here."),
    "": say("The order service has not told anything of this merchant yet."),
}

# (one, several, what they may do)
ROLES: dict[Role, tuple[str, str, str]] = {
    Role.OWNER: (
        say("Owner"),
        say("Owners"),
        say("decides who may do what, gives mandates, and all that a member may."),
    ),
    Role.MEMBER: (say("Member"), say("Members"), say("answers questions, cancels orders, stops mandates.")),
    Role.GUEST: (say("Guest"), say("Guests"), say("looks, and approves up to the guests' limit.")),
    Role.CHILD: (say("Child"), say("Children"), say("looks, and approves up to the children's limit.")),
}

# (short name, what it means, tone)
MANDATE_STATES: dict[MandateState, tuple[str, str, str]] = {
    MandateState.PROPOSED: (
        say("Waits for a second person"),
        say("Nothing is ordered by it until somebody else agrees."),
        "look",
    ),
    MandateState.ACTIVE: (say("Active"), say("Orders inside these limits are made without asking."), "good"),
    MandateState.PAUSED: (say("Paused"), say("Nothing is ordered by it until it is resumed."), "look"),
    MandateState.REVOKED: (say("Revoked"), say("It is over for good."), "over"),
    MandateState.EXPIRED: (say("Ended"), say("Its last day has passed."), "over"),
    MandateState.DECLINED: (say("Declined"), say("The second person did not agree; it never began."), "over"),
}

FREQUENCIES: dict[Frequency, str] = {
    Frequency.DAILY: say("a day"),
    Frequency.WEEKLY: say("a week"),
    Frequency.BIWEEKLY: say("two weeks"),
    Frequency.MONTHLY: say("a month"),
    Frequency.QUARTERLY: say("a quarter"),
    Frequency.ANNUALLY: say("a year"),
}

LEDGER_STATES: dict[LedgerState, str] = {
    LedgerState.RESERVED: say("set aside"),
    LedgerState.SPENT: say("spent"),
    LedgerState.RELEASED: say("given back: not bought"),
    LedgerState.CREDITED: say("given back: refunded"),
}

# Why something left the home, and what such a message holds.
PURPOSES: dict[str, tuple[str, str]] = {
    "order": (
        say("An order"),
        say(
            "Article, quantity, prices and ceiling, the delivery address by name, a day, random numbers, and an id "
            "that is different at each merchant. Not the stock, not the reason, not who approved."
        ),
    ),
    "order_status": (say("News of orders"), say("A question without content, under this household's id.")),
    "prices": (
        say("Today's prices"),
        say(
            "The article numbers of all products of one merchant, whether or not anything is low, and the name of the "
            "delivery address."
        ),
    ),
    "cancel": (say("An order taken back"), say("The number of the order, signed.")),
    "settle": (say("What you found out"), say("The number of the order, and whether the merchant has it.")),
    "head": (
        say("A look at both ends"),
        say("How many orders this hub has handed over: finds a restored or copied hub."),
    ),
    "notify": (
        say("A message to one of you"),
        say("That questions wait, until when, and a link that works once. Not which goods, unless you allowed that."),
    ),
    "mail": (
        say("A mail to one of you"),
        say("That questions wait, until when, and a link that works once. Not which goods, unless you allowed that."),
    ),
    "product": (
        say("A question about a product"),
        say("The number under a bar code, and the address that this hub gives as its contact. Not who asks."),
    ),
    "traces": (
        say("How the hub works"),
        say("When an order was approved and sent, and how long that took. Not which goods, no amounts, no names."),
    ),
}

# (value, short name, what it means)
HOLDINGS = (
    ("run_out_rarely", say("Run out rarely"), say("Orders earlier and keeps more at home.")),
    ("balanced", say("Balanced"), say("Neither often without, nor much in the cupboard.")),
    ("hold_little", say("Hold little"), say("Orders later and keeps less; you may be without for a day now and then.")),
)
BUDGET_PERIODS = (
    ("WEEKLY", say("week")),
    ("BIWEEKLY", say("two weeks")),
    ("MONTHLY", say("month")),
    ("QUARTERLY", say("three months")),
    ("ANNUALLY", say("year")),
)
STAYS = {"away": say("Away"), "guests": say("Guests")}

# what is held: (name, what it is); in the order of the page
HELD_KINDS: dict[str, tuple[str, str]] = {
    "reading": (say("Readings"), say("What the sensors said, one by one.")),
    "reading_summary": (
        say("Sums of readings by day"),
        say("What is left of readings that are too old to keep one by one."),
    ),
    "quarantine": (say("Messages kept apart"), say("What devices said and the hub did not believe, with the reason.")),
    "message": (say("Messages"), say("From which device, and when; that a message is not counted twice.")),
    "device": (say("Devices"), say("Their names, and when they were last heard.")),
    "stock_event": (
        say("What you said of stocks"),
        say("Counted, bought elsewhere, thrown away, opened, taken in or out."),
    ),
    "stock": (say("Estimates of stocks"), say("What the hub makes of readings and of what you said.")),
    "price": (say("Prices"), say("Of the products that are bound to items.")),
    "prompt": (say("Questions"), say("What was asked, on which terms, and who answered.")),
    "intent": (say("Orders"), say("What was ordered, and what became of it.")),
    "shadow_order": (say("Orders that were only imagined"), say("Of items in “Watching”.")),
    "decision_bundle": (say("What questions rested on"), say("To look into a decision afterwards.")),
    "authority": (say("Approvals"), say("Signed: who allowed which order. Never deleted.")),
    "mandate": (say("Mandates"), say("Signed: what may be ordered unasked. Never deleted.")),
    "ledger": (say("The books of mandates"), say("What each order used of a budget. Never deleted.")),
    "policy": (say("Rules"), say("Signed: who may approve how much. Never deleted.")),
    "audit": (
        say("The audit log"),
        say(
            "What was done and by whom, linked so that nothing is taken out unnoticed. Not deleted here; the hub seals "
            "and folds its oldest part when it grows long."
        ),
    ),
    "egress": (say("What left the home"), say("Every message, written down before it was sent.")),
    "product_hint": (
        say("Hints about products"),
        say("What Open Food Facts tells of them, from a file or asked for a bar code, under the ODbL."),
    ),
    "account": (say("People"), say("Their names and roles; passwords are kept as hashes only.")),
    "api_token": (say("Tokens of programs"), say("For whom, and when each was used; kept as hashes only.")),
    "notice_channel": (
        say("Ways to reach you"),
        say("Whose, and of which kind. Their addresses may hold a key and are not in the export."),
    ),
    "notice_receipt": (say("Receipts of messages"), say("Whether a message about a question or an order arrived.")),
    "notice_sent": (say("Messages about questions"), say("To whom, by which way, and when; not what they said.")),
    "notice_link": (say("Links in messages"), say("For which questions, and until when. No link itself is kept.")),
}
OTHER_KIND = (say("Inner bookkeeping"), say("Places in lists, sign-ins, throttles and seals; not in the export."))

DECLINE_REASONS = {
    DeclineReason.HAVE_SPARE: say("We have a spare"),
    DeclineReason.TOO_DEAR: say("Too dear"),
    DeclineReason.NOT_NOW: say("Not now"),
    DeclineReason.WRONG_PRODUCT: say("Wrong product"),
    DeclineReason.GOING_AWAY: say("We are going away"),
}

PROMPT_STATES = {
    PromptState.OPEN: say("Waiting for your answer"),
    PromptState.SNOOZED: say("Put off"),
    PromptState.APPROVED: say("Approved"),
    PromptState.DECLINED: say("Declined"),
    PromptState.EXPIRED: say("Ended: the offer ran out before an answer"),
    PromptState.WITHDRAWN: say("Withdrawn: no longer needed"),
}

# (short name, what it means, tone). Tones: "going", "good", "look" (a person should look), "over".
INTENT_STATES: dict[IntentState, tuple[str, str, str]] = {
    IntentState.APPROVED: (say("Approved"), say("Leave to buy is given; it waits here to be sent."), "going"),
    IntentState.HELD: (say("Held"), say("The order service has it and waits a moment before it orders."), "going"),
    IntentState.SENDING: (say("Sending"), say("It is being placed with the merchant."), "going"),
    IntentState.PLACED: (say("Placed"), say("The merchant has confirmed the order."), "going"),
    IntentState.SHIPPED: (say("Shipped"), say("It is on its way."), "going"),
    IntentState.DELIVERED: (say("Delivered"), say("The goods are here."), "good"),
    IntentState.REJECTED: (say("Not ordered"), say("The order was not taken. Nothing was bought."), "over"),
    IntentState.NEEDS_BUYER: (
        say("Needs you"),
        say("The merchant wants you to finish the order on its own page."),
        "look",
    ),
    IntentState.UNKNOWN: (
        say("Being checked"),
        say("No clear answer came. It is being looked up, never sent twice."),
        "look",
    ),
    IntentState.NOT_PLACED: (say("Not placed yet"), say("Looked up: the merchant does not have it yet."), "going"),
    IntentState.PARKED: (
        say("Please check"),
        say("Nobody knows if it was ordered. Ask the merchant; it is not resent."),
        "look",
    ),
    IntentState.CANCELLED: (say("Cancelled"), say("Nothing will come of this order."), "over"),
    IntentState.EXPIRED: (say("Ended"), say("The offer ran out before it could be sent. Nothing was bought."), "over"),
    IntentState.PARTLY_DELIVERED: (say("Partly delivered"), say("Some of the goods are here."), "look"),
    IntentState.NEVER_ARRIVED: (say("Never arrived"), say("Ask the merchant for a refund or a new delivery."), "look"),
    IntentState.RETURNED: (say("Returned"), say("The goods went back."), "over"),
    IntentState.REFUNDED: (say("Refunded"), say("The money came back."), "over"),
}

# The same for what was put on a list that the household shops from, where it reads differently there.
LIST_STATES: dict[IntentState, tuple[str, str, str]] = {
    IntentState.APPROVED: (say("Approved"), say("Leave is given; it waits here to be sent to the list."), "going"),
    IntentState.HELD: (
        say("Held"),
        say("The order service has it and waits a moment before it is put there."),
        "going",
    ),
    IntentState.SENDING: (say("Sending"), say("It is being put on the list."), "going"),
    IntentState.PLACED: (
        say("On the list"),
        say("It stands there until somebody ticks it off or takes it off. Nothing is ordered or paid."),
        "going",
    ),
    IntentState.DELIVERED: (say("Bought"), say("It was ticked off on the list."), "good"),
    IntentState.REJECTED: (say("Not on the list"), say("It was not put there. Nothing was bought."), "over"),
    IntentState.NOT_PLACED: (say("Not on the list yet"), say("Looked up: it is not there yet."), "going"),
    IntentState.PARKED: (
        say("Please check"),
        say("Nobody knows if it is on the list. Look there; it is not put there again."),
        "look",
    ),
    IntentState.CANCELLED: (say("Taken off"), say("It is not on the list any more."), "over"),
    IntentState.EXPIRED: (say("Ended"), say("The offer ran out before it could be put on the list."), "over"),
}

_UNREADABLE = say("the order service could not read the order")
INTENT_DETAILS = {
    "terms_changed": say("the price or delivery was no longer what you agreed to"),
    "terms_refused": say("the order service does not allow these terms (merchant, address, currency or sum)"),
    "charged_above_limit": say("the merchant charged more than the most that you agreed to: ask it for the difference"),
    "offer_expired": say("the offer ended before it could be ordered"),
    "withdrawn": say("it was taken back before the order service had it"),
    "leave_invalid": say("the order service could not verify your leave to buy"),
    "malformed": _UNREADABLE,
    "bad_request": _UNREADABLE,
    "gone": say("the order service no longer takes such orders"),
    "no_problem_document": say("the order service did not say why"),
    "conflict": say("the order service holds another order under the same number"),
    "internal": say("a fault in the order service; it tries again"),
    "out_of_stock": say("the merchant has none left"),
    "item_unavailable": say("the merchant does not sell this product, or not now"),
    "address_undeliverable": say("the merchant does not deliver to your address"),
    "payment_failed": say("the payment did not go through"),
    "merchant_refused": say("the merchant refused it"),
    "merchant_away": say("the merchant could not be reached"),
    "session_closed": say("the merchant ended the purchase before it was complete"),
    "interrupted": say("the order service stopped while the order was being placed"),
    "no_answer": say("the merchant gave no clear answer"),
    "in_progress": say("the merchant is still working on it"),
    "not_placed": say("the merchant was asked and has no such order"),
    "buyer_did_not_finish": say("it was not finished on the merchant's page in time"),
    "cancelled_by_merchant": say("the merchant cancelled it"),
    "cancelled_by_household": say("you cancelled it"),
    "bought_elsewhere": say("this hub took it back by itself: the goods were bought elsewhere meanwhile"),
    "partly_returned": say("a part of it went back to the merchant"),
    "partly_refunded": say("a part of the price was paid back"),
    "seen_by_sensor": say("the sensor saw the refill"),
    "taken_over": say("this hub was put back from a backup and has heard of this order from the order service"),
    "overtaken": say(
        "it was approved while this hub, put back from a backup, had forgotten other orders: it was not sent"
    ),
    "closed_since_backup": say(
        "this hub was put back from a backup, and had closed this order before it made the next one"
    ),
    "said_by_household": say("you said so"),
    "settled_by_household": say("you looked at the merchant and said so"),
    "held_too_long": say("it was held for so long that it could no longer be sent safely"),
    "household_frozen": say("the order service has stopped orders of this household until its operator has looked"),
    "found_at_merchant": say("the merchant was asked and has it"),
    "another_order_shown": say("the merchant showed another order in its place"),
    "other_currency": say("the merchant charged in another currency than you agreed to: look at your bank"),
    "mandate_refused": say("this merchant takes no orders by mandate"),
    "forked": say("two hubs use this household's number: the order service has stopped"),
    "behind": say("this hub did not know all that the order service has of it: it compares, and sends again"),
    "frozen": say("the order service has stopped orders of this household until its operator has looked"),
}

_BRIDGE_TROUBLE = (  # by a part of what went wrong
    ("Timeout", say("It does not answer in time.")),
    ("ConnectError", say("Nothing answers at its address: it is switched off, or the way there is cut.")),
    ("refused", say("Nothing answers at its address: it is switched off, or the way there is cut.")),
    ("the bridge answered 5", say("It has a fault of its own.")),
    ("the bridge answered 401", say("It does not know this hub, or its key.")),
    ("the bridge answered 403", say("It does not know this hub, or its key.")),
    ("the gate out is closed", say("This hub is just starting or stopping.")),
    ("Error", say("The connection broke off.")),
)

QUARANTINE_REASONS = {
    QuarantineReason.UNKNOWN_DEVICE: say("No profile fits this device, or it has not said what it is"),
    QuarantineReason.MALFORMED: say("The message cannot be read"),
    QuarantineReason.TOO_LARGE: say("The message is too large"),
    QuarantineReason.WRONG_UNIT: say("A value came in a unit that the profile does not know"),
    QuarantineReason.OUT_OF_RANGE: say("A value is outside what the device can measure"),
    QuarantineReason.WRONG_TIME: say("The device's clock is far off"),
    QuarantineReason.HUB_CLOCK: say("The hub's own clock was in doubt; it is looked at again when that is over"),
    QuarantineReason.RETAINED: say("An old reading that the broker had kept"),
    QuarantineReason.DEVICE_MISMATCH: say("The topic and the message name different devices"),
    QuarantineReason.FLOODING: say("The device sent more than is taken; what it sent right after is not kept either"),
    QuarantineReason.SEQUENCE_CONFLICT: say("A different message came under a number already used"),
}

_LARGER_UNIT = {"g": "kg", "mL": "L"}
_WHOLE_FROM = 20.0  # below it the first decimal tells something


def amount(value: float, unit: str) -> Said:
    """An amount in a UCUM unit as a person reads it: `412 g`, `1.24 kg`, `35 %`, `15.8 kg`, `3 cycles`."""
    if unit in _LARGER_UNIT and abs(value) >= 1_000:
        return _with_unit(f"{value / 1_000:.2f}".rstrip("0").rstrip("."), _LARGER_UNIT[unit])
    number = f"{value:.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.1f}".removesuffix(".0")
    return _counted(number, unit.strip("{}")) if unit.startswith("{") else _with_unit(number, unit)


def amounts(low: float, high: float, unit: str) -> Said:
    """From one amount to another, and one where both read the same: `15.8 kg to 16.2 kg`, `16 kg`."""
    first, last = amount(low, unit), amount(high, unit)
    return first if first == last else say("{low} to {high}", low=first, high=last)


def bridge_trouble(error: str) -> Said:
    """Why the order service gives no answer, for a household; the details are for whoever runs the hub, in its log."""
    found = next((words for part, words in _BRIDGE_TROUBLE if part in error), None)
    return found or say("It gave no answer that can be used.")


def exactly(value: float, unit: str) -> Said:
    """An amount that was agreed on, not estimated, with every digit that was agreed on: `1,035 g`."""
    return _with_unit(f"{Decimal(repr(value)).normalize():,f}", unit)


def trust(score: float) -> Said:
    """How far a sensor, or a count, can be believed, in one word."""
    if score >= 0.75:
        return say("high")
    return say("fair") if score >= 0.4 else say("low")


def readable(text: str) -> str:
    """`text` without characters that are invisible or turn the reading direction: each becomes a visible mark.

    The two joiners stay: several scripts and emoji need them.
    """
    return "".join(_visible(char) for char in text)


def _with_unit(number: str, unit: str) -> Said:
    return say("{number} {unit}", number=number, unit=unit) if unit else say("{number}", number=number)


def _counted(number: str, noun: str) -> Said:
    """An amount in a unit that is counted; one that is not in the list keeps its own name."""
    match noun:
        case "cycle":
            return say("{number} cycles", number=number)
        case "page":
            return say("{number} pages", number=number)
        case "pad":
            return say("{number} pads", number=number)
        case "piece":
            return say("{number} pieces", number=number)
        case "pack":
            return say("{number} packs", number=number)
        case _:
            return say("{number} {unit}", number=number, unit=f"{noun}s")


def _visible(char: str) -> str:
    if char in "\n\u200c\u200d":
        return char
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in {"Cc", "Cf", "Co", "Cs"} else char
