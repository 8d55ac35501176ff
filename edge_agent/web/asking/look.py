"""What a link in a message has opened for a browser in which nobody is signed in: some questions, to look at, briefly.

It is kept in the browser, sealed, and opens nothing else: an answer takes a sign-in, always.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.responses import Response

from edge_agent.core.messages import PromptId
from edge_agent.core.people import MAY_APPROVE
from edge_agent.pipeline.links import View
from edge_agent.web.sign_in import same
from edge_agent.web.visit import Visit

COOKIE = "restock_look"
PATH = "/look"
_PROMPTS_MAX = 20
_COOKIE_CHARS_MAX = 3_000


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    person: str
    prompts: Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(max_length=_PROMPTS_MAX)]
    until: datetime


def keep(response: Response, view: View, *, visit: Visit) -> None:
    """Let this browser look until the view ends."""
    kept = _Kept(person=view.person, prompts=tuple(view.prompts[:_PROMPTS_MAX]), until=view.until)
    text = base64.urlsafe_b64encode(kept.model_dump_json().encode()).decode()
    visit.site.sign_in.cookies.give(
        response,
        COOKIE,
        f"{text}.{_seal(text, visit=visit)}",
        request=visit.request,
        life_s=max(0, int((view.until - visit.site.moments.now()).total_seconds())),
        path=PATH,
    )


def read(visit: Visit) -> View | None:
    """What this browser may look at now; None: nothing, or nothing any more."""
    text, _, seal = visit.site.sign_in.cookies.read(visit.request, COOKIE)[:_COOKIE_CHARS_MAX].partition(".")
    if not text or not same(seal, _seal(text, visit=visit)):
        return None
    try:
        kept = _Kept.model_validate_json(base64.urlsafe_b64decode(text))
    except (ValidationError, binascii.Error):
        return None
    account = visit.site.parts.accounts.account(kept.person)
    if visit.site.moments.now() >= kept.until or account is None or account.is_disabled:
        return None
    if account.role not in MAY_APPROVE:
        return None
    return View(kept.person, tuple(PromptId(prompt) for prompt in kept.prompts), kept.until)


def _seal(text: str, *, visit: Visit) -> str:
    """By the key of the sign-in forms, which is new with each start; no nonce of theirs has a space."""
    return visit.site.sign_in.form_token(f"look {text}")
