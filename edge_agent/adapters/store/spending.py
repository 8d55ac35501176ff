"""What stands against a mandate: its rows in the ledger, and orders that were taken over from the bridge.

What gave leave for those is not known here, so their rows name no mandate: each counts against every mandate that can
have paid for it (`core.leave.draw.unclear`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import apsw

from edge_agent.adapters.store.connection import to_ms
from edge_agent.adapters.store.intents import select_intents
from edge_agent.core.clock_trust import APART_MAX
from edge_agent.core.leave.draw import Usage, unclear
from edge_agent.core.leave.mandate import MandateTerms

_TAKEN_OVER = "WHERE prompt >= 'bridge-' AND prompt < 'bridge.' AND created_ms >= ?"  # as `core.handover` names them
_HELD_FOR_THEM = f"SELECT intent, amount_minor FROM ledger WHERE intent IN (SELECT id FROM intent {_TAKEN_OVER})"  # noqa: S608 - constants


def usage(db: apsw.Connection, terms: MandateTerms, period_index: int) -> Usage:
    """What stands in the ledger for one period of a mandate, and for its whole life."""
    since = (to_ms(terms.created_at - APART_MAX),)
    unclear_minor, unclear_orders = unclear(
        terms,
        select_intents(db, _TAKEN_OVER, since),
        ceilings_minor=dict(cast("Iterator[tuple[str, int]]", db.execute(_HELD_FOR_THEM, since))),
        period_index=period_index,
    )
    reserved, spent, occurrences, open_period = cast(
        "tuple[int, int, int, int | None]",
        db.execute(
            "SELECT coalesce(sum(amount_minor) FILTER (WHERE state = 'reserved' AND period_index = :period), 0), "
            "coalesce(sum(amount_minor) FILTER (WHERE state = 'spent' AND period_index = :period), 0), "
            "count(*) FILTER (WHERE state <> 'released'), max(period_index) FROM ledger WHERE mandate = :mandate",
            {"period": period_index, "mandate": terms.id},
        ).fetchone(),
    )
    return Usage(
        period_index=period_index,
        reserved_minor=reserved,
        spent_minor=spent,
        occurrences=occurrences + unclear_orders,
        open_period=open_period,
        unclear_minor=unclear_minor,
    )
