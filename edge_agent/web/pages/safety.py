"""What only an owner can say when the hub has stopped its sends: the time is right, this order service is right."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from edge_agent.web.visit import Visit


async def confirm_clock(visit: Visit) -> Response:
    """The time on the page is right."""
    visit.site.parts.safety.confirm_clock(visit.person.account)
    return RedirectResponse("/", status_code=303)


async def accept_bridge(visit: Visit) -> Response:
    """Go on with a bridge that has forgotten some orders."""
    visit.site.parts.safety.accept_bridge(visit.person.account)
    return RedirectResponse("/", status_code=303)
