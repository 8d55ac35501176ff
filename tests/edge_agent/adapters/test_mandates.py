"""Mandates in the store, and the ledger that they draw on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.mandates import LIVE_MAX, Mandates
from edge_agent.adapters.store.orders import Orders
from edge_agent.core import intent as intents
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import DrawRequest, Grant, grant
from edge_agent.core.leave.mandate import MandateEvent, MandateRecord, MandateState, step
from edge_agent.core.messages import IntentId, ItemId, MandateId
from edge_agent.core.prompt import PromptEvent
from edge_agent.core.prompt import step as step_prompt
from edge_agent.errors import AuthorityTamperedError, BudgetError, RefusedError
from edge_agent.ports import CrashPoint
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.leave import draft, mandate
from tests.edge_agent.samples import NOW, RECEIPT, intent, offer, prompt, terms

M1 = MandateId("m1")
CEILING = offer().total_max_minor  # 1066


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """An open store in a fresh folder."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


@pytest.fixture
def mandates(connection: Connection) -> Mandates:
    """Mandates on that store."""
    return Mandates(connection)


@pytest.fixture
def orders(connection: Connection) -> Orders:
    """Orders on that store."""
    return Orders(connection)


def request(*, of: MandateRecord | None = None, period: int = 0) -> DrawRequest:
    """A draw of the sample offer's ceiling."""
    record = of or mandate()
    return DrawRequest(record.id, record.version, period, CEILING, "USD")


def draw(orders: Orders, number: int, *, of: DrawRequest | None = None) -> IntentRecord:
    """The hand-over of a draw for an item of its own."""
    asked = replace(prompt(f"p{number}"), item=ItemId(f"milk{number}"))
    return orders.approve(
        step_prompt(asked, PromptEvent.APPROVE, now=NOW, by="mandate:m1"),
        intent=replace(intent(f"i{number}", of=f"p{number}"), item=ItemId(f"milk{number}")),
        terms=terms(f"i{number}", number=orders.next_handover(), leave="draw", nonce=f"{number:032x}"),
        signature=b"s" * 64,
        body=b"{}",
        receipt=RECEIPT,
        draw=of or request(),
    )


def follow(orders: Orders, record: IntentRecord, state: IntentState, *, charged_minor: int | None = None) -> None:
    """The bridge's news of an order."""
    change = intents.step(record, state, at=NOW, charged_minor=charged_minor)
    assert change is not None
    orders.change_intents([change], cursor=None)


def test_a_mandate_comes_back_as_it_went_in(mandates: Mandates) -> None:
    """Nothing of the terms or of where it stands is lost, and only active ones are found for an item."""
    proposed = mandate(ident="m2", state=MandateState.PROPOSED)
    mandates.add_mandate(mandate())
    mandates.add_mandate(proposed)
    assert mandates.mandate(M1) == mandate()
    assert mandates.mandate_for(ItemId("milk")) == [mandate()]
    assert mandates.mandate_for(ItemId("soap")) == []
    assert {record.id for record in mandates.mandates(live=True, limit=9)} == {"m1", "m2"}


def test_an_older_version_changes_nothing(mandates: Mandates) -> None:
    """Two people at once: the first durable change wins, the second is told."""
    mandates.add_mandate(mandate())
    revoked = step(mandate(), MandateEvent.REVOKE, now=NOW, by="anna")
    paused = step(mandate(), MandateEvent.PAUSE, now=NOW, by="ben")
    mandates.change_mandate(revoked)
    with pytest.raises(RefusedError, match="meanwhile"):
        mandates.change_mandate(paused)
    assert mandates.mandate(M1) == revoked.after


def test_the_schema_holds_leave_and_state_together(mandates: Mandates, connection: Connection) -> None:
    """A mandate that is not active has no signature, so it cannot be made active by editing its state."""
    mandates.add_mandate(mandate())
    mandates.change_mandate(step(mandate(), MandateEvent.REVOKE, now=NOW, by="anna"))
    with pytest.raises(apsw.ConstraintError):
        connection.db.execute("UPDATE mandate SET state = 'active'")


def test_terms_that_cannot_be_read_give_no_leave(mandates: Mandates, connection: Connection) -> None:
    """A damaged row is said, never skipped."""
    mandates.add_mandate(mandate())
    connection.db.execute("UPDATE mandate SET terms = x'7b7d'")
    with pytest.raises(AuthorityTamperedError):
        mandates.mandate_for(ItemId("milk"))


def test_the_number_of_mandates_is_limited(mandates: Mandates) -> None:
    """One more than a home can look after is refused."""
    for number in range(LIVE_MAX):
        mandates.add_mandate(mandate(ident=f"m{number}"))
    with pytest.raises(RefusedError, match="revoke one"):
        mandates.add_mandate(mandate(ident="one-more"))


def test_a_draw_is_whole(mandates: Mandates, orders: Orders) -> None:
    """Prompt, leave, ledger, intent and outbox row come together, and the ledger names the mandate."""
    mandates.add_mandate(mandate())
    drawn = draw(orders, 1)
    assert orders.intent(drawn.id) == drawn
    [row] = mandates.draws(M1, limit=5)
    assert (row.intent, row.period_index, row.amount_minor, row.state) == ("i1", 0, CEILING, "reserved")
    used = mandates.usage(M1, 0)
    assert (used.reserved_minor, used.spent_minor, used.occurrences, used.open_period) == (CEILING, 0, 1, 0)
    assert mandates.usage(M1, 1).used_minor == 0
    assert (orders.drawn_since(NOW), orders.asked_since(NOW - timedelta(days=9))) == (1, 0)


