"""What a run amounted to: pure arithmetic on the reports and logs of those who took part.

The hub and the bridge count their own stores, the merchant's orders come from its own database, and what was approved
from the simulated household's log. Nothing here reads a file or a clock.

- lost: a reading that a device saw acknowledged and the hub does not hold; an approval that left no intent; an intent
  in a state that nobody knows; an order number that the merchant does not know, or that two intents claim.
- doubled: a merchant order beyond the first of one intent.
- unauthorised: a merchant order that no intent claims; an intent beyond what the household approved for its item, or
  approved by somebody else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_sim.household import DONE, Answer
from firmware_sim.merchant import MerchantOrder

KNOWN_STATES = frozenset(
    {
        "approved",
        "held",
        "sending",
        "placed",
        "rejected",
        "needs_buyer",
        "unknown",
        "not_placed",
        "parked",
        "cancelled",
        "expired",
        "shipped",
        "delivered",
        "partly_delivered",
        "never_arrived",
        "returned",
        "refunded",
    }
)


@dataclass(frozen=True, slots=True)
class BootCount:
    """What one device counted since one of its starts.

    `published` is its highest sequence number, `promised_up_to` the highest that the hub acknowledged; 0: none.
    """

    device: str
    boot: str
    published: int
    promised_up_to: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that is known after a run."""

    hub: Mapping[str, Any]
    bridge: Mapping[str, Any]
    merchant_orders: Sequence[MerchantOrder]
    answers: Sequence[Answer]
    owner: str
    boots: Sequence[BootCount]
    published_unsequenced: int


@dataclass(frozen=True, slots=True)
class ReadingCount:
    """Readings with a sequence: sent, acknowledged, held by the hub, and acknowledged but not held."""

    published: int
    acknowledged: int
    stored: int
    lost: int


@dataclass(frozen=True, slots=True)
class OrderCount:
    """Orders that should not be, and approvals that came to nothing."""

    doubled: int
    lost: int
    unauthorised: int


def summarise(outcome: Outcome) -> dict[str, Any]:
    """The counts of a run, ready for JSON."""
    readings, orders = count_readings(outcome), count_orders(outcome)
    quarantined = dict(outcome.hub["quarantined"])
    return {
        "readings_published": readings.published,
        "readings_acknowledged": readings.acknowledged,
        "readings_stored": readings.stored,
        "readings_lost": readings.lost,
        "unsequenced_published": outcome.published_unsequenced,
        "unsequenced_stored": sum(outcome.hub["unsequenced"].values()),
        "quarantined": sum(quarantined.values()),
        "quarantined_by_reason": quarantined,
        "prompts": dict(outcome.hub["prompts"]),
        "answers": dict(Counter(answer.action for answer in outcome.answers if answer.status == DONE)),
        "answers_refused": sum(answer.status != DONE for answer in outcome.answers),
        "intents": dict(Counter(intent["state"] for intent in outcome.hub["intents"])),
        "merchant_orders": len(outcome.merchant_orders),
        "merchant_orders_by_sku": dict(Counter(order.sku for order in outcome.merchant_orders)),
        "doubled": orders.doubled,
        "lost": readings.lost + orders.lost,
        "unauthorised": orders.unauthorised,
        "audit_ok": bool(outcome.hub["audit_ok"]),
    }


def exit_code(summary: Mapping[str, Any]) -> int:
    """0 when nothing was lost, doubled or unauthorised, and the audit chain holds; else 1."""
    faults = summary["lost"] + summary["doubled"] + summary["unauthorised"]
    return 0 if faults == 0 and summary["audit_ok"] else 1


def count_readings(outcome: Outcome) -> ReadingCount:
    """Compare what each device saw acknowledged with what the hub holds.

    An acknowledgement covers everything from the first sequence number that the hub saw.
    """
    acknowledged = lost = 0
    for boot in outcome.boots:
        held = outcome.hub["messages"].get(boot.device, {}).get(boot.boot, [])
        promised = _promised(boot, held)
        acknowledged += len(promised)
        lost += len(promised) - _covered(promised, held)
    return ReadingCount(
        published=sum(boot.published for boot in outcome.boots),
        acknowledged=acknowledged,
        stored=sum(
            last - first + 1
            for boots in outcome.hub["messages"].values()
            for ranges in boots.values()
            for first, last in ranges
        ),
        lost=lost,
    )


def count_orders(outcome: Outcome) -> OrderCount:
    """Compare the merchant's orders with the intents, and the intents with what the household approved."""
    claims = _claims(outcome)
    numbers = {order.id for order in outcome.merchant_orders}
    claimed = Counter(number for found in claims.values() for number in found & numbers)
    beyond_one = sum(max(0, len(found & numbers) - 1) for found in claims.values())
    shared = sum(times - 1 for times in claimed.values())
    return OrderCount(
        doubled=beyond_one,
        lost=_missing_intents(outcome) + _unknown_states(outcome) + _vanished_orders(claims, numbers) + shared,
        unauthorised=len(numbers - claimed.keys()) + _unapproved_intents(outcome),
    )


def _promised(boot: BootCount, held: Sequence[Sequence[int]]) -> range:
    first_held = min((first for first, _ in held), default=1)
    return range(first_held, boot.promised_up_to + 1)


def _covered(wanted: range, held: Sequence[Sequence[int]]) -> int:
    """How many of `wanted` lie in the ranges, which do not overlap."""
    return sum(max(0, min(last + 1, wanted.stop) - max(first, wanted.start)) for first, last in held)


def _claims(outcome: Outcome) -> dict[str, set[str]]:
    """Intent id -> the merchant's order numbers that hub and bridge know for it."""
    claims: defaultdict[str, set[str]] = defaultdict(set)
    for intent in outcome.hub["intents"]:
        claims[intent["id"]].update(_present(intent["merchant_order_id"]))
    for order in outcome.bridge["orders"]:
        claims[order["intent_id"]].update(_present(order["merchant_order_id"]))
    return dict(claims)


def _present(number: str | None) -> Iterable[str]:
    return () if number is None else (number,)


def _vanished_orders(claims: Mapping[str, set[str]], numbers: set[str]) -> int:
    """Order numbers that somebody was given and the merchant does not know."""
    return len(set().union(*claims.values()) - numbers)


def _unknown_states(outcome: Outcome) -> int:
    return sum(intent["state"] not in KNOWN_STATES for intent in outcome.hub["intents"])


def _missing_intents(outcome: Outcome) -> int:
    """Approvals that the page took and that left no intent."""
    taken = Counter(answer.item for answer in outcome.answers if answer.action == "approve" and answer.status == DONE)
    return (taken - _intents_by_item(outcome)).total()


def _unapproved_intents(outcome: Outcome) -> int:
    """Intents beyond the approvals; an approval without an answer may have counted, once for its prompt."""
    prompts = {
        (answer.item, answer.prompt)
        for answer in outcome.answers
        if answer.action == "approve" and answer.status in {DONE, None}
    }
    approvals = Counter(item for item, _ in prompts)
    foreign = sum(bool(intent["approved_by"] != outcome.owner) for intent in outcome.hub["intents"])
    known = {intent["id"] for intent in outcome.hub["intents"]}
    unheard_of = sum(order["intent_id"] not in known for order in outcome.bridge["orders"])
    return (_intents_by_item(outcome) - approvals).total() + foreign + unheard_of


def _intents_by_item(outcome: Outcome) -> Counter[str]:
    return Counter(intent["item"] for intent in outcome.hub["intents"])
