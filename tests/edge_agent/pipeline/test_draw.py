"""Drawing on mandates, on the real store with the real key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloud_bridge.wire import Intent
from edge_agent.adapters.store.handover import SqliteHandovers
from edge_agent.core import intent as intents
from edge_agent.core.catalogue import Household, Item, MerchantSaid, OnRequest, Preferences
from edge_agent.core.handover import OVERTAKEN, TAKEN_OVER, TakenOver
from edge_agent.core.intent import IntentRecord, IntentState, step
from edge_agent.core.leave.authority import verify_authority
from edge_agent.core.leave.mandate import MandateRecord
from edge_agent.core.leave.terms import offer_for, terms_hash
from edge_agent.core.messages import ItemId, PromptId, Reason
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.safety import SafetyCode, SafetyProblem
from edge_agent.pipeline.draw import DRAWS_A_DAY_MAX
from tests.edge_agent.leave import draft
from tests.edge_agent.pipeline.desk import Desk, open_desk
from tests.edge_agent.samples import MILK, NOW, intent, price, prompt, propose


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A home that may give leave."""
    with open_desk(tmp_path) as opened:
        yield opened


def give_leave(desk: Desk, *items: str, budget_minor: int = 3_000) -> MandateRecord:
    """Anna's mandate."""
    return desk.leave.mandates.propose(draft(*items, budget_minor=budget_minor), by="anna", pin_checked=False)


def draw(desk: Desk, item: Item = MILK, *, ident: str = "p1", asked: PromptRecord | None = None) -> object:
    """What would have been asked now, drawn."""
    now = desk.clock.now()
    record = asked or replace(prompt(ident, item=item.id), created_at=now, changed_at=now)
    return desk.leave.drawing.draw(record, item=item, preferences=Preferences())


def for_a_list() -> PromptRecord:
    """The question about milk, where it goes on a list."""
    asked = prompt()
    line = replace(price(), unit_price_minor=None, delivery_minor=None)
    offer = offer_for(MILK, line, propose(), preferences=Preferences(), now=NOW)
    return replace(asked, offer=offer, terms_hash=terms_hash(offer))


def test_what_a_mandate_puts_on_a_list_is_signed_leave_and_draws_nothing(desk: Desk) -> None:
    """The terms ask for nothing, the question is kept as one about a list, and the budget is whole afterwards."""
    given = draft()
    free = given.model_copy(update={"amount_range": given.amount_range.model_copy(update={"min_minor": 0})})
    made = desk.leave.mandates.propose(free, by="anna", pin_checked=False)
    order = draw(desk, asked=for_a_list())
    assert isinstance(order, IntentRecord)
    assert (order.total_minor, desk.mandates.usage(made.id, 0).used_minor) == (0, 0)
    kept = desk.orders.prompt(order.prompt)
    assert kept is not None
    assert kept.offer.is_listed
    assert kept.terms_hash == terms_hash(kept.offer)
    leave = desk.orders.authority(order.id)
    assert leave is not None
    assert verify_authority(leave, verify=desk.key.verify) is None
    [row] = desk.orders.outbox(limit=9)
    sent = Intent.model_validate_json(row.body).terms
    assert (sent.unit_price_minor, sent.delivery_minor, sent.total_minor, sent.total_max_minor) == (0, 0, 0, 0)


@pytest.mark.parametrize("accepts", [(), ("pick_up_point",)])
def test_a_draw_uses_no_way_of_delivery_that_the_household_has_not_accepted(
    desk: Desk, accepts: tuple[OnRequest, ...]
) -> None:
    """By the list of now: an acceptance that was taken back since the offer was made holds no more."""
    give_leave(desk)
    asked = prompt()
    offer = replace(asked.offer, delivery_option="hub/1", delivery_kind="pick_up_point")
    asked = replace(asked, offer=offer, terms_hash=terms_hash(offer))
    preferences = Preferences(merchants=(MerchantSaid(merchant="grocer", accepts=accepts),))
    outcome = desk.leave.drawing.draw(asked, item=MILK, preferences=preferences)
    if accepts:
        assert isinstance(outcome, IntentRecord)
    else:
        assert refused(outcome) == "mandate_delivery"
        assert desk.orders.outbox(limit=9) == []


def refused(outcome: object) -> str:
    """The code of a refusal."""
    assert isinstance(outcome, Reason)
    return outcome.code


def test_a_draw_is_leave_like_an_approval(desk: Desk) -> None:
    """Signed over the same terms, with a receipt that names the mandate and its people, and held for longer."""
    made = give_leave(desk)
    order = draw(desk)
    assert isinstance(order, IntentRecord)
    leave = desk.orders.authority(order.id)
    assert leave is not None
    assert leave.receipt is not None
    assert verify_authority(leave, verify=desk.key.verify) is None
    receipt = json.loads(leave.receipt)
    assert (receipt["kind"], receipt["mandate"], receipt["by"]) == ("draw", made.id, ["anna"])
    [row] = desk.orders.outbox(limit=5)
    terms = Intent.model_validate_json(row.body).terms
    assert (terms.leave, terms.hold_s, terms.handover) == ("draw", 1_800, 1)
    assert desk.wakes == [1]


