"""A new item: of a signal that was heard, or of a bar code that was scanned. The first run has the same form."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core import gs1
from edge_agent.core.product_hint import KnownProduct
from edge_agent.core.setup.first_steps import Proposal
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.items import form
from edge_agent.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The form, filled in with all that is known."""
    query = visit.request.query_params
    proposal = _proposal(visit, query)
    gtin = _scanned(query.get("gtin", ""))
    hinted = _hinted(visit, gtin)
    hint = None if hinted is None else hinted.hint
    typed = form.known(proposal, gtin=gtin, hint=hint, language=visit.language.code)
    return _form(visit, proposal, typed=typed, errors={}, hinted=hinted)


async def keep(visit: Visit) -> Response:
    """Keep the item and go to it; what is wrong stands beside its field."""
    proposal = _proposal(visit, visit.form)
    entries = Entries(visit.form)
    taken = visit.site.parts.overview.declared()
    item = form.read(visit.form, proposal=proposal, taken=taken, entries=entries)
    if item is not None:
        try:
            visit.site.parts.keeping.add(item, by=visit.person.account)
        except RefusedError as exc:
            entries.wrong("whole", exc.args[0])
        else:
            return RedirectResponse(f"/items/{item.id}", status_code=303)
    hinted = _hinted(visit, _scanned(visit.form.get("gtin14", "")))
    return _form(visit, proposal, typed=visit.form, errors=entries.errors, hinted=hinted)


def _proposal(visit: Visit, told: Mapping[str, str]) -> Proposal | None:
    """What is known of the signal that is named; None where none is.

    Raises: HTTPException 404 where it feeds an item already, or cannot.
    """
    device, signal = told.get("device", ""), told.get("signal", "")
    if not device and not signal:
        return None
    proposal = visit.site.parts.keeping.proposal(device, signal)
    if proposal is None:
        raise HTTPException(404)
    return proposal


def _scanned(typed: str) -> str:
    """A number as it stands on the pack; nothing where it is none."""
    try:
        return gs1.shown(gs1.read(typed).gtin14)
    except RefusedError:
        return ""


def _hinted(visit: Visit, gtin: str) -> KnownProduct | None:
    """What is told of a number that was scanned, if anything."""
    known = visit.site.parts.products.known(gs1.gtin14(gtin)) if gtin else None
    return known if known is not None and known.hint is not None else None


def _form(
    visit: Visit,
    proposal: Proposal | None,
    *,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    hinted: KnownProduct | None = None,
) -> Response:
    return visit.page(
        "new_item.html",
        status=422 if errors else 200,
        proposal=proposal,
        units=form.UNITS,
        typed={name: typed.get(name, "") for name in form.FIELDS},
        hinted=hinted,
        errors=errors,
    )
