"""Answers to prompts: an approval becomes a signed intent in one transaction; the rest ends or defers a prompt.

Who may approve how much is the household's policy, read anew each time. Above its limit for one person the first
approval is kept as a word, and the second person's makes the order.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from edge_agent.core import prompt as prompts
from edge_agent.core.catalogue import Item
from edge_agent.core.deciding.problem import Word
from edge_agent.core.intent import IntentRecord
from edge_agent.core.leave.policy import Policy, Ruling, check_limit, rule
from edge_agent.core.leave.terms import terms_hash as hash_of
from edge_agent.core.messages import IntentId, PromptId
from edge_agent.core.overview import CancelResult
from edge_agent.core.people import MAY_APPROVE, Account
from edge_agent.core.prompt import DeclineReason, PromptEvent, PromptRecord
from edge_agent.core.said import say
from edge_agent.errors import NotAllowedError, PinNeededError, RefusedError, StaleTermsError
from edge_agent.leave_ports import AccountStore, PolicyStore
from edge_agent.pipeline.afterwards import Afterwards
from edge_agent.pipeline.hand_over import HandOver
from edge_agent.ports import Clock, CrashHook, CrashPoint, HouseholdStore, OrderStore, no_crash

log = logging.getLogger(__name__)

SNOOZE_HOURS_MAX = 72


class Answering:
    """What a person may do with a prompt, and with the order that came of it (`afterwards`).

    Fulfils `web.parts.Answers`; `by` is the name of the person's account.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        household: HouseholdStore,
        orders: OrderStore,
        accounts: AccountStore,
        policies: PolicyStore,
        hand_over: HandOver,
        afterwards: Afterwards,
        crash_hook: CrashHook = no_crash,
    ) -> None:
        self._clock = clock
        self._household = household
        self._orders = orders
        self._accounts = accounts
        self._policies = policies
        self._hand_over = hand_over
        self._afterwards = afterwards
        self._crash_hook = crash_hook

    def approve(self, prompt: PromptId, *, terms_hash: str, by: str, pin_checked: bool) -> IntentRecord | None:
        """Buy on exactly the terms with this hash; None: noted, and a second person has to agree.

        Raises: StaleTermsError when other terms stand now; RefusedError when the prompt can no longer be approved;
        NotAllowedError when this person may not; PinNeededError when their PIN was not given.
        """
        self._crash_hook(CrashPoint.ANSWER_RECEIVED)
        record = self._find(prompt)
        if terms_hash != record.terms_hash or terms_hash != hash_of(record.offer):
            raise StaleTermsError(say("the terms of this question changed since that page was made: read it again"))
        account, item = self._person(by), self._item(record)
        change = prompts.step(record, PromptEvent.APPROVE, now=self._clock.now(), by=by)
        agreed, ruling = self._rule(record, account, pin_checked=pin_checked)
        if ruling is Ruling.NEEDS_PIN:
            raise PinNeededError(say("{by} has a PIN: it is needed for every approval", by=by))
        if ruling is Ruling.NEEDS_SECOND:
            self._orders.endorse(prompt, terms_hash=terms_hash, by=by, at=change.after.changed_at)
            log.info("endorsed prompt=%s", prompt)
            return None
        intent = self._hand_over.give(change, item=item, by=(*agreed, by))
        self._crash_hook(CrashPoint.ANSWER_STORED)
        return intent

    def snooze(self, prompt: PromptId, *, hours: int, by: str) -> PromptRecord:
        """Ask again in so many hours.

        Raises: RefusedError when the prompt is not open, or `hours` is out of bounds; NotAllowedError.
        """
        if not 1 <= hours <= SNOOZE_HOURS_MAX:
            raise RefusedError(
                say(
                    "snooze for 1 to {most} hours, not {hours}",
                    most=SNOOZE_HOURS_MAX,
                    hours=hours,
                )
            )
        self._runs_the_home(by)
        now = self._clock.now()
        record = self._find(prompt)
        change = prompts.step(record, PromptEvent.SNOOZE, now=now, by=by, wake_at=now + timedelta(hours=hours))
        return self._orders.change_prompt(change)

    def decline(self, prompt: PromptId, *, reason: DeclineReason, by: str) -> PromptRecord:
        """Do not buy, and say why.

        Raises: RefusedError when the prompt is not open; NotAllowedError.
        """
        self._runs_the_home(by)
        change = prompts.step(
            self._find(prompt), PromptEvent.DECLINE, now=self._clock.now(), by=by, decline_reason=reason
        )
        return self._orders.change_prompt(change)

    async def cancel(self, intent: IntentId, *, by: str) -> CancelResult:
        """Take an approval back while the order is held."""
        return await self._afterwards.cancel(intent, by=by)

    async def settle(self, intent: IntentId, *, found: bool, merchant_order_id: str | None, by: str) -> IntentRecord:
        """Say what nobody else could tell: the merchant has this order, or has it not."""
        return await self._afterwards.settle(intent, found=found, merchant_order_id=merchant_order_id, by=by)

    def arrived(self, intent: IntentId, *, by: str) -> IntentRecord:
        """The goods are here."""
        return self._afterwards.arrived(intent, by=by)

    def never_came(self, intent: IntentId, *, by: str) -> IntentRecord:
        """The goods did not come."""
        return self._afterwards.never_came(intent, by=by)

    def see_to(self, intent: IntentId, *, word: Word, by: str) -> IntentRecord:
        """What was in the way of the order is mended, or let be."""
        return self._afterwards.see_to(intent, word=word, by=by)

    def _rule(self, record: PromptRecord, account: Account, *, pin_checked: bool) -> tuple[tuple[str, ...], Ruling]:
        """Who has agreed and still may, and what that leaves to be done."""
        policy = self._policies.policy()
        agreed = tuple(
            word.by for word in self._orders.endorsements(record.id) if self._still_may(policy, word.by, record)
        )
        ruling = rule(
            policy,
            account=account,
            total_max_minor=record.offer.total_max_minor,
            currency=record.offer.currency,
            endorsed_by=agreed,
            pin_given=pin_checked,
        )
        return agreed, ruling

    def _still_may(self, policy: Policy, name: str, record: PromptRecord) -> bool:
        account = self._accounts.account(name)
        if account is None or account.is_disabled:
            return False
        offer = record.offer
        try:
            check_limit(policy, account=account, total_max_minor=offer.total_max_minor, currency=offer.currency)
        except NotAllowedError:
            return False
        return True

    def _find(self, prompt: PromptId) -> PromptRecord:
        record = self._orders.prompt(prompt)
        if record is None:
            raise RefusedError(say("there is no such question"))
        return record

    def _item(self, record: PromptRecord) -> Item:
        item = self._household.load().item(record.item)
        if item is None:
            raise RefusedError(
                say("the household no longer keeps {item}: decline this question instead", item=record.item)
            )
        return item

    def _person(self, name: str) -> Account:
        account = self._accounts.account(name)
        if account is None:
            raise NotAllowedError(say("there is no account {name}: sign in again", name=name))
        return account

    def _runs_the_home(self, name: str) -> None:
        if self._person(name).role not in MAY_APPROVE:
            raise NotAllowedError(say("{name} may not answer this: ask an owner or a member", name=name))
