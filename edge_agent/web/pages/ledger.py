"""What left the home: every message, to whom, why, when, how large; its exact bytes on a page of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from starlette.exceptions import HTTPException
from starlette.responses import Response

from edge_agent.core.overview import EgressRow
from edge_agent.core.said import say
from edge_agent.web.visit import Visit
from edge_agent.web.wording import PURPOSES

ROWS_SHOWN = 200
_ROW_DIGITS_MAX = 15


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One message in words, or `times` of the same text to the same recipient, the first at `since`, one after another.

    `what` says what such a message holds.
    """

    row: EgressRow
    why: str
    what: str
    times: int
    since: datetime


async def show(visit: Visit) -> Response:
    """The newest messages, or those before the one that the address names."""
    before = visit.request.query_params.get("before")
    rows = visit.site.parts.ledger.rows(limit=ROWS_SHOWN, before_id=None if before is None else _row_id(before))
    return visit.page(
        "ledger.html",
        lines=[_line(*same) for _, same in groupby(rows, key=_sameness)],
        older=rows[-1].id if len(rows) == ROWS_SHOWN else None,
        is_first=before is None,
        purposes=PURPOSES.values(),
    )


async def show_row(visit: Visit) -> Response:
    """One message, byte by byte."""
    row = visit.site.parts.ledger.row(_row_id(visit.request.path_params["row"]))
    if row is None:
        raise HTTPException(404)
    body = None if row.body is None else row.body.decode("utf-8", "backslashreplace")
    return visit.page("ledger_row.html", line=_line(row), body=body)


def _row_id(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _ROW_DIGITS_MAX:
        raise HTTPException(404)
    return int(text)


def _sameness(row: EgressRow) -> tuple[str, str, str, str]:
    """The same question asked all day is one line."""
    return row.purpose, row.recipient, row.path, row.sha256


def _line(newest: EgressRow, *older: EgressRow) -> LedgerLine:
    why, what = PURPOSES.get(newest.purpose, (newest.purpose, say("The hub has no words for this purpose.")))
    since = older[-1].at if older else newest.at
    return LedgerLine(row=newest, why=why, what=what, times=1 + len(older), since=since)
