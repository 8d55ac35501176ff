"""What goes on a list that the household shops from: due as anything else, priced as nothing, paid as nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_agent.core.catalogue import Item, Preferences
from edge_agent.core.decide import weigh
from edge_agent.core.deciding import shadow
from edge_agent.core.deciding.asking import Open, settle
from edge_agent.core.home_assistant.discovery import bought
from edge_agent.core.leave.draw import Grant, Refusal, grant
from edge_agent.core.leave.terms import Offer, offer_for, terms_hash
from edge_agent.core.messages import ItemId, Price, Propose
from edge_agent.core.report import report
from edge_agent.web.asking.unit_price import compared
from tests.edge_agent import samples
from tests.edge_agent.consumables import MILK, START
from tests.edge_agent.core.situations import listed, situation
from tests.edge_agent.leave import draft, mandate, usage


def on_list(item: Item) -> Price:
    """A line of a list for this item."""
    return replace(listed(item), unit_price_minor=None, delivery_minor=None)


def listed_offer() -> Offer:
    """What is asked about milk that goes on a list."""
    line = on_list(samples.MILK)
    return offer_for(samples.MILK, line, samples.propose(), preferences=Preferences(), now=samples.NOW)


def test_what_goes_on_a_list_is_due_by_need_alone() -> None:
    """Neither a price that is missing nor a budget that is overdrawn stands against it."""
    case = situation(packs=0.5, price=on_list(MILK), budget_left_minor=-100)
    decision = weigh(case).decision
    assert isinstance(decision, Propose)
    assert not decision.must_ask
    assert "over_budget" not in {reason.code for reason in decision.reasons}


def test_an_offer_of_a_list_says_so_and_costs_nothing() -> None:
    """Its hash is another one than that of a shop's offer for nothing; a shop's is what it was before lists."""
    offer = listed_offer()
    amounts = (offer.unit_price_minor, offer.delivery_minor, offer.total_minor, offer.total_max_minor)
    assert (amounts, offer.is_listed) == ((0, 0, 0, 0), True)
    assert terms_hash(offer) != terms_hash(replace(offer, on_list=None))
    assert samples.offer().on_list is None


def test_an_offer_that_costs_something_is_never_shown_as_a_list() -> None:
    """Whatever an edited row says."""
    assert not replace(samples.offer(), on_list=True).is_listed


def _open(name: str, line: Price, *, packs: float, rate: float) -> Open:
    item = MILK.model_copy(update={"id": name.lower(), "name": name})
    return Open(name, weigh(situation(item, packs=packs, rate=rate, price=replace(line, item=ItemId(item.id)))))


@pytest.mark.parametrize(("line", "joins"), [(listed(MILK), True), (on_list(MILK), False)])
def test_nothing_goes_in_one_delivery_with_what_nobody_delivers(line: Price, joins: bool) -> None:
    """What is not due yet stays off the list until it is."""
    items = [_open("Milk", line, packs=0.5, rate=0.8), _open("Bread", line, packs=2.0, rate=0.2)]
    changed = settle(items, preferences=Preferences(), zone=ZoneInfo("UTC"), last_asked_at=None, now=START)
    assert bool(changed) == joins


def test_a_mandate_may_put_something_on_a_list_inside_its_limits() -> None:
    """It draws nothing, so a budget that is used up does not stop it; what it does not cover, it does not put there."""
    given, used = draft(), usage(spent_minor=draft().budget.max_minor)
    free = given.model_copy(update={"amount_range": given.amount_range.model_copy(update={"min_minor": 0})})

    def ask(offer: Offer) -> Grant | Refusal:
        item = ItemId("milk")
        return grant(mandate(free), offer=offer, item=item, usage=used, merchant_class="A", now=samples.NOW)

    granted = ask(listed_offer())
    assert isinstance(granted, Grant)
    assert granted.amount_minor == 0
    assert isinstance(ask(replace(listed_offer(), quantity=99)), Refusal)
    assert isinstance(ask(replace(listed_offer(), sku="another")), Refusal)


def test_the_report_counts_no_spending_at_a_list() -> None:
    """Neither as an order that was paid, nor as a delivery that could be joined."""
    paid = replace(samples.intent("i1"), state=samples.IntentState.DELIVERED)
    put_down = replace(paid, id=samples.IntentId("i2"), total_minor=0, charged_minor=0)
    waiting = replace(put_down, id=samples.IntentId("i3"), charged_minor=None)

    def day_of(at: datetime) -> object:
        return at.date()

    told = report(
        [paid, put_down, waiting],
        spoiled=(),
        shadows={},
        today=samples.NOW.date(),
        day_of=day_of,  # type: ignore[arg-type]
    )
    assert [(row.orders, row.spent_minor, row.saved_deliveries) for row in told.months] == [(1, 1016, 0)]


def test_shadow_orders_for_a_list_cost_nothing() -> None:
    """They are followed like others."""
    made = shadow.would_order(MILK, samples.propose(), on_list(MILK), lead_d=2, now=START)
    assert (made.total_minor, made.due_at) == (0, START + timedelta(days=2))


def test_a_price_is_not_compared_with_a_list() -> None:
    """The same product bought at a list before has no price to compare with."""
    shop = samples.price(unit_price_minor=129)
    unknown = replace(shop, unit_price_minor=None, delivery_minor=None)
    assert compared(samples.prompt(), [shop, unknown, samples.price(unit_price_minor=119)]).before_minor == (119,)


def test_home_assistant_says_that_nothing_is_paid() -> None:
    """A button tells what it does."""
    assert bought(listed_offer()) == "4 x Whole milk 1 L on the list grocer, nothing is paid"
