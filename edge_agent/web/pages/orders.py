"""All orders, those under way first."""

from __future__ import annotations

from starlette.responses import Response

from edge_agent.core.intent import LIVE
from edge_agent.web.order_rows import rows
from edge_agent.web.visit import Visit

_ORDERS_MAX = 50


async def show(visit: Visit) -> Response:
    """Orders with what became of them."""
    overview = visit.site.parts.overview
    orders = rows(overview.intents(limit=_ORDERS_MAX), overview, now=visit.site.parts.clock.now())
    return visit.page(
        "orders.html",
        under_way=[order for order in orders if order.intent.state in LIVE],
        finished=[order for order in orders if order.intent.state not in LIVE],
        bridge=overview.bridge(),
        refresh=True,
    )
