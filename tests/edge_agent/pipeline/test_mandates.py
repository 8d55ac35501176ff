"""Mandates as people deal with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from edge_agent.core.leave.mandate import MandateState, canonical_mandate
from edge_agent.core.leave.policy import Policy
from edge_agent.core.messages import MandateId
from edge_agent.core.people import Role
from edge_agent.errors import NotAllowedError, PinNeededError, RefusedError
from edge_agent.ports import CrashPoint
from tests.edge_agent.leave import draft
from tests.edge_agent.pipeline.desk import Desk, open_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A home that may give leave."""
    with open_desk(tmp_path) as opened:
        yield opened


def test_an_owner_gives_leave_alone_below_the_limit(desk: Desk) -> None:
    """Active at once, and signed over its terms."""
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    assert made.state is MandateState.ACTIVE
    assert made.signature is not None
    assert desk.key.verify(canonical_mandate(made.terms), made.signature)
    assert desk.mandates.mandate(made.id) == made
    assert (made.terms.household, made.terms.hub, made.terms.created_by) == ("home-1", "hub-1", "anna")


@pytest.mark.parametrize("by", ["ben", "gus", "kim", "nobody"])
def test_only_owners_give_standing_leave(desk: Desk, by: str) -> None:
    """Nobody else proposes one or starts one again."""
    with pytest.raises(NotAllowedError):
        desk.leave.mandates.propose(draft(), by=by, pin_checked=False)
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    desk.leave.mandates.pause(made.id, by="anna")
    with pytest.raises(NotAllowedError):
        desk.leave.mandates.resume(made.id, by=by)


@pytest.mark.parametrize(("by", "allowed"), [("olga", True), ("ben", True), ("gus", False), ("kim", False)])
def test_who_runs_the_home_may_stop_it(desk: Desk, by: str, *, allowed: bool) -> None:
    """Stopping needs less than starting."""
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    if allowed:
        assert desk.leave.mandates.revoke(made.id, by=by).state is MandateState.REVOKED
        assert CrashPoint.REVOKE_RECEIVED in desk.points
    else:
        with pytest.raises(NotAllowedError):
            desk.leave.mandates.revoke(made.id, by=by)


def test_a_large_budget_needs_two_people(desk: Desk) -> None:
    """It is proposed, not active, until somebody else agrees; declined, it never begins."""
    desk.leave.policies.set(Policy(two_people_above_minor=2_999), by="anna")
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    assert (made.state, made.signature) == (MandateState.PROPOSED, None)
    with pytest.raises(NotAllowedError, match="second person"):
        desk.leave.mandates.confirm(made.id, by="anna", pin_checked=False)
    with pytest.raises(NotAllowedError):
        desk.leave.mandates.confirm(made.id, by="kim", pin_checked=False)
    confirmed = desk.leave.mandates.confirm(made.id, by="ben", pin_checked=False)
    assert (confirmed.state, confirmed.confirmed_by) == (MandateState.ACTIVE, "ben")
    other = desk.leave.mandates.propose(draft(), by="olga", pin_checked=False)
    assert desk.leave.mandates.decline(other.id, by="ben").state is MandateState.DECLINED
    with pytest.raises(RefusedError, match="declined"):
        desk.leave.mandates.confirm(other.id, by="ben", pin_checked=False)


@pytest.mark.parametrize("change", ["removed", "disabled", "demoted", "limited"])
def test_a_proposal_is_worth_what_its_proposer_may_say_today(desk: Desk, change: str) -> None:
    """One person alone must not make a mandate out of the word of somebody who may no longer give it."""
    desk.leave.policies.set(Policy(two_people_above_minor=2_999), by="anna")
    made = desk.leave.mandates.propose(draft(), by="olga", pin_checked=False)
    if change == "removed":
        desk.leave.people.remove("olga", by="anna")
    elif change == "disabled":
        desk.leave.people.disable("olga", by="anna")
    elif change == "demoted":
        desk.leave.people.set_role("olga", role=Role.MEMBER, by="anna")
    else:
        limits = {**Policy().limit_minor, Role.OWNER: 100}
        desk.leave.policies.set(Policy(two_people_above_minor=2_999, limit_minor=limits), by="anna")
    with pytest.raises(NotAllowedError):
        desk.leave.mandates.confirm(made.id, by="ben", pin_checked=False)
    assert desk.leave.mandates.decline(made.id, by="ben").state is MandateState.DECLINED


def test_a_pin_is_needed_to_give_leave(desk: Desk) -> None:
    """For proposing and for confirming; nothing is kept without it."""
    desk.put("anna", pin=True)
    desk.put("ben", pin=True)
    desk.leave.policies.set(Policy(two_people_above_minor=0), by="anna")
    with pytest.raises(PinNeededError):
        desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    assert list(desk.leave.mandates.all()) == []
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=True)
    with pytest.raises(PinNeededError):
        desk.leave.mandates.confirm(made.id, by="ben", pin_checked=False)
    assert desk.leave.mandates.confirm(made.id, by="ben", pin_checked=True).state is MandateState.ACTIVE


def test_a_pause_takes_the_signature_and_a_resume_gives_a_new_one(desk: Desk) -> None:
    """Leave is where the signature is."""
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    assert desk.leave.mandates.pause(made.id, by="ben").signature is None
    resumed = desk.leave.mandates.resume(made.id, by="anna")
    assert resumed.signature is not None
    assert desk.key.verify(canonical_mandate(made.terms), resumed.signature)


