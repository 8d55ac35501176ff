"""Mandates as people deal with them: propose, confirm, pause, resume, revoke; and their end with time.

Giving leave is an owner's; a budget above the household's limit for one person waits for a second one. Stopping is
anybody's who runs the home, needs no PIN, and holds from the moment it is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from edge_agent.core.leave import mandate as mandates
from edge_agent.core.leave.mandate import (
    LIVE,
    MandateDraft,
    MandateEvent,
    MandateRecord,
    MandateState,
    MandateTerms,
    canonical_mandate,
    period_of,
)
from edge_agent.core.leave.policy import Ruling, check_limit, rule
from edge_agent.core.messages import MandateId
from edge_agent.core.overview import MandateView
from edge_agent.core.people import MAY_APPROVE, Account, Role
from edge_agent.core.said import Day, say
from edge_agent.errors import NotAllowedError, PinNeededError, RefusedError
from edge_agent.leave_ports import AccountStore, MandateStore, PolicyStore
from edge_agent.pipeline.hand_over import Home
from edge_agent.ports import Clock, Signer

log = logging.getLogger(__name__)

_SHOWN_MAX = 200
_DRAWS_SHOWN = 50
_MAY_PROPOSE = frozenset({Role.OWNER})
_TIME = "time"  # who ends a mandate whose last day has passed


class MandateDesk:
    """What a person may do with mandates. `by` is the name of their account."""

    def __init__(
        self,
        *,
        home: Home,
        clock: Clock,
        mandates: MandateStore,
        accounts: AccountStore,
        policies: PolicyStore,
        signer: Signer,
        new_id: Callable[[], str],
    ) -> None:
        self._home = home
        self._clock = clock
        self._mandates = mandates
        self._accounts = accounts
        self._policies = policies
        self._signer = signer
        self._new_id = new_id

    def all(self) -> Sequence[MandateView]:
        """Every mandate with what it drew, those that may still draw first."""
        return [self._view(record) for record in self._mandates.mandates(live=False, limit=_SHOWN_MAX)]

    def mandate(self, mandate: MandateId) -> MandateView | None:
        """One mandate with what it drew."""
        record = self._mandates.mandate(mandate)
        return None if record is None else self._view(record)

    def propose(self, draft: MandateDraft, *, by: str, pin_checked: bool) -> MandateRecord:
        """Give leave; it waits for a second person where the household asks for two.

        Raises: NotAllowedError when `by` is no owner or their limit is lower; PinNeededError; RefusedError when its
        last day has passed.
        """
        account = self._person(by, roles=_MAY_PROPOSE)
        now = self._clock.now()
        terms = MandateTerms(
            **{name: getattr(draft, name) for name in MandateDraft.model_fields},
            id=self._new_id(),
            household=self._home.household,
            hub=self._home.hub,
            created_by=by,
            created_at=now,
            nonce=self._new_id(),
        )
        if mandates.is_over(terms, now=now):
            raise RefusedError(
                say(
                    "{day} has passed: the mandate would never hold",
                    day=Day(terms.execution_date.not_after, with_year=True),
                )
            )
        waits = self._rule(terms, account, endorsed_by=(), pin_checked=pin_checked) is Ruling.NEEDS_SECOND
        record = MandateRecord(
            terms=terms,
            state=MandateState.PROPOSED if waits else MandateState.ACTIVE,
            version=1,
            signature=None if waits else self._sign(terms),
            changed_at=now,
            changed_by=by,
            proposed_by=by,
        )
        self._mandates.add_mandate(record)
        log.info("mandate=%s state=%s", record.id, record.state)
        return record

    def confirm(self, mandate: MandateId, *, by: str, pin_checked: bool) -> MandateRecord:
        """Agree as the second person.

        Raises: NotAllowedError when this person may not, or proposed it, or who proposed it may no longer;
        PinNeededError; RefusedError.
        """
        account, record = self._person(by, roles=MAY_APPROVE), self._find(mandate)
        self._check_word(record.proposed_by, roles=_MAY_PROPOSE, terms=record.terms)
        self._rule(record.terms, account, endorsed_by=(record.proposed_by,), pin_checked=pin_checked)
        return self._step(record, MandateEvent.CONFIRM, by=by, signature=self._sign(record.terms))

    def decline(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """Do not agree: it never begins. Raises: NotAllowedError, RefusedError."""
        self._person(by, roles=MAY_APPROVE)
        return self._step(self._find(mandate), MandateEvent.DECLINE, by=by)

    def pause(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """Nothing is drawn until it is resumed. Raises: NotAllowedError, RefusedError."""
        self._person(by, roles=MAY_APPROVE)
        return self._step(self._find(mandate), MandateEvent.PAUSE, by=by)

    def resume(self, mandate: MandateId, *, by: str, pin_checked: bool = False) -> MandateRecord:
        """It may draw again: leave is given anew, by today's rules.

        Raises: NotAllowedError when `by` is no owner, their limit is lower, or two people are needed today and one gave
        leave; PinNeededError; RefusedError.
        """
        account, record = self._person(by, roles=_MAY_PROPOSE), self._find(mandate)
        words = ((record.proposed_by, _MAY_PROPOSE), (record.confirmed_by, MAY_APPROVE))
        others = tuple(
            name
            for name, roles in words
            if name is not None and name != by and self._still_may(name, roles=roles, terms=record.terms)
        )
        if self._rule(record.terms, account, endorsed_by=others, pin_checked=pin_checked) is Ruling.NEEDS_SECOND:
            raise NotAllowedError(say("so large a budget needs two people today: revoke it, and propose another"))
        return self._step(record, MandateEvent.RESUME, by=by, signature=self._sign(record.terms))

    def revoke(self, mandate: MandateId, *, by: str) -> MandateRecord:
        """End it at once and for good; its orders that are not sent yet go with it.

        Raises: NotAllowedError, RefusedError.
        """
        self._person(by, roles=MAY_APPROVE)
        return self._step(self._find(mandate), MandateEvent.REVOKE, by=by)

    def end_due(self) -> int:
        """End mandates whose last day has passed; returns how many."""
        now = self._clock.now()
        over = [
            record
            for record in self._mandates.mandates(live=True, limit=_SHOWN_MAX)
            if mandates.is_over(record.terms, now=now)
        ]
        for record in over:
            self._step(record, MandateEvent.EXPIRE, by=_TIME)
        return len(over)

    def _step(
        self, record: MandateRecord, event: MandateEvent, *, by: str, signature: bytes | None = None
    ) -> MandateRecord:
        change = mandates.step(record, event, now=self._clock.now(), by=by, signature=signature)
        after = self._mandates.change_mandate(change)
        log.info("mandate=%s event=%s state=%s", after.id, event, after.state)
        return after

    def _rule(
        self, terms: MandateTerms, account: Account, *, endorsed_by: tuple[str, ...], pin_checked: bool
    ) -> Ruling:
        """What the policy asks of a person for the whole budget of a period."""
        ruling = rule(
            self._policies.policy(),
            account=account,
            total_max_minor=terms.budget.max_minor,
            currency=terms.budget.currency,
            endorsed_by=endorsed_by,
            pin_given=pin_checked,
        )
        if ruling is Ruling.NEEDS_PIN:
            raise PinNeededError(say("{name} has a PIN: it is needed to give leave", name=account.name))
        return ruling

    def _still_may(self, name: str, *, roles: frozenset[Role], terms: MandateTerms) -> bool:
        """Whether somebody who gave their word for a mandate could give it today."""
        try:
            self._check_word(name, roles=roles, terms=terms)
        except NotAllowedError:
            return False
        return True

    def _check_word(self, name: str, *, roles: frozenset[Role], terms: MandateTerms) -> None:
        """A word that was given counts only while who gave it may still give it.

        Raises: NotAllowedError.
        """
        account, budget = self._accounts.account(name), terms.budget
        if account is None or account.is_disabled or account.role not in roles:
            raise NotAllowedError(say("{name}, who agreed to it, may no longer give such leave: decline it", name=name))
        check_limit(
            self._policies.policy(), account=account, total_max_minor=budget.max_minor, currency=budget.currency
        )

    def _view(self, record: MandateRecord) -> MandateView:
        draws = tuple(self._mandates.draws(record.id, limit=_DRAWS_SHOWN))
        now = self._clock.now()
        if record.state not in LIVE or mandates.is_over(record.terms, now=now):
            return MandateView(record=record, period=None, usage=None, left_minor=0, draws=draws)
        period = period_of(record.terms, now)
        usage = self._mandates.usage(record.id, period.index)
        left_minor = max(0, record.terms.budget.max_minor - usage.used_minor)
        if period.index < 0 or record.state is not MandateState.ACTIVE:
            left_minor = 0
        return MandateView(record=record, period=period, usage=usage, left_minor=left_minor, draws=draws)

    def _sign(self, terms: MandateTerms) -> bytes:
        return self._signer.sign(canonical_mandate(terms))

    def _find(self, mandate: MandateId) -> MandateRecord:
        record = self._mandates.mandate(mandate)
        if record is None:
            raise RefusedError(say("there is no mandate {mandate}", mandate=mandate))
        return record

    def _person(self, name: str, *, roles: frozenset[Role]) -> Account:
        account = self._accounts.account(name)
        if account is None or account.role not in roles:
            raise NotAllowedError(say("{name} may not do this: ask an owner", name=name))
        return account
