"""An order that came to nothing is wanted after all: a person has a new question opened, whatever the stock is.

The old order is never sent again, and its leave is none for another one: the question has terms of now, and waits for
an answer as any other. It may be opened of an item's newest order only, once that has ended for good with nothing
bought, and while nothing else of the item is asked or under way. What a person asked for in this way is not withdrawn
because there is enough, and the order that comes of it is not taken back as bought elsewhere: they knew.
"""

from __future__ import annotations

from math import ceil

from edge_agent.core.arrivals import came_packs
from edge_agent.core.catalogue import Product
from edge_agent.core.deciding import sentences
from edge_agent.core.deciding.need import need_of
from edge_agent.core.deciding.situation import Situation
from edge_agent.core.intent import ENDED_UNBOUGHT, IntentRecord
from edge_agent.core.messages import ItemId, Propose, Reason
from edge_agent.core.prompt import PromptRecord
from edge_agent.core.said import say

WANTED = "wanted_after_all"
_CRUMB_PACKS = 1e-6


def may_be_wanted(order: IntentRecord, *, last: IntentRecord | None) -> bool:
    """Whether this order is the item's `last` one, and ended with nothing bought."""
    is_last = last is not None and last.id == order.id
    return is_last and order.state in ENDED_UNBOUGHT and came_packs(order) == 0


def wanted(order: IntentRecord, case: Situation, *, by: str) -> Propose:
    """As much as was ordered, of what the case would buy, for the person `by`; none of it ever without asking."""
    packs = _packs(order, case.product)
    need = None if case.estimate.amount is None else need_of(case)
    at_home = 0.0 if need is None else need.usable_packs
    cover_d = case.days_until_used(at_home + packs * case.scale, 0.5)
    text = say(
        "{name} wants it after all: the order of {day} came to nothing.",
        name=by,
        day=sentences.day(order.created_at, case),
    )
    return Propose(
        ItemId(case.item.id),
        packs=packs,
        order_by=case.now if need is None else need.order_by,
        days_of_cover=round(cover_d, 1),
        reasons=(
            Reason(WANTED, text),
            *(() if need is None else (sentences.stock_reason(case),)),
            sentences.lasting_reason(packs, cover_d=cover_d),
        ),
        product=case.substitute,
        must_ask=True,
        delivery=None if case.price is None else case.price.delivery,
    )


def was_wanted(asked: PromptRecord | None) -> bool:
    """Whether a person had this question opened."""
    return asked is not None and any(reason.code == WANTED for reason in asked.reasons)


def _packs(order: IntentRecord, product: Product) -> int:
    """Packs of a product that hold what was ordered, in whole multiples of what it is sold in."""
    packs = ceil(order.amount / product.pack_amount - _CRUMB_PACKS)
    return max(1, ceil(packs / product.order_multiple)) * product.order_multiple
