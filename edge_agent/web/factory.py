"""The household's site as one ASGI application, made of what it is given."""

from __future__ import annotations

import secrets

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
from edge_agent.web.render import Renderer
from edge_agent.web.sign_in import SignIn
from edge_agent.web.visit import Site


def create_app(parts: WebParts, *, web: WebConfig, home: HomeConfig) -> ASGIApp:
    """The application, ready for any ASGI server; it starts nothing by itself.

    Raises: ConfigurationError when the home's time zone is not known.
    """
    site = create_site(parts, web=web, home=home)
    problems = Problems(site)
    handlers: dict[type[Exception], ExceptionHandler] = {
        HTTPException: problems.for_http,
        HubError: problems.for_hub,
        Exception: problems.for_fault,
    }
    pages = Starlette(debug=False, routes=routes.build(site), exception_handlers=handlers)
    pages.router.redirect_slashes = False
    return SecurityHeaders(HostCheck(pages, allowed=web.allowed_hosts, refusal=problems.misdirected()))


def create_site(parts: WebParts, *, web: WebConfig, home: HomeConfig) -> Site:
    """What the pages share; the key of the sign-in form is new with each start."""
    moments = Moments(home.timezone, parts.clock.now)
    return Site(
        parts=parts,
        web=web,
        moments=moments,
        renderer=Renderer(home, moments),
        sign_in=SignIn(parts, session_days=web.session_days, form_key=secrets.token_bytes(32)),
    )
