"""What a person says of a stock: counted, bought, thrown away, opened, taken in or finished, sent back.

With the code of a pack, what stands on it is kept too.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core import gs1
from edge_agent.core.messages import ItemId
from edge_agent.core.stock_events import PACKS_MAX, Told
from edge_agent.web.entries import Entries
from edge_agent.web.pages import item
from edge_agent.web.visit import Visit

_WHAT: dict[str, Told] = {
    "counted": "counted",
    "bought": "bought",
    "thrown_away": "thrown_away",
    "opened": "opened",
    "taken_in": "taken_in",
    "taken_out": "taken_out",
    "sent_back": "sent_back",
    "labelled": "labelled",
}
_SCAN = "scan"  # the page that the button stands on, where it is not the item's own


async def tell(visit: Visit) -> Response:
    """Keep it and go back to the item; what cannot be read is shown beside its field."""
    ident = ItemId(visit.path_id("item"))
    if visit.site.parts.overview.item(ident) is None:
        raise HTTPException(404)
    entries = Entries(visit.form)
    what = entries.one_of("what", _WHAT)
    packs = 0.0 if what == "opened" else entries.packs("packs", high=PACKS_MAX)
    if what is None or packs is None:
        return item.page(visit, errors=entries.errors)
    code = visit.form.get("code", "")
    label = gs1.label(gs1.read(code)) if code else None
    visit.site.parts.stock.tell(ident, what=what, packs=packs, by=visit.person.account, label=label)
    back = f"/scan?after={ident}" if visit.form.get("back") == _SCAN else f"/items/{ident}"
    return RedirectResponse(back, status_code=303)
