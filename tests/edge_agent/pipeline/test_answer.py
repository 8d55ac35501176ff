"""Answers to prompts, on the real store with the real key."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_bridge.wire import Intent
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentState
from edge_agent.core.leave.authority import verify_authority
from edge_agent.core.leave.policy import Policy
from edge_agent.core.leave.terms import canonical
from edge_agent.core.messages import PromptId
from edge_agent.core.people import Role
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.errors import NotAllowedError, PinNeededError, RefusedError, StaleTermsError
from edge_agent.ports import CrashPoint
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import NOW, prompt

P1 = PromptId("p1")
HASH = prompt().terms_hash


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """One open prompt for milk (a ceiling of 1066), and a home that may answer it."""
    with open_desk(tmp_path) as opened:
        opened.orders.add_prompt(prompt())
        yield opened


def approve(desk: Desk, by: str, *, terms_hash: str = HASH, pin_checked: bool = False) -> object:
    """Somebody presses the button."""
    return desk.leave.answering.approve(P1, terms_hash=terms_hash, by=by, pin_checked=pin_checked)


def test_an_approval_is_signed_over_exactly_the_offer(desk: Desk) -> None:
    """The body in the outbox verifies against the household's key, and says what the page said."""
    intent = desk.leave.answering.approve(P1, terms_hash=HASH, by="anna", pin_checked=False)
    assert intent is not None
    [row] = desk.orders.outbox(limit=5)
    body = Intent.model_validate_json(row.body)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(desk.key.public_key_base64()))
    public.verify(base64.b64decode(body.signature), canonical(body.terms))
    offer = prompt().offer
    assert (body.terms.total_minor, body.terms.total_max_minor) == (offer.total_minor, offer.total_max_minor)
    assert (body.terms.sku, body.terms.quantity, body.terms.intent_id) == (offer.sku, offer.quantity, intent.id)
    assert intent.amount == 4 * 1035.0
    assert (body.terms.leave, body.terms.handover) == ("approval", 1)
    assert desk.wakes == [1], "the outbox is drained at once"
    assert desk.points == [CrashPoint.ANSWER_RECEIVED, CrashPoint.ANSWER_CHECKED, CrashPoint.ANSWER_STORED]


def test_the_receipt_says_what_was_on_the_page(desk: Desk) -> None:
    """Item, pack and person are kept at home; the signed terms carry the receipt's hash and none of its words."""
    approve(desk, "anna")
    leave = desk.orders.authority(desk.orders.intents(live=True, limit=1)[0].id)
    assert leave is not None
    assert leave.receipt is not None
    assert leave.body is not None
    receipt = json.loads(leave.receipt)
    assert (receipt["item_name"], receipt["title"], receipt["pack_amount"]) == ("Milk", "Whole milk 1 L", 1035.0)
    assert (receipt["by"], receipt["kind"], receipt["prompt"]) == (["anna"], "approval", "p1")
    for word in ("Milk", "Whole", "anna", '"p1"', receipt["salt"]):  # p1 alone may stand in a signature
        assert word.encode() not in leave.body
    assert verify_authority(leave, verify=desk.key.verify) is None


def test_stale_terms_approve_nothing(desk: Desk) -> None:
    """A page made before the terms changed cannot buy."""
    with pytest.raises(StaleTermsError):
        approve(desk, "anna", terms_hash="0" * 64)
    assert desk.orders.intents(live=False, limit=5) == []
    assert desk.wakes == []


def test_a_double_click_buys_once(desk: Desk) -> None:
    """The second approval of a prompt is refused, and there is one intent."""
    approve(desk, "anna")
    for again in ("anna", "ben"):
        with pytest.raises(RefusedError):
            approve(desk, again)
    assert [intent.state for intent in desk.orders.intents(live=False, limit=5)] == [IntentState.APPROVED]


def test_an_offer_that_ended_cannot_be_approved(desk: Desk) -> None:
    """Time is checked at the approval, not only on the tick."""
    desk.clock.advance(days=3)
    with pytest.raises(RefusedError, match="ended"):
        approve(desk, "anna")


def test_an_item_that_is_gone_cannot_be_bought(desk: Desk) -> None:
    """A prompt for an item that the household no longer keeps is refused with what to do."""
    desk.household.household = Household(items=())
    with pytest.raises(RefusedError, match="decline"):
        approve(desk, "anna")


@pytest.mark.parametrize("hours", [0, -1, 73])
def test_a_snooze_has_bounds(desk: Desk, hours: int) -> None:
    """A prompt cannot be snoozed away for good."""
    with pytest.raises(RefusedError, match="1 to 72"):
        desk.leave.answering.snooze(P1, hours=hours, by="anna")


def test_snooze_and_decline_are_kept_with_who_and_why(desk: Desk) -> None:
    """Both are durable, with the person's name, the time and the reason."""
    snoozed = desk.leave.answering.snooze(P1, hours=6, by="anna")
    assert (snoozed.state, snoozed.wake_at) == (PromptState.SNOOZED, NOW + timedelta(hours=6))
    with pytest.raises(RefusedError, match="snoozed"):
        desk.leave.answering.decline(P1, reason=DeclineReason.TOO_DEAR, by="ben")
    assert desk.orders.prompt(P1) == snoozed


def test_an_unknown_prompt_is_refused(desk: Desk) -> None:
    """An id that leads nowhere is said plainly."""
    with pytest.raises(RefusedError, match="no such question"):
        desk.leave.answering.decline(PromptId("p9"), reason=DeclineReason.NOT_NOW, by="anna")


