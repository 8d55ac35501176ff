"""A home in memory for the pages: it fulfils `Overview` and `Answers`, and answers go through the rules of the core."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Item
from edge_agent.core.deciding.problem import Word, answered
from edge_agent.core.intent import LIVE as LIVE_INTENTS
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.leave.policy import Ruling, rule
from edge_agent.core.messages import DeviceId, IntentId, ItemId, PromptId, Quarantined, QuarantineReason
from edge_agent.core.overview import BridgeStatus, CancelResult, DeviceOverview, ItemOverview
from edge_agent.core.prompt import LIVE, DeclineReason, Endorsement, PromptEvent, PromptRecord, PromptState, step
from edge_agent.core.recall import Match, Notice, Recall, What, filed
from edge_agent.errors import HubError, NotAllowedError, PinNeededError, RefusedError, StaleTermsError
from edge_agent.leave_ports import AccountStore
from edge_agent.ports import Clock
from edge_agent.web.parts import no_inventory
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.fake_household import PoliciesInMemory
from tests.edge_agent.web.samples import sample_intent


@dataclass
class HomeInMemory:
    """The home that the pages show. Fulfils `Overview`."""

    clock: Clock
    known: dict[str, ItemOverview] = field(default_factory=dict)
    all_prompts: dict[str, PromptRecord] = field(default_factory=dict)
    all_intents: dict[str, IntentRecord] = field(default_factory=dict)
    all_devices: list[DeviceOverview] = field(default_factory=list)
    inventory: Inventory = field(default_factory=no_inventory)
    kept_apart: list[Quarantined] = field(default_factory=list)
    bridge_status: BridgeStatus = field(default_factory=lambda: BridgeStatus(reachable=True))
    all_endorsements: dict[str, list[Endorsement]] = field(default_factory=dict)
    wrong_file: str | None = None
    wishes: set[IntentId] = field(default_factory=set)

    def items(self) -> Sequence[ItemOverview]:
        """Every item with its live prompt and order."""
        return [self._live(known) for known in self.known.values()]

    def declared(self) -> Sequence[Item]:
        """Every item as it was written."""
        return [known.item for known in self.known.values()]

    def item(self, item: ItemId) -> ItemOverview | None:
        """One item."""
        known = self.known.get(item)
        return self._live(known) if known else None

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""
        return self.all_prompts.get(prompt)

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The order that came of a prompt."""
        return next((intent for intent in self.all_intents.values() if intent.prompt == prompt), None)

    def endorsements(self, prompt: PromptId) -> Sequence[Endorsement]:
        """Who has agreed, on the terms that stand now."""
        stands = self.all_prompts[prompt].terms_hash
        return [said for said in self.all_endorsements.get(prompt, ()) if said.terms_hash == stands]

    def intent(self, intent: IntentId) -> IntentRecord | None:
        """One order."""
        return self.all_intents.get(intent)

    def file_problem(self) -> str | None:
        """What is wrong with the household's file."""
        return self.wrong_file

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first."""
        return sorted(self.all_intents.values(), key=lambda intent: intent.created_at, reverse=True)[:limit]

    def live_intents(self) -> Sequence[IntentRecord]:
        """Those that are not over."""
        return [intent for intent in self.all_intents.values() if intent.state in LIVE_INTENTS]

    def wanted_back(self) -> frozenset[IntentId]:
        """Orders that a person wants to cancel."""
        return frozenset(self.wishes)

    def devices(self) -> Sequence[DeviceOverview]:
        """Every device."""
        return self.all_devices

    def quarantine(self, *, device: DeviceId | None, limit: int) -> Sequence[Quarantined]:
        """Messages kept apart."""
        return [message for message in self.kept_apart if device in {None, message.device}][:limit]

    def quarantine_counts(self) -> Mapping[QuarantineReason, int]:
        """How many for each reason."""
        return Counter(message.reason for message in self.kept_apart)

    def bridge(self) -> BridgeStatus:
        """Whether orders get out."""
        return self.bridge_status

    def add(self, prompt: PromptRecord) -> PromptRecord:
        """Ask something."""
        self.all_prompts[prompt.id] = prompt
        return prompt

    def _live(self, known: ItemOverview) -> ItemOverview:
        item = known.item.id
        prompts = (p for p in self.all_prompts.values() if p.item == item and p.state in LIVE)
        intents = (i for i in self.all_intents.values() if i.item == item and i.state in LIVE_INTENTS)
        return replace(known, prompt=next(prompts, None), intent=next(intents, None))


class AnswersInMemory:
    """Fulfils `Answers` by the rules of the core; `calls` is what reached it, `refusal` what it raises if set.

    `too_late`: a cancellation finds the order at this state.
    """

    def __init__(self, home: HomeInMemory, *, accounts: AccountStore, policies: PoliciesInMemory) -> None:
        self._home = home
        self._accounts = accounts
        self._policies = policies
        self.calls: list[tuple[object, ...]] = []
        self.refusal: HubError | None = None
        self.too_late: IntentState | None = None

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str, pin_checked: bool) -> IntentRecord | None:
        """Approve, if the terms still stand and the person may."""
        self.calls.append(("approve", prompt, by))
        asked = self._asked(prompt)
        if asked.terms_hash != terms_hash:
            raise StaleTermsError("other terms stand")
        ruling = self._ruling(asked, by=by, pin_checked=pin_checked)
        if ruling is Ruling.NEEDS_PIN:
            raise PinNeededError("the PIN is needed")
        if ruling is Ruling.NEEDS_SECOND:
            said = Endorsement(by=by, terms_hash=terms_hash, at=self._home.clock.now())
            self._home.all_endorsements.setdefault(prompt, []).append(said)
            return None
        after = self._apply(asked, PromptEvent.APPROVE, by=by)
        intent = sample_intent(after, state=IntentState.APPROVED, at=self._home.clock.now())
        self._home.all_intents[intent.id] = intent
        return intent

    async def cancel(self, intent: IntentId, *, by: str) -> CancelResult:
        """Take back, unless it is `too_late`."""
        self.calls.append(("cancel", intent, by))
        order = self._home.all_intents[intent]
        if self.refusal is not None:
            self._home.wishes.add(intent)
            raise self.refusal
        if self.too_late is not None:
            return CancelResult(cancelled=False, state=self.too_late)
        self._say(order, intents.step(order, IntentState.CANCELLED, at=self._now(), detail="cancelled_by_household"))
        return CancelResult(cancelled=True, state=IntentState.CANCELLED)

    async def settle(self, intent: IntentId, *, found: bool, merchant_order_id: str | None, by: str) -> IntentRecord:
        """End a doubt."""
        self.calls.append(("settle", intent, found, merchant_order_id, by))
        order = self._order(intent)
        state = IntentState.PLACED if found else IntentState.REJECTED
        change = intents.step(
            order, state, at=self._now(), merchant_order_id=merchant_order_id, detail=intents.SETTLED_BY_HOUSEHOLD
        )
        return self._say(order, change if order.state in intents.IN_DOUBT else None)

    def arrived(self, intent: IntentId, *, by: str) -> IntentRecord:
        """It came."""
        self.calls.append(("arrived", intent, by))
        return self._say(self._order(intent), intents.arrived(self._order(intent), now=self._now()))

    def never_came(self, intent: IntentId, *, by: str) -> IntentRecord:
        """It never came."""
        self.calls.append(("never_came", intent, by))
        return self._say(self._order(intent), intents.never_came(self._order(intent), now=self._now()))

    def see_to(self, intent: IntentId, *, word: Word, by: str) -> IntentRecord:
        """Mended, or let be."""
        self.calls.append(("see_to", intent, word, by))
        return self._say(self._order(intent), answered(self._order(intent), word, now=self._now()))

    def snooze(self, prompt: PromptId, *, hours: int, by: str) -> PromptRecord:
        """Put off."""
        self.calls.append(("snooze", prompt, hours, by))
        wake_at = self._home.clock.now() + timedelta(hours=hours)
        return self._apply(self._asked(prompt), PromptEvent.SNOOZE, by=by, wake_at=wake_at)

    def decline(self, prompt: PromptId, *, reason: DeclineReason, by: str) -> PromptRecord:
        """Decline."""
        self.calls.append(("decline", prompt, reason, by))
        return self._apply(self._asked(prompt), PromptEvent.DECLINE, by=by, reason=reason)

    def _asked(self, prompt: PromptId) -> PromptRecord:
        if self.refusal is not None:
            raise self.refusal
        asked = self._home.all_prompts.get(prompt)
        if asked is None:
            raise RefusedError("there is no such question")
        return asked

    def _ruling(self, asked: PromptRecord, *, by: str, pin_checked: bool) -> Ruling:
        account = self._accounts.account(by)
        if account is None:
            raise NotAllowedError("no such person")
        return rule(
            self._policies.get(),
            account=account,
            total_max_minor=asked.offer.total_max_minor,
            currency=asked.offer.currency,
            endorsed_by=tuple(said.by for said in self._home.endorsements(asked.id)),
            pin_given=pin_checked,
        )

    def _order(self, intent: IntentId) -> IntentRecord:
        if self.refusal is not None:
            raise self.refusal
        return self._home.all_intents[intent]

    def _say(self, order: IntentRecord, change: intents.IntentChange | None) -> IntentRecord:
        if change is None:
            raise RefusedError(f"that order is {order.state}")
        self._home.all_intents[order.id] = change.after
        return change.after

    def _now(self) -> datetime:
        return self._home.clock.now()

    def _apply(
        self,
        prompt: PromptRecord,
        event: PromptEvent,
        *,
        by: str,
        wake_at: datetime | None = None,
        reason: DeclineReason | None = None,
    ) -> PromptRecord:
        now = self._home.clock.now()
        change = step(prompt, event, now=now, by=by, wake_at=wake_at, decline_reason=reason)
        return self._home.add(change.after)


@dataclass
class RecordsInMemory:
    """Fulfils `Records`: a record that says the order's id and nothing else."""

    home: HomeInMemory
    fingerprint: str = "0123 4567 89ab cdef 0123 4567 89ab cdef"

    async def of(self, intent: IntentId) -> bytes | None:
        """Of an order that is there."""
        order = self.home.intent(intent)
        return None if order is None else json.dumps({"order": order.id}).encode()


