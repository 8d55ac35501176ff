"""Templates to pages: Jinja2 with autoescape, strict about names, and with every word made readable first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from edge_agent.config import HomeConfig
from edge_agent.core.money import format_money
from edge_agent.core.people import MAY_APPROVE, Role, Session
from edge_agent.core.safety import SafetyProblem
from edge_agent.web import wording
from edge_agent.web.entries import typed_money
from edge_agent.web.moments import Moments, count

STATIC_FILES: Mapping[str, str] = {"style.css": "text/css", "icon.svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Notices:
    """What everybody must know before anything else: why nothing is sent, a file that cannot be read, a full disk."""

    problems: tuple[SafetyProblem, ...] = ()
    file_problem: str | None = None
    no_room: str | None = None


class Renderer:
    """Renders a template with what every page shows: the home's name, who is signed in, the time, the notices.

    Who is not signed in sees no notice: what is wrong inside is the household's own business. Only where nobody has an
    account, as in a fresh store, does the sign-in page show them: nobody could sign in to see them.
    """

    def __init__(
        self,
        home: HomeConfig,
        moments: Moments,
        *,
        notices: Callable[[], Notices],
        compiled: BytecodeCache | None = None,
    ) -> None:
        self.static = {name: files(__package__).joinpath("static", name).read_bytes() for name in STATIC_FILES}
        self._home_name = home.name
        self._moments = moments
        self._notices = notices
        self._templates = _environment(moments, compiled=compiled)
        self._style_version = hashlib.sha256(self.static["style.css"]).hexdigest()[:12]

    def page(
        self,
        template: str,
        *,
        session: Session | None,
        status: int = 200,
        refresh_s: int = 0,
        tells_everybody: bool = False,
        **values: object,
    ) -> HTMLResponse:
        """One page. `refresh_s` above 0 makes the browser fetch it again by itself."""
        text = self._templates.get_template(template).render(
            home_name=self._home_name,
            session=session,
            is_member=session is not None and session.role in MAY_APPROVE,
            is_owner=session is not None and session.role is Role.OWNER,
            notices=self._notices() if session is not None or tells_everybody else Notices(),
            now=self._moments.now(),
            refresh_s=refresh_s,
            style_version=self._style_version,
            **values,
        )
        return HTMLResponse(text, status_code=status)


def _environment(moments: Moments, *, compiled: BytecodeCache | None) -> Environment:
    templates = Environment(
        loader=PackageLoader("edge_agent.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        bytecode_cache=compiled,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        money=format_money,
        money_field=typed_money,
        amount=wording.amount,
        amounts=wording.amounts,
        bridge_trouble=wording.bridge_trouble,
        exactly=wording.exactly,
        trust=wording.trust,
        count=count,
        day=moments.day,
        time=moments.time,
        ago=moments.ago,
    )
    return templates


def _finalize(value: object) -> object:
    """Text from outside loses its invisible characters; our own markup stays as it is."""
    return wording.readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
