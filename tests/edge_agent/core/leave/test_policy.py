"""Who may approve how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.core.leave.policy import Policy, Ruling, canonical_policy, rule
from edge_agent.core.people import Account, Role
from edge_agent.errors import NotAllowedError

_NO_LIMITS = dict.fromkeys(Role, None)
CAREFUL = Policy(
    currency="USD",
    limit_minor={Role.OWNER: None, Role.MEMBER: 5_000, Role.GUEST: 0, Role.CHILD: 500},
    two_people_above_minor=10_000,
    pin_above_minor=8_000,
)


def person(role: Role, *, pin: bool = False, name: str = "anna") -> Account:
    """An account."""
    return Account(name, role, "$argon2id$password", "$argon2id$pin" if pin else None)


def ruling(policy: Policy, account: Account, total_max_minor: int, **changes: object) -> Ruling:
    """What the policy says of an approval in its own currency, alone and without a PIN."""
    asked: dict[str, object] = {"currency": policy.currency, "endorsed_by": (), "pin_given": False} | changes
    return rule(policy, account=account, total_max_minor=total_max_minor, **asked)


@pytest.mark.parametrize(
    ("role", "total_max_minor", "allowed"),
    [
        (Role.OWNER, 7_000, True),
        (Role.MEMBER, 5_000, True),
        (Role.MEMBER, 5_001, False),
        (Role.CHILD, 500, True),
        (Role.CHILD, 501, False),
        (Role.GUEST, 1, False),
        (Role.GUEST, 0, False),  # nothing is nothing, even where it costs nothing
    ],
)
def test_each_role_has_its_limit(role: Role, total_max_minor: int, *, allowed: bool) -> None:
    """Up to the limit and not a cent above it."""
    if allowed:
        assert ruling(CAREFUL, person(role), total_max_minor) is Ruling.ALLOWED
    else:
        with pytest.raises(NotAllowedError, match="may approve"):
            ruling(CAREFUL, person(role), total_max_minor)


@pytest.mark.parametrize("role", list(Role))
def test_children_and_guests_approve_nothing_unless_told(role: Role) -> None:
    """Before anybody set a policy, owners and members approve, the others do not."""
    if role in {Role.OWNER, Role.MEMBER}:
        assert ruling(Policy(), person(role), 1_000_000) is Ruling.ALLOWED
    else:
        with pytest.raises(NotAllowedError, match="nothing"):
            ruling(Policy(), person(role), 1)


def test_two_people_are_needed_above_the_limit() -> None:
    """The first is kept waiting, another one completes it, the same one does not."""
    anna, ben = person(Role.OWNER, pin=True), person(Role.OWNER, pin=True, name="ben")
    assert ruling(CAREFUL, anna, 10_000, pin_given=True) is Ruling.ALLOWED
    assert ruling(CAREFUL, anna, 10_001, pin_given=True) is Ruling.NEEDS_SECOND
    assert ruling(CAREFUL, ben, 10_001, pin_given=True, endorsed_by=("anna",)) is Ruling.ALLOWED
    with pytest.raises(NotAllowedError, match="second person"):
        ruling(CAREFUL, anna, 10_001, pin_given=True, endorsed_by=("anna",))


def test_who_agreed_first_may_order_once_one_person_is_enough() -> None:
    """The household let go of its rule meanwhile: nobody is sent for a second person who is not needed."""
    anna = person(Role.OWNER, pin=True)
    relaxed = CAREFUL.model_copy(update={"two_people_above_minor": None})
    assert ruling(relaxed, anna, 10_001, pin_given=True, endorsed_by=("anna",)) is Ruling.ALLOWED


@pytest.mark.parametrize(
    ("has_pin", "given", "total_max_minor", "expected"),
    [
        (True, False, 1, Ruling.NEEDS_PIN),
        (True, True, 1, Ruling.ALLOWED),
        (False, False, 8_000, Ruling.ALLOWED),
        (False, False, 8_001, None),
        (False, True, 8_001, None),  # a PIN that does not exist cannot have been given
        (True, False, 20_000, Ruling.NEEDS_PIN),  # before a second person is even asked
    ],
)
def test_a_pin_is_asked_from_who_has_one(
    total_max_minor: int, expected: Ruling | None, *, has_pin: bool, given: bool
) -> None:
    """Who has a PIN gives it for every approval; above the limit nobody approves without having one."""
    owner = person(Role.OWNER, pin=has_pin)
    if expected is None:
        with pytest.raises(NotAllowedError, match="PIN"):
            ruling(CAREFUL, owner, total_max_minor, pin_given=given)
    else:
        assert ruling(CAREFUL, owner, total_max_minor, pin_given=given) is expected


def test_other_money_is_never_compared() -> None:
    """A limit says nothing about another currency, so where there is one the approval is refused."""
    with pytest.raises(NotAllowedError, match="USD"):
        ruling(CAREFUL, person(Role.MEMBER), 1, currency="JPY")
    assert ruling(Policy(limit_minor=_NO_LIMITS), person(Role.CHILD), 10**9, currency="JPY") is Ruling.ALLOWED


@given(
    role=st.sampled_from(Role),
    limit=st.none() | st.integers(0, 10**6),
    two=st.none() | st.integers(0, 10**6),
    total=st.integers(0, 10**6),
    pin=st.booleans(),
)
def test_no_ruling_lets_a_limit_slip(*, role: Role, limit: int | None, two: int | None, total: int, pin: bool) -> None:
    """Whatever the policy: allowed alone means inside the role's limit and not above the limit for one person."""
    policy = Policy(limit_minor=_NO_LIMITS | {role: limit}, two_people_above_minor=two)
    try:
        outcome = ruling(policy, person(role, pin=pin), total, pin_given=pin)
    except NotAllowedError:
        assert limit is not None
        assert limit == 0 or total > limit
        return
    assert limit is None or 0 < limit >= total
    assert (outcome is Ruling.NEEDS_SECOND) == (two is not None and total > two)


def test_a_policy_reads_back_as_it_was_signed() -> None:
    """The signed bytes are the whole document, in one form."""
    assert Policy.model_validate_json(canonical_policy(CAREFUL)) == CAREFUL
    assert canonical_policy(CAREFUL) == canonical_policy(Policy.model_validate_json(canonical_policy(CAREFUL)))


@pytest.mark.parametrize(
    "document",
    [
        '{"limit_minor": {"owner": null}}',
        '{"limit_minor": {"owner": null, "member": null, "guest": 0, "child": -1}}',
        '{"limit_minor": {"owner": null, "member": null, "guest": 0, "child": 1.5}}',
        '{"two_people_above_minor": "100"}',
        '{"currency": "usd"}',
        '{"version": 2}',
        '{"everyone": true}',
    ],
)
def test_what_is_no_policy_is_refused(document: str) -> None:
    """Half a document, another unit or an unknown rule is never taken for one."""
    with pytest.raises(ValidationError):
        Policy.model_validate_json(document)
