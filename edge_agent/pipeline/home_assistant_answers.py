"""What an answer from Home Assistant is worth: what the owner gave leave for, and no more.

It is made in the name of one account, with that account's role and limit, under limits of its own, and on the terms
that were shown or not at all. It never stands for a second person, nor for a PIN. Each is in the audit log before
anything comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hmac import compare_digest
from typing import Protocol

from edge_agent.core.home_assistant.commands import APPROVE, SNOOZE, Command
from edge_agent.core.home_assistant.discovery import Answering
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.policy import needs_two_people
from edge_agent.core.messages import PromptId
from edge_agent.core.money import format_money
from edge_agent.core.prompt import DeclineReason, PromptRecord
from edge_agent.errors import FailClosedError, NotAllowedError, PinNeededError, RefusedError, StaleTermsError
from edge_agent.leave_ports import AccountStore, PolicyStore
from edge_agent.ports import Clock

CODE_NAME = " code of home assistant"  # no sign-in can use it: names are stripped of the space before them
CODE_FAILURES_MAX = 5
CODE_FAILURES_WINDOW = timedelta(minutes=15)
_DAY = timedelta(days=1)
_ORDERS_MAX = 500

_STALE = "The terms have changed since they were shown: look at the question again."
_NOBODY = "The account that Home Assistant answers for is not there, or is disabled: name another in the configuration."
_CODE_MISSING = "An approval from Home Assistant needs the code."
_CODE_WRONG = "That code is wrong. Nothing was bought."
_CODE_LOCKED = "There were too many wrong codes, so this one was not checked: try again in 15 minutes."
_PIN = "The account has a PIN, which is given on the hub's own page only: approve there."
_TWO = "So much needs two people: approve on the hub's own page."
_CURRENCY = "The offer is in another currency than the household's limits: approve on the hub's own page."
_ORDER_LIMIT = "Home Assistant may approve up to {limit} an order, and this may cost {total}: use the hub's own page."
_DAY_LIMIT = "With this order more than {limit} would be approved within a day: use the hub's own page."
_UNSURE = "The hub cannot check its own records now, so nothing was done: see its page."


@dataclass(frozen=True, slots=True)
class Leave:
    """What Home Assistant may do. Minor units of the household policy's currency; 0 allows no approval at all.

    `day_max_minor` bounds what `account` approves in any 24 hours, on pages too. `code` empty: none is asked for.
    """

    account: str
    order_max_minor: int
    day_max_minor: int
    snooze_h: int = 24
    code: str = field(default="", repr=False)


class Answers(Protocol):
    """The same acts that the pages have; `pipeline.answer.Answering`."""

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str, pin_checked: bool) -> IntentRecord | None:
        """Buy on exactly these terms."""

    def snooze(self, prompt: PromptId, *, hours: int, by: str) -> PromptRecord:
        """Ask again later."""

    def decline(self, prompt: PromptId, *, reason: DeclineReason, by: str) -> PromptRecord:
        """Do not buy."""


class Orders(Protocol):
    """Prompts and orders as they stand."""

    def prompt(self, prompt: PromptId) -> PromptRecord | None:
        """One prompt."""

    def intents(self, *, limit: int) -> Sequence[IntentRecord]:
        """Orders, newest first."""


class Audit(Protocol):
    """The hash chain."""

    def record(self, event: Mapping[str, str | int]) -> None:
        """Add one event that stands for itself."""


class HomeAssistantAnswers:
    """Checks and does what somebody in Home Assistant answers."""

    def __init__(
        self,
        leave: Leave,
        *,
        answers: Answers,
        orders: Orders,
        accounts: AccountStore,
        policies: PolicyStore,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._leave = leave
        self._answers = answers
        self._orders = orders
        self._accounts = accounts
        self._policies = policies
        self._audit = audit
        self._clock = clock

    @property
    def offered(self) -> Answering:
        """What is offered there."""
        leave = self._leave
        return Answering(snooze_h=leave.snooze_h, order_max_minor=leave.order_max_minor, needs_code=bool(leave.code))

    def answer(self, command: Command, prompt: PromptRecord) -> None:
        """Do what was asked, in the name of the account.

        Raises: RefusedError with a sentence for the person; FailClosedError when the hub cannot check its own records.
        """
        leave = self._leave
        if command.terms != prompt.terms_hash:
            raise StaleTermsError(_STALE)
        account = self._accounts.account(leave.account)
        if account is None or account.is_disabled:
            raise NotAllowedError(_NOBODY)
        if command.act == APPROVE:
            self._check_code(leave, command.code)
            self._check_limits(leave, prompt)
        self._audit.record(
            {
                "event": "home_assistant_answer",
                "act": command.act,
                "prompt": prompt.id,
                "terms": command.terms,
                "by": leave.account,
            }
        )
        self._do(command, prompt, by=leave.account)

    def _do(self, command: Command, prompt: PromptRecord, *, by: str) -> None:
        if command.act == APPROVE:
            self._answers.approve(prompt.id, terms_hash=command.terms, by=by, pin_checked=False)
        elif command.act == SNOOZE and command.hours is not None:
            self._answers.snooze(prompt.id, hours=command.hours, by=by)
        else:
            self._answers.decline(prompt.id, reason=DeclineReason.NOT_NOW, by=by)

    def _check_code(self, leave: Leave, typed: str | None) -> None:
        """The failure is counted before the code is compared, and cleared by a right one."""
        if not leave.code:
            return
        if not typed:
            raise NotAllowedError(_CODE_MISSING)
        now = self._clock.now()
        if self._accounts.failed_logins(CODE_NAME, since=now - CODE_FAILURES_WINDOW) >= CODE_FAILURES_MAX:
            raise NotAllowedError(_CODE_LOCKED)
        self._accounts.record_login(CODE_NAME, at=now, succeeded=False)
        if not compare_digest(typed.encode(), leave.code.encode()):
            raise NotAllowedError(_CODE_WRONG)
        self._accounts.record_login(CODE_NAME, at=now, succeeded=True)

    def _check_limits(self, leave: Leave, prompt: PromptRecord) -> None:
        """The ceiling counts, not the price: so much may be charged."""
        offer, policy = prompt.offer, self._policies.policy()
        if offer.currency != policy.currency:
            raise NotAllowedError(_CURRENCY)
        if needs_two_people(policy, total_max_minor=offer.total_max_minor, currency=offer.currency):
            raise NotAllowedError(_TWO)
        if offer.total_max_minor > leave.order_max_minor:
            limit, total = (
                format_money(each, offer.currency) for each in (leave.order_max_minor, offer.total_max_minor)
            )
            raise NotAllowedError(_ORDER_LIMIT.format(limit=limit, total=total))
        if offer.total_max_minor + self._approved_minor(leave.account) > leave.day_max_minor:
            raise NotAllowedError(_DAY_LIMIT.format(limit=format_money(leave.day_max_minor, offer.currency)))

    def _approved_minor(self, account: str) -> int:
        """What the account approved in the last 24 hours, at its ceiling, as the store knows it."""
        since = self._clock.now() - _DAY
        recent = [each for each in self._orders.intents(limit=_ORDERS_MAX) if each.created_at > since]
        if len(recent) == _ORDERS_MAX:
            raise NotAllowedError(_UNSURE)
        asked = (self._orders.prompt(each.prompt) for each in recent)
        return sum(each.offer.total_max_minor for each in asked if each is not None and each.answered_by == account)


def in_words(exc: RefusedError | FailClosedError) -> str:
    """What a person in Home Assistant reads."""
    if isinstance(exc, FailClosedError):
        return _UNSURE
    if isinstance(exc, PinNeededError):
        return _PIN
    text = str(exc)
    return text if text.endswith(".") else f"{text[:1].upper()}{text[1:]}."
