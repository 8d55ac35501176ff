"""The oracle: the household's own log and the merchants' true ledgers, apart from the system, and what must hold.

What a household clicked, or gave a mandate for, is its leave; what it saw answered must not be lost; what a merchant
sold is what was bought. A fault is one line with the moment at which it showed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cloud_bridge.core.order import IN_DOUBT, TRANSITIONS, Change, Detail, OrderRecord
from cloud_bridge.wire import OrderState
from edge_agent.core import intent as intents
from tests.campaign.simulation.purse import Leave, Purses, View

CURRENCY = "USD"
FAULTS_MAX = 20
_LIVE = frozenset(OrderState(state.value) for state in intents.LIVE if state.value in set(OrderState))
_CLOCK_SLACK = timedelta(hours=2)  # how far the bridge's wall clock may be set wrong in a world


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that runs out: what it costs at its merchant, and when. Money in minor units.

    `is_auto`: a mandate is asked before a person is.
    """

    sku: str
    merchant: str
    packs: int
    price_minor: int
    delivery_minor: int
    at_s: float
    is_auto: bool = False


@dataclass(slots=True)
class Judge:
    """Collects what the oracles see. `where` says the seed and the step of now, `now_s` the true time.

    `forgiven` counts by name what went wrong and is known to: docs/promises.md says that it is not promised.
    """

    where: Callable[[], str]
    now_s: Callable[[], float]
    leaves: dict[str, Leave] = field(default_factory=dict)  # by intent
    faults: list[str] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    purses: Purses = field(default_factory=Purses)
    forgiven: Counter[str] = field(default_factory=Counter)
    _of_need: defaultdict[str, list[Leave]] = field(default_factory=lambda: defaultdict(list))  # by sku
    _keys: dict[str, str] = field(default_factory=dict)
    _numbers: dict[tuple[str, int], str] = field(default_factory=dict)
    _words: Counter[str] = field(default_factory=Counter)  # how often a merchant has said something, by sku
    _accepted_s: dict[str, float] = field(default_factory=dict)  # by intent, as the next
    _ended_s: dict[str, float] = field(default_factory=dict)
    _frozen: set[str] = field(default_factory=set)
    _words_when_unknown: dict[str, int] = field(default_factory=dict)

    def fault(self, what: str) -> None:
        """Something that must not be; the first few are kept in words, all are counted."""
        self.tally["faults"] += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{what} [{self.where()}]")

    # the household's log

    def gave(self, leave: Leave, *, ceiling_minor: int, hub_now: datetime, view: View) -> None:
        """The household gives leave, now by its hub, which knows what is in `view`; it may yet not come through.

        What is about to be signed for it (`ceiling_minor`) must be what it reckons itself.
        """
        if ceiling_minor != leave.ceiling_minor:
            self.fault(f"{leave.sku}: the terms allow {ceiling_minor}, the household reckons {leave.ceiling_minor}")
        if leave.mandate is not None:
            wrong = self.purses.drawn(leave.mandate, leave, hub_now=hub_now, view=view)
            if wrong is not None:
                self.fault(f"{leave.sku}: {wrong}")
        self.leaves[leave.intent] = leave
        self._of_need[leave.sku].append(leave)

    def saw(self, intent: str) -> None:
        """The hub has answered 200 for this approval, or shows this draw."""
        leave = self.leaves.get(intent)
        if leave is None:
            self.fault(f"an approval was answered that nobody gave: {intent}")
        else:
            leave.seen = True

    def saw_cancelled(self, intent: str) -> None:
        """The household was told that nothing is bought."""
        self.leaves[intent].cancelled = True

    def left_home(self, intent: str, body: bytes, *, by_clone: bool, view: View) -> None:
        """I11: an intent has one body, for ever. I22: none leaves after its mandate was revoked."""
        leave = self.leaves.get(intent)
        if leave is None:
            self.fault(f"a body left the home without leave: {intent}")
            return
        if leave.body is not None and leave.body != body:
            self.fault(f"I11: intent {intent} left the home with two bodies")
        leave.is_cloned = leave.is_cloned or by_clone
        is_new = intent not in self._accepted_s  # what the bridge has comes to nothing new there
        if is_new and not leave.is_cloned and leave.mandate is not None and self.purses.is_revoked(leave.mandate):
            self.fault(f"I22: intent {intent} left the home after its mandate was revoked")
        leave.body = body
        if is_new:
            self._look_for_others(leave, view)

    def _look_for_others(self, leave: Leave, view: View) -> None:
        """Whether the hub could know, when this left it, that there is another order of the need."""
        for other in self._of_need[leave.sku]:
            if other is leave or other.intent in view.own:
                continue
            if self._was_told(other, view, asked_s=leave.asked_s):
                leave.is_aware = True
            else:
                leave.is_unaware = True

    def _was_told(self, other: Leave, view: View, *, asked_s: float) -> bool:
        """Whether the bridge, when the hub last compared, had it live, or had taken it after the question was put."""
        accepted_s = self._accepted_s.get(other.intent)
        if accepted_s is None or accepted_s >= view.compared_s:
            return False
        ended_s = self._ended_s.get(other.intent)
        return ended_s is None or ended_s > view.compared_s or accepted_s > asked_s

    def forget(self, intents: Iterable[str], *, known_to_bridge: Callable[[str], bool]) -> list[Leave]:
        """A hub is put back, or a copy is switched off: which leaves nobody but the household knows any more.

        Answers with those that the bridge has, which must come back from it.
        """
        kept = []
        for intent in intents:
            leave = self.leaves.get(intent)
            if leave is None:
                continue
            if known_to_bridge(intent):
                kept.append(leave)
            else:
                leave.is_forgotten = True
        return kept

    # at the bridge's door

    def accepted(self, order: OrderRecord) -> None:
        """F8: one number of a hub stands for one intent, for ever."""
        number = order.household, order.terms.handover
        self._accepted_s[order.intent_id] = self.now_s()
        self.purses.reached(order.intent_id, at_s=self.now_s(), accepted_at=order.accepted_at)
        if self._numbers.setdefault(number, order.intent_id) != order.intent_id:
            self.fault(f"F8: number {order.terms.handover} of {order.household} was taken for two intents")

    def forked(self, household: str) -> None:
        """F8: the bridge has refused a number that stands for another intent: from now on nothing new is sent."""
        self._frozen.add(household)

    def thawed(self, household: str) -> None:
        """The operator has looked."""
        self._frozen.discard(household)

    # at the merchant's door

    def asked_for(self, intent: str, sku: str, *, key: str, key_life: timedelta, by_key: bool) -> None:
        """I3, I10, I12: a request that may make an order arrives."""
        leave = self.leaves.get(intent)
        if leave is None or leave.sku != sku:
            self.fault(f"I3: {sku} was asked for without leave")
            return
        if self._keys.setdefault(key, intent) != intent:
            self.fault(f"I10: intent {intent} was asked for under the key of another")
        now_s = self.now_s()
        if leave.key not in {None, key}:
            self.fault(f"I10: intent {leave.intent} was asked for under two keys")
        leave.key = key
        if leave.first_sent_s is None:
            leave.first_sent_s = now_s
        age = timedelta(seconds=now_s - leave.first_sent_s)
        if by_key and age > key_life / 2 + _CLOCK_SLACK:
            self.fault(f"I12: intent {leave.intent} was sent {age} after its first attempt")

    def spoke(self, sku: str) -> None:
        """The merchant has said something about an order of this."""
        self._words[sku] += 1

    def leave_under(self, key: str) -> Leave | None:
        """Whose leave a merchant was asked under."""
        return self.leaves.get(self._keys.get(key, ""))

    # in the bridge's books

    def watch(self, before: OrderRecord, change: Change) -> None:
        """F8, I10, I15: each change of an order as it is made."""
        after = change.after
        if after.state not in _LIVE:
            self._ended_s.setdefault(after.intent_id, self.now_s())
        if after.version <= before.version:
            self.fault(f"I15: order {after.intent_id} went from version {before.version} to {after.version}")
        if after.detail == Detail.INTERNAL:
            self.fault(f"a step of order {after.intent_id} in {after.state} failed in a way that nobody foresaw")
        attempt = change.attempt
        if self._frozen and attempt is not None and attempt.finished_at is None and after.household in self._frozen:
            self.fault(f"F8: order {after.intent_id} is sent for {after.household}, which is frozen")
        if after.state is before.state and not change.said:
            return
        at = before.state
        for said in change.said:
            if said.state is not at and said.state not in TRANSITIONS[at]:
                self.fault(f"I15: order {after.intent_id} went from {at} to {said.state}")
            at = said.state
        self._watch_doubt(before, after)

    def _watch_doubt(self, before: OrderRecord, after: OrderRecord) -> None:
        is_in_doubt, was_in_doubt = after.state in IN_DOUBT, before.state in IN_DOUBT
        if not is_in_doubt and not was_in_doubt:
            return
        words = self._words[after.terms.sku]
        if is_in_doubt and not was_in_doubt:
            self.tally["in_doubt"] += 1
            self._words_when_unknown[after.intent_id] = words
        if after.state is OrderState.PARKED and before.state is not OrderState.PARKED:
            self.tally["parked"] += 1
        left = was_in_doubt and not is_in_doubt
        settled = after.detail == Detail.SETTLED_BY_HOUSEHOLD
        if left and not settled and words <= self._words_when_unknown.get(after.intent_id, -1):
            self.fault(f"I10: order {after.intent_id} left doubt for {after.state} without a word of anybody")


