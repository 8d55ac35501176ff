"""One item of the first run: a level that was heard, and the product that is bought for it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from edge_agent.core.setup.first_steps import Proposal
from edge_agent.web.entries import Entries
from edge_agent.web.items import form
from edge_agent.web.setup.visit import SetupVisit


async def show(visit: SetupVisit) -> Response:
    """The form, filled in with all that is known."""
    proposal = _proposal(visit, visit.request.query_params.get("key", ""))
    return _form(visit, proposal, typed=form.known(proposal), errors={})


async def keep(visit: SetupVisit) -> Response:
    """Keep the item in the draft; what is wrong stands beside its field."""
    proposal = _proposal(visit, visit.form.get("key", ""))
    entries = Entries(visit.form)
    item = form.read(visit.form, proposal=proposal, taken=visit.site.work.draft.items, entries=entries)
    if item is None:
        return _form(visit, proposal, typed=visit.form, errors=entries.errors)
    visit.site.work.add_item(item)
    return RedirectResponse("/setup/devices", status_code=303)


async def drop(visit: SetupVisit) -> Response:
    """Take an item back."""
    visit.site.work.drop_item(visit.form.get("item", ""))
    return RedirectResponse("/setup/devices", status_code=303)


def _proposal(visit: SetupVisit, key: str) -> Proposal:
    found = next((each for each in visit.site.work.proposals() if each.key == key), None)
    if found is None:
        raise HTTPException(404)
    return found


def _form(visit: SetupVisit, proposal: Proposal, *, typed: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    return visit.page(
        "item.html",
        status=422 if errors else 200,
        proposal=proposal,
        units=form.UNITS,
        typed={name: typed.get(name, "") for name in form.FIELDS},
        errors=errors,
    )
