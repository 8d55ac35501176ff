"""Templates to pages: Jinja2 with autoescape, strict about names, and with every word made readable first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import CodeType

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from edge_agent.config import HomeConfig
from edge_agent.core.people import MAY_APPROVE, Role, Session
from edge_agent.core.safety import SafetyProblem
from edge_agent.core.said import said_sum
from edge_agent.web import wording
from edge_agent.web.entries import typed_money
from edge_agent.web.language import Language, Languages
from edge_agent.web.moments import Moments, count

STATIC_FILES: Mapping[str, str] = {
    "style.css": "text/css",
    "live.js": "text/javascript",
    "sw.js": "text/javascript",
    "app.webmanifest": "application/manifest+json",
    "icon.svg": "image/svg+xml",
    "icon-192.png": "image/png",
    "icon-512.png": "image/png",
    "icon-maskable-512.png": "image/png",
}

LIVE_FROM = "/api/v1/events"  # where a page that is open hears of changes


@dataclass(frozen=True, slots=True)
class Notices:
    """What everybody must know before anything else: why nothing is sent, a file that cannot be read, a full disk."""

    problems: tuple[SafetyProblem, ...] = ()
    file_problem: str | None = None
    no_room: str | None = None


class Renderer:
    """Renders a template with what every page shows: the home's name, who is signed in, the time, the notices.

    Each language has templates of its own, made when somebody first reads it; their compiled code is shared.

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
        languages: Languages | None = None,
    ) -> None:
        self.static = {name: files(__package__).joinpath("static", name).read_bytes() for name in STATIC_FILES}
        self._home_name = home.name
        self._moments = moments
        self._notices = notices
        self._languages = languages or Languages.shipped()
        self._compiled = compiled or _Compiled()
        self._templates: dict[str, Environment] = {}
        self._versions = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in self.static.items()}

    def language(self, request: Request, *, session: Session | None = None) -> Language:
        """What this reader reads: their own choice, else what the browser asks for, else English."""
        chosen = None if session is None else session.language
        return self._languages.of(chosen, header=",".join(request.headers.getlist("accept-language")))

    def page(
        self,
        template: str,
        *,
        language: Language,
        session: Session | None,
        status: int = 200,
        refresh_s: int = 0,
        tells_everybody: bool = False,
        live_from: str | None = None,
        **values: object,
    ) -> HTMLResponse:
        """One page. `refresh_s` above 0 makes a browser without script fetch it again by itself.

        `live_from` is where a script hears when to bring the page up to date.
        """
        text = (
            self._of(language)
            .get_template(template)
            .render(
                language=language.code,
                home_name=self._home_name,
                session=session,
                is_member=session is not None and session.role in MAY_APPROVE,
                is_owner=session is not None and session.role is Role.OWNER,
                notices=self._notices() if session is not None or tells_everybody else Notices(),
                now=self._moments.now(),
                refresh_s=refresh_s,
                versions=self._versions,
                live_from=live_from,
                **values,
            )
        )
        headers = {"Content-Language": language.code, "Vary": "Accept-Language"}
        return HTMLResponse(text, status_code=status, headers=headers)

    def _of(self, language: Language) -> Environment:
        if language.code not in self._templates:
            self._templates[language.code] = _environment(self._moments, language=language, compiled=self._compiled)
        return self._templates[language.code]


class _Compiled(BytecodeCache):
    """The compiled code of templates, for the environments of all languages."""

    def __init__(self) -> None:
        self._by_key: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what another language has compiled."""
        bucket.code = self._by_key.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        if bucket.code is not None:
            self._by_key[bucket.key] = bucket.code


def _environment(moments: Moments, *, language: Language, compiled: BytecodeCache) -> Environment:
    templates = Environment(
        loader=PackageLoader("edge_agent.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalizer(language),
        bytecode_cache=compiled,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    templates.policies["ext.i18n.trimmed"] = True
    templates.newstyle_gettext = True  # type: ignore[attr-defined]  # the extension reads it
    templates.globals.update(_gettext(language))
    templates.filters.update(
        money=said_sum,
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


def _finalizer(language: Language) -> Callable[[Context, object], object]:
    """Texts of ours are said in the language; text from outside loses its invisible characters; markup stays.

    It takes the context so that no output is worked out while a template is compiled: its code serves all languages.
    """

    @pass_context
    def finalize(_context: Context, value: object) -> object:
        return _shown(value, language)

    return finalize


def _gettext(language: Language) -> dict[str, object]:
    """What `trans` and `_()` call. The text is our own markup; what fills it is made readable and escaped."""

    def filled(text: str, variables: dict[str, object]) -> Markup:
        return Markup(text) % {name: _shown(value, language) for name, value in variables.items()}  # noqa: S704 - ours

    def gettext(message: str, /, **variables: object) -> Markup:
        return filled(language.gettext(message), variables)

    def ngettext(one: str, several: str, number: int, /, **variables: object) -> Markup:
        variables.setdefault("num", number)
        return filled(language.ngettext(one, several, number), variables)

    return {"_": gettext, "gettext": gettext, "ngettext": ngettext}


def _shown(value: object, language: Language) -> object:
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return wording.readable(language.say(value))
