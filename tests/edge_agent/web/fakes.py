"""A home in memory for the pages: it fulfils `Overview` and `Answers`, and answers go through `core.prompt`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from edge_agent.core.intent import LIVE as LIVE_INTENTS
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.messages import DeviceId, ItemId, PromptId, Quarantined, QuarantineReason
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.prompt import LIVE, DeclineReason, PromptEvent, PromptRecord, step
from edge_agent.errors import HubError, RefusedError, StaleTermsError
from edge_agent.ports import Clock
from tests.edge_agent.web.samples import sample_intent


@dataclass
class HomeInMemory:
    """The home that the pages show. Fulfils `Overview`."""

    clock: Clock
    known: dict[str, ItemOverview] = field(default_factory=dict)
    all_prompts: dict[str, PromptRecord] = field(default_factory=dict)
    all_intents: dict[str, IntentRecord] = field(default_factory=dict)
    all_devices: list[DeviceOverview] = field(default_factory=list)
    kept_apart: list[Quarantined] = field(default_factory=list)
    bridge_status: BridgeStatus = field(default_factory=lambda: BridgeStatus(reachable=True))

    def items(self) -> Sequence[ItemOverview]:
        """Every item with its live prompt and order."""
        return [self._live(known) for known in self.known.values()]

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

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first."""
        return sorted(self.all_intents.values(), key=lambda intent: intent.created_at, reverse=True)[:limit]

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
    """Fulfils `Answers` by the rules of `core.prompt`; `calls` is what reached it, `refusal` what it raises if set."""

    def __init__(self, home: HomeInMemory) -> None:
        self._home = home
        self.calls: list[tuple[object, ...]] = []
        self.refusal: HubError | None = None

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str) -> IntentRecord:
        """Approve, if the terms still stand."""
        self.calls.append(("approve", prompt, by))
        asked = self._asked(prompt)
        if asked.terms_hash != terms_hash:
            raise StaleTermsError("other terms stand")
        after = self._apply(asked, PromptEvent.APPROVE, by=by)
        intent = sample_intent(after, state=IntentState.APPROVED, at=self._home.clock.now())
        self._home.all_intents[intent.id] = intent
        return intent

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
            raise RefusedError(f"there is no prompt {prompt}")
        return asked

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