def test_what_a_restored_hub_drew_before_it_knew_is_taken_back(desk: Desk) -> None:
    """Its ledger had forgotten other draws, so the budget may be used up; an approval is a person's own and stays."""
    give_leave(desk)
    drawn = draw(desk)
    assert isinstance(drawn, IntentRecord)
    asked = prompt("p2", item="oats")
    desk.household.household = Household(items=(MILK, MILK.model_copy(update={"id": "oats"})))
    desk.orders.add_prompt(asked)
    approved = desk.leave.answering.approve(asked.id, terms_hash=asked.terms_hash, by="anna", pin_checked=False)
    assert approved is not None
    SqliteHandovers(desk.connection).reconcile([], overtaken=[], handover=9, at=desk.clock.now())
    assert [row.intent for row in desk.orders.outbox(limit=5)] == [approved.id]
    after = desk.orders.intent(drawn.id)
    assert after is not None
    assert (after.state, after.detail) == (IntentState.CANCELLED, OVERTAKEN)
    money = desk.connection.db.execute("SELECT state FROM ledger WHERE intent = ?", (drawn.id,)).get
    assert money == "released"


def test_a_draw_that_the_bridge_is_known_to_have_is_not_taken_back(desk: Desk) -> None:
    """A backup from right before its body left holds it as unsent; it is bought all the same, and its money with it."""
    give_leave(desk)
    drawn = draw(desk)
    assert isinstance(drawn, IntentRecord)
    heard = step(drawn, IntentState.HELD, at=desk.clock.now())
    assert heard is not None
    desk.orders.change_intents([heard], cursor=1)
    SqliteHandovers(desk.connection).reconcile([], overtaken=[], handover=9, at=desk.clock.now())
    assert desk.orders.intent(drawn.id) == heard.after
    assert desk.connection.db.execute("SELECT state FROM ledger WHERE intent = ?", (drawn.id,)).get == "reserved"


def test_no_mandate_no_order(desk: Desk) -> None:
    """Without one the household is asked; nothing is stored."""
    assert refused(draw(desk)) == "mandate_missing"
    assert desk.orders.intents(live=False, limit=5) == []


@pytest.mark.parametrize(
    ("merchant_class", "code"), [("C", "mandate_merchant_class"), (None, "mandate_merchant_class")]
)
def test_where_a_lost_answer_stays_lost_nothing_is_drawn(desk: Desk, merchant_class: str | None, code: str) -> None:
    """Class C, or a class that nobody told."""
    give_leave(desk)
    desk.watch.classes = {} if merchant_class is None else {"grocer": merchant_class}
    assert refused(draw(desk)) == code


def test_nothing_is_drawn_while_something_is_wrong(desk: Desk) -> None:
    """What stops the sends stops the draws: a period cannot be told by a clock that nobody believes."""
    give_leave(desk)
    desk.watch.found = (SafetyProblem(SafetyCode.CLOCK_UNTRUSTED, "The clock may be wrong."),)
    assert refused(draw(desk)) == "mandate_unsafe"
    assert desk.orders.intents(live=False, limit=5) == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE mandate SET signature = zeroblob(64)",
        "UPDATE mandate SET terms = CAST(replace(CAST(terms AS TEXT), '3000', '9000') AS BLOB)",
        "UPDATE mandate SET terms = x'7b7d'",
    ],
)
def test_an_edited_mandate_pays_nothing(desk: Desk, edit: str) -> None:
    """A budget that was widened in the store does not bear the household's signature."""
    give_leave(desk)
    desk.connection.db.execute(edit)
    assert refused(draw(desk)) == "mandate_tampered"
    assert desk.orders.intents(live=False, limit=5) == []


def test_a_signature_of_another_mandate_pays_nothing(desk: Desk) -> None:
    """The signature covers the terms with their id and nonce."""
    give_leave(desk, budget_minor=100)
    generous = give_leave(desk, "soap", budget_minor=90_000)
    desk.connection.db.execute(
        "UPDATE mandate SET signature = (SELECT signature FROM mandate WHERE id = ?)", (generous.id,)
    )
    assert refused(draw(desk)) == "mandate_tampered"


def test_a_revoked_mandate_pays_nothing(desk: Desk) -> None:
    """From the moment the revoke was stored; the order that nobody took yet is taken back."""
    made = give_leave(desk)
    order = draw(desk)
    assert isinstance(order, IntentRecord)
    desk.leave.mandates.revoke(made.id, by="ben")
    assert desk.orders.outbox(limit=5) == []
    assert refused(draw(desk, ident="p2")) == "mandate_missing"


def test_a_second_mandate_pays_where_the_first_is_used_up(desk: Desk) -> None:
    """Each has a budget of its own; the oldest is asked first."""
    give_leave(desk, budget_minor=1_000)
    second = give_leave(desk)
    assert isinstance(draw(desk), IntentRecord)
    assert len(desk.mandates.draws(second.id, limit=5)) == 1