@dataclass(frozen=True, slots=True)
class Sale:
    """One order in a merchant's true ledger, as the oracle reads it. `can_say`: whether a lost answer can be had again.

    `reference` is the key that it was asked for with.
    """

    order_id: str
    merchant: str
    reference: str
    sku: str
    quantity: int
    total_minor: int
    currency: str
    can_say: bool


@dataclass(slots=True)
class Counts:
    """What a world comes to.

    `done` counts approvals and draws that the household saw answered and that no backup has undone: those that are
    judged for loss.
    """

    done: int = 0
    lost: int = 0
    doubled: int = 0
    unauthorised: int = 0
    overcharged: int = 0


def count_sales(judge: Judge, sales: list[Sale]) -> Counts:
    """I1, I3, I5 and the price: each sale against the household's log."""
    counts = Counts(done=sum(leave.is_owed for leave in judge.leaves.values()))
    sold: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by need, then by intent
    for sale in sales:
        leave = judge.leave_under(sale.reference)
        why = _not_leave(leave, sale)
        if leave is None or why is not None:
            counts.unauthorised += 1
            judge.fault(f"I3: {sale.sku} was sold as {sale.order_id}: {why}")
        elif sale.total_minor > leave.ceiling_minor:
            counts.overcharged += 1
            judge.fault(f"{sale.sku} was sold for {sale.total_minor}, above {leave.ceiling_minor}")
        sold[sale.sku][sale.reference if leave is None else leave.intent] += 1
        if leave is not None:
            judge.forgiven["cancel_forgotten"] += leave.is_cancel_forgotten
            judge.purses.paid(leave.intent, total_minor=sale.total_minor)
    counts.doubled = sum(_doubled(judge, sku, orders) for sku, orders in sold.items())
    for wrong in judge.purses.overdrawn():
        counts.unauthorised += 1
        judge.fault(f"I5: {wrong}")
    judge.forgiven.update(judge.purses.forgiven())
    return counts


