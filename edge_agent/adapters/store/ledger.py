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
_GIVEN_BACK = frozenset({IntentState.REJECTED, IntentState.CANCELLED, IntentState.EXPIRED, IntentState.REFUNDED})
# A part of it was bought: what nobody said came back of its price stays spent.
_KEPT_A_PART = frozenset({IntentState.PARTLY_DELIVERED, IntentState.CANCELLED})


def reserve(db: apsw.Connection, intent: IntentRecord, terms: Terms, draw: DrawRequest | None) -> None:
    """Hold the ceiling of an order."""
    _hold(db, intent, total_max_minor=terms.total_max_minor, draw=draw)


def take_over(db: apsw.Connection, intent: IntentRecord, *, total_max_minor: int) -> None:
    """Hold the ceiling of an order that only the bridge knew, as far as it has not ended."""
    _hold(db, intent, total_max_minor=total_max_minor, draw=None)
    follow(db, intent, before=None)


def follow(db: apsw.Connection, intent: IntentRecord, *, before: IntentRecord | None) -> None:
    """Let the money follow its order: spent when it is placed, released or credited when it ends unbought.

    A charge that the merchant did not name stays at the ceiling: unknown is never less. What was paid back is taken off
    what was spent; `before` is the order as it stood, None where it was not known here.
    """
    at_ms = to_ms(intent.changed_at)
    if intent.state in _GIVEN_BACK and _is_whole(intent, before):
        db.execute(
            "UPDATE ledger SET state = CASE state WHEN 'reserved' THEN 'released' ELSE 'credited' END, changed_ms = ? "
            "WHERE intent = ? AND state IN ('reserved', 'spent')",
            (at_ms, intent.id),
        )
    elif intent.state in _SPENT or _has_money_back(intent):
        back_minor = intent.facts.refunded_minor or 0
        kept_minor = None if intent.charged_minor is None else max(0, intent.charged_minor - back_minor)
        more_back_minor = back_minor - (0 if before is None else before.facts.refunded_minor or 0)
        db.execute(
            "UPDATE ledger SET state = 'spent', amount_minor = coalesce(?, max(0, amount_minor - ?)), changed_ms = ? "
            "WHERE intent = ? AND state IN ('reserved', 'spent')",
            (kept_minor, more_back_minor, at_ms, intent.id),
        )


def _is_whole(intent: IntentRecord, before: IntentRecord | None) -> bool:
    """Whether all of the price comes back with this step, as far as is said."""
    charged_minor = intent.charged_minor
    if charged_minor and (intent.facts.refunded_minor or 0) >= charged_minor:
        return True
    return before is None or (before.state is not intent.state and before.state not in _KEPT_A_PART)


def _has_money_back(intent: IntentRecord) -> bool:
    return bool(intent.facts.refunded_minor)


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