def test_fifty_draws_on_the_last_money_take_it_once(mandates: Mandates, orders: Orders) -> None:
    """All fifty are granted on what the ledger said before; inside the transaction only what fits is drawn."""
    mandates.add_mandate(mandate())  # a budget of 3000 for draws of 1066
    before = mandates.usage(M1, 0)
    granted = [
        grant(mandate(), offer=offer(), item=ItemId("milk"), usage=before, merchant_class="A", now=NOW)
        for _ in range(50)
    ]
    assert all(isinstance(one, Grant) for one in granted)
    refused = 0
    for number in range(50):
        try:
            draw(orders, number + 1)
        except BudgetError:
            refused += 1
    assert refused == 48
    assert mandates.usage(M1, 0).used_minor == 2 * CEILING <= 3_000
    assert len(orders.intents(live=False, limit=99)) == 2, "a refused draw leaves nothing"


def test_released_money_can_be_drawn_again_and_spent_money_cannot(mandates: Mandates, orders: Orders) -> None:
    """What was rejected is free; what was charged counts at its charge; an unknown outcome holds its ceiling."""
    mandates.add_mandate(mandate())
    follow(orders, draw(orders, 1), IntentState.REJECTED)
    assert mandates.usage(M1, 0).used_minor == 0
    follow(orders, draw(orders, 2), IntentState.PLACED, charged_minor=900)
    follow(orders, draw(orders, 3), IntentState.UNKNOWN)
    assert mandates.usage(M1, 0).used_minor == 900 + CEILING
    with pytest.raises(BudgetError, match="left"):
        draw(orders, 4)


def test_a_budget_is_one_over_all_merchants(mandates: Mandates, orders: Orders, connection: Connection) -> None:
    """The ledger asks for the mandate, never for where the money went."""
    mandates.add_mandate(mandate())
    draw(orders, 1)
    connection.db.execute("UPDATE intent SET merchant = 'another'")
    draw(orders, 2)
    with pytest.raises(BudgetError):
        draw(orders, 3)


def test_an_earlier_period_is_never_opened_again(mandates: Mandates, orders: Orders) -> None:
    """After a draw in the next period, one in the last is a clock that went back."""
    mandates.add_mandate(mandate())
    draw(orders, 1)
    draw(orders, 2, of=request(period=1))
    with pytest.raises(BudgetError, match="clock"):
        draw(orders, 3)


def test_a_new_period_is_a_place_to_crash(mandates: Mandates, connection: Connection) -> None:
    """The hook is called where a budget begins anew, and a crash there leaves nothing."""
    mandates.add_mandate(mandate())
    seen: list[CrashPoint] = []
    orders = Orders(connection, crash_hook=seen.append)
    draw(orders, 1)
    draw(orders, 2, of=request(period=1))
    assert seen == [CrashPoint.ANSWER_CHECKED, CrashPoint.PERIOD_ROLLED, CrashPoint.ANSWER_CHECKED]


@pytest.mark.parametrize("event", [MandateEvent.PAUSE, MandateEvent.REVOKE, MandateEvent.EXPIRE])
def test_a_draw_needs_the_mandate_as_it_was_seen(mandates: Mandates, orders: Orders, event: MandateEvent) -> None:
    """A change between the grant and the hand-over refuses the draw."""
    mandates.add_mandate(mandate())
    mandates.change_mandate(step(mandate(), event, now=NOW, by="anna"))
    with pytest.raises(BudgetError, match="meanwhile"):
        draw(orders, 1)
    assert orders.intents(live=False, limit=5) == []


def test_a_revoked_mandate_takes_its_unsent_orders_with_it(
    mandates: Mandates, orders: Orders, connection: Connection
) -> None:
    """What nobody took yet is cancelled in the same transaction; what the bridge has is asked back; the rest stands."""
    generous = mandate(draft(budget_minor=9_000))
    mandates.add_mandate(generous)
    unsent, claimed, held, placed = (draw(orders, number, of=request(of=generous)) for number in range(1, 5))
    rows = {row.intent: row for row in orders.outbox(limit=9)}
    for record in (claimed, held, placed):
        assert orders.claim(rows[record.id], at=NOW)
    for record, state in ((held, IntentState.HELD), (placed, IntentState.PLACED)):
        orders.record_answer(rows[record.id], intents.step(record, state, at=NOW))
    mandates.change_mandate(step(generous, MandateEvent.REVOKE, now=NOW, by="anna"))
    states = {record.id: record.state for record in orders.intents(live=False, limit=9)}
    assert states == {
        unsent.id: IntentState.CANCELLED,
        claimed.id: IntentState.APPROVED,
        held.id: IntentState.HELD,
        placed.id: IntentState.PLACED,
    }
    assert orders.cancel_wishes(limit=9) == [claimed.id, held.id]
    assert [row.intent for row in orders.outbox(limit=9)] == [claimed.id]


def test_a_crash_in_a_revoke_leaves_all_of_it_or_nothing(connection: Connection, orders: Orders) -> None:
    """The mandate and its orders change together."""

    def crash(point: CrashPoint) -> None:
        raise KeyboardInterrupt(point)

    Mandates(connection).add_mandate(mandate())
    draw(orders, 1)
    with pytest.raises(KeyboardInterrupt, match="revoke_received"):
        Mandates(connection, crash_hook=crash).change_mandate(
            step(mandate(), MandateEvent.REVOKE, now=NOW, by="anna")
        )  # fmt: skip
    assert Mandates(connection).mandate(M1) == mandate()
    [record] = orders.intents(live=False, limit=5)
    assert (record.id, record.state) == (IntentId("i1"), IntentState.APPROVED)
