"""A year of orders with three merchants, for the page that says how they keep their word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from edge_agent.core.intent import CANCELLED_BY_MERCHANT, IntentRecord, IntentState
from edge_agent.core.order_facts import OrderFacts
from edge_agent.core.prompt import PromptState
from tests.edge_agent.samples import NOW
from tests.edge_agent.web.house import House
from tests.edge_agent.web.samples import sample_intent, sample_offer, sample_prompt

S = IntentState
# Days until it came, what was charged more or less than agreed, in minor units, and how it ended.
_GROCER = (
    (2, 0, S.DELIVERED), (1, 0, S.DELIVERED), (2, 40, S.DELIVERED), (5, 0, S.DELIVERED), (2, 0, S.DELIVERED),
    (2, -25, S.DELIVERED), (1, 0, S.DELIVERED), (9, 0, S.DELIVERED), (2, 0, S.RETURNED), (2, 0, S.DELIVERED),
)  # fmt: skip
DUE_D = 2


def give_history(house: House) -> None:
    """Ten orders with the grocer, of which two were late; six with the chemist, of which few went well; one elsewhere.

    All of them were due after two days.
    """
    for number, (days, more, state) in enumerate(_GROCER):
        order = _order(house, "grocer", number, state=state, days=days)
        _keep(house, replace(order, charged_minor=order.total_minor + more, delivered_at=order.changed_at))
    for number, (state, detail) in enumerate(
        (
            (S.NEVER_ARRIVED, None),
            (S.CANCELLED, CANCELLED_BY_MERCHANT),
            (S.REJECTED, "terms_changed"),
            (S.REJECTED, "out_of_stock"),
            (S.DELIVERED, None),
        )
    ):
        _keep(house, replace(_order(house, "chemist", number, state=state, days=4), detail=detail))
    other = _order(house, "chemist", 5, state=S.DELIVERED, days=1)
    _keep(house, replace(other, charged_minor=other.total_minor, facts=OrderFacts(substitute_sku="other-1")))
    late = replace(_order(house, "corner", 0, state=S.SHIPPED, days=0), created_at=NOW - timedelta(days=6))
    asked = house.home.all_prompts[late.prompt]
    house.home.add(replace(asked, created_at=late.created_at, offer=replace(asked.offer, deliver_by=_day(4))))
    _keep(house, late)
    house.merchants.classes |= {"chemist": "B", "corner": "C"}


def _order(house: House, merchant: str, number: int, *, state: IntentState, days: int) -> IntentRecord:
    made = NOW - timedelta(days=20 + 9 * number)
    due_on = (made + timedelta(days=DUE_D)).date()
    offer = sample_offer("detergent", merchant=merchant, deliver_by=due_on, unit_price_minor=649, packs=2)
    asked = sample_prompt(f"p-{merchant}-{number}", item="detergent", offer=offer)
    house.home.add(replace(asked, state=PromptState.APPROVED, created_at=made))
    return sample_intent(asked, state=state, at=made, changed_at=made + timedelta(days=days))


def _keep(house: House, order: IntentRecord) -> None:
    house.home.all_intents[order.id] = order


def _day(ago_d: int) -> object:
    return (NOW - timedelta(days=ago_d)).date()
