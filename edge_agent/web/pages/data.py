"""Data: what is held and what left the home; a copy for the owner; readings deleted on the owner's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response, StreamingResponse

from edge_agent.core.holdings import Forgotten, Held, SentSum
from edge_agent.core.messages import DeviceId
from edge_agent.core.said import say
from edge_agent.errors import RefusedError
from edge_agent.web.entries import Entries
from edge_agent.web.told import not_taken
from edge_agent.web.visit import Visit
from edge_agent.web.wording import HELD_KINDS, OTHER_KIND, PURPOSES

_ROWS_DIGITS_MAX = 12
_LOOK_AGAIN_S = 5  # while a deletion goes on


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One kind of what is held, in words."""

    held: Held
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class SentRow:
    """What left for one purpose, in words."""

    sent: SentSum
    why: str


async def show(visit: Visit) -> Response:
    """Everything in numbers."""
    return _page(visit, errors={}, typed={})


async def export(visit: Visit) -> Response:
    """Everything as lines of JSON; a file to keep, which says nothing that would let anybody in."""
    named = {"Content-Disposition": 'attachment; filename="restock-export.jsonl"', "Cache-Control": "no-store"}
    lines = visit.site.parts.holdings.export()
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=named)


async def forget(visit: Visit) -> Response:
    """Delete readings from before a day, or of one device, for who gives their own password."""
    entries, parts = Entries(visit.form), visit.site.parts
    which = visit.form.get("which")
    if which not in {"before", "device"}:
        raise HTTPException(400)
    day = entries.day("before") if which == "before" else None
    devices = {str(held): held for held in parts.holdings.devices()}
    device = entries.one_of("device", devices) if which == "device" else None
    if day is not None and day > visit.site.moments.today():
        entries.wrong("before", say("A day until today."))
    if not entries.errors and (wrong := await visit.wrong_password()) is not None:
        entries.wrong("own_password", wrong)
    if entries.errors:
        return _page(visit, errors=entries.errors, typed=visit.form)
    try:
        gone = await _forget(visit, day=day, device=device)
    except RefusedError as exc:
        return _page(visit, errors={"whole": not_taken(exc)}, typed=visit.form)
    return RedirectResponse(f"/data?gone={gone.rows}" if gone.is_done else "/data", status_code=303)


async def _forget(visit: Visit, *, day: date | None, device: DeviceId | None) -> Forgotten:
    forgetting, by = visit.site.parts.forgetting, visit.person.account
    if day is not None:
        return await forgetting.before(day, by=by)
    return await forgetting.of_device(device or DeviceId(""), by=by)


def _page(visit: Visit, *, errors: Mapping[str, str], typed: Mapping[str, str]) -> Response:
    holdings = visit.site.parts.holdings
    gone, going = visit.request.query_params.get("gone", ""), visit.site.parts.forgetting.now()
    page = visit.page(
        "data.html",
        status=422 if errors else 200,
        going=going,
        beside=holdings.beside(),
        held=_held(holdings.held()),
        sent=[SentRow(sent, PURPOSES.get(sent.purpose, (sent.purpose, ""))[0]) for sent in holdings.sent()],
        devices=[(held, held) for held in holdings.devices()],
        gone=int(gone) if gone.isascii() and gone.isdecimal() and len(gone) <= _ROWS_DIGITS_MAX else None,
        which=typed.get("which", ""),
        typed=typed,
        errors=errors,
        today=visit.site.moments.today().isoformat(),
    )
    if going is not None and not errors:
        page.headers["Refresh"] = str(_LOOK_AGAIN_S)
    return page


def _held(found: Sequence[Held]) -> list[HeldRow]:
    """Kinds that belong together stand together, as the words list them; those without words are summed up last."""
    known = [HeldRow(held, *HELD_KINDS[held.kind]) for held in found if held.kind in HELD_KINDS]
    order = list(HELD_KINDS)
    known.sort(key=lambda row: order.index(row.held.kind))
    others = sum(held.rows for held in found if held.kind not in HELD_KINDS)
    return [*known, HeldRow(Held("others", others), *OTHER_KIND)] if others else known
