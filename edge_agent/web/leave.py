"""What stands between a person and an approval, said before the button; `Answers.approve` decides again.

The rule itself is `core.leave.policy.rule`; here it is only asked beforehand, for this person and for the others who
could say yes instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.core.leave.mandate import MandateRecord
from edge_agent.core.leave.policy import Policy, Ruling, check_limit, needs_two_people, rule
from edge_agent.core.people import Account
from edge_agent.core.prompt import Endorsement, PromptRecord
from edge_agent.core.said import Names, Said, say
from edge_agent.errors import FailClosedError, NotAllowedError
from edge_agent.web.parts import WebParts


@dataclass(frozen=True, slots=True)
class Leave:
    """`refusal` None: the person may approve. `others` names who else may; `agreed` who did, while a second is missing.

    `needs_pin`: the person's PIN is asked for. `needs_second`: after this approval another person must agree.
    """

    refusal: str | None
    needs_pin: bool = False
    needs_second: bool = False
    agreed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def others_said(self) -> Said:
        """Who else may, in one text."""
        return say("{names}", names=Names(self.others))

    @property
    def agreed_said(self) -> Said:
        """Who has agreed, in one text."""
        return say("{names}", names=Names(self.agreed))


def leave_for(parts: WebParts, prompt: PromptRecord, *, name: str) -> Leave:
    """What this person may do with this prompt now."""
    endorsements = parts.overview.endorsements(prompt.id)
    offer = prompt.offer
    return leave_of(
        parts, name=name, total_max_minor=offer.total_max_minor, currency=offer.currency, endorsements=endorsements
    )


def leave_of(
    parts: WebParts, *, name: str, total_max_minor: int, currency: str, endorsements: Sequence[Endorsement]
) -> Leave:
    """What a person may approve of an amount that others may have agreed to already."""
    account = parts.accounts.account(name)
    if account is None:
        return Leave(say("this account is gone: sign in again"))
    try:
        policy = parts.policies.get()
    except FailClosedError:
        return Leave(say("the household's rules are not the ones that an owner signed: an owner must set them again"))
    agreed = tuple(
        word.by for word in endorsements if _counts(parts, _Question(policy, total_max_minor, currency), word)
    )
    question = _Question(policy, total_max_minor, currency, agreed)
    others = tuple(
        other.name
        for other in parts.people.all()
        if other.name != name and not other.is_disabled and _refusal(question, other) is None
    )
    refusal = _refusal(question, account)
    if refusal is not None:
        return Leave(refusal, agreed=agreed, others=others)
    return Leave(
        None,
        needs_pin=_ask(question, account, pin_given=False) is Ruling.NEEDS_PIN,
        needs_second=_ask(question, account, pin_given=True) is Ruling.NEEDS_SECOND,
        agreed=agreed,
        others=others,
    )


def leave_to_confirm(parts: WebParts, record: MandateRecord, *, name: str) -> Leave:
    """Whether this person may be the second one for a mandate; the first one is who proposed it."""
    budget = record.terms.budget
    first = Endorsement(by=record.proposed_by, terms_hash="", at=record.terms.created_at)
    return leave_of(parts, name=name, total_max_minor=budget.max_minor, currency=budget.currency, endorsements=(first,))


def gives_pin(parts: WebParts, name: str) -> bool:
    """Whether this person gives a PIN with whatever gives leave."""
    account = parts.accounts.account(name)
    return account is not None and account.pin_hash is not None


@dataclass(frozen=True, slots=True)
class _Question:
    policy: Policy
    total_max_minor: int
    currency: str
    agreed: tuple[str, ...] = ()


def _counts(parts: WebParts, question: _Question, word: Endorsement) -> bool:
    """Whether a first person's word is waited upon today: they still may say it, and two are still needed."""
    policy, total_max_minor, currency = question.policy, question.total_max_minor, question.currency
    account = parts.accounts.account(word.by)
    if account is None or account.is_disabled:
        return False
    try:
        check_limit(policy, account=account, total_max_minor=total_max_minor, currency=currency)
        return needs_two_people(policy, total_max_minor=total_max_minor, currency=currency)
    except NotAllowedError:
        return False


def _ask(question: _Question, account: Account, *, pin_given: bool) -> Ruling:
    return rule(
        question.policy,
        account=account,
        total_max_minor=question.total_max_minor,
        currency=question.currency,
        endorsed_by=question.agreed,
        pin_given=pin_given,
    )


def _refusal(question: _Question, account: Account) -> str | None:
    try:
        _ask(question, account, pin_given=True)
    except NotAllowedError as exc:
        said: str = exc.args[0]
        return said
    return None
