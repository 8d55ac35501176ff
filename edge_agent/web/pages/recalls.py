"""Recalls: what was called back, whether it is about this home, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from edge_agent.core import gs1
from edge_agent.core.messages import ItemId
from edge_agent.core.recall import BATCH_MAX, SOURCE_MAX, TEXT_MAX, Match, Notice, Recall, What
from edge_agent.core.said import say
from edge_agent.core.stock_events import PACKS_MAX
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.visit import Visit

ADDRESS = "/recalls"
_WHAT: Mapping[str, What] = {"thrown_away": "thrown_away", "sent_back": "sent_back", "not_affected": "not_affected"}


@dataclass(frozen=True, slots=True)
class RecallRow:
    """A recall with the number as it stands on the pack, and what of this home it may be about."""

    recall: Recall
    number: str
    matches: Sequence[Match]


@dataclass(frozen=True, slots=True)
class MatchRow:
    """What is to be looked at: `packs` is what is proposed for the form."""

    match: Match
    number: str
    packs: str
    orders: Sequence[str]


def match_rows(visit: Visit) -> list[MatchRow]:
    """What the home must look at now; the orders lead to their questions."""
    overview = visit.site.parts.overview
    rows = []
    for match in visit.site.parts.recalls.matches():
        orders = [overview.intent(order) for order in match.orders]
        prompts = [str(order.prompt) for order in orders if order is not None]
        packs = f"{match.packs:g}" if match.packs else ""
        rows.append(MatchRow(match, gs1.shown(match.recall.gtin14), packs, prompts))
    return rows


async def show(visit: Visit) -> Response:
    """All of them, with the form to file one."""
    return _page(visit)


async def file(visit: Visit) -> Response:
    """Keep a notice."""
    entries = Entries(visit.form)
    until = entries.day("until", optional=True)
    text = entries.text("text", length_max=TEXT_MAX, wanted=say("What it is and what to do"))
    source = entries.text("source", length_max=SOURCE_MAX, wanted=say("Who says so"))
    try:
        number = gs1.read(visit.form.get("gtin", "")).gtin14
        batch = gs1.batch_named(visit.form.get("batch", ""))
        if text is not None and source is not None and not entries.errors:
            notice = Notice(gtin=number, batch=batch, until=until, text=text, source=source)
            visit.site.parts.recalls.file(notice, by=visit.person.account)
            return RedirectResponse(ADDRESS, status_code=303)
    except RefusedError as exc:
        entries.wrong("whole", exc.args[0])
    except ValidationError:
        entries.wrong("whole", gs1.NOT_READ)
    return _page(visit, errors=entries.errors)


async def settle(visit: Visit) -> Response:
    """What was done about it with one item."""
    entries = Entries(visit.form)
    what = entries.one_of("what", _WHAT)
    needs_packs = what is not None and what != "not_affected"
    packs = entries.packs("packs", high=PACKS_MAX) if needs_packs else 0.0
    if what is None or packs is None:
        return _page(visit, errors={"whole": next(iter(entries.errors.values()))})
    visit.site.parts.recalls.settle(
        visit.path_id("recall"),
        ItemId(visit.form.get("item", "")),
        what=what,
        packs=packs,
        by=visit.person.account,
    )
    return RedirectResponse("/" if visit.form.get("back") == "home" else ADDRESS, status_code=303)


def _page(visit: Visit, *, errors: Mapping[str, str] | None = None) -> Response:
    parts = visit.site.parts
    found = match_rows(visit)
    rows = [
        RecallRow(each, gs1.shown(each.gtin14), [one.match for one in found if one.match.recall.id == each.id])
        for each in parts.recalls.all()
    ]
    return visit.page(
        "recalls.html",
        status=422 if errors else 200,
        rows=rows,
        recalls=found,
        typed=visit.form,
        errors=errors or {},
        code_max=gs1.CODE_MAX,
        batch_max=BATCH_MAX,
        text_max=TEXT_MAX,
        source_max=SOURCE_MAX,
    )
