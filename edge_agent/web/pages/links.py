"""A link in a message: a page with one button, then the question.

Looking at the page uses nothing up, so a program that follows links in advance does no harm; the button does. Who is
signed in comes to the question; who is not may look at it for a while, and answers after a sign-in. The page sends its
address to nobody else: `Referrer-Policy: same-origin`, because under `no-referrer` browsers call our own form foreign.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from edge_agent.core.notifying.plan import IfUnanswered
from edge_agent.core.notifying.texts import IF_UNANSWERED
from edge_agent.core.prompt import PromptRecord, PromptState
from edge_agent.errors import RefusedError
from edge_agent.web.asking import look
from edge_agent.web.sign_in import new_token
from edge_agent.web.visit import Visit
from edge_agent.web.wording import PROMPT_STATES

_GONE = 410


@dataclass(frozen=True, slots=True)
class Looked:
    """A question as it may be looked at without a sign-in."""

    prompt: PromptRecord
    name: str
    state: str
    is_open: bool
    if_unanswered: str


async def show(visit: Visit) -> Response:
    """One button, and no word of what it opens."""
    if not visit.site.parts.links.stands(_token(visit)):
        return _over(visit)
    nonce = new_token()
    response = _link(visit, status=200, csrf=visit.site.sign_in.form_token(nonce))
    visit.site.sign_in.give_form_cookie(response, nonce, request=visit.request)
    return response


async def use(visit: Visit) -> Response:
    """Use the link up: to the question, or to a look at it."""
    try:
        view = visit.site.parts.links.use(_token(visit))
    except RefusedError:
        return _over(visit)
    if visit.session is not None:
        known = [prompt for prompt in view.prompts if visit.site.parts.overview.prompt(prompt) is not None]
        return RedirectResponse(f"/prompts/{known[0]}" if len(known) == 1 else "/", status_code=303)
    response = RedirectResponse(look.PATH, status_code=303)
    look.keep(response, view, visit=visit)
    return response


async def show_look(visit: Visit) -> Response:
    """The questions of a link that was used, without anything to answer them by."""
    view, overview = look.read(visit), visit.site.parts.overview
    found = [overview.prompt(ident) for ident in (() if view is None else view.prompts)]
    return visit.site.renderer.page(
        "look.html",
        language=visit.language,
        session=None,
        looked=[_looked(visit, prompt) for prompt in found if prompt is not None],
        until=None if view is None else view.until,
    )


def _looked(visit: Visit, prompt: PromptRecord) -> Looked:
    known = visit.site.parts.overview.item(prompt.item)
    default = IfUnanswered.ASKED_AGAIN if known is None else IfUnanswered(known.item.if_unanswered)
    return Looked(
        prompt=prompt,
        name=known.item.name if known else prompt.item,
        state=PROMPT_STATES[prompt.state],
        is_open=prompt.state is PromptState.OPEN and visit.site.moments.now() < prompt.offer.expires_at,
        if_unanswered=IF_UNANSWERED[default],
    )


def _token(visit: Visit) -> str:
    token: str = visit.request.path_params["link"]
    return token


def _over(visit: Visit) -> Response:
    """The same page for a link that was used, has expired, or was never ours."""
    return _link(visit, status=_GONE, csrf=None)


def _link(visit: Visit, *, status: int, csrf: str | None) -> Response:
    """Whoever is signed in: a page as for somebody who is not, which shows nothing of the home."""
    return visit.site.renderer.page("link.html", language=visit.language, session=None, status=status, csrf=csrf)