def _doubled(judge: Judge, sku: str, orders: Counter[str]) -> int:
    """I1, I2: how many orders of one need were too many.

    A hub that was put back may ask for a need anew while the first order is held back by the network: then each of the
    two has a leave of its own, the bridge could not tell of the first one, and the second one is forgiven.
    """
    unaware = sum((leave := judge.leaves.get(intent)) is not None and leave.is_forgivable for intent in orders)
    may_have = min(1 + unaware, len(orders))
    judge.forgiven["ordered_unaware"] += may_have - 1
    too_many = orders.total() - may_have
    if too_many > 0:
        judge.fault(f"I1: {sku} was sold {orders.total()} times under {len(orders)} leaves")
    return max(0, too_many)


def _not_leave(leave: Leave | None, sale: Sale) -> str | None:
    if leave is None:
        return "nobody gave leave"
    if leave.cancelled and not leave.is_cloned:
        return "it was cancelled"
    if (sale.merchant, sale.sku) != (leave.merchant, leave.sku):
        return f"the leave was for {leave.sku} of {leave.merchant}"
    if (sale.quantity, sale.currency) != (leave.quantity, CURRENCY):
        return f"{sale.quantity} packs in {sale.currency} instead of {leave.quantity} in {CURRENCY}"
    if leave.mandate is not None and not sale.can_say:
        return "a mandate was drawn on for a merchant of class C"
    return None
