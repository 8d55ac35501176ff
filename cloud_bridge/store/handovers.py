"""The numbers of the hubs' intents: one that comes twice freezes its household, and how far each household has come.

What is checked here is checked in the caller's transaction, with the household's row locked, so it is right for
concurrent requests, too; the unique index over household, hub and number stands behind it. A refusal is an answer and
not raised: the freeze has to be committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from cloud_bridge.core.order import OrderRecord
from cloud_bridge.errors import BehindError, ForkedError, HouseholdFrozenError, RefusedError, UnknownOrderError
from cloud_bridge.store.tables import households, orders
from cloud_bridge.wire import Head, KnownIntent, OrderState, Terms

_INTENTS_MAX = 100
_TIES_MAX = 100  # hubs of one household that could use one number

_OF_IT = orders.c.household == bindparam("household")
_IT = households.c.id == bindparam("household")
_STANDING = select(  # one row, of nothing where the household has never ordered
    select(households.c.last_seq).where(_IT).scalar_subquery().label("last_seq"),
    select(households.c.frozen_at).where(_IT).scalar_subquery().label("frozen_at"),
    select(func.max(orders.c.handover)).where(_OF_IT).scalar_subquery().label("handover"),
)
_HIGHER = (
    select(orders)
    .where(_OF_IT, orders.c.handover > bindparam("after"))
    .order_by(orders.c.handover, orders.c.hub)
    .limit(_INTENTS_MAX + _TIES_MAX)
)

Key = tuple[str, str]
Hub = tuple[str, str]
Number = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which intent has which number already, of those that are asked for, and each of their hubs' highest."""

    taken: Mapping[Number, str]
    highest: Mapping[Hub, int]


def refuse(
    connection: Connection,
    fresh: Iterable[OrderRecord],
    *,
    heads: Mapping[Key, int],
    frozen: Collection[str],
    numbers: Numbers,
) -> Mapping[Key, RefusedError]:
    """Which of these new orders are refused, by household and intent; a fork freezes its household.

    The rows of their households must be locked. `frozen` are the households that are frozen already, `heads` the
    highest numbers that the hubs know of.
    """
    still, taken, highest = set(frozen), dict(numbers.taken), dict(numbers.highest)
    refused: dict[Key, RefusedError] = {}
    for order in fresh:
        key = (order.household, order.intent_id)
        hub = (order.household, order.terms.hub)
        number = (*hub, order.terms.handover)
        last = highest.get(hub, 0)
        if order.household in still:
            refused[key] = _frozen_error(order.household)
        elif taken.get(number, order.intent_id) != order.intent_id:
            _freeze(connection, order.household, at=order.accepted_at)
            still.add(order.household)
            refused[key] = ForkedError(
                f"number {order.terms.handover} of hub {order.terms.hub} stands for another intent: "
                f"household {order.household} is frozen until the operator has looked"
            )
        elif last > heads.get(key, last):
            refused[key] = BehindError(f"hub {order.terms.hub} knows of orders up to {heads[key]}, here is {last}")
        else:
            taken[number] = order.intent_id
            highest[hub] = max(last, order.terms.handover)
    return refused


def check_thawed(connection: Connection, household: str) -> None:
    """Lock the household's row, and check that something may be sent for it.

    Raises: HouseholdFrozenError.
    """
    query = select(households.c.frozen_at).where(households.c.id == household).with_for_update()
    if connection.execute(query).scalar() is not None:
        raise _frozen_error(household)


def is_frozen(connection: Connection, household: str) -> bool:
    """Whether nothing may be sent for this household."""
    query = select(households.c.frozen_at).where(households.c.id == household)
    return connection.execute(query).scalar() is not None


def thaw(connection: Connection, household: str) -> bool:
    """Let the household order again; False where it was not frozen.

    Raises: UnknownOrderError when the bridge has never heard of it.
    """
    query = select(households.c.frozen_at).where(households.c.id == household).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        raise UnknownOrderError(f"there is no order of a household {household}")
    connection.execute(update(households).where(households.c.id == household).values(frozen_at=None))
    return row.frozen_at is not None


def head(connection: Connection, household: str, *, after: int, now: datetime) -> Head:
    """How far the bridge has come with this household, and the intents with a higher number than `after`."""
    standing = connection.execute(_STANDING, {"household": household}).one()
    rows = connection.execute(_HIGHER, {"household": household, "after": after}).all()
    return Head(
        at=now,
        handover=standing.handover or 0,
        event_seq=standing.last_seq or 0,
        frozen=standing.frozen_at is not None,
        intents=tuple(_known(row) for row in _page(rows)),
    )


def _freeze(connection: Connection, household: str, *, at: datetime) -> None:
    connection.execute(update(households).where(households.c.id == household).values(frozen_at=at))


def _frozen_error(household: str) -> HouseholdFrozenError:
    return HouseholdFrozenError(f"household {household} is frozen: two of its intents had one number")


def _page(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """At most `_INTENTS_MAX`, and never cut between two hubs that use one number: the next page begins after it."""
    end = min(len(rows), _INTENTS_MAX)
    while 0 < end < len(rows) and rows[end].handover == rows[end - 1].handover:
        end -= 1
    return rows[:end]


def _known(row: Row[Any]) -> KnownIntent:
    terms = Terms.model_validate_json(row.terms)
    return KnownIntent(
        intent_id=row.intent_id,
        hub=row.hub,
        handover=row.handover,
        merchant=row.merchant,
        sku=terms.sku,
        quantity=terms.quantity,
        currency=terms.currency,
        total_minor=terms.total_minor,
        total_max_minor=terms.total_max_minor,
        deliver_by=terms.deliver_by,
        state=OrderState(row.state),
        accepted_at=row.accepted_at,
        merchant_order_id=row.merchant_order_id,
    )
