"""Another mode for an item: watching, asking, or ordering by mandate."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.catalogue import Mode
from edge_agent.core.leave.covering import fitting
from edge_agent.core.messages import ItemId
from edge_agent.core.said import say
from edge_agent.web.entries import Entries
from edge_agent.web.pages import item
from edge_agent.web.visit import Visit

_MODES: Mapping[str, Mode] = {"shadow": "shadow", "ask": "ask", "auto": "auto"}
NO_MANDATE = say("No mandate that stands fits this item, so nothing could be ordered by itself. Make one first.")

NO_MERCHANT = say("Nobody can order this item yet: it names no merchant. Until it does, the hub only watches it.")


async def set_mode(visit: Visit) -> Response:
    """Keep it and go back to the item; without a mandate that fits it never becomes `auto`."""
    parts, ident = visit.site.parts, ItemId(visit.path_id("item"))
    known = parts.overview.item(ident)
    if known is None:
        raise HTTPException(404)
    entries = Entries(visit.form)
    mode = entries.one_of("mode", _MODES)
    if mode not in {None, "shadow"} and not known.item.product.can_be_ordered:
        entries.wrong("mode", NO_MERCHANT)
    records = (view.record for view in parts.mandates.all())
    if not entries.errors and mode == "auto" and fitting(known.item, records, now=parts.clock.now()) is None:
        entries.wrong("mode", NO_MANDATE)
    if mode is None or entries.errors:
        return item.page(visit, errors=entries.errors, form="mode", typed_mode=visit.form.get("mode"))
    parts.settings.set_mode(ident, mode, by=visit.person.account)
    return RedirectResponse(f"/items/{ident}", status_code=303)