@dataclass
class AfterAllInMemory:
    """Fulfils `AfterAll`: what ended with nothing bought may be wanted; the question is the old one, opened anew."""

    home: HomeInMemory
    calls: list[tuple[object, ...]] = field(default_factory=list)
    refusal: HubError | None = None

    def may_want(self, order: IntentRecord) -> bool:
        """By the state alone."""
        return order.state in intents.ENDED_UNBOUGHT

    def want(self, intent: IntentId, *, by: str) -> PromptRecord:
        """Another question with the same terms."""
        self.calls.append(("want", intent, by))
        if self.refusal is not None:
            raise self.refusal
        asked = self.home.all_prompts[self.home.all_intents[intent].prompt]
        return self.home.add(replace(asked, id=PromptId("p-anew"), state=PromptState.OPEN, answered_by=None))


@dataclass
class RecallsInMemory:
    """Fulfils `Recalls`: what a test has put there, and what was set off."""

    kept: list[Recall] = field(default_factory=list)
    found: list[Match] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def all(self) -> Sequence[Recall]:
        """As they were put."""
        return self.kept

    def matches(self) -> Sequence[Match]:
        """As they were put."""
        return self.found

    def file(self, notice: Notice, *, by: str) -> Recall:
        """Write it down."""
        recall = filed(notice, by=by, at=NOW)
        self.kept.append(recall)
        self.calls.append(("recall", notice, by))
        return recall

    def settle(self, recall: str, item: ItemId, *, what: What, packs: float, by: str) -> None:
        """Write it down."""
        self.calls.append(("recall_done", recall, item, what, packs, by))
