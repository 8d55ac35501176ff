"""Planted: opening the address of an approval in a browser approves, as a link in a message would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from starlette.responses import Response

from edge_agent.core.messages import PromptId
from edge_agent.web import routes
from edge_agent.web.routes import Page, Rule
from edge_agent.web.visit import Visit


@contextmanager
def planted() -> Iterator[None]:
    """Every site that is built has one more page."""
    page = Page("GET", "/prompts/{prompt}/approve", Rule.SIGNED_IN, _approve)
    with patch.object(routes, "PAGES", (*routes.PAGES, page)):
        yield


async def _approve(visit: Visit) -> Response:
    answers, prompt = visit.site.parts.answers, PromptId(visit.path_id("prompt"))
    record = visit.site.parts.overview.prompt(prompt)
    if record is None:
        return Response(status_code=404)
    answers.approve(prompt, terms_hash=record.terms_hash, by=visit.person.account, pin_checked=True)
    return Response("ordered", media_type="text/plain")
