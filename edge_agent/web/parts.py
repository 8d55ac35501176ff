"""What the pages are given: everything they read, and the few things that they may set off.

The pages see these Protocols only. All calls but a password check are plain functions: they run on the event loop's
thread and are one transaction each, like the ports beneath them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.intent import IntentRecord
from edge_agent.core.messages import DeviceId, ItemId, PromptId, Quarantined, QuarantineReason
from edge_agent.core.overview import BridgeStatus, DeviceOverview, ItemOverview
from edge_agent.core.people import Account
from edge_agent.core.prompt import DeclineReason, PromptRecord
from edge_agent.ports import AccountStore, Clock


class Overview(Protocol):
    """Reads for the pages; none of them changes anything."""

    def items(self) -> Sequence[ItemOverview]:
        """Every item of the household, in its own order."""

    def item(self, item: ItemId) -> ItemOverview | None:
        """One item."""

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt, whatever its state."""

    def intent_of(self, prompt: PromptId) -> IntentRecord | None:
        """The order that came of a prompt."""

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first, finished ones too."""

    def devices(self) -> Sequence[DeviceOverview]:
        """Every device that was ever heard of, by name."""

    def quarantine(self, *, device: DeviceId | None, limit: int) -> Sequence[Quarantined]:
        """Messages kept apart, newest first; those of one device where one is named."""

    def quarantine_counts(self) -> Mapping[QuarantineReason, int]:
        """How many messages were ever kept apart, for each reason that occurred."""

    def bridge(self) -> BridgeStatus:
        """Whether orders get out to the merchant."""


class Answers(Protocol):
    """A person's answer to a prompt. `by` is the account's name.

    All raise: StaleTermsError when other terms stand now; RefusedError when the prompt was answered or has ended;
    NotAllowedError when the person may not answer. Then nothing was changed.
    """

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str) -> IntentRecord:
        """Buy on exactly the terms with this hash."""

    def snooze(self, prompt: PromptId, *, hours: int, by: str) -> PromptRecord:
        """Ask again in so many hours."""

    def decline(self, prompt: PromptId, *, reason: DeclineReason, by: str) -> PromptRecord:
        """Do not buy, and say why."""


class Passwords(Protocol):
    """Checks passwords away from the event loop."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; None (an unknown person) takes as long as a wrong password and never fits."""

    async def renew(self, password_hash: str, password: str) -> str | None:
        """A new hash of a password that fitted, where the kept one is weaker than today's rule."""


class Accounts(AccountStore, Protocol):
    """Accounts that can also be written: a sign-in may renew a hash."""

    def put_account(self, account: Account) -> None:
        """Add an account, or replace its role and password hash."""


@dataclass(frozen=True, slots=True)
class WebParts:
    """Everything that the pages need from the rest of the hub."""

    clock: Clock
    accounts: Accounts
    passwords: Passwords
    overview: Overview
    answers: Answers
