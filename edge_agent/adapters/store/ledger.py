"""The one ledger of the household's money: what each order reserved, what it cost, what came back.

Approvals and draws stand in the same table, so one sum over it is the whole truth for a mandate, whatever the merchant.
A reservation is the order's ceiling. It is held until the order has ended without a purchase: an outcome that nobody
knows, or one that was not placed and may be sent again, still holds it.

An order that was taken over from the bridge has a row without a mandate: what gave leave for it is not known here
(`spending`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import apsw

from edge_agent.adapters.store.connection import from_ms, to_ms
from edge_agent.core.intent import IntentRecord, IntentState
from edge_agent.core.leave.draw import DrawRequest, LedgerRow, LedgerState
from edge_agent.core.leave.terms import Terms
from edge_agent.core.messages import MandateId

_SPENT = frozenset({IntentState.PLACED, IntentState.SHIPPED, IntentState.DELIVERED, IntentState.PARTLY_DELIVERED})
_UNBOUGHT = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED})


def reserve(db: apsw.Connection, intent: IntentRecord, terms: Terms, draw: DrawRequest | None) -> None:
    """Hold the ceiling of an order."""
    _hold(db, intent, total_max_minor=terms.total_max_minor, draw=draw)


def take_over(db: apsw.Connection, intent: IntentRecord, *, total_max_minor: int) -> None:
    """Hold the ceiling of an order that only the bridge knew, as far as it has not ended."""
    _hold(db, intent, total_max_minor=total_max_minor, draw=None)
    follow(db, intent)


def follow(db: apsw.Connection, intent: IntentRecord) -> None:
    """Let the money follow its order: spent when it is placed, released or credited when it ends unbought.

    A charge that the merchant did not name stays at the ceiling: unknown is never less.
    """
    if intent.state in _SPENT:
        db.execute(
            "UPDATE ledger SET state = 'spent', amount_minor = coalesce(?, amount_minor), changed_ms = ? "
            "WHERE intent = ? AND state IN ('reserved', 'spent')",
            (intent.charged_minor, to_ms(intent.changed_at), intent.id),
        )
    elif intent.state in _UNBOUGHT or intent.state is IntentState.REFUNDED:
        db.execute(
            "UPDATE ledger SET state = CASE state WHEN 'reserved' THEN 'released' ELSE 'credited' END, changed_ms = ? "
            "WHERE intent = ? AND state IN ('reserved', 'spent')",
            (to_ms(intent.changed_at), intent.id),
        )


def select_draws(db: apsw.Connection, mandate: MandateId, *, limit: int) -> list[LedgerRow]:
    """What was drawn on a mandate, newest first."""
    rows = db.execute(
        "SELECT l.intent, l.period_index, l.state, l.amount_minor, l.currency, l.changed_ms FROM ledger AS l "
        "JOIN intent AS i ON i.id = l.intent WHERE l.mandate = ? ORDER BY i.created_ms DESC, l.intent LIMIT ?",
        (mandate, limit),
    )
    return [
        LedgerRow(intent, mandate, period, LedgerState(state), amount, currency, from_ms(changed_ms))
        for intent, period, state, amount, currency, changed_ms in cast(
            "Iterator[tuple[str, int, str, int, str, int]]", rows
        )
    ]


def _hold(db: apsw.Connection, intent: IntentRecord, *, total_max_minor: int, draw: DrawRequest | None) -> None:
    db.execute(
        "INSERT INTO ledger (intent, mandate, period_index, state, amount_minor, currency, changed_ms) "
        "VALUES (?, ?, ?, 'reserved', ?, ?, ?)",
        (
            intent.id,
            None if draw is None else draw.mandate,
            None if draw is None else draw.period_index,
            total_max_minor,
            intent.currency,
            to_ms(intent.created_at),
        ),
    )
