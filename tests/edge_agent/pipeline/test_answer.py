"""Answers to prompts, on the real store with the real key."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_bridge.wire import Intent
from edge_agent.adapters.keys import HouseholdKey, load_or_create
from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.orders import Orders
from edge_agent.core.catalogue import Household
from edge_agent.core.intent import IntentState
from edge_agent.core.messages import PromptId
from edge_agent.core.prompt import DeclineReason, PromptState
from edge_agent.core.terms import canonical
from edge_agent.errors import RefusedError, StaleTermsError
from edge_agent.pipeline.answer import Answering, Home
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.samples import MILK, NOW, prompt

P1 = PromptId("p1")


@dataclass
class FixedHousehold:
    """A household that does not change."""

    household: Household = field(default_factory=lambda: Household(items=(MILK,)))

    def load(self) -> Household:
        """The household as it stands."""
        return self.household


@dataclass
class Desk:
    """The answering stage with everything around it."""

    answering: Answering
    orders: Orders
    clock: ManualClock
    key: HouseholdKey
    wakes: list[int]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """One open prompt for milk, and a person who may answer it."""
    with Connection(tmp_path / "hub.sqlite3") as connection:
        orders, clock, key, wakes = Orders(connection), ManualClock(), load_or_create(tmp_path), []
        numbers = count(1)
        answering = Answering(
            home=Home(household="home-1", hub="hub-1"),
            clock=clock,
            household=FixedHousehold(),
            orders=orders,
            signer=key,
            new_id=lambda: f"{next(numbers):032x}",
            wake=lambda: wakes.append(1),
        )
        orders.add_prompt(prompt())
        yield Desk(answering, orders, clock, key, wakes)


def test_an_approval_is_signed_over_exactly_the_offer(desk: Desk) -> None:
    """The body in the outbox verifies against the household's key, and says what the page said."""
    intent = desk.answering.approve(P1, terms_hash=prompt().terms_hash, by="anna")
    [row] = desk.orders.outbox(limit=5)
    body = Intent.model_validate_json(row.body)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(desk.key.public_key_base64()))
    public.verify(base64.b64decode(body.signature), canonical(body.terms))
    offer = prompt().offer
    assert (body.terms.total_minor, body.terms.total_max_minor) == (offer.total_minor, offer.total_max_minor)
    assert (body.terms.sku, body.terms.quantity, body.terms.intent_id) == (offer.sku, offer.quantity, intent.id)
    assert intent.amount == 4 * 1035.0
    assert desk.wakes == [1], "the outbox is drained at once"


def test_stale_terms_approve_nothing(desk: Desk) -> None:
    """A page made before the terms changed cannot buy."""
    with pytest.raises(StaleTermsError):
        desk.answering.approve(P1, terms_hash="0" * 64, by="anna")
    assert desk.orders.intents(live=False, limit=5) == []
    assert desk.wakes == []


def test_a_double_click_buys_once(desk: Desk) -> None:
    """The second approval of a prompt is refused, and there is one intent."""
    desk.answering.approve(P1, terms_hash=prompt().terms_hash, by="anna")
    with pytest.raises(RefusedError):
        desk.answering.approve(P1, terms_hash=prompt().terms_hash, by="ben")
    assert [intent.state for intent in desk.orders.intents(live=False, limit=5)] == [IntentState.APPROVED]


def test_an_offer_that_ended_cannot_be_approved(desk: Desk) -> None:
    """Time is checked at the approval, not only on the tick."""
    desk.clock.advance(days=3)
    with pytest.raises(RefusedError, match="ended"):
        desk.answering.approve(P1, terms_hash=prompt().terms_hash, by="anna")


def test_an_item_that_is_gone_cannot_be_bought(desk: Desk) -> None:
    """A prompt for an item that the household no longer keeps is refused with what to do."""
    desk.answering._household = FixedHousehold(Household(items=()))
    with pytest.raises(RefusedError, match="decline"):
        desk.answering.approve(P1, terms_hash=prompt().terms_hash, by="anna")


@pytest.mark.parametrize("hours", [0, -1, 73])
def test_a_snooze_has_bounds(desk: Desk, hours: int) -> None:
    """A prompt cannot be snoozed away for good."""
    with pytest.raises(RefusedError, match="1 to 72"):
        desk.answering.snooze(P1, hours=hours, by="anna")


def test_snooze_and_decline_are_kept_with_who_and_why(desk: Desk) -> None:
    """Both are durable, with the person's name, the time and the reason."""
    snoozed = desk.answering.snooze(P1, hours=6, by="anna")
    assert (snoozed.state, snoozed.wake_at) == (PromptState.SNOOZED, NOW + timedelta(hours=6))
    with pytest.raises(RefusedError, match="snoozed"):
        desk.answering.decline(P1, reason=DeclineReason.TOO_DEAR, by="ben")
    assert desk.orders.prompt(P1) == snoozed


def test_an_unknown_prompt_is_refused(desk: Desk) -> None:
    """An id that leads nowhere is said plainly."""
    with pytest.raises(RefusedError, match="no prompt"):
        desk.answering.decline(PromptId("p9"), reason=DeclineReason.NOT_NOW, by="anna")
