"""Mandates, people, rules, the ledger and the guard in memory, by the rules of the core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from edge_agent.adapters.store.accounts import Accounts
from edge_agent.core.deciding.shadow import ShadowReport
from edge_agent.core.leave import mandate as mandates
from edge_agent.core.leave.draw import Usage
from edge_agent.core.leave.mandate import (
    MandateDraft,
    MandateEvent,
    MandateRecord,
    MandateState,
    MandateTerms,
    period_of,
)
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import ItemId, MandateId, PromptId, Reason
from edge_agent.core.overview import EgressRow, MandateView
from edge_agent.core.people import Role
from edge_agent.core.safety import SafetyProblem
from edge_agent.core.stock_events import Label, Labelled, StockEvent
from edge_agent.errors import HubError
from edge_agent.pipeline.people import HouseholdPeople
from edge_agent.ports import Clock


@dataclass
class PoliciesInMemory:
    """Fulfils `Policies`; `broken` is what reading raises if set."""

    policy: Policy = field(default_factory=Policy)
    broken: HubError | None = None
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def get(self) -> Policy:
        """The rules."""
        if self.broken is not None:
            raise self.broken
        return self.policy

    def set(self, policy: Policy, *, by: str) -> None:
        """Other rules, which can be believed again."""
        self.calls.append(("rules", by))
        self.policy, self.broken = policy, None


@dataclass
class MandatesInMemory:
    """Fulfils `Mandates`; `refusal` is what proposing raises if set."""

    clock: Clock
    policies: PoliciesInMemory
    kept: dict[str, MandateView] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    refusal: HubError | None = None

    def all(self) -> Sequence[MandateView]:
        """Every mandate."""
        return list(self.kept.values())

    def mandate(self, mandate: MandateId) -> MandateView | None:
        """One mandate."""
        return self.kept.get(mandate)

    def propose(self, draft: MandateDraft, *, by: str, pin_checked: bool) -> MandateRecord:
        """Active at once, unless two people are asked for."""
        self.calls.append(("propose", by, pin_checked))
        if self.refusal is not None:
            raise self.refusal
        now = self.clock.now()
        terms = MandateTerms(
            **{name: getattr(draft, name) for name in MandateDraft.model_fields},
            id=f"m-{len(self.kept) + 1}",
            household="home",
            hub="hub",
            created_by=by,
            created_at=now,
            nonce="0" * 32,
        )
        above = self.policies.policy.two_people_above_minor
        waits = above is not None and draft.budget.max_minor > above
        state, signature = (MandateState.PROPOSED, None) if waits else (MandateState.ACTIVE, bytes(64))
        record = MandateRecord(terms, state, 1, signature, changed_at=now, changed_by=by, proposed_by=by)
        self.keep(record)
        return record

    def confirm(self, mandate: MandateId, *, by: str, pin_checked: bool) -> MandateRecord:
        """The second person agrees."""
        self.calls.append(("confirm", mandate, by, pin_checked))
        return self._step(mandate, MandateEvent.CONFIRM, by=by)

    def decline(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """The second person does not."""
        return self._said(mandate, MandateEvent.DECLINE, by=by)

    def pause(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """Pause."""
        return self._said(mandate, MandateEvent.PAUSE, by=by)

    def resume(self, mandate: MandateId, *, by: str, pin_checked: bool) -> MandateRecord:
        """Resume."""
        self.calls.append(("pin", pin_checked))
        return self._said(mandate, MandateEvent.RESUME, by=by)

    def revoke(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """Revoke."""
        return self._said(mandate, MandateEvent.REVOKE, by=by)

    def keep(self, record: MandateRecord, **usage: int) -> MandateView:
        """Hold a mandate with what it drew in this period."""
        period = period_of(record.terms, self.clock.now())
        used = Usage(
            period_index=period.index,
            reserved_minor=usage.get("reserved_minor", 0),
            spent_minor=usage.get("spent_minor", 0),
            occurrences=usage.get("occurrences", 0),
            open_period=None,
            unclear_minor=usage.get("unclear_minor", 0),
        )
        left_minor = record.terms.budget.max_minor - used.used_minor if record.state is MandateState.ACTIVE else 0
        view = MandateView(record=record, period=period, usage=used, left_minor=left_minor)
        self.kept[record.id] = view
        return view

    def _said(self, mandate: MandateId, event: MandateEvent, *, by: str) -> MandateRecord:
        self.calls.append((str(event), mandate, by))
        return self._step(mandate, event, by=by)

    def _step(self, mandate: MandateId, event: MandateEvent, *, by: str) -> MandateRecord:
        view = self.kept[mandate]
        signature = bytes(64) if event is MandateEvent.CONFIRM else None
        after = mandates.step(view.record, event, now=self.clock.now(), by=by, signature=signature).after
        self.kept[mandate] = replace(view, record=after)
        return after


class PeopleRecorded(HouseholdPeople):
    """The real thing over the real account store; `calls` is what reached it."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__(accounts)
        self.calls: list[tuple[object, ...]] = []

    def add(self, name: str, *, role: Role, password_hash: str, by: str) -> None:
        """One more."""
        self.calls.append(("add", name, role, by))
        super().add(name, role=role, password_hash=password_hash, by=by)

    def set_role(self, name: str, *, role: Role, by: str) -> None:
        """Another role."""
        self.calls.append(("role", name, role, by))
        super().set_role(name, role=role, by=by)

    def set_password(self, name: str, *, password_hash: str, by: str, keep_session: str | None) -> None:
        """Another password."""
        self.calls.append(("password", name, by, keep_session is not None))
        super().set_password(name, password_hash=password_hash, by=by, keep_session=keep_session)

    def set_pin(self, name: str, *, pin_hash: str | None, by: str) -> None:
        """Another PIN."""
        self.calls.append(("pin", name, by, pin_hash is not None))
        super().set_pin(name, pin_hash=pin_hash, by=by)

    def set_language(self, name: str, code: str | None) -> None:
        """Another language."""
        self.calls.append(("language", name, code))
        super().set_language(name, code)

    def remove(self, name: str, *, by: str) -> None:
        """One less."""
        self.calls.append(("remove", name, by))
        super().remove(name, by=by)