def test_a_prompt_that_was_edited_in_the_store_cannot_be_approved(desk: Desk) -> None:
    """The hash is of the offer as it is kept, so an edited offer fits no page."""
    desk.connection.db.execute("UPDATE prompt SET offer = json_set(offer, '$.quantity', 9)")
    with pytest.raises(StaleTermsError):
        approve(desk, "anna")


def test_the_hash_of_another_prompt_approves_nothing(desk: Desk) -> None:
    """An approval is for the terms that were seen, wherever the click came from."""
    other = prompt("p2", item="soap")
    with pytest.raises(StaleTermsError):
        approve(desk, "anna", terms_hash=f"{int(other.terms_hash, 16) ^ 1:064x}")


def test_a_clock_that_went_back_approves_nothing(desk: Desk) -> None:
    """Before the question was asked nobody can have answered it."""
    desk.clock.advance(seconds=-1)
    with pytest.raises(RefusedError, match="clock"):
        approve(desk, "anna")
    assert desk.orders.intents(live=False, limit=5) == []


@pytest.mark.parametrize("first", ["approve", "decline"])
def test_of_two_answers_the_first_holds(desk: Desk, first: str) -> None:
    """Approve against decline, in either order: one outcome, and the second is told."""

    def decline() -> object:
        return desk.leave.answering.decline(P1, reason=DeclineReason.TOO_DEAR, by="ben")

    answers = [lambda: approve(desk, "anna"), decline]
    one, other = answers if first == "approve" else answers[::-1]
    one()
    with pytest.raises(RefusedError):
        other()
    stored = desk.orders.prompt(P1)
    assert stored is not None
    assert stored.state is (PromptState.APPROVED if first == "approve" else PromptState.DECLINED)
    assert len(desk.orders.intents(live=False, limit=5)) == (first == "approve")


@pytest.mark.parametrize(
    ("limit_minor", "by", "allowed"),
    [(None, "kim", True), (1_066, "kim", True), (1_065, "kim", False), (0, "kim", False), (1_065, "gus", False)],
)
def test_a_child_and_a_guest_have_their_limits(desk: Desk, limit_minor: int | None, by: str, *, allowed: bool) -> None:
    """The ceiling counts, not the hoped-for price."""
    limits = {Role.OWNER: None, Role.MEMBER: None, Role.GUEST: limit_minor, Role.CHILD: limit_minor}
    desk.leave.policies.set(Policy(limit_minor=limits), by="anna")
    if allowed:
        assert approve(desk, by) is not None
    else:
        with pytest.raises(NotAllowedError):
            approve(desk, by)
        assert desk.orders.intents(live=False, limit=5) == []


@pytest.mark.parametrize("by", ["gus", "kim", "nobody"])
def test_only_who_runs_the_home_puts_questions_off(desk: Desk, by: str) -> None:
    """A guest or a child neither declines nor snoozes, nor does an account that is gone."""
    with pytest.raises(NotAllowedError):
        desk.leave.answering.decline(P1, reason=DeclineReason.NOT_NOW, by=by)
    with pytest.raises(NotAllowedError):
        desk.leave.answering.snooze(P1, hours=6, by=by)
    assert desk.orders.prompt(P1) == prompt()


def test_two_people_buy_together(desk: Desk) -> None:
    """The first word makes nothing, the same person's second word neither, another's makes the order in both names."""
    desk.leave.policies.set(Policy(two_people_above_minor=1_065), by="anna")
    assert approve(desk, "anna") is None
    assert desk.orders.intents(live=False, limit=5) == []
    with pytest.raises(NotAllowedError, match="second person"):
        approve(desk, "anna")
    assert approve(desk, "ben") is not None
    [intent] = desk.orders.intents(live=False, limit=5)
    leave = desk.orders.authority(intent.id)
    assert leave is not None
    assert leave.receipt is not None
    assert json.loads(leave.receipt)["by"] == ["anna", "ben"]
    assert intent.state is IntentState.APPROVED


@pytest.mark.parametrize("lowered", ["role", "policy", "removed", "disabled"])
def test_the_word_of_who_may_no_longer_counts_nothing(desk: Desk, lowered: str) -> None:
    """A lower limit holds at once, for words that wait too."""
    desk.leave.policies.set(Policy(two_people_above_minor=1_000), by="anna")
    assert approve(desk, "ben") is None
    match lowered:
        case "role":
            desk.put("ben", role=Role.CHILD)
        case "policy":
            limits = {Role.OWNER: None, Role.MEMBER: 5, Role.GUEST: 0, Role.CHILD: 0}
            desk.leave.policies.set(Policy(two_people_above_minor=1_000, limit_minor=limits), by="anna")
        case "disabled":
            desk.leave.people.disable("ben", by="anna")
        case _:
            desk.leave.people.remove("ben", by="anna")
    assert approve(desk, "anna") is None, "a second person is still missing"
    assert approve(desk, "olga") is not None


def test_a_pin_is_asked_for_every_approval(desk: Desk) -> None:
    """Who has set one gives it each time; nothing is kept of an approval without it."""
    desk.put("anna", pin=True)
    with pytest.raises(PinNeededError):
        approve(desk, "anna")
    assert desk.orders.endorsements(P1) == ()
    assert approve(desk, "anna", pin_checked=True) is not None


def test_a_snoozed_prompt_takes_no_approval_by_halves(desk: Desk) -> None:
    """A word for two people is given to an open question only."""
    desk.leave.policies.set(Policy(two_people_above_minor=0), by="anna")
    desk.leave.answering.snooze(P1, hours=6, by="anna")
    with pytest.raises(RefusedError, match="snoozed"):
        approve(desk, "ben")
    assert desk.orders.endorsements(P1) == ()