def test_one_live_order_per_need(desk: Desk) -> None:
    """While an order or a question of the item is open, a draw is refused and leaves nothing."""
    give_leave(desk)
    assert isinstance(draw(desk), IntentRecord)
    assert refused(draw(desk, ident="p2")) == "mandate_refused"
    assert len(desk.orders.intents(live=False, limit=9)) == 1
    assert desk.orders.prompt(PromptId("p2")) is None


def test_a_day_has_a_limited_number_of_draws(desk: Desk) -> None:
    """Then the household is asked, until a day has passed."""
    items = [MILK.model_copy(update={"id": f"milk{number}"}) for number in range(DRAWS_A_DAY_MAX + 2)]
    give_leave(desk, *(item.id for item in items), budget_minor=10**6)
    for number, item in enumerate(items[:DRAWS_A_DAY_MAX]):
        assert isinstance(draw(desk, item, ident=f"p{number}"), IntentRecord)
    assert refused(draw(desk, items[-1], ident="px")) == "mandate_daily_cap"
    desk.clock.advance(days=1, seconds=1)
    late = replace(prompt("py", item=items[-1].id), created_at=desk.clock.now(), changed_at=desk.clock.now())
    assert isinstance(draw(desk, items[-1], asked=late), IntentRecord)


def test_a_clock_that_goes_back_opens_no_budget_again(desk: Desk) -> None:
    """The last month's budget is over once this month's was drawn on."""
    give_leave(desk, "milk", "milk1", "milk2", budget_minor=1_100)
    first, second, third = (MILK.model_copy(update={"id": ident}) for ident in ("milk", "milk1", "milk2"))
    assert isinstance(draw(desk, first), IntentRecord)
    desk.clock.advance(days=32)
    offer = replace(prompt().offer, expires_at=NOW + timedelta(days=60))
    later = replace(prompt("p2", item="milk1"), offer=offer, created_at=desk.clock.now(), changed_at=desk.clock.now())
    assert isinstance(draw(desk, second, asked=later), IntentRecord)
    desk.clock.advance(days=-32)
    assert refused(draw(desk, third, ident="p3")) in {"mandate_period_went_back", "mandate_over_budget"}
    assert [
        row.period_index for row in desk.mandates.draws(desk.mandates.mandate_for(ItemId("milk"))[0].id, limit=9)
    ] == [
        1,
        0,
    ]


def take_over(desk: Desk, forgotten: IntentRecord, *, total_max_minor: int) -> None:
    """The bridge knew of an order that this hub has forgotten."""
    taken = TakenOver(handover=9, record=forgotten, total_max_minor=total_max_minor)
    SqliteHandovers(desk.connection).reconcile([taken], overtaken=[], handover=9, at=desk.clock.now())


def test_what_a_restored_hub_took_over_counts_against_the_resumed_mandate(desk: Desk) -> None:
    """Nobody knows here who gave leave for it: the budget does not begin afresh, inside the transaction neither."""
    made = give_leave(desk, "milk", "oats", budget_minor=2_000)
    forgotten = replace(
        intent("i9", of="bridge-i9", item="bridge-i9"),
        detail=TAKEN_OVER,
        total_minor=1_000,
        created_at=desk.clock.now(),
    )
    take_over(desk, forgotten, total_max_minor=1_050)
    desk.leave.mandates.pause(made.id, by="ben")
    desk.leave.mandates.resume(made.id, by="anna")
    view = desk.leave.mandates.mandate(made.id)
    assert view is not None
    assert view.usage is not None
    assert (view.usage.unclear_minor, view.usage.occurrences, view.left_minor) == (1_050, 1, 950)
    assert refused(draw(desk)) == "mandate_over_budget"
    desk.clock.advance(minutes=11)  # more than the two clocks may be apart
    fresh = give_leave(desk, budget_minor=2_000)  # an owner who knows better gives leave anew
    drawn = draw(desk)
    assert isinstance(drawn, IntentRecord)
    assert [row.intent for row in desk.mandates.draws(fresh.id, limit=5)] == [drawn.id]


def test_what_came_to_nothing_is_given_back(desk: Desk) -> None:
    """A taken-over order that the merchant refused takes nothing from a budget any more."""
    made = give_leave(desk, budget_minor=2_000)
    forgotten = replace(intent("i9", of="bridge-i9", item="bridge-i9"), total_minor=1_000, created_at=desk.clock.now())
    take_over(desk, forgotten, total_max_minor=1_050)
    assert desk.mandates.usage(made.id, 0).unclear_minor == 1_050
    change = intents.step(forgotten, IntentState.REJECTED, at=desk.clock.now())
    assert change is not None
    desk.orders.change_intents([change], cursor=None)
    assert desk.mandates.usage(made.id, 0).unclear_minor == 0
    assert isinstance(draw(desk), IntentRecord)
