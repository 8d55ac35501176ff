"""Who belongs to the home, and who may change that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.core.leave.policy import Policy
from edge_agent.core.people import Role, Session
from edge_agent.errors import NotAllowedError, RefusedError
from edge_agent.pipeline.people import PEOPLE_MAX
from tests.edge_agent.pipeline.desk import PEOPLE, Desk, open_desk
from tests.edge_agent.samples import NOW


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Five people, two of them owners."""
    with open_desk(tmp_path) as opened:
        yield opened


def sign_in(desk: Desk, name: str, token: str) -> None:
    """A session of a person."""
    desk.leave.accounts.add_session(Session(token, name, PEOPLE[name], "c", NOW, NOW + timedelta(days=1)))


ACTS: dict[str, Callable[[Desk, str], None]] = {
    "add": lambda desk, by: desk.leave.people.add("zoe", role=Role.MEMBER, password_hash="h", by=by),
    "set_role": lambda desk, by: desk.leave.people.set_role("kim", role=Role.OWNER, by=by),
    "set_password": lambda desk, by: desk.leave.people.set_password(
        "anna", password_hash="h", by=by, keep_session=None
    ),
    "set_pin": lambda desk, by: desk.leave.people.set_pin("anna", pin_hash=None, by=by),
    "remove": lambda desk, by: desk.leave.people.remove("kim", by=by),
    "policy": lambda desk, by: desk.leave.policies.set(Policy(), by=by),
}


@pytest.mark.parametrize("act", sorted(ACTS))
@pytest.mark.parametrize("by", ["ben", "gus", "kim", "nobody"])
def test_only_owners_change_other_people(desk: Desk, act: str, by: str) -> None:
    """Nobody gives themselves more, and nobody else's secret is set."""
    before = desk.leave.people.all()
    with pytest.raises(NotAllowedError):
        ACTS[act](desk, by)
    assert desk.leave.people.all() == before


@pytest.mark.parametrize("act", sorted(ACTS))
def test_an_owner_may_and_it_is_written_down(desk: Desk, act: str) -> None:
    """Each change leaves an event in the audit log."""
    before = len(desk.events())
    ACTS[act](desk, "olga")
    assert len(desk.events()) == before + 1


def test_a_person_sets_their_own_secrets(desk: Desk) -> None:
    """And stays signed in where they did it, and only there."""
    sign_in(desk, "kim", "t1")
    sign_in(desk, "kim", "t2")
    desk.leave.people.set_pin("kim", pin_hash="new-pin", by="kim")
    desk.leave.people.set_password("kim", password_hash="new", by="kim", keep_session="t1")
    account = desk.leave.accounts.account("kim")
    assert account is not None
    assert (account.pin_hash, account.password_hash, account.role) == ("new-pin", "new", Role.CHILD)
    assert desk.leave.accounts.session("t1", now=NOW) is not None
    assert desk.leave.accounts.session("t2", now=NOW) is None


def test_an_owner_always_remains(desk: Desk) -> None:
    """The last one can neither go nor step down."""
    desk.leave.people.remove("olga", by="anna")
    with pytest.raises(RefusedError, match="only owner"):
        desk.leave.people.remove("anna", by="anna")
    with pytest.raises(RefusedError, match="only owner"):
        desk.leave.people.set_role("anna", role=Role.MEMBER, by="anna")
    desk.leave.people.set_role("anna", role=Role.OWNER, by="anna")


def test_who_is_removed_is_signed_out(desk: Desk) -> None:
    """In the same transaction."""
    sign_in(desk, "ben", "t1")
    desk.leave.people.remove("ben", by="anna")
    assert desk.leave.accounts.session("t1", now=NOW) is None
    assert desk.leave.accounts.account("ben") is None


def test_a_name_stands_for_one_person(desk: Desk) -> None:
    """A taken name is refused, and so is a crowd."""
    with pytest.raises(RefusedError, match="already"):
        desk.leave.people.add("ben", role=Role.CHILD, password_hash="h", by="anna")
    for number in range(PEOPLE_MAX - len(PEOPLE)):
        desk.leave.people.add(f"p{number}", role=Role.GUEST, password_hash="h", by="anna")
    with pytest.raises(RefusedError, match="remove one"):
        desk.leave.people.add("zoe", role=Role.GUEST, password_hash="h", by="anna")


def test_a_policy_holds_from_the_next_question_on(desk: Desk) -> None:
    """Signed by the household's key when an owner sets it."""
    desk.leave.policies.set(Policy(two_people_above_minor=5), by="anna")
    assert desk.leave.policies.get() == Policy(two_people_above_minor=5)
