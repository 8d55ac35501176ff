"""Who may approve how much: the household's own rules, and the one function that applies them.

The document is signed by the household's key when an owner sets it, so a row that was edited is found. It is read
anew for every approval: a lower limit holds at once, and an approval that was given stands.

Amounts are integer minor units of the policy's currency. An amount in another currency is never compared: where a
limit would have to be, the approval is refused.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import rfc8785
from pydantic import Field, StringConstraints, field_validator

from edge_agent.core.catalogue import Document
from edge_agent.core.people import Account, Role
from edge_agent.core.said import Sum, say
from edge_agent.errors import NotAllowedError

Limit = Annotated[int, Field(ge=0, le=1_000_000_000_000)]

_LIMITS: dict[Role, int | None] = {Role.OWNER: None, Role.MEMBER: None, Role.GUEST: 0, Role.CHILD: 0}


_ROLES = {
    Role.OWNER: say("an owner"),
    Role.MEMBER: say("a member"),
    Role.GUEST: say("a guest"),
    Role.CHILD: say("a child"),
}


class Policy(Document):
    """How much each role may approve. Minor units of `currency`; a limit of None is no limit, 0 allows nothing.

    Above `two_people_above_minor` a second person must agree. A PIN is asked from everyone who has set one; above
    `pin_above_minor` those without one cannot approve until they set it.
    """

    version: Literal[1] = 1
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    limit_minor: dict[Role, Limit | None] = Field(default_factory=lambda: dict(_LIMITS))
    two_people_above_minor: Limit | None = None
    pin_above_minor: Limit | None = None

    @field_validator("limit_minor")
    @classmethod
    def _every_role(cls, limits: dict[Role, int | None]) -> dict[Role, int | None]:
        if set(limits) != set(Role):
            raise ValueError(f"one limit for each of {', '.join(Role)} is needed")
        return limits


class Ruling(StrEnum):
    """What stands between a person and an approval."""

    ALLOWED = "allowed"
    NEEDS_SECOND = "needs_second"
    NEEDS_PIN = "needs_pin"


def canonical_policy(policy: Policy) -> bytes:
    """RFC 8785 canonical JSON of the policy: the bytes that are signed and kept."""
    return rfc8785.dumps(policy.model_dump(mode="json"))


def rule(
    policy: Policy,
    *,
    account: Account,
    total_max_minor: int,
    currency: str,
    endorsed_by: tuple[str, ...],
    pin_given: bool,
) -> Ruling:
    """Whether this person may approve so much now.

    Units: `total_max_minor` is the ceiling, in minor units of `currency`. `endorsed_by` names who agreed before.

    Raises: NotAllowedError when the amount is above the person's limit, or the same person would be the second one.
    """
    check_limit(policy, account=account, total_max_minor=total_max_minor, currency=currency)
    needs_two = needs_two_people(policy, total_max_minor=total_max_minor, currency=currency)
    if needs_two and account.name in endorsed_by:
        raise NotAllowedError(
            say("{name} has agreed already: a second person of the household must", name=account.name)
        )
    if account.pin_hash is None and _above(policy.pin_above_minor, total_max_minor, policy=policy, currency=currency):
        raise NotAllowedError(
            say(
                "above {sum} a PIN is needed: {name} has none",
                sum=_limit(policy.pin_above_minor, policy),
                name=account.name,
            )
        )
    if account.pin_hash is not None and not pin_given:
        return Ruling.NEEDS_PIN
    return Ruling.NEEDS_SECOND if needs_two and not endorsed_by else Ruling.ALLOWED


def check_limit(policy: Policy, *, account: Account, total_max_minor: int, currency: str) -> None:
    """Whether the person's role reaches that far, whatever else is needed.

    Raises: NotAllowedError when it does not.
    """
    limit = policy.limit_minor[account.role]
    if limit == 0 or _above(limit, total_max_minor, policy=policy, currency=currency):
        role = _ROLES[account.role]
        if not limit:
            raise NotAllowedError(say("{role} may approve nothing: ask an owner or a member", role=role))
        most = _limit(limit, policy)
        raise NotAllowedError(say("{role} may approve up to {most}: ask an owner or a member", role=role, most=most))


def needs_two_people(policy: Policy, *, total_max_minor: int, currency: str) -> bool:
    """Whether so much waits for a second person.

    Raises: NotAllowedError for another currency than the policy's.
    """
    return _above(policy.two_people_above_minor, total_max_minor, policy=policy, currency=currency)


def _above(limit_minor: int | None, amount_minor: int, *, policy: Policy, currency: str) -> bool:
    if limit_minor is None:
        return False
    if currency != policy.currency:
        raise NotAllowedError(
            say(
                "the household's limits are in {currency}, this is in {other}: set them anew",
                currency=policy.currency,
                other=currency,
            )
        )
    return amount_minor > limit_minor


def _limit(limit_minor: int | None, policy: Policy) -> Sum:
    return Sum(limit_minor or 0, policy.currency)
