"""One request on its way to a page: what the site is made of, who asks, and the form that came along."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.config import WebConfig
from edge_agent.core.people import MAY_APPROVE, Role, Session
from edge_agent.errors import BugError
from edge_agent.web.language import Language
from edge_agent.web.moments import Moments
from edge_agent.web.parts import WebParts
from edge_agent.web.passengers import Passengers
from edge_agent.web.proof import Proof, Proofs, words
from edge_agent.web.render import LIVE_FROM, Renderer
from edge_agent.web.sign_in import SignIn

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share; made once, by `factory.create_app`."""

    parts: WebParts
    web: WebConfig
    moments: Moments
    renderer: Renderer
    sign_in: SignIn
    proofs: Proofs
    passengers: Passengers


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that has passed its route's rule. `form` is empty for a GET."""

    request: Request
    site: Site
    session: Session | None
    form: Mapping[str, str]

    @property
    def person(self) -> Session:
        """The session of a page that needs one."""
        if self.session is None:
            raise BugError(f"{self.request.url.path} was reached without a session")
        return self.session

    @property
    def is_member(self) -> bool:
        """Whether this person runs the home: answers prompts, follows orders, sees what left."""
        return self.session is not None and self.session.role in MAY_APPROVE

    @property
    def is_owner(self) -> bool:
        """Whether this person decides who may do what."""
        return self.session is not None and self.session.role is Role.OWNER

    @property
    def language(self) -> Language:
        """What this reader reads."""
        return self.site.renderer.language(self.request, session=self.session)

    def path_id(self, name: str) -> str:
        """An id from the path.

        Raises: HTTPException 404 when it cannot be one.
        """
        value: str = self.request.path_params[name]
        if _ID.fullmatch(value) is None:
            raise HTTPException(404)
        return value

    def page(self, template: str, *, status: int = 200, refresh: bool = False, **values: object) -> Response:
        """A page for this person; `refresh` lets it renew itself where the configuration says so.

        The answer to a form is never fetched again: its address takes forms only, or shows another page.
        """
        is_shown = self.request.method == "GET"
        refresh_s = self.site.web.refresh_s if refresh and is_shown else 0
        return self.site.renderer.page(
            template,
            language=self.language,
            session=self.session,
            status=status,
            refresh_s=refresh_s,
            live_from=LIVE_FROM if is_shown and self.session is not None else None,
            tells_everybody=False,
            **values,
        )

    async def wrong_password(self) -> str | None:
        """Why the form's `own_password` is not this person's; None: it is, and the session still stands.

        Raises: HTTPException 403 when the session ended while the password was checked.
        """
        proof = await self.site.proofs.password(self.person.account, self.form.get("own_password", ""))
        self._still_signed_in()
        return None if proof is Proof.RIGHT else words(proof, what="password")

    async def wrong_pin(self) -> str | None:
        """Why the form's `pin` is not this person's; None: it is, and the session still stands.

        Raises: HTTPException 403 when the session ended while the PIN was checked.
        """
        proof = await self.site.proofs.pin(self.person.account, self.form.get("pin", ""))
        self._still_signed_in()
        return None if proof is Proof.RIGHT else words(proof, what="PIN")

    def _still_signed_in(self) -> None:
        current = self.site.sign_in.current(self.request)
        if current is None or current.role is not self.person.role:
            raise HTTPException(403)


Handler = Callable[[Visit], Awaitable[Response]]