@dataclass
class DecisionsInMemory:
    """Bundles, a shadow's report, and a question to the home that a test may set."""

    def __init__(self) -> None:
        self.asked: Reason | None = None
        self.advised: tuple[Reason, ...] = ()
        self.reported: ShadowReport | None = None
        self.refusal: HubError | None = None
        self.calls: list[tuple[object, ...]] = []

    def question(self) -> Reason | None:
        """What a test has set."""
        return self.asked

    def shadow(self, item: ItemId) -> ShadowReport | None:
        """What a test has set."""
        return self.reported

    def bundle(self, item: ItemId) -> bytes | None:
        """That of milk."""
        return b'{"form": "restock.decision"}' if item == "milk" else None

    def bundle_of(self, prompt: PromptId) -> bytes | None:
        """That of the question about milk."""
        return b'{"form": "restock.decision"}' if prompt == "p-milk" else None

    def advice(self, item: ItemId) -> tuple[Reason, ...]:
        """What a test has set."""
        return self.advised

    def tell(self, said: str, *, last: date | None) -> None:
        """Write it down, unless it is refused."""
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(("tell", said, last))


class StockRecorded:
    """Fulfils `StockTelling`: writes down what was said; `events` is what was said before, newest first."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.events: list[StockEvent] = []

    def said(self, item: ItemId, *, limit: int) -> Sequence[StockEvent]:
        """Of this item."""
        return [event for event in self.events if event.item == item][:limit]

    def labels(self, item: ItemId, *, limit: int) -> Sequence[Labelled]:
        """Of this item."""
        return [event for event in self.said(item, limit=limit) if isinstance(event, Labelled)]

    def tell(self, item: ItemId, *, what: str, packs: float, by: str, label: Label | None = None) -> None:
        """Write it down."""
        self.calls.append(("stock", item, what, packs, by, *(() if label is None else (label,))))


@dataclass
class MerchantsInMemory:
    """Fulfils `ports.MerchantClasses`."""

    classes: dict[str, str] = field(default_factory=lambda: {"grocer": "A"})

    def merchant_class(self, merchant: str) -> str | None:
        """A, B or C."""
        return self.classes.get(merchant)


@dataclass
class LedgerInMemory:
    """Fulfils `Ledger`."""

    sent: list[EgressRow] = field(default_factory=list)

    def rows(self, *, limit: int, before_id: int | None) -> Sequence[EgressRow]:
        """Newest first, without bodies."""
        newest = sorted(self.sent, key=lambda row: row.id, reverse=True)
        return [replace(row, body=None) for row in newest if before_id is None or row.id < before_id][:limit]

    def row(self, row: int) -> EgressRow | None:
        """One message."""
        return next((sent for sent in self.sent if sent.id == row), None)


@dataclass
class SafetyInMemory:
    """Fulfils `ports.Safety`: says what it was told to say."""

    found: tuple[SafetyProblem, ...] = ()
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def problems(self) -> tuple[SafetyProblem, ...]:
        """Why nothing is sent."""
        return self.found

    def confirm_clock(self, by: str) -> None:
        """The time is right."""
        self.calls.append(("clock", by))
        self.found = ()

    def accept_bridge(self, by: str) -> None:
        """The bridge is right."""
        self.calls.append(("bridge", by))
        self.found = ()
