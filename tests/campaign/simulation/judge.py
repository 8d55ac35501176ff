"""The oracle: the household's own log and the merchants' true ledgers, apart from the system, and what must hold.

What a household clicked is its leave; what it saw answered must not be lost; what a merchant sold is what was bought.
A fault is one line with the moment at which it showed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from cloud_bridge.core.order import IN_DOUBT, TRANSITIONS, Change, Detail, OrderRecord
from cloud_bridge.wire import OrderState

CURRENCY = "USD"
FAULTS_MAX = 20
_CLOCK_SLACK = timedelta(hours=2)  # how far the bridge's wall clock may be set wrong in a world


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that runs out: what it costs at its merchant, and when. Money in minor units."""

    sku: str
    merchant: str
    packs: int
    price_minor: int
    delivery_minor: int
    at_s: float


@dataclass(slots=True)
class Leave:
    """One approval as the household knows it. Money in minor units; `ceiling_minor` is its own reckoning."""

    intent: str
    sku: str
    item: str
    quantity: int
    ceiling_minor: int
    merchant: str
    seen: bool = False  # an answer was read: from now on it must not be lost
    cancelled: bool = False  # the bridge said that nothing was and will be sent
    bodies: set[bytes] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    first_sent_s: float | None = None
    words: int = 0  # how often the merchant has said something about this order


@dataclass(slots=True)
class Judge:
    """Collects what the oracles see. `where` says the seed and the step of now, `now_s` the true time."""

    where: Callable[[], str]
    now_s: Callable[[], float]
    leaves: dict[str, Leave] = field(default_factory=dict)  # by sku: each leave asks for a product of its own
    faults: list[str] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    _by_intent: dict[str, Leave] = field(default_factory=dict)
    _words_when_unknown: dict[str, int] = field(default_factory=dict)

    def fault(self, what: str) -> None:
        """Something that must not be; the first few are kept in words, all are counted."""
        self.tally["faults"] += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{what} [{self.where()}]")

    # the household's log

    def clicked(self, leave: Leave) -> None:
        """The household gives leave, now; whether it comes through is another matter."""
        self.leaves[leave.sku] = leave
        self._by_intent[leave.intent] = leave

    def signed(self, leave: Leave, *, ceiling_minor: int) -> None:
        """What is about to be signed for the household must be what it reckons itself."""
        if ceiling_minor != leave.ceiling_minor:
            self.fault(f"{leave.sku}: the terms allow {ceiling_minor}, the household reckons {leave.ceiling_minor}")

    def leave_of(self, intent: str) -> Leave | None:
        """What the household gave leave for under this intent."""
        return self._by_intent.get(intent)

    def saw(self, intent: str) -> None:
        """The hub has answered 200 for this approval."""
        leave = self._by_intent.get(intent)
        if leave is None:
            self.fault(f"an approval was answered that nobody gave: {intent}")
        else:
            leave.seen = True

    def saw_cancelled(self, intent: str) -> None:
        """The household was told that nothing is bought."""
        self._by_intent[intent].cancelled = True

    def left_home(self, intent: str, body: bytes) -> None:
        """I11: an intent has one body, for ever."""
        leave = self._by_intent.get(intent)
        if leave is None:
            self.fault(f"a body left the home without leave: {intent}")
            return
        leave.bodies.add(body)
        if len(leave.bodies) == 2:
            self.fault(f"I11: intent {intent} left the home with two bodies")

    # at the merchant's door

    def asked_for(self, sku: str, *, key: str, key_life: timedelta, by_key: bool) -> None:
        """I3, I10, I12: a request that may make an order arrives."""
        leave = self.leaves.get(sku)
        if leave is None:
            self.fault(f"I3: {sku} was asked for without leave")
            return
        now_s = self.now_s()
        leave.keys.add(key)
        if len(leave.keys) == 2:
            self.fault(f"I10: intent {leave.intent} was asked for under two keys")
        if leave.first_sent_s is None:
            leave.first_sent_s = now_s
        age = timedelta(seconds=now_s - leave.first_sent_s)
        if by_key and age > key_life / 2 + _CLOCK_SLACK:
            self.fault(f"I12: intent {leave.intent} was sent {age} after its first attempt")

    def spoke(self, sku: str) -> None:
        """The merchant has said something about this order."""
        leave = self.leaves.get(sku)
        if leave is not None:
            leave.words += 1

    # in the bridge's books

    def watch(self, before: OrderRecord, change: Change) -> None:
        """I10, I15: each change of an order as it is made."""
        after = change.after
        if after.version <= before.version:
            self.fault(f"I15: order {after.intent_id} went from version {before.version} to {after.version}")
        if after.detail == Detail.INTERNAL:
            self.fault(f"a step of order {after.intent_id} in {after.state} failed in a way that nobody foresaw")
        if after.state is before.state and not change.said:
            return
        at = before.state
        for said in change.said:
            if said.state is not at and said.state not in TRANSITIONS[at]:
                self.fault(f"I15: order {after.intent_id} went from {at} to {said.state}")
            at = said.state
        self._watch_doubt(before, after)

    def _watch_doubt(self, before: OrderRecord, after: OrderRecord) -> None:
        leave = self._by_intent.get(after.intent_id)
        words = leave.words if leave else 0
        if after.state in IN_DOUBT and before.state not in IN_DOUBT:
            self.tally["in_doubt"] += 1
            self._words_when_unknown[after.intent_id] = words
        if after.state is OrderState.PARKED and before.state is not OrderState.PARKED:
            self.tally["parked"] += 1
        left = before.state in IN_DOUBT and after.state not in IN_DOUBT
        settled = after.detail == Detail.SETTLED_BY_HOUSEHOLD
        if left and not settled and words <= self._words_when_unknown.get(after.intent_id, -1):
            self.fault(f"I10: order {after.intent_id} left doubt for {after.state} without a word of anybody")


@dataclass(frozen=True, slots=True)
class Sale:
    """One order in a merchant's true ledger, as the oracle reads it."""

    order_id: str
    sku: str
    quantity: int
    total_minor: int
    currency: str


@dataclass(slots=True)
class Counts:
    """What a world comes to. `done` counts approvals that the household saw answered."""

    done: int = 0
    lost: int = 0
    doubled: int = 0
    unauthorised: int = 0
    overcharged: int = 0


def count_sales(judge: Judge, sales: list[Sale]) -> Counts:
    """I1, I3 and the price: each sale against the household's log."""
    counts = Counts(done=sum(leave.seen for leave in judge.leaves.values()))
    sold: Counter[str] = Counter()
    for sale in sales:
        leave = judge.leaves.get(sale.sku)
        why = _not_leave(leave, sale)
        if leave is None or why is not None:
            counts.unauthorised += 1
            judge.fault(f"I3: {sale.sku} was sold as {sale.order_id}: {why}")
        elif sale.total_minor > leave.ceiling_minor:
            counts.overcharged += 1
            judge.fault(f"{sale.sku} was sold for {sale.total_minor}, above {leave.ceiling_minor}")
        sold[sale.sku] += 1
    for sku, times in sold.items():
        if times > 1:
            counts.doubled += times - 1
            judge.fault(f"I1: {sku} was sold {times} times")
    return counts


def _not_leave(leave: Leave | None, sale: Sale) -> str | None:
    if leave is None:
        return "nobody gave leave"
    if leave.cancelled:
        return "it was cancelled"
    if (sale.quantity, sale.currency) != (leave.quantity, CURRENCY):
        return f"{sale.quantity} packs in {sale.currency} instead of {leave.quantity} in {CURRENCY}"
    return None
