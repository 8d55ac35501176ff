"""The household's site as one ASGI application, made of what it is given."""

from __future__ import annotations

import secrets

from jinja2 import BytecodeCache
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, ExceptionHandler

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.errors import HubError
from edge_agent.web import routes
from edge_agent.web.guard import HostCheck, SecurityHeaders
from edge_agent.web.moments import Moments
from edge_agent.web.pages.problem import Problems
from edge_agent.web.parts import WebParts
from edge_agent.web.proof import Proofs
from edge_agent.web.render import Notices, Renderer
from edge_agent.web.sign_in import SignIn
from edge_agent.web.visit import Site


def create_app(parts: WebParts, *, web: WebConfig, home: HomeConfig, compiled: BytecodeCache | None = None) -> ASGIApp:
    """The application, ready for any ASGI server; it starts nothing by itself.

    `compiled` keeps compiled templates for whoever makes many sites in one process.

    Raises: ConfigurationError when the home's time zone is not known.
    """
    site = create_site(parts, web=web, home=home, compiled=compiled)
    problems = Problems(site)
    handlers: dict[type[Exception], ExceptionHandler] = {
        HTTPException: problems.for_http,
        HubError: problems.for_hub,
        Exception: problems.for_fault,
    }
    pages = Starlette(debug=False, routes=routes.build(site), exception_handlers=handlers)
    pages.router.redirect_slashes = False
    return SecurityHeaders(HostCheck(pages, allowed=web.allowed_hosts, refusal=problems.misdirected()))


def create_site(parts: WebParts, *, web: WebConfig, home: HomeConfig, compiled: BytecodeCache | None = None) -> Site:
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
        ),
        sign_in=SignIn(parts, session_days=web.session_days, form_key=secrets.token_bytes(32)),
        proofs=Proofs(parts),
    )
