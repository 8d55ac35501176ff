"""An order that could not be made as it was: somebody has to mend something, and has 72 hours to do so.

    why                                                          what is to be mended      asked again after it ends
    rejected, `payment_failed`                                   the way of paying         a person
    rejected, `address_undeliverable`                            the address               a person
    rejected, `out_of_stock`                                     nothing here              as ever
    needs a buyer, until the merchant's page is finished         the merchant's page       as ever

    it stands     mended     let it be     72 hours later
    open          mended     let be        over
    let be        mended     -             over
    mended        -          -             over
    over          -          -             -

While it is open, or let be, the item is not asked about: a repeat of what was just refused would be refused again. What
stands in for a product that is out of stock is no repeat (`core.deciding.substitute`). "Mended" lets the item be asked
about at once: as a new question, with new leave, never by a mandate. An order that needs a buyer is still alive, so no
second one is made, and only the merchant's page ends it, or time.

Source of the 72 hours: the order windows of Amazon's Dash Replenishment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from edge_agent.core.catalogue import Item
from edge_agent.core.intent import IntentChange, IntentRecord, IntentState
from edge_agent.core.messages import Reason
from edge_agent.core.said import say
from edge_agent.errors import RefusedError

MENDED_WITHIN = timedelta(hours=72)


class Kind(StrEnum):
    """What is in the way."""

    PAYMENT = "payment"
    ADDRESS = "address"
    STOCK = "stock"
    BUYER = "buyer"


class Word(StrEnum):
    """What a person says of it."""

    MENDED = "mended"
    LET_BE = "let_be"


class Stand(StrEnum):
    """Where a problem stands."""

    OPEN = "open"
    LET_BE = "let_be"
    MENDED = "mended"
    OVER = "over"


REFUSED_FOR = MappingProxyType(
    {"payment_failed": Kind.PAYMENT, "address_undeliverable": Kind.ADDRESS, "out_of_stock": Kind.STOCK}
)
ANSWERS = MappingProxyType(
    {
        Stand.OPEN: MappingProxyType({Word.MENDED: Stand.MENDED, Word.LET_BE: Stand.LET_BE}),
        Stand.LET_BE: MappingProxyType({Word.MENDED: Stand.MENDED}),
        Stand.MENDED: MappingProxyType({}),
        Stand.OVER: MappingProxyType({}),
    }
)
_WAITS = frozenset({Stand.OPEN, Stand.LET_BE})
_ASKS_A_PERSON = frozenset({Kind.PAYMENT, Kind.ADDRESS})


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem as it stands; it is over at `until`."""

    kind: Kind
    stand: Stand
    until: datetime

    @property
    def waits(self) -> bool:
        """Whether its item is not asked about because of it."""
        return self.stand in _WAITS

    @property
    def answers(self) -> frozenset[Word]:
        """What a person may say of it now; of one that waits for a buyer nothing, since its order is alive."""
        return frozenset() if self.kind is Kind.BUYER else frozenset(ANSWERS[self.stand])


def problem_of(order: IntentRecord, *, now: datetime) -> Problem | None:
    """The problem of an order; None where it never had one."""
    kind = _kind(order)
    if kind is None:
        return None
    until = order.changed_at + MENDED_WITHIN
    said = Stand.OPEN if order.problem_word is None else Stand(order.problem_word)
    return Problem(kind, Stand.OVER if now >= until else said, until)


def answered(order: IntentRecord, word: Word, *, now: datetime) -> IntentChange:
    """What a person says of the problem of an order.

    Raises: RefusedError where it has none that this can be said of.
    """
    problem = problem_of(order, now=now)
    if problem is None or word not in problem.answers:
        raise RefusedError(say("order {id} waits for nothing that you could say of it", id=order.id))
    after = replace(order, version=order.version + 1, problem_word=str(ANSWERS[problem.stand][word]))
    return IntentChange(seen_version=order.version, after=after)


def wants_a_person(last: IntentRecord | None) -> bool:
    """Whether the next order of an item is asked of a person: what was in the way of the `last` may be there still."""
    kind = None if last is None else _kind(last)
    return last is not None and kind is not None and (kind in _ASKS_A_PERSON or last.problem_word == Word.MENDED)


def after_problem(item: Item) -> Reason:
    """Why a person is asked."""
    text = say("The last order of {item} was refused: you are asked, and nothing is ordered by itself.", item=item.name)
    return Reason("after_problem", text)


def _kind(order: IntentRecord) -> Kind | None:
    if order.state is IntentState.NEEDS_BUYER:
        return Kind.BUYER
    return REFUSED_FOR.get(order.detail or "") if order.state is IntentState.REJECTED else None
