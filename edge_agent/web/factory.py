"""The household's site as one ASGI application, made of what it is given."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from jinja2 import BytecodeCache
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.errors import HubError
from edge_agent.web import routes
from edge_agent.web.api import problems as api_problems
from edge_agent.web.cookies import Cookies
from edge_agent.web.guard import HostCheck, SecurityHeaders
from edge_agent.web.language import Languages
from edge_agent.web.moments import Moments
from edge_agent.web.pages.problem import Problems
from edge_agent.web.parts import WebParts
from edge_agent.web.passengers import Passengers
from edge_agent.web.proof import Proofs
from edge_agent.web.render import Notices, Renderer
from edge_agent.web.sign_in import SignIn
from edge_agent.web.visit import Site


def create_app(
    parts: WebParts,
    *,
    web: WebConfig,
    home: HomeConfig,
    compiled: BytecodeCache | None = None,
    languages: Languages | None = None,
    cookies: Cookies | None = None,
) -> ASGIApp:
    """The application, ready for any ASGI server; it starts nothing by itself.

    `compiled` keeps compiled templates for whoever makes many sites in one process; `languages` None: those shipped;
    `cookies` None: such as bear no mark of a hub.

    Raises: ConfigurationError when the home's time zone is not known.
    """
    site = create_site(parts, web=web, home=home, compiled=compiled, languages=languages, cookies=cookies)
    problems = Problems(site)
    handlers: dict[type[Exception], ExceptionHandler] = {
        HTTPException: _by_address(problems.for_http, api_problems.for_http),
        HubError: _by_address(problems.for_hub, api_problems.for_hub),
        Exception: _by_address(problems.for_fault, api_problems.for_fault),
    }
    pages = Starlette(debug=False, routes=routes.build(site), exception_handlers=handlers)
    pages.router.redirect_slashes = False
    return SecurityHeaders(HostCheck(pages, allowed=web.allowed_hosts, refusal=problems.misdirected()))


Told = Callable[[Request, Exception], Awaitable[Response]]


def _by_address(to_people: Told, to_programs: Told) -> Told:
    """Programs are told in JSON, people on a page; an address that does not exist is judged by how it begins."""

    async def tell(request: Request, error: Exception) -> Response:
        path = request.url.path
        is_for_programs = path.startswith("/api/") or path in {"/metrics", "/health"}
        return await (to_programs if is_for_programs else to_people)(request, error)

    return tell


def create_site(
    parts: WebParts,
    *,
    web: WebConfig,
    home: HomeConfig,
    compiled: BytecodeCache | None = None,
    languages: Languages | None = None,
    cookies: Cookies | None = None,
) -> Site:
    """What the pages share; the key of the sign-in form is new with each start."""
    moments = Moments(home.timezone, parts.clock.now)
    return Site(
        parts=parts,
        web=web,
        moments=moments,
        renderer=Renderer(
            home,
            moments,
            notices=lambda: Notices(parts.safety.problems(), parts.overview.file_problem(), parts.no_room()),
            compiled=compiled,
            languages=languages,
        ),
        sign_in=SignIn(parts, session_days=web.session_days, form_key=secrets.token_bytes(32), cookies=cookies),
        proofs=Proofs(parts),
        passengers=Passengers(),
    )
