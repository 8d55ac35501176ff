"""Intents that a household took back before they came here: each is noted, so that a copy that comes late is refused.

No clock decides whether a message may still be under way: whichever of the two transactions is first, the household's
locked row tells the other one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from cloud_bridge.store.tables import orders, withdrawals

NOTED_MAX = 10_000
_KEPT = timedelta(days=365)  # no offer lives nearly so long


def withdraw(connection: Connection, household: str, intent_id: str, *, now: datetime) -> bool:
    """Note an intent that is not here; False where it is, or where so many are noted already.

    The household's row must be locked.
    """
    of_it = withdrawals.c.household == household
    if connection.execute(
        select(orders.c.intent_id).where(orders.c.household == household, orders.c.intent_id == intent_id)
    ).first():
        return False
    if connection.execute(select(withdrawals.c.at).where(of_it, withdrawals.c.intent_id == intent_id)).first():
        return True
    connection.execute(delete(withdrawals).where(of_it, withdrawals.c.at < now - _KEPT))
    if (connection.execute(select(func.count()).where(of_it)).scalar() or 0) >= NOTED_MAX:
        return False
    connection.execute(insert(withdrawals), {"household": household, "intent_id": intent_id, "at": now})
    return True
