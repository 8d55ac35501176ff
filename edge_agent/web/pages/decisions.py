"""What a decision rests on as a file, and the answer to the question who is at home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.messages import ItemId, PromptId
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.pages import home
from edge_agent.web.visit import Visit

_SAID: Mapping[str, Literal["away", "guests", "as_usual"]] = {
    "away": "away",
    "guests": "guests",
    "as_usual": "as_usual",
}


async def item_bundle(visit: Visit) -> Response:
    """The newest decision about an item, redacted, to be made again elsewhere."""
    return _file(visit.site.parts.decisions.bundle(ItemId(visit.path_id("item"))))


async def prompt_bundle(visit: Visit) -> Response:
    """What a question rested on, redacted."""
    return _file(visit.site.parts.decisions.bundle_of(PromptId(visit.path_id("prompt"))))


async def tell_presence(visit: Visit) -> Response:
    """Away until a day, guests until a day, or all as usual."""
    entries = Entries(visit.form)
    said = entries.one_of("said", _SAID)
    if said is None:
        raise HTTPException(400)
    last = entries.day("last", optional=said == "as_usual")
    try:
        if not entries.errors:
            visit.site.parts.decisions.tell(said, last=last)
            return RedirectResponse("/", status_code=303)
    except RefusedError as exc:
        if visit.site.parts.decisions.question() is None:
            raise
        entries.wrong("last", exc.args[0])
    if visit.site.parts.decisions.question() is None:
        raise HTTPException(400)  # there is no field any more beside which to say it
    return home.page(visit, typed=visit.form, presence_error=entries.errors["last"])


def _file(bundle: bytes | None) -> Response:
    if bundle is None:
        raise HTTPException(404)
    named = {"Content-Disposition": 'attachment; filename="restock-decision.json"', "Cache-Control": "no-store"}
    return Response(bundle, media_type="application/json", headers=named)