def test_to_resume_is_to_give_leave(desk: Desk) -> None:
    """By today's rules: with the PIN, within the limit, and by two people where two are needed."""
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    desk.leave.mandates.pause(made.id, by="ben")
    desk.put("anna", pin=True)
    with pytest.raises(PinNeededError):
        desk.leave.mandates.resume(made.id, by="anna", pin_checked=False)
    desk.leave.policies.set(Policy(limit_minor={**Policy().limit_minor, Role.OWNER: 100}), by="anna")
    with pytest.raises(NotAllowedError, match="up to"):
        desk.leave.mandates.resume(made.id, by="anna", pin_checked=True)
    desk.leave.policies.set(Policy(two_people_above_minor=2_999), by="anna")
    with pytest.raises(NotAllowedError, match="two people"):
        desk.leave.mandates.resume(made.id, by="anna", pin_checked=True)
    assert desk.leave.mandates.resume(made.id, by="olga").state is MandateState.ACTIVE


@pytest.mark.parametrize("gone", ["removed", "disabled", "demoted", "limited"])
def test_a_resume_does_not_count_who_may_no_longer_say_so(desk: Desk, gone: str) -> None:
    """The second word of a large budget was ben's; when he could not give it today, one owner alone does not resume."""
    desk.leave.policies.set(Policy(two_people_above_minor=2_999), by="anna")
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    desk.leave.mandates.confirm(made.id, by="ben", pin_checked=False)
    desk.leave.mandates.pause(made.id, by="anna")
    limits = Policy().limit_minor
    if gone == "removed":
        desk.leave.people.remove("ben", by="anna")
    elif gone == "disabled":
        desk.leave.people.disable("ben", by="anna")
    elif gone == "demoted":  # a guest confirms nothing, however much a guest may approve
        limits = {**limits, Role.GUEST: None}
        desk.leave.people.set_role("ben", role=Role.GUEST, by="anna")
    else:
        limits = {**limits, Role.MEMBER: 100}
    desk.leave.policies.set(Policy(two_people_above_minor=2_999, limit_minor=limits), by="anna")
    with pytest.raises(NotAllowedError, match="two people"):
        desk.leave.mandates.resume(made.id, by="anna")
    assert desk.leave.mandates.resume(made.id, by="olga").state is MandateState.ACTIVE


def test_a_resume_does_not_count_a_proposer_who_is_no_owner(desk: Desk) -> None:
    """A proposal is an owner's word; what ben said as a member stands."""
    desk.leave.policies.set(Policy(two_people_above_minor=2_999), by="anna")
    made = desk.leave.mandates.propose(draft(), by="olga", pin_checked=False)
    desk.leave.mandates.confirm(made.id, by="ben", pin_checked=False)
    desk.leave.mandates.pause(made.id, by="anna")
    desk.leave.people.set_role("olga", role=Role.MEMBER, by="anna")
    assert desk.leave.mandates.resume(made.id, by="anna").state is MandateState.ACTIVE
    desk.leave.mandates.pause(made.id, by="anna")
    desk.leave.people.remove("ben", by="anna")
    with pytest.raises(NotAllowedError, match="two people"):
        desk.leave.mandates.resume(made.id, by="anna")


def test_a_mandate_ends_with_its_last_day(desk: Desk) -> None:
    """The tick ends it once; the day itself is still inside."""
    made = desk.leave.mandates.propose(draft(not_after=date(2026, 3, 3)), by="anna", pin_checked=False)
    desk.clock.advance(hours=39)  # 23:00 of that day
    assert desk.leave.mandates.end_due() == 0
    desk.clock.advance(hours=1)
    assert desk.leave.mandates.end_due() == 1
    assert desk.leave.mandates.end_due() == 0
    ended = desk.mandates.mandate(made.id)
    assert ended is not None
    assert (ended.state, ended.changed_by) == (MandateState.EXPIRED, "time")
    with pytest.raises(RefusedError, match="passed"):
        desk.leave.mandates.propose(draft(not_after=date(2026, 3, 3)), by="anna", pin_checked=False)


def test_the_page_sees_what_is_left(desk: Desk) -> None:
    """The budget of the present period while it is active; nothing otherwise."""
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    [view] = desk.leave.mandates.all()
    assert view.period is not None
    assert (view.record, view.left_minor, view.period.index, view.draws) == (made, 3_000, 0, ())
    desk.leave.mandates.pause(made.id, by="anna")
    assert desk.leave.mandates.mandate(made.id).left_minor == 0  # type: ignore[union-attr]
    desk.leave.mandates.revoke(made.id, by="anna")
    assert desk.leave.mandates.mandate(made.id).period is None  # type: ignore[union-attr]
    assert desk.leave.mandates.mandate(MandateId("m9")) is None


def test_every_step_is_in_the_audit_log(desk: Desk) -> None:
    """What grants and what ends leave can be told afterwards."""
    made = desk.leave.mandates.propose(draft(), by="anna", pin_checked=False)
    desk.leave.mandates.pause(made.id, by="anna")
    desk.leave.mandates.resume(made.id, by="anna")
    desk.leave.mandates.revoke(made.id, by="anna")
    assert desk.events()[-4:] == ["mandate_made", "mandate_pause", "mandate_resume", "mandate_revoke"]
