"""What the store knows of the bridges' work, for whoever watches it: counts and ages, of all households together."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from cloud_bridge.core.order import FOLLOWING, PLACING
from cloud_bridge.ports import Figures
from cloud_bridge.store.tables import Instant, households, orders
from cloud_bridge.wire import OrderState

_WATCHED = tuple(sorted(state.value for state in PLACING | FOLLOWING))
_GOES_ON = or_(orders.c.due_at.is_not(None), orders.c.state == OrderState.PARKED.value)
_BY_STATE = (
    select(orders.c.state, func.count().label("many"), func.min(orders.c.due_at, type_=Instant()).label("due_at"))
    .where(orders.c.state.in_(_WATCHED), _GOES_ON)
    .group_by(orders.c.state)
)
_FAILING = (
    select(orders.c.merchant, func.count().label("many"))
    .where(orders.c.state.in_(_WATCHED), orders.c.due_at.is_not(None), orders.c.tries > 0)
    .group_by(orders.c.merchant)
)
_FROZEN = select(func.count()).select_from(households).where(households.c.frozen_at.is_not(None))


def read(connection: Connection, *, store_time: datetime | None) -> Figures:
    """All of them; `store_time` is what the store's own clock shows, where it has one."""
    by_state = connection.execute(_BY_STATE).all()
    return Figures(
        orders={OrderState(row.state): row.many for row in by_state},
        due_at={OrderState(row.state): row.due_at for row in by_state if row.due_at is not None},
        failing={row.merchant: row.many for row in connection.execute(_FAILING)},
        frozen=connection.execute(_FROZEN).scalar_one(),
        store_time=store_time,
    )
